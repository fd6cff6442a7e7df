/** The yearly disclosure 年度披露: made of all that its operator closed of a year, published once, kept with what proves it. */
import { QuanjiError } from "@quanji/chaincode/domain";
import type { FlattenedJws } from "@quanji/chaincode/log";
import { digestOf, type Disclosure, documentLine, newCode, signDocument } from "../documents/index.js";
import { disclosureOf, type OpenedYear, openYear } from "../verify/index.js";
import type { Sent, Session } from "./session.js";

/** Lines of what proves a party's year. */
export type YearReader = (party: string, year: number) => AsyncIterable<string>;

/** An account as it would be published now; its code is drawn anew each time. */
export interface BuiltDisclosure {
  readonly disclosure: Disclosure;
  readonly contracts: number;
  readonly statements: number;
  /** Nothing that was recorded up to this instant is missing. */
  readonly asOf: string;
  /** The account that stands already; then these are its figures. */
  readonly published?: { readonly code: string; readonly digest: string; readonly time: string };
}

export interface PublishedDisclosure {
  /** Absent: it stood already, and was only signed again. */
  readonly sent?: Sent;
  readonly code: string;
  readonly digest: string;
  readonly jws: FlattenedJws;
}

export class Disclosures {
  readonly #session: Session;
  readonly #trail: YearReader;

  constructor(session: Session, trail: YearReader) {
    this.#session = session;
    this.#trail = trail;
  }

  /** By default the caller's own. Errors: CONFIG_INVALID: no trust file is pinned; NOT_FOUND; the verifier's. */
  async build(year: number, party: string = this.#own): Promise<BuiltDisclosure> {
    return builtOf(await this.#year(party, year), newCode(this.#session.parts.random));
  }

  /**
   * Signs and publishes the caller's account. One that stands is signed again, by the same key: its digest is of what is signed and not
   * of the signature, so a file that was lost can be made anew.
   * Errors: as above; STATE_CONFLICT: another one stands, or the year is not over; ROLE_REQUIRED.
   */
  async publish(year: number): Promise<PublishedDisclosure & BuiltDisclosure> {
    const built = await this.build(year);
    const { code } = built.disclosure;
    const jws = await signDocument("disclosure", built.disclosure, this.#session.parts.signer);
    const digest = digestOf(jws);
    if (built.published !== undefined) {
      if (built.published.digest === digest) return { ...built, code, digest, jws };
      throw new QuanjiError(
        "STATE_CONFLICT",
        "your account of that year is published, signed by another key or otherwise",
        {
          field: "year",
        },
      );
    }
    const sent = await this.#session.send("disclosure.publish", { year, code, digest });
    return { ...built, sent, code, digest, jws };
  }

  /** Lines of the file: the account, then what proves it, as it is now. Errors: those of a trail. */
  async *file(jws: FlattenedJws, year: number): AsyncGenerator<string, void, void> {
    yield documentLine(jws);
    yield* this.#lines(this.#own, year);
  }

  get #own(): string {
    return this.#session.parts.signer.party;
  }

  async *#lines(party: string, year: number): AsyncGenerator<string, void, void> {
    for await (const line of this.#trail(party, year)) yield `${line}\n`;
  }

  async #year(party: string, year: number): Promise<OpenedYear> {
    const { trust } = this.#session.parts;
    if (trust === undefined) {
      throw new QuanjiError("CONFIG_INVALID", "documents are made from verified evidence: pin a trust file", {
        field: "trust",
      });
    }
    const opened = await openYear(this.#lines(party, year), trust);
    if (opened.operator === party && opened.year === year) return opened;
    throw new QuanjiError("PROOF_INVALID", "the gateway answered with another party's year", {
      detail: "DOCUMENT_EVIDENCE",
    });
  }
}

function builtOf(opened: OpenedYear, code: string): BuiltDisclosure {
  const { billed, time, published } = opened;
  return {
    disclosure: disclosureOf(opened, published?.code ?? code),
    contracts: new Set(billed.map(({ contract }) => contract.id)).size,
    statements: billed.length,
    asOf: time,
    ...(published !== undefined && { published }),
  };
}
