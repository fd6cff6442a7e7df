/** HTTP with deadlines and limits. Whatever goes wrong here is UNREACHABLE: nothing was said that anybody signed. */
import { QuanjiError } from "@quanji/chaincode/domain";
import { concat, fromUtf8 } from "@quanji/chaincode/log";

export type Fetch = typeof globalThis.fetch;

/** How long the gateway may take to begin its answer: it records for at most some seconds, and waits for `atLeast`. */
export const ANSWER_DEADLINE_MS = 30_000;
/**
 * How long an answer may take to come whole once it has begun, or a stream from one whole line to the next: whoever drips single
 * bytes is as late as whoever is silent. Sources have a deadline of their own, which is shorter.
 */
export const STREAM_IDLE_MS = 60_000;
/** The largest signed answer: a page of objects or receipts. */
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;
/** The largest line of a stream: a chunk of data, or a command with a list of cells. */
const MAX_LINE_BYTES = 8 * 1024 * 1024;

export interface Deadlines {
  readonly answerMs: number;
  readonly idleMs: number;
}
export const DEADLINES: Deadlines = { answerMs: ANSWER_DEADLINE_MS, idleMs: STREAM_IDLE_MS };

export interface HttpRequest {
  readonly url: string;
  readonly method: "GET" | "POST";
  readonly type?: string;
  readonly text?: string;
  readonly accept?: string;
  /** RFC 7240. */
  readonly prefer?: string;
  readonly signal?: AbortSignal;
}

/** An answer whose head has come; its body is read once, whole or by lines. */
export interface Reply {
  readonly status: number;
  /** Media type without parameters, in lower case. */
  readonly type: string;
  text(): Promise<string>;
  bytes(maxBytes: number): Promise<Uint8Array>;
  lines(): AsyncGenerator<Uint8Array, void, void>;
}

const unreachable = (message: string, cause?: unknown, detail?: string): QuanjiError =>
  new QuanjiError("UNREACHABLE", message, {
    ...(cause !== undefined && { cause }),
    ...(detail !== undefined && { detail }),
  });

/** A transport fault. */
export const transportFault = (message: string, detail: string): QuanjiError => unreachable(message, undefined, detail);

/** Sends; answers once the head is there. Errors: UNREACHABLE · CONNECTION, DEADLINE. */
export async function exchange(fetch: Fetch, request: HttpRequest, deadlines: Deadlines = DEADLINES): Promise<Reply> {
  const watch = new Watch(request.signal);
  watch.allow(deadlines.answerMs);
  watch.start();
  try {
    const response = await fetch(request.url, {
      method: request.method,
      // A command is signed for one URL: following a redirect could only misdirect it.
      redirect: "error",
      signal: watch.signal,
      headers: {
        ...(request.type !== undefined && { "content-type": request.type }),
        ...(request.accept !== undefined && { accept: request.accept }),
        ...(request.prefer !== undefined && { prefer: request.prefer }),
      },
      ...(request.text !== undefined && { body: request.text }),
    });
    watch.stop();
    return reply(response, watch, deadlines);
  } catch (cause) {
    watch.done();
    throw fault(watch, `${new URL(request.url).origin} cannot be reached`, cause);
  }
}

function fault(watch: Watch, message: string, cause: unknown): QuanjiError {
  if (cause instanceof QuanjiError) return cause;
  return watch.late
    ? unreachable("the gateway did not answer in time", cause, "DEADLINE")
    : unreachable(message, cause, "CONNECTION");
}

/** The deadline of whatever is waited for next. Runs only while the other side is waited for, never while the caller works. */
class Watch {
  late = false;
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal | undefined;
  readonly #abort = (): void => this.#controller.abort(this.#outer?.reason);
  #timer: ReturnType<typeof setTimeout> | undefined;
  #leftMs = 0;
  #startedMs = 0;

  constructor(outer: AbortSignal | undefined) {
    this.#outer = outer;
    if (outer?.aborted === true) this.#abort();
    outer?.addEventListener("abort", this.#abort, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The time that the next thing may take, all waits for it together. */
  allow(ms: number): void {
    this.#leftMs = ms;
  }

  start(): void {
    this.#startedMs = performance.now();
    this.#timer = setTimeout(
      () => {
        this.late = true;
        this.#controller.abort();
      },
      Math.max(0, this.#leftMs),
    );
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#leftMs -= performance.now() - this.#startedMs;
  }

  done(): void {
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener("abort", this.#abort);
  }
}

function reply(response: Response, watch: Watch, { idleMs }: Deadlines): Reply {
  const bytes = async (maxBytes: number): Promise<Uint8Array> => {
    watch.allow(idleMs);
    const parts: Uint8Array[] = [];
    for await (const chunk of bodyChunks(response, watch, maxBytes)) parts.push(chunk);
    return concat(...parts);
  };
  return {
    status: response.status,
    type: (response.headers.get("content-type") ?? "").split(";")[0]?.trim().toLowerCase() ?? "",
    text: async () => fromUtf8(await bytes(MAX_ANSWER_BYTES)),
    bytes,
    lines: async function* () {
      watch.allow(idleMs);
      for await (const line of splitLines(bodyChunks(response, watch, Infinity))) {
        watch.allow(idleMs);
        yield line;
      }
    },
  };
}

async function* bodyChunks(response: Response, watch: Watch, maxBytes: number): AsyncGenerator<Uint8Array, void, void> {
  let total = 0;
  try {
    watch.start();
    for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      watch.stop();
      total += chunk.length;
      if (total > maxBytes) throw unreachable(`the answer has more than ${maxBytes} bytes`, undefined, "TOO_LARGE");
      yield chunk;
      watch.start();
    }
  } catch (cause) {
    throw fault(watch, "the connection was lost before the answer ended", cause);
  } finally {
    watch.done();
  }
}

const LINE_FEED = 0x0a;

/** Lines without their line feed. A last line without one is a torn line. Errors: UNREACHABLE · CUT, TOO_LARGE. */
export async function* splitLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  let pending: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, start)) {
      yield concat(...pending, chunk.subarray(start, end));
      pending = [];
      length = 0;
      start = end + 1;
    }
    const rest = chunk.subarray(start);
    length += rest.length;
    if (length > MAX_LINE_BYTES) throw unreachable("a line of the answer is too long", undefined, "TOO_LARGE");
    if (rest.length > 0) pending.push(rest);
  }
  if (pending.length > 0) throw unreachable("the answer broke off in the middle of a line", undefined, "CUT");
}
