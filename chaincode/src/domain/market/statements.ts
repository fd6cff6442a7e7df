/**
 * Transitions of statements: what a contract's commands make of a month. Pure: the chaincode and whoever replays the contract's
 * chain offline run the same. What depends on other objects (books, documents' codes, status lists) the contract checks.
 */
import { canonical } from "../../log/canonical.js";
import { QuanjiError } from "../errors.js";
import { sumOf } from "../money/amount.js";
import { countsUse, priceLines, totalOf, type Use, useOf } from "../money/price.js";
import type { Circumstances } from "../money/statement.js";
import type { Tariff } from "../money/tariff.js";
import { changed, type CommandFacts, defined, existing } from "../shared.js";
import { instant } from "../time.js";
import type { Contract, ContractTerms } from "./contract.js";
import { contractMonth, isOver, monthAfter, tariffOf } from "./month.js";
import type { Offer } from "./offer.js";
import {
  type Adjustment,
  type Certificate,
  type Dispute,
  type Place,
  type SettlementCommand,
  type SettlementPayload,
  type SignedIndicator,
  type Statement,
  type Weights,
} from "./settlement.js";
import { assignment, dividedFor, grantsOf, weightsFor } from "./weights.js";

export interface StatementContext {
  readonly contract: Contract;
  readonly offer: Offer;
  readonly timeZone: string;
  /** The contract's statement of the month before; none before its first month. */
  readonly before: Pick<Statement, "period"> | undefined;
  /** Signed for this month. */
  readonly indicator: SignedIndicator | undefined;
  /**
   * The contract's statements of other months: who assigns what waits in suspense takes weights from them. Undefined where they are
   * not all there, for a reader to whom other months are withheld: what was signed is then believed.
   */
  readonly others: readonly Statement[] | undefined;
}

/** Disputes, adjustments and certificates of one statement: it is one object. */
const MAX_ENTRIES = 256;

const conflict = (message: string, field?: string): QuanjiError =>
  new QuanjiError("STATE_CONFLICT", message, field === undefined ? {} : { field });
const missing = (message: string, field: string): QuanjiError =>
  new QuanjiError("EVIDENCE_MISSING", message, { field });
const notYours = (message: string): QuanjiError => new QuanjiError("ROLE_REQUIRED", message);

/** Who closes a contract's statements and issues its documents. */
export const closerOf = ({ exchange, seller }: Pick<ContractTerms, "exchange" | "seller">): string =>
  exchange ?? seller;

/** What the payer owes for the month, all adjustments counted. */
export const payableOf = ({ amount, adjustments }: Pick<Statement, "amount" | "adjustments">): bigint =>
  BigInt(amount) + sumOf(adjustments.map((adjustment) => BigInt(adjustment.amount)));

export const isDisputed = ({ disputes }: Pick<Statement, "disputes">): boolean =>
  disputes.some(({ state }) => state === "open");

/** Everybody to whom a portion of the statement or of an adjustment fell. */
export const payeesOf = ({ portions, adjustments }: Statement): ReadonlySet<string> =>
  new Set([...portions, ...adjustments.flatMap((adjustment) => adjustment.portions)].map(({ party }) => party));

/**
 * Errors: STATE_CONFLICT, ROLE_REQUIRED, EVIDENCE_MISSING, TOTAL_MISMATCH; MALFORMED for what contradicts itself. `indicator.sign`
 * is not of a statement: {@link signedIndicator}.
 */
export function applyStatement(
  statement: Statement | undefined,
  command: SettlementCommand,
  facts: CommandFacts,
  context: StatementContext,
): Statement {
  if (command.verb === "statement.close") return closed(statement, command.payload, facts, context);
  const now = existing(statement, command.verb);
  switch (command.verb) {
    case "statement.dispute":
      return disputed(now, command.payload, facts);
    case "statement.adjust":
      return adjusted(now, command.payload, facts, context);
    case "invoice.issue":
      return invoiced(now, command.payload, facts);
    case "invoice.settle":
      return settled(now, command.payload, facts);
    case "certificate.issue":
      return certified(now, command.payload, facts);
    case "certificate.revoke":
      return revoked(now, command.payload, facts);
  }
}

