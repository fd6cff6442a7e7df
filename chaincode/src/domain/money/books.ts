/**
 * Books: double entry. Each entry sums to 0 in each currency, so all accounts always do; nothing is edited, a mistake is met by
 * another entry; a closed period takes none.
 */
import { z } from "zod";
import { QuanjiError } from "../errors.js";
import { Amount, Currency, sumOf } from "./amount.js";

/**
 * `party/<id>`, `suspense/<contract>`: whose money it is; `clearing`: the house through which a closed month was netted.
 * Positive: the account is owed; negative: it owes.
 */
export const Account = z.string().regex(/^(clearing|(party|suspense)\/[A-Za-z0-9:._-]{1,128})$/, "an account");
const Month = z.string().regex(/^\d{4}-(0[1-9]|1[0-2])$/, "a month such as 2026-03");

export const Posting = z.strictObject({ account: Account, currency: Currency, amount: Amount });
export type Posting = z.infer<typeof Posting>;

export const Entry = z.strictObject({
  id: z.string().min(1).max(128),
  period: Month,
  /** What it stands on: a statement, an adjustment, a credit note, a settlement. */
  of: z.string().min(1).max(200),
  postings: z.array(Posting).min(2).max(1_000),
});
export type Entry = z.infer<typeof Entry>;

/** A payment that brings one party's account to 0, to or from the clearing house. */
export interface Transfer {
  readonly party: string;
  readonly currency: string;
  /** Positive: the party gets; negative: it pays. */
  readonly amount: bigint;
}

const refuse = (message: string, field: string): QuanjiError => new QuanjiError("STATE_CONFLICT", message, { field });

/** The payer owes what the portions' parties, and suspense, are owed. */
export function entryOf(
  head: Pick<Entry, "id" | "period" | "of">,
  currency: string,
  payer: string,
  owed: ReadonlyMap<string, bigint>,
): Entry {
  const postings = [...owed].map(([account, amount]) => ({ account, currency, amount: String(amount) }));
  return {
    ...head,
    postings: [{ account: `party/${payer}`, currency, amount: String(-sumOf(owed.values())) }, ...postings],
  };
}

/** The entry that undoes another one, in a period that is open. */
export const reversalOf = (entry: Entry, head: Pick<Entry, "id" | "period" | "of">): Entry => ({
  ...head,
  postings: entry.postings.map((posting) => ({ ...posting, amount: String(-BigInt(posting.amount)) })),
});

export class Books {
  readonly #balances = new Map<string, Map<string, bigint>>();
  readonly #entries = new Set<string>();
  readonly #closed = new Set<string>();

  /**
   * Errors: TOTAL_MISMATCH: the postings of a currency do not sum to 0; STATE_CONFLICT: an entry of that id stands, or its
   * period is closed. Nothing is posted then.
   */
  post(entry: Entry): void {
    if (this.#closed.has(entry.period)) {
      throw refuse(`${entry.period} is closed: post into an open period, and name what it corrects`, "period");
    }
    if (this.#entries.has(entry.id)) throw refuse("an entry of that id stands", "id");
    const sums = new Map<string, bigint>();
    for (const { currency, amount } of entry.postings) {
      sums.set(currency, (sums.get(currency) ?? 0n) + BigInt(amount));
    }
    for (const [currency, sum] of sums) {
      if (sum === 0n) continue;
      throw new QuanjiError("TOTAL_MISMATCH", `the entry's postings in ${currency} sum to ${sum}, not to 0`, {
        field: "postings",
      });
    }
    this.#entries.add(entry.id);
    for (const { account, currency, amount } of entry.postings) this.#add(account, currency, BigInt(amount));
  }

  close(period: string): void {
    if (this.#closed.has(period)) throw refuse(`${period} is closed already`, "period");
    this.#closed.add(period);
  }

  balance(account: string, currency: string): bigint {
    return this.#balances.get(currency)?.get(account) ?? 0n;
  }

  /** Accounts that are not at 0, by id. */
  balances(currency: string): [account: string, balance: bigint][] {
    return [...(this.#balances.get(currency) ?? [])]
      .filter(([, sum]) => sum !== 0n)
      .sort(([a], [b]) => (a < b ? -1 : 1));
  }

  /** Netting among many parties: at most one transfer each, whatever it bought and sold. They sum to what is in suspense, negated. */
  transfers(currency: string): Transfer[] {
    return this.balances(currency)
      .filter(([account]) => account.startsWith("party/"))
      .map(([account, amount]) => ({ party: account.slice("party/".length), currency, amount }));
  }

  #add(account: string, currency: string, amount: bigint): void {
    const accounts = this.#balances.get(currency) ?? new Map<string, bigint>();
    this.#balances.set(currency, accounts);
    accounts.set(account, (accounts.get(account) ?? 0n) + amount);
  }
}
