/**
 * The loop that owns a log: one batch in flight, its outcome known before the next. Items come in by {@link Writer.offer} and
 * are answered exactly once: resolved after their record is committed and readable, or rejected.
 *
 * Why no record can be committed twice. A transaction reads the log's head and writes the next one, and the chaincode refuses
 * it unless the head is the expected one; so of all transactions that expect the same head, MVCC lets one be valid. While a
 * transaction's outcome is unknown its records are not submitted anew, although a second commit is impossible already: the
 * first may be the one that commits, and what is answered must be its record. Other records may go on upon the same head, and
 * once they are committed the lost transaction can never become valid: that, not a time, makes its fate certain.
 */
import { QuanjiError } from "@quanji/chaincode/domain";
import { canonical, parseCanonical, sha256Text, toBase64url } from "@quanji/chaincode/log";
import { type BatchArguments, type BatchResult, TRANSACTIONS } from "@quanji/chaincode/world";
import type { Ledger } from "../ledger/ledger.js";
import { Answerer, type AnswererOptions } from "./answerer.js";
import { type Marks, moved, readMarks } from "./basis.js";
import { type Attempt, type Doubt, fateOf, type Placed } from "./doubt.js";
import { batchText, type Entry, type ObjectName, timesOf } from "./entry.js";
import { LogHead } from "./head.js";
import { type Batch, newBatch, objectsOf } from "./lane.js";
import { Lanes } from "./lanes.js";
import {
  AGE_MS,
  backoffMs,
  CONFLICTS_PER_RECORD,
  FIND_MS,
  FIND_PAUSE,
  LAG_MS,
  REACHED_MS,
  type RecorderLimits,
} from "./limits.js";
import { type Failure, type GiveUp, type Outcome, outcomeOf, type Standing, type Step, stepAfter } from "./outcome.js";
import { Bell } from "./pause.js";

export interface WriterOptions extends AnswererOptions {
  readonly ledger: Pick<Ledger, "submit" | "find" | "height">;
  readonly random: (size: number) => Uint8Array;
  readonly limits: RecorderLimits;
}

export class Writer {
  readonly #o: WriterOptions;
  readonly #lanes: Lanes;
  readonly #head: LogHead;
  readonly #answerer: Answerer;
  readonly #bell = new Bell();
  readonly #done: Promise<void>;
  #doubts: readonly Doubt[] = [];
  #firstOwn = Number.POSITIVE_INFINITY;
  #lastBlock = -1;
  #reading: { readonly block: number; readonly reached: Promise<boolean> } | undefined;
  #refusedInARow = 0;
  #hasty = false;
  #closing = false;
  #broken: QuanjiError | undefined;

  constructor(options: WriterOptions) {
    this.#o = options;
    this.#lanes = new Lanes(options.limits, options.clock);
    this.#head = new LogHead(() => this.#asked(options.readModel.log(options.log)));
    this.#answerer = new Answerer(options);
    this.#done = this.#run().catch((cause: unknown) => this.#break(cause));
  }

  /** Records below this index are not of this writer's making: it never expected a smaller head. */
  get firstOwn(): number {
    return this.#firstOwn;
  }

