/** Both ends of every access, compared: trails are verified as ever, and what their records say of each other is joined. */
import type { TrailKind } from "@quanji/chaincode/domain";
import { type OpenedTrust, type TrailSource, type Verdict, verifyTrail } from "../verify/index.js";
import { type Counts, Join, type MissingItem } from "./join.js";

export interface NamedTrail {
  readonly file: string;
  /** Read once, from the beginning. */
  readonly source: TrailSource;
}

export interface ReconciledTrail extends Pick<Verdict, "records" | "completeThrough"> {
  readonly file: string;
  readonly kind: TrailKind;
  readonly id: string;
}

/**
 * `ok: true`: every trail verifies, and both sides have spoken of every access in them, as far as they are complete and but
 * for what is `pending`. A trail that does not verify is refused with its code, and then nothing is joined.
 */
export interface Reconciliation extends Pick<
  Verdict,
  "ok" | "code" | "detail" | "message" | "at" | "level" | "withstands" | "trustDigest" | "singleOperator" | "testClock"
> {
  readonly kind: "reconcile";
  /** The file that does not verify. */
  readonly file?: string;
  readonly trails: readonly ReconciledTrail[];
  readonly counts: Counts;
  /** So young that the other side may still speak. */
  readonly pending: number;
  readonly missing: readonly MissingItem[];
}

export interface ReconcileOptions {
  readonly progress?: (file: string, records: number) => void;
}

/** Reads one trail after the other; memory grows with what is open, and by a byte a record. What a source throws goes through. */
export async function reconcile(
  trails: readonly NamedTrail[],
  trust: OpenedTrust,
  { progress }: ReconcileOptions = {},
): Promise<Reconciliation> {
  const join = new Join();
  const read: ReconciledTrail[] = [];
  let last: Verdict | undefined;
  for (const [number, { file, source }] of trails.entries()) {
    const key: { kind: TrailKind; id: string } = { kind: "grant", id: "" };
    const verdict = await verifyTrail(source, trust, {
      observer: {
        begin: (header) => Object.assign(key, header.key),
        record: ({ record }) => join.add(record, number),
      },
      progress: (records) => progress?.(file, records),
    });
    if (!verdict.ok)
      return { ...summary(verdict, join.counts), ok: false, file, trails: read, missing: [], pending: 0 };
    const { records = 0, completeThrough } = verdict;
    read.push({ file, ...key, records, ...(completeThrough !== undefined && { completeThrough }) });
    last = lower(last, verdict);
  }
  const through = read.map(({ completeThrough }) => (completeThrough === undefined ? 0 : Date.parse(completeThrough)));
  const { missing, pending } = join.missing(through);
  if (last === undefined) throw new TypeError("there is no trail to reconcile");
  return { ...summary(last, join.counts), ok: missing.length === 0, trails: read, missing, pending };
}

const LEVELS: readonly Verdict["level"][] = ["committed", "cosigned", "anchored"];
const lower = (one: Verdict | undefined, other: Verdict): Verdict =>
  one !== undefined && LEVELS.indexOf(one.level) < LEVELS.indexOf(other.level) ? one : other;

function summary(
  { code, detail, message, at, level, withstands, trustDigest, singleOperator, testClock }: Verdict,
  counts: Counts,
) {
  return {
    kind: "reconcile" as const,
    ...(code !== undefined && { code }),
    ...(detail !== undefined && { detail }),
    ...(message !== undefined && { message }),
    ...(at !== undefined && { at }),
    level,
    withstands,
    trustDigest,
    singleOperator,
    testClock,
    counts,
  };
}
