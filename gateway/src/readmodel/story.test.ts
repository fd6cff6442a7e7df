/** A small network for tests, acted by signed commands: a regulator, a bureau with data, a bank, an operator. No test itself. */
import { createHash, createPrivateKey, createPublicKey, sign } from "node:crypto";
import { instant, stopDigest, type Terms } from "@quanji/chaincode/domain";
import {
  canonical,
  commit,
  type FlattenedJws,
  fromBase64url,
  hashText,
  noteKey,
  NOTE_TYPES,
  formatVkey,
  type NoteKey,
  type Openings,
  parseHash,
  type PublicJwk,
  requestOfJws,
  sha256Text,
  type SignBytes,
  signJws,
  thumbprint,
} from "@quanji/chaincode/log";
import { type BatchInput, type BatchRecord, type BatchResult, TRANSACTIONS } from "@quanji/chaincode/world";
import type { Committed } from "../ledger/ledger.js";
import { TestLedger } from "./ledger.test.js";

const PKCS8_ED25519 = Buffer.from("302e020100300506032b657004220420", "hex");

export interface TestKey {
  readonly jwk: PublicJwk;
  readonly publicKey: Uint8Array;
  readonly sign: SignBytes & ((data: Uint8Array) => Uint8Array);
}

/** An Ed25519 key whose private half is SHA-256 of `seed`. */
export function ed25519(seed: string): TestKey {
  const secret = createHash("sha256").update(seed).digest();
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8_ED25519, secret]), format: "der", type: "pkcs8" });
  const { x } = createPublicKey(privateKey).export({ format: "jwk" }) as { x: string };
  return {
    jwk: { crv: "Ed25519", kty: "OKP", x },
    publicKey: fromBase64url(x),
    sign: (data) => new Uint8Array(sign(null, data, privateKey)),
  };
}

export const noteSigner = (name: string): { readonly key: NoteKey; readonly sign: SignBytes } => {
  const { publicKey, sign: signBytes } = ed25519(name);
  return { key: noteKey(name, NOTE_TYPES.ed25519, publicKey), sign: signBytes };
};

export interface Actor extends TestKey {
  readonly party: string;
  readonly kid: string;
}

function actor(name: string): Actor {
  const key = ed25519(name);
  const party = `urn:test:${name}`;
  return { ...key, party, kid: `${party}#${thumbprint(key.jwk)}` };
}

export const NET = "quanji.example/test";
export const MSP = "HolderMSP";
export const COLLECTION = "org-HolderMSP";
export const LOG = `${NET}/gw/0`;
export const OTHER_LOG = `${NET}/gw/1`;
export const RESOURCE = "res/weather.daily";
const URL = "http://127.0.0.1:8080";
export const START = Date.parse("2026-03-02T01:00:00.000Z");

export const TERMS: Terms = {
  actions: ["query", "subgrant"],
  purposes: ["credit.review"],
  fields: ["station", "rain"],
  window: { from: "2026-01-01T00:00:00.000Z", until: "2027-01-01T00:00:00.000Z" },
  environments: ["api"],
  jurisdictions: ["CN"],
  lawfulBasis: "contract",
  onStop: "stop",
};

/** What an access asks, with everything that the bank's grant allows as default. */
export interface Ask {
  readonly by?: Actor;
  readonly grant?: string | undefined;
  readonly purpose?: string;
  readonly log?: string;
}

export class Story {
  readonly ledger = new TestLedger(START, MSP);
  readonly regulator = actor("regulator");
  readonly bureau = actor("bureau");
  readonly bank = actor("bank");
  readonly operator = actor("operator");
  readonly gateway = ed25519("gateway");
  readonly logs = { [LOG]: noteSigner(LOG), [OTHER_LOG]: noteSigner(OTHER_LOG) };
  readonly heads = noteSigner(`${NET}/heads`);
  #random = 0;
  readonly #seq = new Map<string, number>();

  /** 32 bytes that nobody has seen, the same in every run. */
  random(): string {
    return sha256Text(`random ${this.#random++}`);
  }

  uuid(): string {
    const hex = Buffer.from(this.random(), "base64url").toString("hex");
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
  }

  pass(ms: number): void {
    this.ledger.now += ms;
  }

  header(by: Actor, verb: string, path: string) {
    const iat = Math.floor(this.ledger.now / 1000);
    return { alg: "EdDSA" as const, iat, jti: this.uuid(), kid: by.kid, typ: `quanji-${verb}+jws`, url: URL + path };
  }

  sign(by: Actor, verb: string, payload: object, path = `/v1/commands/${verb}`): Promise<FlattenedJws> {
    return signJws(this.header(by, verb, path), { net: NET, ...payload }, by.sign);
  }

