/** From a permitted access to the bytes that leave, and the account of them. */
import { createHash } from "node:crypto";
import { isQuanjiError, type Obligation, type QuanjiError } from "@quanji/chaincode/domain";
import { utf8 } from "@quanji/chaincode/log";
import { type Masking, planMasking } from "./mask.js";
import { assertNoProbe } from "./probe.js";
import { conformRow, type Field, type Row, sourceFailed } from "./row.js";
import { project, type Source, type SourceRequest } from "./source.js";
import type { SubjectCheck } from "./subjects.js";
import { readStop, stopped } from "./ticket.js";

export interface DeliverOptions {
  readonly source: Source;
  readonly access: SourceRequest;
  readonly obligations: readonly Obligation[];
  /** Rows that the record permits; one more fails the delivery. */
  readonly quantity: number;
  /** The grant's clause for a stream that is under way when the grant is stopped. */
  readonly onStop: "stop" | "complete";
  /** Own reading of the stops, asked before every chunk if the clause says `stop`. */
  readonly stopCheck: () => Promise<boolean>;
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal;
  /** Compares whom the rows are about with whom the access names, where the gateway can. */
  readonly subjects?: SubjectCheck;
}

/**
 * `delivered`: all of it left. `partial`: some bytes left, then it ended. `failed`: not one byte left. So nobody gets
 * quota back for data that was handed over, by hanging up before the end.
 */
export type Outcome = "delivered" | "partial" | "failed";

export interface DeliverySummary {
  /** SHA-256 of all bytes that left, base64url. */
  readonly digest: string;
  readonly bytes: number;
  readonly rows: number;
  readonly outcome: Outcome;
  /** Obligations kept on requested fields, `mask:id_no`. */
  readonly masked: readonly string[];
  /** Why it ended early; undefined too if the client left. */
  readonly failure?: QuanjiError;
}

/** Iterate once. Iterating never throws: how it ended is in the summary, for a delivery that failed is recorded as well. */
export interface Delivery extends AsyncIterable<Uint8Array> {
  /** Settles once the iteration has ended, whichever way. Never rejects. */
  readonly summary: Promise<DeliverySummary>;
}

/** A chunk is handed over once it has this many characters, so answers up to it leave whole or not at all. */
const CHUNK_SIZE = 32_768;
/** Characters of one row's JSON. */
const MAX_ROW = 1_048_576;

/**
 * Streams the rows as NDJSON, members in the order of the requested fields. Pulls from the source only as it is pulled.
 *
 * ```ts
 * const delivery = deliver({ source, access, obligations, quantity: 100, onStop: "stop", stopCheck, signal });
 * for await (const chunk of delivery) await write(chunk);
 * const { digest, outcome } = await delivery.summary;
 * ```
 */
export function deliver(options: DeliverOptions): Delivery {
  const account = new Account();
  const iterator = stream(options, account);
  return { summary: account.summary, [Symbol.asyncIterator]: () => iterator };
}

async function* stream(options: DeliverOptions, account: Account): AsyncGenerator<Uint8Array, void, void> {
  const { signal, access, obligations, onStop, stopCheck } = options;
  const patience = new Patience(signal);
  try {
    signal.throwIfAborted();
    assertNoProbe(access.where, obligations);
    options.subjects?.assertAsked(access.where);
    const masking = planMasking(obligations, access.fields);
    account.masked = masking.masked;
    for await (const chunk of chunks(options, masking, patience)) {
      if (onStop === "stop" && (await patience.wait(readStop(stopCheck)))) throw stopped("STREAM_STOPPED");
      signal.throwIfAborted();
      account.handOver(chunk);
      yield chunk.bytes;
      signal.throwIfAborted();
    }
    account.complete = true;
  } catch (error) {
    if (!signal.aborted) account.failure = asFailure(error);
  } finally {
    patience.end();
    account.close();
  }
}

