/**
 * Orders and commits: whatever waits goes into the next block, one block at a time, so that many submitters share one sync
 * of the disk. A transaction is answered only after its block is on disk.
 */
import { LedgerError } from "../ledger.js";
import { type BlockParts, dataHashOf, headerHash, newOrdererMetadata, sealBlock } from "./block.js";
import { nextCommitHash } from "./commit-hash.js";
import type { CommittedBlock } from "./feed.js";
import type { CommitStep, Hooks } from "./hooks.js";
import type { Signer } from "./identity.js";
import { putsOf } from "./puts.js";
import type { PrivateWrites } from "./rwset.js";
import { Signal } from "./signal.js";
import type { Store, Tip } from "./store.js";
import { NONCE_BYTES, type Transaction } from "./transaction.js";
import { CODE, type Rules, type Updates, validateBlock } from "./validator.js";

const MAX_TRANSACTIONS = 500;
/** Fabric's orderer refuses over 16 MiB; a block ends before it. Private values count, for the batch holds them too. */
const MAX_BYTES = 16 * 1024 * 1024;
/** Blocks whose decoded form is kept, for the streams that follow the tip. */
const RECENT = 8;

export interface Ordered {
  readonly transaction: Transaction;
  readonly privateWrites: readonly PrivateWrites[];
}

/** Where a transaction landed, valid or not. */
export interface Landed {
  readonly block: number;
  readonly index: number;
  /** TxValidationCode. */
  readonly code: number;
}

interface Waiting extends Ordered {
  readonly resolve: (landed: Landed) => void;
  readonly reject: (error: LedgerError) => void;
}

export interface OrdererParts {
  readonly store: Store;
  readonly tip: Tip;
  readonly rules: Rules;
  readonly signer: Signer;
  readonly random: (size: number) => Uint8Array;
  readonly hooks: Hooks;
  /** Called before a block changes the state. */
  readonly beforeWrite: () => void;
}

const sizeOf = ({ transaction, privateWrites }: Ordered): number =>
  privateWrites
    .flatMap(({ writes }) => writes)
    .reduce((sum, { value }) => sum + (value?.length ?? 0), transaction.envelope.length);

export class Orderer {
  /** Notified at every new block, when the ledger breaks, and by {@link Orderer.close}. */
  readonly changed = new Signal();
  readonly #parts: OrdererParts;
  readonly #ordererMetadata = newOrdererMetadata();
  readonly #recent = new Map<number, CommittedBlock>();
  #queue: Waiting[] = [];
  #tip: Tip;
  #running: Promise<void> | undefined;
  #broken = false;

  constructor(parts: OrdererParts) {
    this.#parts = parts;
    this.#tip = parts.tip;
  }

  get tip(): Tip {
    return this.#tip;
  }

  /** True after a commit failed: what is on disk is known only after the ledger is opened again. */
  get broken(): boolean {
    return this.#broken;
  }

  /** A block that was committed a moment ago. */
  recent(number: number): CommittedBlock | undefined {
    return this.#recent.get(number);
  }

