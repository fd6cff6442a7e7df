/** Cosignatures for this gateway's logs: one courier a witness, one store, and those who wait for a record to be cosigned. */
import type { Courier } from "./courier.js";
import type { CosignedCheckpoint, CosignedStore } from "./store.js";

/** What evidence asks of cosignatures. */
export interface Cosigned {
  /** The first kept checkpoint with the quorum's cosignatures that holds the record; undefined while there is none. */
  covering(origin: string, index: number): Promise<CosignedCheckpoint | undefined>;
  /** The largest such checkpoint of a log. */
  newest(origin: string): Promise<CosignedCheckpoint | undefined>;
  /** Waits for one that holds the record. False if it does not come within `ms`, or the signal aborts. */
  awaited(origin: string, index: number, ms: number, signal?: AbortSignal): Promise<boolean>;
}

export class Cosigning implements Cosigned {
  readonly #store: CosignedStore;
  #couriers: readonly Courier[] = [];
  #waiting = new Set<() => void>();
  #closed = false;

  constructor(store: CosignedStore) {
    this.#store = store;
  }

  /** @param couriers made with this object's {@link reached}, and closed with it. */
  start(couriers: readonly Courier[]): void {
    this.#couriers = couriers;
  }

  /** A batch of some log is committed and readable. */
  grew(): void {
    for (const courier of this.#couriers) courier.grew();
  }

  /** To be called when a checkpoint has reached the quorum. */
  reached(): void {
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const wake of waiting) wake();
  }

  covering(origin: string, index: number): Promise<CosignedCheckpoint | undefined> {
    return this.#store.covering(origin, index);
  }

  newest(origin: string): Promise<CosignedCheckpoint | undefined> {
    return this.#store.newest(origin);
  }

  async awaited(origin: string, index: number, ms: number, signal?: AbortSignal): Promise<boolean> {
    const over = AbortSignal.any([AbortSignal.timeout(ms), ...(signal === undefined ? [] : [signal])]);
    const abort = (): void => this.reached();
    over.addEventListener("abort", abort, { once: true });
    try {
      for (;;) {
        // Whoever reaches the quorum between the look and the wait wakes the one who began to wait before it looked.
        const woken = new Promise<void>((resolve) => this.#waiting.add(resolve));
        if ((await this.covering(origin, index)) !== undefined) return true;
        if (over.aborted || this.#closed) return false;
        await woken;
      }
    } finally {
      over.removeEventListener("abort", abort);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#couriers.map((courier) => courier.close()));
    this.reached();
    await this.#store.close();
  }
}
