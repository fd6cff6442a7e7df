/** Every kind of damage that somebody with the files can do, and the code that finds it. */
import path from "node:path";
import { common } from "@hyperledger/fabric-protos";
import { expect } from "chai";
import { Level } from "level";
import { decodeBlock, encodeBlock, headerHash, sealBlock, dataHashOf, type BlockParts } from "./block.js";
import type { FsckReport } from "./fsck.js";
import { openOrganisations } from "./organisations.js";
import { encodePrivateValue, encodePublicEntry, encodeTip, KEYS } from "./store.js";
import { faultOf, quanjiErrorOf } from "./testing/faults.js";
import { Folders, HOLDER, NOW, open, random, topology } from "./testing/open.js";
import { call, quietly } from "./testing/probe.js";

type Database = Level<string, Buffer>;

describe("fsck", () => {
  const folders = new Folders();
  let folder: string;

  /** Seven blocks: the configuration, five with one transaction, one with a conflict somewhere in the last ones. */
  beforeEach(async () => {
    folder = await folders.make();
    const ledger = await open(folder);
    await ledger.submit(call([["put", "a", "1"]]));
    await ledger.submit(
      quietly([
        ["putPrivate", "org-HolderMSP", "k", "secret"],
        ["putPrivate", "org-HolderMSP", "l", "x"],
      ]),
    );
    await ledger.submit(
      call([
        ["put", "b", "1"],
        ["policy", "b", [HOLDER]],
      ]),
    );
    const bump = call([
      ["get", "a"],
      ["put", "a", "2"],
    ]);
    const [first, second] = [ledger.submit(bump), ledger.submit(bump)];
    await first;
    await faultOf(second, "CONFLICT");
    await ledger.submit(call([["put", "c", "1"]]));
    expect(await ledger.fsck()).to.deep.equal({ ok: true, blocks: await ledger.height(), transactions: 6, keys: 5 });
    await ledger.close();
  });
  afterEach(() => folders.clear());

  async function damage(change: (db: Database) => Promise<void>): Promise<void> {
    const db: Database = new Level(path.join(folder, "ledger"), { valueEncoding: "buffer" });
    await change(db);
    await db.close();
  }

  async function report(): Promise<FsckReport> {
    const ledger = await open(folder);
    const found = await ledger.fsck();
    await ledger.close();
    return found;
  }

  async function faultAfter(change: (db: Database) => Promise<void>): Promise<string | undefined> {
    await damage(change);
    const { ok, fault } = await report();
    expect(ok).to.equal(fault === undefined);
    return fault?.code;
  }

  const edit = async (db: Database, key: string, change: (bytes: Buffer) => Buffer): Promise<void> =>
    db.put(key, change(await db.get(key)));

  const editBlock = (db: Database, number: number, change: (block: BlockParts) => Partial<BlockParts>): Promise<void> =>
    edit(db, KEYS.block(number), (bytes) => {
      const block = decodeBlock(bytes);
      return Buffer.from(encodeBlock({ ...block, ...change(block) }));
    });

  it("finds a changed value, a changed policy, an added and a missing key", async () => {
    const key = KEYS.publicKey("a");
    const entry = { version: { block: 4, tx: 0 }, value: Buffer.from("3"), policy: undefined };
    expect(
      await faultAfter((db) => edit(db, key, (bytes) => Buffer.concat([bytes.subarray(0, -1), Buffer.from("3")]))),
    ).to.equal("STATE");
    expect(await faultAfter((db) => db.put(KEYS.publicKey("z"), encodePublicEntry(entry)))).to.equal("STATE");
    expect(await faultAfter((db) => db.del(KEYS.publicKey("c")))).to.equal("STATE");
    expect(
      await faultAfter((db) =>
        edit(db, KEYS.publicKey("b"), (bytes) =>
          Buffer.concat([bytes.subarray(0, 10), Buffer.alloc(2), Buffer.from("1")]),
        ),
      ),
    ).to.equal("STATE");
  });

  it("finds a changed hash of private data", async () => {
    const found = await faultAfter(async (db) => {
      for await (const key of db.keys({ gte: "h", lt: "i", limit: 1 })) {
        await edit(db, key, (bytes) => Buffer.concat([bytes.subarray(0, -1), Buffer.of(bytes.at(-1)! ^ 1)]));
      }
    });
    expect(found).to.equal("STATE");
  });

  it("finds changed, missing and added private values", async () => {
    const at = { block: 2, tx: 0 };
    const [k, z] = ["k", "z"].map((key) => KEYS.privateValue(at, "org-HolderMSP", key));
    const original = encodePrivateValue(Buffer.from("secret"), undefined);
    expect(await faultAfter((db) => db.put(k!, encodePrivateValue(Buffer.from("Secret"), undefined)))).to.equal(
      "PRIVATE_DATA",
    );
    expect(await faultAfter((db) => db.del(k!))).to.equal("PRIVATE_DATA");
    expect(
      await faultAfter((db) =>
        db.batch([
          { type: "put", key: k!, value: original },
          { type: "put", key: z!, value: original },
        ]),
      ),
    ).to.equal("PRIVATE_DATA");
    expect(await faultAfter((db) => db.del(z!))).to.equal(undefined);
    const elsewhere = KEYS.privateValue({ block: 3, tx: 0 }, "org-HolderMSP", "k");
    expect(await faultAfter((db) => db.put(elsewhere, original))).to.equal("PRIVATE_DATA");
  });

  it("finds a flipped validation code", async () => {
    for (const number of [1, 4, 5]) {
      await damage((db) =>
        editBlock(db, number, ({ codes }) => ({ codes: codes.map((code) => (code === 0 ? 11 : 0)) })),
      );
      expect((await report()).fault).to.include({ code: "TX_FILTER", block: number });
      await damage((db) =>
        editBlock(db, number, ({ codes }) => ({ codes: codes.map((code) => (code === 0 ? 11 : 0)) })),
      );
    }
    expect((await report()).ok).to.equal(true);
  });

  it("finds a changed commit hash", async () => {
    const change = (db: Database): Promise<void> => editBlock(db, 2, () => ({ commitHash: Buffer.alloc(32, 1) }));
    expect(await faultAfter(change)).to.equal("COMMIT_HASH");
  });

  it("finds an index that leads elsewhere, or to nothing", async () => {
    const key = KEYS.transaction("00".repeat(32));
    expect(await faultAfter((db) => db.put(key, Buffer.alloc(11)))).to.equal("TX_INDEX");
    await damage((db) => db.del(key));
    const moved = await faultAfter(async (db) => {
      for await (const name of db.keys({ gte: "t", lt: "u", limit: 1 })) await edit(db, name, () => Buffer.alloc(11));
    });
    expect(moved).to.equal("TX_INDEX");
  });

  it("finds bytes that hide in a block", async () => {
    const change = (db: Database): Promise<void> =>
      edit(db, KEYS.block(1), (bytes) => Buffer.concat([bytes, Buffer.from([0x28, 1])]));
    expect(await faultAfter(change)).to.equal("BLOCK_MALFORMED");
  });

  it("finds a block whose seal is missing, another's, or over another header", async () => {
    for (const change of [
      () => ({ seal: undefined }),
      ({ seal }: BlockParts) => ({ seal: { ...seal!, signature: Buffer.alloc(70, 1) } }),
    ]) {
      let kept: Buffer = Buffer.alloc(0);
      await damage(async (db) => {
        kept = (await db.get(KEYS.block(3)))!;
        await editBlock(db, 3, change);
      });
      expect((await report()).fault).to.include({ code: "ORDERER_QUORUM", block: 3 });
      await damage((db) => db.put(KEYS.block(3), kept));
    }
    const { members } = await openOrganisations(folder, topology, { clock: () => NOW, random });
    const { peer } = members.get(HOLDER)!;
    const forged = (db: Database): Promise<void> =>
      editBlock(db, 3, ({ header, ordererMetadata }) => ({
        seal: sealBlock(header, ordererMetadata, peer, random(24)),
      }));
    expect(await faultAfter(forged)).to.equal("ORDERER_QUORUM");
  });

  it("finds a last block that was rewritten and sealed by the orderer itself: nobody can sign for a client", async () => {
    const { orderer } = await openOrganisations(folder, topology, { clock: () => NOW, random });
    await damage(async (db) => {
      const tip = (await db.keys({ gte: "b", lt: "c", reverse: true, limit: 1 }).next())!;
      const number = Number.parseInt(tip.slice(1, 13), 16);
      const block = decodeBlock(await db.get(KEYS.block(number)));
      const envelope = common.Envelope.deserializeBinary(block.envelopes[0]!);
      const payload = Buffer.from(envelope.getPayload_asU8())
        .toString("latin1")
        .replaceAll('["put","c","1"]', '["put","c","7"]');
      envelope.setPayload(Buffer.from(payload, "latin1"));
      const envelopes = [envelope.serializeBinary()];
      const header = { ...block.header, dataHash: dataHashOf(envelopes) };
      const seal = sealBlock(header, block.ordererMetadata, orderer.signer, random(24));
      const bytes = Buffer.from(encodeBlock({ ...block, header, envelopes, seal }));
      const newTip = encodeTip({ number, hash: headerHash(header), commitHash: block.commitHash });
      await db.batch([
        { type: "put", key: KEYS.block(number), value: bytes },
        { type: "put", key: KEYS.tip, value: newTip },
      ]);
    });
    expect(["TX_NOT_WELL_FORMED", "TX_FILTER"]).to.include((await report()).fault?.code);
  });

  it("and opening, too, find a block that is missing, cut out, or not the one that was written", async () => {
    const corrupt = async (): Promise<string | undefined> => (await quanjiErrorOf(open(folder))).detail;
    let kept: Buffer = Buffer.alloc(0);
    await damage(async (db) => {
      kept = (await db.get(KEYS.block(2)))!;
      await db.del(KEYS.block(2));
    });
    expect(await corrupt()).to.equal("LEDGER_CORRUPT");
    await damage((db) => db.put(KEYS.block(2), kept));
    expect((await report()).ok).to.equal(true);
    await damage((db) => editBlock(db, 2, ({ envelopes }) => ({ envelopes: envelopes.map((one) => one.slice(1)) })));
    expect(await corrupt()).to.equal("LEDGER_CORRUPT");
    await damage((db) => db.put(KEYS.block(2), kept));
    await damage((db) => db.put(KEYS.block(900), kept));
    expect(await corrupt()).to.equal("LEDGER_CORRUPT");
    await damage((db) => db.del(KEYS.tip));
    expect(await corrupt()).to.equal("LEDGER_CORRUPT");
  });
});
