/**
 * Verifies a document file offline: the evidence behind the document first, then every figure of it made again from that evidence,
 * then who signed it, and that the ledger holds exactly it. Figures come before signatures, so that a changed cent is called one
 * whoever changed it.
 */
import { isDisputed, instant, msOf, parseWith, QuanjiError, type Statement } from "@quanji/chaincode/domain";
import type { z } from "zod";
import {
  assertMajor,
  Certificate,
  CreditNote,
  type DocumentKind,
  Invoice,
  openDocument,
  partyOfUrn,
  type SignedDocument,
  Voucher,
} from "../../documents/index.js";
import type { TrailSource } from "../lines.js";
import type { Replayed } from "../replay.js";
import { verifyTrail } from "../trail.js";
import type { OpenedTrust } from "../trust.js";
import { type Level, refuse, type Verdict } from "../verdict.js";
import { assertAgrees, PathError, refusedBy } from "./agree.js";
import { verifyDisclosure } from "./disclosed.js";
import {
  type Closed,
  type Expected,
  expectedCertificate,
  expectedCreditNote,
  expectedInvoice,
  expectedVoucher,
  subjectOf,
} from "./expected.js";
import { openExtract } from "./extract.js";
import { factsOf } from "./facts.js";
import { Meter } from "./meter.js";
import { fromEvidence, lineageOf, registered, type Settled, settledOf } from "./settled.js";
import { verifyIssuer } from "./signer.js";
import { assertOwnList, isRevoked, type OpenedStatusList } from "./status-list.js";
import { accepted, type DocumentFacts, type DocumentVerdict, refused } from "./verdict.js";

export interface DocumentOptions {
  /** Raises the level that the trust file asks for. */
  readonly level?: Level;
  /** Of a certificate: says whether it is revoked by now. */
  readonly statusList?: OpenedStatusList;
  readonly progress?: (records: number) => void;
}

type Kind = Exclude<DocumentKind, "disclosure">;

interface Form<T> {
  readonly schema: z.ZodType<T>;
  readonly expected: (given: T, closed: Closed) => Expected;
}
const form = <T>(schema: z.ZodType<T>, expected: Form<T>["expected"]) => ({
  open: (payload: unknown) => {
    const given = parseWith(schema, payload);
    return { given, expected: (closed: Closed): Expected => expected(given, closed) };
  },
});
const FORMS = {
  invoice: form(Invoice, expectedInvoice),
  creditNote: form(CreditNote, expectedCreditNote),
  voucher: form(Voucher, expectedVoucher),
  certificate: form(Certificate, expectedCertificate),
} as const satisfies Record<Kind, unknown>;

/** Never throws for bad evidence; what the source itself throws goes through. */
export async function verifyDocument(
  source: TrailSource,
  trust: OpenedTrust,
  options: DocumentOptions = {},
): Promise<DocumentVerdict> {
  let document: SignedDocument;
  let evidence: AsyncIterable<Uint8Array>;
  try {
    ({ document, evidence } = await openDocument(source));
  } catch (error) {
    if (!(error instanceof QuanjiError)) throw error;
    return refused("document", error, trust, { line: 1 });
  }
  try {
    return await new DocumentCheck(document, trust, options).run(evidence);
  } catch (error) {
    if (error instanceof EvidenceRefused) return refusedEvidence(document.kind, error.verdict, trust);
    if (error instanceof PathError) return refused(document.kind, error.cause, trust, { path: error.path });
    if (!(error instanceof QuanjiError)) throw error;
    return refused(document.kind, error, trust);
  }
}

/** The trail behind the document does not verify. */
class EvidenceRefused extends Error {
  readonly verdict: Verdict;
  constructor(verdict: Verdict) {
    super("the evidence is refused");
    this.verdict = verdict;
  }
}

/** A trail's lines are counted from its own first one; the document's line stands before it. */
function refusedEvidence(kind: DocumentKind, verdict: Verdict, trust: OpenedTrust): DocumentVerdict {
  const { code = "PROOF_INVALID", detail, message = "the evidence is refused", at } = verdict;
  const error = new QuanjiError(code, message, detail === undefined ? {} : { detail });
  const place = at?.line === undefined ? at : { ...at, line: at.line + 1 };
  return refused(kind, error, trust, place);
}

class DocumentCheck {
  readonly #document: SignedDocument;
  readonly #trust: OpenedTrust;
  readonly #options: DocumentOptions;
  #settled: Settled | undefined;
  #meter: Meter | undefined;

  constructor(document: SignedDocument, trust: OpenedTrust, options: DocumentOptions) {
    this.#document = document;
    this.#trust = trust;
    this.#options = options;
  }

