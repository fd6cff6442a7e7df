/** What the verification of a document answers. */
import type { DocumentKind } from "../../documents/index.js";
import { refusalOf, trustFacts, type Level, type Place, type Verdict } from "../verdict.js";
import type { OpenedTrust } from "../trust.js";

/** Amounts in minor units, one a party; what no weight says whose it is waits in suspense. */
export interface Shares {
  readonly portions: readonly { readonly party: string; readonly amount: string }[];
  readonly suspense: string;
}

/** A line of an invoice, or a term of it. Amounts in minor units, those that lower the total below 0. */
export interface Item {
  readonly kind: "tier" | "free" | "discount" | "minimum" | "performance" | "adjustment";
  readonly tier?: number;
  readonly quantity?: string;
  /** Of so many units: `per`. */
  readonly price?: string;
  readonly per?: string;
  readonly amount: string;
}

/** A line of a disclosure. */
export interface Earned {
  readonly resource: string;
  readonly unit: string;
  readonly quantity: string;
  readonly currency: string;
  /** In minor units. */
  readonly revenue: string;
}

/** Same bytes, same trust file and same status list give the same verdict. Only `ok: true` means anything was proven. */
export interface DocumentVerdict extends Pick<
  Verdict,
  "ok" | "code" | "detail" | "message" | "withstands" | "trustDigest" | "singleOperator" | "testClock"
> {
  readonly kind: DocumentKind | "document";
  readonly level: Level;
  /** Where the fault is: line of the file from 1, or the document's member. */
  readonly at?: Place & { readonly path?: string };
  /** By which anybody looks it up. */
  readonly document?: string;
  /** As the ledger holds it. */
  readonly digest?: string;
  readonly issuer?: string;
  readonly issued?: string;
  readonly contract?: string;
  readonly period?: string;
  /** Who sells, who pays, and who collects: the exchange, or the seller where there is none. */
  readonly seller?: string;
  readonly payer?: string;
  readonly payee?: string;
  /** Of those parties, by id, as the issuer states them: the ledger knows none. */
  readonly names?: Readonly<Record<string, string>>;
  readonly currency?: string;
  /** In minor units: what the document asks for, or takes back. */
  readonly total?: string;
  /** Whose how much of `total` is. */
  readonly split?: Shares;
  /** What the payer owes for the month, all notes up to `asOf` counted. */
  readonly payable?: string;
  readonly lines?: number;
  /** Of an invoice: what the total is made of, and by which unit the tariff counts. */
  readonly items?: readonly Item[];
  readonly unit?: string;
  /** Records that were counted for the lines. */
  readonly deliveries?: number;
  /** Codes of credit and debit notes that stand beside an invoice. */
  readonly notes?: readonly string[];
  readonly settled?: boolean;
  /** The version of a resource that was delivered. */
  readonly resource?: string;
  /** Of a certificate: when its validity ends, where that is set. */
  readonly validUntil?: string;
  /** Where its issuer's status list is served: every gateway of the network has the same. */
  readonly statusList?: string;
  /** Of a disclosure: whose collection its contracts are in, how many they are, and how many statements its figures are of. */
  readonly scope?: string;
  readonly contracts?: number;
  readonly statements?: number;
  /** Statements and adjustments of the year that came after the disclosure, and are not in it. */
  readonly later?: number;
  readonly products?: readonly Earned[];
  /** Nothing that was recorded up to this instant is missing. */
  readonly completeThrough?: string;
  /**
   * Of a certificate: from its own contract's chain or a status list; `unknown` where neither is there. It was valid when issued;
   * `expired` is told by the time of verification.
   */
  readonly status?: "valid" | "expired" | "unknown";
  /** Instant up to which that, and what stands beside an invoice, is known. */
  readonly asOf?: string;
  /** Whether the ledger is shown to hold the document: its contract's chain, or only its issuer's key. */
  readonly evidence?: "ledger" | "issuer";
  /** What was believed because its evidence is not in the file. */
  readonly attested?: readonly string[];
}

export type DocumentFacts = Omit<
  DocumentVerdict,
  "ok" | "kind" | "code" | "detail" | "message" | "at" | "withstands" | "trustDigest" | "singleOperator" | "testClock"
>;

export const accepted = (kind: DocumentKind, facts: DocumentFacts, trust: OpenedTrust): DocumentVerdict => ({
  ok: true,
  kind,
  ...trustFacts(trust),
  ...facts,
});

export const refused = (
  kind: DocumentVerdict["kind"],
  error: unknown,
  trust: OpenedTrust,
  at?: DocumentVerdict["at"],
): DocumentVerdict => ({
  ok: false,
  kind,
  level: "committed",
  ...trustFacts(trust),
  ...(at !== undefined && { at }),
  ...refusalOf(error),
});
