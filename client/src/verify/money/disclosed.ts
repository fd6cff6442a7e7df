/** A yearly disclosure, made again from every statement that its operator closed of the year. */
import { parseWith } from "@quanji/chaincode/domain";
import { buildDisclosure, Disclosure, type SignedDocument } from "../../documents/index.js";
import { assertLevel } from "../checkpoint.js";
import type { TrailSource } from "../lines.js";
import type { OpenedTrust } from "../trust.js";
import { type Level, refuse } from "../verdict.js";
import { assertAgrees } from "./agree.js";
import { fromEvidence } from "./settled.js";
import { verifyIssuer } from "./signer.js";
import type { DocumentFacts } from "./verdict.js";
import { type OpenedYear, openYear } from "./year.js";

/** The account that a year's evidence makes. */
export const disclosureOf = ({ net, operator, year, billed }: OpenedYear, code: string): Disclosure =>
  fromEvidence(() => buildDisclosure({ net, operator, year, code, billed }));

/**
 * Errors: MALFORMED; those of {@link openYear}; DOCUMENT_EVIDENCE: it is of another year or party; those of differences;
 * DOCUMENT_UNKNOWN: the ledger holds none, or another; those of {@link verifyIssuer}.
 */
export async function verifyDisclosure(
  document: SignedDocument,
  evidence: TrailSource,
  trust: OpenedTrust,
  level: Level | undefined,
): Promise<DocumentFacts> {
  // 1. The document is of its form, and the evidence that of its operator's year.
  const given = parseWith(Disclosure, document.payload);
  const opened = await openYear(evidence, trust);
  if (opened.operator !== given.operator || opened.year !== given.year) {
    refuse("DOCUMENT_EVIDENCE", "the evidence is of another operator or year than the document");
  }
  // 2. The statements make it.
  assertAgrees(document.payload, disclosureOf(opened, given.code));
  // 3. The ledger holds it, and its operator signed it.
  const { published, billed } = opened;
  if (published?.digest !== document.digest || published.code !== given.code) {
    return refuse("DOCUMENT_UNKNOWN", "the ledger holds no such account of that year, or another one");
  }
  await verifyIssuer(document, given.operator, published.time, opened.parties, true);
  const reached = trust.requiredLevel;
  if (level !== undefined) assertLevel(reached, level);
  return {
    level: reached,
    evidence: "ledger",
    document: given.code,
    digest: document.digest,
    issuer: given.operator,
    issued: published.time,
    period: String(given.year),
    scope: opened.scope,
    contracts: new Set(billed.map(({ contract }) => contract.id)).size,
    statements: billed.length,
    later: opened.later,
    products: given.products.map(({ resource, unit, quantity, currency, revenue }) => ({
      resource,
      unit,
      quantity,
      currency,
      revenue,
    })),
    completeThrough: opened.time,
    asOf: published.time,
    attested: [],
  };
}
