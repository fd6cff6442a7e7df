/** Sampling by the regulator: a plan that is signed before its seed exists, and the report of what the seed then draws. */
import {
  instant,
  isQuanjiError,
  parseWith,
  SAMPLE_LIMITS,
  SAMPLE_TYP,
  SamplePlan,
  type SampleReport,
} from "@quanji/chaincode/domain";
import { canonical, consistencyProof, type FlattenedJws, hashText, signJws, toBase64url } from "@quanji/chaincode/log";
import { commitNonce, drawSample, openPlan, type OpenedTrust, type TrailFile } from "../verify/index.js";
import { type StaticLog } from "../verify/static-log.js";
import { refuse } from "../verify/verdict.js";
import type { Client } from "./client.js";
import type { Signer } from "./keys.js";
import type { Random } from "./random.js";

export interface SampleWish extends Pick<SamplePlan, "net" | "resource" | "from" | "to" | "count" | "log"> {
  /** Size of the log now: the seed comes of the next one. */
  readonly sizeNow: number;
  readonly nowMs: number;
}

export interface PlannedSample {
  readonly plan: FlattenedJws;
  /** Told to nobody before the log has grown: who knows it could choose what the seed draws. */
  readonly nonce: string;
}

/** Errors: MALFORMED; SAMPLE_UNPROVEN for a period that is not closed. */
export async function planSample(
  { sizeNow, nowMs, ...wish }: SampleWish,
  signer: Signer,
  trust: OpenedTrust,
  random: Random,
): Promise<PlannedSample> {
  const nonce = toBase64url(random(32));
  const plan = parseWith(SamplePlan, {
    v: "quanji.sample.v1",
    ...wish,
    nonce: commitNonce(nonce),
    size: sizeNow + 1,
    made: instant(nowMs),
  });
  const header = { alg: signer.alg, kid: signer.kid, typ: SAMPLE_TYP };
  const jws = await signJws(header, plan, signer.sign);
  openPlan(jws, trust);
  return { plan: jws, nonce };
}

/**
 * Draws, asks for the receipt of each access drawn, and answers the report's text. What the gateway refuses is in it with its
 * code. Errors: PROOF_INVALID · CHECKPOINT_STALE (the log has not grown since the plan), those of `drawSample`; UNREACHABLE.
 */
export async function reportSample(
  { plan, nonce }: PlannedSample,
  log: StaticLog,
  trail: TrailFile,
  trust: OpenedTrust,
  client: Pick<Client, "receipt">,
): Promise<string> {
  const opened = openPlan(plan, trust);
  const { size } = opened.plan;
  const now = log.checkpoint.size;
  if (now < size) refuse("CHECKPOINT_STALE", "the log has not grown since the plan was made: draw later");
  const root = await log.tree.rootAt(size);
  const { population, drawn } = await drawSample(opened, { nonce, root }, trail, trust);
  const shown: SampleReport["drawn"] = [];
  for (const { log: origin, index, request } of drawn) {
    const common = { log: origin, index };
    try {
      const { access } = await client.receipt(request);
      shown.push({ ...common, receipt: access.jws });
    } catch (error) {
      if (!isQuanjiError(error) || error.code === "UNREACHABLE") throw error;
      shown.push({ ...common, refused: error.code });
    }
  }
  const report: SampleReport = {
    v: "quanji.sampled.v1",
    plan: opened.jws.jws,
    nonce,
    checkpoint: log.text,
    root: hashText(root),
    consistency: now === size ? [] : (await consistencyProof(size, now, log.tree.node)).map(hashText),
    population,
    drawn: shown,
  };
  return `${canonical(report, SAMPLE_LIMITS)}\n`;
}
