/**
 * Credit note 红字数据发票: what an adjustment takes back of an invoice that stands; where it bills what was held, a debit note.
 * @see EN 16931-1:2017 BG-3; UNTDID 1001: 381, 383
 */
import { z } from "zod";
import {
  type Adjustment,
  Currency,
  Digest,
  DocumentCode,
  Month,
  NetworkId,
  PartyId,
  QuanjiError,
  type Statement,
  Uuid,
} from "@quanji/chaincode/domain";
import { daysOf } from "./invoice.js";
import { CalendarDay, Money, money, trader, Trader } from "./ubl.js";

const Minor = z.string().regex(/^(?:0|-?[1-9][0-9]{0,39})$/);

export const CreditNote = z.strictObject({
  AccountingCustomerParty: z.strictObject({ Party: Trader }),
  AccountingSupplierParty: z.strictObject({ Party: Trader }),
  BillingReference: z.strictObject({
    InvoiceDocumentReference: z.strictObject({ DocumentHash: Digest, ID: DocumentCode }),
  }),
  ContractDocumentReference: z.strictObject({ ID: Uuid }),
  /** 381 credits the buyer, 383 debits it; amounts are 0 or more. */
  CreditNoteTypeCode: z.enum(["381", "383"]),
  CustomizationID: z.literal("urn:quanji:data-credit-note:1"),
  DocumentCurrencyCode: Currency,
  ID: DocumentCode,
  InvoicePeriod: z.strictObject({ EndDate: CalendarDay, StartDate: CalendarDay }),
  IssueDate: CalendarDay,
  LegalMonetaryTotal: z.strictObject({ PayableAmount: Money }),
  quanji: z.strictObject({
    adjustment: Uuid,
    amount: Minor,
    code: DocumentCode,
    contract: Uuid,
    dispute: Uuid.optional(),
    free: Minor,
    net: NetworkId,
    period: Month,
    quantity: Minor,
    split: z.strictObject({
      portions: z.array(z.strictObject({ amount: Minor, party: PartyId })).max(256),
      suspense: Minor,
    }),
    v: z.literal("quanji.creditNote.v1"),
  }),
});
export type CreditNote = z.infer<typeof CreditNote>;

export interface CreditNoteFacts {
  readonly net: string;
  readonly statement: Pick<Statement, "currency" | "period" | "seller" | "buyer" | "invoice">;
  readonly contract: string;
  readonly adjustment: Pick<Adjustment, "id" | "dispute" | "amount" | "quantity" | "free" | "portions" | "suspense">;
  readonly code: string;
  readonly issueDate: string;
  readonly names: ReadonlyMap<string, string>;
}

/** Errors: STATE_CONFLICT: there is no invoice that it could concern. */
export function buildCreditNote(facts: CreditNoteFacts): CreditNote {
  const { statement, adjustment, names, code } = facts;
  const { currency, period, seller, buyer, invoice } = statement;
  if (invoice === undefined) {
    throw new QuanjiError("STATE_CONFLICT", "no invoice stands that a note could credit", { field: "invoice" });
  }
  const amount = BigInt(adjustment.amount);
  return {
    AccountingCustomerParty: { Party: trader(buyer, names) },
    AccountingSupplierParty: { Party: trader(seller, names) },
    BillingReference: { InvoiceDocumentReference: { DocumentHash: invoice.digest, ID: invoice.code } },
    ContractDocumentReference: { ID: facts.contract },
    CreditNoteTypeCode: amount > 0n ? "383" : "381",
    CustomizationID: "urn:quanji:data-credit-note:1",
    DocumentCurrencyCode: currency,
    ID: code,
    InvoicePeriod: daysOf(period),
    IssueDate: facts.issueDate,
    LegalMonetaryTotal: { PayableAmount: money(amount < 0n ? -amount : amount, currency) },
    quanji: {
      adjustment: adjustment.id,
      amount: adjustment.amount,
      code,
      contract: facts.contract,
      ...(adjustment.dispute !== undefined && { dispute: adjustment.dispute }),
      free: adjustment.free,
      net: facts.net,
      period,
      quantity: adjustment.quantity,
      split: {
        portions: adjustment.portions.map((portion) => ({ ...portion })),
        suspense: adjustment.suspense,
      },
      v: "quanji.creditNote.v1",
    },
  };
}
