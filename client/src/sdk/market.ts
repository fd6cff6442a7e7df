/** The market: what is attested of products, what they may cost, who offers them at which tariff, and contracts over grants. */
import {
  type Attestation,
  type Caps,
  type Contract,
  type ContractTerms,
  type ContractVersion,
  defined,
  newestTariff,
  type Offer,
  type Payload,
  QuanjiError,
  type Tariff,
  versionedId,
} from "@quanji/chaincode/domain";
import type { Json, JsonObject } from "@quanji/chaincode/log";
import { type Page, Reader } from "./objects.js";
import { pathOf, type Sent, type Session } from "./session.js";

const json = (value: object): JsonObject => defined(value) as unknown as JsonObject;
const because = (ground: Json | undefined) => (ground === undefined ? {} : { ground: { value: ground } });

/** All of a list, page by page. */
async function* pages<T>(session: Session, path: string, query: Readonly<Record<string, string>>): AsyncGenerator<T> {
  let cursor: string | undefined;
  do {
    const page = (await session.read(pathOf([path], { ...query, limit: 100, cursor }))) as unknown as Page<T>;
    yield* page.items;
    cursor = page.next;
  } while (cursor !== undefined);
}

export class Attestations extends Reader<"attestations"> {
  constructor(session: Session) {
    super(session, "attestations");
  }

  /** `findings` are committed to, never public; `report` is the SHA-256 of what was written. */
  async attest(
    input: Omit<Payload<"attest">, "net" | "attestation" | "findings">,
    findings?: Json,
  ): Promise<Sent & { readonly attestation: string }> {
    const attestation = this.session.newId();
    const values = findings === undefined ? {} : { findings: { value: findings } };
    return { ...(await this.session.send("attest", json({ attestation, ...input }), values)), attestation };
  }

  withdraw(attestation: string, ground?: Json): Promise<Sent> {
    return this.session.send("attestation.withdraw", { attestation }, because(ground));
  }

  /** Of a resource, or of one version of it (`id@version`). */
  of(subject: string): AsyncGenerator<Attestation> {
    return pages<Attestation>(this.session, "attestations", { subject });
  }

  /** Price caps of a resource; undefined where none was ever set. */
  async caps(resource: string): Promise<Caps | undefined> {
    try {
      return (await this.session.read(pathOf(["caps", ...resource.split("/")]))) as unknown as Caps;
    } catch (error) {
      if (error instanceof QuanjiError && error.code === "NOT_FOUND") return undefined;
      throw error;
    }
  }

  /** By the resource's steward or the regulator; the version is the next one. */
  async cap(input: Omit<Payload<"price.cap">, "net" | "version">): Promise<Sent & { readonly version: number }> {
    const version = ((await this.caps(input.resource))?.version ?? 0) + 1;
    return { ...(await this.session.send("price.cap", json({ ...input, version }))), version };
  }
}

export interface OfferInput {
  /** Id of the resource: the newest version is meant. */
  readonly resource: string;
  readonly exchange?: string;
  readonly purposes: readonly string[];
  readonly attestations?: readonly string[];
  readonly tariff: Tariff;
}

export class Offers extends Reader<"offers"> {
  constructor(session: Session) {
    super(session, "offers");
  }

  /** Lists a product at a tariff: by who holds the operating right in it. */
  async offer({ resource, attestations = [], ...input }: OfferInput): Promise<Sent & { readonly offer: string }> {
    const newest = versionedId(await new Reader(this.session, "resources").get(resource));
    const offer = this.session.newId();
    const payload = json({ offer, ...input, resource: newest, attestations });
    return { ...(await this.session.send("offer.list", payload)), offer };
  }

  delist(offer: string, ground?: Json): Promise<Sent> {
    return this.session.send("offer.delist", { offer }, because(ground));
  }

  /** The next version; `tariff.from` is the first instant of a month to come. */
  async publishTariff(offer: string, tariff: Tariff): Promise<Sent & { readonly version: number }> {
    const version = newestTariff(await this.get(offer)).version + 1;
    return { ...(await this.session.send("tariff.publish", json({ offer, version, tariff }))), version };
  }

  /** What is listed of a resource. */
  of(resource: string): AsyncGenerator<Offer> {
    return pages<Offer>(this.session, "offers", { resource });
  }
}

export type SentContract = Sent & { readonly contract: string; readonly version: number };

export class Contracts extends Reader<"contracts"> {
  constructor(session: Session) {
    super(session, "contracts");
  }

  /** Signs a new contract's terms; the other parties sign the same with {@link countersign}. */
  propose(terms: ContractTerms): Promise<SentContract> {
    return this.#sign(this.session.newId(), 1, terms);
  }

  /** Signs a change of a contract, from the first month after all have signed. */
  async change(contract: string, terms: ContractTerms): Promise<SentContract> {
    const last = (await this.get(contract)).versions.at(-1);
    return this.#sign(contract, (last?.version ?? 0) + 1, terms);
  }

  /**
   * Signs what another party has proposed. `expected`: the version that was read before, for whoever decided on its terms.
   * Errors: STATE_CONFLICT if nothing waits for a signature, or if another version does.
   */
  async countersign(contract: string, expected?: number): Promise<SentContract> {
    const open = openVersion(await this.get(contract));
    if (open === undefined || (expected !== undefined && open.version !== expected)) {
      throw new QuanjiError("STATE_CONFLICT", "no such version of this contract waits for signatures", {
        field: "version",
      });
    }
    return this.#sign(contract, open.version, open.terms);
  }

  terminate(contract: string, ground?: Json): Promise<Sent> {
    return this.session.send("contract.terminate", { contract }, because(ground));
  }

  async #sign(contract: string, version: number, terms: ContractTerms): Promise<SentContract> {
    const payload = json({ contract, version, terms: json(terms) });
    return { ...(await this.session.send("contract.sign", payload)), contract, version };
  }
}

/** What still wants signatures. */
export function openVersion({ versions }: Contract): ContractVersion | undefined {
  const last = versions.at(-1);
  return last?.from === undefined ? last : undefined;
}
