/** What a verification answers. */
import { isQuanjiError, LEVELS, QuanjiError, type QuanjiRecord, type TrailLineOf } from "@quanji/chaincode/domain";
import type { ErasedBy } from "./erasures.js";
import type { SealedBy } from "./seals.js";
import type { Anchoring } from "./anchor/anchored.js";
import { codeOf, type Finding, type VerifierCode } from "./findings.js";

export type Level = (typeof LEVELS)[number];

/** Where the fault was found: line of a trail from 1, log, and index of the record in it. */
export interface Place {
  readonly line?: number;
  readonly log?: string;
  readonly index?: number;
}

/** What a trail is the trail of: all uses of that key, or those with `from` ≤ time < `to`. */
export type TrailKey = TrailLineOf<"trail">["key"] & Pick<TrailLineOf<"trail">, "from" | "to" | "tags" | "bulk">;

/** Which record a receipt proves. */
export interface RecordKey {
  readonly kind: QuanjiRecord["type"];
  /** Of the record. */
  readonly id: string;
  readonly request: string;
  readonly log: string;
  readonly index: number;
  readonly time: string;
}

/** Same bytes and same trust file give the same verdict. Only `ok: true` means anything was proven. */
export interface Verdict {
  readonly ok: boolean;
  readonly kind: "receipt" | "trail";
  /** What was proven something about; absent unless ok. A true file of another grant, or of a shorter period, is true as well: compare. */
  readonly of?: TrailKey | RecordKey;
  /** One of the verifier's codes; absent if ok. */
  readonly code?: VerifierCode;
  /** Finer code, a row of FINDINGS: `TRAIL_GAP`. */
  readonly detail?: string;
  readonly message?: string;
  readonly at?: Place;
  /** Level that was verified, not the one that was claimed. */
  readonly level: Level;
  /** How many dishonest witness organisations the quorum survives: 2m − n − 1. */
  readonly withstands: number;
  /** Trail: nothing that was recorded up to this instant is missing. */
  readonly completeThrough?: string;
  readonly records?: number;
  readonly permitted?: number;
  readonly denied?: number;
  /** Rules of `decide` that were run again for every record, and those believed because their chains are not in the file. */
  readonly replayed: readonly string[];
  readonly attested: readonly string[];
  /** Keys of requesters that a host holds for them: it could have signed in their name. */
  readonly hosted?: readonly string[];
  /** What is not opened because a command erased it; absent: nothing. */
  readonly erased?: readonly ErasedBy[];
  /** Entries that orders hide until a date, counted and not shown; absent: none. */
  readonly sealed?: readonly SealedBy[];
  /** Commands on other months of a contract, counted and not shown; absent: none. That they are of other months is the gateway's word. */
  readonly withheld?: number;
  /** Where the logs stand in outside chains; absent: nowhere that the trust file names. */
  readonly anchors?: readonly Anchoring[];
  readonly trustDigest: string;
  /** Fewer than two organisations witness: one operator could show two histories. */
  readonly singleOperator: boolean;
  /** The network's time was set by a test. */
  readonly testClock: boolean;
}

/** An error that refuses evidence, under the verifier's code that owns `detail`. */
export const refusal = (detail: Finding, message: string): QuanjiError =>
  new QuanjiError(codeOf(detail), message, { detail });

/** Refuses evidence. Errors: the verifier's code that owns `detail`. */
export function refuse(detail: Finding, message: string): never {
  throw refusal(detail, message);
}

/**
 * The refusal that an error of any layer amounts to. A detail that is no code (a field's name, a state) belongs to a rule of
 * the domain, whose own code then is the finer one.
 */
export function refusalOf(error: unknown): Required<Pick<Verdict, "code" | "detail" | "message">> {
  if (!isQuanjiError(error)) {
    return {
      code: "PROOF_INVALID",
      detail: "UNEXPECTED" satisfies Finding,
      message: "the evidence has a shape that nothing here expects",
    };
  }
  const own = error.detail !== undefined && /^[A-Z][A-Z0-9_]+$/.test(error.detail) ? error.detail : error.code;
  // A schema that refuses a salt's spelling and the commitment that refuses its length mean the same fault.
  const detail = error.field?.endsWith("salt") === true ? "SALT_LENGTH" : own;
  return { code: codeOf(detail), detail, message: error.message };
}

export const levelRank = (level: Level): number => LEVELS.indexOf(level);

/** What every verdict says about the trust that it rests on. */
export const trustFacts = (trust: {
  readonly digest: string;
  readonly policy: { readonly withstands: number };
  readonly singleOperator: boolean;
  readonly trust: { readonly testClock: boolean };
}): Pick<Verdict, "withstands" | "trustDigest" | "singleOperator" | "testClock"> => ({
  withstands: trust.policy.withstands,
  trustDigest: trust.digest,
  singleOperator: trust.singleOperator,
  testClock: trust.trust.testClock,
});
