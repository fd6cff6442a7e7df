/**
 * Data invoice 数据发票: a closed statement as a document, made from what the ledger holds and from nothing else, so that whoever
 * has the same evidence makes the same one. It states no tax: it is no tax invoice, and stands beside one.
 * @see EN 16931-1:2017, its business terms by number
 */
import { z } from "zod";
import {
  ADJUSTMENTS,
  type Adjustment,
  Currency,
  DocumentCode,
  Digest,
  HeldLine,
  LogOrigin,
  Month,
  NetworkId,
  type Offer,
  PartyId,
  QuanjiError,
  type Statement,
  sumOf,
  type Tariff,
  TARIFF_UNITS,
  Uuid,
} from "@quanji/chaincode/domain";
import {
  appendLeaves,
  canonical,
  emptyFrontier,
  type HashText,
  hashText,
  PREFIX,
  prefixed,
  rootOf,
  utf8,
} from "@quanji/chaincode/log";
import {
  allowanceCharge,
  AllowanceCharge,
  CalendarDay,
  InvoiceLine,
  invoiceLine,
  type Item,
  Money,
  money,
  termCharge,
  trader,
  Trader,
} from "./ubl.js";

const Minor = z.string().regex(/^(?:0|-?[1-9][0-9]{0,39})$/);
const Portions = z.strictObject({
  portions: z.array(z.strictObject({ amount: Minor, party: PartyId })).max(256),
  suspense: Minor,
});

/** What the ledger knows of it and UBL has no name for. */
const Own = z.strictObject({
  adjustments: z
    .array(
      z.strictObject({
        amount: Minor,
        free: Minor,
        id: Uuid,
        kind: z.enum(ADJUSTMENTS),
        quantity: Minor,
        split: Portions,
      }),
    )
    .max(512),
  code: DocumentCode,
  contract: Uuid,
  contractVersion: z.int().min(1),
  /** Of {@link evidenceRoot}. */
  evidenceRoot: Digest,
  held: z.array(HeldLine).max(2),
  logs: z.array(z.strictObject({ from: z.int().min(0), log: LogOrigin, to: z.int().min(0) })).max(8),
  net: NetworkId,
  offer: Uuid,
  period: Month,
  /** Of the statement's own total; each adjustment has its own. */
  split: Portions,
  tariff: z.int().min(1),
  unit: z.enum(TARIFF_UNITS),
  v: z.literal("quanji.invoice.v1"),
});

export const Invoice = z.strictObject({
  AccountingCustomerParty: z.strictObject({ Party: Trader }),
  AccountingSupplierParty: z.strictObject({ Party: Trader }),
  AllowanceCharge: z.array(AllowanceCharge).max(512).optional(),
  ContractDocumentReference: z.strictObject({ ID: Uuid }),
  CustomizationID: z.literal("urn:quanji:data-invoice:1"),
  DocumentCurrencyCode: Currency,
  /** BT-1: the code by which it is looked up. */
  ID: DocumentCode,
  InvoiceLine: z.array(InvoiceLine).max(80),
  InvoicePeriod: z.strictObject({ EndDate: CalendarDay, StartDate: CalendarDay }),
  /** UNTDID 1001: 380, commercial invoice. */
  InvoiceTypeCode: z.literal("380"),
  IssueDate: CalendarDay,
  LegalMonetaryTotal: z.strictObject({
    AllowanceTotalAmount: Money,
    ChargeTotalAmount: Money,
    LineExtensionAmount: Money,
    PayableAmount: Money,
    TaxExclusiveAmount: Money,
  }),
  /** BT-59: who closed the statement and collects, where that is not the seller. */
  PayeeParty: Trader.optional(),
  PaymentTerms: z.strictObject({ Note: z.string().min(1).max(400) }).optional(),
  /** The ledger's id of it. */
  UUID: Uuid,
  quanji: Own,
});
export type Invoice = z.infer<typeof Invoice>;

export interface InvoiceFacts {
  readonly net: string;
  readonly statement: Statement;
  readonly contract: string;
  readonly offer: Offer;
  readonly item: Item;
  readonly invoice: string;
  readonly code: string;
  /** Calendar day in the network's time zone. */
  readonly issueDate: string;
  /** As the issuer states them; parties' names are no public matter of the ledger. */
  readonly names: ReadonlyMap<string, string>;
  readonly paymentTerms?: string;
}

/** First and last day of a month. */
export function daysOf(period: string): { readonly StartDate: string; readonly EndDate: string } {
  const [year = 0, month = 0] = period.split("-").map(Number);
  const last = new Date(Date.UTC(year, month, 0)).getUTCDate();
  return { StartDate: `${period}-01`, EndDate: `${period}-${String(last).padStart(2, "0")}` };
}

