/** From a built block to the rows that it changes on disk, private values and their purges included. */
import { type BlockParts, encodeBlock } from "./block.js";
import type { Ordered } from "./orderer.js";
import { keyHashOf, type PrivateWrite, type Version } from "./rwset.js";
import {
  encodeHashedEntry,
  encodePlace,
  encodePrivateValue,
  encodePublicEntry,
  encodePurge,
  encodeTip,
  KEYS,
  previousOf,
  type Put,
  type Store,
  type Tip,
} from "./store.js";
import { CODE, type Updates } from "./validator.js";

/** Everything that a block changes on disk. Rows may repeat: the last counts. @param before the store, without the block. */
export function putsOf(
  block: BlockParts,
  tip: Tip,
  updates: Updates,
  ordered: readonly Ordered[],
  before: Pick<Store, "getHashed" | "getPrivateRow">,
): Put[] {
  const number = tip.number;
  const puts: Put[] = [{ key: KEYS.block(number), value: Buffer.from(encodeBlock(block)) }];
  const values = new PrivateValues(puts, before);
  ordered.forEach((one, index) => {
    const code = block.codes[index] ?? CODE.NOT_VALIDATED;
    // The id of a repeated transaction keeps pointing to the first.
    if (code !== CODE.DUPLICATE_TXID) {
      puts.push({ key: KEYS.transaction(one.transaction.txId), value: encodePlace({ block: number, index, code }) });
    }
    if (code === CODE.VALID) values.add({ block: number, tx: index }, one);
  });
  for (const [key, entry] of updates.publicKeys)
    puts.push({ key: KEYS.publicKey(key), value: encodePublicEntry(entry) });
  for (const [collection, entries] of updates.hashedKeys) {
    for (const [keyHash, { version, valueHash }] of entries) {
      const value = valueHash && encodeHashedEntry({ version, valueHash });
      puts.push({ key: KEYS.hashedKey(collection, keyHash), value });
    }
  }
  puts.push({ key: KEYS.tip, value: encodeTip(tip) });
  return puts;
}

/** Values that a block's transactions write and purge, in their order. */
class PrivateValues {
  readonly #puts: Put[];
  readonly #before: Pick<Store, "getHashed" | "getPrivateRow">;
  /** Version of each key that this block wrote; undefined once it is purged. By {@link KEYS.hashedKey}. */
  readonly #newest = new Map<string, Version | undefined>();
  /** Rows that this block wrote. */
  readonly #rows = new Map<string, Buffer>();

  constructor(puts: Put[], before: Pick<Store, "getHashed" | "getPrivateRow">) {
    this.#puts = puts;
    this.#before = before;
  }

  add(at: Version, { transaction, privateWrites }: Ordered): void {
    for (const { collection, writes } of privateWrites) {
      // Both are in the order of the plain keys, and the hashes are made already.
      const hashed = transaction.rwset.collections.find(({ name }) => name === collection)?.writes ?? [];
      writes.forEach((write, n) => this.#write(at, collection, hashed[n]?.keyHash ?? keyHashOf(write.key), write));
    }
  }

  #write(at: Version, collection: string, keyHash: string, { key, value }: PrivateWrite): void {
    const name = KEYS.hashedKey(collection, keyHash);
    const previous = this.#newest.has(name)
      ? this.#newest.get(name)
      : this.#before.getHashed(collection, keyHash)?.version;
    this.#newest.set(name, value && at);
    if (value === undefined) {
      this.#puts.push({ key: KEYS.purge(collection, keyHash), value: encodePurge(at) });
      this.#forget(collection, key, previous);
      return;
    }
    const row = { key: KEYS.privateValue(at, collection, key), value: encodePrivateValue(value, previous) };
    this.#rows.set(row.key, row.value);
    this.#puts.push(row);
  }

  /** From the newest value back to the first: each names the one before. */
  #forget(collection: string, key: string, newest: Version | undefined): void {
    for (let at = newest; at !== undefined;) {
      const row = KEYS.privateValue(at, collection, key);
      const bytes = this.#rows.get(row) ?? this.#before.getPrivateRow(row);
      this.#puts.push({ key: row, value: undefined });
      at = bytes && previousOf(bytes);
    }
  }
}
