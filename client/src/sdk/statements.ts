/** Statements: reckoned from evidence, closed, disputed, adjusted and paid. The gateway's word is not needed for any figure. */
import {
  type AccessRange,
  type Adjustment,
  billedUse,
  type Contract,
  type ContractMonth,
  contractMonth,
  Contribution,
  defined,
  grantsOf,
  instant,
  isQuanjiError,
  parseRecord,
  parseWith,
  payableOf,
  type Posted,
  priceLines,
  QuanjiError,
  type QuanjiRecord,
  recordLeaf,
  splitRecordText,
  splitVersion,
  type Statement,
  Month,
  TallyReview,
  weightsFor,
} from "@quanji/chaincode/domain";
import type { Hash, Json, JsonObject } from "@quanji/chaincode/log";
import { verifyTrail } from "../verify/index.js";
import { type HandedTrail, HandedTrails } from "./handed-trails.js";
import type { Page, PageOptions } from "./objects.js";
import {
  type ClosePayload,
  type NamedPlace,
  openEvidence,
  type ReckoningBasis,
  reckonMonth,
  recordOf,
} from "./reckoning.js";
import { pathOf, type Sent, type Session } from "./session.js";

/** As the gateway shows it: a payee gets less, see the API. */
export type StatementView = Statement & { readonly posted?: Posted };

/** Lines of a trail of the caller's. */
export type TrailReader = (
  kind: "grant" | "resource",
  id: string,
  period: { readonly from: string; readonly to: string },
) => AsyncIterable<string>;

export interface ReckonedStatement extends Omit<ClosePayload, "contract" | "period"> {
  readonly contract: string;
  readonly period: string;
  readonly currency: string;
  /** True: all of it stands in evidence that a trust file confirms. */
  readonly verified: boolean;
  /** The statement as it is closed; absent before. */
  readonly closed?: Statement;
  /** Members of the closed statement that this reckoning does not confirm. Absent before. */
  readonly differs?: readonly string[];
  /** What was not reckoned but taken from the closed statement, because the caller may not see it. */
  readonly attested: readonly string[];
  /** Commands on other months that the evidence counts and does not show: to who has a portion and is no party. Absent: none. */
  readonly withheld?: number;
}

/** Of a credit note. An alias, for it goes into a payload as it is. */
type NoteOf = Readonly<Record<"code" | "digest", string>>;
export interface ReckonedAdjustment {
  readonly id: string;
  readonly amount: string;
  readonly quantity: string;
  readonly free: string;
}

export interface AdjustInput {
  /** `assign`: what waits in suspense, by the weights that the ledger's rule takes; it has no dispute and names no delivery. */
  readonly kind: Adjustment["kind"];
  readonly dispute?: string;
  /** By default, of a withdrawal: those that are disputed. */
  readonly deliveries?: readonly NamedPlace[];
  readonly ground?: Json;
  /** Where an invoice stands already: its note, or who makes it of the adjustment as it was reckoned. */
  readonly creditNote?: NoteOf | ((adjustment: ReckonedAdjustment) => Promise<NoteOf | undefined>);
}

export class Statements {
  readonly #session: Session;
  readonly #trail: TrailReader;
  readonly #evidence: (contract: string, period: string) => AsyncIterable<string>;

  constructor(
    session: Session,
    trail: TrailReader,
    evidence: (contract: string, period: string) => AsyncIterable<string>,
  ) {
    this.#session = session;
    this.#trail = trail;
    this.#evidence = evidence;
  }

