/** One story on one ledger: its actors, its clock, its commands and uses, each written down as it ended. */
import { randomBytes } from "node:crypto";
import { readFile, rm } from "node:fs/promises";
import path from "node:path";
import { type Payload, type RecordBytes, type Role, splitRecordText, type Verb } from "@quanji/chaincode/domain";
import type { FlattenedJws, JsonObject } from "@quanji/chaincode/log";
import {
  bodyOf,
  Client,
  generateKey,
  openSigner,
  readKeyFile,
  type SignedCommand,
  type Signer,
  signCommand,
  type Values,
} from "@quanji/client";
import { type OpenedTrust, openTrust } from "@quanji/client/verify";
import { payloadOf, type Reply, send } from "@quanji/gateway/testing";
import { headOf } from "../../support/batch.js";
import type { Base, Ground } from "../../support/ground.js";
import { LocalHost, LOG, LogLines, NET, PUBLIC_URL } from "../../support/host.js";
import { newFolder } from "../../support/stage.js";
import { until } from "../../support/until.js";
import { witnessed } from "../../support/witnesses.js";
import { at } from "./calendar.js";
import { labelled } from "./ids.js";
import { type Rows, StorySource } from "./source.js";

export interface Actor {
  readonly id: string;
  readonly roles: readonly Role[];
  /** Whom the story names as responsible; in confidence. */
  readonly head?: string;
}

/** Two whom no story names: one is admitted as a user, the other never. */
const EXTRAS = {
  OUTS: { id: "urn:quanji:org:CN:OUTS", roles: ["user"] },
  PEND: { id: "urn:quanji:org:CN:PEND", roles: ["user"] },
} as const satisfies Record<string, Actor>;
export type Extra = keyof typeof EXTRAS;

export interface StoryOptions<Name extends string> {
  /** `S1`. */
  readonly name: string;
  readonly ground: Ground;
  readonly regulator: Actor & { readonly code: Name };
  readonly actors: Readonly<Record<Exclude<Name, never>, Actor>>;
  /** By resource id: who is its steward, and what there is. */
  readonly data: Readonly<Record<string, { readonly steward: string; readonly rows: Rows }>>;
}

/** A use as the text writes it: `X ▸ R#action/purpose @G`. */
export interface Use {
  readonly resource: string;
  readonly action?: Payload<"access">["action"];
  readonly purpose: string;
  readonly grant?: string;
  readonly fields?: readonly string[];
  readonly quantity?: number;
}

/** How it ended. */
export interface Used {
  readonly by: string;
  readonly use: Use;
  readonly signed: SignedCommand;
  /** `✓`; `failed`: permitted, recorded, and nothing came; or the code of the denial. */
  readonly outcome: string;
  readonly receipt: FlattenedJws;
  /** Data lines of the answer, in base64. */
  readonly data: string;
  /** What the gateway said beside the receipt. */
  readonly problem: Readonly<Record<string, unknown>>;
}

export interface Commanded {
  readonly by: string;
  readonly verb: Verb;
  readonly signed: SignedCommand;
  /** `ok`, or the code of the refusal. */
  readonly outcome: string;
  readonly answer: Readonly<Record<string, unknown>>;
}

/** At once, so that a batch is full. */
const AT_ONCE = 64;

export class Story<Name extends string> {
  readonly name: string;
  readonly ground: Ground;
  readonly host: LocalHost;
  readonly base: Base;
  readonly source: StorySource;
  readonly lines: LogLines;
  readonly quorum: number;
  /** Everything that happened, in the order in which it was asked for. */
  readonly uses: Used[] = [];
  readonly commands: Commanded[] = [];
  /** Record texts of deliveries by request, as their receipts show them: see {@link learn}. */
  readonly deliveries = new Map<string, RecordBytes>();
  readonly #ids: ReadonlyMap<string, string>;
  readonly #signers: ReadonlyMap<string, Signer>;
  readonly #clients = new Map<string, Promise<Client>>();
  readonly #seq = new Map<string, number>();
  #offsetMs = 0;

  private constructor(parts: {
    readonly name: string;
    readonly ground: Ground;
    readonly host: LocalHost;
    readonly base: Base;
    readonly source: StorySource;
    readonly lines: LogLines;
    readonly quorum: number;
    readonly ids: ReadonlyMap<string, string>;
    readonly signers: ReadonlyMap<string, Signer>;
  }) {
    this.name = parts.name;
    this.ground = parts.ground;
    this.host = parts.host;
    this.base = parts.base;
    this.source = parts.source;
    this.lines = parts.lines;
    this.quorum = parts.quorum;
    this.#ids = parts.ids;
    this.#signers = parts.signers;
  }

