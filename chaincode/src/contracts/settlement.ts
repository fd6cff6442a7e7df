import {
  activation,
  applyStatement,
  changed,
  type Contract,
  contractMonth,
  earned,
  isOver,
  monthAfter,
  monthOf,
  msOf,
  type Offer,
  owedBy,
  paymentOf,
  type Payload,
  type Posted,
  QuanjiError,
  type Revenues,
  signedIndicator,
  type SignedIndicator,
  type Statement,
} from "../domain/index.js";
import type { ChainKey, VerifySignature } from "../log/index.js";
import { privateKeys, privateScope } from "../world/keys.js";
import type { State } from "../world/state.js";
import { filePrivate, privateNonce, type Received, receive, requireRole, useJti } from "./command.js";
import { DONE, QuanjiContract, type QuanjiContext } from "./context.js";
import { issueDocument, markDocument, takeStatus } from "./documents.js";
import { BookKeeper } from "./posting.js";

type Verb =
  | "indicator.sign"
  | "statement.close"
  | "statement.dispute"
  | "statement.adjust"
  | "invoice.issue"
  | "invoice.settle"
  | "certificate.issue"
  | "certificate.revoke";
type OfStatement = Extract<Received, { readonly verb: Verb }>;
type Close = Extract<Received, { readonly verb: "books.close" }>;
type Disclosure = Extract<Received, { readonly verb: "disclosure.publish" }>;

/** What a transaction works on. */
interface Desk {
  readonly state: State;
  readonly msp: string;
  readonly secret: string;
  readonly nonce: string;
  readonly net: string;
  readonly timeZone: string;
}

/** Statements and books live in the collection of the organisation that serves what is sold; commands enter through it. */
export class SettlementContract extends QuanjiContract {
  constructor(verify: VerifySignature) {
    super("settlement", verify);
  }

  submit(context: QuanjiContext, argument: string): Promise<string> {
    return this.run(context, async (state) => {
      const command = (await receive(state, this.verify, "settlement", argument)) as OfStatement | Close | Disclosure;
      const msp = state.world.submitterMsp;
      const secret = await state.secret(msp);
      const { net, timeZone } = await state.network();
      const desk: Desk = { state, msp, secret, nonce: privateNonce(secret, state), net, timeZone };
      const chain = await settle(desk, command);
      const scope = privateScope(net, msp);
      await filePrivate(state, command, msp, [
        { scope, ...chain },
        { scope, kind: "acts", id: command.facts.signer },
      ]);
      await useJti(state, command);
      return DONE;
    });
  }
}

/** Answers the chain that the command belongs to. */
async function settle(desk: Desk, command: OfStatement | Close | Disclosure): Promise<Omit<ChainKey, "scope">> {
  switch (command.verb) {
    case "books.close":
      await closeBooks(desk, command);
      return { kind: "books", id: `${command.payload.period}/${command.payload.currency}` };
    case "disclosure.publish":
      await publishDisclosure(desk, command);
      return { kind: "disclosures", id: command.facts.signer };
    default:
      await settleStatement(desk, command);
      return { kind: "contract", id: command.payload.contract };
  }
}

/** Objects of a contract's month as they stand. */
interface Month {
  readonly contract: Contract;
  readonly offer: Offer;
  readonly statement: Statement | undefined;
  readonly posted: Posted;
}

const NOTHING_POSTED: Posted = { v: "quanji.posted.v1", entries: [], carried: [] };

/** Errors: NOT_FOUND: no such contract lives here. */
async function monthOfContract({ state, msp, timeZone }: Desk, id: string, period: string): Promise<Month> {
  const contract = await state.sealed<Contract>(msp, privateKeys.contract(id));
  if (contract === undefined) throw new QuanjiError("NOT_FOUND", "no such contract here", { field: "contract" });
  const { terms } = contractMonth(contract, period, timeZone).version;
  const offer = await state.sealed<Offer>(msp, privateKeys.offer(terms.offer));
  if (offer === undefined) throw new QuanjiError("NOT_FOUND", "no such offer here", { field: "contract" });
  return {
    contract,
    offer,
    statement: await state.sealed<Statement>(msp, privateKeys.statement(id, period)),
    posted: (await state.sealed<Posted>(msp, privateKeys.posted(id, period))) ?? NOTHING_POSTED,
  };
}

