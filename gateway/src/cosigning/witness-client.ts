/** One witness as the gateway sees it: three routes over HTTP, each call with a deadline, no answer larger than expected. */
import { sha256, utf8 } from "@quanji/chaincode/log";
import { readWithin } from "./read-within.js";

/** What came back, whatever it means. */
export interface WitnessReply {
  readonly status: number;
  readonly body: string;
  /** What `Retry-After` asks for, in ms; undefined without it. */
  readonly retryAfterMs: number | undefined;
}

/** Errors of all: whatever the transport throws. */
export interface WitnessPort {
  /** C2SP tlog-witness, add-checkpoint. */
  addCheckpoint(body: string): Promise<WitnessReply>;
  /** Head notes. */
  headNotes(body: string): Promise<WitnessReply>;
  /** The newest checkpoint of a log that it shows to everybody. */
  published(origin: string): Promise<WitnessReply>;
}

export interface WitnessClientOptions {
  /** Submission prefix, without a slash at its end. */
  readonly url: string;
  readonly fetch: typeof globalThis.fetch;
  /** For the whole of an answer. */
  readonly timeoutMs: number;
}

/** 128 head notes of some 600 bytes. */
const MAX_REPLY_BYTES = 256 * 1024;
const MAX_RETRY_AFTER_MS = 60_000;

export class WitnessClient implements WitnessPort {
  readonly #options: WitnessClientOptions;

  constructor(options: WitnessClientOptions) {
    this.#options = options;
  }

  addCheckpoint(body: string): Promise<WitnessReply> {
    return this.#post("/add-checkpoint", "text/plain; charset=utf-8", body);
  }

  headNotes(body: string): Promise<WitnessReply> {
    return this.#post("/head-notes", "application/json", body);
  }

  published(origin: string): Promise<WitnessReply> {
    return this.#ask(`/${Buffer.from(sha256(utf8(origin))).toString("hex")}/checkpoint`, { method: "GET" });
  }

  #post(path: string, type: string, body: string): Promise<WitnessReply> {
    return this.#ask(path, { method: "POST", headers: { "content-type": type }, body });
  }

  async #ask(path: string, request: RequestInit): Promise<WitnessReply> {
    const { url, fetch, timeoutMs } = this.#options;
    const response = await fetch(url + path, {
      ...request,
      // Whoever answers for another address is not the witness that was configured.
      redirect: "error",
      signal: AbortSignal.timeout(timeoutMs),
    });
    return {
      status: response.status,
      body: await readWithin(response, MAX_REPLY_BYTES),
      retryAfterMs: retryAfter(response.headers.get("retry-after")),
    };
  }
}

/** Seconds alone: a date would need the witness's clock. */
function retryAfter(text: string | null): number | undefined {
  if (text === null || !/^\d{1,5}$/.test(text)) return undefined;
  return Math.min(Number(text) * 1000, MAX_RETRY_AFTER_MS);
}
