import { expect } from "chai";
import path from "node:path";
import { keyHashOf } from "../embedded/rwset.js";
import { CODE } from "../embedded/validator.js";
import { Folders } from "../embedded/testing/open.js";
import { LedgerError } from "../ledger.js";
import { Blocks } from "./blocks.js";
import { Mirror } from "./mirror.js";
import { Tail } from "./tail.js";
import { blockOf, FakeChain } from "./testing/fake-chain.js";

const timing = { firstMs: 1, mostMs: 2 };

describe("fabric: the mirror of state", () => {
  const folders = new Folders();
  const open: { close(): Promise<void> }[] = [];
  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one.close();
  });
  after(() => folders.clear());

  async function mirrorOf(chain: FakeChain, folder: string): Promise<Mirror> {
    const report = (): void => undefined;
    const tail = new Tail({ deliverer: chain, height: chain.blocks.length, report, timing });
    open.push(tail);
    const mirror = await Mirror.open({
      folder: path.join(folder, "mirror"),
      blocks: (from) => new Blocks({ deliverer: chain, tail, from, complete: false, report, timing }),
      hashOf: (number) => Promise.resolve(chain.blocks[number]?.hash),
      onError: report,
    });
    open.push(mirror);
    return mirror;
  }

  it("answers at one height, whatever commits meanwhile", async () => {
    const chain = new FakeChain(2);
    const keyHash = keyHashOf("head");
    chain.add(1, { hashes: [{ collection: "org-A", keyHash, valueHash: "one" }] });
    const mirror = await mirrorOf(chain, await folders.make());
    await mirror.reached(3, 2_000);
    const view = mirror.view();
    chain.add(1, { hashes: [{ collection: "org-A", keyHash, valueHash: "two" }] });
    await mirror.reached(4, 2_000);
    expect([view.block, view.blockHash]).to.deep.equal([2, "hash of 2"]);
    expect(await view.get("newest")).to.equal("2");
    expect(await view.getPrivateHash("org-A", "head")).to.equal("one");
    expect(await view.getPrivateHash("org-B", "head")).to.equal(undefined);
    expect(await view.get("nothing")).to.equal(undefined);
    await view[Symbol.asyncDispose]();
    const later = mirror.view();
    expect([later.block, await later.get("newest")]).to.deep.equal([3, "3"]);
    expect(await later.getPrivateHash("org-A", "head")).to.equal("two");
    await later[Symbol.asyncDispose]();
  });

  it("knows what was purged, and that what was written since was not", async () => {
    const chain = new FakeChain(1);
    const key = { collection: "org-A", keyHash: keyHashOf("head") };
    chain.add(1, { purges: [{ ...key, index: 2 }] });
    const mirror = await mirrorOf(chain, await folders.make());
    await mirror.reached(2, 2_000);
    const places = [
      { block: 0, tx: 9 },
      { block: 1, tx: 1 },
      { block: 1, tx: 2 },
      { block: 2, tx: 0 },
    ];
    expect(places.map((at) => mirror.isPurged(key, at))).to.deep.equal([true, true, false, false]);
    expect(mirror.isPurged({ ...key, collection: "org-B" }, { block: 0, tx: 0 })).to.equal(false);
  });

  it("forgets what was deleted", async () => {
    const chain = new FakeChain(1);
    const keyHash = keyHashOf("head");
    chain.add(1, { state: [{ key: "a", value: "1" }], hashes: [{ collection: "org-A", keyHash, valueHash: "h" }] });
    chain.add(1, {
      state: [{ key: "a", value: undefined }],
      hashes: [{ collection: "org-A", keyHash, valueHash: undefined }],
    });
    const mirror = await mirrorOf(chain, await folders.make());
    await mirror.reached(3, 2_000);
    const view = mirror.view();
    expect(await view.get("a")).to.equal(undefined);
    expect(await view.getPrivateHash("org-A", "head")).to.equal(undefined);
    await view[Symbol.asyncDispose]();
  });

  it("finds transactions, valid or not, and keeps the newest configuration's roots and every one's block", async () => {
    const chain = new FakeChain(0);
    chain.add(1, { places: [], roots: { A: ["old"] } });
    chain.add(1);
    const place = { txId: "bad", block: 2, index: 1, code: CODE.MVCC_READ_CONFLICT, result: "of no effect" };
    chain.add(1, { places: [place], roots: { A: ["new"], B: ["b"] } });
    const mirror = await mirrorOf(chain, await folders.make());
    await mirror.reached(3, 2_000);
    expect(mirror.find("tx1")).to.deep.equal({ txId: "tx1", block: 1, index: 0, code: CODE.VALID, result: "result 1" });
    expect(mirror.find("bad")).to.deep.equal({ ...place, result: "" });
    expect(mirror.find("tx9")).to.equal(undefined);
    expect(mirror.roots()).to.deep.equal({ A: ["new"], B: ["b"] });
    expect(mirror.configs()).to.deep.equal(["hash of 0", "hash of 2"]);
  });

  it("goes on where it stopped, and begins anew on another network", async () => {
    const folder = await folders.make();
    const first = new FakeChain(3);
    await (await mirrorOf(first, folder)).reached(3, 2_000);
    for (const one of open.splice(0).reverse()) await one.close();

    first.add(1);
    first.opened.length = 0;
    await (await mirrorOf(first, folder)).reached(4, 2_000);
    expect(first.opened).not.to.include(0);
    for (const one of open.splice(0).reverse()) await one.close();

    const other = new FakeChain(0);
    for (let number = 0; number < 6; number++) {
      other.blocks.push(blockOf(number, { hash: `other ${number}`, state: [{ key: "other", value: "1" }] }));
    }
    const mirror = await mirrorOf(other, folder);
    await mirror.reached(6, 2_000);
    const view = mirror.view();
    expect([await view.get("newest"), await view.get("other"), view.blockHash]).to.deep.equal([
      undefined,
      "1",
      "other 5",
    ]);
    await view[Symbol.asyncDispose]();
  });

  it("says that it is behind rather than answer from an old height", async () => {
    const mirror = await mirrorOf(new FakeChain(1), await folders.make());
    const error = await mirror.reached(9, 20).catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(LedgerError);
    expect((error as LedgerError).fault).to.equal("UNAVAILABLE");
  });

  it("has a folder of its own", async () => {
    const folder = await folders.make();
    const chain = new FakeChain(1);
    await mirrorOf(chain, folder);
    const error = await mirrorOf(chain, folder).catch((thrown: unknown) => thrown);
    expect(error).to.include({ code: "CONFIG_INVALID", detail: "LOCKED" });
  });
});