async function settleStatement(desk: Desk, command: OfStatement): Promise<void> {
  const { state, msp, nonce, timeZone } = desk;
  const { contract: id, period } = command.payload;
  const month = await monthOfContract(desk, id, period);
  const indicator = await state.sealed<SignedIndicator>(msp, privateKeys.indicator(id, period));
  const { contract, offer, statement } = month;
  if (command.verb === "indicator.sign") {
    const context = { contract, offer, timeZone, statement };
    const signed = signedIndicator(indicator, command.payload, command.facts, context);
    return state.putSealed(msp, privateKeys.indicator(id, period), signed, nonce);
  }
  const before = await state.sealed<Statement>(msp, privateKeys.statement(id, monthAfter(period, -1)));
  const others = await othersOf(desk, command, contract);
  const context = { contract, offer, timeZone, before, indicator, others };
  const after = applyStatement(statement, command, command.facts, context);
  const posted = await posting(desk, command, month, after);
  if (posted !== month.posted) await state.putSealed(msp, privateKeys.posted(id, period), posted, nonce);
  await publish(state, command, after);
  await state.putSealed(msp, privateKeys.statement(id, period), after, nonce);
}

/** The contract's statements, month by month, for what takes weights from them: they close in order, without a gap. */
async function othersOf(
  { state, msp, timeZone }: Desk,
  command: OfStatement,
  contract: Contract,
): Promise<Statement[]> {
  const begun = activation(contract);
  if (command.verb !== "statement.adjust" || command.payload.kind !== "assign" || begun === undefined) return [];
  const found: Statement[] = [];
  for (let month = monthOf(msOf(begun), timeZone); ; month = monthAfter(month)) {
    const statement = await state.sealed<Statement>(msp, privateKeys.statement(contract.id, month));
    if (statement === undefined) return found;
    if (month !== command.payload.period) found.push(statement);
  }
}

/** What the command does to books and allowance. */
async function posting(
  desk: Desk,
  command: Exclude<OfStatement, { readonly verb: "indicator.sign" }>,
  month: Month,
  after: Statement,
): Promise<Posted> {
  switch (command.verb) {
    case "statement.close":
      return bill(desk, month, after, { of: after.period, divided: after });
    case "statement.adjust": {
      const divided = after.adjustments.at(-1);
      return divided === undefined ? month.posted : bill(desk, month, after, { of: divided.id, divided });
    }
    case "invoice.settle":
      return after.invoice?.settled === undefined ? month.posted : pay(desk, month.posted, after);
    default:
      return month.posted;
  }
}

/** One entry into the books, of the statement or of one adjustment, and its revenue. */
async function bill(
  desk: Desk,
  { offer, posted }: Month,
  statement: Statement,
  { of, divided }: { readonly of: string; readonly divided: Pick<Statement, "amount" | "portions" | "suspense"> },
): Promise<Posted> {
  const { state, msp, secret, nonce } = desk;
  const { contract, buyer, currency, period } = statement;
  const keeper = new BookKeeper(state, msp, secret, currency);
  const into = await keeper.post(period, owedBy(buyer, divided, contract));
  if (into === undefined) return posted;
  await keeper.write(nonce);
  const amount = BigInt(divided.amount);
  const carried = amount === 0n ? 0n : await earn(desk, offer, statement, amount);
  return {
    ...posted,
    entries: [...posted.entries, { of, period: into, amount: divided.amount }],
    carried:
      carried === 0n
        ? posted.carried
        : [...posted.carried, { of, from: period, to: monthAfter(period), amount: String(carried) }],
  };
}

