/**
 * The ledger's files: one LevelDB. A block, its private values, the state that follows, the index of transactions and the
 * new tip are one synced batch, so a crash leaves all of it or nothing.
 *
 * Keys, in this order on disk; numbers are fixed-width hexadecimal so that they sort:
 * - `b<block>` a block's bytes; `b<block><tx><collection>\0<key>` a private value that this transaction wrote, stored once,
 *   after the version that wrote the key before: so a purge finds every value of a key without a search;
 * - `h<collection>\0<SHA-256(key)>` version and SHA-256(value) of a private key;
 * - `p<collection>\0<SHA-256(key)>` version of the last purge of a private key;
 * - `m` the tip;  `s<key>` version, policy and value of a public key;  `t<txId>` where a transaction stands.
 *
 * Blocks come first because they only grow: a compaction then never reaches back over old blocks.
 */
import { isQuanjiError, QuanjiError } from "@quanji/chaincode/domain";
import { Level } from "level";
import type { KeyHash, Version } from "./rwset.js";
import { StateCache } from "./state-cache.js";

/** How much LevelDB gathers in its log before it writes a table: some ten large blocks. */
export const WRITE_BUFFER_BYTES = 16 * 1024 * 1024;

/** Raised when the layout above changes. */
const FORMAT = 2;

export interface PublicEntry {
  readonly version: Version;
  readonly value: Uint8Array;
  /** Key-level endorsement policy, encoded. */
  readonly policy: Uint8Array | undefined;
}

export interface HashedEntry {
  readonly version: Version;
  readonly valueHash: Uint8Array;
}

export interface Place {
  readonly block: number;
  readonly index: number;
  /** TxValidationCode. */
  readonly code: number;
}

/** Newest block: the state is exactly what follows from blocks 0…number. */
export interface Tip {
  readonly number: number;
  readonly hash: Uint8Array;
  readonly commitHash: Uint8Array;
}

/** State at one height. */
export interface StateReader {
  getPublic(key: string): PublicEntry | undefined;
  getHashed(collection: string, keyHash: KeyHash): HashedEntry | undefined;
}

export interface PrivateValue {
  readonly tx: number;
  readonly collection: string;
  readonly key: string;
  readonly value: Uint8Array;
}

const fixed = (value: number, digits: number): string => value.toString(16).padStart(digits, "0");
const BLOCK_DIGITS = 12;
const TX_DIGITS = 6;

export const KEYS = {
  tip: "m",
  block: (block: number) => `b${fixed(block, BLOCK_DIGITS)}`,
  privateValue: (at: Version, collection: string, key: string) =>
    `b${fixed(at.block, BLOCK_DIGITS)}${fixed(at.tx, TX_DIGITS)}${collection}\0${key}`,
  publicKey: (key: string) => `s${key}`,
  hashedKey: (collection: string, keyHash: KeyHash) => `h${collection}\0${keyHash}`,
  purge: (collection: string, keyHash: KeyHash) => `p${collection}\0${keyHash}`,
  transaction: (txId: string) => `t${txId}`,
};

const VERSION_BYTES = 10;

function writeVersion(out: Buffer, { block, tx }: Version): void {
  out.writeUIntBE(block, 0, 6);
  out.writeUInt32BE(tx, 6);
}
const blockOf = (bytes: Buffer): number => bytes.readUIntBE(0, 6);
const readVersion = (bytes: Buffer): Version => ({ block: blockOf(bytes), tx: bytes.readUInt32BE(6) });

export function encodePublicEntry({ version, value, policy }: PublicEntry): Buffer {
  const head = Buffer.alloc(VERSION_BYTES + 2);
  writeVersion(head, version);
  head.writeUInt16BE(policy?.length ?? 0, VERSION_BYTES);
  return Buffer.concat([head, policy ?? new Uint8Array(), value]);
}
function decodePublicEntry(bytes: Buffer): PublicEntry {
  const start = VERSION_BYTES + 2;
  const end = start + bytes.readUInt16BE(VERSION_BYTES);
  const policy = end === start ? undefined : bytes.subarray(start, end);
  return { version: readVersion(bytes), policy, value: bytes.subarray(end) };
}

export function encodeHashedEntry({ version, valueHash }: HashedEntry): Buffer {
  const out = Buffer.alloc(VERSION_BYTES + valueHash.length);
  writeVersion(out, version);
  out.set(valueHash, VERSION_BYTES);
  return out;
}
const decodeHashedEntry = (bytes: Buffer): HashedEntry => ({
  version: readVersion(bytes),
  valueHash: bytes.subarray(VERSION_BYTES),
});

