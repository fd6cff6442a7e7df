/** Answers each item once: after its record is committed and readable, or never with a record that it has not. */
import { QuanjiError } from "@quanji/chaincode/domain";
import type { Ledger } from "../ledger/ledger.js";
import type { KnownRecord, ReadModel } from "../readmodel/readmodel.js";
import type { Entry } from "./entry.js";
import { LAG_MS, REACHED_MS } from "./limits.js";
import type { Pause } from "./pause.js";
import type { RecorderLogger, RecorderMetrics } from "./watch.js";

/** What the recorder reads of the read model. */
export type RecordReader = Pick<
  ReadModel,
  | "height"
  | "reached"
  | "log"
  | "party"
  | "resource"
  | "grant"
  | "stop"
  | "record"
  | "recordOf"
  | "deliveryOf"
  | "undelivered"
>;

export interface AnswererOptions {
  readonly ledger: Pick<Ledger, "height">;
  readonly readModel: RecordReader;
  readonly log: string;
  readonly clock: () => number;
  readonly pause: Pause;
  readonly logger: RecorderLogger;
  readonly metrics: RecorderMetrics;
}

export class Answerer {
  readonly #o: AnswererOptions;
  readonly #open = new Set<Entry>();
  readonly #underWay = new Set<Promise<void>>();

  constructor(options: AnswererOptions) {
    this.#o = options;
  }

  add(entry: Entry): void {
    this.#open.add(entry);
  }

  isOpen(entry: Entry): boolean {
    return this.#open.has(entry);
  }

  reject(entry: Entry, error: QuanjiError): void {
    if (this.#open.delete(entry)) entry.reject(error);
  }

  rejectAll(error: QuanjiError): void {
    for (const entry of this.#open) this.reject(entry, error);
  }

  #resolve(entry: Entry, known: KnownRecord): void {
    if (this.#open.delete(entry)) entry.resolve(known);
  }

  /** Answers a committed batch, whose first record has index `first`, in the background. */
  answer(entries: readonly Entry[], first: number, block: number): void {
    this.#inBackground(this.#answer(entries, first, block));
  }

  /**
   * Rejects what the chaincode refused. A refusal may be the echo of the item's own record, committed by a transaction whose
   * outcome was unknown for too long: then that record is the answer.
   */
  refuse(entry: Entry, error: QuanjiError): void {
    this.#inBackground(this.#refuse(entry, error));
  }

  /**
   * Answers every open item that has a record: after the log grew by a batch that was given up as lost. The chaincode refuses
   * a request's second record by its number, but knows no second delivery.
   */
  async echoes(): Promise<void> {
    const { log, logger, readModel } = this.#o;
    const echo = async (entry: Entry): Promise<void> => {
      const known = await recordOf(readModel, entry.item.type, entry.subject.request);
      if (known !== undefined) this.#resolve(entry, known);
    };
    const failed = (await Promise.allSettled([...this.#open].map(echo))).find(({ status }) => status === "rejected");
    if (failed !== undefined) logger.error({ log, err: failed }, "the read model failed");
  }

  /** Resolves once nothing is being answered. */
  async idle(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  /** Whether the read model reached the block within `ms`. */
  async reached(block: number, ms: number): Promise<boolean> {
    const { readModel, pause } = this.#o;
    if (readModel.height() > block) return true;
    const [late, done] = [new AbortController(), new AbortController()];
    const timer = pause(ms, done.signal).then(() => late.abort());
    try {
      await readModel.reached(block, late.signal);
      return true;
    } catch {
      return false; // too late, or closed: what to do about it is the caller's, and the same for both
    } finally {
      done.abort();
      await timer;
    }
  }

  #inBackground(work: Promise<void>): void {
    const tracked = work.finally(() => this.#underWay.delete(tracked));
    this.#underWay.add(tracked);
  }

  async #answer(entries: readonly Entry[], first: number, block: number): Promise<void> {
    const { log, logger, metrics, clock } = this.#o;
    const committedMs = clock();
    if (!(await this.reached(block, REACHED_MS))) {
      logger.error({ log, block, records: entries.length }, "the read model does not follow the ledger");
    }
    await Promise.all(entries.map((entry, i) => this.#answerOne(entry, first + i)));
    metrics.answered({ records: entries.length, ms: clock() - committedMs });
  }

  /** Data is released on this answer: so the record must bear the item's own id, whatever else may have gone wrong. */
  async #answerOne(entry: Entry, index: number): Promise<void> {
    const { log, logger, readModel } = this.#o;
    const known = await readModel.record(log, index).catch((err: unknown) => {
      logger.error({ log, err }, "the read model failed");
      return undefined;
    });
    if (known === undefined) {
      this.reject(entry, unreadable());
      return;
    }
    if (holds(known, entry)) {
      this.#resolve(entry, known);
      return;
    }
    logger.error({ log, index }, "the read model shows another record than was committed");
    this.reject(entry, new QuanjiError("INTERNAL", "the gateway cannot find the record that it made"));
  }

  async #refuse(entry: Entry, error: QuanjiError): Promise<void> {
    const known = await this.#earlier(entry);
    if (known !== undefined) {
      this.#resolve(entry, known);
      return;
    }
    const { code, message, detail, field } = error;
    const parts = { ...(detail !== undefined && { detail }), ...(field !== undefined && { field }) };
    this.reject(entry, new QuanjiError(code, message, parts));
  }

  async #earlier(entry: Entry): Promise<KnownRecord | undefined> {
    const { ledger, log, logger, readModel } = this.#o;
    try {
      await this.reached((await ledger.height()) - 1, LAG_MS);
      return await recordOf(readModel, entry.item.type, entry.subject.request);
    } catch (err) {
      logger.error({ log, err }, "the read model failed");
      return undefined;
    }
  }
}

/** The record that an item has already. */
export const recordOf = (
  readModel: Pick<ReadModel, "recordOf" | "deliveryOf">,
  type: Entry["item"]["type"],
  request: string,
): Promise<KnownRecord | undefined> =>
  type === "index"
    ? Promise.resolve(undefined)
    : type === "delivery"
      ? readModel.deliveryOf(request)
      : readModel.recordOf(request);

/** Ids are the recorder's own and random, and stand in every body. */
export const holds = (known: KnownRecord, entry: Entry): boolean => known.stored.body.includes(`"id":"${entry.id}"`);

const unreadable = (): QuanjiError =>
  new QuanjiError("BEHIND", "the record is committed, but this gateway cannot show it yet: ask for its receipt", {
    detail: "RECORDED",
  });
