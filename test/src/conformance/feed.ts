/** One organisation's blocks, read as they come, and found again by transaction. */
import type { BlockStream, BlockTransaction, Ledger } from "@quanji/gateway/testing";

export class Feed {
  readonly #stream: BlockStream;
  readonly #known = new Map<string, BlockTransaction>();
  readonly #awaited = new Map<string, (transaction: BlockTransaction) => void>();
  readonly #done: Promise<void>;

  constructor(ledger: Ledger) {
    this.#stream = ledger.blocks(0);
    this.#done = this.#read();
  }

  /** Resolves once a block shows it. */
  find(txId: string): Promise<BlockTransaction> {
    const known = this.#known.get(txId);
    if (known !== undefined) return Promise.resolve(known);
    return new Promise((resolve) => this.#awaited.set(txId, resolve));
  }

  async close(): Promise<void> {
    await this.#stream.close();
    await this.#done;
  }

  async #read(): Promise<void> {
    for await (const { transactions } of this.#stream) {
      for (const transaction of transactions) {
        const { txId, validationCode } = transaction;
        if (validationCode === "DUPLICATE_TXID") continue;
        this.#known.set(txId, transaction);
        this.#awaited.get(txId)?.(transaction);
        this.#awaited.delete(txId);
      }
    }
  }
}
