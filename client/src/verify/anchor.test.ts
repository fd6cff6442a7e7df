import { keccak_256 } from "@noble/hashes/sha3.js";
import { isQuanjiError } from "@quanji/chaincode/domain";
import { canonical, consistencyProof, type Hash, hashText, sha256, utf8 } from "@quanji/chaincode/log";
import { expect } from "chai";
import fc from "fast-check";
import { decodeRlp, encodeRlp, type Rlp } from "./anchor/rlp.js";
import { proofOf, provenEntry } from "./anchor/trie.js";
import * as anchors from "./attacks-anchor.support.test.js";
import { TWO_OF_THREE, witnesses } from "./attacks-trust.support.test.js";
import { anchorOf, CHAIN, CONTRACT } from "./chain.support.test.js";
import { openTrust, type TileSource, upgradeReceipt, upgradeTrail, verifyReceipt, verifyTrail } from "./index.js";
import { publishedLog, sourceOf, treeOf } from "./static.support.test.js";
import { LOG, trustFile } from "./support.test.js";

const codeOf = (work: () => unknown): string => {
  try {
    work();
    return "taken";
  } catch (error) {
    if (!isQuanjiError(error)) throw error;
    return error.detail ?? error.code;
  }
};
const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "hex"));
const texts = async (lines: AsyncIterable<string>): Promise<string> => {
  const all: string[] = [];
  for await (const line of lines) all.push(line);
  return all.join("");
};

describe("RLP", () => {
  const bytes = fc.oneof(fc.uint8Array({ maxLength: 80 }), fc.uint8Array({ minLength: 1, maxLength: 1 }));
  const { value } = fc.letrec<{ value: Rlp }>((tie) => ({
    value: fc.oneof({ maxDepth: 3 }, bytes, fc.array(tie("value"), { maxLength: 6 })),
  }));

  it("decodes what it encodes, and nothing but that", () => {
    fc.assert(fc.property(value, (one) => void expect(decodeRlp(encodeRlp(one))).to.deep.equal(one)));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (some) => {
        const outcome = codeOf(() => expect(encodeRlp(decodeRlp(some))).to.deep.equal(some));
        expect(outcome).to.be.oneOf(["taken", "ANCHOR_MALFORMED"]);
      }),
    );
  });

  it("is Ethereum's, by its own examples", () => {
    for (const [item, text] of [
      [utf8("dog"), "83646f67"],
      [[utf8("cat"), utf8("dog")], "c88363617483646f67"],
      [new Uint8Array(0), "80"],
      [[], "c0"],
      [Uint8Array.of(0), "00"],
      [Uint8Array.of(4, 0), "820400"],
      [[[], [[]], [[], [[]]]], "c7c0c1c0c3c0c1c0"],
    ] as const) {
      expect(Buffer.from(encodeRlp(item)).toString("hex")).to.equal(text);
    }
  });

  it("refuses another spelling", () => {
    for (const text of ["", "8100", "81", "b80161", "b90001", "c180c0", "c2817f", "f80180", "b838", "bf01", "c2c1"]) {
      expect(
        codeOf(() => decodeRlp(hex(text))),
        text,
      ).to.equal("ANCHOR_MALFORMED");
    }
    expect(codeOf(() => decodeRlp(hex("c7c6c5c4c3c2c1c0")))).to.equal("ANCHOR_MALFORMED");
  });
});