  /** Throws LedgerError UNAVAILABLE if nothing was ordered, UNKNOWN if the disk failed while it was written. */
  order(ordered: Ordered): Promise<Landed> {
    return new Promise((resolve, reject) => {
      if (this.#broken) {
        reject(stopped(ordered));
        return;
      }
      this.#queue.push({ ...ordered, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** Resolves when nothing waits any more. */
  async close(): Promise<void> {
    await this.#running;
    this.changed.notify();
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0) {
      const block = this.#take();
      await this.#commit(block);
    }
    this.#running = undefined;
  }

  #take(): readonly Waiting[] {
    let bytes = 0;
    const end = this.#queue.findIndex((waiting, index) => {
      bytes += sizeOf(waiting);
      return index === MAX_TRANSACTIONS || (index > 0 && bytes > MAX_BYTES);
    });
    return this.#queue.splice(0, end < 0 ? this.#queue.length : end);
  }

  async #commit(waiting: readonly Waiting[]): Promise<void> {
    const number = this.#tip.number + 1;
    let writing = false;
    try {
      await this.#step("taken", number);
      const { block, tip, updates } = this.#build(waiting);
      const puts = putsOf(block, tip, updates, waiting, this.#parts.store);
      await this.#step("built", number);
      this.#parts.beforeWrite();
      writing = true;
      await this.#step("write", number);
      await this.#parts.store.write(number, puts);
      await this.#step("written", number);
      this.#advance(block, tip, waiting);
      waiting.forEach(({ resolve }, index) =>
        resolve({ block: number, index, code: block.codes[index] ?? CODE.NOT_VALIDATED }),
      );
      await this.#step("acknowledged", number);
    } catch (error) {
      this.#break(waiting, error, writing);
    }
  }

  #step(step: CommitStep, block: number): void | Promise<void> {
    return this.#parts.hooks.atStep?.(step, block);
  }

  #build(waiting: readonly Waiting[]): { block: BlockParts; tip: Tip; updates: Updates } {
    const { store, rules, signer, random } = this.#parts;
    const number = this.#tip.number + 1;
    const transactions = waiting.map(({ transaction }) => transaction);
    const validated = validateBlock(number, transactions, store, rules);
    const envelopes = transactions.map(({ envelope }) => envelope);
    const header = { number, previousHash: this.#tip.hash, dataHash: dataHashOf(envelopes) };
    const commitHash = nextCommitHash(this.#tip.commitHash, validated);
    const block: BlockParts = {
      header,
      envelopes,
      codes: validated.codes,
      commitHash,
      ordererMetadata: this.#ordererMetadata,
      seal: sealBlock(header, this.#ordererMetadata, signer, random(NONCE_BYTES)),
    };
    return { block, tip: { number, hash: headerHash(header), commitHash }, updates: validated.updates };
  }

  #advance(block: BlockParts, tip: Tip, waiting: readonly Waiting[]): void {
    this.#tip = tip;
    // What was purged must not live on here; the block itself may hold a value that it purges.
    if (isPurging(block, waiting)) this.#recent.clear();
    else this.#remember(block, tip, waiting);
    this.changed.notify();
  }

  #remember(block: BlockParts, tip: Tip, waiting: readonly Waiting[]): void {
    this.#recent.set(tip.number, {
      number: tip.number,
      hash: tip.hash,
      commitHash: tip.commitHash,
      transactions: waiting.map(({ transaction, privateWrites }, index) => {
        const code = block.codes[index] ?? CODE.NOT_VALIDATED;
        return { transaction, code, privateWrites: code === CODE.VALID ? privateWrites : [], purged: [] };
      }),
    });
    this.#recent.delete(tip.number - RECENT);
  }

  /**
   * Stops for good. A batch that failed may still be found whole when LevelDB reads its log again, so going on from either
   * assumption could fork the chain.
   */
  #break(waiting: readonly Waiting[], cause: unknown, writing: boolean): void {
    this.#broken = true;
    for (const one of waiting) {
      const { txId } = one.transaction;
      one.reject(
        writing
          ? new LedgerError("UNKNOWN", "the disk failed while the block was written; open the ledger again", {
              txId,
              cause,
            })
          : stopped(one, cause),
      );
    }
    for (const one of this.#queue.splice(0)) one.reject(stopped(one, cause));
    this.changed.notify();
  }
}

const isPurging = ({ codes }: BlockParts, waiting: readonly Ordered[]): boolean =>
  waiting.some(
    ({ privateWrites }, index) =>
      codes[index] === CODE.VALID &&
      privateWrites.some(({ writes }) => writes.some(({ value }) => value === undefined)),
  );

const stopped = ({ transaction }: Ordered, cause?: unknown): LedgerError =>
  new LedgerError("UNAVAILABLE", "the ledger stopped after a failed commit: free the disk and start again", {
    txId: transaction.txId,
    cause,
  });
