import {
  ANSWER_TYP,
  type ChainForkProof,
  type Evidence,
  type HeadLieProof,
  instant,
  PROOF_LIMITS,
  recordText,
} from "@quanji/chaincode/domain";
import {
  canonical,
  type ChainHead,
  chainStart,
  extend,
  type FlattenedJws,
  formatHeadNote,
  formatNote,
  hashText,
  parseTlogProof,
  PUBLIC_SALT,
  sealedDigest,
  parseHash,
  sha256,
  signJws,
  utf8,
} from "@quanji/chaincode/log";
import { expect } from "chai";
import { collude } from "../forging.support.test.js";
import {
  contradictions,
  type EvidenceVerdict,
  heldInReceipt,
  heldInTrail,
  type HeldRecord,
  verifyEvidence,
} from "../index.js";
import { openLink } from "../openings.js";
import { openRecord } from "../record.js";
import { GATEWAY, HEADS, kidOf, LOG, noteSigner, PARTIES, requestText, sealed } from "../support.test.js";
import { grant, lines, prepare, trust, world } from "../tampering.support.test.js";

const file = (proof: unknown): string => canonical(proof, PROOF_LIMITS);
const check = (proof: unknown): Promise<EvidenceVerdict> => verifyEvidence(file(proof), trust);
const refusalOf = async (proof: unknown): Promise<string> => (await check(proof)).detail ?? "ok";