describe("a block's trie of receipts", () => {
  const entries = (size: number): Uint8Array[] =>
    Array.from({ length: size }, (_, i) =>
      Uint8Array.of(2, ...sha256(utf8(`receipt ${i}`)), ...utf8("x".repeat(i % 90))),
    );

  it("proves each entry, for all sizes at which its shape changes", () => {
    for (const size of [1, 2, 3, 16, 17, 128, 129, 257, 300]) {
      const all = entries(size);
      const { root } = proofOf(all, 0);
      for (const [i, entry] of all.entries()) {
        if (size > 17 && ![0, 1, 15, 16, 126, 127, 128, 255, 256, size - 1].includes(i)) continue;
        const { nodes, root: same } = proofOf(all, i);
        expect(same).to.deep.equal(root);
        expect(provenEntry(root, i, nodes)).to.deep.equal(entry);
        expect(codeOf(() => provenEntry(root, i + 1, nodes))).to.equal("ANCHOR_PROOF");
      }
    }
  });

  it("of nothing is what Ethereum says", () => {
    expect(Buffer.from(proofOf([], 0).root).toString("hex")).to.equal(
      "56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421",
    );
  });

  it("does not take nodes of other shapes", () => {
    const asRoot = (items: Rlp): string => {
      const node = encodeRlp(items);
      return codeOf(() => provenEntry(keccak_256(node), 0, [node]));
    };
    const value = new Uint8Array(40);
    expect(asRoot([hex("2080"), value])).to.equal("taken");
    expect(asRoot([hex("2081"), value])).to.equal("ANCHOR_PROOF");
    expect(asRoot([hex("208080"), value])).to.equal("ANCHOR_PROOF");
    expect(asRoot([hex("2180"), value])).to.equal("ANCHOR_MALFORMED");
    expect(asRoot([hex("4080"), value])).to.equal("ANCHOR_MALFORMED");
    expect(asRoot([new Uint8Array(0), value])).to.equal("ANCHOR_MALFORMED");
    expect(asRoot([hex("38"), value])).to.equal("ANCHOR_PROOF");
    expect(asRoot([hex("20"), value])).to.equal("ANCHOR_PROOF");
    expect(asRoot([value, value, value])).to.equal("ANCHOR_MALFORMED");
    expect(asRoot([hex("0080"), new Uint8Array(32)])).to.equal("ANCHOR_PROOF");
    expect(asRoot([hex("0080"), value])).to.equal("ANCHOR_MALFORMED");
    expect(asRoot(Array.from({ length: 17 }, () => value))).to.equal("ANCHOR_MALFORMED");
    expect(codeOf(() => provenEntry(new Uint8Array(32), 0, []))).to.equal("ANCHOR_PROOF");
  });
});

