/** Purge as a Fabric peer does it: state, storage, blocks, and what a reader of old blocks is told. */
import path from "node:path";
import { expect } from "chai";
import { Level } from "level";
import type { BlockTransaction } from "../ledger.js";
import type { EmbeddedLedger } from "./ledger.js";
import { encodePrivateValue, encodePurge, KEYS } from "./store.js";
import { keyHashOf } from "./rwset.js";
import { allBlocks } from "./testing/crash.js";
import { faultOf, quanjiErrorOf } from "./testing/faults.js";
import { EXCHANGE, Folders, HOLDER, open, REGULATOR } from "./testing/open.js";
import { call, quietly, type Step } from "./testing/probe.js";

const OWN = "org-HolderMSP";
const SECRET = "a value that nobody may find again";
const key = (name: string) => ({ collection: OWN, keyHash: keyHashOf(name) });

describe("purge on the embedded ledger", () => {
  const folders = new Folders();
  let folder: string;
  let ledger: EmbeddedLedger;
  beforeEach(async () => {
    folder = await folders.make();
    ledger = await open(folder);
  });
  afterEach(async () => {
    expect(await ledger.fsck()).to.include({ ok: true });
    await ledger.close();
    await folders.clear();
  });

  const submit = (...steps: Step[]) => ledger.submit(quietly(steps));
  const read = async (name: string): Promise<unknown> =>
    (JSON.parse(await ledger.evaluate(call([["getPrivate", OWN, name]]))) as unknown[])[0];
  const hashOf = async (name: string): Promise<string | undefined> => {
    await using view = await ledger.view();
    return await view.getPrivateHash(OWN, name);
  };
  const shown = async (as: EmbeddedLedger = ledger): Promise<BlockTransaction[]> =>
    (await allBlocks(as)).flatMap(({ transactions }) => transactions);

  /** Everything on disk, as text. */
  async function rows(): Promise<string> {
    await ledger.close();
    const db = new Level<string, Buffer>(path.join(folder, "ledger"), { valueEncoding: "buffer" });
    const all: string[] = [];
    for await (const [name, value] of db.iterator()) all.push(name, value.toString("latin1"));
    await db.close();
    ledger = await open(folder);
    return all.join("\n");
  }

  it("takes value, hash and every earlier value, and leaves other keys, blocks and their hashes as they are", async () => {
    for (const n of [1, 2, 3])
      await submit(["putPrivate", OWN, "a", `${SECRET} ${n}`], ["putPrivate", OWN, "b", `${n}`]);
    const before = (await allBlocks(ledger)).map(({ hash }) => hash);
    expect(await rows()).to.contain(SECRET);
    await submit(["purgePrivate", OWN, "a"]);
    expect([await read("a"), await hashOf("a"), await read("b")]).to.deep.equal([null, undefined, "3"]);
    expect((await allBlocks(ledger)).slice(0, -1).map(({ hash }) => hash)).to.deep.equal(before);
    expect(await rows()).not.to.contain(SECRET);
    expect([await read("a"), await hashOf("a"), await read("b")]).to.deep.equal([null, undefined, "3"]);
  });

  it("tells members which values of a block are purged, and everybody which keys a block purges, by hash", async () => {
    await submit(["putPrivate", OWN, "a", SECRET], ["putPrivate", OWN, "b", "1"]);
    await submit(["purgePrivate", OWN, "a"]);
    for (let round = 0; round < 2; round++) {
      const [wrote, purged] = await shown();
      expect(wrote).to.deep.include({ writes: [{ collection: OWN, key: "b", value: "1" }], purged: [key("a")] });
      expect(purged).to.deep.include({ writes: [], purges: [key("a")] });
      const [foreign, marker] = await shown(ledger.as(EXCHANGE));
      expect([foreign?.purged, marker?.purges]).to.deep.equal([undefined, [key("a")]]);
      await rows(); // once more, from disk alone
    }
  });

  it("lets the last of a put and a purge in one transaction win", async () => {
    await submit(["putPrivate", OWN, "a", "0"], ["putPrivate", OWN, "b", "0"]);
    await submit(
      ["putPrivate", OWN, "a", "1"],
      ["purgePrivate", OWN, "a"],
      ["purgePrivate", OWN, "b"],
      ["putPrivate", OWN, "b", "1"],
    );
    expect([await read("a"), await read("b")]).to.deep.equal([null, "1"]);
    const [first] = await shown();
    expect(first?.purged).to.deep.equal([key("a")]);
    expect(first?.writes).to.deep.equal([{ collection: OWN, key: "b", value: "0" }]);
  });

  it("of a key that was never written, or was purged already, is valid and changes nothing", async () => {
    await submit(["purgePrivate", OWN, "never"]);
    await submit(["putPrivate", OWN, "a", SECRET]);
    await submit(["purgePrivate", OWN, "a"]);
    await submit(["purgePrivate", OWN, "a"]);
    expect([await read("never"), await read("a")]).to.deep.equal([null, null]);
  });

  it("lets a key be written again: what is written since stays, what was before does not come back", async () => {
    await submit(["putPrivate", OWN, "a", SECRET]);
    await submit(["purgePrivate", OWN, "a"]);
    await submit(["putPrivate", OWN, "a", "2"]);
    await submit(["putPrivate", OWN, "a", "3"]);
    expect(await read("a")).to.equal("3");
    expect((await shown()).map(({ writes }) => writes.map(({ value }) => value))).to.deep.equal([[], [], ["2"], ["3"]]);
    await submit(["purgePrivate", OWN, "a"]);
    expect((await shown()).flatMap(({ writes }) => writes)).to.deep.equal([]);
  });

  it("in the block of the value itself leaves no trace of it, in memory or on disk; a later put of that block stays", async () => {
    const purge = quietly([["purgePrivate", OWN, "a"]]);
    const put = (value: string) => quietly([["putPrivate", OWN, "a", value]]);
    // The first is a block of its own while the others gather in the next.
    const all = [quietly([["put", "x", "1"]]), put(SECRET), purge, put("2"), purge, put("3")];
    await Promise.all(all.map((request) => ledger.submit(request)));
    expect(await ledger.height()).to.be.lessThan(all.length);
    expect(await read("a")).to.equal("3");
    expect(JSON.stringify(await shown())).not.to.contain(SECRET);
    expect(await rows()).not.to.contain(SECRET);
  });

  it("conflicts with who read the key", async () => {
    await submit(["putPrivate", OWN, "a", "1"]);
    const [purge, reader] = [submit(["purgePrivate", OWN, "a"]), submit(["getPrivate", OWN, "a"], ["put", "x", "1"])];
    await purge;
    await faultOf(reader, "CONFLICT");
  });

  it("needs the collection's policy and a member as the client; a peer that is no member may simulate it", async () => {
    await submit(["putPrivate", OWN, "a", "1"]);
    const purge = (msp: string, endorsers: readonly string[]) =>
      ledger.as(msp).submit({ ...quietly([["purgePrivate", OWN, "a"]]), endorsers });
    for (const endorsers of [[HOLDER], [REGULATOR], [HOLDER, EXCHANGE], [REGULATOR, EXCHANGE]]) {
      await faultOf(purge(HOLDER, endorsers), "POLICY");
    }
    await faultOf(purge(EXCHANGE, [HOLDER, REGULATOR]), "REFUSED");
    expect(await read("a")).to.equal("1");
    await purge(REGULATOR, [HOLDER, REGULATOR, EXCHANGE]);
    expect(await read("a")).to.equal(null);
  });

  it("keeps to an old view what it saw", async () => {
    await submit(["putPrivate", OWN, "a", "1"]);
    await using view = await ledger.view();
    const hash = await view.getPrivateHash(OWN, "a");
    await submit(["purgePrivate", OWN, "a"]);
    expect(await view.getPrivateHash(OWN, "a")).to.equal(hash);
    expect(hash).to.be.a("string");
    expect(await hashOf("a")).to.equal(undefined);
  });
});

