/** Price cap 上限收费标准: what one unit of a resource, or of anything made from it, may cost at most. Public. */
import { z } from "zod";
import { QuanjiError } from "../errors.js";
import { ResourceId } from "../ids.js";
import { Currency, Price } from "../money/amount.js";
import { TARIFF_UNITS, type Tariff, tiersAboveCap } from "../money/tariff.js";
import { changed, type CommandFacts, Net, type Versioned } from "../shared.js";
import { Instant, msOf } from "../time.js";

/** By the resource's steward or the regulator. Versions rise by one, whoever publishes them. */
export const PriceCap = z.strictObject({
  ...Net,
  resource: ResourceId,
  version: z.int().min(1).max(1024),
  unit: z.enum(TARIFF_UNITS),
  currency: Currency,
  /** For one unit. */
  amount: Price,
  from: Instant,
});
export type PriceCap = z.infer<typeof PriceCap>;

export interface CapVersion {
  readonly version: number;
  readonly unit: PriceCap["unit"];
  readonly currency: string;
  readonly amount: string;
  readonly from: string;
  readonly by: string;
}

/** All caps of one resource; `id` is the resource's. */
export interface Caps extends Versioned {
  readonly v: "quanji.cap.v1";
  readonly id: string;
  readonly versions: readonly CapVersion[];
}

/** Errors: STATE_CONFLICT (version), BACKDATED. */
export function applyCap(before: Caps | undefined, payload: PriceCap, facts: CommandFacts): Caps {
  const next = (before?.version ?? 0) + 1;
  if (payload.version !== next) {
    throw new QuanjiError("STATE_CONFLICT", `the next version of this resource's cap is ${next}`, { field: "version" });
  }
  if (msOf(payload.from) < facts.timeMs) {
    throw new QuanjiError("BACKDATED", "a cap cannot take effect before it is published", { field: "from" });
  }
  const { net: _net, resource, ...cap } = payload;
  return {
    v: "quanji.cap.v1",
    id: resource,
    versions: [...(before?.versions ?? []), { ...cap, by: facts.signer }],
    version: next,
    n: next,
    at: changed(facts),
  };
}

/** Each party that sets caps has one in force for a unit and currency, its newest; all of them apply, so none lifts another's. */
export function capsInForce(
  caps: Caps | undefined,
  { unit, currency }: Pick<Tariff, "unit" | "currency">,
  timeMs: number,
): readonly CapVersion[] {
  const newest = new Map<string, CapVersion>();
  for (const cap of caps?.versions ?? []) {
    if (cap.unit === unit && cap.currency === currency && msOf(cap.from) <= timeMs) newest.set(cap.by, cap);
  }
  return [...newest.values()];
}

/** Errors: CAP_EXCEEDED naming the first tier above a cap. `whose`: what the caps are of, for the detail. */
export function assertWithinCaps(tariff: Tariff, amounts: readonly string[], whose: string): void {
  for (const amount of amounts) {
    const [tier] = tiersAboveCap(tariff, amount);
    if (tier === undefined) continue;
    throw new QuanjiError("CAP_EXCEEDED", `a tier's price is above ${amount} for one ${tariff.unit}: lower it`, {
      field: `tariff.tiers.${tier}`,
      detail: whose,
    });
  }
}
