/** Books of a month and currency: what each party is owed or owes, and the netting that closes them. */
import { Currency, Month, parseWith } from "@quanji/chaincode/domain";
import { pathOf, type Sent, type Session } from "./session.js";

export interface BooksView {
  readonly period: string;
  readonly currency: string;
  readonly state: "open" | "closed";
  /** Not at 0. Positive: the party is owed; negative: it owes. A party sees its own alone. */
  readonly accounts: readonly { readonly party: string; readonly balance: string }[];
  /** By contract: what no weight says whose it is. For the regulator and an exchange. */
  readonly suspense?: readonly { readonly contract: string; readonly amount: string }[];
}

export interface Transferred {
  readonly party: string;
  /** Positive: the party gets it; negative: it pays. */
  readonly amount: string;
}

export class Books {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Errors: NOT_FOUND: nothing was posted in that month and currency; MALFORMED. */
  async get(period: string, currency: string): Promise<BooksView> {
    parseWith(Month, period);
    parseWith(Currency, currency);
    return (await this.#session.read(pathOf(["books", period, currency]))) as unknown as BooksView;
  }

  /** One transfer a party brings every account to 0; then the month takes no more entries. For the regulator and an exchange. */
  async close(period: string, currency: string): Promise<Sent & { readonly transfers: readonly Transferred[] }> {
    const { accounts } = await this.get(period, currency);
    const transfers = accounts.map(({ party, balance }) => ({ party, amount: balance }));
    const sent = await this.#session.send("books.close", { period, currency, transfers });
    return { ...sent, transfers };
  }
}
