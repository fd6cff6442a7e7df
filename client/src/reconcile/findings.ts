/** What can be missing between two ends of an access, and on which side. A code is never renamed or used again. */

/** Who did not speak: the gateway, the user that received, or the source. */
export const SIDES = ["gateway", "user", "source"] as const;
export type Side = (typeof SIDES)[number];

interface MissingRow {
  readonly side: Side;
  readonly meaning: string;
}

const row = (side: Side, meaning: string): MissingRow => ({ side, meaning });

export const MISSING = {
  DELIVERY_MISSING: row("gateway", "a permit whose time is over, and no record of what was delivered"),
  DELIVERY_UNKNOWN: row("gateway", "a permit that the gateway gave up: nobody recorded what left"),
  ACCEPTANCE_MISSING: row("user", "a delivery that its requester has not accepted"),
  TALLY_MISSING: row("source", "a delivery of a resource whose source tallies, and no tally counts it"),
} as const satisfies Readonly<Record<string, MissingRow>>;

export type Missing = keyof typeof MISSING;
