import { mkdtemp, rm, writeFile, readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EMPTY_WINDOW, QuanjiError, takeSeq } from "@quanji/chaincode/domain";
import { expect } from "chai";
import fc from "fast-check";
import { fileSeqStore, holesBelow, memorySeqStore, SeqKeeper, type SeqStatus } from "./index.js";

const KID = "urn:quanji:bank#thumbprint";
const LOG = "quanji.test/city/gw/0";

/** What a ledger says that has recorded these numbers. */
const statusOf = (seqs: readonly number[]): SeqStatus => ({ log: LOG, ...seqs.reduce(takeSeq, EMPTY_WINDOW) });

const keeperOver = (recorded: readonly number[], reserve = 1, store = memorySeqStore()) =>
  new SeqKeeper({ kid: KID, log: LOG, store, ask: () => Promise.resolve(statusOf(recorded)), reserve });

describe("sequence numbers", () => {
  it("begin where the ledger stands, and are dense", async () => {
    const keeper = keeperOver([0, 1, 2]);
    expect(await Promise.all([keeper.take(), keeper.take(), keeper.take()])).to.deep.equal([3, 4, 5]);
  });

  it("begin where the store stands, if it knows more than the ledger", async () => {
    const store = memorySeqStore();
    await store.save(KID, LOG, 9);
    expect(await keeperOver([0], 1, store).take()).to.equal(9);
  });

  it("given back are handed out first, smallest first", async () => {
    const keeper = keeperOver([]);
    const [a, b, c] = [await keeper.take(), await keeper.take(), await keeper.take()];
    keeper.giveBack(c);
    keeper.giveBack(a);
    keeper.used(b);
    expect([await keeper.take(), await keeper.take(), await keeper.take()]).to.deep.equal([0, 2, 3]);
  });

  it("at most 512 are under way: the window of the ledger must hold them all", async () => {
    const keeper = keeperOver([]);
    for (let i = 0; i < 512; i++) await keeper.take();
    const error: unknown = await keeper.take().catch((cause: unknown) => cause);
    expect(error).to.be.instanceOf(QuanjiError).with.property("code", "STATE_CONFLICT");
    keeper.used(0);
    expect(await keeper.take()).to.equal(512);
  });

  it("reserved are written once for all of them, and the rest is given back at the end", async () => {
    const saved: number[] = [];
    const store = memorySeqStore();
    const spy = {
      ...store,
      save: (kid: string, log: string, next: number) => (saved.push(next), store.save(kid, log, next)),
    };
    const keeper = keeperOver([], 4, spy);
    for (let i = 0; i < 5; i++) keeper.used(await keeper.take());
    expect(saved).to.deep.equal([4, 8]);
    await keeper.close();
    expect(saved).to.deep.equal([4, 8, 5]);
  });

  it("holes are exactly the numbers below next that the ledger never saw and can still void", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(900), { maxLength: 60 }), fc.nat(60), (seqs, more) => {
        const status = statusOf(seqs);
        const next = status.next + more;
        const missing = Array.from({ length: next }, (_, seq) => seq).filter((seq) => !seqs.includes(seq));
        expect(holesBelow(status, next)).to.deep.equal(missing);
      }),
    );
  });

  it("older than the ledger's window are left alone: nothing can be said of them any more", () => {
    const [first] = holesBelow(statusOf([1000, 2000]), 2001);
    expect(first).to.equal(2001 - 1024);
  });

  it("under way or free are no holes", async () => {
    const keeper = keeperOver([]);
    const [lost, busy, free] = [await keeper.take(), await keeper.take(), await keeper.take()];
    keeper.lose(lost);
    keeper.giveBack(free);
    expect(keeper.lost).to.deep.equal([lost]);
    expect(await keeper.holes()).to.deep.equal([lost]);
    expect(busy).to.equal(1);
  });
});

describe("sequence numbers in files", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "quanji-seq-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("are kept apart by key and log, and leave no other file behind", async () => {
    const store = fileSeqStore(folder);
    await store.save(KID, LOG, 3);
    await store.save(KID, `${LOG}1`, 4);
    await store.save(KID, LOG, 5);
    expect([
      await store.load(KID, LOG),
      await store.load(KID, `${LOG}1`),
      await store.load("other#key", LOG),
    ]).to.deep.equal([5, 4, undefined]);
    expect(await readdir(folder)).to.have.length(2);
  });

  for (const text of ["", "{}", '{"next":1}', `{"kid":"${KID}","log":"${LOG}","next":-0.5}`]) {
    it(`a damaged file is an error, never a new beginning: ${text || "empty"}`, async () => {
      const store = fileSeqStore(folder);
      await store.save(KID, LOG, 3);
      const [file = ""] = await readdir(folder);
      await writeFile(join(folder, file), text);
      const error: unknown = await store.load(KID, LOG).catch((cause: unknown) => cause);
      expect(error).to.be.instanceOf(QuanjiError).with.property("code", "CONFIG_INVALID");
    });
  }
});