  /** Witnesses stand, the clock shows Monday 2026-03-02 09:00, and everybody is registered. */
  static async begin<Name extends string>(options: StoryOptions<Name>): Promise<Story<Name>> {
    const { name, regulator, actors, data } = options;
    const city = witnessed(options.ground);
    const base = await city.ground.lay();
    const lines = new LogLines();
    const pathOf = (resource: string): string => `/${resource.replace("/", ".")}`;
    const rows = new Map(Object.entries(data).map(([resource, { rows }]) => [pathOf(resource), rows]));
    const source = await StorySource.open(rows);
    const config = {
      network: { net: NET, testClock: true },
      regulator: { party: regulator.id, name: regulator.code },
      sources: Object.entries(data).map(([resource, { steward }]) => ({
        resource,
        steward,
        kind: "http",
        format: "json",
        items: "/items",
        url: `${source.url}${pathOf(resource)}?limit={limit}`,
        allowPrivate: true,
      })),
    };
    const folder = await newFolder();
    // Told the collection's secret, they can also say that a chain was never touched: of a party that only grants, say.
    const witnesses = (base.config["witnesses"] as readonly object[]).map((row) => ({ ...row, absence: true }));
    const told: Base = { ...base, config: { ...base.config, witnesses } };
    const host = await LocalHost.open({ base: told, data: folder, config, lines });
    const { jwk } = await readKeyFile(path.join(folder, "keys", "regulator.jwk"));
    const everybody: Record<string, Actor> = { ...actors, ...EXTRAS };
    const signers = new Map<string, Signer>([[regulator.code, await openSigner({ jwk, party: regulator.id })]]);
    for (const [code, { id }] of Object.entries(everybody)) {
      const alg = signers.size % 2 === 0 ? "ES256" : "EdDSA";
      signers.set(code, await openSigner({ jwk: await generateKey(alg), party: id }));
    }
    const ids = new Map<string, string>([
      [regulator.code, regulator.id],
      ...Object.entries(everybody).map(([code, { id }]) => [code, id] as const),
    ]);
    const { quorum } = city;
    const story = new Story<Name>({ name, ground: options.ground, host, base, source, lines, quorum, ids, signers });
    try {
      await story.setClock(at("2026-03-02 09:00:00"), regulator.code);
      for (const [code, actor] of Object.entries(everybody)) await story.#join(code, actor, regulator.code);
    } catch (error) {
      await story.close();
      throw error;
    }
    story.commands.length = 0;
    return story;
  }

