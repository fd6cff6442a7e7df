/** Entries of one transaction into the books of an organisation's collection. Read once, written once, as a ledger wants it. */
import {
  type AccountState,
  type BooksState,
  carryOf,
  type Changed,
  isEmpty,
  monthAfter,
  newBooks,
  type NettedTransfer,
  nettingOf,
  partiesIn,
  postEntry,
  type Postings,
  QuanjiError,
} from "../domain/index.js";
import { privateKeys } from "../world/keys.js";
import type { State } from "../world/state.js";

interface Open {
  books: BooksState;
  readonly balances: Map<string, bigint>;
}

export class BookKeeper {
  readonly #state: State;
  readonly #msp: string;
  readonly #secret: string;
  readonly #currency: string;
  readonly #open = new Map<string, Open>();

  constructor(state: State, msp: string, secret: string, currency: string) {
    this.#state = state;
    this.#msp = msp;
    this.#secret = secret;
    this.#currency = currency;
  }

  /**
   * Posts into a month, or where its books are closed into the first month after it that is open: there always is one, for the
   * present month cannot be closed. Answers which; undefined for an entry that owes nothing.
   */
  async post(month: string, postings: Postings): Promise<string | undefined> {
    if (isEmpty(postings)) return undefined;
    const period = await this.#openFrom(month);
    await this.#post(period, postings);
    return period;
  }

  async isOpen(period: string): Promise<boolean> {
    return (await this.#of(period)).books.state === "open";
  }

  /** Brings every party to 0, carries suspense on, and closes. Errors: STATE_CONFLICT, TOTAL_MISMATCH, EVIDENCE_MISSING. */
  async close(period: string, transfers: readonly NettedTransfer[], at: Changed): Promise<void> {
    const open = await this.#of(period);
    if (open.books.state === "closed") {
      throw new QuanjiError("STATE_CONFLICT", "the books of that month are closed", { field: "period" });
    }
    await this.#load(
      open,
      transfers.map(({ party }) => party),
    );
    const netting = nettingOf(open.books, open.balances, transfers);
    if (!isEmpty(netting)) await this.#post(period, netting);
    const { out, into } = carryOf(open.books);
    if (!isEmpty(out)) {
      await this.#post(period, out);
      await this.#post(await this.#openFrom(monthAfter(period)), into);
    }
    open.books = { ...open.books, state: "closed", closed: at };
  }

  async write(nonce: string): Promise<void> {
    for (const [period, { books, balances }] of this.#open) {
      const put = (key: string, value: unknown): Promise<void> => this.#state.putSealed(this.#msp, key, value, nonce);
      if (books.entries === 0 && books.state === "open") continue;
      await put(privateKeys.books(this.#secret, period, this.#currency), books);
      for (const [party, balance] of balances) {
        const account: AccountState = { party, balance: String(balance) };
        await put(privateKeys.account(this.#secret, period, this.#currency, party), account);
      }
    }
  }

  async #openFrom(month: string): Promise<string> {
    let period = month;
    while (!(await this.isOpen(period))) period = monthAfter(period);
    return period;
  }

  async #post(period: string, postings: Postings): Promise<void> {
    const open = await this.#of(period);
    await this.#load(open, partiesIn(postings));
    const { books, balances } = postEntry(open.books, open.balances, postings);
    open.books = books;
    for (const [party, balance] of balances) open.balances.set(party, balance);
  }

  async #of(period: string): Promise<Open> {
    let open = this.#open.get(period);
    if (open === undefined) {
      const key = privateKeys.books(this.#secret, period, this.#currency);
      const books = (await this.#state.sealed<BooksState>(this.#msp, key)) ?? newBooks(period, this.#currency);
      open = { books, balances: new Map() };
      this.#open.set(period, open);
    }
    return open;
  }

  async #load({ books, balances }: Open, parties: readonly string[]): Promise<void> {
    for (const party of parties) {
      if (balances.has(party)) continue;
      const key = privateKeys.account(this.#secret, books.period, this.#currency, party);
      const account = await this.#state.sealed<AccountState>(this.#msp, key);
      balances.set(party, BigInt(account?.balance ?? "0"));
    }
  }
}
