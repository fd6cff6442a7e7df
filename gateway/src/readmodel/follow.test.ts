import { cp } from "node:fs/promises";
import { expect } from "chai";
import fc from "fast-check";
import type { LedgerBlock } from "../ledger/ledger.js";
import { frozen } from "./ledger.test.js";
import { LOG, RESOURCE, Story } from "./story.test.js";
import { Bench, dump, expectCode } from "./support.test.js";

/** A ledger with some of everything. */
async function history(): Promise<readonly LedgerBlock[]> {
  const story = new Story();
  const grant = await story.prepare();
  const { first } = await story.record([
    await story.access({ grant }),
    await story.access({ grant, purpose: "other" }),
  ]);
  const child = await story.derive(grant);
  await story.freeze({ kind: "resource", id: "res/other" });
  story.pass(1000);
  await story.record([await story.access({ grant: child, by: story.operator }), story.delivery(first, first)]);
  await story.ledger.together(async () => {
    await story.stop(story.bureau, "grant.revoke", grant);
    await story.record([await story.access({ grant }), await story.void(story.bank)]);
    await story.fold(grant);
  });
  await story.record([await story.access({ grant })]);
  return story.ledger.made;
}

describe("the read model's blocks", () => {
  const bench = new Bench();
  let blocks: readonly LedgerBlock[];
  let whole: Awaited<ReturnType<typeof dump>>;

  const build = async (folder: string, some: readonly LedgerBlock[]): Promise<void> => {
    const index = await bench.upToDate(frozen(some), { folder });
    await bench.close(index);
  };

  before(async () => {
    blocks = await history();
    const folder = await bench.folder();
    await build(folder, blocks);
    whole = await dump(folder);
  });
  after(() => bench.clean());

  it("make the same index in one go as with stops after any blocks", async () => {
    const stops = fc.uniqueArray(fc.integer({ min: 1, max: 24 }), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(stops, async (heights) => {
        const folder = await bench.folder();
        for (const height of [...heights].sort((a, b) => a - b)) await build(folder, blocks.slice(0, height));
        await build(folder, blocks);
        expect(await dump(folder)).to.deep.equal(whole);
      }),
      { numRuns: 12 },
    );
  });

  it("make up for the newest ones that a crash took from the disk", async () => {
    const [folder, old] = [await bench.folder(), await bench.folder()];
    await build(folder, blocks.slice(0, 12));
    await cp(folder, old, { recursive: true });
    await build(folder, blocks);
    await build(old, blocks);
    expect(await dump(old)).to.deep.equal(whole);
  });

  it("of another ledger, or of one that is shorter than the index, begin it anew", async () => {
    const folder = await bench.folder();
    await build(folder, blocks);
    const other = new Story();
    await other.begin();
    while (other.ledger.made.length < blocks.length) await other.publishBoundary(other.ledger.made.length - 3);
    await build(folder, other.ledger.made);
    const index = await bench.upToDate(frozen(other.ledger.made), { folder });
    expect(await index.resource(RESOURCE)).to.equal(undefined);
    await bench.close(index);
    await build(folder, blocks.slice(0, 10));
    await build(folder, blocks);
    expect(await dump(folder)).to.deep.equal(whole);
  });

  it("are there, records and commands, when their number is reached", async () => {
    const story = new Story();
    const grant = await story.prepare();
    const { index } = await bench.open(story.ledger);
    for (let i = 0; i < 5; i++) {
      const access = await story.access({ grant });
      const waiting = index.reached(story.ledger.made.length);
      const { block, first } = await story.record([access]);
      await waiting;
      expect(index.height()).to.equal(block + 1);
      expect((await index.record(LOG, first))?.block).to.equal(block);
    }
  });

  it("that do not come in time are BEHIND, and so are those that never will", async () => {
    const story = new Story();
    const { index } = await bench.open(story.ledger);
    await index.reached(0);
    const abort = new AbortController();
    const aborted = index.reached(10, abort.signal);
    abort.abort();
    await expectCode(aborted, "BEHIND");
    await expectCode(index.reached(10, AbortSignal.abort()), "BEHIND");
    const waiting = index.reached(10);
    await story.ledger.close();
    await expectCode(waiting, "BEHIND");
    await expectCode(index.reached(10), "BEHIND");
    await index.reached(0);
  });

  it("cannot be indexed twice at once in one folder", async () => {
    const folder = await bench.folder();
    await bench.open(frozen(blocks), { folder });
    await expectCode(bench.open(frozen(blocks), { folder }), "CONFIG_INVALID", "LOCKED");
  });

  it("that come out of order, or not at all, end the index with INTERNAL", async () => {
    const shuffled = [...blocks.slice(0, 4), ...blocks.slice(5)];
    const { index, faults } = await bench.open(frozen(shuffled));
    await expectCode(index.reached(6), "INTERNAL");
    expect(faults.map(({ code }) => code)).to.deep.equal(["INTERNAL"]);
    expect(index.height()).to.equal(4);
  });
});
