/**
 * Documents of a contract's month, as their issuer makes them: from evidence that is verified first, signed with the issuer's key,
 * their digest taken by the ledger, and kept as a file together with the evidence that holds it.
 */
import {
  type Attestation,
  type AttestationKind,
  contractMonth,
  defined,
  dividedFor,
  type Divided,
  instant,
  isQuanjiError,
  offsetMs,
  payableOf,
  QuanjiError,
  type Statement,
} from "@quanji/chaincode/domain";
import type { FlattenedJws, JsonObject } from "@quanji/chaincode/log";
import {
  buildCertificate,
  buildCreditNote,
  buildInvoice,
  buildVoucher,
  contractDigest,
  deliveriesOf,
  digestOf,
  documentLine,
  type DocumentKind,
  newCode,
  signDocument,
  statusListPath,
} from "../documents/index.js";
import { extractOf, type Settled, settledOf, verifyTrail } from "../verify/index.js";
import type { AdjustInput, ReckonedAdjustment, Statements } from "./statements.js";
import { pathOf, type Sent, type Session } from "./session.js";

/** Which month of which contract. */
export interface Month {
  readonly contract: string;
  readonly period: string;
}

export interface Issued {
  readonly sent: Sent;
  /** Of the document's look-up. */
  readonly code: string;
  /** Of the object on the ledger. */
  readonly id: string;
  readonly jws: FlattenedJws;
  readonly digest: string;
}

/** Two certificates of one issuer may want the same place. */
const MAX_ATTEMPTS = 8;

type Names = ReadonlyMap<string, string>;
type Closed = Settled & { readonly statement: Statement };

/** An adjustment that was sent; `note` where an invoice stands that it changes. */
export interface Adjusted {
  readonly sent: Sent;
  readonly id: string;
  readonly amount: string;
  readonly note?: Omit<Issued, "sent" | "id">;
}

export class Documents {
  readonly #session: Session;
  readonly #statements: Pick<Statements, "adjust">;
  readonly #trail: (month: Month) => AsyncIterable<string>;

  constructor(
    session: Session,
    trail: (month: Month) => AsyncIterable<string>,
    statements: Pick<Statements, "adjust">,
  ) {
    this.#session = session;
    this.#trail = trail;
    this.#statements = statements;
  }

