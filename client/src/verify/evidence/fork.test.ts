import { canonical, consistencyProof, type Hash, hashText, sha256, utf8 } from "@quanji/chaincode/log";
import { appendLeaves, emptyFrontier, formatCheckpoint, formatNote, newNodes, rootOf } from "@quanji/chaincode/log";
import { expect } from "chai";
import { type EvidenceVerdict, type OpenedTrust, verifyEvidence } from "../index.js";
import { LOG, LOG_KEYS, noteSigner, OTHER_LOG, SmallWorld } from "../support.test.js";

const witness = noteSigner("witness.a/w", 4);
const other = noteSigner("witness.b/w", 4);
const stranger = noteSigner("witness.c/w", 4);
const policy = `witness a ${witness.vkey}\nwitness b ${other.vkey}\ngroup g all a b\nquorum g\n`;
const LIMITS = { maxBytes: 1 << 18, maxDepth: 3 };

const leaf = (name: string): Hash => sha256(utf8(name));
const honest = Array.from({ length: 9 }, (_, i) => leaf(`leaf ${i}`));
const forked = honest.with(1, leaf("another"));
const rootAt = (leaves: readonly Hash[], size: number): Hash =>
  rootOf(appendLeaves(emptyFrontier(), leaves.slice(0, size)));

type By = (text: string) => ReturnType<(typeof witness)["cosign"]>;
const byLog: By = (text) => LOG_KEYS[LOG]!.note(text);
const byWitness: By = (text) => witness.cosign(text, 1_700_000_000);
const byOther: By = (text) => other.cosign(text, 1_700_000_000);

async function note(leaves: readonly Hash[], size: number, by: readonly By[], origin = LOG): Promise<string> {
  const text = formatCheckpoint({ origin, size, root: rootAt(leaves, size) });
  return formatNote({ text, signatures: await Promise.all(by.map((sign) => sign(text))) });
}

const proofOf = async (leaves: readonly Hash[], from: number, to: number): Promise<string[]> => {
  const nodes = new Map(newNodes(emptyFrontier(), leaves).map(({ level, index, hash }) => [`${level}/${index}`, hash]));
  return (await consistencyProof(from, to, (level, index) => nodes.get(`${level}/${index}`)!)).map(hashText);
};

const fileOf = (parts: object): string => canonical({ v: "quanji.evidence.v1", kind: "fork", ...parts }, LIMITS);

describe("G6 fork proofs", () => {
  let trust: OpenedTrust;
  before(async () => {
    const world = await new SmallWorld().begin();
    trust = await world.trust({ policy });
  });
  const check = (parts: object): Promise<EvidenceVerdict> => verifyEvidence(fileOf(parts), trust);

  it("two roots of one size accuse the log that signed both", async () => {
    const [older, newer] = [await note(honest, 3, [byLog]), await note(forked, 3, [byLog])];
    const verdict = await check({ older, newer });
    expect(verdict).to.deep.include({ ok: true, log: LOG, sizes: [3, 3], accused: [{ name: LOG, role: "log" }] });
    expect((await verifyEvidence(utf8(`${fileOf({ older, newer })}\n`), trust)).ok).to.equal(true);
  });

  it("a witness that cosigned both is accused with it, and one that cosigned one is not", async () => {
    const [older, newer] = [await note(honest, 3, [byLog, byWitness]), await note(forked, 3, [byWitness, byOther])];
    const { ok, accused } = await check({ older, newer });
    expect([ok, accused]).to.deep.equal([true, [{ name: "witness.a/w", role: "witness" }]]);
  });

  it("the forked tree's own proof shows that it does not contain the older one", async () => {
    const [older, newer] = [await note(honest, 3, [byLog]), await note(forked, 9, [byLog])];
    const verdict = await check({ older, newer, proof: await proofOf(forked, 3, 9) });
    expect(verdict).to.deep.include({ ok: true, sizes: [3, 9], accused: [{ name: LOG, role: "log" }] });
  });

  it("an honest log is accused by no file: the same root, growth with its proof, or a proof that leads nowhere", async () => {
    const three = await note(honest, 3, [byLog]);
    const nine = await note(honest, 9, [byLog]);
    const good = await proofOf(honest, 3, 9);
    const wrong = good.with(0, hashText(leaf("no node")));
    for (const parts of [
      { older: three, newer: three },
      { older: three, newer: nine, proof: good },
      { older: three, newer: nine, proof: wrong },
    ]) {
      expect(await check(parts)).to.deep.include({
        ok: false,
        code: "PROOF_INVALID",
        detail: "FORK_UNPROVEN",
        accused: [],
      });
    }
    expect(await check({ older: nine, newer: three })).to.include({ detail: "INDEX_RANGE" });
    expect(await check({ older: three, newer: nine })).to.include({ detail: "PROOF_LENGTH" });
  });

  it("nobody is accused by what somebody else signed", async () => {
    const byStranger: By = (text) => stranger.cosign(text, 1_700_000_000);
    const parts = { older: await note(honest, 3, [byStranger]), newer: await note(forked, 3, [byStranger, byLog]) };
    expect(await check(parts)).to.include({ ok: false, detail: "FORK_UNPROVEN" });
  });

  it("a signature that does not verify refuses the file", async () => {
    const older = await note(honest, 3, [byLog]);
    const [text = "", signatures = ""] = (await note(forked, 3, [byLog])).split("\n\n");
    const [, mine = ""] = older.split("\n\n");
    expect(signatures).not.to.equal(mine);
    expect(await check({ older, newer: `${text}\n\n${mine}` })).to.include({ detail: "LOG_SIGNATURE_INVALID" });
  });

  it("files of another form are refused with the code of what is wrong", async () => {
    const older = await note(honest, 3, [byLog]);
    const elsewhere: By = (text) => LOG_KEYS[OTHER_LOG]!.note(text);
    const foreign = noteSigner("quanji.elsewhere/x/gw/0");
    const away = (leaves: readonly Hash[]) =>
      note(leaves, 3, [(text) => foreign.note(text)], "quanji.elsewhere/x/gw/0");
    const cases: readonly (readonly [object, string])[] = [
      [{ older, newer: await note(forked, 3, [elsewhere], OTHER_LOG) }, "LOG_MISMATCH"],
      [{ older: await away(honest), newer: await away(forked) }, "LOG_UNKNOWN"],
      [{ older, newer: older, v: "quanji.evidence.v2" }, "VERSION_UNKNOWN"],
      [{ older, newer: older, kind: "lie" }, "TYPE_UNKNOWN"],
      [{ older, newer: older, more: "x" }, "FIELD_UNKNOWN"],
      [{ older, newer: "no note" }, "NOTE_MALFORMED"],
    ];
    for (const [parts, detail] of cases) expect(await check(parts), detail).to.include({ ok: false, detail });
    expect(await verifyEvidence(` ${fileOf({ older, newer: older })}`, trust)).to.include({ detail: "NOT_CANONICAL" });
  });
});
