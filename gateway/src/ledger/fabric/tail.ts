/**
 * The newest blocks as they commit at the organisation's peer: kept in memory for a while, so that the read model, the mirror
 * and whoever waits for a commit share one stream and one decoding. It reconnects by itself, at another peer if one is lost,
 * and goes on at the next number: no block is missed and none comes twice.
 */
import { setTimeout as pause } from "node:timers/promises";
import { isQuanjiError, type QuanjiError } from "@quanji/chaincode/domain";
import { Signal } from "../embedded/signal.js";
import type { FabricBlock, Place } from "./decode.js";
import type { Deliverer, Delivery } from "./delivery.js";

/** Blocks kept: some seconds of full load. A reader that is slower than that fetches its blocks itself. */
const KEPT = 64;

export interface Timing {
  /** First pause before a reconnection; it doubles up to `mostMs`. */
  readonly firstMs: number;
  readonly mostMs: number;
}
export const RECONNECT: Timing = { firstMs: 50, mostMs: 2_000 };

export interface TailOptions {
  readonly deliverer: Deliverer;
  /** Number of blocks that there are already: the tail begins with the next one. */
  readonly height: number;
  /** Told why a delivery ended, once until it works again. */
  readonly report: (error: unknown) => void;
  readonly timing?: Timing;
}

export class Tail {
  /** Notified at every new block, at a fault and at the close. */
  readonly changed = new Signal();
  readonly #options: TailOptions;
  readonly #kept: FabricBlock[] = [];
  readonly #awaited = new Map<string, (place: Place) => void>();
  readonly #done: Promise<void>;
  readonly #stop = new AbortController();
  #height: number;
  #delivery: Delivery | undefined;
  #fault: QuanjiError | undefined;

  constructor(options: TailOptions) {
    this.#options = options;
    this.#height = options.height;
    this.#done = this.#run();
  }

  /** Number of blocks known. */
  get height(): number {
    return this.#height;
  }

  get isClosed(): boolean {
    return this.#stop.signal.aborted;
  }

  /** A block that nobody can read. After it nothing comes any more. */
  get fault(): QuanjiError | undefined {
    return this.#fault;
  }

  recent(number: number): FabricBlock | undefined {
    const first = this.#kept[0]?.number ?? this.#height;
    return this.#kept[number - first];
  }

  /** Calls back once, when the transaction stands in a block. Register before the envelope leaves, and forget in the end. */
  await(txId: string, landed: (place: Place) => void): void {
    this.#awaited.set(txId, landed);
  }

  forget(txId: string): void {
    this.#awaited.delete(txId);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#delivery?.close();
    this.changed.notify();
    await this.#done;
  }

  async #run(): Promise<void> {
    const { report, timing = RECONNECT } = this.#options;
    let waitMs = timing.firstMs;
    let reported = false;
    while (!this.#isOver()) {
      const before = this.#height;
      try {
        await this.#follow();
      } catch (error) {
        if (isQuanjiError(error)) this.#fault = error;
        if (!reported && !this.isClosed) report(error);
        reported = true;
      }
      if (this.#height > before) [waitMs, reported] = [timing.firstMs, false];
      await pause(waitMs, undefined, { signal: this.#stop.signal }).catch(() => undefined); // cut short by the close
      waitMs = Math.min(timing.mostMs, waitMs * 2);
    }
    this.changed.notify();
  }

  #isOver(): boolean {
    return this.isClosed || this.#fault !== undefined;
  }

  async #follow(): Promise<void> {
    const delivery = await this.#options.deliverer.open(this.#height);
    this.#delivery = delivery;
    if (this.isClosed) delivery.close();
    try {
      for (let block = await delivery.next(); block !== undefined; block = await delivery.next()) {
        if (block.number !== this.#height) throw new Error(`expected block ${this.#height}, got ${block.number}`);
        this.#take(block);
      }
    } finally {
      delivery.close();
    }
  }

  #take(block: FabricBlock): void {
    // Values that it purges must not live on here: whoever still wants those blocks fetches them, without.
    if (block.purges.length > 0) this.#kept.length = 0;
    this.#kept.push(block);
    if (this.#kept.length > KEPT) this.#kept.shift();
    this.#height = block.number + 1;
    for (const place of block.places) {
      this.#awaited.get(place.txId)?.(place);
      this.#awaited.delete(place.txId);
    }
    this.changed.notify();
  }
}
