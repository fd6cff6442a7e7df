/**
 * A gateway on loopback that answers honestly unless a test scripts it otherwise. It keeps no ledger: it records what it
 * receives, in order, so that tests can say what the client sent.
 */
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { ANSWER_TYP, CODES, instant, RECEIPT_TYP, recordText, TRUST_LIMITS, TRUST_TYP } from "@quanji/chaincode/domain";
import {
  canonical,
  type CommandHeader,
  type FlattenedJws,
  formatVkey,
  fromBase64url,
  NOTE_TYPES,
  noteKey,
  parseCommandJws,
  type ParsedJws,
  sha256,
  signJws,
  toBase64,
  toBase64url,
  utf8,
  verbOf,
} from "@quanji/chaincode/log";
import { generateKey, openSigner, type Signer, systemRandom, uuid } from "./index.js";
import { ANSWER_LIMITS } from "./answer.js";
import { DELIVERY_TYP } from "./stream.js";
import { NETWORK_TYP } from "./network.js";

export const NET = "quanji.test/city";
export const LOG = `${NET}/gw/0`;
/** As registered; nobody listens there. */
export const PUBLIC_URL = "http://gw.test:8080";
export const RESOURCE = "res/weather.daily";
export const GRANT = "0b0f2c52-6d0e-4a4e-9b0a-1c2d3e4f5a6b";
export const ROWS = '{"day":"2026-01-01","rain":3}\n{"day":"2026-01-02","rain":0}\n';
const JOSE = "application/jose+json";

export interface Call {
  readonly path: string;
  readonly verb: string;
  readonly parsed: ParsedJws<CommandHeader>;
  readonly openings: Readonly<Record<string, unknown>> | undefined;
  /** Exact body. */
  readonly text: string;
}

/** One answer out of the ordinary. `honest` answers as usual. */
export type Script = (call: Call, response: ServerResponse, honest: () => Promise<void>) => Promise<void> | void;

const digest = (text: string): string => toBase64url(sha256(utf8(text)));

export class FakeGateway {
  readonly key: Signer;
  readonly calls: Call[] = [];
  /** By request: what was recorded, `permit` or the rule that denied. */
  readonly recorded = new Map<string, { readonly call: Call; readonly rule: string; readonly index: number }>();
  /** Rule of the next accesses; `permit` gives data. */
  rule = "permit";
  data = ROWS;
  ready = true;
  readonly #scripts = new Map<string, Script[]>();
  readonly #server: Server;
  readonly #replies = new Map<string, unknown>();

