/**
 * Parts that documents share, under the names of UBL 2.1 (ISO/IEC 19845), which EN 16931-1's business terms are mapped to by
 * CEN/TS 16931-3-2. Values are objects of plain members instead of UBL's XML attributes; every amount stands there twice, in
 * major units as people and accounting programs read it and in minor units as it was reckoned.
 */
import { z } from "zod";
import { type StatementLine, type Tariff } from "@quanji/chaincode/domain";
import { decimal, major } from "./currency.js";

const Decimal = z.string().regex(/^-?(?:0|[1-9][0-9]{0,39})(?:\.[0-9]{1,4})?$/, "a decimal number");
const Minor = z.string().regex(/^(?:0|-?[1-9][0-9]{0,39})$/, "an amount in minor units");
const Text = z.string().min(1).max(400);

export const Money = z.strictObject({ currencyID: z.string().regex(/^[A-Z]{3}$/), minor: Minor, value: Decimal });
export type Money = z.infer<typeof Money>;
export const Quantity = z.strictObject({ unitCode: z.string().regex(/^[A-Z0-9]{2,3}$/), value: Decimal });

export const money = (minor: string | bigint, currency: string): Money => ({
  currencyID: currency,
  minor: String(minor),
  value: major(minor, currency),
});

/** UN/ECE Recommendation 20. Calls, rows and products are "one": what of stands in `quanji.unit`. */
const UNIT_CODES = { call: "C62", row: "C62", byte: "AD", period: "MON", product: "C62" } as const satisfies Record<
  Tariff["unit"],
  string
>;
export const quantity = (value: string, unit: Tariff["unit"]): z.infer<typeof Quantity> => ({
  unitCode: UNIT_CODES[unit],
  value,
});

export const CalendarDay = z.iso.date();

/** BG-4, BG-7, BG-10. `RegistrationName` is as the issuer states it; the id is the ledger's. */
export const Trader = z.strictObject({
  PartyIdentification: z.strictObject({ ID: z.string().min(1).max(128) }),
  PartyLegalEntity: z.strictObject({ RegistrationName: Text }),
});
export type Trader = z.infer<typeof Trader>;
export const trader = (id: string, names: ReadonlyMap<string, string>): Trader => ({
  PartyIdentification: { ID: id },
  PartyLegalEntity: { RegistrationName: names.get(id) ?? id },
});

/** BG-20, BG-21. `AllowanceChargeReasonCode`: which term of the tariff, or an adjustment. */
export const AllowanceCharge = z.strictObject({
  AllowanceChargeReason: Text,
  AllowanceChargeReasonCode: z.enum(["discount", "minimum", "performance", "adjustment"]),
  Amount: Money,
  /** BT-93. */
  BaseAmount: Money.optional(),
  ChargeIndicator: z.boolean(),
  /** BT-94, percent. */
  MultiplierFactorNumeric: Decimal.optional(),
});
export type AllowanceCharge = z.infer<typeof AllowanceCharge>;

/** A signed amount as a charge or an allowance, whose own amount is 0 or more. */
export function allowanceCharge(
  code: AllowanceCharge["AllowanceChargeReasonCode"],
  reason: string,
  minor: bigint,
  currency: string,
): AllowanceCharge {
  return {
    AllowanceChargeReason: reason,
    AllowanceChargeReasonCode: code,
    Amount: money(minor < 0n ? -minor : minor, currency),
    ChargeIndicator: minor >= 0n,
  };
}

/** BG-25. */
export const InvoiceLine = z.strictObject({
  ID: z.string().regex(/^[1-9][0-9]{0,3}$/),
  InvoicedQuantity: Quantity,
  Item: z.strictObject({ Name: Text, SellersItemIdentification: z.strictObject({ ID: z.string().min(1).max(128) }) }),
  LineExtensionAmount: Money,
  Price: z.strictObject({ BaseQuantity: Quantity, PriceAmount: Money }),
  quanji: z.strictObject({
    deliveries: z.int().min(0),
    kind: z.enum(["tier", "free"]),
    root: z.string().length(43),
    tier: z.int().min(1).optional(),
  }),
});
export type InvoiceLine = z.infer<typeof InvoiceLine>;

export interface Item {
  /** `prd/sim.scene@1`. */
  readonly resource: string;
  readonly title: string;
}

/** Lines of brackets and free uses; the others are terms, which concern the whole document. */
export function invoiceLine(
  line: Extract<StatementLine, { readonly kind: "tier" | "free" }>,
  at: number,
  tariff: Tariff,
  item: Item,
): InvoiceLine {
  const { currency, unit } = tariff;
  const price =
    line.kind === "free" ? { amount: "0", per: 1 } : (tariff.tiers[line.tier - 1] ?? { amount: "0", per: 1 });
  return {
    ID: String(at + 1),
    InvoicedQuantity: quantity(line.quantity, unit),
    Item: { Name: item.title, SellersItemIdentification: { ID: item.resource } },
    LineExtensionAmount: money(line.amount, currency),
    Price: { BaseQuantity: quantity(String(price.per), unit), PriceAmount: money(price.amount, currency) },
    quanji: {
      deliveries: line.deliveries,
      kind: line.kind,
      root: line.root,
      ...(line.kind === "tier" && { tier: line.tier }),
    },
  };
}

/** Terms of a statement as allowances and charges. `gross`: what the lines come to. */
export function termCharge(
  line: Extract<StatementLine, { readonly kind: "discount" | "minimum" | "performance" }>,
  gross: bigint,
  currency: string,
): AllowanceCharge {
  const amount = BigInt(line.amount);
  switch (line.kind) {
    case "discount":
      return {
        ...allowanceCharge("discount", "Discount 折扣", amount, currency),
        ChargeIndicator: false,
        BaseAmount: money(gross, currency),
        MultiplierFactorNumeric: decimal(BigInt(line.bps), 2),
      };
    case "minimum":
      return allowanceCharge("minimum", "Minimum charge 最低收费", amount, currency);
    case "performance":
      return {
        ...allowanceCharge("performance", `Performance 绩效: ${line.indicator} = ${line.value}`, amount, currency),
        ChargeIndicator: false,
      };
  }
}
