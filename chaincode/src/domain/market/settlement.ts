/**
 * What happens to money once a contract is in force: statements, their disputes and adjustments, documents, payment, books. All of
 * a contract's commands stand in one chain, kind `contract`, so that its attested end proves that nothing was added or left out.
 */
import { z } from "zod";
import { Digest, LogOrigin, PartyId, Uuid } from "../ids.js";
import { Amount, Currency, Price } from "../money/amount.js";
import type { Portion } from "../money/split.js";
import { StatementLine } from "../money/statement.js";
import { Indicator } from "../money/tariff.js";
import { type Changed, Committed, Net } from "../shared.js";
import { Month } from "./period.js";

/** Indexes with `from` ≤ index < `to`. */
const LogRange = z
  .strictObject({ log: LogOrigin, from: z.int().min(0), to: z.int().min(0) })
  .refine(({ from, to }) => from <= to, "a range of indexes does not end before it begins");

/**
 * Deliveries that one side knows and the other does not: they wait, and hold nothing else up. `ranges`: for which accesses the source
 * does not speak; the payer, whose trail has no tallies, finds the deliveries in them.
 */
const held = { quantity: Price, deliveries: z.int().min(1), root: Digest };
export const HeldLine = z.discriminatedUnion("for", [
  z.strictObject({ for: z.literal("acceptance"), ...held }),
  z.strictObject({ for: z.literal("tally"), ...held, ranges: z.array(LogRange).min(1).max(256) }),
]);
export type HeldLine = z.infer<typeof HeldLine>;

const Place = z.strictObject({ log: LogOrigin, index: z.int().min(0), leaf: Digest });
export type Place = z.infer<typeof Place>;
/** Deliveries by their places, each once, in the order of (log, index). */
const Deliveries = z
  .array(Place)
  .min(1)
  .max(256)
  .refine(
    (places) => places.every((place, at) => at === 0 || comesAfter(place, places[at - 1] ?? place)),
    "places stand in the order of (log, index), each once",
  );
const comesAfter = (a: Pick<Place, "log" | "index">, b: Pick<Place, "log" | "index">): boolean =>
  a.log > b.log || (a.log === b.log && a.index > b.index);

const of = { ...Net, contract: Uuid, period: Month };
/** 26 characters of Crockford's base32, 130 random bits: who has it may look the document up. */
export const DocumentCode = z.string().regex(/^[0-9A-HJKMNP-TV-Z]{26}$/, "a document's code");
const document = { code: DocumentCode, digest: Digest };

/** A figure that the tariff pays by, signed by the contract's measurer. */
export const IndicatorSign = z.strictObject({ ...of, indicator: Indicator });

/** By the exchange, or the seller where there is none, once the month is over. The chaincode recomputes every amount. */
export const StatementClose = z.strictObject({
  ...of,
  /** Version of the offer's tariff that was in force. */
  tariff: z.int().min(1),
  /** Where in its logs the period's records lie, by log. */
  logs: z.array(LogRange).min(1).max(8),
  lines: z.array(StatementLine).max(80),
  held: z.array(HeldLine).max(2),
  /** Weights that the contract takes from records: deliveries under each grant that it names. */
  measured: z.array(z.strictObject({ grant: Uuid, deliveries: z.int().min(0), root: Digest })).max(64),
  total: Amount,
});
export const StatementDispute = z.strictObject({
  ...of,
  dispute: Uuid,
  deliveries: Deliveries,
  /** SHA-256 of each piece of evidence. */
  evidence: z.array(Digest).min(1).max(16),
  ground: Committed.optional(),
});
export const ADJUSTMENTS = ["withdraw", "release", "dismiss", "assign"] as const;
/**
 * Takes deliveries back, or bills what was held once its counterpart is there; a dispute that takes none back is dismissed; what
 * waits in suspense is assigned, once other months tell the weights.
 */
