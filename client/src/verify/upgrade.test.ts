import { isQuanjiError } from "@quanji/chaincode/domain";
import { canonical, type FlattenedJws, fromUtf8, type Hash, sha256, utf8 } from "@quanji/chaincode/log";
import { expect } from "chai";
import { TWO_OF_THREE, witnesses } from "./attacks-trust.support.test.js";
import {
  forkBetween,
  openSeen,
  type OpenedTrust,
  readLog,
  upgradeReceipt,
  verifyEvidence,
  verifyReceipt,
} from "./index.js";
import { leavesOf, publishedLog, signedHead, sourceOf, treeOf } from "./static.support.test.js";
import { LOG, OTHER_LOG, signReceipt, SmallWorld } from "./support.test.js";

const LIMITS = { maxBytes: 1 << 18, maxDepth: 2 };

describe("a receipt upgraded from static files", () => {
  let world: SmallWorld;
  let index: number;
  /** `committed` is the top there; and `cosigned` is asked for there. */
  let alone: OpenedTrust;
  let witnessed: OpenedTrust;
  /** Of the log as it was when its record was the newest. */
  let receipt: FlattenedJws;
  let first: Hash[];
  let leaves: Hash[];
  const cosign = (text: string) => Promise.all(witnesses.map((witness) => witness.cosign(text, world.time)));

  before(async () => {
    world = await new SmallWorld().begin();
    await world.resource({ logs: [LOG, OTHER_LOG] });
    const grant = await world.grant({}, { logs: [LOG, OTHER_LOG] });
    await world.access(grant);
    await world.access(grant);
    index = await world.access(grant);
    receipt = await world.receipt(LOG, index);
    first = leavesOf(world);
    for (let i = 0; i < 4; i++) await world.access(grant);
    await world.access(grant, { log: OTHER_LOG });
    leaves = leavesOf(world);
    alone = await world.trust();
    witnessed = await world.trust({ policy: TWO_OF_THREE });
  });

  const upgrade = async (input: string | FlattenedJws, trust: OpenedTrust, files: ReadonlyMap<string, Uint8Array>) => {
    try {
      return await upgradeReceipt(input, trust, () => [sourceOf(files)]);
    } catch (error) {
      if (isQuanjiError(error)) return { refused: error.detail ?? error.code, text: "" };
      throw error;
    }
  };

  it("proves the record under the grown log, and once more when that has grown", async () => {
    const once = await upgradeReceipt(receipt, alone, () => [sourceOf(new Map())]).catch((error: unknown) => error);
    expect(once).to.have.property("detail", "TILE_MISSING");
    const { text, verdict, size } = await upgradeReceipt(receipt, alone, async () => [
      sourceOf(await publishedLog(leaves.slice(0, 5))),
    ]);
    expect([verdict.ok, verdict.level, size]).to.deep.equal([true, "committed", 5]);
    expect(await verifyReceipt(utf8(text), alone)).to.deep.equal(verdict);
    const again = await upgradeReceipt(text, alone, async () => [sourceOf(await publishedLog(leaves))]);
    expect([again.verdict.ok, again.size]).to.deep.equal([true, leaves.length]);
    expect(JSON.parse(again.text)).to.deep.include({ v: "quanji.upgraded.v1", receipt });
  });

  it("makes of a committed receipt a cosigned one, without anybody's signature but the witnesses'", async () => {
    expect(await verifyReceipt(receipt, witnessed)).to.include({ ok: false, detail: "WITNESS_QUORUM" });
    const { text, verdict } = await upgradeReceipt(receipt, witnessed, async () => [
      sourceOf(await publishedLog(leaves, cosign)),
    ]);
    expect(verdict).to.include({ ok: true, level: "cosigned", records: 1 });
    expect(await verifyReceipt(text, witnessed)).to.deep.equal(verdict);
  });

  it("stays what it is while too few have cosigned", async () => {
    const one = async (text: string) => [await witnesses[0]!.cosign(text, world.time)];
    const made = await upgrade(receipt, witnessed, await publishedLog(leaves, one));
    expect(made).to.have.nested.property("verdict.detail", "WITNESS_QUORUM");
  });

  it("takes the best checkpoint of several copies, and tiles from all of them", async () => {
    const [stale, fresh] = [await publishedLog(leaves.slice(0, 4), cosign), await publishedLog(leaves)];
    const tiles = new Map([...stale].filter(([path]) => path !== "checkpoint"));
    const made = await upgradeReceipt(receipt, alone, () => [sourceOf(fresh), sourceOf(stale), sourceOf(tiles)]);
    expect([made.verdict.ok, made.size]).to.deep.equal([true, leaves.length]);
    const best = await upgradeReceipt(receipt, witnessed, () => [sourceOf(fresh), sourceOf(stale)]);
    expect([best.verdict.ok, best.size]).to.deep.equal([true, 4]);
  });

  it("does not go from a log that does not hold the record yet", async () => {
    const made = await upgrade(receipt, alone, await publishedLog(leaves.slice(0, index)));
    expect(made).to.include({ refused: "CHECKPOINT_STALE" });
  });

  it("does not go from a forked log: the proof of the fork convicts it, at every size", async () => {
    const forked = leaves.with(0, sha256(utf8("another")));
    for (let size = index + 1; size <= leaves.length; size++) {
      const made = await upgradeReceipt(receipt, alone, async () => [
        sourceOf(await publishedLog(forked.slice(0, size))),
      ]);
      expect(made.text).to.equal("");
      const verdict = await verifyEvidence(made.fork ?? "", alone);
      expect([verdict.ok, verdict.accused]).to.deep.equal([true, [{ name: LOG, role: "log" }]]);
    }
    // Of the size that the receipt rests on no tile is needed.
    const checkpoint = (await publishedLog(forked.slice(0, first.length))).get("checkpoint")!;
    const made = await upgradeReceipt(receipt, alone, () => [sourceOf(new Map([["checkpoint", checkpoint]]))]);
    expect([made.text, (await verifyEvidence(made.fork ?? "", alone)).ok]).to.deep.equal(["", true]);
  });

  it("a fork is provable between any two sizes, powers of two included; growth never is one", async () => {
    const forked = leaves.with(0, sha256(utf8("another")));
    for (let from = 1; from <= leaves.length; from++) {
      for (let to = from; to <= leaves.length; to++) {
        const older = await openSeen(await signedHead(treeOf(leaves.slice(0, from)).head), LOG, alone);
        const newer = await readLog([sourceOf(await publishedLog(forked.slice(0, to)))], LOG, alone);
        const grown = await readLog([sourceOf(await publishedLog(leaves.slice(0, to)))], LOG, alone);
        expect((await verifyEvidence((await forkBetween(older, newer)) ?? "", alone)).ok, `${from} ${to}`).to.equal(
          true,
        );
        expect(await forkBetween(older, grown)).to.equal(undefined);
      }
    }
  });

  it("does not go from what the log did not sign, what is another log's, and tiles that do not fit", async () => {
    const files = await publishedLog(leaves);
    const changed = (path: string, bytes: Uint8Array) => upgrade(receipt, alone, new Map(files).set(path, bytes));
    const text = fromUtf8(files.get("checkpoint")!);
    const edge = `tile/0/000.p/${leaves.length}`;
    expect(await changed("checkpoint", utf8(text.replace(`\n${leaves.length}\n`, "\n99\n")))).to.include({
      refused: "LOG_SIGNATURE_INVALID",
    });
    expect(await changed("checkpoint", utf8("<html>"))).to.include({ refused: "NOTE_MALFORMED" });
    expect(await changed("checkpoint", Uint8Array.of(0xff))).to.include({ refused: "NOT_UTF8" });
    const other = utf8(await signedHead(treeOf(leavesOf(world, OTHER_LOG)).head, undefined, OTHER_LOG));
    expect(await changed("checkpoint", other)).to.include({ refused: "LOG_MISMATCH" });
    expect(await changed(edge, files.get(edge)!.toReversed())).to.include({ refused: "TILE_MISMATCH" });
  });

  it("a receipt that does not hold is not upgraded", async () => {
    const payload = await world.receiptPayload(LOG, index);
    const files = await publishedLog(leaves);
    expect(await upgrade(await signReceipt({ ...payload, status: 403 }), alone, files)).to.include({
      refused: "STATUS_MISMATCH",
    });
    expect(await upgrade("{}", alone, files)).to.include({ refused: "JWS_SHAPE" });
  });

  it("refuses an upgraded file with another proof, receipt, version or member, and one that shows a fork", async () => {
    const proof = (await world.receiptPayload(LOG, index)).proof;
    const check = async (changes: object) => {
      const file = canonical({ v: "quanji.upgraded.v1", receipt, proof, ...changes }, LIMITS);
      return (await verifyReceipt(file, alone)).detail;
    };
    expect(await check({})).to.equal(undefined);
    expect(await check({ v: "quanji.upgraded.v2" })).to.equal("VERSION_UNKNOWN");
    expect(await check({ more: 1 })).to.equal("FIELD_UNKNOWN");
    expect(await check({ proof: 1 })).to.equal("MALFORMED");
    expect(await check({ receipt: { ...receipt, signature: "A".repeat(86) } })).to.equal("SIGNATURE_INVALID");
    expect(await check({ proof: await world.proof(LOG, 0) })).to.equal("INDEX_MISMATCH");
    expect(await check({ proof: await world.proof(OTHER_LOG, 0) })).to.be.oneOf(["INDEX_MISMATCH", "LOG_MISMATCH"]);
    expect(await check({ proof: proof.slice(0, -1) })).to.equal("NOTE_MALFORMED");
    const claimed = await signReceipt(await world.receiptPayload(LOG, index, { level: "cosigned" }));
    expect(await check({ receipt: claimed })).to.equal("LEVEL_FALSE");
    // Another history of the same size, in which the record is too.
    const forked = treeOf(first.with(0, sha256(utf8("another"))));
    const made = await upgradeReceipt(receipt, alone, async () => [sourceOf(await publishedLog(first))]);
    const lines = (JSON.parse(made.text) as { proof: string }).proof.split("\n\n");
    const path = lines[0]!.split("\n");
    const sibling = Buffer.from(forked.read(1, 0)).toString("base64");
    const beside = `${path.slice(0, -1).join("\n")}\n${sibling}\n\n${await signedHead(forked.head)}`;
    expect(await check({ receipt, proof: beside })).to.equal("FORK");
  });
});
