import { accepted, QuanjiError } from "@quanji/chaincode/domain";
import type { Ledger } from "../ledger/ledger.js";
import type { KnownRecord } from "../readmodel/readmodel.js";
import { recordOf, type RecordReader } from "./answerer.js";
import { type Item, makeEntry, type Subject, subjectOf } from "./entry.js";
import { LIMITS, type RecorderLimits } from "./limits.js";
import { type Pause, pause, rest } from "./pause.js";
import type { Recorder } from "./recorder.js";
import { Undelivered } from "./undelivered.js";
import { type RecorderLogger, type RecorderMetrics, SILENT, UNMEASURED } from "./watch.js";
import { Writer, type WriterOptions } from "./writer.js";

export interface RecorderOptions {
  readonly ledger: Pick<Ledger, "submit" | "find" | "height">;
  readonly readModel: RecordReader;
  /** Origin of the log. One recorder a log, in the whole network. */
  readonly log: string;
  /** Ledger time in ms: the machine's, plus the network's offset. */
  readonly clock: () => number;
  /** That many fresh, unpredictable bytes: ids, nonces and salts. */
  readonly random: (size: number) => Uint8Array;
  readonly limits?: Partial<RecorderLimits>;
  readonly logger?: RecorderLogger;
  readonly metrics?: RecorderMetrics;
  /** Default: the machine's timers. */
  readonly pause?: Pause;
  /** Default: the machine's timers, without keeping the process alive. */
  readonly rest?: Pause;
}

/** A recorder that accounts for permits that nobody delivers. */
export interface ClosingRecorder extends Recorder {
  /**
   * Records a delivery with outcome `unknown` for each permit that nobody will deliver any more: those that an earlier process
   * of this gateway left open, and those whose `deliverBefore` is past and that were never answered with. Answers how many it
   * closed. Call it when the read model has caught up.
   */
  closeUndelivered(): Promise<number>;
  /** Does so now and from time to time; what could not be recorded is tried again then. Resolves once the recorder is closed. */
  keepClosing(): Promise<void>;
}

/**
 * Turns requests and deliveries into committed records of one log: gathers them for some milliseconds, submits one batch at a
 * time, and answers each when its record is committed and readable (G1, G10).
 *
 * ```ts
 * const recorder = createRecorder({ ledger, readModel, log: "quanji.example/szx/gw/0", clock, random });
 * const access = await recorder.record({ type: "access", jws, request });
 * await recorder.close();
 * ```
 */
export function createRecorder(options: RecorderOptions): ClosingRecorder {
  return new LogRecorder({
    pause,
    rest,
    logger: SILENT,
    metrics: UNMEASURED,
    ...options,
    limits: { ...LIMITS, ...options.limits },
    random: pooled(options.random),
  });
}

/** Bytes drawn at once: a call of the engine costs more than the bytes of a record. */
const POOL_BYTES = 8_192;

/** The same source in smaller portions; no byte is given out twice. */
function pooled(random: (size: number) => Uint8Array): (size: number) => Uint8Array {
  let pool = new Uint8Array(0);
  return (size) => {
    if (pool.length < size) pool = new Uint8Array(random(Math.max(size, POOL_BYTES)));
    const bytes = pool.subarray(0, size);
    pool = pool.subarray(size);
    return bytes;
  };
}

class LogRecorder implements ClosingRecorder {
  readonly log: string;
  readonly #o: WriterOptions;
  readonly #writer: Writer;
  /** Everything that is not answered yet, by its identity. */
  readonly #pending = new Map<string, Promise<KnownRecord>>();
  /** Keys' sequence numbers that those pending use. */
  readonly #slots = new Set<string>();
  readonly #undelivered: Undelivered;
  #closing = false;

  constructor(options: WriterOptions & { readonly rest: Pause }) {
    this.#o = options;
    this.log = options.log;
    const writer = new Writer(options);
    this.#writer = writer;
    this.#undelivered = new Undelivered({
      ...options,
      firstOwn: () => writer.firstOwn,
      isUnderWay: (request) => this.#pending.has(request),
      record: (item) => this.record(item),
    });
  }

  async record(item: Item): Promise<KnownRecord> {
    const subject = subjectOf(item);
    const pending = this.#pending.get(subject.identity);
    if (pending !== undefined) return pending;
    this.#refuseSurplus(item, subject);
    const answer = this.#admit(item, subject);
    this.#pending.set(subject.identity, answer);
    if (subject.slot !== undefined) this.#slots.add(subject.slot);
    try {
      const known = await answer;
      this.#undelivered.answered(known, item.type === "delivery" ? item : undefined);
      return known;
    } finally {
      this.#pending.delete(subject.identity);
      if (subject.slot !== undefined) this.#slots.delete(subject.slot);
    }
  }

  closeUndelivered(): Promise<number> {
    return this.#undelivered.close();
  }

  keepClosing(): Promise<void> {
    return this.#undelivered.keepClosing();
  }

  async close(): Promise<void> {
    this.#closing = true;
    this.#undelivered.stop();
    // Those still being looked up are offered afterwards, and a writer that is told to close takes no more.
    this.#writer.hasten();
    await Promise.allSettled(this.#pending.values());
    await this.#writer.close();
  }

  #refuseSurplus({ type }: Item, { slot }: Subject): void {
    if (this.#closing) throw surplus("the gateway is shutting down", "CLOSING");
    const most = this.#o.limits.waiting * (type === "delivery" ? 2 : 1);
    if (this.#pending.size >= most) throw surplus("more requests wait than the ledger takes", "QUEUE_FULL");
    // The chaincode would refuse all but one, each at the price of another endorsement of the whole batch.
    if (slot === undefined || !this.#slots.has(slot)) return;
    if (type === "acceptance") throw accepted();
    if (type === "index") throw new QuanjiError("STATE_CONFLICT", "another index of the log is being recorded");
    if (type === "tally") throw new QuanjiError("STATE_CONFLICT", "another tally of the resource is being recorded");
    throw new QuanjiError("COMMAND_REPLAYED", "another request with that sequence number is being recorded", {
      field: "seq",
    });
  }

  async #admit(item: Item, subject: Subject): Promise<KnownRecord> {
    // The chaincode knows no second delivery of an access, so here it must be certain that there is no first.
    if (item.type === "delivery" && !(await this.#writer.readable())) {
      throw surplus("the read model does not follow the ledger", "BEHIND");
    }
    const known = await recordOf(this.#o.readModel, item.type, subject.request);
    if (known !== undefined) return known;
    const { clock, random } = this.#o;
    return new Promise((resolve, reject) => {
      this.#writer.offer(makeEntry({ item, subject, admittedMs: clock(), random, resolve, reject }));
    });
  }
}

const surplus = (reason: string, detail: string): QuanjiError =>
  new QuanjiError("NOT_RECORDED", `${reason}: nothing was released, send the request again later`, { detail });
