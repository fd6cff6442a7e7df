/** Token buckets by party: what one caller may ask for, before anything of it is recorded or read. */
import { QuanjiError } from "@quanji/chaincode/domain";

export interface Rate {
  readonly perSecond: number;
  /** Bucket's size: what may come at once after a pause. */
  readonly burst: number;
}

/** Parties that asked lately; beyond it, full buckets are dropped. */
const MAX_BUCKETS = 10_000;

export class RateLimiter {
  readonly #rate: Rate;
  readonly #clock: () => number;
  readonly #buckets = new Map<string, { tokens: number; atMs: number }>();

  constructor(rate: Rate, clock: () => number) {
    this.#rate = rate;
    this.#clock = clock;
  }

  /** Errors: LIMITED. */
  take(party: string): void {
    const now = this.#clock();
    const bucket = this.#buckets.get(party) ?? this.#newBucket(party, now);
    const refill = (Math.max(0, now - bucket.atMs) / 1000) * this.#rate.perSecond;
    bucket.tokens = Math.min(this.#rate.burst, bucket.tokens + refill);
    bucket.atMs = now;
    if (bucket.tokens < 1) {
      throw new QuanjiError("LIMITED", `at most ${this.#rate.perSecond} requests a second from one party`);
    }
    bucket.tokens -= 1;
  }

  #newBucket(party: string, now: number): { tokens: number; atMs: number } {
    if (this.#buckets.size >= MAX_BUCKETS) this.#dropFull(now);
    const bucket = { tokens: this.#rate.burst, atMs: now };
    this.#buckets.set(party, bucket);
    return bucket;
  }

  #dropFull(now: number): void {
    const fullAfterMs = (this.#rate.burst / this.#rate.perSecond) * 1000;
    for (const [party, { atMs }] of this.#buckets) if (now - atMs >= fullAfterMs) this.#buckets.delete(party);
  }
}
