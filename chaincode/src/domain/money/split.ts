/**
 * Split 分配: who gets what of an amount. Carve-outs (a city's fund, say) first, each of what the one before left; then shares by
 * weight. A share may go to a party or be split on: down a chain of sub-grants, or to the parents of a derived product.
 */
import { z } from "zod";
import { QuanjiError } from "../errors.js";
import { PartyId } from "../ids.js";
import { sumOf, WHOLE_BPS } from "./amount.js";
import { apportion } from "./apportion.js";

/** Schema of a carve-out: `bps` ten-thousandths of what is there when its turn comes. */
export const CarveOut = z.strictObject({ party: PartyId, bps: z.int().min(1).max(9_999) });
export type CarveOut = z.infer<typeof CarveOut>;

/** Depth of splits within splits: down a chain of sub-grants, or of products made from products. */
export const MAX_SPLIT_DEPTH = 8;

export interface Share {
  /** 0 or more; what it is a part of is the sum of its neighbours'. */
  readonly weight: bigint;
  readonly to: string | Split;
}

export interface Split {
  readonly carveOuts?: readonly CarveOut[];
  readonly shares: readonly Share[];
}

export interface Portion {
  readonly party: string;
  readonly amount: bigint;
}

export interface Portions {
  /** In listed order; a party that stands in several places has as many portions. */
  readonly portions: readonly Portion[];
  /** What no weight says whose it is: it waits until one does, and belongs to nobody meanwhile. */
  readonly suspense: bigint;
}

/** 4 : 3 : 3, the field's default. */
export const defaultSplit = (provider: string, processor: string, platform: string): Split => ({
  shares: [
    { weight: 4n, to: provider },
    { weight: 3n, to: processor },
    { weight: 3n, to: platform },
  ],
});

/** By measured contribution: how often each contributor's data was used, as records tell. Sorted by id, so that ties are settled. */
export const byContribution = (measured: ReadonlyMap<string, bigint>): Split => ({
  shares: [...measured].sort(([a], [b]) => (a < b ? -1 : 1)).map(([party, weight]) => ({ weight, to: party })),
});

/**
 * Portions and suspense sum to `total`, whose sign all of them have. A statement and each of its adjustments are split by
 * themselves and never again.
 *
 * Errors: MALFORMED: a negative weight, carve-outs out of range, or splits deeper than {@link MAX_SPLIT_DEPTH}.
 */
export function divide(total: bigint, split: Split, depth = 0): Portions {
  if (depth === MAX_SPLIT_DEPTH) {
    throw new QuanjiError("MALFORMED", `splits lie at most ${MAX_SPLIT_DEPTH} deep`, { field: "split" });
  }
  const portions: Portion[] = [];
  let rest = total;
  for (const { party, bps } of split.carveOuts ?? []) {
    const [carved = 0n, left = 0n] = apportion(rest, [BigInt(bps), WHOLE_BPS - BigInt(bps)]);
    portions.push({ party, amount: carved });
    rest = left;
  }
  const weights = split.shares.map(({ weight }) => weight);
  if (sumOf(weights) === 0n) return { portions, suspense: rest };
  let suspense = 0n;
  for (const [at, amount] of apportion(rest, weights).entries()) {
    const to = split.shares[at]?.to;
    if (to === undefined) continue;
    if (typeof to === "string") {
      portions.push({ party: to, amount });
      continue;
    }
    const below = divide(amount, to, depth + 1);
    portions.push(...below.portions);
    suspense += below.suspense;
  }
  return { portions, suspense };
}

/** One amount a party, in the order in which parties first appear. */
export function byParty(portions: readonly Portion[]): Map<string, bigint> {
  const sums = new Map<string, bigint>();
  for (const { party, amount } of portions) sums.set(party, (sums.get(party) ?? 0n) + amount);
  return sums;
}
