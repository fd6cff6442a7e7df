/**
 * The client: one key, one gateway, everything a user can do. Browser-safe; keys and sequence numbers in files are in
 * key-file.ts and seq-file.ts.
 */
import {
  type BoundaryPublish,
  defined,
  isVerb,
  QuanjiError,
  stopDigest,
  type SubjectTags,
  type TrailKind,
  type Verb,
} from "@quanji/chaincode/domain";
import { canonical, fromBase64url, fromUtf8, type Json, type JsonObject } from "@quanji/chaincode/log";
import type { OpenedTrust, TrailKey } from "../verify/index.js";
import { type Acceptance, type Access, Accesses, type EvidenceWish, type PermittedAccess } from "./access.js";
import { asObject, mismatch, openAnswer, parseJson, successOf } from "./answer.js";
import type { Values } from "./commitments.js";
import type { SignedCommand } from "./command.js";
import { Disclosures } from "./disclosures.js";
import { Documents } from "./documents.js";
import type { Prepared } from "./draft.js";
import { signatureVerifier } from "./engine.js";
import { Books } from "./books.js";
import { Erasures } from "./erasures.js";
import { Grants } from "./grants.js";
import { Attestations, Contracts, Offers } from "./market.js";
import { openSigner, type PartyKeyPair, type Signer } from "./keys.js";
import { Logs } from "./logs.js";
import { type Gateway, loadNetwork, type NetworkInfo, parseAddress } from "./network.js";
import { Parties } from "./parties.js";
import { type Random, systemRandom } from "./random.js";
import { type CheckedReceipt, checkReceipt } from "./receipt.js";
import { Resources } from "./resources.js";
import { memorySeqStore, SeqKeeper, type SeqStatus, type SeqStore } from "./seq.js";
import { pathOf, type Sent, Session } from "./session.js";
import { Statements } from "./statements.js";
import { TagKeys } from "./tag-keys.js";
import { DEADLINES, type Deadlines, type Fetch, transportFault } from "./transport.js";
import { type Alarm, Upgrades } from "./upgrades.js";

export interface ConnectOptions {
  /** Address to dial: `https://gateway.example`. */
  readonly gateway: string;
  /** A key that is ready, or a key file's content with its party. */
  readonly key: Signer | (PartyKeyPair & { readonly party: string });
  /** Pinned trust file, opened by `openTrust`: then the gateway's key must be in it, and every receipt is verified. */
  readonly trust?: OpenedTrust;
  /**
   * Whether data that came whole and was checked is accepted by itself: a signed word for its digest and rows, on the ledger.
   * Default: true.
   */
  readonly accept?: boolean;
  /** Default: in memory, which asks the gateway at each start. */
  readonly seqStore?: SeqStore;
  /** How many sequence numbers are written down at once. Default 1; more is faster, and leaves more to void after a crash. */
  readonly seqReserve?: number;
  readonly fetch?: Fetch;
  /** Ms since 1970. */
  readonly clock?: () => number;
  readonly random?: Random;
  readonly deadlines?: Deadlines;
  readonly pause?: (ms: number) => Promise<void>;
  /**
   * Told of each access whose receipt witnesses have not cosigned after a minute. Given, and with a trust file that names a quorum,
   * every receipt below it is asked for again until then; the client lives as long.
   */
  readonly onAlarm?: (alarm: Alarm) => void;
}

