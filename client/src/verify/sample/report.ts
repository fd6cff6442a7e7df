/** Draws a sample from a verified trail, and checks a report of one: the same steps, so that whoever checks draws again. */
import {
  EVIDENCE_LIMITS,
  parseWith,
  type QuanjiRecord,
  type SamplePlan,
  SampleReport,
  SAMPLE_LIMITS,
} from "@quanji/chaincode/domain";
import {
  canonical,
  equalBytes,
  type FlattenedJws,
  type Hash,
  hashText,
  parseCanonical,
  parseHash,
  parseNote,
  verifyConsistency,
} from "@quanji/chaincode/log";
import { assertLevel, verifyCheckpoint } from "../checkpoint.js";
import { readShownChains } from "../shown-chains.js";
import { isFinding } from "../findings.js";
import { linesOf, parseLine, type TrailSource } from "../lines.js";
import { examineReceipt, openReceipt } from "../receipt.js";
import { openRecord } from "../record.js";
import { openRequest } from "../requester.js";
import { verifyTrail } from "../trail.js";
import { type OpenedTrust, withoutFinalNewline } from "../trust.js";
import { refusalOf, refuse, type TrailKey, type Verdict } from "../verdict.js";
import { commitNonce, drawPositions, seedOf } from "./draw.js";
import { type OpenedPlan, openPlan, planDigest, verifyPlan } from "./plan.js";

/** The file, from its start: it is read more than once. */
export type TrailFile = () => TrailSource;

/** An access that the seed draws. */
export interface DrawnAccess {
  readonly log: string;
  readonly index: number;
  /** Leaf of its record, base64url. */
  readonly leaf: string;
  readonly request: string;
}

export interface DrawnSample {
  /** Accesses in the period. */
  readonly population: number;
  /** By log and index. */
  readonly drawn: readonly DrawnAccess[];
}

/**
 * What a plan, its nonce and the log's root draw from a trail. Errors: those of the trail; SAMPLE_UNPROVEN: the trail is of
 * another resource or period, or hides something; COMMITMENT_MISMATCH: another nonce; KEY_PARTY, SIGNATURE_INVALID.
 */
export async function drawSample(
  opened: OpenedPlan,
  seed: { readonly nonce: string; readonly root: Hash },
  trail: TrailFile,
  trust: OpenedTrust,
): Promise<DrawnSample> {
  const { plan } = opened;
  if (commitNonce(seed.nonce) !== plan.nonce) refuse("COMMITMENT_MISMATCH", "the plan was made with another nonce");
  // 1. The population is whole, and is the plan's.
  const sizes = new Map<string, number>();
  const verdict = await verifyTrail(trail(), trust, {
    observer: {
      record: ({ record }) => {
        const { log } = record.face;
        if (isDrawable(record, plan)) sizes.set(log, (sizes.get(log) ?? 0) + 1);
      },
    },
  });
  assertPopulation(verdict, plan);
  await verifyPlan(opened, await readShownChains(trail()), trust);
  // 2. Logs in the order of their names, whatever order the file has: else whoever wrote it could choose.
  const starts = new Map<string, number>();
  let population = 0;
  for (const log of [...sizes.keys()].sort()) {
    starts.set(log, population);
    population += sizes.get(log) ?? 0;
  }
  const positions = new Set(drawPositions(seedOf(opened.hash, seed.nonce, seed.root), population, plan.count));
  return { population, drawn: await accessesAt(trail, plan, starts, positions) };
}

/** A trail may go on a little beyond its period. */
const isDrawable = ({ type, body }: QuanjiRecord, { from, to }: SamplePlan): boolean =>
  type === "access" && body.time < to && (from === undefined || body.time >= from);

function assertPopulation(verdict: Verdict, { resource, from, to }: SamplePlan): void {
  const { ok, detail, message = "the trail does not verify", of } = verdict;
  if (!ok) refuse(detail !== undefined && isFinding(detail) ? detail : "SAMPLE_UNPROVEN", message);
  const key = of as TrailKey;
  if (key.kind !== "resource" || key.id !== resource || key.from !== from || key.to !== to) {
    refuse("SAMPLE_UNPROVEN", "the trail is not of the plan's resource and period");
  }
  if ((verdict.sealed ?? []).length > 0) {
    refuse("SAMPLE_UNPROVEN", "the trail hides entries: only the regulator's own holds the whole population");
  }
}

async function accessesAt(
  trail: TrailFile,
  plan: SamplePlan,
  starts: ReadonlyMap<string, number>,
  positions: ReadonlySet<number>,
): Promise<readonly DrawnAccess[]> {
  const found = new Map<number, DrawnAccess>();
  const next = new Map(starts);
  for await (const lines of linesOf(trail())) {
    for (const bytes of lines) {
      const line = parseLine(bytes);
      if (line.t !== "record" || !line.r.includes('"type":"access"')) continue;
      const { record, leaf } = openRecord(line.r);
      if (record.type !== "access" || !isDrawable(record, plan)) continue;
      const { log, index } = record.face;
      const position = next.get(log) ?? 0;
      next.set(log, position + 1);
      if (positions.has(position)) {
        found.set(position, { log, index, leaf: hashText(leaf), request: record.body.request });
      }
    }
  }
  return [...found].sort(([a], [b]) => a - b).map(([, access]) => access);
}