  /** Errors: NOT_FOUND. */
  async get(contract: string, period: string): Promise<StatementView> {
    assertNamed(contract, period);
    return (await this.#session.read(pathOf(["statements", contract, period]))) as unknown as StatementView;
  }

  async list(contract: string, { limit, cursor }: PageOptions = {}): Promise<Page<StatementView>> {
    const page: JsonObject = await this.#session.read(pathOf(["statements"], { contract, limit, cursor }));
    return page as unknown as Page<StatementView>;
  }

  /**
   * Reads the month's evidence and computes its statement. With a trust file nothing is taken on the gateway's word. For the
   * contract's parties, the regulator, and the payees of the month.
   *
   * `trails`: what others have handed over, for a month that rests on trails which the caller may not read (tallies in its resource's,
   * weights in those of other grants).
   * Errors: NOT_FOUND; STATE_CONFLICT: the month is not over; EVIDENCE_MISSING, also of a trail that the caller may not read and was
   * not handed; TRAIL_INCOMPLETE · COMMAND_WITHHELD: the statement that the gateway shows is another than the one in its evidence;
   * those of {@link HandedTrails}; those of a trail that does not verify.
   */
  async reckon(
    contract: string,
    period: string,
    { trails = [] }: { readonly trails?: readonly HandedTrail[] } = {},
  ): Promise<ReckonedStatement> {
    const handed = await HandedTrails.of(trails);
    const { reckoning, measured, attested } = await this.#reckon(contract, period, [], handed);
    const { lines, total, held, logs, tariff, basis, verdict, withheld } = reckoning;
    if (withheld > 0) await this.#assertWhole(contract, period, basis.statement);
    const untallied = reckoning.untallied;
    const reckoned = {
      contract,
      period,
      tariff: tariff.version,
      currency: tariff.tariff.currency,
      logs,
      lines: [...lines],
      held: held.map((line) =>
        line.for === "tally" ? { ...line, for: line.for, ranges: [...untallied] } : { ...line, for: line.for },
      ),
      measured: [...measured],
      total: String(total),
      verified: verdict !== undefined,
      attested,
      ...(withheld > 0 && { withheld }),
    };
    const closed = basis.statement;
    return closed === undefined ? reckoned : { ...reckoned, closed, differs: differencesOf(reckoned, closed) };
  }

  /**
   * That nothing on this month is among what the evidence withholds, by the gateway's own signed view of the statement. Errors:
   * TRAIL_INCOMPLETE · COMMAND_WITHHELD.
   */
  async #assertWhole(contract: string, period: string, statement: Statement | undefined): Promise<void> {
    const stated = await this.get(contract, period).catch((error: unknown) => {
      if (isQuanjiError(error, "NOT_FOUND")) return undefined; // not closed yet
      throw error;
    });
    if (madeBy(stated) === madeBy(statement)) return;
    throw new QuanjiError(
      "TRAIL_INCOMPLETE",
      "the gateway shows another state of the statement than its evidence does: ask again, and keep both answers if they still differ",
      { detail: "COMMAND_WITHHELD" },
    );
  }

