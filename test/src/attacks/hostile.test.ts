/** An operator with all of its keys against what its customers hold: the client, their receipts, the trust file. */
import {
  instant,
  isQuanjiError,
  PROOF_LIMITS,
  quarterOf,
  type Receipt,
  type TrailKind,
  type TrailLine,
} from "@quanji/chaincode/domain";
import { canonical, type Openings, sha256Text } from "@quanji/chaincode/log";
import { Client } from "@quanji/client";
import { contradictions, heldInTrail, type Verdict, verifyEvidence, verifyTrail } from "@quanji/client/verify";
import { expect } from "chai";
import { collude, type Forged, type Hands } from "../../../client/dist/verify/forging.support.test.js";
import { colludeOnSubject } from "../../../client/dist/verify/forging-subject.support.test.js";
import { type LocalHost, LOG } from "../support/host.js";
import { type Ended, IDS, RESOURCE, Stage } from "../support/stage.js";
import { recordsOf } from "../support/trails.js";
import { until } from "../support/until.js";
import { handsOf, HostileGateway, type Lie, readLines, say, writeLines } from "./hostile.js";

const OTHER = "res/weather.hourly";
const PEOPLE = "res/people.credit";

describe("An operator that lies", () => {
  let stage: Stage<LocalHost>;
  let hostile: HostileGateway;
  let hands: Hands;
  let bureau: Client;
  let insurer: Client;
  let grant: string;
  let ended: Ended[];
  /** What the insurer and the bureau kept when it happened. */
  const receipts: Receipt[] = [];

  before(async () => {
    stage = await Stage.open({ resources: [RESOURCE, OTHER, PEOPLE] });
    hands = await handsOf(stage);
    await stage.register(OTHER, { class: "weather.hourly" });
    await stage.register(PEOPLE, { subjectKind: "person" });
    grant = await stage.granted();
    const used = async (by: "insurer" | "stranger", change: object = {}): Promise<Ended> => {
      const one = await stage.use(by, stage.access(grant, change));
      const client = await stage.client(by);
      const request = one.request ?? "";
      const delivered = async () => one.outcome !== "permit" || (await client.receipt(request)).delivery !== undefined;
      await until(async () => (await delivered()) || undefined);
      receipts.push((await client.receipt(request)).access.receipt);
      return one;
    };
    ended = [
      await used("insurer"),
      await used("insurer", { purpose: "marketing" }),
      await used("stranger"),
      await used("insurer"),
    ];
    await (await stage.client("bureau")).grants.revoke(grant, "over");
    // Times of neighbouring transactions may be in the other order than their commits; minutes later they may not.
    stage.host.aheadMs = 400_000;
    ended.push(await used("insurer"));
    hostile = await HostileGateway.before(stage.host.address);
    const connect = async (key: "bureau" | "insurer", deadlines?: { answerMs: number; idleMs: number }) =>
      Client.connect({
        gateway: hostile.address,
        key: stage.signers[key],
        trust: await stage.trust(),
        clock: stage.host.clock,
        pause: () => Promise.resolve(),
        ...(deadlines !== undefined && { deadlines }),
      });
    bureau = await connect("bureau", { answerMs: 30_000, idleMs: 1_000 });
    insurer = await connect("insurer");
  });
  after(async () => {
    await hostile.close();
    await stage.close();
  });
  afterEach(() => {
    hostile.lie = undefined;
  });

  const tell = (on: string, lie: Lie): void => {
    hostile.lie = { on, tell: lie };
  };
  /** The lines of every trail, changed. */
  const onTrails = (change: (lines: TrailLine[]) => TrailLine[] | Promise<TrailLine[]>): void =>
    tell("/v1/trails/", async (truth, response) =>
      say(truth, response, writeLines(await change(readLines(truth.body)))),
    );
  /** Every trail as if the records had been so, all hashes and signatures made anew. */
  const asIf = (edit: (record: Forged, i: number) => boolean | undefined): void =>
    onTrails((lines) => collude(lines, edit, hands));

  const fetched = async (by: Client, kind: TrailKind, id: string, period: { from?: string; to?: string } = {}) => {
    let text = "";
    for await (const line of by.trail(kind, id, period)) text += `${line}\n`;
    return text;
  };
  const verify = async (trail: string, held: readonly Receipt[] = []): Promise<Verdict> =>
    verifyTrail(trail, await stage.trust(), { receipts: held });
  const told = async (kind: TrailKind = "resource", id = RESOURCE, held: readonly Receipt[] = []): Promise<string> => {
    const verdict = await verify(await fetched(bureauOr(kind), kind, id), held);
    return verdict.ok ? "ok" : `${verdict.code} · ${verdict.detail}`;
  };
  const bureauOr = (kind: TrailKind): Client => (kind === "party" ? insurer : bureau);
  const now = (): number => stage.host.clock();
  const time = (record: Forged): number => Date.parse(String(record.body["time"]));
  const isDenial = ({ face }: Forged): boolean => face["decision"] === "deny";

  it("is a gateway like any other as long as it tells the truth", async () => {
    expect(ended.map(({ outcome }) => outcome)).to.deep.equal([
      "permit",
      "PURPOSE_OUTSIDE_GRANT",
      "NOT_GRANTEE",
      "permit",
      "GRANT_REVOKED",
    ]);
    expect(await told("resource", RESOURCE, receipts)).to.equal("ok");
    const own = receipts.filter(({ record }) => record.includes(IDS.insurer));
    expect(await told("party", IDS.insurer, own)).to.equal("ok");
  });

  it("substitute: a true trail of another resource, or of another period", async () => {
    const others = await stage.trail("bureau", "resource", OTHER);
    const part = await stage.trail("bureau", "resource", RESOURCE, { from: instant(now() - 1000) });
    for (const trail of [others, part]) {
      expect(await verify(trail)).to.include({ ok: true });
      tell("/v1/trails/", (truth, response) => say(truth, response, trail));
      expect(await codeOf(fetched(bureau, "resource", RESOURCE))).to.equal("ANSWER_MISMATCH REQUEST_MISMATCH");
    }
  });

  it("relabel: a true trail of another resource under the name of this one", async () => {
    const others = readLines(await stage.trail("bureau", "resource", OTHER));
    onTrails((lines) => [lines[0]!, ...others.slice(1)]);
    expect(await told()).to.equal("TRAIL_INCOMPLETE · CHAIN_KEY");
    onTrails((lines) => [
      ...lines.filter(({ t }) => t !== "log" && t !== "record" && t !== "logEnd" && t !== "end"),
      ...others.filter(({ t }) => t === "log" || t === "logEnd" || t === "end"),
    ]);
    expect(await told()).to.equal("TRAIL_INCOMPLETE · CHAIN_KEY");
  });

  it("truncate: the last use was never made, and every hash and signature agrees", async () => {
    const last = recordsOf(await stage.trail("bureau", "resource", RESOURCE)).length - 1;
    onTrails((lines) => lines.filter((_, i) => i !== lines.findLastIndex(({ t }) => t === "record")));
    expect(await told()).to.equal("TRAIL_INCOMPLETE · TRAIL_TRUNCATED");
    asIf((_record, i) => i !== last);
    expect(await told("resource", RESOURCE, receipts)).to.equal("TRAIL_INCOMPLETE · RECEIPT_NOT_IN_TRAIL");
  });

  it("stale: yesterday's trail as the answer for today", async () => {
    const old = readLines(await stage.trail("bureau", "resource", RESOURCE));
    const asOf = instant(now() + 60_000);
    stage.host.aheadMs += 120_000;
    onTrails((lines) => [lines[0]!, ...old.slice(1)]);
    const late = await fetched(bureau, "resource", RESOURCE, { to: asOf });
    expect(await verify(late)).to.include({ ok: false, code: "TRAIL_INCOMPLETE", detail: "DIRECTORY_STALE" });
  });

  it("reorder: two uses change places", async () => {
    onTrails((lines) => {
      const i = lines.findIndex(({ t }) => t === "record");
      return lines.with(i, lines[i + 1]!).with(i + 1, lines[i]!);
    });
    expect(await told()).to.equal("TRAIL_INCOMPLETE · TRAIL_ORDER");
  });

  it("replay: one request, used twice", async () => {
    onTrails((lines) => {
      const last = lines.findLastIndex(({ t }) => t === "record");
      const again = lines.slice(0, last + 1).filter(({ t }) => t === "record").length;
      return collude(
        lines.toSpliced(last, 0, lines[last]!),
        ({ face }, i) => {
          if (i === again) face["index"] = Number(face["index"]) + 1;
          return true;
        },
        hands,
      );
    });
    expect(await told()).to.equal("TRAIL_INCOMPLETE · REQUEST_REPLAYED");
  });

  it("backdate: a use in another time", async () => {
    asIf((record, i) => {
      if (i > 1) return true;
      const at = instant(time(record) - 3_600_000);
      record.body["time"] = at;
      record.face["hour"] = `${at.slice(0, 13)}Z`;
      if (record.body["deliverBefore"] !== undefined) record.body["deliverBefore"] = instant(Date.parse(at) + 30_000);
      return true;
    });
    expect(await told()).to.equal("PROOF_INVALID · TIME_BRACKET");
  });

  it("lateRevoke: the revocation came after the use, says the operator", async () => {
    asIf(({ face, body }) => {
      if (body["rule"] !== "GRANT_REVOKED") return true;
      face["decision"] = "permit";
      body["rule"] = "permit";
      body["deliverBefore"] = instant(Date.parse(String(body["time"])) + 30_000);
      body.basis["grant"] = Number(body.basis["grant"]) - 1;
      return true;
    });
    expect(await told()).to.equal("PROOF_INVALID · PERMIT_AFTER_STOP");
  });

  it("overcount: more used than was asked for, or than was used", async () => {
    asIf(({ body }, i) => {
      if (i === 0) body["quantity"] = 10_000;
      return true;
    });
    expect(await told()).to.equal("PROOF_INVALID · REQUEST_CONTENT");
    asIf(({ body }, i) => {
      if (i === 0) body["used"] = 10_000;
      return true;
    });
    expect(await told("grant", grant)).to.equal("PROOF_INVALID · DECISION_MISMATCH");
  });

  it("dropDenials: what was refused was never asked", async () => {
    asIf((record) => !isDenial(record));
    expect(await told("party", IDS.insurer)).to.equal("TRAIL_INCOMPLETE · SEQ_GAP");
    expect(await told("resource", RESOURCE, receipts)).to.equal("TRAIL_INCOMPLETE · RECEIPT_NOT_IN_TRAIL");
    // Beside a receipt of what came afterwards, such a trail convicts.
    const trail = await heldInTrail(await fetched(insurer, "party", IDS.insurer));
    const held = receipts.map(({ record, openings, proof }) => ({ record, openings: openings as Openings, proof }));
    expect(contradictions(held)).to.deep.equal([]);
    const [proof] = contradictions([...held, ...trail]);
    const convicted = { ok: true, accused: [{ name: LOG, role: "log" }] };
    expect(await verifyEvidence(canonical(proof, PROOF_LIMITS), await stage.trust())).to.deep.include(convicted);
  });

  it("fork: two customers are shown two histories; each is whole alone, and both together convict the operator", async () => {
    const one = await fetched(bureau, "resource", RESOURCE);
    asIf((record) => !(isDenial(record) && record.face["unit"] === IDS.stranger));
    const two = await fetched(bureau, "resource", RESOURCE);
    expect((await verify(one)).ok && (await verify(two)).ok).to.equal(true);
    const proofs = contradictions([...(await heldInTrail(one)), ...(await heldInTrail(two))]);
    expect(proofs.map(({ kind }) => kind)).to.include("fork");
    for (const proof of proofs) {
      const verdict = await verifyEvidence(canonical(proof, PROOF_LIMITS), await stage.trust());
      expect(verdict).to.deep.include({ ok: true, accused: [{ name: LOG, role: "log" }] });
    }
  });

  it("hugeProof: a proof without end", async () => {
    const long = (hashes: number): void =>
      onTrails((lines) =>
        lines.map((line) =>
          line.t === "logEnd" && line.proof !== undefined
            ? { ...line, proof: line.proof.replace(/^(index \d+\n)/m, `$1${`${"A".repeat(43)}=\n`.repeat(hashes)}`) }
            : line,
        ),
      );
    long(70);
    expect(await told()).to.equal("PROOF_INVALID · LIMIT_EXCEEDED");
    long(2_000);
    expect(await told()).to.equal("PROOF_INVALID · LIMIT_EXCEEDED");
  });

  it("slowDrip: an answer that never ends, a byte at a time", async () => {
    tell("/v1/", (truth, response) => {
      response.writeHead(truth.status, { "content-type": truth.headers["content-type"] ?? "" });
      const drip = (): void => {
        if (!response.destroyed) response.write(" ", () => setImmediate(drip));
      };
      drip();
    });
    expect(await codeOf(fetched(bureau, "resource", RESOURCE))).to.equal("UNREACHABLE DEADLINE");
    expect(await codeOf(bureau.receipt(ended[0]?.request ?? ""))).to.equal("UNREACHABLE DEADLINE");
  });

  it("swapAnswers: what one customer asked is answered to another", async () => {
    const waiting: (() => void)[] = [];
    const bodies: string[] = [];
    tell("/v1/receipts/", async (truth, response) => {
      bodies.push(truth.body);
      const mine = bodies.length - 1;
      if (bodies.length % 2 === 1) await new Promise<void>((resolve) => waiting.push(resolve));
      else waiting.pop()?.();
      say(truth, response, bodies[mine ^ 1] ?? "");
    });
    const [first, , , second] = ended.map(({ request }) => request ?? "");
    const both = [insurer.receipt(first ?? ""), insurer.receipt(second ?? "")].map(codeOf);
    expect(await Promise.all(both)).to.deep.equal(Array(2).fill("ANSWER_MISMATCH REQUEST_MISMATCH"));
  });

  // Last, for it makes the log longer than what the others forge.
  it("wrongTag: another's tag on what was asked of her, in records, indexes and trails", async () => {
    const [alice, bob] = [sha256Text("alice"), sha256Text("bob")];
    const about = await stage.granted("adjuster", {}, { resource: PEOPLE });
    const used = await stage.use("adjuster", stage.access(about, { resource: PEOPLE, subjects: [alice] }));
    const held = await until(async () => {
      const { access, delivery } = await (await stage.client("adjuster")).receipt(used.request ?? "");
      return delivery === undefined ? undefined : [access.receipt, delivery.receipt];
    });
    const quarter = quarterOf(now(), "+08:00");
    const asked = async (tag: string, receipts: readonly Receipt[] = []): Promise<string> => {
      let text = "";
      for await (const line of bureau.subjectTrail(IDS.bureau, [{ quarter, tag }], { fresh: true }))
        text += `${line}\n`;
      const verdict = await verify(text, receipts);
      return verdict.ok ? "ok" : `${verdict.code} · ${verdict.detail}`;
    };
    const retag = (subjects: readonly string[] | "bulk") => (record: Forged) => {
      if (record.body["subjects"] !== undefined) record.body["subjects"] = subjects;
      return undefined;
    };
    expect(await asked(alice, held)).to.equal("ok");
    // In the resource's trail: the requester signed whom it asked about.
    for (const subjects of [[bob], [alice, bob].sort(), "bulk"] as const) {
      onTrails((lines) =>
        collude(lines, (record) => (record.face["type"] === "access" ? retag(subjects)(record) : true), hands),
      );
      expect(await told("resource", PEOPLE)).to.equal("PROOF_INVALID · REQUEST_CONTENT");
    }
    onTrails((lines) =>
      collude(lines, (record) => (record.face["type"] === "delivery" ? retag([bob])(record) : true), hands),
    );
    expect(await told("resource", PEOPLE)).to.equal("PROOF_INVALID · REQUEST_CONTENT");
    // The use under Bob's name in her trail, and in his.
    onTrails((lines) => colludeOnSubject(lines, retag([bob]), hands));
    expect(await asked(alice)).to.equal("TRAIL_INCOMPLETE · TRAIL_FOREIGN");
    const hers = await rawSubject(alice, quarter);
    onTrails(async (lines) => colludeOnSubject([lines[0]!, ...hers.slice(1)], retag([bob]), hands));
    expect(await asked(bob)).to.equal("PROOF_INVALID · REQUEST_CONTENT");
    // Her trail in place of his: she is nowhere proven to be him.
    onTrails((lines) => [lines[0]!, ...hers.slice(1)]);
    expect(await asked(bob)).to.equal("TRAIL_INCOMPLETE · TRAIL_FOREIGN");
    // With the regulator, an index that does not have her: true to itself, and convicted by whoever holds the receipt.
    onTrails((lines) => colludeOnSubject(lines, () => false, hands));
    expect(await asked(alice)).to.equal("ok");
    expect(await asked(alice, held)).to.equal("TRAIL_INCOMPLETE · RECEIPT_NOT_IN_TRAIL");
  });

  /** As the gateway has it. */
  async function rawSubject(tag: string, quarter: string): Promise<TrailLine[]> {
    let text = "";
    const trail = (await stage.client("bureau")).subjectTrail(IDS.bureau, [{ quarter, tag }], { fresh: true });
    for await (const line of trail) text += `${line}\n`;
    return readLines(text);
  }
});

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "done",
    (error: unknown) => (isQuanjiError(error) ? `${error.code} ${error.detail ?? ""}` : String(error)),
  );
