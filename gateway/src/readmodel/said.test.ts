import { expect } from "chai";
import { checkIndex } from "./fsck.js";
import type { LedgerIndex } from "./ledger-index.js";
import { COLLECTION, LOG, Story } from "./story.test.js";
import { Bench, collect, dump } from "./support.test.js";

/** A value that nothing else in a story has. */
const SAID = /desk 4/;

describe("G8 what requests committed to, in the read model", () => {
  const bench = new Bench();
  let story: Story;
  let folder: string;
  let index: LedgerIndex;

  beforeEach(async () => {
    story = new Story();
    const grant = await story.prepare();
    await story.record([await story.access({ grant }), await story.access({ grant }), await story.void(story.bank)]);
    folder = await bench.folder();
    index = await bench.upToDate(story.ledger, { folder });
  });
  afterEach(() => bench.clean());

  const idAt = async (at: number): Promise<{ id: string; index: number }> => {
    const { stored } = (await index.record(LOG, at))!;
    return { id: (JSON.parse(stored.body) as { id: string }).id, index: at };
  };
  const texts = async (): Promise<string> => {
    await bench.close(index);
    const rows = await dump(folder);
    return rows.map(([key, value]) => `${key} ${Buffer.from(value, "base64").toString()}`).join("\n");
  };
  const check = () =>
    checkIndex({
      folder,
      scratch: folder.slice(0, folder.lastIndexOf("/")),
      ledger: story.ledger,
      collection: COLLECTION,
    });

  it("stands apart from the records, and is listed oldest first", async () => {
    expect((await index.record(LOG, 0))?.stored).not.to.have.property("openings");
    expect((await index.said(LOG, 0))["operator"]?.value).to.equal("desk 4");
    expect(await index.said(LOG, 2)).to.deep.equal({});
    expect(await collect(index.saidIn(LOG))).to.deep.equal([0, 1]);
    expect(await index.erased(LOG, 0)).to.deep.equal({});
  });

  it("goes with the command that erases it, from every row; the command that did so is named", async () => {
    const { request, block } = await story.erase(story.bank, [await idAt(0)], 0);
    await index.reached(block);
    expect(await index.said(LOG, 0)).to.deep.equal({});
    expect(await index.erased(LOG, 0)).to.deep.equal({ operator: request });
    expect((await index.said(LOG, 1))["operator"]?.value).to.equal("desk 4");
    const rest = await story.erase(story.bureau, [await idAt(1)], 0);
    await index.reached(rest.block);
    expect(await collect(index.saidIn(LOG))).to.deep.equal([]);
    expect(await texts()).not.to.match(SAID);
  });

  it("is the same in an index made anew from blocks that hold it no more", async () => {
    const { block } = await story.erase(story.regulator, [await idAt(1)], 0);
    await index.reached(block);
    await bench.close(index);
    expect(await check()).to.include({ ok: true, state: "current" });
    const anew = await bench.folder();
    await bench.close(await bench.upToDate(story.ledger, { folder: anew }));
    expect(await dump(anew)).to.deep.equal(await dump(folder));
  });

  it("is no fault where the index is behind the block that erases it", async () => {
    const named = await idAt(0);
    await bench.close(index);
    await story.erase(story.bank, [named], 0);
    expect(await check()).to.include({ ok: true, state: "behind" });
  });
});