describe("the level anchored", () => {
  before(anchors.prepareAnchored);
  const NOW = () => anchors.world.nowMs;
  const open = (payload: object, blockHashes: readonly string[] = []) =>
    openTrust(trustFile(payload), { now: NOW(), blockHashes });

  it("is reached by a pinned block, and told with where and when", async () => {
    const anchored = await anchors.anchoredAt(5);
    const trust = await open(anchors.trustPayload(anchored));
    const verdict = await verifyReceipt(anchors.fileWith(anchored), trust, { level: "anchored" });
    expect(verdict).to.include({ ok: true, level: "anchored" });
    const { chain, contract, block, size } = anchored.anchor;
    const time = new Date(anchors.world.time * 1000).toISOString();
    expect(verdict.anchors).to.deep.equal([{ log: LOG, size, chain, contract, block, number: 17, time, pinned: true }]);
    const trail = await verifyTrail(
      await anchors.trailWith(await anchors.anchoredAt(8)),
      await open(anchors.trustPayload(await anchors.anchoredAt(8))),
    );
    expect(trail).to.include({ ok: true, level: "anchored" });
    expect(trail.anchors?.map((one) => [one.log, one.size])).to.deep.equal([[LOG, 8]]);
  });

  it("is not reached by a block that is not pinned; who knows that it is final, says so", async () => {
    const anchored = await anchors.anchoredAt(5);
    const file = anchors.fileWith(anchored);
    const payload = anchors.trustPayload();
    const plain = await verifyReceipt(file, await open(payload));
    expect(plain).to.include({ ok: true, level: "committed" });
    expect(plain.anchors?.[0]).to.include({ pinned: false, block: anchored.anchor.block });
    const told = await open(payload, [anchored.anchor.block]);
    expect(await verifyReceipt(file, told)).to.include({ ok: true, level: "anchored" });
  });

  it("is nobody's where the trust file names no contract, however the block is pinned", async () => {
    const anchored = await anchors.anchoredAt(5);
    const trust = await open(anchors.world.trustPayload(), [anchored.anchor.block]);
    const verdict = await verifyReceipt(anchors.fileWith(anchored), trust);
    expect(verdict).to.include({ ok: true, level: "committed" });
    expect(verdict).not.to.have.property("anchors");
    expect(await verifyReceipt(anchors.fileWith(anchored), trust, { level: "anchored" })).to.include({
      code: "UNDERWITNESSED",
      detail: "ANCHOR_MISSING",
    });
  });

  it("takes the place of no witness", async () => {
    const anchored = await anchors.anchoredAt(5);
    const trust = await open({ ...anchors.trustPayload(anchored), policy: TWO_OF_THREE });
    for (const level of ["committed", "cosigned", "anchored"] as const) {
      const verdict = await verifyReceipt(anchors.fileWith(anchored), trust, { level });
      expect(verdict).to.include({ ok: false, detail: "WITNESS_QUORUM" });
    }
  });

  describe("from static files", () => {
    const served = async (...heads: readonly { size: number; newest?: boolean }[]) => {
      const files = await publishedLog(anchors.leaves);
      const made = [];
      for (const { size, newest = false } of heads) {
        const { anchor } = await anchors.anchoredAt(size);
        const bytes = utf8(`${canonical(anchor, { maxBytes: 65_536, maxDepth: 3 })}\n`);
        files.set(`anchor/${anchor.block.slice(2)}`, bytes);
        if (newest) files.set("anchor/newest", bytes);
        made.push(anchor);
      }
      return { files, anchors: made, sources: (): readonly TileSource[] => [sourceOf(files)] };
    };
    const payloadWith = (...blocks: readonly string[]) =>
      anchors.world.trustPayload({ anchors: [{ chain: CHAIN, contract: CONTRACT, blocks: [...blocks] }] });
    const plain = async () => anchors.world.receipt(LOG, anchors.index);

    it("a receipt is upgraded to it, by the newest head", async () => {
      const { sources, anchors: made } = await served({ size: 4 }, { size: 7, newest: true });
      const trust = await open(payloadWith(made[1]!.block));
      const { text, verdict } = await upgradeReceipt(await plain(), trust, sources);
      expect(verdict).to.include({ ok: true, level: "anchored" });
      expect(verdict.anchors?.[0]).to.include({ size: 7 });
      expect(await verifyReceipt(text, trust, { level: "anchored" })).to.deep.equal(verdict);
    });

    it("by an older head, where that one's block is pinned; and stays there when upgraded again", async () => {
      const { sources, anchors: made, files } = await served({ size: 4 }, { size: 7, newest: true });
      const trust = await open(payloadWith(made[0]!.block));
      const { text, verdict } = await upgradeReceipt(await plain(), trust, sources);
      expect(verdict.anchors?.[0]).to.include({ size: 4, pinned: true });
      for (const name of [...files.keys()]) if (name.startsWith("anchor/")) files.delete(name);
      expect((await upgradeReceipt(text, trust, sources)).verdict).to.deep.equal(verdict);
    });

    it("stays what it is where no head holds it yet, and where the newest is no proof", async () => {
      const { sources, anchors: made, files } = await served({ size: 2, newest: true });
      const trust = await open(payloadWith(made[0]!.block));
      expect((await upgradeReceipt(await plain(), trust, sources)).verdict).to.include({
        ok: true,
        level: "committed",
      });
      files.set("anchor/newest", utf8("{}"));
      expect((await upgradeReceipt(await plain(), trust, sources)).verdict).to.include({
        ok: true,
        level: "committed",
      });
      const { anchor } = await anchors.anchoredAt(7, {}, () => ({ event: 0 }));
      files.set("anchor/newest", utf8(canonical(anchor, { maxBytes: 65_536, maxDepth: 3 })));
      expect((await upgradeReceipt(await plain(), trust, sources)).verdict).to.include({
        ok: true,
        level: "committed",
      });
    });

    it("a trail is upgraded to it, a line at a time", async () => {
      const { sources, anchors: made } = await served({ size: 8, newest: true });
      const trust = await open(payloadWith(made[0]!.block));
      const trail = await anchors.world.trail("grant", anchors.grant);
      const told: unknown[] = [];
      const upgraded = await texts(
        upgradeTrail(trail, { trust, sourcesOf: sources, upgraded: (log) => told.push(log) }),
      );
      expect(told).to.deep.equal([{ log: LOG, anchored: 8 }]);
      const verdict = await verifyTrail(upgraded, trust, { level: "anchored" });
      expect(verdict).to.include({ ok: true, level: "anchored", records: 8 });
      expect(await texts(upgradeTrail(upgraded, { trust, sourcesOf: sources }))).to.equal(upgraded);
    });

    it("a trail stays as it is where no head holds its last record", async () => {
      const { sources, anchors: made } = await served({ size: 5, newest: true });
      const trust = await open(payloadWith(made[0]!.block));
      const trail = await anchors.world.trail("grant", anchors.grant);
      expect(await texts(upgradeTrail(trail, { trust, sourcesOf: sources }))).to.equal(trail);
    });

    it("a trail is not upgraded from a log that is older, or another", async () => {
      const trust = await open(payloadWith());
      const trail = await anchors.world.trail("grant", anchors.grant);
      const refused = async (leaves: readonly Hash[]): Promise<string> => {
        const files = await publishedLog(leaves);
        return texts(upgradeTrail(trail, { trust, sourcesOf: () => [sourceOf(files)] })).then(
          () => "taken",
          (error: unknown) => (isQuanjiError(error) ? (error.detail ?? error.code) : String(error)),
        );
      };
      expect(await refused(anchors.leaves.slice(0, 5))).to.equal("CHECKPOINT_STALE");
      expect(await refused([...anchors.leaves].reverse())).to.equal("FORK");
    });
  });

  it("rests on the cosigned checkpoint that leads to the anchored one", async () => {
    const { world, index, leaves } = anchors;
    world.cosignatures = (text) => Promise.all([0, 1].map((i) => witnesses[i]!.cosign(text, world.time)));
    const [receipt, proof] = [await world.receipt(LOG, index), await world.proof(LOG, index)];
    world.cosignatures = () => Promise.resolve([]);
    const anchored = await anchors.anchoredAt(6);
    const trust = await open({ ...anchors.trustPayload(anchored), policy: TWO_OF_THREE });
    const text = canonical({ v: "quanji.upgraded.v1", receipt, proof, anchored }, { maxBytes: 1 << 18, maxDepth: 5 });
    expect(await verifyReceipt(text, trust, { level: "anchored" })).to.include({ ok: true, level: "anchored" });
    // A head that is larger than the proof's checkpoint: the proof's tree is where it begins.
    const grown = [...leaves, sha256(utf8("later"))];
    const later = anchorOf(anchors.headAt(9, grown), { seconds: world.time });
    const consistency = (await consistencyProof(8, 9, treeOf(grown).read)).map(hashText);
    const wider = { anchor: later, consistency };
    const file = canonical(
      { v: "quanji.upgraded.v1", receipt, proof, anchored: wider },
      { maxBytes: 1 << 18, maxDepth: 5 },
    );
    expect(await verifyReceipt(file, await open({ ...anchors.trustPayload(wider), policy: TWO_OF_THREE }))).to.include({
      ok: true,
      level: "anchored",
    });
  });
});