export const StatementAdjust = z.strictObject({
  ...of,
  adjustment: Uuid,
  dispute: Uuid.optional(),
  kind: z.enum(ADJUSTMENTS),
  deliveries: Deliveries.optional(),
  /** Units of the tariff in them, free ones apart. */
  quantity: Price,
  free: Price,
  amount: Amount,
  /** Of an assignment: the months whose weights the rule takes, in its order; without any, equal parts. */
  weights: z.array(Month).max(256).optional(),
  ground: Committed.optional(),
  /** Of the credit note, where an invoice stands already. */
  creditNote: z.strictObject(document).optional(),
});
/** `digest`: SHA-256 of the document's JWS signing input. */
export const InvoiceIssue = z.strictObject({ ...of, invoice: Uuid, ...document });
/** By the payer, and by who closed the statement. The second of them brings the voucher. */
export const InvoiceSettle = z.strictObject({
  ...of,
  invoice: Uuid,
  amount: Amount,
  /** SHA-256 of the bank's, or the chain's, word for the payment. */
  payment: Digest,
  voucher: z.strictObject(document).optional(),
});
export const CertificateIssue = z.strictObject({
  ...of,
  certificate: Uuid,
  ...document,
  /** Place in the issuer's status list (W3C Bitstring Status List): the ledger's next one for that issuer. */
  statusIndex: z.int().min(0).max(131_071),
});
export const CertificateRevoke = z.strictObject({ ...of, certificate: Uuid, ground: Committed.optional() });
/** An operator's yearly account, by the exchange or seller itself. */
export const DisclosurePublish = z.strictObject({ ...Net, year: z.int().min(2000).max(9999), ...document });
/** Netting: what brings every party's balance to 0. The chaincode knows how many accounts are open, so none can be left out. */
export const BooksClose = z.strictObject({
  ...Net,
  period: Month,
  currency: Currency,
  transfers: z.array(z.strictObject({ party: PartyId, amount: Amount })).max(4096),
});

export interface Dispute {
  readonly id: string;
  readonly by: string;
  readonly at: Changed;
  readonly state: "open" | "adjusted" | "dismissed";
  readonly deliveries: z.infer<typeof Deliveries>;
  readonly evidence: readonly string[];
}

/** Portions of one amount, beside what nobody's weight claims. */
export interface Divided {
  readonly amount: string;
  readonly portions: readonly { readonly party: string; readonly amount: string }[];
  readonly suspense: string;
}
export const divided = (amount: bigint, portions: readonly Portion[], suspense: bigint): Divided => ({
  amount: String(amount),
  portions: portions.map(({ party, amount: part }) => ({ party, amount: String(part) })),
  suspense: String(suspense),
});

/** Deliveries by grant that a split is weighed by: those of a month, or one each, for equal parts. */
export interface Weights {
  readonly period?: string;
  readonly measured: readonly { readonly grant: string; readonly deliveries: number }[];
}

export interface Adjustment extends Divided {
  readonly id: string;
  readonly kind: (typeof ADJUSTMENTS)[number];
  readonly dispute?: string;
  readonly deliveries?: readonly Place[];
  readonly quantity: string;
  readonly free: string;
  /** Of an assignment: what nodes of the split without weights of their own take from then on. */
  readonly weights?: readonly Weights[];
  readonly at: Changed;
}

/** What the contract's measurer has signed for a month, before its statement closes. */
export interface SignedIndicator extends Indicator {
  readonly by: string;
  readonly at: Changed;
}

