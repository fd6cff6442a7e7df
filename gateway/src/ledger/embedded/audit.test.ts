/** The deep audit against the embedded ledger's blocks, and against everything that can be done to them with real keys. */
import { hash } from "node:crypto";
import { common } from "@hyperledger/fabric-protos";
import {
  appendLeaves,
  emptyFrontier,
  frontierToJson,
  type Hash,
  hashText,
  rootOf,
  sha256 as hashOf,
  utf8,
} from "@quanji/chaincode/log";
import { LEAVES_EVENT } from "@quanji/chaincode/world";
import { type AuditFinding, type AuditVerdict, auditBlocks, type KnownRoot } from "@quanji/client/audit";
import { expect } from "chai";
import {
  type BlockParts,
  dataHashOf,
  decodeBlock,
  encodeBlock,
  headerHash,
  newOrdererMetadata,
  sealBlock,
} from "./block.js";
import type { Signer } from "./identity.js";
import { allOf, encodePolicy } from "./policy.js";
import { encodePrivateWrites, keyHashOf, type ReadWriteSet } from "./rwset.js";
import { type Crafted, Workbench } from "./testing/attack.js";
import { EXCHANGE, Folders, HOLDER, random, REGULATOR } from "./testing/open.js";
import { endorse, NONCE_BYTES, type Transaction } from "./transaction.js";
import { CODE } from "./validator.js";

const ORIGIN = "quanji.example/test/gw/0";
const value = Buffer.from("1");
const put = (key: string): Partial<ReadWriteSet> => ({ writes: [{ key, value }] });
const leaves = ["a", "b", "c"].map((text) => hashOf(utf8(text)));

/** A write of the log's head after these leaves, with the event that shows the newest of them. */
function batch(all: readonly Hash[], first: number, change: object = {}): Pick<Crafted, "rwset" | "event"> {
  const frontier = appendLeaves(emptyFrontier(), all);
  const head = { size: all.length, root: hashText(rootOf(frontier)), frontier: frontierToJson(frontier), ...change };
  const payload = JSON.stringify({ log: ORIGIN, first, leaves: all.slice(first).map(hashText) });
  return {
    rwset: { writes: [{ key: `log/${ORIGIN}`, value: Buffer.from(JSON.stringify(head)) }] },
    ...(all.length > 0 && { event: { name: LEAVES_EVENT, payload } }),
  };
}

