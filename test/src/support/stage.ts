/** Parties, a resource with a real source behind it, grants and uses: what most suites begin with. */
import { randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Terms, TrailKind, Verb } from "@quanji/chaincode/domain";
import type { JsonObject } from "@quanji/chaincode/log";
import { heldBy, WEATHER, WEATHER_TERMS, WEATHER_USE, weatherField } from "@quanji/chaincode/testing";
import {
  type Access,
  AccessRefused,
  bodyOf,
  Client,
  generateKey,
  openSigner,
  type PartyKeyPair,
  readKeyFile,
  type SignedCommand,
  type Signer,
  signCommand,
  toJwkFile,
  type Values,
} from "@quanji/client";
import { type OpenedTrust, openTrust } from "@quanji/client/verify";
import { type Reply, send } from "@quanji/gateway/testing";
import { type Base, EMBEDDED, EMBEDDED_BASE, type Ground } from "./ground.js";
import { type Host, type HostOptions, LocalHost, LOG, NET, PUBLIC_URL } from "./host.js";
import { ChildHost } from "./child.js";
import { CountingSource } from "./source.js";
import { until } from "./until.js";

/** Ids with right check characters, of nobody. */
export const IDS = {
  regulator: "11100000MBQJ00056J",
  bureau: "11510100MBQJ006115",
  insurer: "91510100MAQJ006421",
  adjuster: "91510100MAQJ00626B",
  stranger: "91510100MAQJ00669Q",
} as const;
export type Name = keyof typeof IDS;
export const RESOURCE = "res/weather.daily";

export const TERMS: Terms = { ...WEATHER_TERMS, actions: ["query", "subgrant"], fields: ["day", "city", "rain"] };

/** How one use ended. */
export interface Ended {
  /** `permit`; `undelivered`, a permit whose data was stopped or did not come; or the code of the denial. */
  readonly outcome: string;
  /** Present if it was recorded, and the client could check that. */
  readonly request?: string;
  /** Position in the log. */
  readonly index?: number;
  /** Block, and position of the transaction in it. */
  readonly at?: readonly [number, number];
}

export interface SignOptions {
  readonly jti?: string;
  readonly values?: Values;
  readonly nowMs?: number;
  readonly url?: string;
}

/** The configuration that binds resources to a source. */
export const sourcesOf = (
  source: CountingSource,
  resources: readonly string[] = [RESOURCE],
): Readonly<Record<string, unknown>> => ({
  sources: resources.map((resource) => ({
    resource,
    steward: IDS.bureau,
    kind: "http",
    format: "json",
    items: "/items",
    url: `${source.url}/days?limit={limit}`,
    allowPrivate: true,
  })),
});

export interface StageOptions extends Partial<Omit<HostOptions, "data" | "base">> {
  /** Default: {@link EMBEDDED}. */
  readonly ground?: Ground;
  /** Which resources the source serves. Default: {@link RESOURCE} alone. */
  readonly resources?: readonly string[];
  /** Members of `gateway.json` that depend on the source. */
  readonly configFor?: (source: CountingSource) => Readonly<Record<string, unknown>>;
}

export const newFolder = (): Promise<string> => mkdtemp(path.join(tmpdir(), "quanji-suite-"));

export class Stage<H extends Host = Host> {
  readonly host: H;
  readonly source: CountingSource;
  readonly signers: Record<Name, Signer>;
  /** What its gateway stands on. */
  readonly base: Base;
  readonly #clients = new Map<string, Promise<Client>>();
  readonly #sequences = new Map<string, number>();

  /** How far the network's clock was moved. */
  #offsetMs = 0;
  /** Private keys, for programs that read them from a file. */
  readonly #keys: ReadonlyMap<string, PartyKeyPair>;

  private constructor(
    host: H,
    source: CountingSource,
    base: Base,
    signers: Record<Name, Signer>,
    keys: ReadonlyMap<string, PartyKeyPair>,
  ) {
    this.host = host;
    this.source = source;
    this.base = base;
    this.signers = signers;
    this.#keys = keys;
  }

  /** Content of a key file. */
  keyFile(name: Name): string {
    const key = this.#keys.get(name);
    if (key === undefined) throw new Error(`the key of ${name} is the gateway's`);
    return JSON.stringify(toJwkFile(key));
  }

