/** Revenues of an offer whose price is guided by government, month by month, and what each month may earn. */
import { type AllowedPeriod, excessOf, nextAllowed } from "../money/allowance.js";
import { msOf } from "../time.js";
import { monthAfter } from "./month.js";
import type { Offer } from "./offer.js";
import { monthBounds } from "./period.js";

/** As the ledger keeps it: of all statements of the offer's contracts and their adjustments, by month. */
export interface Revenues {
  readonly v: "quanji.revenues.v1";
  readonly offer: string;
  readonly currency: string;
  /** Rising by month. */
  readonly revenues: readonly { readonly period: string; readonly amount: string }[];
}

export interface AllowanceMonth {
  readonly period: string;
  /** 最高准许收入 of the month after what was carried into it. Absent: its tariff has none. */
  readonly allowed?: string;
  readonly revenue: string;
  /** Excess that lowers the month after. */
  readonly carried: string;
}

/** Months from the first with revenue to `through`, rising. */
export function allowancesOf(
  offer: Pick<Offer, "tariffs">,
  { revenues }: Pick<Revenues, "revenues">,
  through: string,
  timeZone: string,
): AllowanceMonth[] {
  const months: AllowanceMonth[] = [];
  const of = new Map(revenues.map(({ period, amount }) => [period, BigInt(amount)]));
  const first = revenues[0]?.period;
  let before: AllowedPeriod = { allowed: 0n, revenue: 0n };
  let rest = 0n;
  for (let period = first; period !== undefined && period <= through; period = monthAfter(period)) {
    const revenue = of.get(period) ?? 0n;
    const allowance = allowanceIn(offer, period, timeZone);
    if (allowance === undefined) {
      months.push({ period, revenue: String(revenue), carried: "0" });
      [before, rest] = [{ allowed: 0n, revenue: 0n }, 0n];
      continue;
    }
    const { allowed, carried } = nextAllowed(allowance, before, rest);
    [before, rest] = [{ allowed, revenue }, carried];
    const excess = excessOf(before) + rest;
    months.push({ period, allowed: String(allowed), revenue: String(revenue), carried: String(excess) });
  }
  return months;
}

/** By the tariff with which the month began, or the offer's first one in the month in which that did. */
function allowanceIn({ tariffs }: Pick<Offer, "tariffs">, period: string, timeZone: string): bigint | undefined {
  const [first] = tariffs;
  const { fromMs } = monthBounds(period, timeZone);
  const found = tariffs.filter(({ tariff }) => msOf(tariff.from) <= fromMs).at(-1) ?? first;
  return found?.tariff.allowance === undefined ? undefined : BigInt(found.tariff.allowance);
}

/** The revenues with `amount` more in a month, and what the month after may earn less for it. */
export function earned(
  offer: Pick<Offer, "tariffs">,
  revenues: Revenues,
  period: string,
  amount: bigint,
  timeZone: string,
): { readonly revenues: Revenues; readonly carried: bigint } {
  const of = (all: Revenues): bigint =>
    BigInt(allowancesOf(offer, all, period, timeZone).find((month) => month.period === period)?.carried ?? "0");
  const before = BigInt(revenues.revenues.find((each) => each.period === period)?.amount ?? "0");
  const others = revenues.revenues.filter((each) => each.period !== period);
  const all = [...others, { period, amount: String(before + amount) }].sort((a, b) => (a.period < b.period ? -1 : 1));
  const after = { ...revenues, revenues: all };
  return { revenues: after, carried: of(after) - of(revenues) };
}