  async send(
    transaction: string,
    by: Actor,
    verb: string,
    payload: object,
    transient: Record<string, string> = {},
  ): Promise<Committed & { readonly request: string }> {
    const command = await this.sign(by, verb, payload);
    const committed = await this.ledger.submit({
      name: transaction,
      args: [canonical({ gateway: "gw" })],
      transient: { command: JSON.stringify(command), ...transient },
    });
    return { ...committed, request: requestOfJws(command) };
  }

  async begin(testClock = false): Promise<void> {
    const { regulator, gateway } = this;
    await this.send(TRANSACTIONS.network, regulator, "network.init", {
      timeZone: "+08:00",
      testClock,
      regulator: {
        party: regulator.party,
        msp: "RegulatorMSP",
        name: "Data bureau",
        jurisdiction: "CN",
        jwk: regulator.jwk,
      },
      msps: ["RegulatorMSP", MSP, "ExchangeMSP"],
      gateways: [{ name: "gw", msp: MSP, publicUrl: URL, jwk: gateway.jwk }],
    });
    for (const log of [LOG, OTHER_LOG]) await this.createLog(log);
  }

  createLog(log: string): Promise<Committed> {
    const vkey = formatVkey(this.logs[log as keyof Story["logs"]].key);
    const transient = { secret: this.random() };
    return this.send(TRANSACTIONS.network, this.regulator, "log.create", { log, gateway: "gw", vkey }, transient);
  }

  async admit(who: Actor, roles: readonly string[]): Promise<void> {
    await this.send(TRANSACTIONS.parties, who, "party.register", {
      party: who.party,
      kind: "person",
      roles,
      jurisdiction: "CN",
      home: MSP,
      key: { jwk: who.jwk, purpose: "act", custody: "self" },
    });
    await this.send(TRANSACTIONS.parties, this.regulator, "party.admit", { party: who.party, roles });
  }

  async registerResource(id = RESOURCE, by: Actor = this.bureau, change: object = {}): Promise<void> {
    const ground = commit(["x", "y"], "responsibleHead", { salt: this.random(), value: "head" });
    await this.send(TRANSACTIONS.resources, by, "resource.register", {
      resource: id,
      kind: "dataset",
      steward: by.party,
      servedBy: MSP,
      logs: [LOG, OTHER_LOG],
      title: "Daily weather",
      class: "weather.daily",
      grade: { standard: "GB/T 43697-2024", level: "general-1" },
      sharing: "conditional",
      subjectKind: "none",
      basis: { law: "Meteorology Law", duty: "observation" },
      responsibleHead: ground,
      fields: [
        { name: "station", type: "string", grade: "general-1" },
        { name: "rain", type: "number", grade: "general-1" },
      ],
      rights: [{ kind: "holding", holder: by.party, basis: "own observation" }],
      ...change,
    });
  }

  /** The bank asks, the bureau approves. */
  async grant(terms: Partial<Terms> = {}, resource = RESOURCE): Promise<string> {
    const grant = this.uuid();
    await this.send(TRANSACTIONS.grants, this.bank, "grant.request", {
      grant,
      resource: `${resource}@1`,
      grantor: this.bureau.party,
      right: "holding",
      depth: 2,
      logs: [LOG],
      route: [[this.bureau.party]],
      terms: { ...TERMS, ...terms },
    });
    await this.send(TRANSACTIONS.grants, this.bureau, "grant.approve", { grant });
    return grant;
  }

  /** The bank passes a part on to the operator. */
  async derive(parent: string): Promise<string> {
    const grant = this.uuid();
    await this.send(TRANSACTIONS.grants, this.bank, "grant.derive", {
      grant,
      resource: `${RESOURCE}@1`,
      depth: 1,
      logs: [LOG],
      grantee: this.operator.party,
      ancestors: [parent],
      terms: TERMS,
    });
    return grant;
  }

  stop(by: Actor, verb: "grant.suspend" | "grant.revoke", grant: string, epoch = 1) {
    return this.send(TRANSACTIONS.stop, by, verb, { target: stopDigest(grant), epoch }, { grant });
  }

  regulatorStop(verb: "grant.suspend" | "grant.revoke", grant: string, epoch = 1) {
    return this.send(TRANSACTIONS.grants, this.regulator, verb, { target: stopDigest(grant), epoch }, { grant });
  }

  fold(grant: string): Promise<Committed> {
    return this.ledger.submit({ name: TRANSACTIONS.fold, args: [canonical({ gateway: "gw" })], transient: { grant } });
  }