  async close(): Promise<void> {
    for (const client of this.#clients.values()) await (await client).close();
    await this.host.close();
    await this.base.close();
    await this.source.close();
    await rm(this.host.data, { recursive: true, force: true });
  }

  /** A label of the story as an id. */
  id(label: string): string {
    return labelled(this.name, label);
  }

  /** Code of a party in the story. */
  codeOf(party: string): string {
    return [...this.#ids].find(([, id]) => id === party)?.[0] ?? party;
  }

  /** Newest block. */
  async block(): Promise<number> {
    await using view = await this.host.ledger.view();
    return view.block;
  }

  /** Asks for the receipts of a use's delivery, and keeps what was delivered. */
  async learn({ by, signed }: Used): Promise<void> {
    if (this.deliveries.has(signed.request)) return;
    const client = await this.client(by as Name);
    const { delivery } = await client.read(`/v1/receipts/${signed.request}`);
    if (delivery !== undefined) this.keep(signed.request, delivery);
  }

  /** @param receipt of a delivery */
  keep(request: string, receipt: unknown): void {
    this.deliveries.set(request, splitRecordText(String(payloadOf(receipt)["record"])));
  }

  party(code: Name | Extra): string {
    return this.#ids.get(code) ?? code;
  }

  signer(code: Name | Extra): Signer {
    const signer = this.#signers.get(code);
    if (signer === undefined) throw new Error(`${code} is not in this story`);
    return signer;
  }

  /** Ledger time now. */
  nowMs(): number {
    return this.host.clock() + this.#offsetMs;
  }

  /** Ledger time from now on; it only grows. */
  async setClock(ms: number, regulator: Name): Promise<void> {
    const offsetMs = Math.ceil(ms - this.host.clock());
    const signed = await this.sign(regulator, "clock.set", { offsetMs });
    const { status, text } = await this.post("/v1/commands/clock.set", signed);
    if (status !== 200) throw new Error(`the clock is not set: ${text}`);
    this.#offsetMs = offsetMs;
    for (const client of this.#clients.values()) await (await client).close();
    this.#clients.clear();
  }

  /** Ledger time is so much later. */
  pass(ms: number, regulator: Name): Promise<void> {
    return this.setClock(this.nowMs() + ms, regulator);
  }

  /** Pinned, and read at the time that the story has reached. */
  async trust(): Promise<OpenedTrust> {
    const text = await readFile(path.join(this.host.data, "trust.json"));
    // It is valid for ten years of the machine's clock, which the story has left.
    return { ...(await openTrust(text, { now: this.host.clock() })), nowMs: this.nowMs() };
  }

  client(code: Name | Extra): Promise<Client> {
    const known =
      this.#clients.get(code) ??
      this.trust().then((trust) =>
        Client.connect({
          gateway: this.host.address,
          key: this.signer(code),
          trust,
          clock: this.host.clock,
          accept: false,
        }),
      );
    this.#clients.set(code, known);
    return known;
  }

  sign(
    by: Name | Extra,
    verb: Verb | "read",
    payload: JsonObject,
    values: Values = {},
    urlPath = verb === "access" ? "/v1/access" : `/v1/commands/${verb}`,
  ): Promise<SignedCommand> {
    return signCommand({
      signer: this.signer(by),
      verb,
      url: PUBLIC_URL + urlPath,
      payload: { net: NET, ...payload },
      values,
      nowMs: this.nowMs(),
      random: randomBytes,
    });
  }

  post(urlPath: string, signed: Pick<SignedCommand, "jws" | "openings">): Promise<Reply> {
    const { type, text } = bodyOf(signed);
    return send(this.host.address, { method: "POST", path: urlPath, headers: { "content-type": type }, body: text });
  }

  /** A read, as text. */
  async read(by: Name | Extra, urlPath: string): Promise<string> {
    const { status, text } = await this.post(urlPath, await this.sign(by, "read", {}, {}, urlPath));
    if (status !== 200) throw new Error(`${urlPath}: ${text}`);
    return text;
  }

  /** Once, as it comes out. */
  async send(by: Name | Extra, verb: Verb, payload: JsonObject, values: Values = {}): Promise<Commanded> {
    const signed = await this.sign(by, verb, payload, values);
    const reply = await this.post(`/v1/commands/${verb}`, signed);
    return {
      by,
      verb,
      signed,
      outcome: reply.status === 200 ? "ok" : (reply.code() ?? reply.text),
      answer: bodyIn(reply),
    };
  }

  /** Signs a use under the requester's next number. What was not recorded gives it back: {@link giveBack}. */
  async signUse(by: Name | Extra, use: Use): Promise<SignedCommand> {
    const seq = this.#seq.get(by) ?? 0;
    this.#seq.set(by, seq + 1);
    const { action = "query", fields = ["id"], quantity = 10, resource, purpose, grant } = use;
    return this.sign(
      by,
      "access",
      {
        log: LOG,
        resource,
        action,
        purpose,
        fields: [...fields],
        environment: { kind: "api", jurisdiction: "CN" },
        quantity,
        mode: "normal",
        seq,
        ...(grant !== undefined && { grant }),
      },
      { operator: { value: OPERATOR } },
    );
  }

  giveBack(by: Name | Extra): void {
    this.#seq.set(by, (this.#seq.get(by) ?? 1) - 1);
  }

  /** A use to its last byte. Throws for what was not recorded. */
  async use(by: Name | Extra, use: Use): Promise<Used> {
    const signed = await this.signUse(by, use);
    const used = usedOf(by, use, signed, await this.post("/v1/access", signed));
    this.uses.push(used);
    return used;
  }

  /** So many of them, many at once. */
  async useAll(by: Name | Extra, use: Use, times: number): Promise<readonly Used[]> {
    const done: Used[] = [];
    let left = times;
    const worker = async (): Promise<void> => {
      while (left-- > 0) done.push(await this.use(by, use));
    };
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, times) }, worker));
    return done;
  }

  /** Every permit so far has its account on the ledger: two records a permit, one a denial, and nothing is under way. */
  async settled(): Promise<void> {
    const permits = this.uses.filter(({ outcome }) => outcome === "✓" || outcome === "failed").length;
    const records = this.uses.length + permits;
    await until(async () => ((await headOf(this.host.ledger)).size >= records ? true : undefined));
  }

  async #join(code: string, { id, roles, head }: Actor, regulator: Name): Promise<void> {
    const by = code as Name;
    await (
      await this.client(by)
    ).parties.register({
      kind: "org",
      name: code,
      roles,
      jurisdiction: "CN",
      home: "HolderMSP",
      responsibleHead: { name: head ?? `head of ${code}`, title: "director" },
    });
    if (code !== ("PEND" satisfies Extra)) await (await this.client(regulator)).parties.admit(id, roles);
  }
}

/** Told with each use, in confidence. */
export const OPERATOR = "operator zs7 Wang Xiaoming";

const bodyIn = (reply: Reply): Readonly<Record<string, unknown>> => reply.payload()?.body ?? {};

function usedOf(by: string, use: Use, signed: SignedCommand, reply: Reply): Used {
  const common = { by, use, signed };
  if (String(reply.headers["content-type"]).startsWith("application/x-ndjson")) {
    const lines = reply.lines();
    const data = lines.filter(({ t }) => t === "data").map(({ b }) => String(b));
    const end = lines.find(({ t }) => t === "end");
    const delivered = end !== undefined && payloadOf(end["delivery"])["outcome"] === "delivered";
    const receipt = lines[0]?.["receipt"] as FlattenedJws;
    return { ...common, outcome: delivered ? "✓" : "failed", receipt, data: data.join(""), problem: {} };
  }
  const { receipt, ...problem } = bodyIn(reply);
  const { rule } = problem;
  if (typeof rule !== "string" || receipt === undefined) throw new Error(`not recorded: ${reply.status} ${reply.text}`);
  return {
    ...common,
    outcome: rule === "permit" ? "failed" : rule,
    receipt: receipt as FlattenedJws,
    data: "",
    problem,
  };
}
