/** Test support: a network in memory, driven through the contracts as a gateway would drive them. */
import { randomUUID } from "node:crypto";
import { createChaincode, routeFor, type Transaction } from "../contracts/index.js";
import {
  type AccessRequest,
  decodeError,
  type Grant,
  type LogState,
  type Party,
  type QuanjiError,
  type Resource,
  stopDigest,
  type Terms,
} from "../domain/index.js";
import { canonical, type FlattenedJws, sha256Text } from "../log/index.js";
import {
  type BatchRecord,
  collectionOf,
  decodeBatch,
  type LeavesEvent,
  nodeVerifier,
  privateKeys,
  publicKeys,
  type Sealed,
  type StoredBatch,
} from "../world/index.js";
import { type Actor, actor, committed, randomText, signCommand } from "./actors.js";
import { apply, type Effects, emptyState, type MemoryState, memoryWorld } from "./memory-world.js";
import { heldBy, WEATHER, WEATHER_TERMS, WEATHER_USE, weatherField } from "./weather.js";

export const NET = "quanji.test/demo";
export const URL_BASE = "https://gw.test";
export const LOG = `${NET}/holder/0`;
export const START = Date.parse("2026-03-02T01:00:00.000Z");

/** Ids with right check characters, for tests only. */
export const IDS = {
  regulator: "11100000MBQJ00056J",
  bureau: "11510100MBQJ006115",
  legal: "11100000MBQJ00240A",
  insurer: "91510100MAQJ006421",
  operator: "91510100MAQJ00626B",
  stranger: "91510100MAQJ00669Q",
} as const;

export type Name = keyof typeof IDS;

/** A refusal as a ledger's client sees it: decoded from the text that left the contract. */
export const refusal = (error: unknown): QuanjiError => {
  const decoded = error instanceof Error ? decodeError(error.message) : undefined;
  if (decoded === undefined) throw error;
  return decoded;
};

export interface SendOptions {
  readonly jti?: string;
  readonly iat?: number;
  readonly url?: string;
  readonly transient?: Readonly<Record<string, string>>;
  readonly submitterMsp?: string;
  readonly endorserMsp?: string;
  /** Whose endorsement is asked for, on a ledger that has endorsements. */
  readonly endorsers?: readonly string[];
  readonly gateway?: string;
}

export class TestNetwork {
  readonly state: MemoryState = emptyState();
  readonly actors: Record<Name, Actor>;
  nowMs = START;
  readonly #functions = new Map<string, Transaction>();
  readonly #seq = new Map<string, number>();
  lastEffects: Effects | undefined;

  constructor() {
    for (const contract of createChaincode({ verify: nodeVerifier() })) {
      for (const [name, call] of Object.entries(contract.functions))
        this.#functions.set(`${contract.name}:${name}`, call);
    }
    this.actors = Object.fromEntries(
      Object.entries(IDS).map(([name, id], i) => [name, actor(id, i % 2 === 0 ? "ES256" : "EdDSA")]),
    ) as Record<Name, Actor>;
  }

  /** Ledger time, for whoever signs and records. A network on a real ledger has another clock. */
  now(): number {
    return this.nowMs;
  }

  /** A network with its regulator, gateway, log and all parties admitted. */
  static async begin(options: { readonly testClock?: boolean } = {}): Promise<TestNetwork> {
    const network = new TestNetwork();
    await network.found(options);
    return network;
  }

  async found(options: { readonly testClock?: boolean } = {}): Promise<void> {
    const { regulator } = this.actors;
    const gatewayKey = actor("holder", "EdDSA");
    await this.send("regulator", "network.init", {
      net: NET,
      timeZone: "+08:00",
      testClock: options.testClock ?? false,
      regulator: {
        party: IDS.regulator,
        msp: "RegulatorMSP",
        name: "Data Bureau",
        jurisdiction: "CN",
        jwk: regulator.jwk,
      },
      msps: ["RegulatorMSP", "HolderMSP", "ExchangeMSP"],
      gateways: [{ name: "holder", msp: "HolderMSP", publicUrl: URL_BASE, jwk: gatewayKey.jwk }],
    });
    await this.send(
      "regulator",
      "log.create",
      { net: NET, log: LOG, gateway: "holder", vkey: "test" },
      {
        transient: { secret: randomText(32) },
      },
    );
    for (const name of ["bureau", "legal", "insurer", "operator", "stranger"] as const) await this.join(name);
  }

  async join(name: Name): Promise<void> {
    await this.register(name);
    await this.send("regulator", "party.admit", { net: NET, party: IDS[name], roles: ["holder", "user"] });
  }

  async register(name: Name, change: object = {}): Promise<void> {
    const jti = randomUUID();
    const { kid, jwk } = this.actors[name];
    const head = committed(kid, jti, "responsibleHead", "somebody");
    const payload = {
      net: NET,
      party: IDS[name],
      kind: "org",
      name,
      roles: ["holder", "user"],
      jurisdiction: "CN",
      home: "HolderMSP",
      key: { jwk, purpose: "act", custody: "self" },
      responsibleHead: head.commitment,
      ...change,
    };
    await this.send(name, "party.register", payload, { jti, transient: { openings: JSON.stringify(head.openings) } });
  }