describe("G6 proofs of other lies", () => {
  /** What honest people together hold of every record of the log. */
  let held: HeldRecord[];
  before(async () => {
    await prepare();
    held = await Promise.all(
      world.records(LOG).map(async ({ index, stored }) => ({
        record: recordText(stored),
        openings: stored.links,
        proof: await world.proof(LOG, index),
      })),
    );
  });

  const withoutDenial = async (): Promise<HeldRecord[]> =>
    heldInTrail(sealed(await collude(lines, ({ face }) => face["decision"] !== "deny")));

  describe("compared", () => {
    it("a receipt shows a record and its proof", async () => {
      const receipt = await world.receipt(LOG, 0);
      const { record, proof, openings } = heldInReceipt(canonical(receipt, PROOF_LIMITS));
      expect({ record, proof }).to.deep.equal({ record: held[0]!.record, proof: held[0]!.proof });
      expect(Object.keys(openings)).to.include("links.party");
    });

    it("what honest people hold does not contradict itself, twice the same included", async () => {
      const trail = await heldInTrail(sealed(lines));
      expect([held.length > 5, trail.length]).to.deep.equal([true, 1]);
      expect(contradictions([...held, ...held, ...trail])).to.deep.equal([]);
    });

    it("a trail without its denials contradicts any receipt of what came after them, and convicts the log", async () => {
      const forged = await withoutDenial();
      const proofs = contradictions([...held, ...forged]);
      expect(proofs.map(({ kind }) => kind)).to.include("chain-fork");
      for (const proof of proofs) {
        expect(await check(proof)).to.deep.include({
          ok: true,
          shows: proof.kind,
          accused: [{ name: LOG, role: "log" }],
        });
      }
    });
  });

  describe("chain fork", () => {
    let fork: ChainForkProof;
    before(async () => {
      const isChain = (proof: Evidence): proof is ChainForkProof =>
        proof.kind === "chain-fork" && proof.link === "grant";
      fork = contradictions([...held, ...(await withoutDenial())]).find(isChain)!;
    });
    const honest = (i: number): ChainForkProof["earlier"] => {
      const { record, openings, proof } = held[i]!;
      return { record, opening: openings["links.grant"] as ChainForkProof["earlier"]["opening"], proof };
    };

    it("names both positions", async () => {
      const { indexes, log, ok } = await check(fork);
      expect([ok, log, indexes?.length]).to.deep.equal([true, LOG, 2]);
    });

    it("two true records accuse nobody, neighbours or not", async () => {
      for (const [a, b] of [
        [0, 1],
        [0, 3],
        [3, 3],
      ] as const) {
        expect(await refusalOf({ ...fork, earlier: honest(a), later: honest(b) })).to.equal("FORK_UNPROVEN");
      }
    });

    it("nobody is accused by what is not his", async () => {
      const stranger = noteSigner("quanji.test/city/gw/0", 1, "a stranger's");
      const { note } = parseTlogProof(fork.later.proof);
      const unsigned = fork.later.proof.replace(/— [^\n]+\n$/, "");
      const forged = `${unsigned}${formatNote({ text: note.text, signatures: [await stranger.note(note.text)] }).split("\n\n")[1]}`;
      const cases: readonly (readonly [object, string])[] = [
        [{ later: { ...fork.later, proof: forged } }, "LOG_SIGNATURE_INVALID"],
        [{ later: { ...fork.later, opening: fork.earlier.opening } }, "LINK_OPENING"],
        [{ later: { ...fork.later, record: fork.earlier.record } }, "LINK_OPENING"],
        [{ link: "party" }, "LINK_OPENING"],
        [{ earlier: honest(3), later: honest(0) }, "TRAIL_ORDER"],
        [{ v: "quanji.evidence.v2" }, "VERSION_UNKNOWN"],
        [{ more: 1 }, "FIELD_UNKNOWN"],
      ];
      for (const [change, detail] of cases) expect(await refusalOf({ ...fork, ...change })).to.equal(detail);
    });

    it("records of two grants are no fork", async () => {
      const children = held.filter(({ record }) => !record.includes(grant) && record.includes('"type":"access"'));
      const [other] = children;
      const opening = other!.openings["links.grant"] as ChainForkProof["earlier"]["opening"];
      const later = { record: other!.record, opening, proof: other!.proof };
      expect(await refusalOf({ ...fork, earlier: honest(0), later })).to.equal("CHAIN_KEY");
    });
  });

  describe("false head", () => {
    const headNote = async (head: ChainHead | "none", by = HEADS, id = grant): Promise<string> => {
      const { checkpoint } = parseTlogProof(held.at(-1)!.proof);
      const text = formatHeadNote({
        at: { scope: LOG, number: checkpoint.size, hash: checkpoint.root },
        key: chainStart({ scope: LOG, kind: "grant", id }),
        state: head === "none" ? "none" : parseHash(sealedDigest(head, PUBLIC_SALT)),
        block: { number: 11, hash: sha256(utf8("block")) },
        time: Math.floor(world.nowMs / 1000),
      });
      return formatNote({ text, signatures: [await by.note(text)] });
    };
    /** The last use of the grant, and the head before it. */
    const last = (): HeldRecord => held.findLast(({ record }) => record.includes(`"grant":"${grant}`))!;
    const before = (): ChainHead => openLink(openRecord(last().record).record, "grant", last().openings["links.grant"]);
    const lie = async (head: ChainHead | "none", note?: string): Promise<HeadLieProof> => ({
      v: "quanji.evidence.v1",
      kind: "head-lie",
      link: "grant",
      note: note ?? (await headNote(head)),
      ...(head !== "none" && { opening: { ...head, salt: PUBLIC_SALT } }),
      record: last().record,
      linkOpening: last().openings["links.grant"] as HeadLieProof["linkOpening"],
      path: parseTlogProof(last().proof).proof.map(hashText),
    });

    it("a head that leaves out the last use, or says that there was none, convicts whoever signed it", async () => {
      for (const head of [before(), "none"] as const) {
        expect(await check(await lie(head))).to.deep.include({
          ok: true,
          shows: "head-lie",
          accused: [{ name: "heads.test/h", role: "heads" }],
          indexes: [openRecord(last().record).record.face.index],
        });
      }
    });

    it("as many uses, but others, is a lie as well", async () => {
      const { n } = before();
      expect(await check(await lie({ n: n + 1, h: hashText(sha256(utf8("other"))) }))).to.include({ ok: true });
    });

    it("the true head, or one further on, accuses nobody", async () => {
      const { n } = before();
      const head = extend(before(), openRecord(last().record).leaf);
      for (const told of [head, { n: n + 2, h: hashText(sha256(utf8("later"))) }]) {
        expect(await refusalOf(await lie(told))).to.equal("FORK_UNPROVEN");
      }
    });

    it("nobody is accused by another's note, of another chain, or of a record that the tree does not hold", async () => {
      const stranger = noteSigner("heads.test/h", 1, "a stranger's heads");
      const proof = await lie("none");
      const cases: readonly (readonly [object, string])[] = [
        [{ note: await headNote("none", stranger) }, "LOG_SIGNATURE_INVALID"],
        [{ note: await headNote("none", HEADS, "0b0f2c52-6d0e-4a4e-9b0a-1c2d3e4f5a6b") }, "CHAIN_KEY"],
        [{ path: proof.path.with(0, hashText(sha256(utf8("no node")))) }, "INCLUSION_INVALID"],
        [{ linkOpening: held[0]!.openings["links.grant"] }, "LINK_OPENING"],
        [{ note: await headNote(before()) }, "STATE_OPENING"],
        [{ note: await headNote(before()), opening: { n: 0, h: before().h, salt: PUBLIC_SALT } }, "STATE_OPENING"],
      ];
      for (const [change, detail] of cases) expect(await refusalOf({ ...proof, ...change })).to.equal(detail);
    });
  });

  describe("refusal", () => {
    let command: FlattenedJws;
    before(async () => {
      const { key, id } = PARTIES.insurer;
      const header = {
        alg: "EdDSA" as const,
        iat: Math.floor(world.nowMs / 1000),
        jti: world.uuid(),
        kid: kidOf(id, key),
        typ: "quanji-read+jws",
        url: "http://127.0.0.1:8080/v1/receipts/x",
      };
      command = await signJws(header, { net: "quanji.test/city" }, (data) => key.sign(data));
    });
    const answered = async (status: number, body: unknown, by = GATEWAY, request = requestText(command)) => ({
      v: "quanji.evidence.v1",
      kind: "refusal",
      command,
      answer: await signJws(
        { alg: "EdDSA", kid: kidOf("gw", by), typ: ANSWER_TYP },
        { body, request, status },
        (data) => by.sign(data),
      ),
    });

    it("says what was asked, and with which code the gateway refused", async () => {
      const { ok, accused, refused } = await check(await answered(404, { code: "NOT_FOUND" }));
      expect([ok, accused]).to.deep.equal([true, [{ name: "gw", role: "gateway" }]]);
      expect(refused).to.deep.equal({ request: requestText(command), verb: "read", status: 404, code: "NOT_FOUND" });
    });

    it("is no answer to something else, no consent, and nobody else's", async () => {
      const { key } = PARTIES.insurer;
      expect(await refusalOf(await answered(200, { code: "NOT_FOUND" }))).to.equal("FORK_UNPROVEN");
      expect(await refusalOf(await answered(404, {}))).to.equal("FORK_UNPROVEN");
      expect(await refusalOf(await answered(404, "no"))).to.equal("FORK_UNPROVEN");
      expect(await refusalOf(await answered(404, { code: "NOT_FOUND" }, key))).to.equal("GATEWAY_UNKNOWN");
      const other = hashText(sha256(utf8("another request")));
      expect(await refusalOf(await answered(404, { code: "X" }, GATEWAY, other))).to.equal("REQUEST_MISMATCH");
      const good = await answered(404, { code: "NOT_FOUND" });
      const { signature } = (await answered(403, { code: "NOT_FOUND" })).answer;
      expect(await refusalOf({ ...good, answer: { ...good.answer, signature } })).to.equal("SIGNATURE_INVALID");
      expect(await refusalOf({ ...good, answer: { ...good.command } })).not.to.equal("ok");
    });
  });

  it("a file of no known kind is refused", async () => {
    expect(await refusalOf({ v: "quanji.evidence.v1", kind: "rumour", at: instant(world.nowMs) })).to.equal(
      "TYPE_UNKNOWN",
    );
  });
});
