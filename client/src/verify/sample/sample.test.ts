import { instant, QuanjiError, SAMPLE_LIMITS, SAMPLE_TYP, type SampleReport } from "@quanji/chaincode/domain";
import {
  algorithmOf,
  canonical,
  type FlattenedJws,
  LIMITS,
  parseHash,
  sha256,
  signJws,
  utf8,
} from "@quanji/chaincode/log";
import { expect } from "chai";
import fc from "fast-check";
import { type Client, planSample, reportSample, type Signer as SdkSigner } from "../../sdk/index.js";
import { collude } from "../forging.support.test.js";
import { commitNonce, drawPositions, type OpenedTrust, seedOf, verifySample } from "../index.js";
import { openPlan } from "../sample/plan.js";
import { readLog } from "../static-log.js";
import { leavesOf, publishedLog, sourceOf } from "../static.support.test.js";
import { kidOf, LOG, NET, PARTIES, requestText, RESOURCE, sealed, signer, SmallWorld } from "../support.test.js";

const seedFor = (text: string) => sha256(utf8(text));

describe("a drawing", () => {
  it("is of different numbers below the population, as many as were wanted, the same each time", () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.integer({ min: 0, max: 3000 }),
        fc.integer({ min: 1, max: 200 }),
        (text, n, count) => {
          const drawn = drawPositions(seedFor(text), n, count);
          expect(drawn).to.have.length(Math.min(n, count));
          expect(new Set(drawn).size).to.equal(drawn.length);
          expect(drawn.every((one, i) => one >= 0 && one < n && one > (drawn[i - 1] ?? -1))).to.equal(true);
          expect(drawPositions(seedFor(text), n, count)).to.deep.equal(drawn);
        },
      ),
    );
  });

  it("is what docs/protocol.md says: fixed values", () => {
    expect(drawPositions(seedFor("a seed"), 1_000_000, 5)).to.deep.equal([194853, 206031, 540571, 640850, 647863]);
  });

  it("leaves nobody out: over many seeds each of a few is drawn about as often", () => {
    const times = Array.from({ length: 7 }, () => 0);
    for (let i = 0; i < 7000; i++) times[drawPositions(seedFor(`${i}`), 7, 1)[0]!]!++;
    for (const count of times) expect(count).to.be.within(800, 1200);
  });
});