  private constructor(key: Signer) {
    this.key = key;
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        this.#handle(request.url ?? "", Buffer.concat(chunks).toString("utf8"), response).catch((error: unknown) => {
          response.destroy(error instanceof Error ? error : undefined);
        });
      });
    });
  }

  static async start(): Promise<FakeGateway> {
    const fake = new FakeGateway(await openSigner({ jwk: await generateKey("EdDSA"), party: "gw" }));
    await new Promise<void>((resolve) => fake.#server.listen(0, "127.0.0.1", resolve));
    return fake;
  }

  get address(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Scripts the next call of a verb (`access`, `read`, `grant.approve`), once; several calls, several scripts. */
  script(verb: string, ...scripts: readonly Script[]): void {
    this.#scripts.set(verb, [...(this.#scripts.get(verb) ?? []), ...scripts]);
  }

  /** Body of the answer to a read of this path (without query). */
  answer(path: string, body: unknown): void {
    this.#replies.set(path, body);
  }

  callsOf(verb: string): readonly Call[] {
    return this.calls.filter((call) => call.verb === verb);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  sign(typ: string, payload: unknown, key: Signer = this.key): Promise<FlattenedJws> {
    return signJws({ alg: key.alg, kid: key.kid, typ }, payload, key.sign, ANSWER_LIMITS);
  }

  async send(response: ServerResponse, request: string, status: number, body: unknown, key?: Signer): Promise<void> {
    const text = JSON.stringify(await this.sign(ANSWER_TYP, { request, status, body }, key));
    response.writeHead(status, { "content-type": JOSE }).end(text);
  }

  /** A signed problem. `more`: `{rule, receipt}` of a recorded refusal. */
  refuse(response: ServerResponse, request: string, code: keyof typeof CODES, more: object = {}): Promise<void> {
    const { status, meaning } = CODES[code];
    const body = { type: `/v1/codes#${code}`, title: meaning, status, code, detail: `refused: ${meaning}`, ...more };
    return this.send(response, request, status, body);
  }

  networkView(): object {
    const { jwk, kid } = this.key;
    return {
      net: NET,
      timeZone: "+08:00",
      testClock: false,
      gateway: "gw",
      gateways: [{ v: "quanji.gateway.v1", name: "gw", msp: "HolderMSP", publicUrl: PUBLIC_URL, jwk, kid, logs: [] }],
      logs: [{ origin: LOG, gateway: "gw", msp: "HolderMSP", vkey: "not looked at" }],
      msps: ["HolderMSP"],
      now: instant(Date.now()),
    };
  }

  async #handle(url: string, text: string, response: ServerResponse): Promise<void> {
    if (url === "/v1/network") {
      response.writeHead(200, { "content-type": JOSE });
      response.end(JSON.stringify(await this.sign(NETWORK_TYP, this.networkView())));
      return;
    }
    if (url === "/readyz") {
      response.writeHead(this.ready ? 200 : 503).end();
      return;
    }
    const body = JSON.parse(text) as { command?: unknown; openings?: Record<string, unknown> };
    const parsed = parseCommandJws(body.command ?? body, { maxBytes: 2 ** 20, maxDepth: 8 });
    const call: Call = { path: url, verb: verbOf(parsed.header.typ), parsed, openings: body.openings, text };
    this.calls.push(call);
    const honest = (): Promise<void> => this.honest(call, response);
    const script = this.#scripts.get(call.verb)?.shift();
    await (script === undefined ? honest() : script(call, response, honest));
  }

  async honest(call: Call, response: ServerResponse): Promise<void> {
    const { request } = call.parsed;
    if (call.verb === "access") return this.#access(call, response);
    if (call.verb === "read") return this.#read(call, response);
    const result = call.verb === "access.accept" ? { log: LOG, record: 2 } : {};
    const position = { block: 7, index: 0, txId: "ab".repeat(32), result };
    return this.send(response, request, 200, position);
  }

  async #read({ path, parsed }: Call, response: ServerResponse): Promise<void> {
    const name = path.split("?")[0] ?? "";
    const body = name === "/v1/seq" ? this.#seq() : this.#replies.get(name);
    if (body === undefined) await this.refuse(response, parsed.request, "NOT_FOUND");
    else await this.send(response, parsed.request, 200, body);
  }

  /** Numbers that were recorded, as the ledger's window. */
  #seq(): object {
    const used = [...this.recorded.values()].map(({ call }) => Number(call.parsed.payload["seq"]));
    const window = new Uint8Array(128);
    for (const seq of used) window[Math.floor((seq % 1024) / 8)]! |= 2 ** (seq % 8);
    return { log: LOG, next: Math.max(-1, ...used) + 1, window: toBase64url(window) };
  }

  async #access(call: Call, response: ServerResponse): Promise<void> {
    const { request } = call.parsed;
    if (this.recorded.has(request)) {
      await this.send(response, request, 200, { receipt: await this.receipt(request) });
      return;
    }
    await this.record(call);
    if (this.rule !== "permit") {
      await this.refuse(response, request, this.rule as keyof typeof CODES, {
        rule: this.rule,
        receipt: await this.receipt(request),
      });
      return;
    }
    await this.stream(response, request, await this.receipt(request), {});
  }

  record(call: Call): Promise<void> {
    this.recorded.set(call.parsed.request, { call, rule: this.rule, index: this.recorded.size });
    return Promise.resolve();
  }

  /** Receipt, data, end: with whatever a test puts in place of the truth. */
  async stream(
    response: ServerResponse,
    request: string,
    receipt: FlattenedJws,
    lies: { readonly account?: object; readonly key?: Signer; readonly end?: false },
  ): Promise<void> {
    const data = utf8(this.data);
    const account = {
      request,
      digest: toBase64url(sha256(data)),
      bytes: data.length,
      rows: 2,
      outcome: "delivered",
      ...lies.account,
    };
    const half = Math.floor(data.length / 2);
    response.writeHead(200, { "content-type": "application/x-ndjson" });
    response.write(`${JSON.stringify({ receipt, t: "receipt" })}\n`);
    for (const part of [data.subarray(0, half), data.subarray(half)]) {
      response.write(`${JSON.stringify({ b: toBase64(part), t: "data" })}\n`);
    }
    if (lies.end === false) response.end();
    else response.end(`${JSON.stringify({ delivery: await this.sign(DELIVERY_TYP, account, lies.key), t: "end" })}\n`);
  }

  /** The receipt of a recorded request. */
  async receipt(request: string, key: Signer = this.key): Promise<FlattenedJws> {
    const found = this.recorded.get(request);
    if (found === undefined) throw new Error("not recorded");
    const { call, rule, index } = found;
    const { header, payload, jws } = call.parsed;
    const time = instant(header.iat * 1000);
    const face = {
      class: "weather.daily",
      count: 1,
      decision: rule === "permit" ? "permit" : "deny",
      hour: `${time.slice(0, 13)}Z`,
      index,
      log: LOG,
      purpose: payload["purpose"],
      steward: "urn:quanji:bureau",
      type: "access",
      unit: header.kid.split("#")[0],
      v: "quanji.record.v1",
    };
    const body = {
      action: payload["action"],
      basis: { boundary: 0, grant: 1, orders: 0, party: 1, resource: 1 },
      ...(rule === "permit" && { deliverBefore: time }),
      grant: `${GRANT}@1`,
      id: uuid(systemRandom),
      links: { grant: digest("g"), party: digest("p"), resource: digest("r") },
      nonce: toBase64url(systemRandom(16)),
      obligations: [],
      quantity: payload["quantity"],
      request,
      requester: header.kid,
      resource: `${RESOURCE}@1`,
      rule,
      time,
      used: 0,
    };
    const receipt = {
      v: "quanji.receipt.v1",
      block: 9,
      index: 0,
      txId: "cd".repeat(32),
      level: "committed",
      status: rule === "permit" ? 200 : CODES[rule as keyof typeof CODES].status,
      keys: { gateway: this.key.jwk, requester: this.key.jwk },
      record: recordText({ face: canonical(face), body: canonical(body) }),
      openings: {},
      request: jws,
      proof: "none: nothing here checks proofs",
    };
    return this.sign(RECEIPT_TYP, receipt, key);
  }
}

