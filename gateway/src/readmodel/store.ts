/**
 * The index's LevelDB. Point reads are synchronous: from cache they cost a few microseconds, less than a promise does, and
 * a decoded cache filled from them can never hold an older value than the disk. Writes are not synced: what a crash loses
 * is applied again from the ledger's blocks.
 */
import { QuanjiError } from "@quanji/chaincode/domain";
import { Level } from "level";

const CACHE_BYTES = 32 * 1024 * 1024;
const WRITE_BUFFER_BYTES = 16 * 1024 * 1024;

/** Text, or bytes where a value is hashes. Undefined deletes. */
export type Value = string | Uint8Array | undefined;

/** What both the store and a block's changes can answer. */
export interface Reads {
  get(key: string): string | undefined;
  getBytes(key: string): Uint8Array | undefined;
}

interface Scan {
  readonly gte?: string;
  readonly gt?: string;
  readonly lt?: string;
  readonly lte?: string;
  readonly reverse?: boolean;
  readonly limit?: number;
}

export class Store implements Reads {
  readonly #db: Level;

  private constructor(db: Level) {
    this.#db = db;
  }

  /** Errors: CONFIG_INVALID · LOCKED if another process has the folder open; INTERNAL if it does not open. */
  static async open(folder: string): Promise<Store> {
    const db = new Level(folder, { cacheSize: CACHE_BYTES, writeBufferSize: WRITE_BUFFER_BYTES });
    try {
      await db.open();
    } catch (error) {
      throw openFault(folder, error);
    }
    return new Store(db);
  }

  get(key: string): string | undefined {
    return this.#db.getSync(key);
  }

  getBytes(key: string): Uint8Array | undefined {
    return this.#db.getSync<string, Uint8Array>(key, { valueEncoding: "view" });
  }

  /** In order of keys, as the index stands when the iteration begins; leaving early is fine. */
  entries(scan: Scan): AsyncIterable<[string, string]> {
    return this.#db.iterator(scan);
  }

  /** Every row as bytes, in order of keys. */
  rows(): AsyncIterable<[string, Uint8Array]> {
    return this.#db.iterator<string, Uint8Array>({ valueEncoding: "view" });
  }

  async first(scan: Scan): Promise<[string, string] | undefined> {
    for await (const entry of this.entries({ ...scan, limit: 1 })) return entry;
    return undefined;
  }

  /** All or nothing. */
  async write(changes: Iterable<readonly [string, Value]>): Promise<void> {
    const batch = this.#db.batch();
    for (const [key, value] of changes) {
      if (value === undefined) batch.del(key);
      else if (typeof value === "string") batch.put(key, value);
      else batch.put<string, Uint8Array>(key, value, { valueEncoding: "view" });
    }
    await batch.write({ sync: false });
  }

  clear(): Promise<void> {
    return this.#db.clear();
  }

  close(): Promise<void> {
    return this.#db.close();
  }
}

function openFault(folder: string, error: unknown): QuanjiError {
  const cause = error instanceof Error ? error.cause : undefined;
  if (cause instanceof Error && "code" in cause && cause.code === "LEVEL_LOCKED") {
    return new QuanjiError(
      "CONFIG_INVALID",
      `the index in ${folder} is open in another process: stop that one, or choose another data folder`,
      { field: "folder", detail: "LOCKED", cause: error },
    );
  }
  return new QuanjiError(
    "INTERNAL",
    `the index in ${folder} cannot be opened: delete it, it is made anew from blocks`,
    {
      detail: "INDEX_CORRUPT",
      cause: error,
    },
  );
}

/** What one block changes: written as a whole, and read back by what comes later in the same block. */
export class Changes implements Reads {
  readonly #store: Reads;
  readonly #values = new Map<string, Value>();

  constructor(store: Reads) {
    this.#store = store;
  }

  get(key: string): string | undefined {
    if (!this.#values.has(key)) return this.#store.get(key);
    const value = this.#values.get(key);
    return typeof value === "string" ? value : undefined;
  }

  getBytes(key: string): Uint8Array | undefined {
    if (!this.#values.has(key)) return this.#store.getBytes(key);
    const value = this.#values.get(key);
    return typeof value === "string" ? undefined : value;
  }

  put(key: string, value: string | Uint8Array): void {
    this.#values.set(key, value);
  }

  delete(key: string): void {
    this.#values.set(key, undefined);
  }

  [Symbol.iterator](): IterableIterator<[string, Value]> {
    return this.#values.entries();
  }
}