describe("deep audit of the embedded ledger", () => {
  const folders = new Folders();
  let bench: Workbench;
  let blocks: readonly Uint8Array[];
  let used: Transaction;

  const both = { client: HOLDER, endorsers: [HOLDER, REGULATOR] } as const;
  const craft = (rwset: Partial<ReadWriteSet>, change: Partial<Crafted> = {}): Transaction =>
    bench.craft({ rwset, ...both, ...change });

  before(async () => {
    bench = await Workbench.open(await folders.make());
    const hashed = { keyHash: keyHashOf("k"), valueHash: hash("sha256", value, "buffer") };
    const privately = { name: `org-${HOLDER}`, reads: [], writes: [hashed] };
    const privateHash = hash("sha256", encodePrivateWrites([{ key: "k", value }]), "buffer");
    used = craft(put("a"));
    expect(await bench.order(used)).to.deep.equal(["VALID"]); // 1
    const reads = [{ key: "a", version: { block: 1, tx: 0 } }];
    expect(
      await bench.order(
        craft({ ...put("a"), reads }),
        craft({ ...put("b"), reads }),
        craft(put("c"), { endorsers: [HOLDER] }),
        [
          craft({ collections: [{ ...privately, privateHash }] }),
          [{ collection: `org-${HOLDER}`, writes: [{ key: "k", value }] }],
        ],
      ),
    ).to.deep.equal(["VALID", "MVCC_READ_CONFLICT", "ENDORSEMENT_POLICY_FAILURE", "VALID"]); // 2, and the others in 3
    const policy = encodePolicy(allOf([EXCHANGE]));
    await bench.order(craft({ ...put("own"), policies: [{ key: "own", policy }] })); // 4
    await bench.order(craft(put("own"), { client: EXCHANGE, endorsers: [EXCHANGE] }), craft(put("own"))); // 5, 6
    for (const [all, first] of [
      [[], 0],
      [leaves.slice(0, 2), 0],
      [leaves, 2],
    ] as const) {
      const { rwset, ...event } = batch(all, first);
      expect(await bench.order(craft(rwset, event))).to.deep.equal(["VALID"]); // 7, 8, 9
    }
    blocks = bench.blocks();
  });
  after(async () => {
    await bench.close();
    await folders.clear();
  });

  const trust = (configs: readonly Uint8Array[] = [], genesis = blocks[0]!) => {
    const hashes = [genesis, ...configs].map((block) => headerHash(decodeBlock(block).header).toString("base64url"));
    return { genesis: hashes[0]!, configs: hashes };
  };
  const audit = (changed: readonly Uint8Array[], known: readonly KnownRoot[] = []): Promise<AuditVerdict> =>
    auditBlocks(changed, trust(), { known });
  const parts = (number: number): BlockParts => decodeBlock(blocks[number]!);

  /** The block with other content, signed anew by the orderer or whoever is named. */
  function forge(number: number, change: Partial<BlockParts>, signer: Signer = bench.ordering): Uint8Array {
    const before = parts(number);
    const envelopes = change.envelopes ?? before.envelopes;
    const header = change.header ?? { ...before.header, dataHash: dataHashOf(envelopes) };
    const ordererMetadata = change.ordererMetadata ?? before.ordererMetadata;
    const seal = sealBlock(header, ordererMetadata, signer, random(NONCE_BYTES));
    return encodeBlock({ ...before, seal, ...change, header });
  }
  /** These transactions as the block after the others, stored as valid: what a bad orderer and peer could make. */
  function appended(...transactions: readonly (Transaction | Uint8Array)[]): Uint8Array[] {
    const envelopes = transactions.map((one) => ("envelope" in one ? one.envelope : one));
    const previousHash = headerHash(decodeBlock(blocks.at(-1)!).header);
    const header = { number: blocks.length, previousHash, dataHash: dataHashOf(envelopes) };
    return [...blocks, forge(1, { header, envelopes, codes: new Uint8Array(envelopes.length) })];
  }
  const upTo = (number: number, last: Uint8Array): Uint8Array[] => [...blocks.slice(0, number), last];

  async function refused(changed: readonly Uint8Array[], finding: AuditFinding, block: number, tx?: number) {
    const verdict = await audit(changed);
    expect(verdict, verdict.message).to.deep.include({ ok: false, code: "PROOF_INVALID", detail: finding });
    expect(verdict.at).to.deep.equal(tx === undefined ? { block } : { block, tx });
    expect(verdict.blocks, "blocks before it hold").to.equal(block);
  }

  it("holds, counts what there is, and says what it did not check", async () => {
    const seen: number[] = [];
    const verdict = await auditBlocks(blocks, trust(), { progress: (n) => seen.push(n) });
    expect(verdict).to.deep.equal({
      ok: true,
      kind: "audit",
      ledger: "embedded",
      channel: "quanji",
      blocks: 10,
      lastHash: headerHash(parts(9).header).toString("base64url"),
      transactions: 11,
      valid: 8,
      configs: 1,
      keys: 4,
      logs: [
        { origin: ORIGIN, size: 3, root: hashText(rootOf(appendLeaves(emptyFrontier(), leaves))), checkpoints: 0 },
      ],
      unchecked: ["later", "organisations", "private", "commitHash", "checkpoints"],
    });
    expect(seen).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  it("no bit of what is signed can be flipped, in any byte of any block", async () => {
    /** All but what nobody signs. Block 0 is pinned instead of signed, so its metadata mean nothing. */
    const essence = (bytes: Uint8Array): string => {
      const block = common.Block.deserializeBinary(bytes);
      const slots = block.getMetadata()?.getMetadataList_asU8() ?? [];
      const { SIGNATURES, TRANSACTIONS_FILTER } = common.BlockMetadataIndex;
      const signed = block.getHeader()?.getNumber() === 0 ? [] : [slots[SIGNATURES], slots[TRANSACTIONS_FILTER]];
      return JSON.stringify([block.getHeader()?.toObject(), block.getData()?.toObject(), signed]);
    };
    let accepted = 0;
    for (const number of [0, 1]) {
      const original = blocks[number]!;
      const pinned = trust();
      // Everywhere but in the envelope, whose bytes are hashed one after the other: there a sample.
      const [envelope] = parts(number).envelopes as [Uint8Array];
      const start = Buffer.from(original).indexOf(envelope);
      for (let at = 0; at < original.length; at += at >= start && at < start + envelope.length ? 97 : 1) {
        const bytes = Uint8Array.from(original);
        bytes[at] = bytes[at]! ^ (1 << (at % 8));
        const verdict = await auditBlocks([...blocks.slice(0, number), bytes], pinned);
        // Validity bytes that are not there are said to be unchecked.
        if (!verdict.ok || verdict.unchecked.includes("filter")) continue;
        expect(essence(bytes) === essence(original), `byte ${at} of block ${number}`).to.equal(true);
        accepted++;
      }
    }
    expect(accepted, "the commit hash, block 0's metadata, and what frames them").to.be.within(1, 120);
  }).timeout(0);

  it("a block dropped, doubled, swapped, or of another ledger", async () => {
    const [zero, one, two, three] = blocks as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
    await refused([zero, two], "BLOCK_CHAIN", 1);
    await refused([zero, one, one], "BLOCK_CHAIN", 2);
    await refused([zero, one, three, two], "BLOCK_CHAIN", 2);
    await refused([one, two], "BLOCK_CHAIN", 0);
    expect(await audit([])).to.deep.include({ ok: false, detail: "BLOCK_MISSING", blocks: 0 });
    const other = await Workbench.open(await folders.make());
    await refused(other.blocks(), "GENESIS_HASH", 0);
    await other.close();
    await refused(
      upTo(2, forge(2, { header: { ...parts(2).header, previousHash: Buffer.alloc(32) } })),
      "BLOCK_CHAIN",
      2,
    );
    await refused(upTo(1, new Uint8Array([1, 2, 3])), "BLOCK_MALFORMED", 1);
  });

  it("bytes moved between envelopes under the same hash, and an envelope encoded otherwise", async () => {
    const [first, second, ...rest] = parts(3).envelopes as [Uint8Array, Uint8Array, ...Uint8Array[]];
    const joined = Buffer.concat([first, second]);
    const split = [joined.subarray(0, first.length + 1), joined.subarray(first.length + 1), ...rest];
    const resplit = encodeBlock({ ...parts(3), envelopes: split });
    await refused(upTo(3, resplit), "TX_NOT_WELL_FORMED", 3, 0);
    const merged = encodeBlock({ ...parts(3), envelopes: [joined, ...rest] });
    await refused(upTo(3, merged), "TX_NOT_WELL_FORMED", 3, 0);
    const trailing = Buffer.concat([first, Uint8Array.of(0x18, 0x01)]); // field 3, which no envelope has
    await refused(upTo(3, forge(3, { envelopes: [trailing, second, ...rest] })), "TX_NOT_WELL_FORMED", 3, 0);
    const fields = common.Envelope.deserializeBinary(first);
    const turned = Buffer.concat([part(2, fields.getSignature_asU8()), part(1, fields.getPayload_asU8())]);
    await refused(upTo(3, forge(3, { envelopes: [turned, second, ...rest] })), "TX_NOT_WELL_FORMED", 3, 0);
    await refused(upTo(3, forge(3, { envelopes: [] })), "TX_NOT_WELL_FORMED", 3);
    await refused(upTo(3, encodeBlock({ ...parts(3), envelopes: [second, first, ...rest] })), "BLOCK_DATA_HASH", 3);
  });

  it("a block without an orderer's signature, or by whoever is none", async () => {
    const { seal } = parts(2);
    await refused(upTo(2, encodeBlock({ ...parts(2), seal: undefined })), "ORDERER_QUORUM", 2);
    await refused(upTo(2, encodeBlock({ ...parts(2), seal: parts(1).seal })), "ORDERER_QUORUM", 2);
    await refused(upTo(2, forge(2, {}, bench.peer(REGULATOR))), "ORDERER_QUORUM", 2);
    await refused(
      upTo(2, forge(2, {}, { ...bench.peer(REGULATOR), identity: bench.ordering.identity })),
      "ORDERER_QUORUM",
      2,
    );
    const other = await Workbench.open(await folders.make());
    await refused(upTo(2, forge(2, {}, other.ordering)), "ORDERER_QUORUM", 2);
    await other.close();
    const elsewhere = new common.OrdererBlockMetadata();
    elsewhere.setLastConfig(lastConfig(1));
    await refused(upTo(2, forge(2, { ordererMetadata: elsewhere.serializeBinary() })), "LAST_CONFIG", 2);
    await refused(
      upTo(2, encodeBlock({ ...parts(2), ordererMetadata: elsewhere.serializeBinary(), seal })),
      "ORDERER_QUORUM",
      2,
    );
    expect(newOrdererMetadata()).to.deep.equal(parts(2).ordererMetadata);
  });

  it("a validity byte flipped either way, left out, or of a stale read", async () => {
    const withCodes = (...codes: number[]): Uint8Array[] =>
      upTo(3, encodeBlock({ ...parts(3), codes: Uint8Array.from(codes) }));
    const { VALID, MVCC_READ_CONFLICT: CONFLICT, ENDORSEMENT_POLICY_FAILURE: POLICY } = CODE;
    expect((await audit(withCodes(CONFLICT, POLICY, VALID))).ok).to.equal(true);
    await refused(withCodes(VALID, POLICY, VALID), "TX_CONFLICT", 3, 0);
    await refused(withCodes(POLICY, POLICY, VALID), "TX_FILTER", 3, 0);
    await refused(withCodes(CONFLICT, VALID, VALID), "ENDORSEMENT_POLICY", 3, 1);
    await refused(withCodes(CONFLICT, POLICY, CONFLICT), "TX_FILTER", 3, 2);
    await refused(withCodes(CONFLICT, POLICY, 77), "TX_FILTER", 3, 2);
    await refused(withCodes(CONFLICT, POLICY), "TX_FILTER", 3);
    await refused(withCodes(), "TX_FILTER", 3);
    const none = blocks.map((block) => encodeBlock({ ...decodeBlock(block), codes: new Uint8Array() }));
    const { unchecked, ok, valid } = await audit(none);
    expect([ok, unchecked.includes("filter"), valid], "as an orderer has them").to.deep.equal([true, true, 8]);
  });

  it("endorsements taken away, by the wrong organisation, twice by one, and over other bytes", async () => {
    const last = blocks.length;
    const lacking: Partial<Crafted>[] = [
      { endorsers: [] },
      { endorsers: [HOLDER] },
      { endorsers: [REGULATOR] },
      { endorsers: [HOLDER, EXCHANGE] },
      { endorsers: (response) => [endorse(bench.peer(REGULATOR), response), endorse(bench.peer(REGULATOR), response)] },
      { endorsers: (response) => [bench.peer(REGULATOR), bench.client(HOLDER)].map((one) => endorse(one, response)) },
      { endorsers: () => [REGULATOR, HOLDER].map((msp) => endorse(bench.peer(msp), used.response)) },
      {
        endorsers: (response) => [
          endorse(bench.peer(REGULATOR), response),
          { ...endorse(bench.peer(REGULATOR), response), endorser: bench.peer(HOLDER).identity },
        ],
      },
    ];
    for (const change of lacking) await refused(appended(craft(put("x"), change)), "ENDORSEMENT_POLICY", last, 0);
    expect((await audit(appended(craft(put("x"))))).ok).to.equal(true);
    // The key's own policy replaces the chaincode's, and the collection has its own.
    await refused(appended(craft(put("own"))), "ENDORSEMENT_POLICY", last, 0);
    const theirs = { name: `org-${HOLDER}`, reads: [], privateHash: Buffer.alloc(32) };
    const writes = [{ keyHash: keyHashOf("k"), valueHash: Buffer.alloc(32) }];
    const endorsers = [REGULATOR, EXCHANGE];
    await refused(
      appended(craft({ collections: [{ ...theirs, writes }] }, { endorsers })),
      "ENDORSEMENT_POLICY",
      last,
      0,
    );
    const nobodys = { ...theirs, name: "org-NobodyMSP", writes };
    await refused(appended(craft({ collections: [nobodys] })), "ENDORSEMENT_POLICY", last, 0);
    // A policy that the block itself moves is not known.
    const policies = [{ key: "x", policy: encodePolicy(allOf([HOLDER])) }];
    await refused(appended(craft({ ...put("x"), policies }), craft(put("x"))), "ENDORSEMENT_POLICY", last, 1);
  });

  it("a creator that is none, a message for another channel, an id used again", async () => {
    const last = blocks.length;
    await refused(appended(craft(put("x"), { signer: bench.client(EXCHANGE) })), "TX_CREATOR", last, 0);
    const envelope = common.Envelope.deserializeBinary(used.envelope);
    envelope.setSignature(craft(put("y")).signature);
    await refused(appended(envelope.serializeBinary()), "TX_CREATOR", last, 0);
    await refused(appended(used), "TX_DUPLICATE", last, 0);
    const fresh = craft(put("x"));
    await refused(appended(fresh, fresh), "TX_DUPLICATE", last, 1);
    await refused(appended(craft(put("x"), { channel: "other" })), "TX_FORM", last, 0);
    await refused(appended(part(1, Buffer.from("nonsense")), fresh), "TX_NOT_WELL_FORMED", last, 0);
  });

  it("reads of what had changed: in an earlier block, in the same, and of what was or was not there", async () => {
    const last = blocks.length;
    const read = (key: string, version?: { block: number; tx: number }): Partial<ReadWriteSet> => ({
      ...put("z"),
      reads: [{ key, version }],
    });
    expect((await audit(appended(craft(read("a", { block: 2, tx: 0 }))))).ok).to.equal(true);
    await refused(appended(craft(read("a", { block: 1, tx: 0 }))), "TX_CONFLICT", last, 0);
    await refused(appended(craft(read("a"))), "TX_CONFLICT", last, 0);
    await refused(appended(craft(read("nothing", { block: 1, tx: 0 }))), "TX_CONFLICT", last, 0);
    await refused(appended(craft(put("a")), craft(read("a", { block: 2, tx: 0 }))), "TX_CONFLICT", last, 1);
    const stale = { name: `org-${HOLDER}`, writes: [], privateHash: undefined };
    const reads = [{ keyHash: keyHashOf("k"), version: undefined }];
    await refused(appended(craft({ collections: [{ ...stale, reads }] })), "TX_CONFLICT", last, 0);
  });

  it("a configuration that the trust file does not name, and one among other transactions", async () => {
    const genesis = common.Envelope.deserializeBinary(parts(0).envelopes[0]!);
    const payload = common.Payload.deserializeBinary(genesis.getPayload_asU8());
    const header = new common.SignatureHeader();
    header.setCreator(bench.client(REGULATOR).identity);
    header.setNonce(random(NONCE_BYTES));
    payload.getHeader()?.setSignatureHeader(header.serializeBinary());
    const bytes = payload.serializeBinary();
    genesis.setPayload(bytes);
    genesis.setSignature(bench.client(REGULATOR).sign(bytes));
    const envelopes = [genesis.serializeBinary()];
    const place = { number: blocks.length, previousHash: headerHash(parts(blocks.length - 1).header) };
    const ordererMetadata = new common.OrdererBlockMetadata();
    ordererMetadata.setLastConfig(lastConfig(blocks.length));
    const forged = forge(1, {
      header: { ...place, dataHash: dataHashOf(envelopes) },
      envelopes,
      ordererMetadata: ordererMetadata.serializeBinary(),
    });
    await refused([...blocks, forged], "CONFIG_UNKNOWN", blocks.length, 0);
    expect(await auditBlocks([...blocks, forged], trust([forged]))).to.deep.include({ ok: true, configs: 2 });
    await refused(appended(envelopes[0]!, craft(put("x"))), "TX_NOT_WELL_FORMED", blocks.length, 0);
  });

  it("a log's head that does not follow from its leaves", async () => {
    const last = blocks.length;
    const more = [...leaves, hashOf(utf8("d"))];
    const log = ({ rwset, ...event }: Pick<Crafted, "rwset" | "event">): Uint8Array[] => appended(craft(rwset, event));
    expect((await audit(log(batch(more, 3)))).logs[0]).to.include({ size: 4 });
    const wrong: Pick<Crafted, "rwset" | "event">[] = [
      batch(more, 3, { root: hashText(hashOf(utf8("other"))) }),
      batch(more, 3, { frontier: [] }),
      batch(more, 3, { size: 5 }),
      batch([...leaves.slice(0, 2), hashOf(utf8("x")), more[3]!], 3),
      batch(more, 2),
      { rwset: batch(more, 3).rwset },
      { rwset: put("x"), event: batch(more, 3).event! },
      { rwset: batch(more, 3).rwset, event: { name: LEAVES_EVENT, payload: "{" } },
      {
        rwset: batch(more, 3).rwset,
        event: { name: LEAVES_EVENT, payload: `{"log":"${ORIGIN}","first":3,"leaves":["x"]}` },
      },
      { rwset: { writes: [{ key: `log/${ORIGIN}`, value }] } },
    ];
    for (const one of wrong) await refused(log(one), "WRITESET_MISMATCH", last, 0);
  });

  it("checkpoints: compared at any size, also within a batch; another root is a fork, a larger log misses blocks", async () => {
    const rootAt = (size: number): Hash => rootOf(appendLeaves(emptyFrontier(), leaves.slice(0, size)));
    const at = (size: number, root = rootAt(size)): KnownRoot => ({ origin: ORIGIN, size, root, source: "c.note" });
    const { ok, logs, unchecked } = await audit(blocks, [at(3), at(1)]);
    expect([ok, logs[0]?.checkpoints, unchecked.includes("checkpoints")]).to.deep.equal([true, 2, false]);
    const forked = await audit(blocks, [at(1, rootAt(2))]);
    expect(forked).to.deep.include({ detail: "FORK", at: { block: 8, tx: 0 } });
    expect(await audit(blocks, [at(4, rootAt(3))])).to.deep.include({ ok: false, detail: "LOG_SIZE" });
    expect(await audit(blocks, [{ ...at(1), origin: "other" }])).to.deep.include({ ok: false, detail: "LOG_SIZE" });
  });
});

const lastConfig = (index: number): common.LastConfig => {
  const message = new common.LastConfig();
  message.setIndex(index);
  return message;
};

/** A field of bytes, shorter than 2 MiB. */
function part(field: number, bytes: Uint8Array): Buffer {
  const length: number[] = [];
  for (let rest = bytes.length; ; rest >>= 7) {
    length.push(rest > 127 ? (rest & 127) | 128 : rest);
    if (rest <= 127) break;
  }
  return Buffer.concat([Uint8Array.of(field * 8 + 2, ...length), bytes]);
}