/** Errors: STATE_CONFLICT: signed already, or its statement is closed; ROLE_REQUIRED; MALFORMED: not the tariff's indicator. */
export function signedIndicator(
  before: SignedIndicator | undefined,
  payload: SettlementPayload<"indicator.sign">,
  facts: CommandFacts,
  {
    contract,
    offer,
    timeZone,
    statement,
  }: Omit<StatementContext, "before" | "indicator" | "others"> & {
    readonly statement: Statement | undefined;
  },
): SignedIndicator {
  const month = contractMonth(contract, payload.period, timeZone);
  if (month.version.terms.measurer !== facts.signer) {
    throw notYours("only the contract's measurer signs its figures");
  }
  if (!isOver(payload.period, timeZone, facts.timeMs)) throw conflict("the month is not over", "period");
  if (before !== undefined || statement !== undefined) throw conflict("the month's figure stands", "indicator");
  const { performance } = tariffOf(offer, month).tariff;
  if (performance?.indicator !== payload.indicator.indicator) {
    throw new QuanjiError("MALFORMED", "the month's tariff pays by another figure, or by none", { field: "indicator" });
  }
  return { ...payload.indicator, by: facts.signer, at: changed(facts) };
}

function closed(
  statement: Statement | undefined,
  payload: SettlementPayload<"statement.close">,
  facts: CommandFacts,
  { contract, offer, timeZone, before, indicator }: StatementContext,
): Statement {
  const { period } = payload;
  const { version, isFirst } = contractMonth(contract, period, timeZone);
  const { terms } = version;
  if (facts.signer !== closerOf(terms)) throw notYours("the contract's exchange closes its statements, or its seller");
  if (statement !== undefined) throw conflict("the month has a statement", "period");
  if (!isOver(period, timeZone, facts.timeMs)) throw conflict("the month is not over", "period");
  if (!isFirst && before?.period !== monthAfter(period, -1)) {
    throw conflict("months close in order: close the one before", "period");
  }
  const { version: tariffVersion, tariff } = tariffOf(offer, contractMonth(contract, period, timeZone));
  if (payload.tariff !== tariffVersion) {
    throw conflict(`version ${tariffVersion} of the tariff was in force in that month`, "tariff");
  }
  assertSides(payload, terms);
  const total = totalOf(tariff, payload.lines, circumstancesOf({ isFirst, indicator }));
  if (payload.total !== String(total)) {
    throw new QuanjiError("TOTAL_MISMATCH", "the total is not the sum of the lines", { field: "total" });
  }
  return defined({
    v: "quanji.statement.v1" as const,
    contract: contract.id,
    contractVersion: version.version,
    period,
    tariff: tariffVersion,
    currency: tariff.currency,
    seller: terms.seller,
    buyer: terms.buyer,
    closedBy: facts.signer,
    isFirst,
    indicator: tariff.performance === undefined ? undefined : indicator,
    logs: payload.logs,
    lines: payload.lines,
    held: payload.held,
    measured: payload.measured,
    ...dividedFor({ period, measured: payload.measured, adjustments: [] }, terms.payees, total),
    disputes: [],
    adjustments: [],
    certificates: [],
    closed: changed(facts),
    disputeUntil: instant(facts.timeMs + terms.disputeDays * 86_400_000),
  });
}

/** Logs stand in order, held lines are those that the contract asks for, and each grant that weighs is measured, once. */
function assertSides({ logs, held, measured }: SettlementPayload<"statement.close">, terms: ContractTerms): void {
  const refuse = (message: string, field: string): never => {
    throw new QuanjiError("MALFORMED", message, { field });
  };
  if (logs.some(({ log }, at) => at > 0 && log <= (logs[at - 1]?.log ?? "")))
    refuse("logs stand by name, each once", "logs");
  const sides = held.map((line) => line.for);
  if (new Set(sides).size < sides.length || sides.some((side) => !terms.counterparts.includes(side))) {
    refuse("deliveries are held only for a side whose word the contract asks for", "held");
  }
  const asked = grantsOf(terms.payees);
  const given = measured.map(({ grant }) => grant);
  if (given.length !== asked.length || asked.some((grant, at) => given[at] !== grant)) {
    refuse("each grant that the contract weighs by is measured, by the grants' order", "measured");
  }
}

const circumstancesOf = ({
  isFirst,
  indicator,
}: {
  readonly isFirst: boolean;
  readonly indicator?: SignedIndicator | undefined;
}): Circumstances => ({
  isFirst,
  ...(indicator !== undefined && { indicator: { indicator: indicator.indicator, value: indicator.value } }),
});