/** Errors: ANSWER_MISMATCH · REQUEST_MISMATCH. */
function assertOfOneAccess({ access, acceptance }: Receipts): void {
  const accepted = acceptance?.record;
  if (accepted?.type !== "acceptance") return;
  const { log, index } = access.record.face;
  if (accepted.face.log === log && accepted.body.access === index) return;
  throw mismatch("this is the receipt of another access's acceptance", "REQUEST_MISMATCH");
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Receipts of an access: of its record and, once they are recorded, of its delivery and of its acceptance. */
export interface Receipts {
  readonly access: CheckedReceipt;
  readonly delivery?: CheckedReceipt;
  readonly acceptance?: CheckedReceipt;
}

/**
 * ```ts
 * const client = await Client.connect({ gateway: "http://127.0.0.1:8080", key, trust });
 * const access = await client.access({ resource: "res/weather.daily", action: "query", purpose: "insurance.pricing", … });
 * const rows = await access.rows();
 * ```
 */
export class Client {
  readonly parties: Parties;
  readonly resources: Resources;
  readonly grants: Grants;
  readonly attestations: Attestations;
  readonly offers: Offers;
  readonly contracts: Contracts;
  readonly tagKeys: TagKeys;
  readonly erasures: Erasures;
  /** Invoices, certificates and what else a contract's month is told by. */
  readonly documents: Documents;
  readonly disclosures: Disclosures;
  readonly statements: Statements;
  readonly books: Books;
  readonly #session: Session;
  readonly #accesses: Accesses;
  readonly #logs: Logs;
  readonly #upgrades: Upgrades;
  readonly #keepers = new Map<string, SeqKeeper>();
  readonly #store: SeqStore;
  readonly #reserve: number;

  private constructor(
    session: Session,
    {
      seqStore = memorySeqStore(),
      seqReserve = 1,
      accept = true,
      onAlarm,
    }: Pick<ConnectOptions, "seqStore" | "seqReserve" | "accept" | "onAlarm">,
  ) {
    this.#session = session;
    this.#store = seqStore;
    this.#reserve = seqReserve;
    const { clock, pause, trust } = session.parts;
    this.#upgrades = new Upgrades({
      read: async (request) => (await this.receipt(request)).access,
      clock,
      pause,
      onAlarm,
      hasQuorum: trust?.policy.quorum !== undefined,
    });
    this.parties = new Parties(session);
    this.resources = new Resources(session);
    this.grants = new Grants(session);
    this.attestations = new Attestations(session);
    this.offers = new Offers(session);
    this.contracts = new Contracts(session);
    this.tagKeys = new TagKeys(session);
    this.erasures = new Erasures(session);
    this.statements = new Statements(
      session,
      (kind, id, period) => this.trail(kind, id, period),
      (contract, period) => this.contractTrail(contract, period),
    );
    const month = ({ contract, period }: { contract: string; period: string }) => this.contractTrail(contract, period);
    this.documents = new Documents(session, month, this.statements);
    this.disclosures = new Disclosures(session, (party, year) => this.disclosureTrail(party, year));
    this.books = new Books(session);
    this.#logs = new Logs(session, this.grants, this.resources);
    this.#accesses = new Accesses(
      session,
      this.#logs,
      (log) => this.#keeper(log),
      (log) => this.voidLost(log),
      this.#upgrades,
      accept,
    );
  }

  /** Loads what must be known of the network. Errors: UNREACHABLE, ANSWER_MISMATCH (not the gateway that the trust file pins). */
  static async connect(options: ConnectOptions): Promise<Client> {
    const { clock = Date.now, fetch = globalThis.fetch, deadlines = DEADLINES, trust } = options;
    const verify = signatureVerifier();
    const address = parseAddress(options.gateway);
    const load = { address, fetch, verify, deadlines, nowMs: clock(), ...(trust !== undefined && { trust }) };
    const { network, gateway } = await loadNetwork(load);
    const session = new Session({
      signer: "sign" in options.key ? options.key : await openSigner(options.key),
      network,
      gateway,
      address,
      fetch,
      verify,
      clock,
      random: options.random ?? systemRandom,
      deadlines,
      pause: options.pause ?? sleep,
      ...(trust !== undefined && { trust }),
    });
    return new Client(session, options);
  }

  get network(): NetworkInfo {
    return this.#session.parts.network;
  }

  /** The gateway that answers. */
  get gateway(): Gateway {
    return this.#session.parts.gateway;
  }

  get party(): string {
    return this.#session.parts.signer.party;
  }

  /** Ledger time as far as this machine can tell, ms since 1970. */
  nowMs(): number {
    return this.#session.nowMs();
  }

  /** A new id for an object: grants and orders must be unguessable. */
  newId(): string {
    return this.#session.newId();
  }

  /**
   * Signs and sends any command. `values` are what it commits to, by path: `{ground: {value: "…"}}`.
   * Errors: MALFORMED (naming the field), those of the command, ANSWER_MISMATCH, UNREACHABLE.
   */
  send(verb: Verb, payload: JsonObject, values: Values = {}): Promise<Sent> {
    return this.#session.send(verb, payload, values);
  }

  /** Signs without sending: `{jws, request, openings}`. */
  sign(verb: Verb, payload: JsonObject, values: Values = {}) {
    if (!isVerb(verb)) throw new QuanjiError("MALFORMED", "there is no such command", { field: "verb" });
    return this.#session.sign(verb, verb === "access" ? "/v1/access" : `/v1/commands/${verb}`, payload, values);
  }

  /**
   * Prepares a command for an Ethereum wallet that is not at hand: what it has to sign, and a draft for `completeDraft`. The client's
   * key must be an Ethereum key. Errors: MALFORMED.
   */
  prepare(verb: Verb, payload: JsonObject, values: Values = {}): Prepared {
    return this.#session.prepare(verb, payload, values);
  }

  /** Sends what `completeDraft` or {@link sign} has made. Errors as of {@link send}. */
  sendSigned(verb: Verb, signed: SignedCommand): Promise<Sent> {
    return this.#session.sendSigned(verb, signed);
  }

  /** Any read, for what has no method of its own. */
  read(path: string): Promise<JsonObject> {
    return this.#session.read(path);
  }

  publishBoundary(input: Omit<BoundaryPublish, "net">): Promise<Sent> {
    return this.#session.send("boundary.publish", defined(input) as unknown as JsonObject);
  }

  /** The regulator's stop, alone and at once. A grant is named by its id here, and by its digest on the ledger. */
  async freeze(target: { readonly kind: "resource" | "party" | "grant"; readonly id: string }, ground: Json) {
    const order = this.newId();
    const named = target.kind === "grant" ? { kind: target.kind, id: stopDigest(target.id) } : { ...target };
    const sent = await this.#session.send("order.freeze", { order, target: named }, { ground: { value: ground } });
    return { ...sent, order };
  }

  lift(order: string, ground: Json): Promise<Sent> {
    return this.#session.send("order.lift", { order }, { ground: { value: ground } });
  }

  /**
   * Uses a resource: resolves once the receipt of the permit is checked, before any data. With `evidence: "cosigned"` the gateway
   * waits a while for its witnesses first; the receipt's `level` says what came of it. Errors: AccessRefused with the rule's code
   * and receipt; NOT_RECORDED; ANSWER_MISMATCH; UNREACHABLE; MALFORMED (cosigned evidence without a trust file).
   */
  access(access: Access, wish?: EvidenceWish): Promise<PermittedAccess> {
    return this.#accesses.open(access, wish);
  }

  /** The same, and all of its data, asked for again if it is lost on the way. */
  fetch(access: Access, wish?: EvidenceWish): Promise<{ readonly access: PermittedAccess; readonly data: Uint8Array }> {
    return this.#accesses.fetch(access, wish);
  }

  /** The receipt of an access once it is cosigned. Errors: RECEIPT_NOT_COSIGNED after a minute; those of {@link receipt}. */
  upgrade(request: string): Promise<CheckedReceipt> {
    return this.#upgrades.upgrade(request);
  }

  /** Receipts of an access by its request hash. Errors: NOT_FOUND, ANSWER_MISMATCH. */
  async receipt(request: string): Promise<Receipts> {
    const { access, delivery, acceptance } = await this.#session.read(pathOf(["receipts", request]));
    const { gateway, verify, trust } = this.#session.parts;
    const check = (input: unknown, type: "access" | "delivery" | "acceptance") =>
      checkReceipt(input, {
        ...(type === "acceptance" ? {} : { request }),
        type,
        gateway,
        verify,
        nowMs: this.nowMs(),
        ...(trust !== undefined && { trust }),
      });
    const receipts: Receipts = defined({
      access: await check(access, "access"),
      delivery: delivery === undefined ? undefined : await check(delivery, "delivery"),
      acceptance: acceptance === undefined ? undefined : await check(acceptance, "acceptance"),
    });
    assertOfOneAccess(receipts);
    return receipts;
  }

  /**
   * Accepts data by hand, as {@link PermittedAccess.accept} does by itself: the access by its place in the log, and what
   * arrived. The ledger takes it only if the record of the delivery says the same, and once.
   * Errors: NOT_FOUND: no delivery of that access to you (yet); STATE_CONFLICT: it says otherwise, or is accepted; KEY_INVALID.
   */
  accept(acceptance: Acceptance): Promise<Sent> {
    return this.#accesses.accept(acceptance);
  }

  /**
   * Lines of a trail, as they are to be kept: a trail proves itself, so nothing is checked here but that it came whole.
   * Errors: NOT_FOUND; UNREACHABLE · CUT.
   */
  async *trail(
    kind: TrailKind,
    id: string,
    period: { readonly from?: string; readonly to?: string } = {},
  ): AsyncGenerator<string, void, void> {
    const path = pathOf(["trails", kind, ...id.split("/")], { from: period.from, to: period.to });
    yield* this.#trail(path, { kind, id, ...period });
  }

  /**
   * The trail of a person or organisation, for its steward and the regulator: `tags` by quarter, in order. `fresh`: what is not
   * indexed yet is indexed first, so that the trail reaches to now. Lines as {@link trail} answers them.
   * Errors: NOT_FOUND; STATE_CONFLICT · INDEX_MISSING: a log has no index yet; UNREACHABLE · CUT.
   */
  async *subjectTrail(
    steward: string,
    tags: SubjectTags,
    options: { readonly from?: string; readonly to?: string; readonly bulk?: boolean; readonly fresh?: boolean } = {},
  ): AsyncGenerator<string, void, void> {
    const { from, to, bulk = false, fresh = false } = options;
    const path = pathOf(["trails", "subject", steward], {
      tags: tags.map(({ quarter, tag }) => `${quarter}.${tag}`).join(","),
      from,
      to,
      bulk: bulk ? "1" : undefined,
      fresh: fresh ? "1" : undefined,
    });
    yield* this.#trail(path, {
      kind: "subject",
      id: steward,
      tags: tags.map(({ quarter, tag }) => ({ quarter, tag })),
      bulk,
      ...(from !== undefined && { from }),
      ...(to !== undefined && { to }),
    });
  }

  /**
   * Evidence of a contract's month, for its parties, the regulator and the month's payees: the trail of its grant over what the
   * contract covers of the month, with the chains of offer and contract. To a payee commands on other months are not shown. Errors: as {@link trail}; STATE_CONFLICT: the month is not over.
   */
  async *contractTrail(contract: string, period: string): AsyncGenerator<string, void, void> {
    yield* this.#trail(pathOf(["trails", "contract", contract], { period }), undefined);
  }

  /**
   * What proves a party's yearly disclosure, for it and the regulator: its own commands at this gateway's organisation, and the
   * contracts that it closed statements of. Errors: as {@link trail}.
   */
  async *disclosureTrail(party: string, year: number): AsyncGenerator<string, void, void> {
    yield* this.#trail(pathOf(["trails", "disclosure", party], { year: String(year) }), undefined);
  }

  async *#trail(path: string, asked: TrailKey | undefined): AsyncGenerator<string, void, void> {
    const { gateway, verify } = this.#session.parts;
    const signed = await this.#session.signRead(path);
    const reply = await this.#session.post(path, signed, "application/x-ndjson");
    if (reply.type !== "application/x-ndjson") {
      successOf(await openAnswer(reply, signed.request, gateway, verify));
      throw transportFault("the gateway answered something else than a trail", "UNSIGNED");
    }
    let last: string | undefined;
    for await (const line of reply.lines()) {
      const text = fromUtf8(line);
      if (last === undefined && asked !== undefined) assertHeader(text, asked);
      last = text;
      yield last;
    }
    if (last === undefined || !last.includes('"t":"end"'))
      throw transportFault("the trail broke off before its end", "CUT");
  }

  /** Logs of the gateway that answers, as far as the trust file knows them: accesses go into one of these. */
  get ownLogs(): readonly string[] {
    return this.#logs.own;
  }

  /** Where this key stands in a log. */
  async seq(log: string): Promise<SeqStatus> {
    const { next, window } = await this.#session.read(pathOf(["seq"], { log }));
    return { log, next: Number(next), seen: fromBase64url(window) };
  }

  /** Voids numbers that were handed out and never recorded, so that the trail has no gap. Returns them. */
  async voidLost(log: string): Promise<readonly number[]> {
    const holes = await this.#keeper(log).holes();
    for (const seq of holes) await this.voidSeq(log, seq);
    return holes;
  }

  /** Declares one number as never used. Taken meanwhile, it needs no voiding. */
  async voidSeq(log: string, seq: number): Promise<Sent | undefined> {
    try {
      return await this.#session.send("access.void", { log, seq });
    } catch (error) {
      if (error instanceof QuanjiError && error.code === "COMMAND_REPLAYED") return undefined;
      throw error;
    }
  }

  /** Gives reserved numbers back. A client that is not closed leaves some to void. */
  async close(): Promise<void> {
    this.#upgrades.close();
    for (const keeper of this.#keepers.values()) await keeper.close();
  }

  #keeper(log: string): SeqKeeper {
    const known = this.#keepers.get(log);
    if (known !== undefined) return known;
    const { kid } = this.#session.parts.signer;
    const keeper = new SeqKeeper({ kid, log, store: this.#store, ask: () => this.seq(log), reserve: this.#reserve });
    this.#keepers.set(log, keeper);
    return keeper;
  }
}

/** A true trail of something else, or of a shorter period, would verify. Errors: ANSWER_MISMATCH · REQUEST_MISMATCH. */
function assertHeader(line: string, asked: TrailKey): void {
  const { t, key, from, to, tags, bulk } = asObject(parseJson(line) as Json);
  const { kind, id } = asObject(key ?? "");
  const same = t === "trail" && kind === asked.kind && id === asked.id && from === asked.from && to === asked.to;
  if (same && bulk === asked.bulk && tagsText(tags) === tagsText(asked.tags)) return;
  throw mismatch("the gateway answered with a trail of something else, or of another period", "REQUEST_MISMATCH");
}

const tagsText = (tags: Json | TrailKey["tags"]): string => (tags === undefined ? "" : canonical(tags));