/** Errors: NOT_FOUND: the offer has no such version of its tariff. */
export function tariffVersion(offer: Pick<Offer, "tariffs">, version: number): Tariff {
  const found = offer.tariffs.find((tariff) => tariff.version === version);
  if (found === undefined) {
    throw new QuanjiError("NOT_FOUND", `the offer has no tariff ${version}`, { field: "tariff" });
  }
  return found.tariff;
}

/** Adjustments that came after the invoice are no part of it: one that changes what it asks for has a note of its own. */
export const adjustmentsIn = ({ adjustments, invoice }: Statement): readonly Adjustment[] =>
  adjustments.slice(0, invoice?.adjustments);

const leafOf = (value: unknown): ReturnType<typeof prefixed> => prefixed(PREFIX.leaf, utf8(canonical(value)));

/**
 * Root of the RFC 9162 tree over the canonical JSON of the statement's lines, then of what is held, then of the adjustments as
 * the document states them. Lines hold the roots of their deliveries, so one hash stands for all evidence.
 */
export function evidenceRoot(
  lines: Statement["lines"],
  held: Statement["held"],
  adjustments: z.infer<typeof Own>["adjustments"],
): HashText {
  return hashText(rootOf(appendLeaves(emptyFrontier(), [...lines, ...held, ...adjustments].map(leafOf))));
}

/** What the invoice asks for: the statement's total with the adjustments made before it. */
export const invoicedOf = (statement: Statement): bigint =>
  BigInt(statement.amount) + sumOf(adjustmentsIn(statement).map(({ amount }) => BigInt(amount)));

/** Errors: NOT_FOUND. */
export function buildInvoice(facts: InvoiceFacts): Invoice {
  const { statement, offer, item, names, code, net } = facts;
  const { currency, period, lines, held, seller, buyer, closedBy } = statement;
  const tariff = tariffVersion(offer, statement.tariff);
  const counted = lines.filter((line) => line.kind === "tier" || line.kind === "free");
  const terms = lines.filter((line) => line.kind !== "tier" && line.kind !== "free");
  const gross = sumOf(counted.map(({ amount }) => BigInt(amount)));
  const adjustments = adjustmentsIn(statement).map(({ id, kind, quantity, free, amount, portions, suspense }) => ({
    id,
    kind,
    quantity,
    free,
    amount,
    split: { portions: [...portions], suspense },
  }));
  const charges = [
    ...terms.map((line) => termCharge(line, gross, currency)),
    ...adjustments
      .filter(({ amount }) => amount !== "0")
      .map(({ id, amount }) => allowanceCharge("adjustment", `Adjustment 调整 ${id}`, BigInt(amount), currency)),
  ];
  const sum = (isCharge: boolean): bigint =>
    sumOf(
      charges.filter(({ ChargeIndicator }) => ChargeIndicator === isCharge).map(({ Amount }) => BigInt(Amount.minor)),
    );
  return {
    AccountingCustomerParty: { Party: trader(buyer, names) },
    AccountingSupplierParty: { Party: trader(seller, names) },
    ...(charges.length > 0 && { AllowanceCharge: charges }),
    ContractDocumentReference: { ID: facts.contract },
    CustomizationID: "urn:quanji:data-invoice:1",
    DocumentCurrencyCode: currency,
    ID: code,
    InvoiceLine: counted.map((line, at) => invoiceLine(line, at, tariff, item)),
    InvoicePeriod: daysOf(period),
    InvoiceTypeCode: "380",
    IssueDate: facts.issueDate,
    LegalMonetaryTotal: {
      AllowanceTotalAmount: money(sum(false), currency),
      ChargeTotalAmount: money(sum(true), currency),
      LineExtensionAmount: money(gross, currency),
      PayableAmount: money(invoicedOf(statement), currency),
      TaxExclusiveAmount: money(gross - sum(false) + sum(true), currency),
    },
    ...(closedBy !== seller && { PayeeParty: trader(closedBy, names) }),
    ...(facts.paymentTerms !== undefined && { PaymentTerms: { Note: facts.paymentTerms } }),
    UUID: facts.invoice,
    quanji: {
      adjustments,
      code,
      contract: facts.contract,
      contractVersion: statement.contractVersion,
      evidenceRoot: evidenceRoot(lines, held, adjustments),
      held: [...held],
      logs: statement.logs.map((range) => ({ ...range })),
      net,
      offer: offer.id,
      period,
      split: { portions: statement.portions.map((portion) => ({ ...portion })), suspense: statement.suspense },
      tariff: statement.tariff,
      unit: tariff.unit,
      v: "quanji.invoice.v1",
    },
  };
}
