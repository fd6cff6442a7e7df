/**
 * Tally: the source's own count of what it served. A key of the steward with a purpose of its own signs it, where the source
 * stands and not the gateway; permits, deliveries and tallies of a window must agree.
 */
import { z } from "zod";
import { QuanjiError } from "./errors.js";
import { LogOrigin, ResourceId } from "./ids.js";
import { keyIsValid, keyOf, type Party } from "./party.js";
import type { Resource } from "./resource.js";
import { Net } from "./shared.js";

const count = z.int().min(0);

/** Of the accesses with `from` ≤ index < `to` in a log, the source opened for `served`. */
export const TallySign = z.strictObject({
  ...Net,
  log: LogOrigin,
  resource: ResourceId,
  from: count,
  to: count,
  served: count,
});
export type TallySign = z.infer<typeof TallySign>;

export interface TallyClaim {
  readonly payload: TallySign;
  readonly party: Party;
  /** Of the key that signed. */
  readonly thumbprint: string;
  /** The record's time. */
  readonly timeMs: number;
  /** The record's own index: a tally is of records before it. */
  readonly index: number;
  /** Where the last tally of the resource in this log ended; undefined before the first. */
  readonly last: number | undefined;
}

/**
 * The resource that is tallied. A window may leave a hole after the last one, for a source that lost its memory says nothing of
 * what it does not know; what lies in a hole is listed as not tallied.
 * Errors: NOT_FOUND; ROLE_REQUIRED: not the steward; KEY_INVALID: no tally key in force; MALFORMED: no window, or more served
 * than it has records; STATE_CONFLICT · TALLY_AHEAD, TALLY_OVERLAP.
 */
export function tallied(resource: Resource | undefined, claim: TallyClaim): Resource {
  const { payload, party, thumbprint, timeMs, index, last } = claim;
  if (resource?.logs.includes(payload.log) !== true) {
    throw new QuanjiError("NOT_FOUND", "no such resource in this log", { field: "resource" });
  }
  if (resource.steward !== party.id)
    throw new QuanjiError("ROLE_REQUIRED", "a resource is tallied by its steward's source");
  const key = keyOf(party, thumbprint);
  if (key === undefined || !keyIsValid(key, timeMs, "tally")) {
    throw new QuanjiError("KEY_INVALID", "a tally needs a key of purpose tally that is in force");
  }
  if (!isWindow(payload)) {
    throw new QuanjiError("MALFORMED", "a tally has a window, and serves no more than it has records", {
      field: "served",
    });
  }
  if (payload.to > index) {
    throw new QuanjiError("STATE_CONFLICT", "a tally is of records before it", { field: "to", detail: "TALLY_AHEAD" });
  }
  if (last !== undefined && payload.from < last) {
    throw new QuanjiError("STATE_CONFLICT", `a tally of these records is there: begin at ${last}`, {
      field: "from",
      detail: "TALLY_OVERLAP",
    });
  }
  return resource;
}

export const isWindow = ({ from, to, served }: Pick<TallySign, "from" | "to" | "served">): boolean =>
  from < to && served <= to - from;