export function encodePlace({ block, index, code }: Place): Buffer {
  const out = Buffer.alloc(VERSION_BYTES + 1);
  writeVersion(out, { block, tx: index });
  out.writeUInt8(code, VERSION_BYTES);
  return out;
}
const decodePlace = (bytes: Buffer): Place => {
  const { block, tx } = readVersion(bytes);
  return { block, index: tx, code: bytes.readUInt8(VERSION_BYTES) };
};

/** @param previous version that wrote the key before; undefined for none, which block 0 stands for: it holds no transaction. */
export function encodePrivateValue(value: Uint8Array, previous: Version | undefined): Buffer {
  const head = Buffer.alloc(VERSION_BYTES);
  writeVersion(head, previous ?? { block: 0, tx: 0 });
  return Buffer.concat([head, value]);
}
const privateValueOf = (bytes: Buffer): Buffer => bytes.subarray(VERSION_BYTES);
export function previousOf(bytes: Buffer): Version | undefined {
  const version = readVersion(bytes);
  return version.block === 0 ? undefined : version;
}

export function encodePurge(version: Version): Buffer {
  const out = Buffer.alloc(VERSION_BYTES);
  writeVersion(out, version);
  return out;
}

const HASH_BYTES = 32;
const TIP_HEAD = 7;

export function encodeTip({ number, hash, commitHash }: Tip): Buffer {
  const head = Buffer.alloc(TIP_HEAD);
  head.writeUInt8(FORMAT);
  head.writeUIntBE(number, 1, 6);
  return Buffer.concat([head, hash, commitHash]);
}
/** Throws on a tip of another format. */
function decodeTip(bytes: Buffer): Tip {
  const hash = bytes.subarray(TIP_HEAD, TIP_HEAD + HASH_BYTES);
  const commitHash = bytes.subarray(TIP_HEAD + HASH_BYTES);
  if (bytes[0] !== FORMAT || hash.length !== HASH_BYTES || ![0, HASH_BYTES].includes(commitHash.length)) {
    throw new RangeError("the tip is not of this format");
  }
  return { number: bytes.readUIntBE(1, 6), hash, commitHash };
}

export type Database = Level<string, Buffer>;
type Snapshot = ReturnType<Database["snapshot"]>;

/** What is on disk at one height. */
abstract class Reader implements StateReader {
  readonly #db: Database;
  readonly #cache: StateCache;
  readonly #options: { readonly snapshot?: Snapshot };

  constructor(db: Database, cache: StateCache, snapshot?: Snapshot) {
    this.#db = db;
    this.#cache = cache;
    this.#options = snapshot === undefined ? {} : { snapshot };
  }

  /** Number of the block after which this reads. */
  abstract readonly height: number;

  /** Synchronous: a point read costs a few microseconds, a promise costs more than the read. */
  #get(key: string): Buffer | undefined {
    return this.#db.getSync(key, this.#options);
  }

  #getState(key: string): Buffer | undefined {
    return this.#cache.get(key, this.height, () => this.#get(key));
  }

  getPublic(key: string): PublicEntry | undefined {
    const bytes = this.#getState(KEYS.publicKey(key));
    return bytes && decodePublicEntry(bytes);
  }

  getHashed(collection: string, keyHash: KeyHash): HashedEntry | undefined {
    const bytes = this.#getState(KEYS.hashedKey(collection, keyHash));
    return bytes && decodeHashedEntry(bytes);
  }

  getPrivate(collection: string, key: string, writtenAt: Version): Buffer | undefined {
    const bytes = this.getPrivateRow(KEYS.privateValue(writtenAt, collection, key));
    return bytes && privateValueOf(bytes);
  }

  /** As stored: {@link encodePrivateValue}. */
  getPrivateRow(row: string): Buffer | undefined {
    return this.#get(row);
  }

  /** Last transaction that purged the key. */
  getPurge(collection: string, keyHash: KeyHash): Version | undefined {
    const bytes = this.#get(KEYS.purge(collection, keyHash));
    return bytes && readVersion(bytes);
  }

  getBlock(number: number): Buffer | undefined {
    return this.#get(KEYS.block(number));
  }

  getTip(): Tip | undefined {
    const bytes = this.#get(KEYS.tip);
    return bytes && decodeTip(bytes);
  }

  getPlace(txId: string): Place | undefined {
    const bytes = this.#get(KEYS.transaction(txId));
    return bytes && decodePlace(bytes);
  }

  /** Private values that transactions of one block wrote, in order of transaction, collection, key. */
  async privateValues(block: number): Promise<PrivateValue[]> {
    const prefix = KEYS.block(block);
    const values: PrivateValue[] = [];
    for await (const [key, value] of this.#db.iterator({ gt: prefix, lt: KEYS.block(block + 1), ...this.#options })) {
      const separator = key.indexOf("\0");
      values.push({
        tx: Number.parseInt(key.slice(prefix.length, prefix.length + TX_DIGITS), 16),
        collection: key.slice(prefix.length + TX_DIGITS, separator),
        key: key.slice(separator + 1),
        value: privateValueOf(value),
      });
    }
    return values;
  }

  async hasBlocksAfter(number: number): Promise<boolean> {
    const range = { gte: KEYS.block(number + 1), lt: "c", limit: 1 };
    return (await this.#db.keys({ ...range, ...this.#options }).all()).length > 0;
  }

  /** Everything of one kind (the first letter of its keys), in order. */
  entries(kind: string): AsyncIterable<[string, Buffer]> {
    return this.#db.iterator({ gte: kind, lt: String.fromCharCode(kind.charCodeAt(0) + 1), ...this.#options });
  }
}