  /** A gateway in this process. */
  static async open({ resources, configFor, ground = EMBEDDED, ...options }: StageOptions = {}): Promise<
    Stage<LocalHost>
  > {
    const base = await ground.lay();
    const source = await CountingSource.open();
    try {
      const config = { ...sourcesOf(source, resources), ...configFor?.(source), ...options.config };
      return await Stage.on(await LocalHost.open({ ...options, base, data: await newFolder(), config }), source, base);
    } catch (error) {
      await base.close();
      throw error;
    }
  }

  /** A gateway in a process of its own. */
  static async apart(ground: Ground): Promise<Stage<ChildHost>> {
    const base = await ground.lay();
    const source = await CountingSource.open();
    try {
      const host = await ChildHost.open(await newFolder(), { ...sourcesOf(source), ...base.config });
      return await Stage.on(host, source, base);
    } catch (error) {
      await base.close();
      throw error;
    }
  }

  /** On a gateway whose network has just begun: everybody registers, and the bureau its table. */
  static async on<H extends Host>(host: H, source: CountingSource, base: Base = EMBEDDED_BASE): Promise<Stage<H>> {
    const { jwk } = await readKeyFile(path.join(host.data, "keys", "regulator.jwk"));
    const keys = new Map<string, PartyKeyPair>();
    const made = async (name: Name, alg: "ES256" | "EdDSA") => {
      const key = { jwk: await generateKey(alg), party: IDS[name] };
      keys.set(name, key);
      return openSigner(key);
    };
    const signers = {
      regulator: await openSigner({ jwk, party: IDS.regulator }),
      bureau: await made("bureau", "ES256"),
      insurer: await made("insurer", "EdDSA"),
      adjuster: await made("adjuster", "ES256"),
      stranger: await made("stranger", "EdDSA"),
    };
    const stage = new Stage(host, source, base, signers, keys);
    for (const name of ["bureau", "insurer", "adjuster", "stranger"] as const) await stage.#join(name);
    await stage.register(RESOURCE);
    return stage;
  }