  /** Erases what the requests of these records committed to: records that `first` begins the batch of. */
  async erase(by: Actor, records: readonly { readonly id: string; readonly index: number }[], first: number) {
    const payload = {
      resource: RESOURCE,
      log: LOG,
      records: records.map((named) => ({ ...named, fields: ["operator"] })),
      basis: "request",
    };
    const transient = { firsts: JSON.stringify(records.map(() => first)) };
    return this.send(TRANSACTIONS.openings, by, "record.erase", payload, transient);
  }

  /** The regulator seals these records of batches that begin at `firsts`. */
  async seal(
    records: readonly { readonly index: number; readonly leaf: string }[],
    firsts: readonly number[],
    until: string,
  ) {
    const order = this.uuid();
    const payload = {
      resource: RESOURCE,
      log: LOG,
      order,
      authority: "inspectorate",
      until,
      ground: this.random(),
      records: [...records],
    };
    const transient = { firsts: JSON.stringify(firsts) };
    return { order, ...(await this.send(TRANSACTIONS.openings, this.regulator, "record.seal", payload, transient)) };
  }

  unseal(order: string) {
    const payload = { resource: RESOURCE, order, ground: this.random() };
    return this.send(TRANSACTIONS.openings, this.regulator, "record.unseal", payload);
  }

  async freeze(target: { readonly kind: string; readonly id: string }): Promise<string> {
    const order = this.uuid();
    await this.send(TRANSACTIONS.orders, this.regulator, "order.freeze", { order, target, ground: this.random() });
    return order;
  }

  async publishBoundary(version = 1): Promise<void> {
    const cell = { from: "any", to: "any", class: "weather.secret", purpose: "any", action: "any", effect: "forbid" };
    await this.send(TRANSACTIONS.boundaries, this.regulator, "boundary.publish", {
      list: "national",
      version,
      effectiveFrom: instant(this.ledger.now),
      cells: [cell],
    });
  }

  #item() {
    const salts = { grant: this.random(), party: this.random(), resource: this.random() };
    const nonce = Buffer.from(this.random(), "base64url").subarray(0, 16).toString("base64url");
    return { id: this.uuid(), time: instant(this.ledger.now), nonce, salts };
  }

  #next(by: Actor, log: string): number {
    const seq = this.#seq.get(`${by.kid} ${log}`) ?? 0;
    this.#seq.set(`${by.kid} ${log}`, seq + 1);
    return seq;
  }

  async access({ by = this.bank, log = LOG, purpose = "credit.review", grant }: Ask): Promise<BatchRecord> {
    const header = this.header(by, "access", "/v1/access");
    const openings: Openings = { operator: { salt: this.random(), value: "desk 4" } };
    const payload = {
      net: NET,
      log,
      seq: this.#next(by, log),
      resource: RESOURCE,
      ...(grant !== undefined && { grant }),
      action: "query",
      purpose,
      fields: ["rain"],
      environment: { kind: "api", jurisdiction: "CN" },
      operator: commit([header.kid, header.jti], "operator", openings["operator"]!),
      mode: "normal",
      quantity: 1,
    };
    return { type: "access", ...this.#item(), request: await signJws(header, payload, by.sign), openings };
  }

  async void(by: Actor, log = LOG): Promise<BatchRecord> {
    const payload = { log, seq: this.#next(by, log) };
    return { type: "void", ...this.#item(), request: await this.sign(by, "access.void", payload) };
  }

  delivery(access: number, first: number, outcome: "delivered" | "failed" = "delivered"): BatchRecord {
    const digest = this.random();
    return { type: "delivery", ...this.#item(), access, first, bytes: 10, digest, masked: [], outcome, rows: 1 };
  }

  /** One batch. Answers the index of its first record. */
  async record(records: readonly BatchRecord[], log = LOG): Promise<Committed & { readonly first: number }> {
    const view = await this.ledger.view();
    const { size, root } = JSON.parse((await view.get(`log/${log}`))!) as BatchResult;
    const input: BatchInput = { nonce: this.random(), records };
    const batch = canonical(input, { maxBytes: 8_000_000, maxDepth: 12 });
    const args = canonical({ log, size, root: hashText(parseHash(root)), digest: sha256Text(batch) });
    const committed = await this.ledger.submit({ name: TRANSACTIONS.recordBatch, args: [args], transient: { batch } });
    return { ...committed, first: size };
  }

  /** Network, parties, resource, a list, one active grant: some twenty blocks. */
  async prepare(): Promise<string> {
    await this.begin();
    await this.admit(this.bureau, ["holder"]);
    await this.admit(this.bank, ["user"]);
    await this.admit(this.operator, ["operator"]);
    await this.registerResource();
    await this.publishBoundary();
    return this.grant();
  }
}
