/**
 * Two lanes to one log. Records that touch an object which made batches fail — a grant that its owner keeps toggling, a
 * requester whose records are refused — go in batches among themselves, and take one turn in four while others wait: so no
 * owner and no requester can stall a log.
 */
import type { Entry, ObjectName } from "./entry.js";
import { type Batch, Lane, newBatch } from "./lane.js";
import { CALM_TURNS, type RecorderLimits, TURBULENT_MS } from "./limits.js";

export class Lanes {
  readonly #gatherMs: number;
  readonly #clock: () => number;
  readonly #calm: Lane;
  readonly #troubled: Lane;
  readonly #turbulentUntil = new Map<ObjectName, number>();
  #calmTurns = 0;

  constructor(limits: RecorderLimits, clock: () => number) {
    this.#gatherMs = limits.gatherMs;
    this.#clock = clock;
    this.#calm = new Lane(limits);
    this.#troubled = new Lane(limits);
  }

  get empty(): boolean {
    return this.#calm.empty && this.#troubled.empty;
  }

  isTroubled(batch: Batch): boolean {
    return batch.lane === this.#troubled;
  }

  /** True if that is worth waking the loop for: the first, or as many as a batch holds. */
  push(entry: Entry): boolean {
    const first = this.empty;
    const lane = this.#touchesTurbulence(entry) ? this.#troubled : this.#calm;
    lane.push(entry);
    return first || lane.full;
  }

  /** The next batch to submit, if one has gathered long enough, is full, or `now` is asked for. */
  next(now: boolean): Batch | undefined {
    const calm = this.#ripe(this.#calm, now);
    if (this.#ripe(this.#troubled, now) && (!calm || this.#calmTurns >= CALM_TURNS)) {
      this.#calmTurns = 0;
      return this.#troubled.take();
    }
    if (!calm) return undefined;
    this.#calmTurns++;
    return this.#calm.take();
  }

  /** Time until the next batch has gathered long enough; undefined if nothing waits. */
  get restMs(): number | undefined {
    const left = [this.#calm, this.#troubled].filter((lane) => !lane.empty).map((lane) => this.#gatherLeft(lane));
    return left.length === 0 ? undefined : Math.min(...left);
  }

  /** Takes out what waits since `cutoffMs` or longer. */
  expired(cutoffMs: number): readonly Entry[] {
    return [...this.#calm.expired(cutoffMs), ...this.#troubled.expired(cutoffMs)];
  }

  /** Puts the records that touch one of `names` into a batch of their own. False if there are none. */
  apart(batch: Batch, names: ReadonlySet<ObjectName>): boolean {
    const touches = (entry: Entry): boolean => entry.subject.objects.some((name) => names.has(name));
    const touched = batch.entries.filter(touches);
    const rest = batch.entries.filter((entry) => !touches(entry));
    if (touched.length === 0) return false;
    const untilMs = this.#clock() + TURBULENT_MS;
    for (const name of names) this.#turbulentUntil.set(name, untilMs);
    for (const entry of this.#calm.extract(touches)) this.#troubled.push(entry);
    this.#troubled.retry(newBatch(this.#troubled, touched));
    batch.lane.retry(newBatch(batch.lane, rest));
    return true;
  }

  halve({ lane, entries }: Batch): void {
    const middle = Math.ceil(entries.length / 2);
    lane.retry(newBatch(lane, entries.slice(0, middle)), newBatch(lane, entries.slice(middle)));
  }

  #ripe(lane: Lane, now: boolean): boolean {
    return !lane.empty && (now || lane.full || this.#gatherLeft(lane) === 0);
  }

  /** A clock that was set back must not hold a batch: more than the whole time counts as none. */
  #gatherLeft(lane: Lane): number {
    const left = (lane.sinceMs ?? 0) + this.#gatherMs - this.#clock();
    return left <= 0 || left > this.#gatherMs ? 0 : left;
  }

  #touchesTurbulence(entry: Entry): boolean {
    if (this.#turbulentUntil.size === 0) return false;
    const nowMs = this.#clock();
    for (const [name, untilMs] of this.#turbulentUntil) if (untilMs <= nowMs) this.#turbulentUntil.delete(name);
    return entry.subject.objects.some((name) => this.#turbulentUntil.has(name));
  }
}