describe("a sample", () => {
  const world = new SmallWorld();
  const inspector: SdkSigner = {
    alg: algorithmOf(PARTIES.regulator.key.jwk),
    jwk: PARTIES.regulator.key.jwk,
    kid: kidOf(PARTIES.regulator.id, PARTIES.regulator.key),
    sign: (data: Uint8Array) => Promise.resolve(PARTIES.regulator.key.sign(data)),
  } as unknown as SdkSigner;
  let trust: OpenedTrust;
  let trail: string;
  let to: string;
  let planned: Awaited<ReturnType<typeof planSample>>;
  let report: SampleReport;
  const random = (n: number): Uint8Array => new Uint8Array(n).fill(7);
  /** What the gateway shows the regulator, by request; a code: it refuses. */
  const answers = new Map<string, FlattenedJws | "NOT_FOUND">();
  const client = {
    receipt: (request: string) => {
      const answer = answers.get(request);
      return typeof answer === "object"
        ? Promise.resolve({ access: { jws: answer } })
        : Promise.reject(new QuanjiError(answer ?? "NOT_FOUND", "no such receipt"));
    },
  } as unknown as Client;
  const log = async () => readLog([sourceOf(await publishedLog(leavesOf(world)))], LOG, trust);
  const text = async (plan = planned): Promise<string> => reportSample(plan, await log(), () => trail, trust, client);
  const check = (changed: unknown, file = trail) => verifySample(canonical(changed, SAMPLE_LIMITS), () => file, trust);
  const detailOf = async (changes: object, file = trail): Promise<string> =>
    (await check({ ...report, ...changes }, file)).detail ?? "ok";

  before(async () => {
    await world.begin();
    await world.resource({ logs: [LOG] });
    const grant = await world.grant();
    for (let i = 0; i < 12; i++) {
      const permit = await world.access(grant, i % 4 === 3 ? { purpose: "marketing" } : {});
      if (i % 4 !== 3) await world.deliver(permit);
    }
    world.tick(1000);
    to = instant(world.nowMs);
    world.tick(600_000);
    trust = await world.trust();
    const sizeNow = world.logState(LOG).size;
    const wish = { net: NET, resource: RESOURCE, to, count: 5, log: LOG, sizeNow, nowMs: world.nowMs };
    planned = await planSample(wish, inspector, trust, random);
    trust = await world.trust();
    await world.access(grant);
    await world.access(grant);
    trust = await world.trust();
    trail = await world.trail("resource", RESOURCE, { to, successor: true });
    for (const { index, stored } of world.records(LOG)) {
      if (stored.request === undefined) continue;
      answers.set(requestText(stored.request), await world.receipt(LOG, index));
    }
    report = JSON.parse(await text()) as SampleReport;
  });

  it("is drawn and opened, and verifies offline with anybody's trail of the period", async () => {
    const verdict = await check(report);
    expect(verdict).to.deep.include({ ok: true, population: 12, drawn: 5, opened: 5, erased: 0, withheld: [] });
    expect(await verifySample(await text(), () => utf8(trail), trust)).to.deep.equal(verdict);
  });

  it("cannot be drawn before the log has grown over the plan", async () => {
    const wish = { net: NET, resource: RESOURCE, to, count: 5, log: LOG, nowMs: world.nowMs };
    const late = await planSample({ ...wish, sizeNow: world.logState(LOG).size }, inspector, trust, random);
    const fault = await text(late).catch((error: unknown) => error);
    expect(fault).to.include({ detail: "CHECKPOINT_STALE" });
  });

  it("is not planned of a period that is still open, nor by anybody but the regulator", async () => {
    const wish = { net: NET, resource: RESOURCE, count: 5, log: LOG, sizeNow: 3, nowMs: world.nowMs };
    const open = { ...wish, to: instant(world.nowMs) };
    expect(await planSample(open, inspector, trust, random).catch((error: unknown) => error)).to.include({
      detail: "SAMPLE_UNPROVEN",
    });
    const { bureau } = PARTIES;
    const other = { ...inspector, alg: algorithmOf(bureau.key.jwk), kid: kidOf(bureau.id, bureau.key) } as SdkSigner;
    expect(await planSample({ ...wish, to }, other, trust, random).catch((error: unknown) => error)).to.include({
      detail: "KEY_PARTY",
    });
  });

  it("names what the gateway refuses, or does not open: exit code 1's reason", async () => {
    const { drawn } = report;
    const without = drawn.with(0, { log: drawn[0]!.log, index: drawn[0]!.index, refused: "NOT_FOUND" });
    expect(await check({ ...report, drawn: without })).to.deep.include({
      ok: false,
      detail: "SAMPLE_WITHHELD",
      opened: 4,
      withheld: [{ log: LOG, index: drawn[0]!.index, code: "NOT_FOUND" }],
    });
    const closed = await world.receipt(LOG, drawn[1]!.index, { openings: {} });
    expect(
      (await check({ ...report, drawn: drawn.with(1, { ...drawn[1]!, receipt: closed }) })).withheld,
    ).to.deep.equal([{ log: LOG, index: drawn[1]!.index, code: "SAMPLE_WITHHELD" }]);
    const swapped = drawn.with(0, { ...drawn[0]!, receipt: drawn[1]!.receipt });
    expect((await check({ ...report, drawn: swapped })).withheld?.[0]?.code).to.equal("LEAF_MISMATCH");
  });

  it("says what a command has erased, and counts it as opened", async () => {
    const { index } = report.drawn[2]!;
    const by = await world.erase([{ index, fields: ["operator"] }], "bureau");
    const erased = [await world.erasedBy(by, "operator", "bureau")];
    const receipt = await world.receipt(LOG, index, { erased });
    const drawn = report.drawn.with(2, { ...report.drawn[2]!, receipt });
    expect(await check({ ...report, drawn })).to.deep.include({ ok: true, opened: 5, erased: 1 });
  });

  it("is refused with another choice, seed, nonce, plan or population", async () => {
    const { drawn, root } = report;
    const others = [...Array(20).keys()].filter((index) => drawn.every((one) => one.index !== index));
    expect(await detailOf({ drawn: drawn.with(0, { ...drawn[0]!, index: others[0]! }) })).to.equal("SAMPLE_UNPROVEN");
    expect(await detailOf({ drawn: drawn.slice(1) })).to.equal("SAMPLE_UNPROVEN");
    expect(await detailOf({ drawn: [...drawn].reverse() })).to.equal("SAMPLE_UNPROVEN");
    expect(await detailOf({ population: 13 })).to.equal("SAMPLE_UNPROVEN");
    expect(await detailOf({ nonce: `C${report.nonce.slice(1)}` })).to.equal("COMMITMENT_MISMATCH");
    expect(await detailOf({ root: `B${root.slice(1)}` })).to.equal("CONSISTENCY_INVALID");
    expect(await detailOf({ consistency: [] })).to.be.oneOf(["CONSISTENCY_INVALID", "PROOF_LENGTH"]);
    expect(await detailOf({ checkpoint: report.checkpoint.replace(/— [^\n]+\n$/, "") })).to.match(/MALFORMED|INVALID/);
    expect(await detailOf({ v: "quanji.sampled.v2" })).to.equal("VERSION_UNKNOWN");
    expect(await detailOf({ more: 1 })).to.equal("FIELD_UNKNOWN");
  });

  it("is refused with a plan that was changed, is another's, or of another network", async () => {
    const plan = openPlan(report.plan, trust).plan;
    const signed = (changes: object, by: keyof typeof PARTIES = "regulator", typ = SAMPLE_TYP, key = PARTIES[by].key) =>
      signJws(
        { alg: algorithmOf(key.jwk), kid: kidOf(PARTIES[by].id, key), typ },
        { ...plan, ...changes },
        (data) => Promise.resolve(key.sign(data)),
        LIMITS,
      );
    const cases: readonly (readonly [FlattenedJws, string])[] = [
      [{ ...(report.plan as FlattenedJws), signature: "A".repeat(86) }, "SIGNATURE_INVALID"],
      [await signed({}, "bureau"), "KEY_PARTY"],
      [await signed({}, "regulator", SAMPLE_TYP, signer("another key")), "KEY_PARTY"],
      [await signed({ net: "quanji.test/town" }), "NETWORK_MISMATCH"],
      [await signed({ log: "quanji.test/city/gw/9" }), "LOG_UNKNOWN"],
      [await signed({ v: "quanji.sample.v2" }), "VERSION_UNKNOWN"],
      [await signed({}, "regulator", "quanji-receipt+jws"), "TYP_MISMATCH"],
      [await signed({ resource: "res/other" }), "SAMPLE_UNPROVEN"],
      [await signed({ from: instant(world.nowMs - 86_400_000) }), "SAMPLE_UNPROVEN"],
      [await signed({ made: plan.to }), "SAMPLE_UNPROVEN"],
      [await signed({ size: plan.size + 40 }), "CHECKPOINT_STALE"],
    ];
    for (const [changed, detail] of cases) expect(await detailOf({ plan: changed }), detail).to.equal(detail);
    // Another plan of the same words draws others: a seed holds the plan.
    const seed = seedOf(sha256(utf8("one plan")), report.nonce, parseHash(report.root));
    expect(seed).not.to.deep.equal(seedOf(sha256(utf8("another")), report.nonce, parseHash(report.root)));
    expect(commitNonce(report.nonce)).to.equal(plan.nonce);
  });

  it("is refused beside a trail that does not hold, or hides a part of the population", async () => {
    const lines = await world.trailLines("resource", RESOURCE, { to });
    // One that goes on beyond the period holds the same population.
    expect(await detailOf({}, sealed(lines))).to.equal("ok");
    const denials = await collude(lines, ({ face }) => face["decision"] !== "deny");
    expect(await detailOf({}, sealed(denials))).to.equal("SAMPLE_UNPROVEN");
    expect(await detailOf({}, trail.replace('"count":', '"count":1'))).to.equal("FILE_TRUNCATED");
    expect(await detailOf({}, await world.trail("resource", RESOURCE))).to.equal("SAMPLE_UNPROVEN");
  });
});
