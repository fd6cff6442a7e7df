/** Another organisation's witness, as this one asks it. */
import { readBytesWithin, readWithin } from "../../cosigning/read-within.js";
import { MAX_EXCHANGE_BYTES } from "./message.js";

/** Errors of both: whatever the transport throws, and an Error for any answer but 200. */
export interface OtherWitness {
  /** Gives a message, and gets one. */
  exchange(body: string): Promise<string>;
  /** Header and orderers' signatures of one of its peer's blocks. */
  block(number: number): Promise<Uint8Array>;
}

export interface OtherWitnessOptions {
  /** Without a slash at its end. */
  readonly url: string;
  readonly fetch: typeof globalThis.fetch;
  /** For the whole of an answer. */
  readonly timeoutMs: number;
  /** Cuts short what is under way. */
  readonly over: AbortSignal;
}

/** Signatures of many consenters, with their certificates. */
const MAX_BLOCK_BYTES = 1024 * 1024;

export class OtherWitnessClient implements OtherWitness {
  readonly #options: OtherWitnessOptions;

  constructor(options: OtherWitnessOptions) {
    this.#options = options;
  }

  async exchange(body: string): Promise<string> {
    const headers = { "content-type": "application/json" };
    return readWithin(await this.#ask("/block-notes", { method: "POST", headers, body }), MAX_EXCHANGE_BYTES);
  }

  async block(number: number): Promise<Uint8Array> {
    return readBytesWithin(await this.#ask(`/blocks/${number}`, {}), MAX_BLOCK_BYTES);
  }

  async #ask(path: string, request: RequestInit): Promise<Response> {
    const { url, fetch, timeoutMs, over } = this.#options;
    const signal = AbortSignal.any([over, AbortSignal.timeout(timeoutMs)]);
    const response = await fetch(url + path, { ...request, redirect: "error", signal });
    if (response.status === 200) return response;
    await response.body?.cancel();
    throw new Error(`${url}${path} answers ${response.status}`);
  }
}
