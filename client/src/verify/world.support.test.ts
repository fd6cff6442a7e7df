/**
 * A small world for the verifier's tests: the real chaincode over a ledger of two maps, a gateway's keys, and the files that
 * a gateway would make of it. Deterministic: clock and randomness are counters. Holds no test itself.
 */
import { createHash } from "node:crypto";
import { createChaincode } from "@quanji/chaincode/contracts";
import {
  type AccessRequest,
  instant,
  type LogState,
  type Orders,
  type Payload,
  type Receipt,
  recordLeaf,
  recordText,
  type SubjectTags,
  type TrailKind,
  type TrailLine,
  type TrailLineOf,
  type Trust,
  type Verb,
} from "@quanji/chaincode/domain";
import {
  algorithmOf,
  canonical,
  type ChainHead,
  type ChainKey,
  chainStart,
  commit,
  emptyFrontier,
  type FlattenedJws,
  formatCheckpoint,
  formatHeadNote,
  formatNote,
  type Hash,
  hashText,
  inclusionProof,
  newNodes,
  appendLeaves,
  bulkTag,
  type NoteSignature,
  type Opening,
  type Openings,
  parseHash,
  possessionInput,
  PUBLIC_SALT,
  rootOf,
  sha256,
  sha256Text,
  signJws,
  toBase64url,
  typOf,
  utf8,
} from "@quanji/chaincode/log";
import {
  type BatchRecord,
  type LeavesEvent,
  privateKeys,
  publicKeys,
  privateScope,
  decodeBatch,
  type StoredBatch,
  type StoredCommand,
  type StoredOpenings,
  type StoredRecord,
  type World,
} from "@quanji/chaincode/world";
import { type OpenedTrust, openTrust } from "./index.js";
import { SubjectTree } from "./subject-tree.support.test.js";
import {
  NET,
  START,
  LOG,
  OTHER_LOG,
  URLS,
  MSP,
  type Signer,
  signer,
  verifyByNode,
  PARTIES,
  type Name,
  RESOURCE,
  FIELDS,
  HEADS,
  LOG_KEYS,
  GATEWAY,
  kidOf,
  TRUST_SIGNER,
  trustFile,
  signReceipt,
} from "./keys.support.test.js";

interface Tree {
  readonly nodes: Map<string, Hash>;
  frontier: ReturnType<typeof emptyFrontier>;
}
interface Found {
  readonly index: number;
  readonly stored: StoredRecord;
}

export interface TrailParts {
  readonly from?: string;
  readonly to?: string;
  /** Chains to leave out, as `kind id`. */
  readonly without?: readonly string[];
  /** Ends each log by the record after `to`, where there is one. */
  readonly successor?: boolean;
  /** With what requests committed to, what of it was erased, and the commands that erased it. */
  readonly said?: true;
  /** With the chain of what was erased or sealed. */
  readonly openings?: true;
  /** With the chains of a contract and its offer. */
  readonly offer?: string;
  readonly contract?: string;
}

export interface SubjectParts {
  readonly bulk?: boolean;
  readonly from?: string;
  readonly to?: string;
  /** With the chain of what was sealed, and these entries of the first log hidden under it. */
  readonly hidden?: readonly number[];
}

/** A source's own key, where a test gives it one. */
export const SOURCE = signer("source of the bureau");

export class SmallWorld {
  nowMs = START;
  /** Of parties that are to have other keys than theirs. */
  readonly keys: Partial<Record<Name, Signer>>;
  readonly #public = new Map<string, string>();
  readonly #private = new Map<string, string>();
  readonly #chaincode = createChaincode({ verify: verifyByNode });
  readonly #trees = new Map<string, Tree>();
  readonly #orders: { readonly entry: string; readonly request: FlattenedJws }[] = [];
  readonly #seq = new Map<string, number>();
  readonly #indexes = new Map<string, { readonly at: number; readonly to: number; readonly tree: SubjectTree }[]>();
  #counter = 0;
  init = "";

  constructor(keys: Partial<Record<Name, Signer>> = {}) {
    this.keys = keys;
  }

  /** 32 bytes that nobody has seen yet, base64url. */
  fresh(label = "random"): string {
    return toBase64url(sha256(utf8(`${label} ${this.#counter++}`)));
  }

