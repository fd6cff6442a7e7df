/** Acceptance: what may be recorded of one. A delivery of something, by who asked for it, in the delivery's own words. */
import type { AccessAccept } from "./access.js";
import { QuanjiError } from "./errors.js";
import { keyIsValid, keyOf, type Party } from "./party.js";
import type { QuanjiRecord } from "./record.js";
import { sameSubjects } from "./subject.js";

export interface AcceptanceClaim {
  readonly payload: AccessAccept;
  readonly party: Party;
  /** Of the key that signed. */
  readonly thumbprint: string;
  /** The record's time. */
  readonly timeMs: number;
}

/**
 * The delivery that is accepted. Whoever may not know of it and whoever names none get one answer. An acceptance that differs
 * from the delivery is refused, not recorded as a dispute: a record states what both ends say alike, and a user who received
 * something else holds the gateway's signed account of what left.
 * Errors: NOT_FOUND; KEY_INVALID; STATE_CONFLICT · the outcome, where nothing is there to accept; STATE_CONFLICT ·
 * DELIVERY_DIFFERS with the field.
 */
export function acceptable(
  delivery: QuanjiRecord | undefined,
  { payload, party, thumbprint, timeMs }: AcceptanceClaim,
): Extract<QuanjiRecord, { readonly type: "delivery" }> {
  if (delivery?.type !== "delivery" || delivery.body.access !== payload.record || delivery.face.unit !== party.id) {
    throw new QuanjiError("NOT_FOUND", "there is no delivery of that access to you", { field: "record" });
  }
  const key = keyOf(party, thumbprint);
  if (key === undefined || !keyIsValid(key, timeMs)) {
    throw new QuanjiError("KEY_INVALID", "an acceptance needs a key that is in force");
  }
  const { outcome } = delivery.body;
  if (outcome !== "delivered" && outcome !== "partial") {
    throw new QuanjiError("STATE_CONFLICT", "nothing was delivered that could be accepted", { detail: outcome });
  }
  for (const field of ["digest", "rows"] as const) {
    if (delivery.body[field] === payload[field]) continue;
    throw new QuanjiError("STATE_CONFLICT", "what you accept is not what the delivery's record says", {
      field,
      detail: "DELIVERY_DIFFERS",
    });
  }
  if (!sameSubjects(delivery.body.subjects, payload.subjects)) {
    throw new QuanjiError("STATE_CONFLICT", "what you accept is about others than the delivery's record says", {
      field: "subjects",
      detail: "DELIVERY_DIFFERS",
    });
  }
  return delivery;
}

export const accepted = (): QuanjiError =>
  new QuanjiError("STATE_CONFLICT", "the delivery is accepted already", { detail: "ACCEPTED" });
