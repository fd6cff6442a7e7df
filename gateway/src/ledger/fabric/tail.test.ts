import { QuanjiError } from "@quanji/chaincode/domain";
import { expect } from "chai";
import type { LedgerBlock } from "../ledger.js";
import { Blocks, type BlocksOptions, LedgerBlocks } from "./blocks.js";
import type { Place } from "./decode.js";
import { Tail } from "./tail.js";
import { blockOf, FakeChain } from "./testing/fake-chain.js";

const LATE = { collection: "org-HolderMSP", keyHash: "01", index: 0 };
const transaction = {
  txId: "tx1",
  index: 0,
  valid: true,
  validationCode: "VALID",
  timestampMs: 0,
  name: "a:b",
  args: [],
  writes: [],
};
const timing = { firstMs: 1, mostMs: 2 };

describe("fabric: blocks as they come", () => {
  const reports: string[] = [];
  const open: { close(): void | Promise<void> }[] = [];
  const report = (what: unknown): void => void reports.push(what instanceof Error ? what.message : String(what));
  beforeEach(() => void reports.splice(0));
  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one.close();
  });

  const tailOf = (chain: FakeChain, height = chain.blocks.length): Tail => {
    const tail = new Tail({ deliverer: chain, height, report, timing });
    open.push(tail);
    return tail;
  };
  const reader = (chain: FakeChain, tail: Tail, from: number, complete = true): Blocks => {
    const blocks = new Blocks({ deliverer: chain, tail, from, complete, report, timing });
    open.push(blocks);
    return blocks;
  };
  const numbers = async (blocks: Blocks, count: number): Promise<number[]> => {
    const read: number[] = [];
    while (read.length < count) read.push((await blocks.next())?.number ?? -1);
    return read;
  };

  it("begins with what was there, goes on with what comes, and opens no second delivery for that", async () => {
    const chain = new FakeChain(5);
    const tail = tailOf(chain);
    const blocks = reader(chain, tail, 2);
    expect(await numbers(blocks, 3)).to.deep.equal([2, 3, 4]);
    chain.add(3);
    expect(await numbers(blocks, 3)).to.deep.equal([5, 6, 7]);
    expect(chain.opened.sort()).to.deep.equal([2, 5]);
    expect(tail.height).to.equal(8);
  });

  it("misses none and repeats none over lost connections and a peer that is away", async () => {
    const chain = new FakeChain(3);
    const tail = tailOf(chain);
    const blocks = reader(chain, tail, 0);
    expect(await numbers(blocks, 2)).to.deep.equal([0, 1]);
    chain.cut();
    expect(await numbers(blocks, 1)).to.deep.equal([2]);
    chain.unreachable = 3;
    chain.cut();
    chain.add(4);
    expect(await numbers(blocks, 4)).to.deep.equal([3, 4, 5, 6]);
    expect(reports).to.include("connection lost");
  });

  it("lets a slow reader fetch what memory has forgotten", async () => {
    const chain = new FakeChain(1);
    const tail = tailOf(chain);
    const blocks = reader(chain, tail, 0);
    expect(await numbers(blocks, 1)).to.deep.equal([0]);
    chain.add(200);
    while (tail.height < 201) await tail.changed.wait();
    expect(tail.recent(1)).to.equal(undefined);
    expect(await numbers(blocks, 200)).to.deep.equal(Array.from({ length: 200 }, (_, i) => i + 1));
  });

  it("holds a block back until its private values are there, and says so once", async () => {
    const chain = new FakeChain(1);
    const tail = tailOf(chain);
    chain.add(1, { missing: [LATE] });
    chain.add(1);
    const blocks = reader(chain, tail, 0);
    expect(await numbers(blocks, 1)).to.deep.equal([0]);
    const next = blocks.next();
    while (chain.opened.length < 5) await new Promise(setImmediate); // it asks the peer again and again
    chain.blocks[1] = blockOf(1);
    expect((await next)?.missing).to.deep.equal([]);
    expect(await numbers(blocks, 1)).to.deep.equal([2]);
    expect(reports).to.have.length(1);
    expect(reports[0]).to.contain("block 1 waits for private values of org-HolderMSP");
  });

  it("passes a block that lacks only what was purged later, saying so, and no block that lacks anything else", async () => {
    const chain = new FakeChain(1);
    const tail = tailOf(chain);
    const gone = { collection: "org-HolderMSP", keyHash: "02", index: 0 };
    const shown = { ...blockOf(1).block, transactions: [transaction] };
    chain.add(1, { missing: [LATE, gone], block: shown });
    let known = false;
    const asked: string[] = [];
    const isPurged: BlocksOptions["isPurged"] = (key, at) => {
      asked.push(`${key.collection} ${key.keyHash} ${at.block}.${at.tx}`);
      if (!known) throw new Error("the mirror has not read so far");
      return Promise.resolve(key.keyHash === gone.keyHash);
    };
    const blocks = new Blocks({
      deliverer: chain,
      tail,
      from: 1,
      complete: true,
      isPurged,
      timing,
      report: (text) => void reports.push(text),
    });
    open.push(blocks);
    const next = blocks.next();
    while (chain.opened.length < 5) await new Promise(setImmediate);
    known = true;
    while (chain.opened.length < 8) await new Promise(setImmediate); // one of the two is missing for no such reason
    chain.blocks[1] = blockOf(1, { missing: [gone], block: shown });
    const block = await next;
    expect(block?.missing).to.deep.equal([]);
    expect(block?.block.transactions).to.deep.equal([
      { ...transaction, purged: [{ collection: "org-HolderMSP", keyHash: "02" }] },
    ]);
    expect(new Set(asked)).to.deep.equal(new Set(["org-HolderMSP 01 1.0", "org-HolderMSP 02 1.0"]));
  });

  it("forgets what it kept when a block purges something, so that nobody is shown it from memory", async () => {
    const chain = new FakeChain(1);
    const tail = tailOf(chain);
    chain.add(2);
    chain.add(1, { purges: [{ ...LATE, index: 0 }] });
    chain.add(1);
    while (tail.height < 5) await tail.changed.wait();
    expect([0, 1, 2, 3, 4].map((number) => tail.recent(number)?.number)).to.deep.equal([
      undefined,
      undefined,
      undefined,
      3,
      4,
    ]);
    expect(await numbers(reader(chain, tail, 0), 5)).to.deep.equal([0, 1, 2, 3, 4]);
  });

  it("shows blocks without their private values to who wants none", async () => {
    const chain = new FakeChain(1);
    const tail = tailOf(chain);
    chain.add(1, { missing: [LATE] });
    expect(await numbers(reader(chain, tail, 0, false), 2)).to.deep.equal([0, 1]);
  });

  it("calls back who waits for a transaction, once, also where its private values are late", async () => {
    const chain = new FakeChain(1);
    const tail = tailOf(chain);
    const landed: Place[] = [];
    tail.await("tx2", (place) => landed.push(place));
    tail.await("tx3", (place) => landed.push(place));
    tail.forget("tx3");
    chain.add(1);
    chain.add(1, { missing: [LATE] });
    chain.add(1);
    while (tail.height < 4) await tail.changed.wait();
    expect(landed.map(({ txId, block }) => [txId, block])).to.deep.equal([["tx2", 2]]);
  });

  it("does not believe a peer that leaves out a block", async () => {
    const chain = new FakeChain(1);
    const tail = tailOf(chain);
    chain.add(1, { number: 2 });
    while (!reports.some((text) => text.includes("expected block 1"))) await new Promise(setImmediate);
    expect(tail.height).to.equal(1);
    chain.blocks[1] = blockOf(1);
    while (tail.height < 2) await tail.changed.wait();
  });

  it("ends readers at a block that nobody can read, with that fault", async () => {
    const chain = new FakeChain(1);
    const fault = new QuanjiError("INTERNAL", "valid and unreadable", { detail: "LEDGER_CORRUPT" });
    const tail = new Tail({ deliverer: { open: () => Promise.reject(fault) }, height: 1, report, timing });
    open.push(tail);
    const blocks = reader(chain, tail, 0);
    expect(await numbers(blocks, 1)).to.deep.equal([0]);
    expect(await blocks.next().catch((error: unknown) => error)).to.equal(fault);
  });

  it("ends readers at their own close, at the ledger's, and when they leave early", async () => {
    const chain = new FakeChain(2);
    const tail = tailOf(chain);
    const waiting = reader(chain, tail, 2);
    const next = waiting.next();
    waiting.close();
    expect(await next).to.equal(undefined);

    const stream = new LedgerBlocks(reader(chain, tail, 0));
    const seen: LedgerBlock[] = [];
    for await (const block of stream) {
      seen.push(block);
      break;
    }
    expect(seen.map(({ number }) => number)).to.deep.equal([0]);
    expect(await stream[Symbol.asyncIterator]().next()).to.deep.equal({ done: true, value: undefined });

    const last = reader(chain, tail, 2).next();
    await tail.close();
    expect(await last).to.equal(undefined);
  });
});