  /** Runs one transaction and applies it; throws what the contract throws, and then changes nothing. */
  async run(name: string, argument: string, options: SendOptions = {}): Promise<string> {
    const call = this.#functions.get(name);
    if (call === undefined) throw new Error(`no transaction ${name}`);
    const { world, effects } = memoryWorld(this.state, {
      timestampMs: this.nowMs,
      ...(options.transient !== undefined && { transient: options.transient }),
      ...(options.submitterMsp !== undefined && { submitterMsp: options.submitterMsp }),
      ...(options.endorserMsp !== undefined && { endorserMsp: options.endorserMsp }),
    });
    const result = await call(world, argument);
    this.lastEffects = effects;
    apply(this.state, effects);
    return result;
  }

  async sign(by: Name | Actor, verb: string, payload: object, options: SendOptions = {}): Promise<FlattenedJws> {
    const signer = typeof by === "string" ? this.actors[by] : by;
    return signCommand(signer, verb, payload, {
      url: options.url ?? `${URL_BASE}/v1/commands/${verb}`,
      iat: options.iat ?? Math.floor(this.now() / 1000),
      ...(options.jti !== undefined && { jti: options.jti }),
    });
  }

  async send(by: Name | Actor, verb: string, payload: object, options: SendOptions = {}): Promise<void> {
    const command = await this.sign(by, verb, payload, options);
    await this.submit(verb, command, options);
  }

  async submit(verb: string, command: FlattenedJws, options: SendOptions = {}): Promise<void> {
    const transient = { command: JSON.stringify(command), ...options.transient };
    await this.run(contractOf(verb, options), argumentOf(options), { ...options, transient });
    this.#assertApart(verb);
  }