export interface SampleVerdict extends Pick<Verdict, "ok" | "code" | "detail" | "message" | "trustDigest"> {
  readonly kind: "sample";
  /** Of the plan: compare it with what was told before the drawing. */
  readonly plan?: string;
  readonly population?: number;
  readonly drawn?: number;
  /** Of these, opened whole. */
  readonly opened?: number;
  /** Of these, with something that a command erased. */
  readonly erased?: number;
  /** What was not shown as it must be to the regulator, and why: a finer code, or that of the refusal. */
  readonly withheld?: readonly { readonly log: string; readonly index: number; readonly code: string }[];
}

/**
 * Verifies a report beside the trail that it was drawn from. `ok: true`: exactly this sample was to be drawn, and every access in it is
 * opened to the regulator, or was erased by a command. Never throws for bad evidence.
 */
export async function verifySample(
  file: string | Uint8Array,
  trail: TrailFile,
  trust: OpenedTrust,
): Promise<SampleVerdict> {
  const common = { kind: "sample" as const, trustDigest: trust.digest };
  try {
    const report = parseReport(file);
    const opened = openPlan(report.plan, trust);
    const root = await seedRoot(report, opened.plan, trust);
    const { population, drawn } = await drawSample(opened, { nonce: report.nonce, root }, trail, trust);
    const same =
      population === report.population &&
      drawn.length === report.drawn.length &&
      drawn.every(({ log, index }, i) => report.drawn[i]?.log === log && report.drawn[i].index === index);
    if (!same) refuse("SAMPLE_UNPROVEN", "the seed draws other accesses than the report has");
    const shown = await Promise.all(report.drawn.map((one, i) => examine(one, drawn[i], trust)));
    const withheld = shown.flatMap((one, i) => {
      const { log = "", index = 0 } = drawn[i] ?? {};
      return "code" in one ? [{ log, index, code: one.code }] : [];
    });
    const counts = {
      plan: planDigest(opened),
      population,
      drawn: drawn.length,
      opened: drawn.length - withheld.length,
      erased: shown.filter((one) => "erased" in one && one.erased).length,
      withheld,
    };
    if (withheld.length === 0) return { ok: true, ...common, ...counts };
    const message = `${withheld.length} of the accesses drawn are not opened to the regulator`;
    return { ok: false, ...common, ...counts, code: "PROOF_INVALID", detail: "SAMPLE_WITHHELD", message };
  } catch (error) {
    return { ok: false, ...common, ...refusalOf(error) };
  }
}

function parseReport(file: string | Uint8Array): SampleReport {
  const json = parseCanonical(withoutFinalNewline(file), SAMPLE_LIMITS);
  if (json["v"] !== "quanji.sampled.v1") refuse("VERSION_UNKNOWN", "the report's version is not quanji.sampled.v1");
  return parseWith(SampleReport, json);
}

/** The root that the log had at the plan's size: there is one, whichever checkpoint proves it. */
async function seedRoot(report: SampleReport, plan: SamplePlan, trust: OpenedTrust): Promise<Hash> {
  const { checkpoint } = await verifyCheckpoint(parseNote(report.checkpoint), plan.log, trust);
  if (checkpoint.size < plan.size) refuse("CHECKPOINT_STALE", "the log had not reached the plan's size");
  const root = parseHash(report.root);
  if (checkpoint.size === plan.size) {
    if (!equalBytes(root, checkpoint.root)) refuse("FORK", "the root is not the checkpoint's");
    if (report.consistency.length > 0) refuse("PROOF_LENGTH", "one size needs no consistency proof");
    return root;
  }
  const sizes = { from: plan.size, to: checkpoint.size };
  const proof = report.consistency.map(parseHash);
  verifyConsistency({ ...sizes, fromRoot: root, toRoot: checkpoint.root, proof });
  return root;
}

type Examined = { readonly erased: boolean } | { readonly code: string };

/** What the regulator was shown of one access. */
async function examine(
  { receipt, refused }: SampleReport["drawn"][number],
  drawn: DrawnAccess | undefined,
  trust: OpenedTrust,
): Promise<Examined> {
  if (receipt === undefined) return { code: refused ?? "NOT_FOUND" };
  try {
    const jws = receipt as FlattenedJws;
    const { opened, erased, level } = await examineReceipt(jws, trust);
    assertLevel(level, trust.requiredLevel);
    if (hashText(opened.leaf) !== drawn?.leaf) return { code: "LEAF_MISMATCH" };
    const { receipt: shown } = openReceipt(canonical(jws, EVIDENCE_LIMITS));
    const gone = (shown.erased ?? []).map(({ field }): string => field);
    const committed = committedBy(shown.request);
    const closed = committed.find((path) => !(path in shown.openings) && !gone.includes(path));
    return closed === undefined ? { erased: erased.length > 0 } : { code: "SAMPLE_WITHHELD" };
  } catch (error) {
    const { detail } = refusalOf(error);
    return { code: detail };
  }
}

/** What the request committed to, and the regulator is therefore shown. */
const committedBy = (request: FlattenedJws): readonly string[] => {
  const payload = openRequest(request).jws.payload;
  return ["operator", "query"].filter((path) => path in payload);
};
