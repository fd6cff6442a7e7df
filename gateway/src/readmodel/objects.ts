/** The mirror of world state, with decoded objects kept in memory: the request path reads several for each access. */
import {
  type AccountState,
  type Attestation,
  type BooksState,
  type Contract,
  EMPTY_WINDOW,
  type Grant,
  NO_BOUNDARIES,
  type Offer,
  type Resource,
  type SeqWindow,
  type Statement,
  stopDigest,
} from "@quanji/chaincode/domain";
import { privateKeys, publicKeys } from "@quanji/chaincode/world";
import { type Decode, DECODE } from "./decode.js";
import { foundBy, KEYS, range, under } from "./layout.js";
import { Lru } from "./lru.js";
import type { Page } from "./readmodel.js";
import type { Changes, Reads, Store } from "./store.js";

/** Some 3 KB each at most; a city's catalogue is larger, what is in use at a time is not. */
const MAX_DECODED = 20_000;
const ALL = Number.MAX_SAFE_INTEGER;

interface Decoded {
  readonly value: unknown;
  readonly decode: Decode<unknown>;
}

export class Objects {
  readonly #store: Store;
  readonly #decoded = new Lru<Decoded>(MAX_DECODED);
  readonly #names = new Lru<string>(MAX_DECODED);

  constructor(store: Store) {
    this.#store = store;
  }

