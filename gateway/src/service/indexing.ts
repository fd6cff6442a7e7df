/** Indexes of subjects: made of the read model after each day's end, and whenever somebody asks for what is newest. */
import { dayOf, QuanjiError } from "@quanji/chaincode/domain";
import { toBase64url } from "@quanji/chaincode/log";
import { SubjectTree } from "../evidence/subject-tree.js";
import type { LedgerIndex } from "../readmodel/ledger-index.js";
import type { KnownRecord } from "../readmodel/readmodel.js";
import type { Recorder } from "../recorder/recorder.js";

export interface IndexingOptions {
  readonly index: Pick<LedgerIndex, "log" | "network" | "indexTip" | "tagged" | "record">;
  readonly recorders: readonly Pick<Recorder, "log" | "record">[];
  /** Ledger time, ms since 1970. */
  readonly now: () => number;
  readonly random: (size: number) => Uint8Array;
  /** Resolves after that time, or at once when the signal aborts; must not keep the process alive. */
  readonly rest: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Told of an index that could not be recorded; it is tried again. */
  readonly report: (error: unknown) => void;
}

/** Between two looks at the calendar. */
const LOOK_EVERY_MS = 60_000;

export class Indexing {
  readonly #options: IndexingOptions;
  readonly #underWay = new Map<string, Promise<KnownRecord>>();
  readonly #over = new AbortController();

  constructor(options: IndexingOptions) {
    this.#options = options;
  }

  /** Indexes all logs of this gateway up to now. Errors: NOT_RECORDED and what else the ledger refuses one for. */
  async refresh(): Promise<void> {
    for (const recorder of this.#options.recorders) await this.make(recorder);
  }

  /** One index of what has none yet, be it nothing: then it says just that. Asked for twice at once, one is made. */
  make(recorder: Pick<Recorder, "log" | "record">): Promise<KnownRecord> {
    const { log } = recorder;
    const known = this.#underWay.get(log);
    if (known !== undefined) return known;
    const work = this.#make(recorder).finally(() => this.#underWay.delete(log));
    this.#underWay.set(log, work);
    return work;
  }

  /**
   * Indexes each log whose newest index is of an earlier day, and each that is about persons and has none. A log about nobody gets
   * its first when somebody asks. Resolves once this is closed.
   */
  async keepIndexing(): Promise<void> {
    const { recorders, rest } = this.#options;
    while (!this.#isOver()) {
      for (const recorder of recorders) if (!this.#isOver()) await this.#makeIfDue(recorder);
      await rest(LOOK_EVERY_MS, this.#over.signal);
    }
  }

  async #makeIfDue(recorder: Pick<Recorder, "log" | "record">): Promise<void> {
    try {
      if (await this.#isDue(recorder.log)) await this.make(recorder);
    } catch (error) {
      if (!this.#isOver()) this.#options.report(error);
    }
  }

  #isOver(): boolean {
    return this.#over.signal.aborted;
  }

  /** Waits for what is being recorded; recorders are closed after it. */
  async close(): Promise<void> {
    this.#over.abort();
    await Promise.allSettled(this.#underWay.values());
  }

  async #isDue(log: string): Promise<boolean> {
    const { index, now } = this.#options;
    const network = await index.network();
    if (network === undefined) return false;
    const tip = await index.indexTip(log);
    const sinceMs = tip === undefined ? await this.#firstMs(log) : Date.parse(tip.through);
    return sinceMs !== undefined && dayOf(sinceMs, network.timeZone) < dayOf(now(), network.timeZone);
  }

  /** Time of the log's first record that is about persons. */
  async #firstMs(log: string): Promise<number | undefined> {
    const { index } = this.#options;
    const size = (await index.log(log))?.size ?? 0;
    for await (const { index: at } of index.tagged(log, 0, size)) {
      const known = await index.record(log, at);
      if (known !== undefined) return Date.parse((JSON.parse(known.stored.body) as { readonly time: string }).time);
    }
    return undefined;
  }

  async #make(recorder: Pick<Recorder, "log" | "record">): Promise<KnownRecord> {
    const { index, random } = this.#options;
    const { log } = recorder;
    const state = await index.log(log);
    if (state === undefined) throw new QuanjiError("NOT_FOUND", "there is no such log", { field: "log" });
    const from = (await index.indexTip(log))?.to ?? 0;
    const to = state.size;
    const last = to > from ? await index.record(log, to - 1) : undefined;
    if (to > from && last === undefined) throw new QuanjiError("BEHIND", "the read model lacks the log's last record");
    const seed = toBase64url(random(32));
    const tree = await SubjectTree.of(index, { log, from, to, seed });
    return recorder.record({
      type: "index",
      before: to,
      first: last?.first ?? 0,
      root: tree.root,
      size: tree.size,
      seed,
    });
  }
}
