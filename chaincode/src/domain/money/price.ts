/**
 * Price: what a use costs by a tariff, whatever it stands on. Who has the deliveries and who has only quantities (a chaincode, an
 * adjustment) price by this one function.
 */
import { QuanjiError } from "../errors.js";
import { rounded, sumOf, WHOLE_BPS } from "./amount.js";
import type { Circumstances, StatementLine } from "./statement.js";
import { heldBack, type Indicator, type Tariff, type Tier, tierAmount } from "./tariff.js";

/** Units of the tariff. 0 under a tariff by period or product, which counts none. */
export interface Use {
  readonly charged: bigint;
  readonly free: bigint;
  /** Whether there are deliveries behind it, though they bring 0 units. Absent: as the quantities say. */
  readonly isCharged?: boolean;
  readonly isFree?: boolean;
}

type Bare<L> = L extends { readonly root: string } ? Omit<L, "root" | "deliveries"> : L;
/** A line without the deliveries that it stands on. */
export type PricedLine = Bare<StatementLine>;

export interface Priced {
  readonly lines: readonly PricedLine[];
  readonly total: bigint;
}

/** Errors: EVIDENCE_MISSING: the tariff pays by an indicator, and none, or another one, is there. */
export function priceLines(tariff: Tariff, use: Use, circumstances: Circumstances): Priced {
  const lines: PricedLine[] = [...tierLines(tariff, use, circumstances.isFirst)];
  if (use.free > 0n || use.isFree === true) lines.push({ kind: "free", quantity: String(use.free), amount: "0" });
  let total = sumOf(lines.map(({ amount }) => BigInt(amount)));
  for (const line of termLines(tariff, total, circumstances.indicator)) {
    lines.push(line);
    total += BigInt(line.amount);
  }
  return { lines, total };
}

function* tierLines(tariff: Tariff, { charged, isCharged }: Use, isFirst: boolean): Generator<PricedLine> {
  const once = onceOf(tariff, isFirst);
  let left = once ?? charged;
  let start = 0n;
  // A tariff that counts nothing has one price, its first.
  const tiers: readonly Tier[] =
    once === undefined ? tariff.tiers : tariff.tiers.slice(0, 1).map(({ amount, per }) => ({ amount, per }));
  for (const [at, tier] of tiers.entries()) {
    const end = tier.upTo === undefined ? undefined : BigInt(tier.upTo);
    const here = end === undefined || left < end - start ? left : end - start;
    const isEmpty = here === 0n && !(at === 0 && isCharged === true);
    if (!isEmpty) yield { kind: "tier", tier: at + 1, quantity: String(here), amount: String(tierAmount(tier, here)) };
    left -= here;
    start = end ?? start;
    if (left === 0n) return;
  }
}

/** Units of a tariff that does not count use; undefined for one that does. */
function onceOf({ unit }: Tariff, isFirst: boolean): bigint | undefined {
  if (unit === "period") return 1n;
  return unit === "product" ? BigInt(isFirst) : undefined;
}

/** Whether the tariff's unit lies in deliveries. */
export const countsUse = ({ unit }: Pick<Tariff, "unit">): boolean => unit !== "period" && unit !== "product";

type TermLine = Extract<StatementLine, { readonly kind: "discount" | "minimum" | "performance" }>;

function* termLines(tariff: Tariff, gross: bigint, given: Indicator | undefined): Generator<TermLine> {
  const { discountBps, minimum, performance } = tariff;
  let total = gross;
  if (discountBps !== undefined) {
    const off = rounded(gross * BigInt(discountBps), WHOLE_BPS);
    if (off > 0n) yield { kind: "discount", bps: discountBps, amount: String(-off) };
    total -= off;
  }
  if (minimum !== undefined && BigInt(minimum) > total) {
    yield { kind: "minimum", amount: String(BigInt(minimum) - total) };
    total = BigInt(minimum);
  }
  if (performance !== undefined) {
    const { indicator } = performance;
    if (given?.indicator !== indicator) {
      throw new QuanjiError("EVIDENCE_MISSING", `this tariff pays by ${indicator}: give its signed figure`, {
        field: "indicator",
      });
    }
    const held = heldBack(performance, BigInt(given.value), total);
    yield { kind: "performance", indicator, value: given.value, amount: held === 0n ? "0" : String(-held) };
  }
}

/** What the lines charge, and what is free, in units of the tariff. */
export function useOf(tariff: Tariff, lines: readonly StatementLine[]): Required<Use> {
  const of = (kind: "tier" | "free") => lines.filter((line) => line.kind === kind);
  const quantity = (kind: "tier" | "free"): bigint =>
    sumOf(of(kind).map((line) => ("quantity" in line ? BigInt(line.quantity) : 0n)));
  const has = (kind: "tier" | "free"): boolean => of(kind).some((line) => "deliveries" in line && line.deliveries > 0);
  return {
    charged: countsUse(tariff) ? quantity("tier") : 0n,
    free: countsUse(tariff) ? quantity("free") : 0n,
    isCharged: has("tier"),
    isFree: has("free"),
  };
}

/**
 * Total of lines that somebody signed. Every bracket is filled before the next, every amount is the tariff's, and by a tariff that
 * counts calls each delivery is one. Whether there are such deliveries nobody can tell from lines: their roots say which.
 * Errors: TOTAL_MISMATCH with the line; EVIDENCE_MISSING as {@link priceLines}.
 */
export function totalOf(tariff: Tariff, lines: readonly StatementLine[], circumstances: Circumstances): bigint {
  const priced = priceLines(tariff, useOf(tariff, lines), circumstances);
  for (let at = 0; at < Math.max(lines.length, priced.lines.length); at++) {
    const [line, expected] = [lines[at], priced.lines[at]];
    if (line === undefined || expected === undefined || !isPriced(line, expected) || !isCounted(tariff, line)) {
      throw new QuanjiError("TOTAL_MISMATCH", "a line is not what the tariff makes of its quantity", {
        field: `lines.${at}`,
      });
    }
  }
  return priced.total;
}

const isPriced = (line: StatementLine, expected: PricedLine): boolean =>
  Object.entries(expected).every(([name, value]) => (line as unknown as Record<string, unknown>)[name] === value);

function isCounted({ unit }: Tariff, line: StatementLine): boolean {
  if (line.kind !== "tier" && line.kind !== "free") return true;
  const quantity = BigInt(line.quantity);
  if (unit === "call") return quantity === BigInt(line.deliveries);
  return (unit !== "row" && unit !== "byte") || quantity === 0n || line.deliveries > 0;
}