  /** Whether the read model shows all that this writer has committed up to now. */
  async readable(): Promise<boolean> {
    const block = this.#lastBlock;
    if (block < 0 || this.#o.readModel.height() > block) return true;
    // Hundreds of deliveries may ask at once for the block that has just been committed.
    if (this.#reading?.block !== block) this.#reading = { block, reached: this.#answerer.reached(block, REACHED_MS) };
    return this.#reading.reached;
  }

  offer(entry: Entry): void {
    this.#answerer.add(entry);
    if (this.#broken !== undefined) this.#answerer.reject(entry, this.#broken);
    else if (this.#lanes.push(entry)) this.#bell.ring();
  }

  /** From now on nothing gathers: what waits is submitted at once. */
  hasten(): void {
    this.#hasty = true;
    this.#bell.ring();
  }

  /** Resolves once everything offered is answered; the age of records bounds that. */
  async close(): Promise<void> {
    this.#closing = true;
    this.hasten();
    await this.#done;
    await this.#answerer.idle();
  }

  async #run(): Promise<void> {
    for (;;) {
      this.#tooOld(this.#lanes.expired(this.#cutoffMs()));
      await this.#settleDoubts();
      const batch = this.#lanes.next(this.#hasty);
      if (batch !== undefined) await this.#turn(batch);
      else if (this.#closing && this.#doubts.length === 0) return;
      else await this.#bell.wait(this.#o.pause, this.#restMs());
    }
  }

  /** Undefined: there is nothing to do until somebody rings. */
  #restMs(): number | undefined {
    const { restMs } = this.#lanes;
    return this.#doubts.length === 0 ? restMs : Math.min(FIND_PAUSE.mostMs, restMs ?? FIND_PAUSE.mostMs);
  }

  /** A fault of this file: nothing may hang for it, and nothing more is accepted. */
  #break(cause: unknown): void {
    this.#o.logger.error({ log: this.#o.log, err: cause }, "the recorder stopped by a fault of its own");
    this.#broken = new QuanjiError("INTERNAL", "the recorder has stopped: the gateway must be restarted", { cause });
    this.#answerer.rejectAll(this.#broken);
  }

  // --- one turn

  async #turn(batch: Batch): Promise<void> {
    const cutoffMs = this.#cutoffMs();
    this.#tooOld(batch.entries.filter((entry) => entry.admittedMs <= cutoffMs));
    if (this.#head.current === undefined) await this.#lookAtHead();
    batch.entries = batch.entries.filter((entry) => this.#answerer.isOpen(entry));
    if (batch.entries.length === 0) return;
    const head = this.#head.current;
    const nowMs = this.#o.clock();
    // A log whose last record lies in the future (the clock was set back) waits like one whose peer lags.
    if (head === undefined || head.timeMs > nowMs) return this.#follow(batch, { kind: "behind" });
    const times = timesOf(batch.entries, head.timeMs, nowMs);
    const attempt: Attempt = { batch, head, lastMs: times.at(-1) ?? head.timeMs };
    this.#firstOwn = Math.min(this.#firstOwn, head.size);
    const outcome = await this.#submit(attempt, times);
    if (outcome.kind === "committed") this.#settle(attempt, outcome.placed);
    else if (outcome.kind === "unknown") await this.#resolve({ ...attempt, txId: outcome.txId });
    else await this.#follow(batch, outcome);
  }

  async #submit({ batch, head }: Attempt, times: readonly number[]): Promise<Outcome> {
    const { ledger, log, random, clock, metrics } = this.#o;
    const text = batchText(toBase64url(random(32)), batch.entries, times);
    const args: BatchArguments = { log, size: head.size, root: head.root, digest: sha256Text(text) };
    const startedMs = clock();
    const outcome = await ledger
      .submit({ name: TRANSACTIONS.recordBatch, args: [canonical(args)], transient: { batch: text } })
      .then(
        ({ block, txId, result }): Outcome => ({ kind: "committed", placed: { block, txId, result } }),
        (error: unknown) => outcomeOf(error, batch.entries.length),
      );
    metrics.turn({
      outcome: outcome.kind,
      records: batch.entries.length,
      objects: objectsOf(batch.entries).size,
      bytes: text.length,
      waitedMs: startedMs - (batch.entries[0]?.admittedMs ?? startedMs),
      ledgerMs: clock() - startedMs,
      troubled: this.#lanes.isTroubled(batch),
    });
    return outcome;
  }

  #settle({ batch, head, lastMs }: Attempt, { block, txId, result }: Placed): void {
    this.#refusedInARow = 0;
    this.#lastBlock = Math.max(this.#lastBlock, block);
    const next = result === undefined ? undefined : resultOf(result);
    if (next?.size === head.size + batch.entries.length) this.#head.advance({ ...next, timeMs: lastMs });
    else {
      this.#o.logger.warn({ log: this.#o.log, block, txId }, "the head after a batch is read anew");
      this.#head.forget();
    }
    this.#answerer.answer(batch.entries, head.size, block);
  }

  // --- what follows a failure

  async #follow(batch: Batch, outcome: Failure): Promise<void> {
    const step = stepAfter(outcome, this.#standing(batch, outcome));
    switch (step.step) {
      case "drop":
        this.#drop(batch, step);
        break;
      case "again":
        await this.#o.pause(step.waitMs);
        await this.#lookAtHead();
        batch.lane.retry(batch);
        break;
      case "whole":
        batch.marks = await this.#afterConflict(batch, step.txId);
        batch.lane.retry(batch);
        break;
      case "part":
        await this.#part(batch, step.txId);
        break;
      case "halve":
        this.#lanes.halve(batch);
        break;
      case "giveUp":
        this.#giveUp(batch, step);
        break;
    }
  }

  #standing(batch: Batch, { kind }: Failure): Standing {
    const nowMs = this.#o.clock();
    const run = batch.run?.kind === kind ? batch.run : { kind, sinceMs: nowMs, tries: 0 };
    batch.run = { ...run, tries: run.tries + 1 };
    if (kind === "conflict") batch.conflicts++;
    if (kind === "record") batch.refusals++;
    this.#refusedInARow = kind === "refused" ? this.#refusedInARow + 1 : 0;
    return {
      records: batch.entries.length,
      conflicts: batch.conflicts,
      refusals: batch.refusals,
      refusedInARow: this.#refusedInARow,
      tries: batch.run.tries,
      lastedMs: nowMs - run.sinceMs,
    };
  }

  #drop(batch: Batch, { record, error, apart }: Extract<Step, { step: "drop" }>): void {
    const refused = batch.entries[record];
    if (refused === undefined) {
      this.#lanes.halve(batch);
      return;
    }
    this.#answerer.refuse(refused, error);
    batch.entries = batch.entries.filter((entry) => entry !== refused);
    if (!apart || !this.#lanes.apart(batch, new Set([refused.subject.requester]))) batch.lane.retry(batch);
  }

