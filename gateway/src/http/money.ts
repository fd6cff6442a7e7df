/** Reads of statements, books and allowances, and what evidence of a contract's month is made of. */
import {
  allowancesOf,
  type Contract,
  contractMonth,
  instant,
  monthOf,
  namedIn,
  type Offer,
  type Party,
  parseWith,
  type Posted,
  QuanjiError,
  type Statement,
} from "@quanji/chaincode/domain";
import { notFound } from "./answers.js";
import { type Edge, ledgerNow, type TrailQuery } from "./edge.js";
import type { ReadAnswer, ReadContext } from "./reads.js";
import * as schemas from "./schemas.js";
import { isPayeeIn, isRegulator, isSideOf } from "./visibility.js";

type MoneyRead = "statements" | "statement" | "books" | "allowances";

const PAGE = 50;

function found<T>(value: T | undefined): T {
  if (value === undefined) throw notFound();
  return value;
}

const timeZoneOf = async ({ readModel }: Edge): Promise<string> => found(await readModel.network()).timeZone;

const maySeeAll = (contract: Contract, party: Party): boolean => isRegulator(party) || isSideOf(contract, party.id);

/** What a payee sees: that it was closed, what it came to, and what fell to itself. */
function ownView(statement: Statement, party: string): object {
  const { v, contract, period, tariff, currency, seller, buyer, closedBy, amount, closed, disputeUntil } = statement;
  const own = (portions: Statement["portions"]) => portions.filter((portion) => portion.party === party);
  const adjustments = statement.adjustments.map(({ id, kind, amount: part, portions, at }) => ({
    id,
    kind,
    amount: part,
    portions: own(portions),
    at,
  }));
  const head = { v, contract, period, tariff, currency, seller, buyer, closedBy, amount, closed, disputeUntil };
  return { ...head, portions: own(statement.portions), adjustments };
}

/** Undefined: nothing of it is the viewer's to see. */
function viewOf(
  statement: Statement,
  posted: Posted | undefined,
  contract: Contract,
  party: Party,
): object | undefined {
  if (maySeeAll(contract, party)) return { ...statement, ...(posted !== undefined && { posted }) };
  // Portions fall to nobody else; where no weight was measured they fall to none of these either.
  const { terms } = found(contract.versions.find(({ version }) => version === statement.contractVersion));
  return namedIn(terms.payees).parties.includes(party.id) ? ownView(statement, party.id) : undefined;
}

export const MONEY_READS: Readonly<Record<MoneyRead, (edge: Edge, context: ReadContext) => Promise<ReadAnswer>>> = {
  statements: async ({ readModel }, { member: { party }, query }) => {
    const { contract: id, limit, cursor } = parseWith(schemas.StatementsQuery, query);
    const contract = found(await readModel.contract(id));
    const page = await readModel.listStatements(id, Number(limit ?? PAGE), cursor);
    const views: object[] = [];
    for (const statement of page.items) {
      const view = viewOf(statement, await readModel.posted(id, statement.period), contract, party);
      if (view !== undefined) views.push(view);
    }
    if (views.length === 0 && !maySeeAll(contract, party)) throw notFound();
    return { body: { ...page, items: views } };
  },
  statement: async ({ readModel }, { member: { party }, params }) => {
    const [id, period] = [params["contract"] ?? "", params["period"] ?? ""];
    const contract = found(await readModel.contract(id));
    const statement = found(await readModel.statement(id, period));
    return { body: found(viewOf(statement, await readModel.posted(id, period), contract, party)) };
  },
  books: async ({ readModel }, { member: { party }, params }) => {
    const { books, accounts } = found(await readModel.books(params["period"] ?? "", params["currency"] ?? ""));
    const { period, currency, state } = books;
    if (isRegulator(party) || party.roles.includes("exchange")) return { body: { ...books, accounts } };
    return { body: { period, currency, state, accounts: accounts.filter((account) => account.party === party.id) } };
  },
  allowances: async (edge, { member: { party }, params }) => {
    const { readModel } = edge;
    const offer: Offer = found(await readModel.offer(params["offer"] ?? ""));
    if (!isRegulator(party) && offer.seller !== party.id && offer.exchange !== party.id) throw notFound();
    const revenues = found(await readModel.revenues(offer.id));
    const timeZone = await timeZoneOf(edge);
    const months = allowancesOf(offer, revenues, monthOf(await ledgerNow(edge), timeZone), timeZone);
    return { body: { offer: offer.id, months } };
  },
};

/**
 * The trail of the contract's grant over what the contract covers of a month. Who is no more than a payee of that month is shown no
 * command on another. Errors: NOT_FOUND; STATE_CONFLICT: the contract covers nothing of that month, or it is not over.
 */
export async function contractTrailQuery(edge: Edge, id: string, period: string, party: Party): Promise<TrailQuery> {
  const contract = found(await edge.readModel.contract(id));
  const timeZone = await timeZoneOf(edge);
  const seesAll = maySeeAll(contract, party);
  if (!seesAll && !isPayeeIn(contract, period, timeZone, party.id)) throw notFound();
  const { fromMs, toMs, version } = contractMonth(contract, period, timeZone);
  if (toMs > (await ledgerNow(edge))) {
    throw new QuanjiError("STATE_CONFLICT", "the month is not over", { field: "period" });
  }
  const offers = [...new Set(contract.versions.map(({ terms }) => terms.offer))].sort();
  return {
    kind: "grant",
    id: version.terms.grant,
    from: instant(fromMs),
    to: instant(toMs),
    billed: { contract: id, offers, ...(!seesAll && { month: period }) },
  };
}
