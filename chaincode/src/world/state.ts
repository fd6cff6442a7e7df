/**
 * Typed access to world state over the `World` port. Values are canonical JSON that only the chaincode writes, so they are
 * decoded without validation: the schema is enforced where a command enters. Each key is read at most once a transaction.
 */
import type {
  Attestation,
  Boundaries,
  Caps,
  Cell,
  Contract,
  Counter,
  GatewayEntry,
  Grant,
  IndexTip,
  LogState,
  Network,
  Offer,
  Orders,
  Party,
  PublicDocument,
  Resource,
  Seal,
  SeqWindow,
  StopState,
} from "../domain/index.js";
import { EMPTY_WINDOW, NO_BOUNDARIES, QuanjiError, stopDigest } from "../domain/index.js";
import {
  canonical,
  type ChainHead,
  type ChainKey,
  type CommandEntry,
  emptyHead,
  fromBase64url,
  type Limits,
  type Openings,
  PUBLIC_SALT,
  sealedHead,
  sha256Text,
  toBase64url,
} from "../log/index.js";
import { privateKeys, publicKeys } from "./keys.js";
import { encodeBatch, linesOf, recordOf } from "./batch.js";
import type { Sealed, StoredBatch, StoredCommand, StoredOpenings, StoredRecord, StoredSeqWindow } from "./stored.js";
import { collectionOf, type World } from "./world.js";

/** State values are ours: bounded by what commands may carry, not by the profile's limits for one command. */
/** A contract with its versions is what nests deepest. */
const STATE_LIMITS: Limits = { maxBytes: 8 * 1024 * 1024, maxDepth: 40 };

export const encode = (value: unknown): string => canonical(value, STATE_LIMITS);
const decode = (text: string): unknown => JSON.parse(text);

export interface StoredHead extends ChainHead {
  readonly salt: string;
}

/** Salts of private values: unguessable outside, equal at all endorsers. `nonce` is transient or secret. */
export const saltFor = (nonce: string, key: string): string => sha256Text(canonical([nonce, key]));

export class State {
  readonly world: World;
  readonly #objects = new Map<string, Promise<unknown>>();
  readonly #grants = new Map<string, Promise<Grant | undefined>>();
  readonly #texts = new Map<string, Promise<string | undefined>>();
  readonly #batches = new Map<string, Promise<readonly string[]>>();

  constructor(world: World) {
    this.world = world;
  }