  /** Gives up what met too many conflicts, and sees to it that the read model knows what the batch collided with. */
  async #afterConflict(batch: Batch, txId: string | undefined): Promise<Marks | undefined> {
    for (const entry of batch.entries) {
      if (++entry.conflicts <= CONFLICTS_PER_RECORD) continue;
      this.#answerer.reject(entry, notRecorded("what the record rests on changes too often", "CONFLICT"));
    }
    const found = txId === undefined ? undefined : await this.#asked(this.#o.ledger.find(txId));
    if (found !== undefined) await this.#answerer.reached(found.block, LAG_MS);
    await this.#lookAtHead();
    return this.#asked(readMarks(this.#o.readModel, objectsOf(batch.entries)));
  }

  async #part(batch: Batch, txId: string | undefined): Promise<void> {
    const before = batch.marks;
    const after = await this.#afterConflict(batch, txId);
    const names = before === undefined || after === undefined ? new Set<ObjectName>() : moved(before, after);
    if (!this.#lanes.apart(batch, names)) this.#lanes.halve(batch);
  }

  #giveUp({ entries }: Batch, { reason, cause }: Extract<Step, { step: "giveUp" }>): void {
    const { log, logger } = this.#o;
    const detail = cause?.detail ?? cause?.code ?? reason;
    logger.error({ log, records: entries.length, reason, detail }, "a batch was given up");
    for (const entry of entries) this.#answerer.reject(entry, notRecorded(GIVEN_UP[reason], detail, cause));
  }

  // --- unknown outcomes

  /** Stands still for a while: most outcomes show within a block or two. Then the log goes on without that batch. */
  async #resolve(doubt: Doubt): Promise<void> {
    const { clock, pause, log, logger } = this.#o;
    const untilMs = clock() + FIND_MS;
    for (let tries = 0; clock() < untilMs; tries++) {
      const fate = await this.#fateOf(doubt);
      if (fate.kind === "committed") {
        this.#settle(doubt, fate.placed);
        return;
      }
      if (fate.kind === "void") return this.#follow(doubt.batch, { kind: "conflict", txId: doubt.txId });
      await pause(backoffMs(FIND_PAUSE, tries));
    }
    logger.warn({ log, txId: doubt.txId, records: doubt.batch.entries.length }, "the outcome of a batch is unknown");
    this.#doubts = [...this.#doubts, doubt];
  }

  async #settleDoubts(): Promise<void> {
    for (const doubt of this.#doubts) {
      const { entries, lane } = doubt.batch;
      const fate = await this.#fateOf(doubt);
      if (fate.kind === "committed") this.#settle(doubt, fate.placed);
      else if (fate.kind === "void") lane.retry(newBatch(lane, entries));
      else {
        this.#leaveOpen(entries);
        if (entries.some((entry) => this.#answerer.isOpen(entry))) continue;
      }
      this.#doubts = this.#doubts.filter((other) => other !== doubt);
    }
  }

  #fateOf(doubt: Doubt): ReturnType<typeof fateOf> {
    const { ledger, readModel, log } = this.#o;
    return fateOf(doubt, { ledger, readModel, log, head: () => this.#head.current });
  }

  // --- small things

  async #lookAtHead(): Promise<void> {
    if (await this.#head.refresh()) await this.#answerer.echoes();
  }

  #cutoffMs(): number {
    return this.#o.clock() - AGE_MS;
  }

  #tooOld(entries: readonly Entry[]): void {
    for (const entry of entries) {
      this.#answerer.reject(entry, notRecorded("the ledger did not take the record in time", "TOO_OLD"));
    }
  }

  /**
   * Records in doubt that grow too old: nobody can say more, and nothing was released for them. Should they turn out to be
   * committed, the same request sent again is answered with its record.
   */
  #leaveOpen(entries: readonly Entry[]): void {
    const cutoffMs = this.#cutoffMs();
    for (const entry of entries.filter(({ admittedMs }) => admittedMs <= cutoffMs)) {
      this.#answerer.reject(entry, notRecorded("the ledger did not say in time what became of it", "OUTCOME_UNKNOWN"));
    }
  }

  /** What a ledger or read model that fails is asked for is simply not known. */
  async #asked<T>(answer: Promise<T>): Promise<T | undefined> {
    try {
      return await answer;
    } catch (err) {
      this.#o.logger.warn({ log: this.#o.log, err }, "the recorder could not read");
      return undefined;
    }
  }
}

const GIVEN_UP: Readonly<Record<GiveUp, string>> = {
  LAG: "the endorsers do not agree on the log's head, or on the time",
  POLICY: "the record's endorsements do not count",
  REFUSED: "the chaincode refused the record",
};

const notRecorded = (reason: string, detail: string, cause?: QuanjiError): QuanjiError =>
  new QuanjiError("NOT_RECORDED", `${reason}: nothing was released, send the request again`, { detail, cause });

/** Undefined if that is no result of `recordBatch`: the batch is committed all the same, so this must not throw. */
function resultOf(text: string): BatchResult | undefined {
  try {
    const { size, root } = parseCanonical(text);
    return typeof size === "number" && typeof root === "string" ? { size, root } : undefined;
  } catch {
    return undefined; // the caller reads the head anew
  }
}
