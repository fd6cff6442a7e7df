/** Committed blocks as the port shows them: from memory just after the commit, from disk otherwise. */
import { QuanjiError } from "@quanji/chaincode/domain";
import type { BlockStream, BlockTransaction, HashedKey, HashedWrite, LedgerBlock, Write } from "../ledger.js";
import { decodeBlock, headerHash } from "./block.js";
import { isAfter, keyHashOf, type PrivateWrites } from "./rwset.js";
import type { Signal } from "./signal.js";
import type { PrivateValue, Store } from "./store.js";
import { parseTransaction, type Transaction } from "./transaction.js";
import { CODE, codeName } from "./validator.js";

export interface CommittedTransaction {
  readonly transaction: Transaction;
  readonly code: number;
  /** Empty unless the transaction is valid. */
  readonly privateWrites: readonly PrivateWrites[];
  /** Keys that it wrote and whose values a later transaction has purged. */
  readonly purged: readonly HashedKey[];
}

export interface CommittedBlock {
  readonly number: number;
  readonly hash: Uint8Array;
  /** Empty for block 0. */
  readonly commitHash: Uint8Array;
  /** Empty for block 0, which holds the configuration. */
  readonly transactions: readonly CommittedTransaction[];
}

const corrupt = (number: number): QuanjiError =>
  new QuanjiError("INTERNAL", `block ${number} cannot be read: check the ledger and restore it from a copy`, {
    detail: "LEDGER_CORRUPT",
  });

function privateWritesOf(values: readonly PrivateValue[], tx: number): PrivateWrites[] {
  const byCollection = new Map<string, { key: string; value: Uint8Array }[]>();
  for (const { collection, key, value } of values.filter((one) => one.tx === tx)) {
    const writes = byCollection.get(collection) ?? [];
    writes.push({ key, value });
    byCollection.set(collection, writes);
  }
  return [...byCollection].map(([collection, writes]) => ({ collection, writes }));
}

/** Values that the transaction wrote and that are not there: purged since, or the ledger is damaged. */
function purgedSince(store: Store, block: number, tx: number, { rwset }: Transaction, found: readonly PrivateWrites[]) {
  return rwset.collections.flatMap(({ name: collection, writes }): HashedKey[] => {
    const wrote = writes.filter(({ valueHash }) => valueHash !== undefined);
    const own = found.find((one) => one.collection === collection)?.writes ?? [];
    if (own.length === wrote.length) return [];
    const there = new Set(own.map(({ key }) => keyHashOf(key)));
    const absent = wrote.filter(({ keyHash }) => !there.has(keyHash));
    return absent.map(({ keyHash }) => {
      const purge = store.getPurge(collection, keyHash);
      if (purge === undefined || !isAfter(purge, { block, tx })) throw corrupt(block);
      return { collection, keyHash };
    });
  });
}

/** Errors: INTERNAL · LEDGER_CORRUPT if there is no such block or it is not well formed, or lacks values that were not purged. */
export async function readCommitted(store: Store, number: number): Promise<CommittedBlock> {
  const bytes = store.getBlock(number);
  if (bytes === undefined) throw corrupt(number);
  const block = decodeBlock(bytes);
  const values = await store.privateValues(number);
  const envelopes = number === 0 ? [] : block.envelopes;
  return {
    number,
    hash: headerHash(block.header),
    commitHash: block.commitHash,
    transactions: envelopes.map((envelope, index) => {
      const transaction = parseTransaction(envelope);
      if (typeof transaction === "string") throw corrupt(number);
      const code = block.codes[index] ?? CODE.NOT_VALIDATED;
      const privateWrites = privateWritesOf(values, index);
      const purged = code === CODE.VALID ? purgedSince(store, number, index, transaction, privateWrites) : [];
      return { transaction, code, privateWrites, purged };
    }),
  };
}

const textOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");

function writesOf({ transaction, privateWrites }: CommittedTransaction, isMember: (name: string) => boolean): Write[] {
  return [
    ...transaction.rwset.writes.map(({ key, value }) => ({ key, value: textOf(value) })),
    ...privateWrites
      .filter(({ collection }) => isMember(collection))
      .flatMap(({ collection, writes }) =>
        writes.flatMap(({ key, value }) => (value === undefined ? [] : [{ collection, key, value: textOf(value) }])),
      ),
  ];
}

const purgesOf = ({ rwset }: Transaction): HashedKey[] =>
  rwset.collections.flatMap(({ name: collection, writes }) =>
    writes.flatMap(({ keyHash, valueHash }) => (valueHash === undefined ? [{ collection, keyHash }] : [])),
  );

const hashesOf = ({ rwset }: Transaction): HashedWrite[] =>
  rwset.collections.flatMap(({ name: collection, writes }) =>
    writes.map(({ keyHash, valueHash }) => ({
      collection,
      keyHash,
      valueHash: valueHash && Buffer.from(valueHash).toString("base64url"),
    })),
  );

/** @param isMember of which collections the reader's organisation is a member. */
export function toLedgerBlock(block: CommittedBlock, isMember: (collection: string) => boolean): LedgerBlock {
  return {
    number: block.number,
    hash: Buffer.from(block.hash).toString("base64url"),
    ...(block.commitHash.length > 0 && { commitHash: Buffer.from(block.commitHash).toString("base64url") }),
    transactions: block.transactions.map((committed, index): BlockTransaction => {
      const { txId, timestampMs, name, args, event } = committed.transaction;
      const valid = committed.code === CODE.VALID;
      const purges = valid ? purgesOf(committed.transaction) : [];
      const hashes = valid ? hashesOf(committed.transaction) : [];
      const purged = committed.purged.filter(({ collection }) => isMember(collection));
      return {
        txId,
        index,
        valid,
        validationCode: codeName(committed.code),
        timestampMs,
        name,
        args,
        writes: valid ? writesOf(committed, isMember) : [],
        ...(valid && event !== undefined && { event }),
        ...(purges.length > 0 && { purges }),
        ...(purged.length > 0 && { purged }),
        ...(hashes.length > 0 && { hashes }),
      };
    }),
  };
}

/** Where a stream reads from. */
export interface BlockSource {
  /** Number of blocks. */
  readonly height: () => number;
  readonly isClosed: () => boolean;
  /** Notified at every new block and at the close. */
  readonly changed: Signal;
  readonly read: (number: number) => Promise<LedgerBlock>;
}

/** Ends at its own close and at the ledger's; holds nothing between two blocks, so a slow reader costs nothing. */
export class Stream implements BlockStream {
  readonly #source: BlockSource;
  #next: number;
  #closed = false;

  constructor(source: BlockSource, from: number) {
    this.#source = source;
    this.#next = from;
  }

  [Symbol.asyncIterator](): AsyncIterator<LedgerBlock> {
    return {
      next: () => this.#pull(),
      return: async () => {
        await this.close();
        return { done: true, value: undefined };
      },
    };
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#source.changed.notify();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #pull(): Promise<IteratorResult<LedgerBlock>> {
    while (!this.#ended() && this.#next >= this.#source.height()) await this.#source.changed.wait();
    if (this.#ended()) return { done: true, value: undefined };
    return { done: false, value: await this.#source.read(this.#next++) };
  }

  #ended(): boolean {
    return this.#closed || this.#source.isClosed();
  }
}
