/** Each kind of document made again from what the evidence leads to, and where the ledger holds its digest. */
import { byParty, payableOf, type Statement, sumOf } from "@quanji/chaincode/domain";
import type { JsonObject } from "@quanji/chaincode/log";
import {
  adjustmentsIn,
  buildCertificate,
  buildCreditNote,
  buildInvoice,
  buildVoucher,
  type Certificate,
  contractDigest,
  type CreditNote,
  deliveriesOf,
  type Invoice,
  invoicedOf,
  type Voucher,
} from "../../documents/index.js";
import { refuse } from "../verdict.js";
import type { Settled } from "./settled.js";
import type { Item, Shares } from "./verdict.js";

/** A statement that is there. */
export type Closed = Settled & { readonly statement: Statement };

/** What a kind of document needs to be checked. */
export interface Expected {
  /** The document that the evidence makes. */
  readonly payload: unknown;
  /** In minor units. */
  readonly total?: string;
  /** Of `total`. */
  readonly split?: Shares;
  /** Of an invoice. */
  readonly items?: readonly Item[];
  readonly unit?: string;
  /** Of parties, as the issuer states them. */
  readonly names?: ReadonlyMap<string, string>;
  /** Entry of the ledger that names the code; absent: there is none. */
  readonly held: { readonly digest: string; readonly time: string; readonly issuer: string } | undefined;
}

interface Named {
  readonly PartyIdentification: { readonly ID: string };
  readonly PartyLegalEntity: { readonly RegistrationName: string };
}

/** Names are the issuer's own words, so they are taken as they stand. */
const namesOf = (...traders: readonly (Named | undefined)[]): ReadonlyMap<string, string> =>
  new Map(
    traders.flatMap((trader) =>
      trader === undefined ? [] : [[trader.PartyIdentification.ID, trader.PartyLegalEntity.RegistrationName] as const],
    ),
  );

type Divided = Pick<Statement, "portions" | "suspense">;

/** Of several amounts, each divided by itself. */
function together(...parts: readonly Divided[]): Shares {
  const portions = parts.flatMap((part) =>
    part.portions.map(({ party, amount }) => ({ party, amount: BigInt(amount) })),
  );
  return {
    portions: [...byParty(portions)].map(([party, amount]) => ({ party, amount: String(amount) })),
    suspense: String(sumOf(parts.map(({ suspense }) => BigInt(suspense)))),
  };
}

export function expectedInvoice(given: Invoice, closed: Closed): Expected {
  const { statement, contract, offer, net, resource } = closed;
  const { invoice } = statement;
  const names = namesOf(given.AccountingSupplierParty.Party, given.AccountingCustomerParty.Party, given.PayeeParty);
  const payload = buildInvoice({
    net,
    statement,
    contract: contract.id,
    offer,
    item: { resource: offer.resource, title: resource.title },
    invoice: invoice?.code === given.ID ? invoice.id : given.UUID,
    code: given.ID,
    issueDate: given.IssueDate,
    names,
    ...(given.PaymentTerms !== undefined && { paymentTerms: given.PaymentTerms.Note }),
  });
  return {
    payload,
    total: String(invoicedOf(statement)),
    split: together(statement, ...adjustmentsIn(statement)),
    items: itemsOf(payload),
    unit: payload.quanji.unit,
    names,
    held:
      invoice?.code === given.ID
        ? { digest: invoice.digest, time: invoice.issued.time, issuer: statement.closedBy }
        : undefined,
  };
}

/** Lines, then allowances and charges, as the invoice has them. */
const itemsOf = ({ InvoiceLine, AllowanceCharge = [] }: Invoice): readonly Item[] => [
  ...InvoiceLine.map(({ InvoicedQuantity, Price, LineExtensionAmount, quanji: { kind, tier } }) => ({
    kind,
    ...(tier !== undefined && { tier }),
    quantity: InvoicedQuantity.value,
    price: Price.PriceAmount.minor,
    per: Price.BaseQuantity.value,
    amount: LineExtensionAmount.minor,
  })),
  ...AllowanceCharge.map(({ AllowanceChargeReasonCode: kind, ChargeIndicator, Amount: { minor } }) => ({
    kind,
    amount: ChargeIndicator ? minor : String(-BigInt(minor)),
  })),
];