/** The statement as the ledger keeps it: what was signed, and what the chaincode made of it. */
export interface Statement extends Divided {
  readonly v: "quanji.statement.v1";
  readonly contract: string;
  readonly contractVersion: number;
  readonly period: string;
  readonly tariff: number;
  readonly currency: string;
  readonly seller: string;
  readonly buyer: string;
  readonly closedBy: string;
  /** The contract's first month: whoever pays once pays in it. */
  readonly isFirst: boolean;
  /** The figure that a tariff by performance was priced with. */
  readonly indicator?: SignedIndicator;
  readonly logs: z.infer<typeof StatementClose>["logs"];
  readonly lines: readonly StatementLine[];
  readonly held: readonly HeldLine[];
  readonly measured: z.infer<typeof StatementClose>["measured"];
  readonly disputes: readonly Dispute[];
  readonly adjustments: readonly Adjustment[];
  readonly closed: Changed;
  readonly disputeUntil: string;
  readonly invoice?: {
    readonly id: string;
    readonly code: string;
    readonly digest: string;
    readonly issued: Changed;
    /** How many adjustments it states: those that were made before it. */
    readonly adjustments: number;
    readonly creditNotes: readonly { readonly code: string; readonly digest: string; readonly adjustment: string }[];
    /** Who has confirmed the payment so far, and which. Both: it is settled. */
    readonly settledBy: readonly string[];
    readonly payment?: string;
    readonly settled?: Changed;
    readonly voucher?: { readonly code: string; readonly digest: string };
  };
  readonly certificates: readonly Certificate[];
}

export interface Certificate {
  readonly id: string;
  readonly code: string;
  readonly digest: string;
  readonly statusIndex: number;
  readonly issued: Changed;
  readonly revoked?: Changed;
}

/**
 * What a statement and its adjustments did to the books, and to the revenue that a price guided by government allows. Beside the
 * statement and not in it: it depends on other contracts too, and who replays one contract's chain has not theirs.
 */
export interface Posted {
  readonly v: "quanji.posted.v1";
  /** `of`: the statement's period, or an adjustment's id. `period`: the books that took it. */
  readonly entries: readonly {
    readonly of: string;
    readonly period: string;
    readonly amount: string;
    readonly settled?: true;
  }[];
  /** Excess over the allowed revenue 最高准许收入 that went from one period to the next by it. */
  readonly carried: readonly {
    readonly of: string;
    readonly from: string;
    readonly to: string;
    readonly amount: string;
  }[];
}

/** What anybody with the code learns: that it was issued, by whom, and whether it holds. No price, no party's name. */
export interface PublicDocument {
  readonly v: "quanji.document.v1";
  readonly kind: "invoice" | "creditNote" | "certificate" | "voucher" | "disclosure";
  readonly state: "issued" | "credited" | "settled" | "valid" | "revoked";
  readonly digest: string;
  readonly issuer: string;
  /** When it was issued. */
  readonly at: Changed;
  /** When it came to its present state; absent while that is the first. */
  readonly since?: Changed;
  readonly statusIndex?: number;
}

/** Commands on a statement, by verb. */
interface StatementPayloads {
  readonly "statement.close": z.infer<typeof StatementClose>;
  readonly "statement.dispute": z.infer<typeof StatementDispute>;
  readonly "statement.adjust": z.infer<typeof StatementAdjust>;
  readonly "invoice.issue": z.infer<typeof InvoiceIssue>;
  readonly "invoice.settle": z.infer<typeof InvoiceSettle>;
  readonly "certificate.issue": z.infer<typeof CertificateIssue>;
  readonly "certificate.revoke": z.infer<typeof CertificateRevoke>;
}
interface SettlementPayloads extends StatementPayloads {
  readonly "indicator.sign": z.infer<typeof IndicatorSign>;
}
export type SettlementPayload<V extends keyof SettlementPayloads> = SettlementPayloads[V];
export type SettlementCommand = {
  [V in keyof StatementPayloads]: { readonly verb: V; readonly payload: StatementPayloads[V] };
}[keyof StatementPayloads];
export const STATEMENT_VERBS = [
  "statement.close",
  "statement.dispute",
  "statement.adjust",
  "invoice.issue",
  "invoice.settle",
  "certificate.issue",
  "certificate.revoke",
] as const satisfies readonly (keyof StatementPayloads)[];