/** A consistent view of one height. Holding one keeps old values on disk: dispose it soon. */
export class StateView extends Reader {
  readonly height: number;
  readonly #snapshot: Snapshot;

  constructor(db: Database, cache: StateCache) {
    const snapshot = db.snapshot();
    super(db, cache, snapshot);
    this.#snapshot = snapshot;
    this.height = this.getTip()?.number ?? 0;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#snapshot.close();
  }
}

export interface Put {
  readonly key: string;
  /** Undefined: the row is deleted. */
  readonly value: Buffer | undefined;
}

const isState = ({ key }: Put): boolean => key.startsWith("s") || key.startsWith("h");

/** Always reads the newest state. */
export class Store extends Reader {
  readonly #db: Database;
  readonly #cache: StateCache;
  readonly #sync: boolean;

  private constructor(db: Database, cache: StateCache, sync: boolean) {
    super(db, cache);
    this.#db = db;
    this.#cache = cache;
    this.#sync = sync;
  }

  get height(): number {
    return this.#cache.height;
  }

  /**
   * Errors: CONFIG_INVALID · LOCKED if another process has the folder open, FORMAT if another version wrote it; INTERNAL ·
   * LEDGER_CORRUPT if it does not open.
   */
  static async open(folder: string, options: { readonly sync: boolean }): Promise<Store> {
    const db: Database = new Level(folder, {
      keyEncoding: "utf8",
      valueEncoding: "buffer",
      cacheSize: 64 * 1024 * 1024,
      writeBufferSize: WRITE_BUFFER_BYTES,
    });
    try {
      await db.open();
      const tip = db.getSync(KEYS.tip);
      if (tip !== undefined && tip[0] !== FORMAT) throw otherFormat(folder, tip[0]);
      const height = tip === undefined ? 0 : decodeTip(tip).number;
      return new Store(db, new StateCache(height, blockOf), options.sync);
    } catch (error) {
      await db.close();
      throw openFault(folder, error);
    }
  }

  view(): StateView {
    return new StateView(this.#db, this.#cache);
  }

  /** All or nothing, and on disk when it resolves. The only way in which anything is written. */
  async write(block: number, puts: readonly Put[]): Promise<void> {
    // A chained batch: for a thousand small entries it costs a fifth of an array's.
    const batch = this.#db.batch();
    for (const { key, value } of puts) {
      if (value === undefined) batch.del(key);
      else batch.put(key, value);
    }
    await batch.write({ sync: this.#sync });
    this.#cache.commit(
      block,
      puts.filter(isState).map(({ key, value }) => [key, value] as const),
    );
  }

  close(): Promise<void> {
    return this.#db.close();
  }
}

const otherFormat = (folder: string, format = 0): QuanjiError =>
  new QuanjiError(
    "CONFIG_INVALID",
    `the ledger in ${folder} has format ${format}, this program writes ${FORMAT}: run the version that wrote it, or begin anew in another data folder`,
    { field: "folder", detail: "FORMAT" },
  );

function openFault(folder: string, error: unknown): QuanjiError {
  if (isQuanjiError(error)) return error;
  const cause = error instanceof Error ? error.cause : undefined;
  const locked = cause instanceof Error && "code" in cause && cause.code === "LEVEL_LOCKED";
  if (locked) {
    return new QuanjiError(
      "CONFIG_INVALID",
      `the ledger in ${folder} is open in another process: stop that one, or choose another data folder`,
      { field: "folder", detail: "LOCKED", cause: error },
    );
  }
  return new QuanjiError("INTERNAL", `the ledger in ${folder} cannot be opened: restore it from a copy`, {
    detail: "LEDGER_CORRUPT",
    cause: error,
  });
}
