/** States of one object, one for each position of its command chain, and when each came to be. */
import { refuse } from "./verdict.js";

/**
 * Two transactions' times may be in the other order than their commits: each is within 30 s of a clock, and a commit takes a
 * while. Beyond this, an order of times is an order of commits.
 */
export const COMMIT_TOLERANCE_MS = 180_000;
/** How far a stop's `iat` may lie before it: what the chaincode allows. */
const MAX_IAT_SKEW_MS = 120_000;

export interface Step {
  readonly request: string;
  readonly verb: string;
  /** Ledger time of the entry; a stop's entry is made when it is folded in. */
  readonly timeMs: number;
  /** Latest ledger time at which it took effect: for a stop, from what its signer wrote, however late it was folded. */
  readonly effectiveMs: number;
}

export const isStop = (verb: string): boolean => verb === "grant.suspend" || verb === "grant.revoke";

export const stepOf = (request: string, verb: string, timeMs: number, iat: number): Step => ({
  request,
  verb,
  timeMs,
  effectiveMs: isStop(verb) ? Math.min(timeMs, iat * 1000 + MAX_IAT_SKEW_MS) : timeMs,
});

export class Timeline<T> {
  readonly #states: T[] = [];
  readonly #steps: Step[] = [];
  /** Latest time of any step so far: rises, where single times may not. */
  readonly #latest: number[] = [];
  readonly #initial: T | undefined;

  /** `initial`: state before any command, where there is one. */
  constructor(initial?: T) {
    this.#initial = initial;
  }

  add(state: T, step: Step): void {
    this.#states.push(state);
    this.#steps.push(step);
    this.#latest.push(Math.max(this.#latest.at(-1) ?? 0, step.timeMs));
  }

  get length(): number {
    return this.#states.length;
  }

  get last(): T | undefined {
    return this.#states.at(-1) ?? this.#initial;
  }

  /** Step that made position `n`, from 1. */
  step(n: number): Step | undefined {
    return this.#steps[n - 1];
  }

  /** State after `n` commands. Errors: BASIS_UNKNOWN. */
  at(n: number): T {
    const state = n === 0 ? this.#initial : this.#states[n - 1];
    return state ?? refuse("BASIS_UNKNOWN", `the chain has no position ${n}`);
  }

  /** States that may have been the newest at some time from `fromMs` to `toMs`, times being as loose as they are. */
  *around(fromMs: number, toMs: number): Generator<T> {
    let n = this.#firstAfter(fromMs - COMMIT_TOLERANCE_MS);
    for (; n <= this.length; n++) {
      if (n > 0 && (this.#latest[n - 1] ?? 0) > toMs + 2 * COMMIT_TOLERANCE_MS) return;
      const state = n === 0 ? this.#initial : this.#states[n - 1];
      if (state !== undefined && (this.step(n)?.timeMs ?? 0) <= toMs + COMMIT_TOLERANCE_MS) yield state;
    }
  }

  /** Last position whose successor is not certainly before `ms`. */
  #firstAfter(ms: number): number {
    let [low, high] = [0, this.length];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if ((this.#latest[middle] ?? Infinity) < ms) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /**
   * That a record at `timeMs` may rest on position `n`: neither before it came to be nor long after it was overtaken. `permit`:
   * a stop counts from when it was given. Errors: BASIS_UNKNOWN, TIME_BRACKET, PERMIT_AFTER_STOP, BASIS_STALE.
   */
  assertCurrent(n: number, timeMs: number, permit: boolean): void {
    if (n > this.length) refuse("BASIS_UNKNOWN", `the chain has ${this.length} commands, the record rests on ${n}`);
    const made = this.step(n);
    if (made !== undefined && timeMs < made.timeMs - COMMIT_TOLERANCE_MS) {
      refuse("TIME_BRACKET", "the record's time is before that of what it was decided on");
    }
    const next = this.step(n + 1);
    if (next === undefined) return;
    const stopped = permit && isStop(next.verb);
    if (timeMs > (stopped ? next.effectiveMs : next.timeMs) + COMMIT_TOLERANCE_MS) {
      refuse(stopped ? "PERMIT_AFTER_STOP" : "BASIS_STALE", "the record was decided on a state long overtaken");
    }
  }
}