  /** Signs what was reckoned as the month's statement; by default reckons it first. */
  async close(
    contract: string,
    period: string,
    reckoned?: ReckonedStatement,
  ): Promise<Sent & { readonly total: string }> {
    const { tariff, logs, lines, held, measured, total } = reckoned ?? (await this.reckon(contract, period));
    const payload = { contract, period, tariff, logs, lines, held, measured, total };
    return { ...(await this.#session.send("statement.close", payload)), total };
  }

  /** `evidence`: SHA-256 of what shows that they were not as they should be. */
  async dispute(
    contract: string,
    period: string,
    input: { readonly deliveries: readonly NamedPlace[]; readonly evidence: readonly string[]; readonly ground?: Json },
  ): Promise<Sent & { readonly dispute: string }> {
    const { reckoning } = await this.#reckon(contract, period, input.deliveries);
    const dispute = this.#session.newId();
    const deliveries = reckoning.named.places.map((place) => ({ ...place }));
    const payload = { contract, period, dispute, deliveries, evidence: [...input.evidence] };
    const values = input.ground === undefined ? {} : { ground: { value: input.ground } };
    return { ...(await this.#session.send("statement.dispute", payload, values)), dispute };
  }

  /**
   * Takes deliveries back, bills what was held, or dismisses a dispute: its price is reckoned from the evidence. Or assigns what
   * waits in suspense. Errors: STATE_CONFLICT: nothing waits; EVIDENCE_MISSING: no month tells the weights yet.
   */
  async adjust(
    contract: string,
    period: string,
    input: AdjustInput,
  ): Promise<Sent & { readonly adjustment: string; readonly amount: string; readonly currency: string }> {
    const statement = await this.get(contract, period);
    const dispute = statement.disputes.find(({ id }) => id === input.dispute);
    if (input.dispute !== undefined && dispute === undefined) {
      throw new QuanjiError("EVIDENCE_MISSING", "there is no such dispute of the statement", { field: "dispute" });
    }
    const weights = input.kind === "assign" ? await this.#weights(statement) : undefined;
    const named = isFree(input.kind) ? [] : (input.deliveries ?? dispute?.deliveries ?? []);
    const moved = await this.#moved(statement, input.kind, named);
    const adjustment = this.#session.newId();
    const { amount, quantity, free } = moved;
    const note =
      typeof input.creditNote === "function"
        ? await input.creditNote({ id: adjustment, amount, quantity, free })
        : input.creditNote;
    const creditNote = note === undefined ? undefined : { code: note.code, digest: note.digest };
    const payload = defined({
      contract,
      period,
      adjustment,
      kind: input.kind,
      dispute: input.dispute,
      creditNote,
      weights,
      ...moved,
    });
    const values = input.ground === undefined ? {} : { ground: { value: input.ground } };
    const sent = await this.#session.send("statement.adjust", payload, values);
    return { ...sent, adjustment, amount: moved.amount, currency: statement.currency };
  }

  /** Confirms the payment of the statement's invoice: all that is due. `payment`: SHA-256 of the bank's, or the chain's, word. */
  async settle(
    contract: string,
    period: string,
    {
      payment,
      voucher,
    }: { readonly payment: string; readonly voucher?: { readonly code: string; readonly digest: string } },
  ): Promise<Sent & { readonly amount: string }> {
    const statement = await this.get(contract, period);
    const { invoice } = statement;
    if (invoice === undefined)
      throw new QuanjiError("EVIDENCE_MISSING", "the statement has no invoice", { field: "invoice" });
    const amount = String(payableOf(statement));
    const payload = defined({ contract, period, invoice: invoice.id, amount, payment, voucher });
    return { ...(await this.#session.send("invoice.settle", payload)), amount };
  }

  /** The figure that a tariff by performance pays by. */
  signIndicator(contract: string, period: string, indicator: string, value: string): Promise<Sent> {
    assertNamed(contract, period);
    return this.#session.send("indicator.sign", { contract, period, indicator: { indicator, value } });
  }

  /** The weights that the rule takes. A gateway that hid a month would have the command refused, and nothing else. */
  async #weights({ contract: id, period, ...statement }: StatementView): Promise<Json> {
    const contract = (await this.#session.read(pathOf(["contracts", id]))) as unknown as Contract;
    const { timeZone } = this.#session.parts.network;
    const others: StatementView[] = [];
    for (let cursor: string | undefined; ;) {
      const { items, next } = await this.list(id, cursor === undefined ? {} : { cursor });
      others.push(...items.filter((each) => each.period !== period));
      if (next === undefined) break;
      cursor = next;
    }
    const { payees } = contractMonth(contract, period, timeZone).version.terms;
    const taken = weightsFor({ ...statement, period }, payees, { contract, others, timeZone });
    return taken.map(({ period: month, measured }) => ({ ...(month !== undefined && { period: month }), measured }));
  }

  async #moved(statement: Statement, kind: AdjustInput["kind"], named: readonly NamedPlace[]) {
    if (isFree(kind)) return { quantity: "0", free: "0", amount: "0" };
    const { reckoning } = await this.#reckon(statement.contract, statement.period, named);
    const { charged, free, places } = reckoning.named;
    const { tariff } = reckoning.tariff;
    const now = billedUse(statement, tariff);
    const sign = kind === "release" ? 1n : -1n;
    const then = { ...now, charged: now.charged + sign * charged, free: now.free + sign * free };
    const { isFirst, indicator } = statement;
    const circumstances = { isFirst, ...(indicator !== undefined && { indicator }) };
    const amount = priceLines(tariff, then, circumstances).total - priceLines(tariff, now, circumstances).total;
    return {
      deliveries: places.map((place) => ({ ...place })),
      quantity: String(charged),
      free: String(free),
      amount: String(amount),
    };
  }

  async #reckon(contract: string, period: string, named: readonly NamedPlace[], handed?: HandedTrails) {
    assertNamed(contract, period);
    const { network, trust } = this.#session.parts;
    const evidence = await openEvidence(this.#evidence(contract, period), contract, period, network.timeZone);
    const { basis } = evidence;
    const month = contractMonth(basis.contract, period, basis.timeZone);
    const { terms } = month.version;
    const span = { from: instant(month.fromMs), to: instant(month.toMs) };
    const attested: string[] = [];
    const asking = { month, span, handed, attested };
    const untallied = terms.counterparts.includes("tally") ? await this.#untallied(basis, asking) : [];
    const asked = { contract, period, named, untallied, trust };
    const reckoning = await reckonMonth(evidence, asked);
    const measured: { grant: string; deliveries: number; root: string }[] = [];
    for (const grant of grantsOf(terms.payees)) {
      measured.push(await this.#measured(grant, basis, asking));
    }
    return { reckoning: { ...reckoning, untallied }, measured, attested };
  }

  /** The source's word is in the trail of the resource. Who may not see that takes the closed statement's. */
  async #untallied(
    { offer, statement }: ReckoningBasis,
    { month, span, handed, attested }: Asking,
  ): Promise<readonly AccessRange[]> {
    const review = new TallyReview();
    const resource = { kind: "resource", id: splitVersion(offer.resource).id } as const;
    const take = (record: QuanjiRecord): void => review.add(record);
    if (await handed?.each(resource, month, this.#session.parts.trust, take)) return review.held();
    const closed = statement?.held.flatMap((line) => (line.for === "tally" ? line.ranges : []));
    if (closed !== undefined) {
      attested.push("tallies");
      return closed;
    }
    await this.#eachRecord(this.#trail("resource", resource.id, span), take).catch((error: unknown) => {
      throw unread(error, `resource ${resource.id}`);
    });
    return review.held();
  }

  async #measured(grant: string, { statement }: ReckoningBasis, { month, span, handed, attested }: Asking) {
    const contribution = new Contribution(grant, month);
    const take = (record: QuanjiRecord, leaf: Hash): void => contribution.add(record, leaf);
    if (await handed?.each({ kind: "grant", id: grant }, month, this.#session.parts.trust, take)) {
      return contribution.measured;
    }
    try {
      await this.#eachRecord(this.#trail("grant", grant, span), take);
      return contribution.measured;
    } catch (error) {
      const closed = statement?.measured.find((each) => each.grant === grant);
      if (closed === undefined || !isQuanjiError(error, "NOT_FOUND")) throw unread(error, `grant ${grant}`);
      attested.push(`measured.${grant}`);
      return closed;
    }
  }

  async #eachRecord(lines: AsyncIterable<string>, take: (record: QuanjiRecord, leaf: Hash) => void): Promise<void> {
    const { trust } = this.#session.parts;
    if (trust === undefined) {
      for await (const line of lines) {
        const text = recordOf(line);
        if (text === undefined) continue;
        const bytes = splitRecordText(text);
        take(parseRecord(bytes), recordLeaf(bytes));
      }
      return;
    }
    const verdict = await verifyTrail(ended(lines), trust, {
      observer: { record: ({ record, leaf }) => take(record, leaf) },
    });
    if (!verdict.ok) {
      throw new QuanjiError(verdict.code ?? "PROOF_INVALID", verdict.message ?? "the trail does not verify");
    }
  }
}

/** What the parts of a month's reckoning read by. */
interface Asking {
  readonly month: ContractMonth;
  readonly span: { readonly from: string; readonly to: string };
  readonly handed: HandedTrails | undefined;
  /** What is taken from the closed statement is added. */
  readonly attested: string[];
}

/** Of a trail that the caller may not read: whoever may can hand it over. */
const unread = (error: unknown, name: string): unknown =>
  isQuanjiError(error, "NOT_FOUND")
    ? new QuanjiError(
        "EVIDENCE_MISSING",
        `the month rests on the trail of ${name}, which you may not read: have it handed over by who may, for the whole month`,
        { field: "trails" },
      )
    : error;

/** Moves no delivery, and so no price. */
const isFree = (kind: AdjustInput["kind"]): boolean => kind === "dismiss" || kind === "assign";

async function* ended(lines: AsyncIterable<string>): AsyncGenerator<string, void, void> {
  for await (const line of lines) yield line.endsWith("\n") ? line : `${line}\n`;
}

/** Errors: MALFORMED, before anything is sent. */
function assertNamed(contract: string, period: string): void {
  if (contract === "") throw new QuanjiError("MALFORMED", "a contract's id is needed", { field: "contract" });
  parseWith(Month, period);
}

const CHECKED = ["tariff", "logs", "lines", "held", "measured"] as const;

function differencesOf(reckoned: Omit<ClosePayload, "contract" | "period">, closed: Statement): string[] {
  const differs: string[] = CHECKED.filter(
    (name) => JSON.stringify(sorted(reckoned[name])) !== JSON.stringify(sorted(closed[name])),
  );
  if (reckoned.total !== closed.amount) differs.push("total");
  return differs;
}

/** The transactions that have made a statement's amounts. */
const madeBy = (statement: Pick<Statement, "closed" | "adjustments"> | undefined): string =>
  statement === undefined
    ? ""
    : [statement.closed, ...statement.adjustments.map(({ at }) => at)].map(({ tx }) => tx).join(" ");

/** Members in one order, so that equal values are equal texts. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, item]) => [name, sorted(item)]),
  );
}