const asFailure = (error: unknown): QuanjiError =>
  isQuanjiError(error) ? error : sourceFailed("the source broke off", "SOURCE_BROKE", { cause: error });

interface Chunk {
  readonly bytes: Uint8Array;
  readonly rows: number;
}

/** The border: whatever the source is, only requested fields pass, of the promised types, and no more than permitted. */
async function* chunks(
  { source, access, quantity, signal, subjects }: DeliverOptions,
  masking: Masking,
  patience: Patience,
): AsyncGenerator<Chunk, void, void> {
  const read = { ...access, fields: subjects === undefined ? access.fields : withSubject(access.fields, subjects) };
  const iterator = source.open(read, signal)[Symbol.asyncIterator]();
  let [text, rows, count] = ["", 0, 0];
  let next: IteratorResult<Row> | undefined;
  try {
    while ((next = await patience.wait(iterator.next())).done !== true) {
      if (++count > quantity) throw sourceFailed("the source answered more rows than are permitted", "TOO_MANY_ROWS");
      const row = conformRow(next.value, read.fields);
      subjects?.assertRow(row);
      const line = JSON.stringify(masking.apply(project(row, access.fields)));
      if (line.length > MAX_ROW) throw sourceFailed("a row is too large", "TOO_LARGE");
      text += `${line}\n`;
      rows++;
      if (text.length < CHUNK_SIZE) continue;
      yield { bytes: utf8(text), rows };
      [text, rows] = ["", 0];
    }
    if (rows > 0) yield { bytes: utf8(text), rows };
  } finally {
    if (next?.done !== true) await leave(iterator, signal);
  }
}

/** The subject's field is read even if it was not asked for, looked at, and left behind. */
function withSubject(fields: readonly Field[], { field, looksAtRows }: SubjectCheck): readonly Field[] {
  return !looksAtRows || fields.some(({ name }) => name === field.name) ? fields : [...fields, field];
}

/**
 * Frees the source; what it might still say has no bearing on what left. Not awaited after an abort: a source that hangs
 * in `next` would hold its `return` back as long.
 */
async function leave(iterator: AsyncIterator<Row>, signal: AbortSignal): Promise<void> {
  const left = Promise.allSettled([iterator.return?.()]);
  if (!signal.aborted) await left;
}

/** Waits for one promise at a time, until the client is gone. One listener serves the whole delivery, however long. */
class Patience {
  readonly #signal: AbortSignal;
  #giveUp: (reason: unknown) => void = () => undefined;
  readonly #onAbort = (): void => this.#giveUp(this.#signal.reason);

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener("abort", this.#onAbort);
  }

  /** The promise's outcome, or a rejection with the signal's reason if that comes first. */
  wait<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#giveUp = reject;
      promise.then(resolve, reject);
      if (this.#signal.aborted) this.#onAbort();
    });
  }

  end(): void {
    this.#signal.removeEventListener("abort", this.#onAbort);
  }
}

/** Counts what has left. A chunk counts from the moment it is handed to the transport: it cannot be taken back then. */
class Account {
  readonly summary: Promise<DeliverySummary>;
  masked: readonly string[] = [];
  complete = false;
  failure: QuanjiError | undefined;
  readonly #hash = createHash("sha256");
  #settle: (summary: DeliverySummary) => void = () => undefined;
  #bytes = 0;
  #rows = 0;

  constructor() {
    this.summary = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  handOver({ bytes, rows }: Chunk): void {
    this.#hash.update(bytes);
    this.#bytes += bytes.length;
    this.#rows += rows;
  }

  close(): void {
    this.#settle({
      digest: this.#hash.digest("base64url"),
      bytes: this.#bytes,
      rows: this.#rows,
      outcome: this.complete ? "delivered" : this.#bytes > 0 ? "partial" : "failed",
      masked: this.masked,
      ...(this.failure !== undefined && { failure: this.failure }),
    });
  }
}
