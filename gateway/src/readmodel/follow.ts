/** Follows the ledger's blocks, one after the other, each a single write; wakes whoever waits for a height. */
import { isQuanjiError, QuanjiError } from "@quanji/chaincode/domain";
import type { BlockStream, Ledger, LedgerBlock } from "../ledger/ledger.js";
import type { Applied } from "./apply.js";

interface Waiter {
  readonly block: number;
  readonly resolve: () => void;
  readonly reject: (error: QuanjiError) => void;
}

const behind = (block: number, cause?: unknown): QuanjiError =>
  new QuanjiError("BEHIND", `block ${block} is not indexed yet: ask again in a moment`, { cause });

export interface FollowerOptions {
  readonly ledger: Pick<Ledger, "blocks">;
  /** Number of blocks that are indexed already. */
  readonly height: number;
  readonly plan: (block: LedgerBlock) => Applied;
  /** Writes what was planned; once it resolves, readers see it. */
  readonly commit: (applied: Applied) => Promise<void>;
  /** Called once, if at all: after it nothing is applied any more. */
  readonly onError: (error: QuanjiError) => void;
}

export class Follower {
  readonly #options: FollowerOptions;
  readonly #stream: BlockStream;
  readonly #done: Promise<void>;
  readonly #waiting = new Set<Waiter>();
  #height: number;
  #end: QuanjiError | undefined;

  constructor(options: FollowerOptions) {
    this.#options = options;
    this.#height = options.height;
    this.#stream = options.ledger.blocks(options.height);
    this.#done = this.#run();
  }

  get height(): number {
    return this.#height;
  }

  /** Errors: BEHIND if the signal aborts or no further blocks come; the index's own fault once there is one. */
  reached(block: number, signal?: AbortSignal): Promise<void> {
    if (block < this.#height) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const refusal = this.#end ?? (signal?.aborted === true ? behind(block, signal.reason) : undefined);
      if (refusal !== undefined) {
        reject(refusal);
        return;
      }
      const settle = (act: () => void): void => {
        this.#waiting.delete(waiter);
        signal?.removeEventListener("abort", abort);
        act();
      };
      const abort = (): void => settle(() => reject(behind(block, signal?.reason)));
      const waiter: Waiter = {
        block,
        resolve: () => settle(resolve),
        reject: (error) => settle(() => reject(error)),
      };
      signal?.addEventListener("abort", abort, { once: true });
      this.#waiting.add(waiter);
    });
  }

  async close(): Promise<void> {
    await this.#stream.close();
    await this.#done;
  }

  async #run(): Promise<void> {
    try {
      for await (const block of this.#stream) await this.#apply(block);
      this.#finish(behind(this.#height));
    } catch (error) {
      const fault = isQuanjiError(error)
        ? error
        : new QuanjiError("INTERNAL", `the index stops at block ${this.#height}`, { cause: error });
      this.#finish(fault);
      this.#options.onError(fault);
    }
  }

  async #apply(block: LedgerBlock): Promise<void> {
    if (block.number !== this.#height) {
      throw new QuanjiError("INTERNAL", `the index expects block ${this.#height} and got ${block.number}`);
    }
    await this.#options.commit(this.#options.plan(block));
    this.#height = block.number + 1;
    for (const waiter of [...this.#waiting]) if (waiter.block < this.#height) waiter.resolve();
  }

  #finish(error: QuanjiError): void {
    this.#end = error;
    for (const waiter of [...this.#waiting]) waiter.reject(error);
  }
}