  async run(evidence: AsyncIterable<Uint8Array>): Promise<DocumentVerdict> {
    const { kind, payload } = this.#document;
    if (kind === "disclosure") {
      const facts = await verifyDisclosure(this.#document, evidence, this.#trust, this.#options.level);
      return accepted(kind, facts, this.#trust);
    }
    // 1. The document is of its kind's form, and says each amount once.
    const { given, expected } = FORMS[kind].open(payload);
    assertAmounts(given);
    const begun = await begin(evidence);
    if (begun.head === "") refuse("DOCUMENT_UNPROVEN", "there is no evidence behind the document");
    if (!begun.head.includes('"t":"trail"')) return this.#byIssuer(begun.source);
    // 2. The evidence verifies, and is that of the document's contract and month.
    const { period, contract } = subjectOf(payload);
    const verdict = await this.#trail(begun.source, period);
    if (verdict.withheld !== undefined) {
      refuse("COMMAND_WITHHELD", "a dispute, credit note or payment of the document could be among what is withheld");
    }
    const closed = this.#closed(contract);
    this.#assertPeriod(verdict);
    // 3. Records and tariff make the statement, and the statement the document.
    this.#meter?.assertAgrees();
    const made = fromEvidence(() => expected(closed));
    assertAgrees(payload, made.payload);
    // 4. The ledger holds it, and its issuer signed it.
    const held = this.#held(made);
    await verifyIssuer(this.#document, held.issuer, held.time, closed.parties, true);
    if (isDisputed(closed.statement)) {
      refuse("DOCUMENT_DISPUTED", "a dispute of the statement is open: nothing of it is settled until it is answered");
    }
    return accepted(
      kind,
      { ...factsOf(this.#document, closed, made, verdict), ...this.#status(closed.statement, verdict) },
      this.#trust,
    );
  }

  async #trail(source: AsyncIterable<Uint8Array>, period: string): Promise<Verdict> {
    const { level, progress } = this.#options;
    const verdict = await verifyTrail(source, this.#trust, {
      ...(level !== undefined && { level }),
      ...(progress !== undefined && { progress }),
      observer: {
        replayed: (world) => this.#replayed(world, period),
        record: ({ record, leaf }) => this.#meter?.add(record, leaf),
      },
    });
    if (!verdict.ok) throw new EvidenceRefused(verdict);
    return verdict;
  }

  #replayed(world: Replayed, period: string): void {
    this.#settled = settledOf(world, period);
    const { statement, contract, offer, timeZone } = this.#settled;
    if (statement === undefined) return;
    this.#meter = fromEvidence(() => new Meter({ statement, contract, offer, timeZone }));
  }

  /** Errors: DOCUMENT_EVIDENCE. */
  #closed(contract: string | undefined): Closed {
    const settled = this.#settled;
    if (settled === undefined) return refuse("DOCUMENT_EVIDENCE", "the evidence has no records of a contract");
    if (contract !== undefined && settled.contract.id !== contract) {
      refuse("DOCUMENT_EVIDENCE", "the evidence is that of another contract than the document's");
    }
    const { statement } = settled;
    if (statement === undefined) return refuse("DOCUMENT_EVIDENCE", "no statement of the document's month is closed");
    return { ...settled, statement };
  }

  /** That the trail is of the contract's grant and covers the month. Errors: DOCUMENT_EVIDENCE. */
  #assertPeriod({ of, completeThrough }: Verdict): void {
    const meter = this.#meter;
    if (meter === undefined || of?.kind !== "grant" || !("id" in of) || of.id !== meter.grant) {
      return refuse("DOCUMENT_EVIDENCE", "the evidence is the trail of another grant than the contract bills");
    }
    const { from, to } = of as { readonly from?: string; readonly to?: string };
    const { fromMs, toMs } = meter.span;
    const end = to ?? completeThrough;
    if ((from !== undefined && msOf(from) > fromMs) || end === undefined || msOf(end) < toMs) {
      refuse("DOCUMENT_EVIDENCE", `the trail does not cover ${instant(fromMs)} to ${instant(toMs)}`);
    }
  }