  uuid(): string {
    const hex = Buffer.from(this.fresh("uuid"), "base64url").toString("hex");
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-7${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
  }

  tick(ms = 1000): this {
    this.nowMs += ms;
    return this;
  }

  async #run(name: string, argument: string, transient: Record<string, string>, msp: string): Promise<string> {
    const [contract, call] = name.split(":");
    const writes: (() => void)[] = [];
    const events: [string, string][] = [];
    const at = (collection: string, key: string): string => `${collection} ${key}`;
    const world: World = {
      txId: createHash("sha256").update(`tx ${this.#counter++}`).digest("hex"),
      timestampMs: this.nowMs,
      submitterMsp: msp,
      endorserMsp: msp,
      clock: () => this.nowMs,
      transient: (key) => transient[key],
      get: (key) => Promise.resolve(this.#public.get(key)),
      put: (key, value) => Promise.resolve(void writes.push(() => this.#public.set(key, value))),
      getPrivate: (collection, key) => Promise.resolve(this.#private.get(at(collection, key))),
      putPrivate: (collection, key, value) =>
        Promise.resolve(void writes.push(() => this.#private.set(at(collection, key), value))),
      purgePrivate: (collection, key) =>
        Promise.resolve(void writes.push(() => this.#private.delete(at(collection, key)))),
      setKeyPolicy: () => Promise.resolve(),
      emit: (event, payload) => void events.push([event, payload]),
    };
    const transaction = this.#chaincode.find((table) => table.name === contract)?.functions[call ?? ""];
    const result = await transaction!(world, argument);
    for (const write of writes) write();
    for (const [event, payload] of events) if (event === "leaves") this.#grow(JSON.parse(payload) as LeavesEvent);
    return result;
  }

  /** Edits what the organisation's peers hold, behind the chains' back: for ledgers that lie. */
  edit(key: string, edit: (value: never) => unknown): void {
    const name = `org-${MSP} ${key}`;
    const sealed = JSON.parse(this.#private.get(name) ?? "{}") as { readonly value: never };
    this.#private.set(name, JSON.stringify({ ...sealed, value: edit(sealed.value) }));
  }

  #grow({ log, leaves }: LeavesEvent): void {
    const tree = this.#tree(log);
    const hashes = leaves.map(parseHash);
    for (const { level, index, hash } of newNodes(tree.frontier, hashes)) tree.nodes.set(`${level}/${index}`, hash);
    tree.frontier = appendLeaves(tree.frontier, hashes);
  }

  #tree(log: string): Tree {
    const tree = this.#trees.get(log) ?? { nodes: new Map<string, Hash>(), frontier: emptyFrontier() };
    this.#trees.set(log, tree);
    return tree;
  }

  /** A signed command. `by` is a party's name, or another key of it. */
  async signed(
    verb: Verb,
    payload: unknown,
    by: Name,
    options: { key?: Signer; url?: string; jti?: string } = {},
  ): Promise<FlattenedJws> {
    const key = options.key ?? this.keys[by] ?? PARTIES[by].key;
    const path = verb === "access" ? "/v1/access" : `/v1/commands/${verb}`;
    const header = {
      alg: algorithmOf(key.jwk),
      iat: Math.floor(this.nowMs / 1000),
      jti: options.jti ?? this.uuid(),
      kid: kidOf(PARTIES[by].id, key),
      typ: typOf(verb),
      url: options.url ?? URLS.gw + path,
    };
    const limits = { maxBytes: 1024 * 1024, maxDepth: 8 };
    return signJws(header, payload, (data) => Promise.resolve(key.sign(data)), limits);
  }

  /** Signs and submits; each command is a second after the last. */
  async command<V extends Verb>(
    verb: V,
    payload: Omit<Payload<V>, "net">,
    by: Name,
    options: { key?: Signer; grant?: string; stop?: boolean; transient?: Record<string, string> } = {},
  ): Promise<FlattenedJws> {
    this.tick();
    const jws = await this.signed(verb, { net: NET, ...payload }, by, options);
    const group = verb === "boundary.publish" ? "boundaries" : groupOf(verb);
    const transient = {
      command: JSON.stringify(jws),
      ...(options.grant !== undefined && { grant: options.grant }),
      ...options.transient,
    };
    const name = options.stop === true ? "grants:stop" : `${group}:submit`;
    await this.#run(name, canonical({ gateway: "gw" }), transient, MSP);
    if (group === "orders") {
      const { last } = JSON.parse(this.#public.get(publicKeys.orders)!) as Orders;
      this.#orders.push({ entry: last!.entry, request: last!.command });
    }
    return jws;
  }

  fold(grant: string): Promise<string> {
    this.tick();
    return this.#run("grants:fold", canonical({ gateway: "gw" }), { grant }, MSP);
  }

  /** Network, two logs, five parties, one resource. */
  async begin(options: { testClock?: boolean } = {}): Promise<this> {
    const { regulator } = PARTIES;
    const init = {
      timeZone: "+08:00",
      testClock: options.testClock ?? false,
      regulator: {
        party: regulator.id,
        msp: "RegulatorMSP",
        name: "Data bureau",
        jurisdiction: "CN",
        jwk: regulator.key.jwk,
      },
      msps: ["RegulatorMSP", MSP, "ExchangeMSP"],
      gateways: [
        { name: "gw", msp: MSP, publicUrl: URLS.gw, jwk: GATEWAY.jwk },
        { name: "gx", msp: "ExchangeMSP", publicUrl: URLS.gx, jwk: signer("gateway gx").jwk },
      ],
    };
    const jws = await this.command("network.init", init, "regulator");
    this.init = hashText(sha256(utf8(`${jws.protected}.${jws.payload}`)));
    for (const log of [LOG, OTHER_LOG]) {
      const secret = { secret: this.fresh("secret") };
      await this.command("log.create", { log, gateway: "gw", vkey: LOG_KEYS[log]!.vkey }, "regulator", {
        transient: secret,
      });
    }
    for (const name of ["bureau", "approver", "insurer", "operator"] as const) await this.#admit(name);
    return this;
  }

  async #admit(name: Exclude<Name, "regulator">): Promise<void> {
    const { id } = PARTIES[name];
    const key = this.keys[name] ?? PARTIES[name].key;
    const roles: Payload<"party.register">["roles"] = name === "bureau" ? ["holder"] : ["user"];
    const custody = name === "operator" ? "hosted" : "self";
    const registration = {
      party: id,
      kind: "org",
      name,
      roles,
      jurisdiction: "CN",
      home: MSP,
      key: { jwk: key.jwk, purpose: "act", custody },
      responsibleHead: this.fresh("head"),
    };
    await this.command("party.register", registration as Omit<Payload<"party.register">, "net">, name);
    await this.command("party.admit", { party: id, roles }, "regulator");
  }

  async resource(changes: Partial<Payload<"resource.register">> = {}): Promise<void> {
    await this.command(
      "resource.register",
      {
        resource: RESOURCE,
        kind: "dataset",
        steward: PARTIES.bureau.id,
        servedBy: MSP,
        logs: [LOG],
        title: "Weather, daily",
        class: "weather.daily",
        grade: { standard: "GB/T 43697-2024", level: "general-2" },
        sharing: "conditional",
        subjectKind: "none",
        basis: { law: "Law", duty: "Duty" },
        responsibleHead: this.fresh("head"),
        fields: FIELDS.map((name) => ({ name, type: name === "rain" ? "number" : "string", grade: "general-1" })),
        rights: [{ kind: "holding", holder: PARTIES.bureau.id, basis: "Law" }],
        route: [[PARTIES.approver.id]],
        ...changes,
      },
      "bureau",
    );
  }

  terms(changes: Partial<Payload<"grant.request">["terms"]> = {}): Payload<"grant.request">["terms"] {
    return {
      actions: ["query", "subgrant"],
      purposes: ["insurance.pricing"],
      fields: FIELDS,
      window: { from: instant(START), until: instant(START + 90 * 86_400_000) },
      environments: ["api"],
      jurisdictions: ["CN"],
      lawfulBasis: "Contract",
      onStop: "stop",
      ...changes,
    };
  }

  /** A grant of the bureau to the insurer: requested, approved by approver and bureau. */
  async grant(
    changes: Partial<Payload<"grant.request">["terms"]> = {},
    more: { depth?: number; logs?: string[]; approve?: boolean } = {},
  ): Promise<string> {
    const grant = this.uuid();
    const route = [[PARTIES.approver.id], [PARTIES.bureau.id]];
    await this.command(
      "grant.request",
      {
        grant,
        resource: `${RESOURCE}@1`,
        depth: more.depth ?? 0,
        logs: more.logs ?? [LOG],
        terms: this.terms(changes),
        grantor: PARTIES.bureau.id,
        right: "holding",
        route,
      },
      "insurer",
    );
    if (more.approve === false) return grant;
    await this.command("grant.approve", { grant }, "approver");
    await this.command("grant.approve", { grant }, "bureau");
    return grant;
  }

  async derive(parent: string, changes: Partial<Payload<"grant.derive">["terms"]> = {}): Promise<string> {
    const grant = this.uuid();
    const terms = this.terms({ actions: ["query"], ...changes });
    const { id } = PARTIES.operator;
    const payload = {
      grant,
      resource: `${RESOURCE}@1`,
      depth: 0,
      logs: [LOG],
      terms,
      grantee: id,
      ancestors: [parent],
    };
    await this.command("grant.derive", payload, "insurer");
    return grant;
  }

  /** Next number of a key in a log. */
  seq(log: string, kid: string): number {
    const next = this.#seq.get(`${log} ${kid}`) ?? 0;
    this.#seq.set(`${log} ${kid}`, next + 1);
    return next;
  }

  /** A signed access request with its openings. */
  async request(
    grant: string | undefined,
    changes: Partial<AccessRequest> = {},
    by: Name = "insurer",
    options: { key?: Signer; url?: string } = {},
  ): Promise<{ readonly jws: FlattenedJws; readonly openings: Openings }> {
    const key = options.key ?? this.keys[by] ?? PARTIES[by].key;
    const kid = kidOf(PARTIES[by].id, key);
    const jti = this.uuid();
    const operator: Opening = { salt: this.fresh("salt"), value: "desk 4" };
    const log = changes.log ?? LOG;
    const payload: AccessRequest = {
      net: NET,
      log,
      seq: changes.seq ?? this.seq(log, kid),
      resource: RESOURCE,
      ...(grant !== undefined && { grant }),
      action: "query",
      purpose: "insurance.pricing",
      fields: ["station", "rain"],
      environment: { kind: "api", jurisdiction: "CN" },
      operator: commit([kid, jti], "operator", operator),
      mode: "normal",
      quantity: 1,
      ...changes,
    };
    return { jws: await this.signed("access", payload, by, { ...options, jti }), openings: { operator } };
  }

  #item() {
    const nonce = Buffer.from(this.fresh("nonce"), "base64url").subarray(0, 16).toString("base64url");
    const salts = { grant: this.fresh("salt"), party: this.fresh("salt"), resource: this.fresh("salt") };
    return { id: this.uuid(), time: instant(this.nowMs), nonce, salts };
  }

  async record(log: string, records: readonly BatchRecord[]): Promise<number> {
    const batch = canonical({ nonce: this.fresh("batch"), records }, { maxBytes: 1 << 24, maxDepth: 12 });
    const { size, root } = this.logState(log);
    await this.#run("accesses:recordBatch", canonical({ log, size, root, digest: sha256Text(batch) }), { batch }, MSP);
    return size;
  }

  logState(log: string): LogState {
    return JSON.parse(this.#public.get(publicKeys.log(log))!) as LogState;
  }

  /** Records one access a second after whatever was last; answers its index. */
  async access(
    grant: string | undefined,
    changes: Partial<AccessRequest> = {},
    by: Name = "insurer",
    options: { key?: Signer } = {},
  ): Promise<number> {
    this.tick();
    const { jws, openings } = await this.request(grant, changes, by, options);
    return this.record(changes.log ?? LOG, [{ type: "access", ...this.#item(), request: jws, openings }]);
  }

  async deliver(access: number, outcome: "delivered" | "failed" | "unknown" = "delivered", log = LOG): Promise<number> {
    this.tick();
    const first = this.find(log, access).first;
    const what = { access, first, bytes: 10, digest: this.fresh("data"), masked: [], outcome, rows: 1 };
    return this.record(log, [{ type: "delivery", ...this.#item(), ...what }]);
  }

  /** The requester accepts a delivery, as its record says. */
  async accept(delivery: number, by: Name = "insurer", log = LOG): Promise<number> {
    this.tick();
    const { first, stored } = this.find(log, delivery);
    const { access, digest, rows } = JSON.parse(stored.body) as { access: number; digest: string; rows: number };
    const { subjects } = JSON.parse(stored.body) as { subjects?: string[] };
    const said = { net: NET, log, record: access, digest, rows, ...(subjects !== undefined && { subjects }) };
    const request = await this.signed("access.accept", said, by);
    return this.record(log, [{ type: "acceptance", ...this.#item(), delivery, first, request }]);
  }

  /** Gives a party's source a key of its own. */
  async addTallyKey(by: Name, key: Signer): Promise<void> {
    const { id } = PARTIES[by];
    const possession = toBase64url(key.sign(possessionInput(NET, id, key.jwk)));
    const added = { jwk: key.jwk, purpose: "tally" as const, custody: "self" as const };
    await this.command("party.rotateKey", { party: id, key: added, possession }, by);
  }

  /** The source's count of a window, signed by its own key. */
  async tally(window: { from: number; to: number; served: number }, key: Signer, log = LOG): Promise<number> {
    this.tick();
    const request = await this.signed("tally.sign", { net: NET, log, resource: RESOURCE, ...window }, "bureau", {
      key,
    });
    return this.record(log, [{ type: "tally", ...this.#item(), request }]);
  }

  async void(seq: number, by: Name = "insurer", log = LOG): Promise<number> {
    this.tick();
    const jws = await this.signed("access.void", { net: NET, log, seq }, by);
    return this.record(log, [{ type: "void", ...this.#item(), request: jws }]);
  }

  /** An index of subjects, of all that has none yet. `edit` makes the tree of other records than there are. */
  async index(log = LOG, edit: (tags: readonly string[], index: number) => readonly string[] = (tags) => tags) {
    this.tick();
    const { size: to } = this.logState(log);
    const from = this.#indexes.get(log)?.at(-1)?.to ?? 0;
    const tree = new SubjectTree({ log, from, seed: this.fresh("seed") });
    for (const { index, stored } of this.records(log)) {
      if (index >= from && index < to) for (const tag of edit(tagsOf(stored), index)) tree.add(tag, index, stored);
    }
    const first = to > from ? this.find(log, to - 1).first : 0;
    const { root, size, range } = tree;
    const at = await this.record(log, [
      { type: "index", ...this.#item(), before: to, first, root, size, seed: range.seed },
    ]);
    this.#indexes.set(log, [...(this.#indexes.get(log) ?? []), { at, to, tree }]);
    return at;
  }

  /** The lines of a subject's trail, of all indexes, without its `end`. */
  async subjectLines(tags: SubjectTags, { bulk = false, hidden = [], ...period }: SubjectParts = {}) {
    const steward = PARTIES.bureau.id;
    const asked = [...tags.map(({ tag }) => tag), ...(bulk ? [bulkTag(steward)] : [])];
    const chains = await this.trailLines("party", steward, hidden.length > 0 ? { openings: true } : {});
    const key = { kind: "subject" as const, id: steward };
    const own: TrailLine[] = [{ t: "trail", v: "quanji.trail.v1", net: NET, key, tags, bulk, ...period }];
    const lines = [
      ...own,
      ...chains.slice(
        1,
        chains.findIndex(({ t }) => t === "log"),
      ),
    ];
    for (const log of [LOG, OTHER_LOG]) {
      const { size } = this.#tree(log).frontier;
      lines.push({ t: "log", log, start: { n: 0 }, size });
      const indexes = this.#indexes.get(log) ?? [];
      for (const { at, tree } of indexes) {
        const around = asked.flatMap((tag) => tree.leaves(tag));
        const leaves = new Map([...around, ...asked.flatMap((tag) => tree.own(tag))].map((leaf) => [leaf.i, leaf]));
        const rising = [...leaves.values()].sort((a, b) => a.i - b.i);
        lines.push({ t: "day", r: recordText(this.find(log, at).stored), leaves: rising });
        for (const index of tree.records(asked)) {
          const { stored } = this.find(log, index);
          const p = await this.path(log, index);
          if (log === LOG && hidden.includes(index)) {
            const { face: f, body: b } = stored;
            const under = asked.filter((tag) => tree.records([tag]).includes(index)).sort();
            lines.push({ t: "sealed", f: sha256Text(f), b: sha256Text(b), tags: under, p });
          } else {
            const { request: q } = stored;
            lines.push({ t: "record", r: recordText(stored), o: {}, ...(q !== undefined && { q }), p });
          }
        }
      }
      const last = indexes.at(-1);
      lines.push({ t: "logEnd", log, ...(last !== undefined && { proof: await this.proof(log, last.at) }) });
    }
    return lines;
  }

  /** Audit path of a record in the newest tree. */
  async path(log: string, index: number): Promise<string[]> {
    const { frontier, nodes } = this.#tree(log);
    return (await inclusionProof(index, frontier.size, (level, i) => nodes.get(`${level}/${i}`)!)).map(hashText);
  }

  #batches(log: string): StoredBatch[] {
    return [...this.#private]
      .filter(([key]) => key.startsWith(`org-${MSP} batch/${log}/`))
      .map(([, value]) => decodeBatch(value))
      .sort((a, b) => a.first - b.first);
  }

  records(log: string): Found[] {
    return this.#batches(log).flatMap(({ first, records }) =>
      records.map((stored, i) => ({ index: first + i, stored })),
    );
  }

  find(log: string, index: number): Found & { readonly first: number } {
    const batch = this.#batches(log).find(({ first, records }) => index >= first && index < first + records.length)!;
    return { index, first: batch.first, stored: batch.records[index - batch.first]! };
  }

  get time(): number {
    return Math.floor(this.nowMs / 1000);
  }

  async checkpoint(log: string): Promise<string> {
    const { frontier } = this.#tree(log);
    const text = formatCheckpoint({ origin: log, size: frontier.size, root: rootOf(frontier) });
    return formatNote({ text, signatures: [await LOG_KEYS[log]!.note(text), ...(await this.cosignatures(text))] });
  }

  /** Replaced by tests with witnesses. */
  cosignatures: (text: string) => Promise<readonly NoteSignature[]> = () => Promise.resolve([]);
  headSigners: readonly Pick<typeof HEADS, "note">[] = [HEADS];

  async proof(log: string, index: number): Promise<string> {
    const { frontier, nodes } = this.#tree(log);
    const proof = await inclusionProof(index, frontier.size, (level, i) => nodes.get(`${level}/${i}`)!);
    const note = await this.checkpoint(log);
    return `c2sp.org/tlog-proof@v1\nindex ${index}\n${proof.map((hash) => `${Buffer.from(hash).toString("base64")}\n`).join("")}\n${note}`;
  }

  /** What is kept of what the request of a record committed to. */
  said(log: string, index: number): Openings {
    const prefix = `org-${MSP} said/${log}/${this.find(log, index).first}/`;
    const texts = [...this.#private].filter(([key]) => key.startsWith(prefix)).map(([, text]) => text);
    return (JSON.parse(texts[0] ?? '{"value":{}}') as StoredOpenings).value[String(index)] ?? {};
  }

  /** Erases fields of records, one command for all. */
  async erase(
    records: readonly {
      readonly index: number;
      readonly fields: Payload<"record.erase">["records"][number]["fields"];
    }[],
    by: Name,
    log = LOG,
  ): Promise<FlattenedJws> {
    const found = records.map(({ index }) => this.find(log, index));
    const named = records.map(({ index, fields }, i) => {
      const { id } = JSON.parse(found[i]!.stored.body) as { id: string };
      return { id, index, fields };
    });
    const firsts = JSON.stringify(found.map(({ first }) => first));
    const payload = { resource: RESOURCE, log, records: named, basis: "retention" as const };
    return this.command("record.erase", payload, by, { transient: { firsts } });
  }

  /** Seals records, with what belongs to them. */
  async seal(indexes: readonly number[], until: string, log = LOG): Promise<string> {
    const order = this.uuid();
    const found = indexes.map((index) => this.find(log, index));
    const records = found.map(({ index, stored }) => ({ index, leaf: hashText(recordLeaf(stored)) }));
    const firsts = JSON.stringify(found.map(({ first }) => first));
    const payload = {
      resource: RESOURCE,
      log,
      order,
      authority: "inspectorate",
      until,
      ground: this.fresh("ground"),
      records,
    };
    await this.command("record.seal", payload, "regulator", { transient: { firsts } });
    return order;
  }

  /** The command as receipts show it. */
  async erasedBy(request: FlattenedJws, field: "operator" | "query", by: Name) {
    const chain = await this.chainLines(privateScope(NET, MSP), "openings", RESOURCE);
    const entry = chain.flatMap((line) =>
      line.t === "command" && requestText(line.request) === requestText(request) ? [line.entry] : [],
    )[0]!;
    return { field, entry, request, key: (this.keys[by] ?? PARTIES[by].key).jwk };
  }

  async receiptPayload(log: string, index: number, changes: Partial<Receipt> = {}): Promise<Receipt> {
    const { stored } = this.find(log, index);
    const body = JSON.parse(stored.body) as { requester: string; request: string; rule?: string };
    const all = this.records(log).map((found) => found.stored.request);
    const request = all.find((jws) => jws !== undefined && requestText(jws) === body.request)!;
    const requester = Object.values(PARTIES).find(({ id, key }) => kidOf(id, key) === body.requester);
    const status = stored.face.includes('"deny"') ? 403 : 200;
    return {
      v: "quanji.receipt.v1",
      block: 7,
      index: 0,
      txId: "ab".repeat(32),
      level: "committed",
      status,
      keys: { gateway: GATEWAY.jwk, requester: requester?.key.jwk ?? SOURCE.jwk },
      record: recordText(stored),
      openings: {
        ...(stored.links["links.party"] !== undefined && { "links.party": stored.links["links.party"] }),
        ...this.said(log, index),
      } as Receipt["openings"],
      request,
      proof: await this.proof(log, index),
      ...changes,
    };
  }

  async receipt(log: string, index: number, changes: Partial<Receipt> = {}): Promise<FlattenedJws> {
    return signReceipt(await this.receiptPayload(log, index, changes));
  }

  /** Value under which a head is stored; undefined if the key was never touched. */
  #stored(key: ChainKey): (ChainHead & { salt: string }) | undefined {
    const isRecord = key.scope === LOG || key.scope === OTHER_LOG;
    if (key.kind === "orders") {
      const { h, n } = JSON.parse(this.#public.get(publicKeys.orders)!) as Orders;
      return { h: h, n, salt: PUBLIC_SALT };
    }
    const { value: secret } = JSON.parse(this.#private.get(`org-${MSP} ${privateKeys.secret}`)!) as { value: string };
    const text =
      isRecord || key.scope === privateScope(NET, MSP)
        ? this.#private.get(`org-${MSP} ${privateKeys.head(secret, key)}`)
        : this.#public.get(publicKeys.chain(key));
    return text === undefined ? undefined : (JSON.parse(text) as ChainHead & { salt: string });
  }

  async headNote(key: ChainKey, changes: { time?: number; hash?: Hash } = {}) {
    const stored = this.#stored(key);
    const isLog = key.scope === LOG || key.scope === OTHER_LOG;
    const { frontier } = this.#tree(key.scope);
    const block = { number: 11, hash: sha256(utf8("block")) };
    const at = isLog
      ? { scope: key.scope, number: frontier.size, hash: changes.hash ?? rootOf(frontier) }
      : { scope: NET, number: block.number, hash: block.hash };
    const state = stored === undefined ? "none" : sha256(utf8(canonical(stored)));
    const text = formatHeadNote({ at, key: chainStart(key), state, block, time: changes.time ?? this.time });
    const signatures = await Promise.all(this.headSigners.map((each) => each.note(text)));
    return { note: formatNote({ text, signatures }), opening: stored };
  }

  #commandsOf(key: ChainKey): { entry: string; request: FlattenedJws }[] {
    if (key.kind === "orders") return this.#orders;
    const texts = [
      ...[...this.#public].filter(([name]) => name.startsWith("command/")),
      ...[...this.#private].filter(([name]) => name.startsWith(`org-${MSP} command/`)),
    ];
    const h0 = hashText(chainStart(key));
    return texts
      .map(([, text]) => JSON.parse(text) as StoredCommand)
      .flatMap((stored) =>
        stored.chains.filter((chain) => hashText(chainStart(chain)) === h0).map(({ n }) => ({ n, stored })),
      )
      .sort((a, b) => a.n - b.n)
      .map(({ stored }) => ({ entry: stored.entry, request: stored.command }));
  }

  async chainLines(scope: string, kind: TrailLineOf<"chain">["kind"], id: string): Promise<TrailLine[]> {
    const key: ChainKey = { scope, kind, id };
    const { note, opening } = await this.headNote(key);
    const empty = { h: hashText(chainStart(key)), n: 0, salt: PUBLIC_SALT };
    return [
      { t: "chain", scope, kind, id },
      ...this.#commandsOf(key).map((command) => ({ t: "command" as const, ...command })),
      { t: "chainEnd", note, opening: opening ?? empty },
    ];
  }

  /** The lines of a trail, without its `end`. All parties, the resource and all grants of the world are in it. */
  async trailLines(kind: TrailKind, id: string, parts: TrailParts = {}): Promise<TrailLine[]> {
    const { from, to, without = [] } = parts;
    const grants = this.#grantIds();
    const chains: [string, TrailLineOf<"chain">["kind"], string][] = [
      [NET, "directory", NET],
      [NET, "boundary", NET],
      [NET, "orders", NET],
      ...Object.values(PARTIES).map((party): [string, "party", string] => [NET, "party", party.id]),
      [NET, "resource", RESOURCE],
      ...grants.map((grant): [string, "grant", string] => [privateScope(NET, MSP), "grant", grant]),
      ...(parts.said === undefined && parts.openings === undefined
        ? []
        : [[privateScope(NET, MSP), "openings", RESOURCE] as [string, "openings", string]]),
      ...(["offer", "contract"] as const).flatMap((chain) =>
        (parts[chain] === undefined ? [] : [parts[chain]]).map((name): [string, "offer" | "contract", string] => [
          privateScope(NET, MSP),
          chain,
          name,
        ]),
      ),
    ];
    const lines: TrailLine[] = [
      { t: "trail", v: "quanji.trail.v1", net: NET, key: { kind, id }, ...(from && { from }), ...(to && { to }) },
    ];
    for (const [scope, chainKind, name] of chains) {
      if (!without.includes(`${chainKind} ${name}`)) lines.push(...(await this.chainLines(scope, chainKind, name)));
    }
    const logs = kind === "party" ? [LOG, OTHER_LOG] : this.#logsOf(kind, id);
    for (const log of logs) lines.push(...(await this.logLines(log, kind, id, parts)));
    return lines;
  }

  #logsOf(kind: "grant" | "resource", id: string): readonly string[] {
    const text =
      kind === "resource"
        ? this.#public.get(publicKeys.resource(id))
        : this.#private.get(`org-${MSP} ${privateKeys.grant(id)}`);
    const object = JSON.parse(text ?? "{}") as { logs?: string[]; value?: { logs: string[] } };
    return object.logs ?? object.value?.logs ?? [LOG];
  }

  #grantIds(): string[] {
    const prefix = `org-${MSP} grant/`;
    return [...this.#private.keys()].filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length));
  }

  async logLines(log: string, kind: TrailKind, id: string, parts: TrailParts = {}): Promise<TrailLine[]> {
    const path = `links.${kind}`;
    const all = this.records(log).filter(({ stored }) => idOf(stored, kind) === id);
    const timeOf = ({ stored }: Found): string => (JSON.parse(stored.body) as { time: string }).time;
    const before = all.filter((found) => parts.from !== undefined && timeOf(found) < parts.from);
    const previous = before.at(-1);
    const successor =
      parts.successor === true && parts.to !== undefined
        ? all.find((found) => !before.includes(found) && timeOf(found) >= parts.to!)
        : undefined;
    const shown = all.filter(
      (found) => !before.includes(found) && (successor === undefined || found.index < successor.index),
    );
    const opened = ({ stored }: Found) => ({ record: recordText(stored), opening: stored.links[path] as never });
    const last = shown.at(-1) ?? previous;
    const { note, opening } = await this.headNote({ scope: log, kind, id });
    return [
      { t: "log", log, start: previous === undefined ? { n: 0 } : opened(previous) },
      ...shown.map(({ stored, index }): TrailLine => ({
        t: "record",
        r: recordText(stored),
        o: {
          [path]: stored.links[path] as never,
          ...(parts.said === true ? (this.said(log, index) as object) : {}),
        },
        ...(parts.said === true && this.#erasedOf(log, index)),
        ...(stored.request !== undefined && { q: stored.request }),
      })),
      {
        t: "logEnd",
        log,
        ...(successor !== undefined
          ? { next: { ...opened(successor), proof: await this.proof(log, successor.index) } }
          : {
              note,
              ...(opening !== undefined && { opening }),
              ...(last !== undefined && { proof: await this.proof(log, last.index) }),
            }),
      },
    ];
  }

  #erasedOf(log: string, index: number): { e?: ["operator"] } {
    const { request } = this.find(log, index).stored;
    const isAccess = request !== undefined && this.find(log, index).stored.face.includes('"type":"access"');
    return isAccess && this.said(log, index)["operator"] === undefined ? { e: ["operator"] } : {};
  }

  async trail(kind: TrailKind, id: string, parts: TrailParts = {}): Promise<string> {
    return sealed(await this.trailLines(kind, id, parts));
  }

  trustPayload(changes: Partial<Trust> = {}): Trust {
    const logs = [LOG, OTHER_LOG];
    return {
      v: "quanji.trust.v1",
      version: 1,
      net: NET,
      expires: instant(START + 400 * 86_400_000),
      testClock: false,
      timeZone: "+08:00",
      genesis: sha256Text("genesis"),
      init: this.init,
      configs: [],
      gateways: logs.map((log) => ({
        name: "gw",
        kid: kidOf("gw", GATEWAY),
        jwk: GATEWAY.jwk,
        publicUrl: URLS.gw,
        log,
        from: 0,
      })),
      logs: logs.map((origin) => ({ origin, org: "holder" })),
      keys: logs.map((log) => ({ vkey: LOG_KEYS[log]!.vkey, log, from: 0 })),
      heads: { heads: HEADS.vkey },
      msps: {},
      policy: `${logs.map((log) => `log ${LOG_KEYS[log]!.vkey}\n`).join("")}quorum none\n`,
      signers: [{ kid: kidOf(PARTIES.regulator.id, TRUST_SIGNER), jwk: TRUST_SIGNER.jwk }],
      threshold: 1,
      regulator: PARTIES.regulator.id,
      ...changes,
    };
  }

  async trust(changes: Partial<Trust> = {}, now = this.nowMs): Promise<OpenedTrust> {
    return openTrust(trustFile(this.trustPayload(changes)), { now });
  }
}

/** Under which tags a record is indexed. */
const tagsOf = ({ face, body }: StoredRecord): readonly string[] => {
  const { steward } = JSON.parse(face) as { steward?: string };
  const { subjects } = JSON.parse(body) as { subjects?: string | string[] };
  return typeof subjects === "string" ? [bulkTag(steward ?? "")] : (subjects ?? []);
};

const groupOf = (verb: Verb): string => {
  const [group = ""] = verb.split(".");
  return (
    { network: "network", gateway: "network", log: "network", clock: "network", party: "parties" }[group] ??
    { resource: "resources", order: "orders", grant: "grants", record: "openings" }[group] ??
    { offer: "market", tariff: "market", contract: "market", attest: "attestations" }[group] ??
    { indicator: "settlement", statement: "settlement", invoice: "settlement", certificate: "settlement" }[group] ??
    { disclosure: "settlement" }[group] ??
    group
  );
};

export const requestText = (jws: FlattenedJws): string => hashText(sha256(utf8(`${jws.protected}.${jws.payload}`)));

const idOf = ({ face, body }: StoredRecord, kind: TrailKind): string | undefined => {
  if (kind === "party" && face.includes('"type":"tally"')) return undefined;
  const { grant, resource, requester } = JSON.parse(body) as Record<string, string>;
  const text = kind === "party" ? requester : kind === "grant" ? grant : resource;
  return text?.slice(0, text.lastIndexOf(kind === "party" ? "#" : "@"));
};

const LINE_LIMITS = { maxBytes: 4 * 1024 * 1024, maxDepth: 12 };

/** Lines as a file: each canonical, and an `end` line that counts them. */
export function sealed(lines: readonly unknown[]): string {
  const text = lines.map((line) => `${typeof line === "string" ? line : canonical(line, LINE_LIMITS)}\n`).join("");
  const isEntry = ({ t }: TrailLine): boolean => t === "record" || t === "sealed";
  return sealedText(text, lines.filter((line) => isEntry(line as TrailLine)).length);
}

export const sealedText = (text: string, count: number): string =>
  `${text}${canonical({ count, digest: sha256Text(text), t: "end" })}\n`;