  /**
   * The data invoice of a closed statement. Errors: CONFIG_INVALID: no trust file is pinned; STATE_CONFLICT: the month is not
   * closed; EVIDENCE_MISSING: it is disputed; the verifier's, where the evidence does not verify.
   */
  async issueInvoice(
    month: Month,
    options: { readonly names?: Names; readonly paymentTerms?: string } = {},
  ): Promise<Issued> {
    const closed = await this.#closed(month);
    const { names = new Map<string, string>(), paymentTerms } = options;
    const id = this.#session.newId();
    return this.#issue("invoice", "invoice.issue", month, { invoice: id }, id, (code) =>
      buildInvoice({
        net: closed.net,
        statement: closed.statement,
        contract: month.contract,
        offer: closed.offer,
        item: { resource: closed.offer.resource, title: closed.resource.title },
        invoice: id,
        code,
        issueDate: this.#today(closed),
        names,
        ...(paymentTerms !== undefined && { paymentTerms }),
      }),
    );
  }

  /** An adjustment, with its credit or debit note where an invoice stands that it changes. Errors: as above, and the ledger's. */
  async adjust(
    { contract, period }: Month,
    input: Omit<AdjustInput, "creditNote">,
    names: Names = new Map(),
  ): Promise<Adjusted> {
    const closed = await this.#closed({ contract, period });
    let note: Omit<Issued, "sent" | "id"> | undefined;
    const creditNote = async (adjustment: ReckonedAdjustment) => {
      if (closed.statement.invoice === undefined || adjustment.amount === "0") return undefined;
      const code = newCode(this.#session.parts.random);
      const payload = buildCreditNote({
        net: closed.net,
        statement: closed.statement,
        contract,
        adjustment: {
          ...adjustment,
          ...dividedBy(closed, BigInt(adjustment.amount)),
          ...(input.dispute !== undefined && { dispute: input.dispute }),
        },
        code,
        issueDate: this.#today(closed),
        names,
      });
      const jws = await signDocument("creditNote", payload, this.#session.parts.signer);
      note = { code, jws, digest: digestOf(jws) };
      return { code, digest: note.digest };
    };
    const adjusted = await this.#statements.adjust(contract, period, { ...input, creditNote });
    const { adjustment, amount, currency: _currency, ...sent } = adjusted;
    return defined({ sent, id: adjustment, amount, note });
  }

  /** Confirms a payment; the second of the two who confirm brings the voucher. Errors: STATE_CONFLICT: no invoice stands. */
  async settle(month: Month, payment: string): Promise<Omit<Issued, "jws" | "digest" | "code"> & Partial<Issued>> {
    const closed = await this.#closed(month);
    const { statement } = closed;
    const { invoice } = statement;
    if (invoice === undefined) {
      throw new QuanjiError("STATE_CONFLICT", "no invoice stands that could be settled", { field: "invoice" });
    }
    const amount = String(payableOf(statement));
    const payload = { contract: month.contract, period: month.period, invoice: invoice.id, amount, payment };
    if (invoice.settledBy.length === 0)
      return { sent: await this.#session.send("invoice.settle", payload), id: invoice.id };
    const code = newCode(this.#session.parts.random);
    const issueDate = this.#today(closed);
    const voucher = buildVoucher({
      net: closed.net,
      statement,
      contract: month.contract,
      amount,
      payment,
      code,
      issueDate,
    });
    const jws = await signDocument("voucher", voucher, this.#session.parts.signer);
    const digest = digestOf(jws);
    const sent = await this.#session.send("invoice.settle", { ...payload, voucher: { code, digest } });
    return { sent, id: invoice.id, code, jws, digest };
  }

  /**
   * A certificate of compliant circulation, at the ledger's next place of this issuer's status list, which it says when another is
   * given. Errors: as for invoices.
   */
  async issueCertificate(month: Month, options: { readonly validUntil?: string } = {}): Promise<Issued> {
    const closed = await this.#closed(month);
    const attestations = await Promise.all(
      closed.offer.attestations.map(async (id) => ({ id, ...(await this.#attestation(id)) })),
    );
    for (let [statusIndex, attempt] = [0, 1]; ; attempt++) {
      try {
        return await this.#certify(month, closed, attestations, statusIndex, options.validUntil);
      } catch (error) {
        const next = isQuanjiError(error, "STATE_CONFLICT") && error.field === "statusIndex" ? error.detail : undefined;
        if (next === undefined || attempt === MAX_ATTEMPTS) throw error;
        statusIndex = Number(next);
      }
    }
  }

  #certify(
    month: Month,
    closed: Closed,
    attestations: Parameters<typeof buildCertificate>[0]["attestations"],
    statusIndex: number,
    validUntil: string | undefined,
  ): Promise<Issued> {
    const { statement, offer, contract } = closed;
    const { signer, gateway } = this.#session.parts;
    const id = this.#session.newId();
    return this.#issue("certificate", "certificate.issue", month, { certificate: id, statusIndex }, id, (code) =>
      buildCertificate({
        net: closed.net,
        issuer: signer.party,
        code,
        statusIndex,
        statusList: gateway.publicUrl + statusListPath(signer.party),
        resource: offer.resource,
        registration: closed.registration,
        lineage: closed.lineage,
        attestations,
        contract: contractDigest(contract, statement.contractVersion),
        deliveries: deliveriesOf(statement),
        period: month.period,
        validFrom: instant(this.#session.nowMs()),
        ...(validUntil !== undefined && { validUntil }),
      }),
    );
  }

  /** Ends a certificate's validity; its issuer's list says so from then on. Errors: ROLE_REQUIRED, EVIDENCE_MISSING. */
  revokeCertificate({ contract, period }: Month, certificate: string): Promise<Sent> {
    return this.#session.send("certificate.revoke", { contract, period, certificate });
  }

  /** Lines of a document's file: the document, then the contract's month as it is now. Errors: those of the trail. */
  async *file(jws: FlattenedJws, month: Month): AsyncGenerator<string, void, void> {
    yield documentLine(jws);
    for await (const line of this.#trail(month)) yield `${line}\n`;
  }

  /** A certificate's file for strangers: without contract, prices, buyer and records. Errors: MALFORMED, those of the trail. */
  async *publicFile(jws: FlattenedJws, month: Month): AsyncGenerator<string, void, void> {
    yield documentLine(jws);
    yield* extractOf(ended(this.#trail(month)), jws);
  }

  async #issue(
    kind: DocumentKind,
    verb: "invoice.issue" | "certificate.issue",
    { contract, period }: Month,
    own: JsonObject,
    id: string,
    build: (code: string) => unknown,
  ): Promise<Issued> {
    const code = newCode(this.#session.parts.random);
    const jws = await signDocument(kind, build(code), this.#session.parts.signer);
    const digest = digestOf(jws);
    const sent = await this.#session.send(verb, { contract, period, ...own, code, digest });
    return { sent, code, id, jws, digest };
  }

  async #attestation(id: string): Promise<{ readonly kind: AttestationKind; readonly issuer: string }> {
    const { kind, issuer } = (await this.#session.read(pathOf(["attestations", id]))) as unknown as Attestation;
    return { kind, issuer };
  }

  /** The evidence of a month, verified. */
  async #closed(month: Month): Promise<Closed> {
    const { trust } = this.#session.parts;
    if (trust === undefined) {
      throw new QuanjiError("CONFIG_INVALID", "documents are made from verified evidence: pin a trust file", {
        field: "trust",
      });
    }
    let settled: Settled | undefined;
    const verdict = await verifyTrail(ended(this.#trail(month)), trust, {
      observer: { replayed: (world) => (settled = settledOf(world, month.period)) },
    });
    if (!verdict.ok) {
      throw new QuanjiError(verdict.code ?? "PROOF_INVALID", verdict.message ?? "the evidence is refused", {
        ...(verdict.detail !== undefined && { detail: verdict.detail }),
      });
    }
    if (settled?.statement === undefined) {
      throw new QuanjiError("STATE_CONFLICT", "the month is not closed: close its statement first", {
        field: "period",
      });
    }
    return { ...settled, statement: settled.statement };
  }

  /** Calendar day in the network's time zone. */
  #today({ timeZone }: Settled): string {
    return instant(this.#session.nowMs() + offsetMs(timeZone)).slice(0, 10);
  }
}

/** As the ledger will divide it. */
function dividedBy({ contract, statement, timeZone }: Closed, amount: bigint): Divided {
  const { terms } = contractMonth(contract, statement.period, timeZone).version;
  return dividedFor(statement, terms.payees, amount);
}

async function* ended(lines: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const line of lines) yield `${line}\n`;
}
