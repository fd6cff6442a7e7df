/** Somebody's HTTP API as a source. What it answers is evaluated again here: it may ignore a filter, never widen an answer. */
import { isQuanjiError } from "@quanji/chaincode/domain";
import { Agent, type Dispatcher, request as send } from "undici";
import { guardedLookup, type Resolver } from "./address.js";
import { type Layout, limitBytes, readRows, tooLarge } from "./formats.js";
import { type Row, sourceFailed } from "./row.js";
import { fieldsToRead, selectRows, type Source, type SourceRequest } from "./source.js";
import { TICKET_HEADER } from "./ticket.js";
import type { UrlTemplate } from "./url-template.js";

export interface HttpOptions extends Layout {
  readonly url: UrlTemplate;
  /** Credentials included; they appear in no message. */
  readonly headers: Readonly<Record<string, string>>;
  readonly allowPrivate: boolean;
  /** Longest wait for a connection, for the first byte, and between two bytes. */
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly resolver: Resolver;
}

/** Sockets kept to one source: beyond that, accesses wait in line. */
const CONNECTIONS = 64;

type Answer = Dispatcher.ResponseData;

export class HttpSource implements Source {
  readonly #options: HttpOptions;
  readonly #agent: Agent;

  constructor(options: HttpOptions) {
    this.#options = options;
    const { timeoutMs, resolver, allowPrivate } = options;
    this.#agent = new Agent({
      connections: CONNECTIONS,
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      connect: { timeout: timeoutMs, lookup: guardedLookup(resolver, allowPrivate) },
    });
  }

  /**
   * Errors: SOURCE_FAILED · ADDRESS_REFUSED, NAME_UNKNOWN, UNREACHABLE, TIMEOUT, STATUS_<n>, ENCODED, UNFRAMED, TOO_LARGE,
   * BROKE_OFF, and those of {@link readRows}; MALFORMED if the URL needs what the access does not bring.
   */
  async *open(request: SourceRequest, signal: AbortSignal): AsyncGenerator<Row, void, void> {
    const { url, remaining } = this.#options.url.expand(request);
    const answer = await this.#ask(url, request.ticket, signal);
    const bytes = limitBytes(bodyOf(answer, signal), this.#options.maxBytes);
    yield* selectRows(readRows(bytes, this.#options, fieldsToRead(request)), request, remaining);
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #ask(url: string, ticket: string | undefined, signal: AbortSignal): Promise<Answer> {
    const headers = {
      accept: "application/json, application/x-ndjson, text/csv",
      ...this.#options.headers,
      ...(ticket !== undefined && { [TICKET_HEADER]: ticket }),
      "accept-encoding": "identity",
    };
    let answer: Answer;
    try {
      answer = await send(url, { dispatcher: this.#agent, headers, signal });
    } catch (error) {
      throw asFailure(error, signal, "UNREACHABLE");
    }
    try {
      assertUsable(answer, this.#options.maxBytes);
    } catch (error) {
      answer.body.on("error", () => undefined).destroy(); // a destroyed body reports its own end as an error
      throw error;
    }
    return answer;
  }
}

/** Redirects are not followed: they would lead past the check of the address, and credentials with them. */
function assertUsable({ statusCode, headers }: Answer, maxBytes: number): void {
  if (statusCode !== 200) throw sourceFailed(`the source answered with status ${statusCode}`, `STATUS_${statusCode}`);
  const encoding = headers["content-encoding"];
  if (encoding !== undefined && encoding !== "identity")
    throw sourceFailed("the source's answer is compressed", "ENCODED");
  const length = headers["content-length"];
  if (length === undefined && headers["transfer-encoding"] === undefined) {
    throw sourceFailed("the source's answer has no length, so nobody could tell whether it is whole", "UNFRAMED");
  }
  if (Number(length ?? 0) > maxBytes) throw tooLarge(maxBytes);
}

async function* bodyOf({ body }: Answer, signal: AbortSignal): AsyncGenerator<Uint8Array, void, void> {
  try {
    for await (const chunk of body) yield chunk as Uint8Array;
  } catch (error) {
    throw asFailure(error, signal, "BROKE_OFF");
  }
}

const TIMEOUTS = new Set(["UND_ERR_CONNECT_TIMEOUT", "UND_ERR_HEADERS_TIMEOUT", "UND_ERR_BODY_TIMEOUT"]);

/** The client's own errors carry sockets and options; only their code goes on, so that no header or value travels along. */
function asFailure(error: unknown, signal: AbortSignal, detail: string): unknown {
  if (signal.aborted || isQuanjiError(error)) return error;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (TIMEOUTS.has(code)) return sourceFailed("the source took too long", "TIMEOUT");
  return sourceFailed("the source cannot be reached or broke off", detail, { cause: new Error(code) });
}