function disputed(
  statement: Statement,
  { dispute, deliveries, evidence }: SettlementPayload<"statement.dispute">,
  facts: CommandFacts,
): Statement {
  const { buyer, seller, disputes, disputeUntil } = statement;
  if (facts.signer !== buyer && facts.signer !== seller && !payeesOf(statement).has(facts.signer)) {
    throw notYours("only who pays, who sells and who has a portion disputes a statement");
  }
  if (facts.time > disputeUntil) throw conflict(`the statement could be disputed until ${disputeUntil}`);
  if (disputes.some(({ id }) => id === dispute)) throw conflict("a dispute of that id stands", "dispute");
  if (disputes.length >= MAX_ENTRIES) throw conflict("the statement has as many disputes as it may");
  const taken = placesOf(statement.adjustments, "withdraw");
  if (deliveries.some((place) => taken.has(placeName(place)))) {
    throw missing("a delivery that is disputed was taken back already", "deliveries");
  }
  const opened: Dispute = { id: dispute, by: facts.signer, at: changed(facts), state: "open", deliveries, evidence };
  return { ...statement, disputes: [...disputes, opened] };
}

/** Units that a statement's price stands on now: its lines', less what was taken back, and what was held and is billed since. */
export function billedUse(statement: Pick<Statement, "lines" | "adjustments">, tariff: Tariff): Required<Use> {
  const { charged, free, ...has } = useOf(tariff, statement.lines);
  const signOf = ({ kind }: Adjustment): bigint => (kind === "release" ? 1n : kind === "withdraw" ? -1n : 0n);
  const moved = (field: "quantity" | "free"): bigint =>
    sumOf(statement.adjustments.map((adjustment) => signOf(adjustment) * BigInt(adjustment[field])));
  return { charged: charged + moved("quantity"), free: free + moved("free"), ...has };
}

function adjusted(
  statement: Statement,
  payload: SettlementPayload<"statement.adjust">,
  facts: CommandFacts,
  context: StatementContext,
): Statement {
  const { adjustments, invoice } = statement;
  if (facts.signer !== statement.closedBy) throw notYours("who closed the statement adjusts it");
  if (adjustments.some(({ id }) => id === payload.adjustment)) {
    throw conflict("an adjustment of that id stands", "adjustment");
  }
  // Assignments are never too many: each gives weights to a node of the split that had none.
  if (payload.kind !== "assign" && adjustments.filter(({ kind }) => kind !== "assign").length >= MAX_ENTRIES) {
    throw conflict("the statement has as many adjustments as it may");
  }
  const { tariff } = tariffFor(statement, context.offer);
  const disputes = answered(statement, payload);
  const amount = priceOf(statement, payload, tariff);
  if (payload.amount !== String(amount)) {
    throw new QuanjiError("TOTAL_MISMATCH", "the amount is not the difference that the tariff makes", {
      field: "amount",
    });
  }
  if ((payload.creditNote !== undefined) !== (invoice !== undefined && amount !== 0n)) {
    throw conflict("an adjustment that changes an invoice brings its credit note, and no other does", "creditNote");
  }
  const { terms } = contractMonth(context.contract, statement.period, context.timeZone).version;
  const weights = assignedBy(statement, payload, terms, context);
  const { adjustment: id, kind, dispute, deliveries, quantity, free } = payload;
  const added: Adjustment = defined({
    id,
    kind,
    dispute,
    deliveries,
    quantity,
    free,
    weights,
    at: changed(facts),
    ...(weights === undefined
      ? dividedFor(statement, terms.payees, amount)
      : assignment(statement, terms.payees, weights)),
  });
  return defined({
    ...statement,
    disputes,
    adjustments: [...adjustments, added],
    invoice: invoice === undefined ? undefined : credited(invoice, id, payload.creditNote),
  });
}

/**
 * Undefined of any other kind. Errors: MALFORMED; STATE_CONFLICT: nothing waits, or the rule takes others; EVIDENCE_MISSING:
 * no month tells yet.
 */
function assignedBy(
  statement: Statement,
  { kind, weights }: SettlementPayload<"statement.adjust">,
  { payees }: ContractTerms,
  context: StatementContext,
): readonly Weights[] | undefined {
  if ((kind === "assign") !== (weights !== undefined)) {
    throw new QuanjiError("MALFORMED", "an assignment states the weights that it takes, and no other kind does", {
      field: "weights",
    });
  }
  if (weights === undefined) return undefined;
  const { others } = context;
  if (others === undefined) return weights;
  const taken = weightsFor(statement, payees, { ...context, others });
  if (canonical({ weights: taken }) === canonical({ weights })) return taken;
  const detail = taken.map(({ period }) => period ?? "equal parts").join(" ");
  throw new QuanjiError("STATE_CONFLICT", `nobody chooses which weights are taken: ${detail}`, {
    field: "weights",
    detail,
  });
}