  #held({ held }: Expected): NonNullable<Expected["held"]> {
    if (held === undefined) return refuse("DOCUMENT_UNKNOWN", "the contract's chain holds no document of that code");
    if (held.digest !== this.#document.digest) {
      refuse("DOCUMENT_UNKNOWN", "the ledger holds another document under that code");
    }
    const claimed =
      this.#document.payload["IssueDate"] ?? this.#document.payload["issued"] ?? this.#document.payload["validFrom"];
    if (typeof claimed !== "string" || Math.abs(msOf(dayStart(claimed)) - msOf(held.time)) > 2 * 86_400_000) {
      refuse("DOCUMENT_DIFFERS", `the document's day is not that on which the ledger took it: ${held.time}`);
    }
    return held;
  }

  /** Errors: DOCUMENT_REVOKED. */
  #status({ certificates }: Statement, { completeThrough }: Verdict): Partial<DocumentFacts> {
    const { kind, payload } = this.#document;
    if (kind !== "certificate") return {};
    const given = parseWith(Certificate, payload);
    const found = certificates.find(({ code }) => code === given.credentialSubject.code);
    if (found?.revoked !== undefined) {
      refuse("DOCUMENT_REVOKED", `the certificate was valid when issued, and is revoked since ${found.revoked.time}`);
    }
    return { ...(completeThrough !== undefined && { asOf: completeThrough }), ...this.#listed(given, "valid") };
  }

  /**
   * `known`: its status without a list.
   * Errors: DOCUMENT_REVOKED, STATUS_LIST_FOREIGN.
   */
  #listed(
    { credentialSubject, credentialStatus, issuer, validUntil }: Certificate,
    known: NonNullable<DocumentFacts["status"]>,
  ): Partial<DocumentFacts> {
    const { statusList } = this.#options;
    const party = partyOfUrn(issuer);
    assertOwnList(credentialStatus, party, this.#trust);
    if (statusList !== undefined && isRevoked(credentialStatus, party, statusList, this.#trust)) {
      refuse(
        "DOCUMENT_REVOKED",
        `the certificate was valid when issued, and is revoked (status list of ${statusList.validFrom})`,
      );
    }
    const isOver = validUntil !== undefined && msOf(validUntil) < this.#trust.nowMs;
    return {
      resource: credentialSubject.resource,
      ...(validUntil !== undefined && { validUntil }),
      statusList: credentialStatus.statusListCredential,
      status: isOver ? "expired" : statusList === undefined ? known : "valid",
      ...(statusList !== undefined && { asOf: statusList.validFrom }),
    };
  }

  /** A certificate among strangers: its issuer's key and the registration are proven, its contract and counts are the issuer's word. */
  async #byIssuer(source: AsyncIterable<Uint8Array>): Promise<DocumentVerdict> {
    const { kind, payload, digest } = this.#document;
    if (kind !== "certificate")
      return refuse("DOCUMENT_UNPROVEN", "the evidence behind the document is no contract's trail");
    const given = parseWith(Certificate, payload);
    const { world, time } = await openExtract(source, this.#trust);
    const { credentialSubject: subject } = given;
    const party = partyOfUrn(given.issuer);
    const { registration } = registered(world.resources, subject.resource);
    assertAgrees(payload, {
      ...payload,
      credentialSubject: {
        ...subject,
        net: world.net,
        registration,
        lineage: lineageOf(world.resources, subject.resource),
      },
    });
    await verifyIssuer(this.#document, party, given.validFrom, world.parties, false);
    const facts: DocumentFacts = {
      level: this.#trust.requiredLevel,
      evidence: "issuer",
      document: subject.code,
      digest,
      issuer: party,
      issued: given.validFrom,
      period: subject.period,
      deliveries: subject.deliveries.count,
      completeThrough: time,
      attested: ["attestations", "contract", "deliveries"],
      ...this.#listed(given, "unknown"),
    };
    return accepted(kind, facts, this.#trust);
  }
}

const dayStart = (text: string): string => (text.length === 10 ? `${text}T00:00:00.000Z` : text);

/** Each amount stands there in minor and in major units. Errors: AMOUNT_DIFFERS, with the path. */
function assertAmounts(value: unknown, path: readonly string[] = []): void {
  if (typeof value !== "object" || value === null) return;
  const { minor, value: text, currencyID } = value as Readonly<Record<string, unknown>>;
  if (typeof minor === "string" && typeof text === "string" && typeof currencyID === "string") {
    const wrong = refusedBy(() => assertMajor(text, minor, currencyID));
    if (wrong !== undefined) throw new PathError(path.join("."), wrong);
  }
  for (const [name, item] of Object.entries(value)) assertAmounts(item, [...path, name]);
}

interface Begun {
  /** Of the first line; empty where nothing follows. */
  readonly head: string;
  readonly source: AsyncIterable<Uint8Array>;
}

/** Looks at the first line without taking it. */
async function begin(evidence: AsyncIterable<Uint8Array>): Promise<Begun> {
  const chunks = evidence[Symbol.asyncIterator]();
  const seen: Uint8Array[] = [];
  let head = "";
  while (!head.includes("\n") && head.length < 4096) {
    const next = await chunks.next();
    if (next.done === true) break;
    seen.push(next.value);
    head += new TextDecoder().decode(next.value.subarray(0, 4096));
  }
  const [line = ""] = head.split("\n");
  return { head: line, source: again(seen, chunks) };
}

async function* again(seen: readonly Uint8Array[], rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* seen;
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}