export function expectedCreditNote(given: CreditNote, { statement, contract, net }: Closed): Expected {
  const adjustment = statement.adjustments.find(({ id }) => id === given.quanji.adjustment);
  if (adjustment === undefined)
    return refuse("DOCUMENT_UNKNOWN", "the ledger holds no such adjustment of the statement");
  const names = namesOf(given.AccountingSupplierParty.Party, given.AccountingCustomerParty.Party);
  const payload = buildCreditNote({
    net,
    statement,
    contract: contract.id,
    adjustment,
    code: given.ID,
    issueDate: given.IssueDate,
    names,
  });
  const note = statement.invoice?.creditNotes.find(({ code }) => code === given.ID);
  const isHeld = note?.adjustment === adjustment.id;
  return {
    payload,
    total: adjustment.amount,
    split: together(adjustment),
    names,
    held: isHeld ? { digest: note.digest, time: adjustment.at.time, issuer: statement.closedBy } : undefined,
  };
}

/** The second of the two who confirm brings it, and signs it. */
export function expectedVoucher(given: Voucher, { statement, contract, net }: Closed): Expected {
  const { invoice } = statement;
  const amount = String(payableOf(statement));
  const payload = buildVoucher({
    net,
    statement,
    contract: contract.id,
    amount,
    payment: invoice?.payment ?? given.payment,
    code: given.code,
    issueDate: given.issued,
  });
  const { voucher, settled, settledBy = [] } = invoice ?? {};
  const isHeld = voucher?.code === given.code && settled !== undefined;
  return {
    payload,
    total: amount,
    split: together(statement, ...statement.adjustments),
    held: isHeld ? { digest: voucher.digest, time: settled.time, issuer: settledBy.at(-1) ?? "" } : undefined,
  };
}

export function expectedCertificate(given: Certificate, closed: Closed): Expected {
  const { statement, contract, offer, net, registration, lineage } = closed;
  const { credentialSubject: subject, credentialStatus: status } = given;
  const found = statement.certificates.find(({ code }) => code === subject.code);
  const payload = buildCertificate({
    net,
    issuer: statement.closedBy,
    code: subject.code,
    statusIndex: found?.statusIndex ?? Number(status.statusListIndex),
    statusList: status.statusListCredential,
    resource: offer.resource,
    registration,
    lineage,
    attestations: subject.attestations,
    contract: contractDigest(contract, statement.contractVersion),
    deliveries: deliveriesOf(statement),
    period: statement.period,
    validFrom: given.validFrom,
    ...(given.validUntil !== undefined && { validUntil: given.validUntil }),
  });
  const others = subject.attestations.some(({ id }) => !offer.attestations.includes(id));
  if (others) refuse("DOCUMENT_DIFFERS", "the certificate names an attestation that the offer does not");
  return {
    payload,
    held:
      found === undefined ? undefined : { digest: found.digest, time: found.issued.time, issuer: statement.closedBy },
  };
}

/** Which month, and which contract where it says, a document is of. */
export function subjectOf(payload: JsonObject): { readonly period: string; readonly contract?: string } {
  const own = payload["quanji"] ?? payload["credentialSubject"] ?? payload;
  if (typeof own !== "object" || Array.isArray(own)) return refuse("MALFORMED", "the document does not say its period");
  const { period, contract } = own as JsonObject;
  if (typeof period !== "string") return refuse("MALFORMED", "the document does not say its period");
  const isId = typeof contract === "string" && own !== payload["credentialSubject"];
  return isId ? { period, contract } : { period };
}
