/** Tariff 费率: what use costs. Versions have effective dates that are never in the past; a statement names the version it used. */
import { z } from "zod";
import { CodeName } from "../ids.js";
import { setOf } from "../shared.js";
import { Instant } from "../time.js";
import { Amount, Bps, Currency, Price, rounded, WHOLE_BPS } from "./amount.js";

/**
 * What is counted: `call` deliveries, `row` and `byte` what a delivery brought, `period` the statement's period whatever was
 * used in it, `product` the product, in the first statement of a contract.
 */
export const TARIFF_UNITS = ["call", "row", "byte", "period", "product"] as const;
export type TariffUnit = (typeof TARIFF_UNITS)[number];

/** `amount` for each `per` units, up to the `upTo`-th unit of the statement; the last tier has no end. */
const Tier = z.strictObject({
  upTo: z.int().min(1).optional(),
  amount: Price,
  per: z.int().min(1),
});
export type Tier = z.infer<typeof Tier>;

const endsRise = (tiers: readonly Tier[]): boolean =>
  tiers.every(({ upTo }, at) =>
    at === tiers.length - 1 ? upTo === undefined : upTo !== undefined && upTo > (tiers[at - 1]?.upTo ?? 0),
  );

/**
 * A part of the price that depends on a signed figure: all of `heldBps` is paid at `full` and above, nothing of it at `none`
 * and below, pro rata between. Neither is negative: commands carry no such numbers.
 */
const Performance = z
  .strictObject({ indicator: CodeName, none: z.int().min(0), full: z.int().min(0), heldBps: Bps })
  .refine(({ none, full }) => none < full, "`none` is below `full`");
export type Performance = z.infer<typeof Performance>;

export const Tariff = z.strictObject({
  unit: z.enum(TARIFF_UNITS),
  currency: Currency,
  tiers: z.array(Tier).min(1).max(64).refine(endsRise, "tiers end one above the other, and the last has no `upTo`"),
  /** Counted and listed at 0, and no part of the tiers' counts. */
  freePurposes: setOf(CodeName, 64).optional(),
  /** Taken off what the tiers cost. */
  discountBps: Bps.optional(),
  /** The least that a statement comes to, before performance. */
  minimum: Price.optional(),
  performance: Performance.optional(),
  /** 上限收费标准: no tier may ask more for one unit. */
  cap: Price.optional(),
  /** 最高准许收入 of a period; what is earned above it lowers the next one. */
  allowance: Price.optional(),
  from: Instant,
});
export type Tariff = z.infer<typeof Tariff>;

/** Tiers whose price of a unit is above the cap, by position. Compared exactly: amount / per > cap. */
export const tiersAboveCap = ({ tiers }: Pick<Tariff, "tiers">, cap: string): number[] =>
  tiers.flatMap(({ amount, per }, at) => (BigInt(amount) > BigInt(cap) * BigInt(per) ? [at] : []));

/** What `quantity` units of one tier cost. */
export const tierAmount = ({ amount, per }: Pick<Tier, "amount" | "per">, quantity: bigint): bigint =>
  rounded(quantity * BigInt(amount), BigInt(per));

/** What is kept back of `total` at a measured value; 0 or more for a total of 0 or more. */
export function heldBack({ none, full, heldBps }: Performance, measured: bigint, total: bigint): bigint {
  const top = BigInt(full);
  const span = top - BigInt(none);
  const short = measured >= top ? 0n : measured <= BigInt(none) ? span : top - measured;
  return rounded(total * BigInt(heldBps) * short, WHOLE_BPS * span);
}

/** A signed figure of a period: who measured, and where it stands, is the caller's to check. */
export const Indicator = z.strictObject({ indicator: CodeName, value: Amount });
export type Indicator = z.infer<typeof Indicator>;