  #read<T>(key: string, decode: Decode<T>): T | undefined {
    const known = this.#decoded.get(key);
    // A key has one kind for ever, so what is kept under it was made by this same decoder.
    if (known !== undefined) return known.value as T;
    const text = this.#store.get(key);
    if (text === undefined) return undefined;
    const value = decode(text);
    this.#decoded.set(key, { value, decode });
    return value;
  }

  #public<T>(key: string, decode: Decode<T>): T | undefined {
    return this.#read(KEYS.publicState(key), decode);
  }

  #private<T>(key: string, decode: Decode<T>): T | undefined {
    return this.#read(KEYS.privateState(key), decode);
  }

  /** To be called as soon as a block is on disk: what is kept decoded is replaced, what is not is read when asked for. */
  renew(changes: Changes): void {
    for (const [key, text] of changes) {
      const known = this.#decoded.peek(key);
      if (known === undefined || typeof text !== "string") continue;
      this.#decoded.set(key, { value: known.decode(text), decode: known.decode });
    }
  }

  network = () => this.#public(publicKeys.network, DECODE.network);
  clockOffsetMs = () => this.#public(publicKeys.clock, DECODE.clock)?.offsetMs ?? 0;
  gateway = (name: string) => this.#public(publicKeys.gateway(name), DECODE.gateway);
  log = (origin: string) => this.#public(publicKeys.log(origin), DECODE.log);
  party = (id: string) => this.#public(publicKeys.party(id), DECODE.party);
  resource = (id: string) => this.#public(publicKeys.resource(id), DECODE.resource);
  attestation = (id: string) => this.#public(publicKeys.attestation(id), DECODE.attestation);
  caps = (resource: string) => this.#public(publicKeys.cap(resource), DECODE.caps);
  stop = (digest: string) => this.#public(publicKeys.stop(digest), DECODE.stop);
  orders = () => this.#public(publicKeys.orders, DECODE.orders);
  boundaries = () => this.#public(publicKeys.boundaries, DECODE.boundaries) ?? NO_BOUNDARIES;
  cells = (list: string, version: number, bucket: string) =>
    this.#public(publicKeys.cells(list, version, bucket), DECODE.cells) ?? [];

  grant = (id: string) => this.#private(privateKeys.grant(id), DECODE.grant);
  offer = (id: string) => this.#private(privateKeys.offer(id), DECODE.offer);
  contract = (id: string) => this.#private(privateKeys.contract(id), DECODE.contract);
  counter = (log: string, grant: string) => this.#private(privateKeys.count(log, grant), DECODE.counter);
  indexTip = (log: string) => this.#private(privateKeys.indexed(log), DECODE.indexTip);
  openings = (request: string) => this.#private(privateKeys.opening(request), DECODE.openings);
  document = (code: string) => this.#public(publicKeys.document(code), DECODE.document);
  statuses = (issuer: string) => this.#public(publicKeys.statuses(issuer), DECODE.statuses)?.next ?? 0;
  statement = (contract: string, period: string) =>
    this.#private(privateKeys.statement(contract, period), DECODE.statement);
  posted = (contract: string, period: string) => this.#private(privateKeys.posted(contract, period), DECODE.posted);
  revenues = (offer: string) => this.#private(privateKeys.allowance(offer), DECODE.revenues);
  secretText = () => this.#store.get(KEYS.privateState(privateKeys.secret));
  secret = () => this.#private(privateKeys.secret, DECODE.secret);

  grantByDigest(digest: string): Grant | undefined {
    const id = this.#store.get(KEYS.digest(digest));
    return id === undefined ? undefined : this.grant(id);
  }

  seen(log: string, kid: string): SeqWindow {
    const name = this.#windowName(log, kid);
    return (name === undefined ? undefined : this.#private(name, DECODE.seen)) ?? EMPTY_WINDOW;
  }

  /** Blinding a name costs more than reading what it names. */
  #windowName(log: string, kid: string): string | undefined {
    const known = this.#names.get(`${log}|${kid}`);
    if (known !== undefined) return known;
    const secret = this.secret();
    if (secret === undefined) return undefined;
    const name = privateKeys.seen(secret, log, kid);
    this.#names.set(`${log}|${kid}`, name);
    return name;
  }

  /** Books of a month and currency, and the accounts in them that are not at 0, by party. */
  async books(
    period: string,
    currency: string,
  ): Promise<{ readonly books: BooksState; readonly accounts: readonly AccountState[] } | undefined> {
    const secret = this.secret();
    if (secret === undefined) return undefined;
    const books = this.#private(privateKeys.books(secret, period, currency), DECODE.books);
    if (books === undefined) return undefined;
    const prefix = KEYS.privateState(privateKeys.accounts(secret, period, currency));
    const all = await this.#list(prefix, Number.MAX_SAFE_INTEGER, undefined, (_id, text) => DECODE.account(text));
    const accounts = all.items.filter(({ balance }) => balance !== "0");
    return { books, accounts: accounts.sort((a, b) => (a.party < b.party ? -1 : 1)) };
  }

  /** Places in an issuer's status list whose certificates are revoked, in order. */
  async revokedStatuses(issuer: string): Promise<readonly number[]> {
    return (await this.#list(under("v", issuer), ALL, undefined, Number)).items;
  }

  listStatements(contract: string, limit: number, after?: string): Promise<Page<Statement>> {
    const prefix = KEYS.privateState(privateKeys.statement(contract, ""));
    return this.#list(prefix, limit, after, (_id, text) => DECODE.statement(text));
  }

  gateways = () => this.#all(publicKeys.gateway(""), DECODE.gateway);
  logs = () => this.#all(publicKeys.log(""), DECODE.log);

  async #all<T>(prefix: string, decode: Decode<T>): Promise<readonly T[]> {
    return (await this.#page(prefix, decode, ALL, undefined)).items;
  }

  listParties = (limit: number, after?: string) => this.#page(publicKeys.party(""), DECODE.party, limit, after);
  listResources = (limit: number, after?: string) => this.#page(publicKeys.resource(""), DECODE.resource, limit, after);

  #page<T>(prefix: string, decode: Decode<T>, limit: number, after: string | undefined): Promise<Page<T>> {
    return this.#list(KEYS.publicState(prefix), limit, after, (_id, text) => decode(text));
  }

  listGrants(party: string | undefined, limit: number, after?: string): Promise<Page<Grant>> {
    return party === undefined
      ? this.#list(KEYS.privateState(privateKeys.grant("")), limit, after, (_id, text) => DECODE.grant(text))
      : this.#list(under("i", party), limit, after, (id) => this.grant(id));
  }

  listAttestations(subject: string | undefined, limit: number, after?: string): Promise<Page<Attestation>> {
    return subject === undefined
      ? this.#page(publicKeys.attestation(""), DECODE.attestation, limit, after)
      : this.#list(foundBy("attestation", subject), limit, after, (id) => this.attestation(id));
  }

  listOffers(resource: string | undefined, limit: number, after?: string): Promise<Page<Offer>> {
    const listed = (offer: Offer | undefined): Offer | undefined => (offer?.state === "listed" ? offer : undefined);
    return resource === undefined
      ? this.#list(KEYS.privateState(privateKeys.offer("")), limit, after, (_id, text) => listed(DECODE.offer(text)))
      : this.#list(foundBy("offer", resource), limit, after, (id) => listed(this.offer(id)));
  }

  listContracts(party: string | undefined, limit: number, after?: string): Promise<Page<Contract>> {
    return party === undefined
      ? this.#list(KEYS.privateState(privateKeys.contract("")), limit, after, (_id, text) => DECODE.contract(text))
      : this.#list(foundBy("contract", party), limit, after, (id) => this.contract(id));
  }

  async derivedFrom(resource: string): Promise<readonly Resource[]> {
    return (await this.#list(foundBy("derived", resource), ALL, undefined, (id) => this.resource(id))).items;
  }

  async grantsOn(resource: string): Promise<readonly Grant[]> {
    return (await this.#list(foundBy("grantOn", resource), ALL, undefined, (id) => this.grant(id))).items;
  }

  /** Objects whose keys begin with `prefix`, in order of id; the id of the last one is the cursor. */
  async #list<T>(
    prefix: string,
    limit: number,
    after: string | undefined,
    read: (id: string, text: string) => T | undefined,
  ): Promise<Page<T>> {
    const { gte, lt } = range(prefix);
    const scan = after === undefined ? { gte, lt } : { gt: prefix + after, lt };
    const items: T[] = [];
    let last = "";
    for await (const [key, text] of this.#store.entries(scan)) {
      if (items.length >= limit) return { items, next: last };
      last = key.slice(prefix.length);
      const item = read(last, text);
      if (item !== undefined) items.push(item);
    }
    return { items };
  }
}

/** Reads the mirror inside a block that is being applied. */
export function readPublic<T>(reads: Reads, key: string, decode: Decode<T>): T | undefined {
  const text = reads.get(KEYS.publicState(key));
  return text === undefined ? undefined : decode(text);
}

export function readSecret(reads: Reads): string | undefined {
  const text = reads.get(KEYS.privateState(privateKeys.secret));
  return text === undefined ? undefined : DECODE.secret(text);
}

/** Files a grant under its parties and its public digest; who they are is fixed when it is made. */
export function fileGrant(changes: Changes, text: string): void {
  const grant = DECODE.grant(text);
  for (const party of [grant.grantor, grant.grantee, ...grant.steps.map((step) => step.party)]) {
    changes.put(KEYS.grantOf(party, grant.id), "");
  }
  changes.put(KEYS.digest(stopDigest(grant.id)), grant.id);
}
