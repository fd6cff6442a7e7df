/**
 * A period's statement from the records of its grant, read once and in order: what is billed, what waits for the other side's
 * word, and what it comes to. The closer signs what this says, and the payer runs the same over its own trail.
 */
import type { Hash } from "../../log/hash.js";
import type { QuanjiRecord } from "../record.js";
import { splitVersion } from "../ids.js";
import { msOf } from "../time.js";
import { metered } from "./metered.js";
import { type Circumstances, DeliveryEvidence, type Metered, type Reckoning, StatementFold } from "./statement.js";
import type { AccessRange } from "./tally-review.js";
import type { Tariff } from "./tariff.js";

/** Record times with `fromMs` ≤ t < `toMs`. */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface ReckonerOptions {
  readonly tariff: Tariff;
  /** Id of the grant whose deliveries are billed. */
  readonly grant: string;
  readonly span: Span;
  /** Whether a delivery waits for its acceptance, recorded within the span. */
  readonly acceptance: boolean;
  /** Accesses for which the source does not speak: see {@link ./tally-review.ts}. */
  readonly untallied: readonly AccessRange[];
}

/** Deliveries of one side that wait: units of the tariff in them, how many, and the root over their leaves. */
export interface Held {
  readonly quantity: string;
  readonly deliveries: number;
  readonly root: string;
}

export interface PeriodReckoning extends Reckoning {
  readonly held: readonly (Held & { readonly for: "acceptance" | "tally" })[];
}

interface Waiting {
  readonly item: Metered;
  readonly access: number;
  isAccepted: boolean;
}

/**
 * Memory grows with the deliveries between the oldest one that awaits its acceptance and the newest, not with the period.
 * Records come as a trail has them: log by log, in order.
 */
export class Reckoner {
  readonly #options: ReckonerOptions;
  readonly #fold: StatementFold;
  readonly #unaccepted = new DeliveryEvidence();
  readonly #untallied = new DeliveryEvidence();
  readonly #ranges = new Map<string, readonly AccessRange[]>();
  #log: string | undefined;
  /** In the order of their indexes. */
  #queue: Waiting[] = [];
  #head = 0;
  readonly #waiting = new Map<number, Waiting>();

  constructor(options: ReckonerOptions) {
    this.#options = options;
    this.#fold = new StatementFold(options.tariff);
    for (const range of options.untallied) {
      this.#ranges.set(range.log, [...(this.#ranges.get(range.log) ?? []), range]);
    }
  }

  /** Errors: EVIDENCE_MISSING: records out of order. */
  add(record: QuanjiRecord, leaf: Hash): void {
    if (record.face.log !== this.#log) {
      this.#drain();
      this.#log = record.face.log;
    }
    if (record.type === "delivery") this.#delivery(record, leaf);
    else if (record.type === "acceptance" && this.#isWithin(record.body.time)) this.#acceptance(record.body.delivery);
  }

  /** Errors: those of {@link StatementFold.close}. */
  close(circumstances: Circumstances): PeriodReckoning {
    this.#drain();
    const held = [
      { for: "acceptance" as const, ...this.#unaccepted.lines },
      { for: "tally" as const, ...this.#untallied.lines },
    ].filter(({ deliveries }) => deliveries > 0);
    return { ...this.#fold.close(circumstances), held };
  }

  #delivery(record: Extract<QuanjiRecord, { readonly type: "delivery" }>, leaf: Hash): void {
    const { tariff, grant, acceptance } = this.#options;
    if (splitVersion(record.body.grant).id !== grant || !this.#isWithin(record.body.time)) return;
    const item = metered(record, leaf, tariff.unit);
    if (item === undefined) return;
    const { access } = record.body;
    if (!acceptance) {
      this.#bill(item, access);
      return;
    }
    const waiting: Waiting = { item, access, isAccepted: false };
    this.#queue.push(waiting);
    this.#waiting.set(item.index, waiting);
  }

  #acceptance(delivery: number): void {
    const waiting = this.#waiting.get(delivery);
    if (waiting === undefined) return;
    this.#waiting.delete(delivery);
    waiting.isAccepted = true;
    for (let first = this.#queue[this.#head]; first?.isAccepted === true; first = this.#queue[this.#head]) {
      this.#bill(first.item, first.access);
      this.#head++;
    }
    if (this.#head * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
  }

  /** What is not accepted by the end of a log is held. */
  #drain(): void {
    for (const { item, access, isAccepted } of this.#queue.slice(this.#head)) {
      if (isAccepted) this.#bill(item, access);
      else this.#unaccepted.add(item.leaf, item.quantity);
    }
    this.#queue = [];
    this.#head = 0;
    this.#waiting.clear();
  }

  #bill(item: Metered, access: number): void {
    const ranges = this.#ranges.get(item.log) ?? [];
    if (ranges.some(({ from, to }) => from <= access && access < to)) this.#untallied.add(item.leaf, item.quantity);
    else this.#fold.add(item);
  }

  #isWithin(time: string): boolean {
    const at = msOf(time);
    return at >= this.#options.span.fromMs && at < this.#options.span.toMs;
  }
}

/** Counts deliveries under other grants, by which a contract's payees are weighed; roots in the order of (log, index). */
export class Contribution {
  readonly #grant: string;
  readonly #span: Span;
  readonly #evidence = new DeliveryEvidence();

  constructor(grant: string, span: Span) {
    this.#grant = grant;
    this.#span = span;
  }

  add(record: QuanjiRecord, leaf: Hash): void {
    const item = record.type === "delivery" ? metered(record, leaf, "call") : undefined;
    if (record.type !== "delivery" || item === undefined) return;
    const at = msOf(record.body.time);
    const isCounted =
      splitVersion(record.body.grant).id === this.#grant && at >= this.#span.fromMs && at < this.#span.toMs;
    if (isCounted) this.#evidence.add(leaf, 1n);
  }

  get measured(): { readonly grant: string; readonly deliveries: number; readonly root: string } {
    const { deliveries, root } = this.#evidence.lines;
    return { grant: this.#grant, deliveries, root };
  }
}