  /** Public objects are read again and again in a batch, so they are decoded once. Nobody changes them in place. */
  #get<T>(key: string): Promise<T | undefined> {
    let value = this.#objects.get(key);
    if (value === undefined) {
      value = this.world.get(key).then((text) => (text === undefined ? undefined : decode(text)));
      this.#objects.set(key, value);
    }
    return value as Promise<T | undefined>;
  }

  /** Value of a sealed object of a collection, by its key. */
  async sealed<T>(msp: string, key: string): Promise<T | undefined> {
    return (await this.#private<Sealed<T>>(msp, key))?.value;
  }

  async #private<T>(msp: string, key: string): Promise<T | undefined> {
    const text = await this.#text(collectionOf(msp), key);
    return text === undefined ? undefined : (decode(text) as T);
  }

  #text(collection: string, key: string): Promise<string | undefined> {
    const name = `${collection} ${key}`;
    let text = this.#texts.get(name);
    if (text === undefined) {
      text = this.world.getPrivate(collection, key);
      this.#texts.set(name, text);
    }
    return text;
  }

  async network(): Promise<Network> {
    const network = await this.#get<Network>(publicKeys.network);
    if (network === undefined) throw new QuanjiError("STATE_CONFLICT", "the network has not been initialised");
    return network;
  }

  findNetwork(): Promise<Network | undefined> {
    return this.#get<Network>(publicKeys.network);
  }

  /** Ledger time of the transaction: its timestamp, shifted on a network with a test clock. */
  async timeMs(): Promise<number> {
    const clock = await this.#get<{ offsetMs: number }>(publicKeys.clock);
    return this.world.timestampMs + (clock?.offsetMs ?? 0);
  }

  async clockOffsetMs(): Promise<number> {
    return (await this.#get<{ offsetMs: number }>(publicKeys.clock))?.offsetMs ?? 0;
  }

  findOrders(): Promise<Orders | undefined> {
    return this.#get<Orders>(publicKeys.orders);
  }

  async orders(): Promise<Orders> {
    const orders = await this.findOrders();
    if (orders === undefined) throw new QuanjiError("STATE_CONFLICT", "the network has not been initialised");
    return orders;
  }

  async boundaries(): Promise<Boundaries> {
    return (await this.#get<Boundaries>(publicKeys.boundaries)) ?? NO_BOUNDARIES;
  }

  async cells(list: string, version: number, bucket: string): Promise<readonly Cell[]> {
    return (await this.#get<readonly Cell[]>(publicKeys.cells(list, version, bucket))) ?? [];
  }

  gateway = (name: string) => this.#get<GatewayEntry>(publicKeys.gateway(name));
  log = (origin: string) => this.#get<LogState>(publicKeys.log(origin));
  party = (id: string) => this.#get<Party>(publicKeys.party(id));
  resource = (id: string) => this.#get<Resource>(publicKeys.resource(id));
  source = (elementClass: string) => this.#get<{ resource: string }>(publicKeys.source(elementClass));
  document = (code: string) => this.#get<PublicDocument>(publicKeys.document(code));
  statuses = (issuer: string) => this.#get<{ readonly next: number }>(publicKeys.statuses(issuer));
  attestation = (id: string) => this.#get<Attestation>(publicKeys.attestation(id));
  caps = (resource: string) => this.#get<Caps>(publicKeys.cap(resource));
  stop = (grant: string) => this.#get<StopState>(publicKeys.stop(stopDigest(grant)));
  stopByDigest = (digest: string) => this.#get<StopState>(publicKeys.stop(digest));
  jti = (kid: string, jti: string) => this.#get<{ request: string }>(publicKeys.jti(kid, jti));

  grant(msp: string, id: string): Promise<Grant | undefined> {
    const name = `${collectionOf(msp)} ${id}`;
    let grant = this.#grants.get(name);
    if (grant === undefined) {
      grant = this.#private<Sealed<Grant>>(msp, privateKeys.grant(id)).then((sealed) => sealed?.value);
      this.#grants.set(name, grant);
    }
    return grant;
  }

  async offer(msp: string, id: string): Promise<Offer | undefined> {
    return (await this.#private<Sealed<Offer>>(msp, privateKeys.offer(id)))?.value;
  }

  async contract(msp: string, id: string): Promise<Contract | undefined> {
    return (await this.#private<Sealed<Contract>>(msp, privateKeys.contract(id)))?.value;
  }

  /** Id of the newest contract that bills a grant. */
  async billed(msp: string, grant: string): Promise<string | undefined> {
    return (await this.#private<Sealed<string>>(msp, privateKeys.billed(grant)))?.value;
  }

  /** The collection's blinding secret. Errors: STATE_CONFLICT before the organisation's first log. */
  async secret(msp: string): Promise<string> {
    const sealed = await this.findSecret(msp);
    if (sealed === undefined) throw new QuanjiError("STATE_CONFLICT", "the organisation has no log yet");
    return sealed;
  }

  async findSecret(msp: string): Promise<string | undefined> {
    return (await this.#private<Sealed<string>>(msp, privateKeys.secret))?.value;
  }

  async counter(msp: string, log: string, grant: string): Promise<Counter | undefined> {
    return (await this.#private<Sealed<Counter>>(msp, privateKeys.count(log, grant)))?.value;
  }

  async seen(msp: string, secret: string, log: string, kid: string): Promise<SeqWindow> {
    const stored = await this.#private<Sealed<StoredSeqWindow>>(msp, privateKeys.seen(secret, log, kid));
    if (stored === undefined) return EMPTY_WINDOW;
    return { next: stored.value.next, seen: fromBase64url(stored.value.seen) };
  }

  async accepted(msp: string, delivery: string): Promise<boolean> {
    return (await this.#private<Sealed<number>>(msp, privateKeys.accepted(delivery))) !== undefined;
  }

  /** Where the last tally of a resource in a log ended. */
  async tallied(msp: string, secret: string, log: string, resource: string): Promise<number | undefined> {
    return (await this.#private<Sealed<number>>(msp, privateKeys.tallied(secret, log, resource)))?.value;
  }

  /** Where the newest index of subjects of a log ends. */
  async indexed(msp: string, log: string): Promise<IndexTip | undefined> {
    return (await this.#private<Sealed<IndexTip>>(msp, privateKeys.indexed(log)))?.value;
  }

  /** One record of a stored batch. */
  async stored(msp: string, log: string, first: number, index: number): Promise<StoredRecord | undefined> {
    const key = privateKeys.batch(log, first);
    let lines = this.#batches.get(key);
    if (lines === undefined) {
      lines = this.#text(collectionOf(msp), key).then((text) => (text === undefined ? [] : linesOf(text)));
      this.#batches.set(key, lines);
    }
    const line = (await lines)[index - first];
    return line === undefined ? undefined : recordOf(line);
  }

  async seal(msp: string, order: string): Promise<Seal | undefined> {
    return (await this.#private<Sealed<Seal>>(msp, privateKeys.seal(order)))?.value;
  }

  /** What the requests of a batch committed to, as far as it is kept, and which generation that is. */
  async said(
    msp: string,
    log: string,
    first: number,
  ): Promise<{ readonly generation: number; readonly openings: StoredOpenings["value"] }> {
    const counted = await this.#private<Sealed<number>>(msp, privateKeys.erasures(log, first));
    const generation = counted?.value ?? 0;
    const kept = await this.#private<StoredOpenings>(msp, privateKeys.said(log, first, generation));
    return { generation, openings: kept?.value ?? {} };
  }

  async publicHead(key: ChainKey): Promise<ChainHead> {
    return (await this.#get<StoredHead>(publicKeys.chain(key))) ?? emptyHead(key);
  }

  privateHead(msp: string, secret: string, key: ChainKey): Promise<ChainHead> {
    return this.headNamed(msp, privateKeys.head(secret, key), key);
  }

  /** As {@link privateHead}, for who has made the name already. */
  async headNamed(msp: string, name: string, key: ChainKey): Promise<ChainHead> {
    return (await this.#private<StoredHead>(msp, name)) ?? emptyHead(key);
  }

  put(key: string, value: unknown): Promise<void> {
    return this.world.put(key, encode(value));
  }

  putPublicHead(key: ChainKey, head: ChainHead): Promise<void> {
    return this.world.put(publicKeys.chain(key), sealedHead(head, PUBLIC_SALT));
  }

  putCommand(stored: StoredCommand): Promise<void> {
    return this.put(publicKeys.command(requestOfEntry(stored)), stored);
  }

  /** Writes a value into a collection under a fresh salt. */
  putSealed(msp: string, key: string, value: unknown, nonce: string): Promise<void> {
    return this.world.putPrivate(collectionOf(msp), key, encode({ salt: saltFor(nonce, key), value }));
  }

  putPrivateHead(msp: string, secret: string, key: ChainKey, head: ChainHead, nonce: string): Promise<void> {
    return this.putHeadNamed(msp, privateKeys.head(secret, key), head, nonce);
  }

  putHeadNamed(msp: string, name: string, head: ChainHead, nonce: string): Promise<void> {
    return this.world.putPrivate(collectionOf(msp), name, sealedHead(head, saltFor(nonce, name)));
  }

  async hasPrivateCommand(msp: string, request: string): Promise<boolean> {
    return (await this.world.getPrivate(collectionOf(msp), privateKeys.command(request))) !== undefined;
  }

  putPrivateCommand(msp: string, stored: StoredCommand): Promise<void> {
    return this.world.putPrivate(collectionOf(msp), privateKeys.command(requestOfEntry(stored)), encode(stored));
  }

  putOpenings(msp: string, request: string, openings: Openings, nonce: string): Promise<void> {
    return this.putSealed(msp, privateKeys.opening(request), openings, nonce);
  }

  putSeen(msp: string, secret: string, log: string, kid: string, window: SeqWindow, nonce: string): Promise<void> {
    const value: StoredSeqWindow = { next: window.next, seen: toBase64url(window.seen) };
    return this.putSealed(msp, privateKeys.seen(secret, log, kid), value, nonce);
  }

  /** What nobody committed to has no key. Plain JSON for the reason of {@link putBatch}. */
  async putSaid(
    msp: string,
    { log, first, generation }: { readonly log: string; readonly first: number; readonly generation: number },
    value: StoredOpenings["value"],
    nonce: string,
  ): Promise<void> {
    if (Object.keys(value).length === 0) return;
    const key = privateKeys.said(log, first, generation);
    const stored: StoredOpenings = { salt: saltFor(nonce, key), value };
    await this.world.putPrivate(collectionOf(msp), key, JSON.stringify(stored));
  }

  /** Purges a generation, and counts that there is another. */
  async endSaid(msp: string, log: string, first: number, generation: number, nonce: string): Promise<void> {
    await this.world.purgePrivate(collectionOf(msp), privateKeys.said(log, first, generation));
    await this.putSealed(msp, privateKeys.erasures(log, first), generation + 1, nonce);
  }

  /** Batches are large and made here: plain JSON lines, in a fixed order of members. */
  putBatch(msp: string, batch: StoredBatch): Promise<void> {
    return this.world.putPrivate(collectionOf(msp), privateKeys.batch(batch.log, batch.first), encodeBatch(batch));
  }
}

const requestOfEntry = (stored: StoredCommand): string => (decode(stored.entry) as CommandEntry).request;
