/**
 * Books as a ledger keeps them: one object for a month and currency, an account for each party beside it. Pure: an entry in, the
 * changed balances out. Every entry sums to 0 and is applied whole, so all accounts of the books always do.
 */
import { QuanjiError } from "../errors.js";
import type { Changed } from "../shared.js";
import { sumOf } from "./amount.js";

export interface BooksState {
  readonly v: "quanji.books.v1";
  readonly period: string;
  readonly currency: string;
  readonly state: "open" | "closed";
  readonly entries: number;
  /** Parties whose account is not at 0: who closes names exactly so many. */
  readonly accounts: number;
  readonly clearing: string;
  /** What nobody's weight claims, by contract. */
  readonly suspense: readonly { readonly contract: string; readonly amount: string }[];
  readonly closed?: Changed;
}

export interface AccountState {
  readonly party: string;
  readonly balance: string;
}

export const newBooks = (period: string, currency: string): BooksState => ({
  v: "quanji.books.v1",
  period,
  currency,
  state: "open",
  entries: 0,
  accounts: 0,
  clearing: "0",
  suspense: [],
});

const CLEARING = "clearing";
const SUSPENSE = "suspense/";
const PARTY = "party/";
export const partyAccount = (party: string): string => `${PARTY}${party}`;
export const suspenseAccount = (contract: string): string => `${SUSPENSE}${contract}`;

/** Amounts by account; several of one account are added. */
export type Postings = readonly (readonly [account: string, amount: bigint])[];

/** Parties that an entry touches. */
export const partiesIn = (postings: Postings): string[] => [
  ...new Set(postings.flatMap(([account]) => (account.startsWith(PARTY) ? [account.slice(PARTY.length)] : []))),
];

export interface Booked {
  readonly books: BooksState;
  /** Of the parties in the entry. */
  readonly balances: ReadonlyMap<string, bigint>;
}

/**
 * @param balances of the parties in the entry, before it.
 * Errors: STATE_CONFLICT: the books are closed; TOTAL_MISMATCH: the entry does not sum to 0.
 */
export function postEntry(books: BooksState, balances: ReadonlyMap<string, bigint>, postings: Postings): Booked {
  if (books.state === "closed") {
    throw new QuanjiError("STATE_CONFLICT", `the books of ${books.period} are closed`, { field: "period" });
  }
  if (sumOf(postings.map(([, amount]) => amount)) !== 0n) {
    throw new QuanjiError("TOTAL_MISMATCH", "the entry's postings do not sum to 0", { field: "postings" });
  }
  let clearing = BigInt(books.clearing);
  const suspense = new Map(books.suspense.map(({ contract, amount }) => [contract, BigInt(amount)]));
  const after = new Map(partiesIn(postings).map((party) => [party, balances.get(party) ?? 0n]));
  const add = (accounts: Map<string, bigint>, name: string, amount: bigint): void => {
    accounts.set(name, (accounts.get(name) ?? 0n) + amount);
  };
  for (const [account, amount] of postings) {
    if (account === CLEARING) clearing += amount;
    else if (account.startsWith(SUSPENSE)) add(suspense, account.slice(SUSPENSE.length), amount);
    else add(after, account.slice(PARTY.length), amount);
  }
  let { accounts } = books;
  for (const [party, balance] of after) {
    accounts += Number(balance !== 0n) - Number((balances.get(party) ?? 0n) !== 0n);
  }
  const waiting = [...suspense].filter(([, amount]) => amount !== 0n).sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    books: {
      ...books,
      entries: books.entries + 1,
      accounts,
      clearing: String(clearing),
      suspense: waiting.map(([contract, amount]) => ({ contract, amount: String(amount) })),
    },
    balances: after,
  };
}

/** An entry that owes nobody anything is none. */
export const isEmpty = (postings: Postings): boolean => postings.every(([, amount]) => amount === 0n);

/** The payer owes what the portions' parties, and suspense, are owed. */
export const owedBy = (
  payer: string,
  {
    amount,
    portions,
    suspense,
  }: {
    readonly amount: string;
    readonly portions: readonly { readonly party: string; readonly amount: string }[];
    readonly suspense: string;
  },
  contract: string,
): Postings => [
  [partyAccount(payer), -BigInt(amount)],
  ...portions.map(({ party, amount: part }) => [partyAccount(party), BigInt(part)] as const),
  [suspenseAccount(contract), BigInt(suspense)],
];

/** A payment from the payer to who collects for all: one owes nothing any more, and the other owes it to the payees. */
export const paymentOf = (payer: string, collector: string, amount: bigint): Postings => [
  [partyAccount(payer), amount],
  [partyAccount(collector), -amount],
];

export interface NettedTransfer {
  readonly party: string;
  readonly amount: string;
}

/**
 * What brings every party to 0 against the clearing house. Errors: TOTAL_MISMATCH: a transfer is not the party's balance;
 * EVIDENCE_MISSING: a party is left out, is named twice, or has nothing to transfer.
 */
export function nettingOf(
  books: BooksState,
  balances: ReadonlyMap<string, bigint>,
  transfers: readonly NettedTransfer[],
): Postings {
  const named = new Set(transfers.map(({ party }) => party));
  for (const [at, { party, amount }] of transfers.entries()) {
    const balance = balances.get(party) ?? 0n;
    if (amount !== String(balance)) {
      throw new QuanjiError("TOTAL_MISMATCH", "a transfer is not what the party's account stands at", {
        field: `transfers.${at}`,
      });
    }
    if (balance !== 0n) continue;
    throw new QuanjiError("EVIDENCE_MISSING", "a party whose account is at 0 has no transfer", {
      field: `transfers.${at}`,
    });
  }
  if (named.size !== transfers.length || named.size !== books.accounts) {
    throw new QuanjiError("EVIDENCE_MISSING", `${books.accounts} accounts are not at 0: name each of them, once`, {
      field: "transfers",
    });
  }
  const sum = sumOf(transfers.map(({ amount }) => BigInt(amount)));
  return [
    ...transfers.map(({ party, amount }) => [partyAccount(party), -BigInt(amount)] as const),
    [CLEARING, sum] as const,
  ];
}

/** Suspense leaves a month that closes, and enters one that is open: the clearing house holds it meanwhile. */
export function carryOf({ suspense }: BooksState): { readonly out: Postings; readonly into: Postings } {
  const waiting = suspense.map(({ contract, amount }) => [suspenseAccount(contract), BigInt(amount)] as const);
  const sum = sumOf(waiting.map(([, amount]) => amount));
  return {
    out: [...waiting.map(([account, amount]) => [account, -amount] as const), [CLEARING, sum] as const],
    into: [...waiting, [CLEARING, -sum] as const],
  };
}