  async close(): Promise<void> {
    for (const client of this.#clients.values()) await (await client).close();
    await this.host.close();
    await this.base.close();
    await this.source.close();
    await rm(this.host.data, { recursive: true, force: true });
  }

  /** Uses a resource, and answers its request once the delivery's own record stands too: it follows the data. */
  async handedOver(client: Client, access: Access): Promise<string> {
    const { request } = (await client.fetch(access)).access;
    await until(async () => (await client.receipt(request)).delivery);
    return request;
  }

  /**
   * Moves the clock of a network on whose clock a test may set. Clients learn it when they connect, so those that are known here are
   * forgotten.
   */
  async later(ms: number): Promise<void> {
    const offsetMs = this.#offsetMs + ms;
    const url = "/v1/commands/clock.set";
    const { status, text } = await this.post(url, await this.sign("regulator", "clock.set", url, { offsetMs }));
    if (status !== 200) throw new Error(`the clock is not set: ${text}`);
    this.#offsetMs = offsetMs;
    for (const client of this.#clients.values()) await (await client).close();
    this.#clients.clear();
  }

  async trust(): Promise<OpenedTrust> {
    return openTrust(await readFile(this.trustFile), { now: this.host.clock() });
  }

  get trustFile(): string {
    return path.join(this.host.data, "trust.json");
  }

  /**
   * A client of that party, kept for as long as the gateway stands where it does. Every receipt is verified by it. It accepts
   * deliveries only if told to: most suites count records.
   */
  client(name: Name, { accept = false }: { readonly accept?: boolean } = {}): Promise<Client> {
    const known = `${name} ${this.host.address} ${accept}`;
    const client =
      this.#clients.get(known) ??
      this.trust().then((trust) => {
        const { address, clock } = this.host;
        return Client.connect({ gateway: address, key: this.signers[name], trust, clock, accept, seqReserve: 256 });
      });
    this.#clients.set(known, client);
    return client;
  }

  async register(resource: string, change: Partial<Parameters<Client["resources"]["register"]>[0]> = {}) {
    return (await this.client("bureau")).resources.register({
      ...WEATHER,
      resource,
      responsibleHead: { name: "Han Mei", title: "director" },
      fields: [weatherField("day", "date"), weatherField("city", "string"), weatherField("rain", "number")],
      rights: heldBy(IDS.bureau),
      ...change,
    });
  }

  /** A grant of the bureau's table, asked for and approved. */
  async granted(
    grantee: Name = "insurer",
    terms: Partial<Terms> = {},
    { depth = 0, resource = RESOURCE }: { readonly depth?: number; readonly resource?: string } = {},
  ): Promise<string> {
    const asking = await this.client(grantee);
    const { grant } = await asking.grants.request({ resource, depth, terms: { ...TERMS, ...terms } });
    await (await this.client("bureau")).grants.approve(grant);
    return grant;
  }

  access(grant: string | undefined, change: Partial<Access> = {}): Access {
    return {
      log: LOG,
      resource: RESOURCE,
      ...WEATHER_USE,
      operator: "desk 7",
      quantity: 10,
      ...(grant !== undefined && { grant }),
      ...change,
    };
  }

  /** One use to its last row. Only what the gateway signed is an outcome; anything else is thrown. */
  async use(name: Name, access: Access): Promise<Ended> {
    const client = await this.client(name);
    try {
      const permitted = await client.access(access);
      const { receipt, record } = permitted.receipt;
      const outcome = await permitted.bytes().then(
        () => "permit",
        (error: unknown) => {
          if (permitted.account === undefined) throw error;
          return "undelivered";
        },
      );
      return { outcome, request: permitted.request, index: record.face.index, at: [receipt.block, receipt.index] };
    } catch (error) {
      if (!(error instanceof AccessRefused)) throw error;
      const { code, request, receipt } = error;
      return {
        outcome: code,
        request,
        ...(receipt !== undefined && {
          index: receipt.record.face.index,
          at: [receipt.receipt.block, receipt.receipt.index],
        }),
      };
    }
  }

  async trail(
    name: Name,
    kind: TrailKind,
    id: string,
    period: { readonly from?: string; readonly to?: string } = {},
  ): Promise<string> {
    let text = "";
    for await (const line of (await this.client(name)).trail(kind, id, period)) text += `${line}\n`;
    return text;
  }

  // --- what no client library would send

  /** Signs anything, for any address. */
  sign(
    by: Name | Signer,
    verb: Verb | "read",
    urlPath: string,
    payload: JsonObject,
    options: SignOptions = {},
  ): Promise<SignedCommand> {
    const { jti, values, nowMs = this.host.clock() + this.#offsetMs, url = PUBLIC_URL + urlPath } = options;
    return signCommand({
      signer: typeof by === "string" ? this.signers[by] : by,
      verb,
      url,
      payload: { net: NET, ...payload },
      values: values ?? {},
      nowMs,
      random: randomBytes,
      ...(jti !== undefined && { jti }),
    });
  }

  /** An access under the next number of that key, unless `change` names one. */
  async signAccess(by: Name, grant: string | undefined, change: JsonObject = {}, options: SignOptions = {}) {
    const seq = this.#sequences.get(by) ?? (await (await this.client(by)).seq(LOG)).next;
    if (change["seq"] === undefined) this.#sequences.set(by, seq + 1);
    const { operator, ...access } = this.access(grant);
    const payload = { ...(access as unknown as JsonObject), mode: "normal", seq, ...change };
    return this.sign(by, "access", "/v1/access", payload, { values: { operator: { value: operator } }, ...options });
  }

  /** As it stands on the wire. */
  post(
    urlPath: string,
    signed: Pick<SignedCommand, "jws" | "openings">,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Reply> {
    const { type, text } = bodyOf(signed);
    const all = { "content-type": type, ...headers };
    return send(this.host.address, { method: "POST", path: urlPath, headers: all, body: text });
  }

  async #join(name: Name): Promise<void> {
    await (
      await this.client(name)
    ).parties.register({
      kind: "org",
      name: `The ${name}`,
      roles: ["holder", "user"],
      jurisdiction: "CN",
      home: "HolderMSP",
      responsibleHead: { name: `head of ${name}`, title: "director" },
    });
    await (await this.client("regulator")).parties.admit(IDS[name], ["holder", "user"]);
  }
}

export const newId = (): string => randomUUID();