/** Who has confirmed a payment of another amount confirms anew; what is settled stays so. */
function credited(
  invoice: NonNullable<Statement["invoice"]>,
  adjustment: string,
  creditNote: SettlementPayload<"statement.adjust">["creditNote"],
): NonNullable<Statement["invoice"]> {
  if (creditNote === undefined) return invoice;
  const { payment, settledBy, ...rest } = invoice;
  const isSettled = invoice.settled !== undefined;
  return {
    ...rest,
    ...(isSettled && payment !== undefined && { payment }),
    settledBy: isSettled ? settledBy : [],
    creditNotes: [...invoice.creditNotes, { ...creditNote, adjustment }],
  };
}

function tariffFor(statement: Statement, offer: Offer): { readonly tariff: Tariff } {
  return existing(
    offer.tariffs.find(({ version }) => version === statement.tariff),
    "statement.adjust",
  );
}

const placeName = ({ log, index }: Pick<Place, "log" | "index">): string => `${log}#${index}`;
const placesOf = (adjustments: readonly Adjustment[], kind: Adjustment["kind"]): ReadonlySet<string> =>
  new Set(adjustments.flatMap((each) => (each.kind === kind ? (each.deliveries ?? []).map(placeName) : [])));

/** The disputes after an adjustment answers one of them. Errors: EVIDENCE_MISSING, STATE_CONFLICT, MALFORMED. */
function answered(
  { disputes }: Statement,
  { kind, dispute, deliveries }: SettlementPayload<"statement.adjust">,
): readonly Dispute[] {
  if (kind === "dismiss" && dispute === undefined) {
    throw new QuanjiError("MALFORMED", "name the dispute that is dismissed", { field: "dispute" });
  }
  if ((kind === "release" || kind === "assign") && dispute !== undefined) {
    throw new QuanjiError("MALFORMED", "what was held is billed, and what waits is assigned, without a dispute", {
      field: "dispute",
    });
  }
  if (dispute === undefined) return disputes;
  const found = disputes.find(({ id }) => id === dispute);
  if (found === undefined) throw missing("there is no such dispute of the statement", "dispute");
  if (found.state !== "open") throw conflict(`the dispute is ${found.state}`, "dispute");
  const names = new Map(found.deliveries.map((place) => [placeName(place), place.leaf]));
  if ((deliveries ?? []).some((place) => names.get(placeName(place)) !== place.leaf)) {
    throw missing("only what is disputed is taken back for a dispute", "deliveries");
  }
  const state = kind === "dismiss" ? ("dismissed" as const) : ("adjusted" as const);
  return disputes.map((each) => (each === found ? { ...each, state } : each));
}

/** What the adjustment changes. Errors: MALFORMED, EVIDENCE_MISSING. */
function priceOf(statement: Statement, payload: SettlementPayload<"statement.adjust">, tariff: Tariff): bigint {
  const { kind, deliveries, quantity, free } = payload;
  const moved = { charged: BigInt(quantity), free: BigInt(free) };
  const isFree = kind === "dismiss" || kind === "assign";
  if (isFree !== (deliveries === undefined)) {
    throw new QuanjiError("MALFORMED", "name the deliveries; a dismissal and an assignment have none", {
      field: "deliveries",
    });
  }
  assertUnits(tariff, moved, deliveries?.length ?? 0);
  if (isFree) return 0n;
  const taken = placesOf(statement.adjustments, kind);
  if (deliveries?.some((place) => taken.has(placeName(place))) === true) {
    throw missing(`a delivery can be ${kind === "release" ? "released" : "taken back"} once`, "deliveries");
  }
  const now = billedUse(statement, tariff);
  if (kind === "release") assertHeld(statement, moved.charged + moved.free, deliveries?.length ?? 0);
  else if (moved.charged > now.charged || moved.free > now.free) {
    throw missing("only what the statement counts can be taken back", "quantity");
  }
  const sign = kind === "release" ? 1n : -1n;
  const then = { ...now, charged: now.charged + sign * moved.charged, free: now.free + sign * moved.free };
  const circumstances = circumstancesOf(statement);
  return priceLines(tariff, then, circumstances).total - priceLines(tariff, now, circumstances).total;
}

