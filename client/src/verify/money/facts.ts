/** What is proven by a document that the evidence of its contract's month makes. */
import { payableOf } from "@quanji/chaincode/domain";
import type { JsonObject } from "@quanji/chaincode/log";
import type { SignedDocument } from "../../documents/index.js";
import type { Verdict } from "../verdict.js";
import type { Closed, Expected } from "./expected.js";
import type { DocumentFacts } from "./verdict.js";

export function factsOf(
  document: SignedDocument,
  { statement, contract, offer }: Closed,
  { total, held, split, items, unit, names }: Expected,
  verdict: Verdict,
): DocumentFacts {
  return {
    level: verdict.level,
    evidence: "ledger",
    document: codeOf(document),
    digest: document.digest,
    contract: contract.id,
    resource: offer.resource,
    period: statement.period,
    ...(held !== undefined && { issuer: held.issuer, issued: held.time }),
    ...(total !== undefined && moneyOf(statement, total)),
    ...(items !== undefined && { items }),
    ...(unit !== undefined && { unit }),
    ...(split !== undefined && { split }),
    ...(names !== undefined && namedOf(names)),
    lines: statement.lines.length,
    deliveries: statement.lines.reduce((sum, line) => sum + ("deliveries" in line ? line.deliveries : 0), 0),
    ...(verdict.completeThrough !== undefined && {
      completeThrough: verdict.completeThrough,
      asOf: verdict.completeThrough,
    }),
    attested: [...verdict.attested, ...(statement.measured.length > 0 ? ["measured"] : [])],
  };
}

function moneyOf(statement: Closed["statement"], total: string): Partial<DocumentFacts> {
  const { seller, buyer, closedBy, currency, invoice } = statement;
  const notes = invoice?.creditNotes.map(({ code }) => code) ?? [];
  return {
    seller,
    payer: buyer,
    payee: closedBy,
    currency,
    total,
    payable: String(payableOf(statement)),
    ...(notes.length > 0 && { notes }),
    settled: invoice?.settled !== undefined,
  };
}

/** An issuer that knows no name states the id again. */
function namedOf(names: ReadonlyMap<string, string>): Partial<DocumentFacts> {
  const stated = [...names].filter(([id, name]) => name !== id);
  return stated.length === 0 ? {} : { names: Object.fromEntries(stated) };
}

function codeOf({ payload }: SignedDocument): string {
  const subject = payload["credentialSubject"];
  const code =
    payload["ID"] ??
    payload["code"] ??
    (typeof subject === "object" && !Array.isArray(subject) ? (subject as JsonObject)["code"] : undefined);
  return typeof code === "string" ? code : "";
}
