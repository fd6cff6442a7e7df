/**
 * Disclosure 年度披露: what an operator delivered and earned in a year, product by product, from its statements alone: no price of
 * any one contract, no buyer.
 * @see 发改价格〔2025〕65号 on 最高准许收入 and 上限收费标准
 */
import { z } from "zod";
import {
  type AllowedPeriod,
  type Contract,
  Currency,
  DocumentCode,
  excessOf,
  Month,
  NetworkId,
  nextAllowed,
  type Offer,
  PartyId,
  payableOf,
  QuanjiError,
  ResourceVersionId,
  type Statement,
  sumOf,
  TARIFF_UNITS,
} from "@quanji/chaincode/domain";
import { tariffVersion } from "./invoice.js";

const Minor = z.string().regex(/^(?:0|-?[1-9][0-9]{0,39})$/);
const Count = z.string().regex(/^(?:0|[1-9][0-9]{0,39})$/);
const Price = z.strictObject({ amount: Count, per: z.int().min(1) });

const Product = z.strictObject({
  /** 上限收费标准 of the tariffs, where there is one; the highest. */
  cap: Count.optional(),
  contracts: z.int().min(1),
  currency: Currency,
  /** Deliveries that lines stand on; one whose rows cross a tier stands under two. */
  deliveries: Count,
  /** Units used for free purposes, of `quantity`. */
  free: Count,
  /** Highest price asked for, by the unit. */
  highest: Price,
  months: z
    .array(
      z.strictObject({
        /** 最高准许收入 of the month, less what months of the same year before it had earned too much. */
        allowed: Count.optional(),
        /** Earned above it. */
        excess: Count.optional(),
        period: Month,
        revenue: Minor,
      }),
    )
    .max(12),
  quantity: Count,
  resource: ResourceVersionId,
  revenue: Minor,
  unit: z.enum(TARIFF_UNITS),
});

export const Disclosure = z.strictObject({
  code: DocumentCode,
  net: NetworkId,
  operator: PartyId,
  products: z.array(Product).max(512),
  v: z.literal("quanji.disclosure.v1"),
  year: z.int().min(2000).max(9999),
});
export type Disclosure = z.infer<typeof Disclosure>;
type Product = z.infer<typeof Product>;

/** A statement with what it stands on. */
export interface Billed {
  readonly statement: Statement;
  readonly contract: Pick<Contract, "id">;
  readonly offer: Offer;
}

export interface DisclosureFacts {
  readonly net: string;
  readonly operator: string;
  readonly year: number;
  readonly code: string;
  readonly billed: readonly Billed[];
}

/** Errors: STATE_CONFLICT: a statement twice; one of another operator or year is left out by the caller, not here. */
export function buildDisclosure({ net, operator, year, code, billed }: DisclosureFacts): Disclosure {
  const seen = new Set<string>();
  const groups = new Map<string, Billed[]>();
  for (const item of billed) {
    const { statement, offer } = item;
    const place = `${statement.contract} ${statement.period}`;
    if (seen.has(place)) throw new QuanjiError("STATE_CONFLICT", "a statement counts once", { field: "billed" });
    seen.add(place);
    if (statement.closedBy !== operator || !statement.period.startsWith(`${year}-`)) {
      throw new QuanjiError("MALFORMED", "a disclosure is of one operator's statements of one year", {
        field: "billed",
      });
    }
    const { unit } = tariffVersion(offer, statement.tariff);
    const key = [offer.resource, statement.currency, unit].join(" ");
    groups.set(key, [...(groups.get(key) ?? []), item]);
  }
  const products = [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => productOf(group));
  return { code, net, operator, products, v: "quanji.disclosure.v1", year };
}

function productOf(group: readonly Billed[]): Product {
  const [first] = group;
  if (first === undefined) throw new TypeError("a group has a member");
  const tariffs = group.map(({ offer, statement }) => tariffVersion(offer, statement.tariff));
  const statements = group.map(({ statement }) => statement);
  const lines = statements.flatMap((statement) => statement.lines);
  const counted = lines.filter((line) => line.kind === "tier" || line.kind === "free");
  const taken = (of: "quantity" | "free"): bigint =>
    sumOf(statements.flatMap(({ adjustments }) => adjustments.map((adjustment) => signed(adjustment, of))));
  const free = sumOf(counted.filter(({ kind }) => kind === "free").map(({ quantity }) => BigInt(quantity)));
  const caps = tariffs.flatMap(({ cap }) => (cap === undefined ? [] : [BigInt(cap)]));
  return {
    ...(caps.length > 0 && { cap: String(caps.reduce((high, cap) => (cap > high ? cap : high))) }),
    contracts: new Set(statements.map(({ contract }) => contract)).size,
    currency: first.statement.currency,
    deliveries: String(counted.reduce((sum, line) => sum + line.deliveries, 0)),
    free: String(free + taken("free")),
    highest: highestOf(tariffs.flatMap(({ tiers }) => tiers)),
    months: monthsOf(group),
    quantity: String(sumOf(counted.map(({ quantity }) => BigInt(quantity))) + taken("quantity") + taken("free")),
    resource: first.offer.resource,
    revenue: String(sumOf(statements.map(payableOf))),
    unit: tariffs[0]?.unit ?? "call",
  };
}

/** Units of an adjustment: taken back, or billed after all. */
const signed = (adjustment: Statement["adjustments"][number], of: "quantity" | "free"): bigint =>
  adjustment.kind === "release" ? BigInt(adjustment[of]) : -BigInt(adjustment[of]);

/** Compared exactly: amount / per. */
function highestOf(tiers: readonly { readonly amount: string; readonly per: number }[]): z.infer<typeof Price> {
  const high = tiers.reduce((best, tier) =>
    BigInt(tier.amount) * BigInt(best.per) > BigInt(best.amount) * BigInt(tier.per) ? tier : best,
  );
  return { amount: high.amount, per: high.per };
}

/** In the order of months: what was earned above the allowance of one lowers the next one's. */
function monthsOf(group: readonly Billed[]): Product["months"] {
  const periods = [...new Set(group.map(({ statement }) => statement.period))].sort();
  let before: AllowedPeriod | undefined;
  let carried = 0n;
  return periods.map((period) => {
    const of = group.filter(({ statement }) => statement.period === period);
    const revenue = sumOf(of.map(({ statement }) => payableOf(statement)));
    const [allowance] = of.flatMap(({ offer, statement }) => tariffVersion(offer, statement.tariff).allowance ?? []);
    if (allowance === undefined) return { period, revenue: String(revenue) };
    const next =
      before === undefined ? { allowed: BigInt(allowance), carried } : nextAllowed(BigInt(allowance), before, carried);
    before = { allowed: next.allowed, revenue };
    carried = next.carried;
    return { allowed: String(next.allowed), excess: String(excessOf(before)), period, revenue: String(revenue) };
  });
}