/** A trust file for this network with `key` as its gateway's, signed by a key of its own, or by `signer` after another one. */
export async function trustFile(
  key: Signer,
  follows: { readonly signer?: Signer; readonly version?: number; readonly prev?: string } = {},
): Promise<string> {
  const { version = 1, prev } = follows;
  const owner =
    follows.signer ?? (await openSigner({ jwk: await generateKey("EdDSA"), party: "urn:quanji:regulator" }));
  const log = formatVkey(noteKey(LOG, NOTE_TYPES.ed25519, fromBase64url((await generateKey("EdDSA")).x)));
  const trust = {
    v: "quanji.trust.v1",
    version,
    ...(prev !== undefined && { prev }),
    net: NET,
    expires: "2030-01-01T00:00:00.000Z",
    testClock: false,
    timeZone: "+08:00",
    genesis: digest("genesis"),
    init: digest("init"),
    configs: [],
    gateways: [{ name: "gw", kid: key.kid, jwk: key.jwk, publicUrl: PUBLIC_URL, log: LOG, from: 0 }],
    logs: [{ origin: LOG, org: "holder" }],
    keys: [{ vkey: log, log: LOG, from: 0 }],
    heads: {},
    msps: {},
    policy: `log ${log}\nquorum none\n`,
    signers: [{ kid: owner.kid, jwk: owner.jwk }],
    threshold: 1,
    regulator: owner.party,
  };
  const signed = await signJws({ alg: owner.alg, kid: owner.kid, typ: TRUST_TYP }, trust, owner.sign, TRUST_LIMITS);
  const { payload, signature } = signed;
  return canonical({ payload, signatures: [{ protected: signed.protected, signature }] }, TRUST_LIMITS);
}
