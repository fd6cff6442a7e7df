import { PROOF_LIMITS } from "@quanji/chaincode/domain";
import { canonical, formatBlockNote, formatNote, type Hash, parseHash, sha256, utf8 } from "@quanji/chaincode/log";
import { expect } from "chai";
import { type EvidenceVerdict, type OpenedTrust, verifyEvidence } from "../index.js";
import { HEADS, noteSigner, SmallWorld } from "../support.test.js";

const [one, other] = [noteSigner("witness.a/w/blocks"), noteSigner("witness.b/w/blocks")];
const stranger = noteSigner("witness.a/w/blocks", 1, "a stranger's");
const hash = (name: string): Hash => sha256(utf8(name));

describe("G6 two accounts of one block", () => {
  let trust: OpenedTrust;
  let ledger: Hash;
  before(async () => {
    const world = await new SmallWorld().begin();
    trust = await world.trust({ blocks: { a: one.vkey, b: other.vkey } });
    ledger = parseHash(trust.trust.genesis);
  });

  interface Said {
    readonly by?: typeof one;
    readonly ledger?: Hash;
    readonly number?: number;
    readonly block?: string;
    readonly commit?: string;
  }
  async function note({ by = one, number = 7, block = "block", commit = "state", ...said }: Said): Promise<string> {
    const text = formatBlockNote({
      ledger: said.ledger ?? ledger,
      block: { number, hash: hash(block) },
      commit: commit === "none" ? commit : hash(commit),
    });
    return formatNote({ text, signatures: [await by.note(text)] });
  }
  const check = async (first: Said | string, second: Said | string): Promise<EvidenceVerdict> => {
    const textOf = async (said: Said | string): Promise<string> => (typeof said === "string" ? said : note(said));
    const file = { v: "quanji.evidence.v1", kind: "block-fork", one: await textOf(first), other: await textOf(second) };
    return verifyEvidence(canonical(file, PROOF_LIMITS), trust);
  };
  const refusal = async (first: Said | string, second: Said | string): Promise<string> =>
    (await check(first, second)).detail ?? "ok";

  it("under one key convicts whoever signed both, of another block or of another state", async () => {
    const accused = [{ name: "witness.a/w/blocks", role: "blocks" }];
    expect(await check({}, { block: "another" })).to.deep.include({
      ok: true,
      shows: "block-fork",
      accused,
      block: { number: 7, differs: "header" },
    });
    expect(await check({}, { commit: "another" })).to.deep.include({
      ok: true,
      accused,
      block: { number: 7, differs: "state" },
    });
  });

  it("under two keys names both, and says that it does not show which of them is wrong", async () => {
    const { ok, accused } = await check({}, { by: other, block: "another" });
    expect([ok, accused]).to.deep.equal([
      true,
      [
        { name: "witness.a/w/blocks", role: "blocks", either: true },
        { name: "witness.b/w/blocks", role: "blocks", either: true },
      ],
    ]);
  });

  it("nobody is accused where the two may both be true", async () => {
    expect(await refusal({}, {})).to.equal("FORK_UNPROVEN");
    expect(await refusal({}, { by: other })).to.equal("FORK_UNPROVEN");
    expect(await refusal({}, { number: 8, block: "the next" })).to.equal("FORK_UNPROVEN");
    expect(await refusal({}, { by: other, commit: "none" })).to.equal("FORK_UNPROVEN");
  });

  it("nobody is accused by what is not his, nor of another ledger", async () => {
    expect(await refusal({}, { by: stranger, block: "another" })).to.equal("LOG_SIGNATURE_INVALID");
    expect(await refusal({}, { by: HEADS, block: "another" })).to.equal("LOG_SIGNATURE_INVALID");
    expect(await refusal({}, { ledger: hash("elsewhere"), block: "another" })).to.equal("NETWORK_MISMATCH");
    const good = await note({ block: "another" });
    expect(await refusal({}, good.replace("block 7", "block 8"))).to.equal("LOG_SIGNATURE_INVALID");
    expect(await refusal({}, good.replace("quanji/block/v1", "quanji/block/v2"))).to.equal("BLOCK_NOTE_MALFORMED");
  });

  it("a trust file gives each such key one purpose and one organisation", async () => {
    const world = await new SmallWorld().begin();
    const refused = async (blocks: Readonly<Record<string, string>>): Promise<unknown> =>
      world.trust({ blocks }).then(
        () => "ok",
        (error: unknown) => (error as { readonly detail?: string }).detail,
      );
    expect(await refused({ a: one.vkey, b: one.vkey })).to.equal("POLICY_DUPLICATE_KEY");
    expect(await refused({ a: HEADS.vkey })).to.equal("KEY_PURPOSE");
    expect(await refused({ a: "nonsense" })).to.equal("VKEY_MALFORMED");
  });
});
