/**
 * A ticket: the receipt of a permit, shown to the source before it opens. Data is released when the record is committed, so a
 * ticket needs no cosignatures yet; all else is checked as in any receipt.
 */
import { msOf, splitVersion } from "@quanji/chaincode/domain";
import type { FlattenedJws } from "@quanji/chaincode/log";
import { checkReceiptFile } from "./receipt.js";
import type { OpenedTrust } from "./trust.js";
import { refuse } from "./verdict.js";

/** What a source has to know of a permitted access. */
export interface VerifiedTicket {
  readonly log: string;
  /** Index of the access. */
  readonly index: number;
  readonly resource: string;
  readonly request: string;
  /** The record's time, and when it is too late to open; ms since 1970, ledger time. */
  readonly timeMs: number;
  readonly deliverBeforeMs: number;
}

/** Errors: those of a receipt; TYP_MISMATCH for the receipt of anything but a permit. */
export async function verifyTicket(receipt: FlattenedJws, trust: OpenedTrust): Promise<VerifiedTicket> {
  const { record } = await checkReceiptFile(receipt, trust, "committed");
  if (record.type !== "access" || record.body.deliverBefore === undefined) {
    return refuse("TYP_MISMATCH", "only the receipt of a permit is a ticket");
  }
  const { face, body } = record;
  return {
    log: face.log,
    index: face.index,
    resource: splitVersion(body.resource).id,
    request: body.request,
    timeMs: msOf(body.time),
    deliverBeforeMs: msOf(record.body.deliverBefore),
  };
}