describe("purge that was not: fsck and readers", () => {
  const folders = new Folders();
  let folder: string;
  beforeEach(async () => {
    folder = await folders.make();
    const ledger = await open(folder);
    await ledger.submit(quietly([["putPrivate", OWN, "a", SECRET]]));
    await ledger.submit(quietly([["putPrivate", OWN, "b", "1"]]));
    await ledger.submit(quietly([["purgePrivate", OWN, "b"]]));
    await ledger.close();
  });
  afterEach(() => folders.clear());

  async function codeAfter(change: (db: Level<string, Buffer>) => Promise<void>): Promise<string | undefined> {
    const db = new Level<string, Buffer>(path.join(folder, "ledger"), { valueEncoding: "buffer" });
    await change(db);
    await db.close();
    const ledger = await open(folder);
    const { fault } = await ledger.fsck();
    await ledger.close();
    return fault?.code;
  }
  const [a, b] = ["a", "b"].map((name, n) => KEYS.privateValue({ block: n + 1, tx: 0 }, OWN, name));
  const marker = (name: string): string => KEYS.purge(OWN, keyHashOf(name));

  it("and a folder of another format is refused, saying so", async () => {
    const db = new Level<string, Buffer>(path.join(folder, "ledger"), { valueEncoding: "buffer" });
    const tip = await db.get(KEYS.tip);
    await db.put(KEYS.tip, Buffer.concat([Buffer.of(1), tip.subarray(1)]));
    await db.close();
    const error = await quanjiErrorOf(open(folder));
    expect([error.code, error.field, error.detail]).to.deep.equal(["CONFIG_INVALID", "folder", "FORMAT"]);
  });

  it("finds a value that is absent though nothing purged it, and lets nobody read that block", async () => {
    expect(await codeAfter((db) => db.del(a!))).to.equal("PRIVATE_DATA");
    const ledger = await open(folder);
    expect((await quanjiErrorOf(allBlocks(ledger))).detail).to.equal("LEDGER_CORRUPT");
    await ledger.close();
  });

  it("finds a purge that no transaction made, also where the value is gone with it", async () => {
    const claim = (db: Level<string, Buffer>) => db.put(marker("a"), encodePurge({ block: 3, tx: 0 }));
    expect(await codeAfter(claim)).to.equal("PRIVATE_DATA");
    expect(await codeAfter((db) => db.del(a!))).to.equal("STATE");
  });

  it("finds a value that is there though it was purged, and a purge that the store has forgotten", async () => {
    expect(await codeAfter((db) => db.put(b!, encodePrivateValue(Buffer.from("1"), undefined)))).to.equal(
      "PRIVATE_DATA",
    );
    expect(await codeAfter((db) => db.del(b!))).to.equal(undefined);
    expect(await codeAfter((db) => db.put(KEYS.hashedKey(OWN, keyHashOf("b")), Buffer.alloc(42)))).to.equal("STATE");
    expect(await codeAfter((db) => db.del(KEYS.hashedKey(OWN, keyHashOf("b"))))).to.equal(undefined);
    expect(await codeAfter((db) => db.del(marker("b")))).to.equal("PRIVATE_DATA");
  });
});
