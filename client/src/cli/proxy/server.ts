/** The sidecar: plain GETs in, signed accesses out, checked rows back, every receipt kept. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { CODES, QuanjiError } from "@quanji/chaincode/domain";
import { AccessRefused, type CheckedReceipt, type Client, replaceFile } from "../../sdk/index.js";
import { complete, lookupOf, receiptText, type Wanted } from "../commands/access.js";
import { UsageError } from "../options.js";
import { assertMayAsk, type GuardOptions, hostsOf } from "./guard.js";
import { remembering, type RememberingLookup } from "./remember.js";
import { FORMATS, parsePlain, queryOf } from "./request.js";
import { rowsAs } from "./rows.js";

export interface ProxyOptions {
  readonly client: Client;
  readonly host: string;
  readonly port: number;
  /** Further names under which it may be called. */
  readonly names: readonly string[];
  readonly tls?: { readonly cert: string | Buffer; readonly key: string | Buffer };
  readonly token?: string;
  /** Folder for receipts; exists. */
  readonly receipts: string;
  readonly defaults: Pick<Wanted, "environment"> &
    Partial<Pick<Wanted, "jurisdiction" | "operator" | "purpose" | "grant">>;
  readonly clock: () => number;
  /** Told what no caller is told. */
  readonly report: (text: string) => void;
}

export interface Proxy {
  /** `http://127.0.0.1:8479` */
  readonly url: string;
  close(): Promise<void>;
}

/** Resolves once it listens. */
export async function startProxy(options: ProxyOptions): Promise<Proxy> {
  const { host, port, tls } = options;
  const handler = new Handler(options);
  const listener = (request: IncomingMessage, response: ServerResponse): void => void handler.handle(request, response);
  const server: Server = tls === undefined ? createServer(listener) : createTlsServer({ ...tls }, listener);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
  const bound = (server.address() as AddressInfo).port;
  handler.listensOn(bound);
  const name = host.includes(":") ? `[${host}]` : host;
  return {
    url: `${tls === undefined ? "http" : "https"}://${name}:${bound}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
      }),
  };
}

class Handler {
  readonly #options: ProxyOptions;
  readonly #lookup: RememberingLookup;
  #guard: GuardOptions;

  constructor(options: ProxyOptions) {
    this.#options = options;
    this.#lookup = remembering(lookupOf(options.client), options.clock);
    this.#guard = { hosts: new Set(), scheme: "http" };
  }

  listensOn(port: number): void {
    const { host, names, tls, token } = this.#options;
    this.#guard = {
      hosts: hostsOf(host, port, names),
      scheme: tls === undefined ? "http" : "https",
      ...(token !== undefined && { token }),
    };
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader("cache-control", "no-store");
    response.setHeader("x-content-type-options", "nosniff");
    try {
      assertMayAsk(request, this.#guard);
      await this.#answer(request, response);
    } catch (error) {
      await this.#refuse(error, response);
    }
  }

  async #answer({ method, url = "/", headers }: IncomingMessage, response: ServerResponse): Promise<void> {
    if (method !== "GET") throw new QuanjiError("MALFORMED", "the proxy takes GET alone", { field: "method" });
    const plain = parsePlain(parseUrl(url), headers.accept ?? "");
    const { defaults, client } = this.#options;
    const resource = await this.#lookup.resource(plain.resource);
    const wanted = { ...defaults, ...plain.wanted, query: queryOf(plain, resource) };
    const access = await complete(this.#lookup, wanted);
    const { access: permitted, data } = await client.fetch(access);
    await this.#keep(permitted.request, permitted.receipt);
    response.setHeader("quanji-request", permitted.request);
    response.setHeader("content-type", FORMATS[plain.format]);
    response.end(rowsAs(plain.format, data, access.fields));
  }

  async #refuse(error: unknown, response: ServerResponse): Promise<void> {
    this.#lookup.forget();
    const known = toQuanjiError(error);
    if (known.code === "INTERNAL")
      this.#options.report(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    const refused = error instanceof AccessRefused ? error : undefined;
    if (refused?.receipt !== undefined) await this.#keep(refused.request, refused.receipt);
    const { status, meaning } = CODES[known.code];
    const problem = {
      type: `urn:quanji:code:${known.code}`,
      title: meaning,
      // What never travels over HTTP went wrong between the proxy and the gateway.
      status: status === 0 ? 502 : status,
      code: known.code,
      detail: known.message,
      field: known.field,
      request: refused?.request,
    };
    response.statusCode = problem.status;
    response.setHeader("content-type", "application/problem+json");
    if (refused !== undefined) response.setHeader("quanji-request", refused.request);
    response.end(JSON.stringify(problem));
  }

  async #keep(request: string, { jws }: CheckedReceipt): Promise<void> {
    await replaceFile(this.#options.receipts, `${request}.receipt.json`, receiptText(jws));
  }
}

function parseUrl(text: string): URL {
  try {
    const url = new URL(text, "http://proxy.invalid");
    decodeURIComponent(url.pathname);
    return url;
  } catch (cause) {
    throw new QuanjiError("MALFORMED", "the path is not well-formed", { field: "path", cause });
  }
}

function toQuanjiError(error: unknown): QuanjiError {
  if (error instanceof QuanjiError) return error;
  if (error instanceof UsageError) return new QuanjiError("MALFORMED", error.message.replaceAll("--", ""));
  return new QuanjiError("INTERNAL", "the proxy failed; what it printed says why", { cause: error });
}
