/**
 * The ticket: a source opens only against the receipt of a recorded permit, for a few seconds, and unless the grant was
 * stopped meanwhile. The adapter inside the gateway's process checks it here; adapters at the source check the same.
 */
import { QuanjiError } from "@quanji/chaincode/domain";

/** The receipt of the permit in compact form, for the adapter in front of a source. */
export const TICKET_HEADER = "quanji-ticket";

export interface Ticket {
  /** The record's `deliverBefore`. */
  readonly deliverBeforeMs: number;
  readonly nowMs: number;
  /** Own reading of the stops of the grant, its ancestors and the orders. */
  readonly isStopped: () => Promise<boolean>;
  /** Receipt's signature, and that it is the receipt of this access. */
  readonly receiptVerified: boolean;
}

/**
 * Errors: NOT_RECORDED · TICKET_UNVERIFIED, TICKET_EXPIRED, STOP_UNKNOWN; GRANT_REVOKED · TICKET_STOPPED.
 * What cannot be told counts as stopped.
 */
export async function assertTicket({ deliverBeforeMs, nowMs, isStopped, receiptVerified }: Ticket): Promise<void> {
  if (!receiptVerified) {
    throw new QuanjiError("NOT_RECORDED", "there is no valid receipt for this access", { detail: "TICKET_UNVERIFIED" });
  }
  if (!(nowMs < deliverBeforeMs)) {
    throw new QuanjiError("NOT_RECORDED", "the time to deliver is over: ask again", { detail: "TICKET_EXPIRED" });
  }
  if (await readStop(isStopped)) throw stopped("TICKET_STOPPED");
}

/** Errors: NOT_RECORDED · STOP_UNKNOWN if the stops cannot be read. */
export async function readStop(isStopped: () => Promise<boolean>): Promise<boolean> {
  try {
    return await isStopped();
  } catch (cause) {
    throw new QuanjiError("NOT_RECORDED", "the stops cannot be read, so nothing is delivered", {
      detail: "STOP_UNKNOWN",
      cause,
    });
  }
}

export const stopped = (detail: "TICKET_STOPPED" | "STREAM_STOPPED"): QuanjiError =>
  new QuanjiError("GRANT_REVOKED", "the grant was stopped after the access was permitted", { detail });