/** Each call is a delivery, and a tariff that counts no use has no units in its deliveries. */
function assertUnits(tariff: Tariff, { charged, free }: Use, deliveries: number): void {
  const units = charged + free;
  const isRight =
    tariff.unit === "call"
      ? units === BigInt(deliveries)
      : countsUse(tariff)
        ? deliveries > 0 || units === 0n
        : units === 0n;
  if (!isRight) throw new QuanjiError("MALFORMED", "that many deliveries have other units", { field: "quantity" });
}

function assertHeld({ held, adjustments }: Statement, units: bigint, deliveries: number): void {
  const released = adjustments.filter(({ kind }) => kind === "release");
  const usedUnits = sumOf(released.map(({ quantity, free }) => BigInt(quantity) + BigInt(free)));
  const usedDeliveries = released.reduce((sum, each) => sum + (each.deliveries?.length ?? 0), 0);
  const heldUnits = sumOf(held.map(({ quantity }) => BigInt(quantity)));
  const heldDeliveries = held.reduce((sum, line) => sum + line.deliveries, 0);
  if (usedUnits + units > heldUnits || usedDeliveries + deliveries > heldDeliveries) {
    throw missing("no more is released than the statement holds", "quantity");
  }
}

function assertUndisputed(statement: Statement): void {
  if (isDisputed(statement)) throw missing("a dispute of the statement is open: answer it first", "disputes");
}

function invoiced(
  statement: Statement,
  { invoice: id, code, digest }: SettlementPayload<"invoice.issue">,
  facts: CommandFacts,
): Statement {
  if (facts.signer !== statement.closedBy) throw notYours("who closed the statement issues its invoice");
  if (statement.invoice !== undefined) throw conflict("the statement has an invoice", "invoice");
  assertUndisputed(statement);
  const { length: adjustments } = statement.adjustments;
  const invoice = { id, code, digest, issued: changed(facts), adjustments, creditNotes: [], settledBy: [] };
  return { ...statement, invoice };
}

function settled(
  statement: Statement,
  { invoice: id, amount, payment, voucher }: SettlementPayload<"invoice.settle">,
  facts: CommandFacts,
): Statement {
  const { invoice, buyer, closedBy } = statement;
  if (facts.signer !== buyer && facts.signer !== closedBy) {
    throw notYours("a payment is confirmed by who pays and by who closed the statement");
  }
  if (invoice?.id !== id) throw missing("there is no such invoice of the statement", "invoice");
  if (invoice.settled !== undefined) throw conflict("the invoice is settled");
  if (invoice.settledBy.includes(facts.signer))
    throw conflict("you have confirmed the payment: the other side has not");
  assertUndisputed(statement);
  if (amount !== String(payableOf(statement))) {
    throw new QuanjiError("TOTAL_MISMATCH", "that is not what the invoice and its credit notes come to", {
      field: "amount",
    });
  }
  const isLast = invoice.settledBy.length === 1;
  if (isLast && invoice.payment !== payment) throw conflict("the other side has confirmed another payment", "payment");
  if (isLast !== (voucher !== undefined)) throw conflict("the second of the two brings the voucher", "voucher");
  const next = defined({
    ...invoice,
    settledBy: [...invoice.settledBy, facts.signer],
    payment,
    settled: isLast ? changed(facts) : undefined,
    voucher,
  });
  return { ...statement, invoice: next };
}

function certified(
  statement: Statement,
  { certificate: id, code, digest, statusIndex }: SettlementPayload<"certificate.issue">,
  facts: CommandFacts,
): Statement {
  const { certificates, closedBy } = statement;
  if (facts.signer !== closedBy) throw notYours("who closed the statement issues its certificates");
  assertUndisputed(statement);
  if (certificates.some((each) => each.id === id)) throw conflict("a certificate of that id stands", "certificate");
  if (certificates.length >= MAX_ENTRIES) throw conflict("the statement has as many certificates as it may");
  const issued: Certificate = { id, code, digest, statusIndex, issued: changed(facts) };
  return { ...statement, certificates: [...certificates, issued] };
}

function revoked(
  statement: Statement,
  { certificate: id }: SettlementPayload<"certificate.revoke">,
  facts: CommandFacts,
): Statement {
  if (facts.signer !== statement.closedBy && !facts.signerRoles.includes("regulator")) {
    throw notYours("its issuer revokes a certificate, or the regulator");
  }
  const found = statement.certificates.find((each) => each.id === id);
  if (found === undefined) throw missing("there is no such certificate of the statement", "certificate");
  if (found.revoked !== undefined) throw conflict("the certificate is revoked");
  const certificates = statement.certificates.map((each) =>
    each === found ? { ...each, revoked: changed(facts) } : each,
  );
  return { ...statement, certificates };
}