/** Counts revenue, where it is bounded. Answers what went to the month after by it. */
async function earn(
  { state, msp, nonce, timeZone }: Desk,
  offer: Offer,
  { tariff, period, currency }: Statement,
  amount: bigint,
): Promise<bigint> {
  const isBounded = offer.tariffs.some((each) => each.version === tariff && each.tariff.allowance !== undefined);
  if (!isBounded) return 0n;
  const key = privateKeys.allowance(offer.id);
  const none: Revenues = { v: "quanji.revenues.v1", offer: offer.id, currency, revenues: [] };
  const { revenues, carried } = earned(
    offer,
    (await state.sealed<Revenues>(msp, key)) ?? none,
    period,
    amount,
    timeZone,
  );
  await state.putSealed(msp, key, revenues, nonce);
  return carried;
}

/** The payer has paid who collects. What lies in closed books was paid when these were netted. */
async function pay({ state, msp, secret, nonce }: Desk, posted: Posted, statement: Statement): Promise<Posted> {
  const { buyer, closedBy, currency } = statement;
  const keeper = new BookKeeper(state, msp, secret, currency);
  for (const { period, amount, settled } of posted.entries) {
    if (settled === true || !(await keeper.isOpen(period))) continue;
    await keeper.post(period, paymentOf(buyer, closedBy, BigInt(amount)));
  }
  await keeper.write(nonce);
  return { ...posted, entries: posted.entries.map((entry) => ({ ...entry, settled: true as const })) };
}

/** Documents that a command issues or changes, for whoever has their code. */
async function publish(
  state: State,
  { verb, payload, facts }: OfStatement,
  { invoice, certificates }: Statement,
): Promise<void> {
  switch (verb) {
    case "statement.adjust":
      if (payload.creditNote === undefined || invoice === undefined) return;
      await issueDocument(state, payload.creditNote, { kind: "creditNote", state: "issued" }, facts);
      return markDocument(state, invoice.code, "credited", facts);
    case "invoice.issue":
      return issueDocument(state, payload, { kind: "invoice", state: "issued" }, facts);
    case "invoice.settle":
      if (payload.voucher === undefined || invoice === undefined) return;
      await issueDocument(state, payload.voucher, { kind: "voucher", state: "issued" }, facts);
      return markDocument(state, invoice.code, "settled", facts);
    case "certificate.issue": {
      const { statusIndex } = payload;
      await takeStatus(state, facts.signer, statusIndex);
      return issueDocument(state, payload, { kind: "certificate", state: "valid", statusIndex }, facts);
    }
    case "certificate.revoke": {
      const code = certificates.find(({ id }) => id === payload.certificate)?.code;
      return code === undefined ? undefined : markDocument(state, code, "revoked", facts);
    }
    default:
      return;
  }
}

async function closeBooks({ state, msp, secret, nonce, timeZone }: Desk, command: Close): Promise<void> {
  requireRole(command, "regulator", "exchange");
  const { period, currency, transfers } = command.payload;
  if (!isOver(period, timeZone, command.facts.timeMs)) {
    throw new QuanjiError("STATE_CONFLICT", "the month is not over", { field: "period" });
  }
  const keeper = new BookKeeper(state, msp, secret, currency);
  await keeper.close(period, transfers, changed(command.facts));
  await keeper.write(nonce);
}

/** One account a year. Errors: ROLE_REQUIRED; STATE_CONFLICT: the year is not over, or its account stands. */
async function publishDisclosure({ state, msp, secret, nonce, timeZone }: Desk, command: Disclosure): Promise<void> {
  requireRole(command, "exchange", "operator", "holder");
  const { payload, facts } = command;
  const { year, code, digest }: Payload<"disclosure.publish"> = payload;
  if (!isOver(`${year}-12`, timeZone, facts.timeMs)) {
    throw new QuanjiError("STATE_CONFLICT", "the year is not over", { field: "year" });
  }
  const key = privateKeys.disclosure(secret, facts.signer, year);
  if ((await state.sealed(msp, key)) !== undefined) {
    throw new QuanjiError("STATE_CONFLICT", "your account of that year is published", { field: "year" });
  }
  await issueDocument(state, payload, { kind: "disclosure", state: "issued" }, facts);
  await state.putSealed(msp, key, { party: facts.signer, year, code, digest, at: changed(facts) }, nonce);
}
