/** All blocks from a number on: first those that there are, from a delivery of the reader's own, then the tail's. */
import { setTimeout as pause } from "node:timers/promises";
import type { Version } from "../embedded/rwset.js";
import type { BlockStream, HashedKey, LedgerBlock } from "../ledger.js";
import type { FabricBlock } from "./decode.js";
import type { Deliverer, Delivery } from "./delivery.js";
import { RECONNECT, type Tail, type Timing } from "./tail.js";

export interface BlocksOptions {
  readonly deliverer: Deliverer;
  readonly tail: Tail;
  readonly from: number;
  /**
   * Whether a block is held back until the peer has every private value of it that is this organisation's. A peer that missed
   * some commits the block without, and fetches them from the other members within seconds.
   */
  readonly complete: boolean;
  /**
   * Whether a transaction after the one at that place purged a private key: then its value is nowhere any more, and a block
   * without it is complete. Asked only if `complete`. Throws while that cannot be said.
   */
  readonly isPurged?: (key: HashedKey, at: Version) => Promise<boolean>;
  /** Told once of a block that is held back. */
  readonly report: (message: string) => void;
  readonly timing?: Timing;
}

export class Blocks {
  readonly #options: BlocksOptions;
  readonly #stop = new AbortController();
  #next: number;
  #delivery: Delivery | undefined;
  /** Where the open delivery goes on. */
  #at = -1;
  #waitMs: number;
  #heldBack = -1;

  constructor(options: BlocksOptions) {
    this.#options = options;
    this.#next = options.from;
    this.#waitMs = (options.timing ?? RECONNECT).firstMs;
  }

  /** Undefined once this or the ledger is closed. Throws what nobody can read. */
  async next(): Promise<FabricBlock | undefined> {
    for (;;) {
      if (this.#isOver()) {
        this.#drop();
        return undefined;
      }
      const found = await this.#find();
      if (found === undefined) continue;
      const block = this.#options.complete && found.missing.length > 0 ? await this.#withoutPurged(found) : found;
      if (block === undefined) {
        await this.#holdBack(found);
        continue;
      }
      this.#next = block.number + 1;
      this.#waitMs = (this.#options.timing ?? RECONNECT).firstMs;
      return block;
    }
  }

  close(): void {
    this.#stop.abort();
    this.#drop();
    this.#options.tail.changed.notify();
  }

  #isOver(): boolean {
    return this.#stop.signal.aborted || this.#options.tail.isClosed;
  }

  /** The next block, if it is there; else waits for something to change. */
  async #find(): Promise<FabricBlock | undefined> {
    const { tail } = this.#options;
    const recent = this.#heldBack === this.#next ? undefined : tail.recent(this.#next);
    if (recent !== undefined) {
      this.#drop();
      return recent;
    }
    if (this.#next < tail.height) return this.#fetch();
    if (tail.fault !== undefined) throw tail.fault;
    this.#drop();
    await tail.changed.wait();
    return undefined;
  }

  async #fetch(): Promise<FabricBlock | undefined> {
    try {
      if (this.#at !== this.#next) this.#drop();
      this.#delivery ??= await this.#options.deliverer.open(this.#next);
      const block = await this.#delivery.next();
      if (block?.number === this.#next) {
        this.#at = block.number + 1;
        return block;
      }
    } catch (error) {
      if (error instanceof Error && error.name === "QuanjiError") throw error;
    }
    // The peer is lost or ended the delivery: the tail reports that, and the next try may be at another.
    this.#drop();
    await this.#rest();
    return undefined;
  }

  /** The block, if what it lacks was purged, and saying so; undefined if something is missing for no such reason. */
  async #withoutPurged(found: FabricBlock): Promise<FabricBlock | undefined> {
    const { isPurged } = this.#options;
    if (isPurged === undefined) return undefined;
    try {
      for (const { index, ...key } of found.missing) {
        if (!(await isPurged(key, { block: found.number, tx: index }))) return undefined;
      }
    } catch {
      return undefined; // not known yet: the block is held back until it is
    }
    const transactions = found.block.transactions.map((transaction) => {
      const own = found.missing.filter(({ index }) => index === transaction.index);
      const purged = own.map(({ collection, keyHash }) => ({ collection, keyHash }));
      return purged.length === 0 ? transaction : { ...transaction, purged };
    });
    return { ...found, missing: [], block: { ...found.block, transactions } };
  }

  async #holdBack(block: FabricBlock): Promise<void> {
    if (this.#heldBack !== block.number) {
      const { number } = block;
      const missing = [...new Set(block.missing.map(({ collection }) => collection))];
      this.#options.report(`block ${number} waits for private values of ${missing.join(", ")} to reach the peer`);
    }
    this.#heldBack = block.number;
    this.#drop();
    await this.#rest();
  }

  async #rest(): Promise<void> {
    const { mostMs } = this.#options.timing ?? RECONNECT;
    await pause(this.#waitMs, undefined, { signal: this.#stop.signal }).catch(() => undefined); // cut short by the close
    this.#waitMs = Math.min(mostMs, this.#waitMs * 2);
  }

  #drop(): void {
    this.#delivery?.close();
    this.#delivery = undefined;
    this.#at = -1;
  }
}

/** The port's stream over {@link Blocks}. */
export class LedgerBlocks implements BlockStream {
  readonly #blocks: Blocks;

  constructor(blocks: Blocks) {
    this.#blocks = blocks;
  }

  [Symbol.asyncIterator](): AsyncIterator<LedgerBlock> {
    return {
      next: async () => {
        const block = await this.#blocks.next();
        return block === undefined ? { done: true, value: undefined } : { done: false, value: block.block };
      },
      return: async () => {
        await this.close();
        return { done: true, value: undefined };
      },
    };
  }

  close(): Promise<void> {
    this.#blocks.close();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