  /** A command that reads what each batch writes would conflict with every batch, and never commit while accesses go on. */
  #assertApart(verb: string): void {
    // What is allotted depends on what was used: this one alone has to find a moment between two batches that use the grant.
    if (verb === "log.create" || verb === "grant.allot") return;
    const written = new RegExp(`^log/|\u0000(count|seen|batch|head)/${LOG}/`);
    // Taking a share back needs to know what was used of it: that meets the batches with uses of this one grant.
    const own = (key: string): boolean => verb === "grant.allot" && key.includes("\u0000count/");
    // A batch that stands is never written again.
    const old = (key: string): boolean => verb.startsWith("record.") && key.includes("\u0000batch/");
    const shared = [...(this.lastEffects?.reads ?? [])].filter((key) => written.test(key) && !own(key) && !old(key));
    if (shared.length > 0) throw new Error(`${verb} reads what every batch writes: ${shared.join(", ")}`);
  }

  /** The grantor's lone stop, not folded yet. */
  async stop(
    by: Name,
    verb: "grant.suspend" | "grant.revoke",
    grant: string,
    epoch = 1,
    options: SendOptions = {},
  ): Promise<FlattenedJws> {
    const command = await this.sign(by, verb, { net: NET, target: stopDigest(grant), epoch }, options);
    const transient = { command: JSON.stringify(command), grant };
    await this.run("grants:stop", argumentOf(options), { ...options, transient });
    return command;
  }

  fold(grant: string, options: SendOptions = {}): Promise<string> {
    return this.run("grants:fold", argumentOf(options), { ...options, transient: { grant } });
  }

  /** A value of public state, or of a collection by `<collection>\u0000<key>`. */
  get(key: string): unknown {
    const text = this.state.values.get(key);
    return text === undefined ? undefined : JSON.parse(text);
  }

  private(key: string, msp = "HolderMSP"): unknown {
    return this.get(`${collectionOf(msp)}\u0000${key}`);
  }

  party = (name: Name) => this.get(publicKeys.party(IDS[name])) as Party | undefined;
  resource = (id: string) => this.get(publicKeys.resource(id)) as Resource | undefined;
  grant = (id: string) => (this.private(privateKeys.grant(id)) as Sealed<Grant> | undefined)?.value;
  log = (origin = LOG) => this.get(publicKeys.log(origin)) as LogState | undefined;

  /** Another log of the same gateway. */
  async createLog(log: string): Promise<void> {
    await this.send("regulator", "log.create", { net: NET, log, gateway: "holder", vkey: log });
  }

  async registerResource(by: Name, id: string, change: object = {}): Promise<void> {
    const jti = randomUUID();
    const head = committed(this.actors[by].kid, jti, "responsibleHead", "somebody");
    const payload = { ...resourcePayload(by, id), responsibleHead: head.commitment, ...change };
    await this.send(by, "resource.register", payload, { jti, transient: { openings: JSON.stringify(head.openings) } });
  }

  async request(by: Name, resource: string, grantor: Name, change: object = {}): Promise<string> {
    const grant = randomUUID();
    const registered = this.resource(resource);
    if (registered === undefined) throw new Error(`no resource ${resource}`);
    await this.send(by, "grant.request", {
      net: NET,
      grant,
      resource: `${resource}@${registered.version}`,
      grantor: IDS[grantor],
      right: "holding",
      depth: 0,
      logs: [LOG],
      terms: terms(),
      route: routeFor(registered, IDS[grantor]),
      ...change,
    });
    return grant;
  }

  /** A grant that its grantor has approved. */
  async granted(by: Name, resource: string, grantor: Name, change: object = {}): Promise<string> {
    const grant = await this.request(by, resource, grantor, change);
    await this.send(grantor, "grant.approve", { net: NET, grant });
    return grant;
  }

  async access(
    by: Name | Actor,
    change: Partial<AccessRequest> & object,
    options: SendOptions = {},
  ): Promise<BatchRecord> {
    const signer = typeof by === "string" ? this.actors[by] : by;
    const seq = change.seq ?? this.nextSeq(signer.kid, change.log);
    const jti = options.jti ?? randomUUID();
    const { commitment, openings } = committed(signer.kid, jti, "operator", "desk 7");
    const payload = { ...accessPayload(seq, commitment), ...change };
    const request = await this.sign(signer, "access", payload, { url: `${URL_BASE}/v1/access`, ...options, jti });
    return { type: "access", request, openings, ...this.item() };
  }

  nextSeq(kid: string, log = LOG): number {
    const name = `${kid} ${log}`;
    const seq = this.#seq.get(name) ?? 0;
    this.#seq.set(name, seq + 1);
    return seq;
  }

  item(): { id: string; time: string; nonce: string; salts: { grant: string; party: string; resource: string } } {
    return {
      id: randomUUID(),
      time: new Date(this.now()).toISOString(),
      nonce: randomText(16),
      salts: { grant: randomText(32), party: randomText(32), resource: randomText(32) },
    };
  }

  /** Records a batch and answers what was stored, with the leaves of the event. */
  async record(
    records: readonly BatchRecord[],
    options: SendOptions & { readonly head?: LogState; readonly log?: string } = {},
  ): Promise<{ stored: StoredBatch; leaves: readonly string[] }> {
    const log = options.log ?? LOG;
    const head = options.head ?? this.log(log);
    if (head === undefined) throw new Error("no log");
    const batch = JSON.stringify({ nonce: randomText(32), records });
    const argument = canonical({ log, size: head.size, root: head.root, digest: sha256Text(batch) });
    await this.run("accesses:recordBatch", argument, { ...options, transient: { batch } });
    const text = this.state.values.get(`${collectionOf("HolderMSP")}\u0000${privateKeys.batch(log, head.size)}`);
    if (text === undefined) throw new Error("the batch is not stored");
    const stored = decodeBatch(text);
    const { leaves } = JSON.parse(this.lastEffects?.event?.payload ?? "{}") as LeavesEvent;
    return { stored, leaves };
  }

  /** Rules that the records of one batch were decided by. */
  async decide(...records: readonly BatchRecord[]): Promise<readonly string[]> {
    return this.decideIn(LOG, ...records);
  }

  /** The same, in another log. */
  async decideIn(log: string, ...records: readonly BatchRecord[]): Promise<readonly string[]> {
    const { stored } = await this.record(records, { log });
    return stored.records.map(({ body }) => (JSON.parse(body) as { rule?: string }).rule ?? "");
  }
}

const argumentOf = ({ gateway = "holder" }: SendOptions): string => canonical({ gateway });

const contractOf = (verb: string, { transient }: SendOptions): string => {
  if (verb.startsWith("party.")) return "parties:submit";
  if (verb.startsWith("resource.")) return "resources:submit";
  if (verb.startsWith("boundary.")) return "boundaries:submit";
  if (verb.startsWith("order.")) return "orders:submit";
  if (verb.startsWith("grant.")) return "grants:submit";
  if (verb.startsWith("record.")) return "openings:submit";
  if (/^(indicator|statement|invoice|certificate|disclosure|books)\./.test(verb)) return "settlement:submit";
  if (verb.startsWith("attest") || verb === "price.cap") return "attestations:submit";
  if (/^(offer|tariff|contract)\./.test(verb)) return "market:submit";
  return transient?.["contract"] ?? "network:submit";
};

export const terms = (change: Partial<Terms> = {}): Terms => ({
  ...WEATHER_TERMS,
  window: { from: "2026-03-02T00:00:00.000Z", until: "2027-03-02T00:00:00.000Z" },
  ...change,
});

export const resourcePayload = (steward: Name, id: string) => ({
  ...WEATHER,
  net: NET,
  resource: id,
  steward: IDS[steward],
  servedBy: "HolderMSP",
  logs: [LOG],
  fields: [weatherField("day", "date"), weatherField("rain", "number"), weatherField("station", "string", "general-2")],
  rights: heldBy(IDS[steward]),
});

export const accessPayload = (seq: number, operator: string) => ({
  ...WEATHER_USE,
  net: NET,
  log: LOG,
  seq,
  resource: "res/weather.daily",
  operator,
  mode: "normal",
  quantity: 1,
});
