/** What became of a submission, and what the recorder does next: pure, so that the whole table is tested row by row. */
import { isQuanjiError, type QuanjiError } from "@quanji/chaincode/domain";
import { LedgerError } from "../ledger/ledger.js";
import type { Placed } from "./doubt.js";
import { backoffMs, LAG_MS, LAG_PAUSE, REFUSALS_IN_A_ROW, REFUSALS_TOLERATED, UNAVAILABLE_PAUSE } from "./limits.js";

/** Certain: nothing of the batch is committed by this transaction, now or later. */
export type Failure =
  /** The chaincode refused one record. */
  | { readonly kind: "record"; readonly record: number; readonly error: QuanjiError }
  /** HEAD_MOVED or MISMATCH: a peer, or the read model, lags. NOT_RECORDED, a time refused: a clock does. */
  | { readonly kind: "behind" }
  /** The chaincode refused, and named no record. */
  | { readonly kind: "refused"; readonly error: QuanjiError | undefined }
  | { readonly kind: "conflict"; readonly txId: string | undefined }
  | { readonly kind: "policy" }
  | { readonly kind: "unavailable" };

export type Outcome =
  | { readonly kind: "committed"; readonly placed: Placed }
  | { readonly kind: "unknown"; readonly txId: string | undefined }
  | Failure;

/**
 * Reads what `submit` threw for a batch of `records`. What is no LedgerError breaks the port's promise, so nothing is known:
 * `unknown` is the one outcome that cannot be wrong.
 */
export function outcomeOf(error: unknown, records: number): Outcome {
  if (!(error instanceof LedgerError)) return { kind: "unknown", txId: undefined };
  switch (error.fault) {
    case "REFUSED":
      return refusal(error.cause, records);
    case "MISMATCH":
      return { kind: "behind" };
    case "CONFLICT":
      return { kind: "conflict", txId: error.txId };
    case "POLICY":
      return { kind: "policy" };
    case "UNKNOWN":
      return { kind: "unknown", txId: error.txId };
    case "UNAVAILABLE":
      return { kind: "unavailable" };
  }
}

function refusal(cause: unknown, records: number): Outcome {
  if (!isQuanjiError(cause)) return { kind: "refused", error: undefined };
  if (cause.code === "HEAD_MOVED" || cause.code === "NOT_RECORDED") return { kind: "behind" };
  if (cause.record === undefined || cause.record >= records) return { kind: "refused", error: cause };
  return { kind: "record", record: cause.record, error: cause };
}

/** What the next step depends on, beside the outcome. */
export interface Standing {
  /** Records in the batch. */
  readonly records: number;
  /** Conflicts of this very batch, the present one included. */
  readonly conflicts: number;
  /** Records that the batch lost to refusals, the present one included. */
  readonly refusals: number;
  /** Refusals of whole batches, one after the other, the present one included. */
  readonly refusedInARow: number;
  /** Tries of this batch that ended like the present one, without a different outcome in between. */
  readonly tries: number;
  /** Time since the first of those tries. */
  readonly lastedMs: number;
}

export type Step =
  /** Reject this record; submit the rest again, without those of its requester if `apart`. */
  | { readonly step: "drop"; readonly record: number; readonly error: QuanjiError; readonly apart: boolean }
  /** Read the head anew and submit the same records again, after `waitMs`. */
  | { readonly step: "again"; readonly waitMs: number }
  /** Endorse the whole batch again, and note the state of what it rests on. */
  | { readonly step: "whole"; readonly txId: string | undefined }
  /** Put the records whose basis moved into a batch of their own; halve if nobody can tell which. */
  | { readonly step: "part"; readonly txId: string | undefined }
  | { readonly step: "halve" }
  /** NOT_RECORDED for all. `reason` goes into the error's detail and the log. */
  | { readonly step: "giveUp"; readonly reason: GiveUp; readonly cause?: QuanjiError };

export type GiveUp = "LAG" | "POLICY" | "REFUSED";

/**
 * | outcome     | ordered?     | next                                                                                  |
 * |-------------|--------------|---------------------------------------------------------------------------------------|
 * | committed   | yes, valid   | answer every record once the read model shows it                                      |
 * | unknown     | nobody knows | look for it; nothing is answered and none of its records submitted again until then   |
 * | record      | no           | drop that record, the rest again; after some, its requester's records go apart        |
 * | behind      | no           | again in milliseconds with the head read anew; after LAG_MS give up                   |
 * | refused     | no           | halve to find the record that spoils the batch; alone, or too often in a row: give up |
 * | conflict    | yes, invalid | first: the whole again (an upgrade conflicts too); then part                          |
 * | policy      | yes, invalid | give up: endorsements that do not count are a fault of the network's set-up           |
 * | unavailable | no           | again, until the records are too old                                                  |
 */
export function stepAfter(failure: Failure, now: Standing): Step {
  switch (failure.kind) {
    case "record":
      return { step: "drop", record: failure.record, error: failure.error, apart: now.refusals > REFUSALS_TOLERATED };
    case "behind":
      return now.lastedMs >= LAG_MS
        ? { step: "giveUp", reason: "LAG" }
        : { step: "again", waitMs: backoffMs(LAG_PAUSE, now.tries - 1) };
    case "refused":
      return now.records > 1 && now.refusedInARow < REFUSALS_IN_A_ROW
        ? { step: "halve" }
        : { step: "giveUp", reason: "REFUSED", ...(failure.error !== undefined && { cause: failure.error }) };
    case "conflict":
      return { step: now.conflicts === 1 ? "whole" : "part", txId: failure.txId };
    case "policy":
      return { step: "giveUp", reason: "POLICY" };
    case "unavailable":
      return { step: "again", waitMs: backoffMs(UNAVAILABLE_PAUSE, now.tries - 1) };
  }
}
