/**
 * Follows the organisation's own peer and keeps what its blocks say of each log and each chain: public state as committed, the
 * hashes of private state, and nothing that a gateway says. Of the newest blocks it knows what stood after each, so that
 * witnesses which are a few blocks apart can speak of one and the same.
 */
import { type LogState, type Orders, QuanjiError, type StopState } from "@quanji/chaincode/domain";
import { type HashText, hashText, parseHash, PUBLIC_SALT, sealedDigest, sha256Text } from "@quanji/chaincode/log";
import { publicKeys } from "@quanji/chaincode/world";
import { Level } from "level";
import { keyHashOf } from "../../ledger/embedded/rwset.js";
import type { BlockStream, BlockTransaction, HashedWrite, LedgerBlock } from "../../ledger/ledger.js";
import { valueOf } from "../cosigner/memory.js";
import type { Peer, Standing } from "../cosigner/peer.js";
import type { BlockPeer } from "../exchange/peer.js";
import type { HeadPeer, LogPosition } from "../notary/peer.js";
import { Confirmations } from "./confirmations.js";
import { fixed, Versions } from "./versions.js";

/** What a witness asks of its peer. */
export interface Followed {
  blocks(from: number): BlockStream;
  /** Number of blocks that the peer has now: asked of it, not what was heard last. */
  newest(): Promise<number>;
}
/** Blocks as the peer stores them, for proofs. */
export interface StoredBlocks {
  /** A serialised Fabric `Block`; undefined if the peer has none of that number. */
  bytes(number: number): Promise<Uint8Array | undefined>;
}

export interface LedgerPeerOptions {
  /** Folder of what was read: made again from the blocks if it is lost. */
  readonly folder: string;
  readonly ledger: Followed;
  /** This machine's clock, ms since 1970. */
  readonly clock: () => number;
  /** How long a size that was not read yet is waited for: whoever asks has often just committed it. Default: not at all. */
  readonly patienceMs?: number;
  /** Called once, if at all: after it nothing more is read, and so nothing newer is signed. */
  readonly onError: (error: unknown) => void;
}

interface KnownLog {
  readonly size: number;
  readonly vkey: string;
}

/** Raised when the rows change: another format is read again from the blocks. */
const FORMAT = "3";
/** Blocks of which it is known what stood after them: some minutes of the heaviest load. */
export const HORIZON_BLOCKS = 4096;

const LOG_PREFIX = publicKeys.log("");
const STOP_PREFIX = publicKeys.stop("");
const CHAIN_PREFIX = "chain/";
const ROWS = { format: "format", height: "height", newest: "newest", offset: "offset", net: "net" } as const;
const rootKey = (origin: string, size: number): string => `root/${origin}/${fixed(size)}`;
const logKey = (origin: string): string => `log/${origin}`;
const blockKey = (number: number): string => `block/${fixed(number)}`;
const commitKey = (number: number): string => `commit/${fixed(number)}`;
const privateName = (collection: string, keyHash: string): string => `${collection}|${keyHash}`;

export class LedgerPeer implements Peer, HeadPeer, BlockPeer {
  readonly #db: Level;
  readonly #options: LedgerPeerOptions;
  readonly #stream: BlockStream;
  readonly #done: Promise<void>;
  readonly #versions: Versions;
  readonly #confirmations = new Confirmations();
  #height: number;
  #offsetMs: number;
  #ended = false;
  #waiting = new Set<() => void>();

  private constructor(db: Level, options: LedgerPeerOptions, height: number, offsetMs: number) {
    this.#db = db;
    this.#options = options;
    this.#versions = new Versions(db, HORIZON_BLOCKS);
    this.#height = height;
    this.#offsetMs = offsetMs;
    // The last block is read again at every start: its hash says whether this is still the same ledger.
    this.#stream = options.ledger.blocks(height === 0 ? 0 : height - 1);
    this.#done = this.#run()
      .catch(options.onError)
      .finally(() => {
        this.#ended = true;
        this.#wake();
      });
  }

  /** Errors: whatever LevelDB says of the folder. */
  static async open(options: LedgerPeerOptions): Promise<LedgerPeer> {
    const db = new Level(options.folder);
    await db.open();
    if ((await valueOf(db, ROWS.format)) !== FORMAT) await db.clear();
    const [height = "0", offset = "0"] = await Promise.all([valueOf(db, ROWS.height), valueOf(db, ROWS.offset)]);
    return new LedgerPeer(db, options, Number(height), Number(offset));
  }

  /** Number of blocks that were read. */
  get height(): number {
    return this.#height;
  }

  /** Of a test network's clock against every other; 0 elsewhere. */
  get offsetMs(): number {
    return this.#offsetMs;
  }

  async vkeys(origin: string): Promise<readonly string[]> {
    const log = await this.#log(origin);
    return log === undefined ? [] : [log.vkey];
  }

  async newest(origin: string): Promise<number | undefined> {
    return (await this.#log(origin))?.size;
  }

  async standing(origin: string, size: number): Promise<Standing> {
    const { patienceMs = 0 } = this.#options;
    await this.#until(async () => ((await this.newest(origin)) ?? 0) >= size, patienceMs);
    const newest = await this.newest(origin);
    const root = await valueOf(this.#db, rootKey(origin, size));
    if (root !== undefined) return { state: "committed", root: root as HashText };
    return { state: newest === undefined || size > newest ? "behind" : "never" };
  }

  net = (): Promise<string | undefined> => valueOf(this.#db, ROWS.net);

  hashOf = (block: number): Promise<string | undefined> => valueOf(this.#db, blockKey(block));

  commitOf = (block: number): Promise<string | undefined> => valueOf(this.#db, commitKey(block));

  get oldest(): number {
    return Math.max(0, this.#height - HORIZON_BLOCKS);
  }

  async log(origin: string, block: number): Promise<LogPosition | undefined> {
    const text = await this.#versions.at(publicKeys.log(origin), block);
    return text === undefined ? undefined : (JSON.parse(text) as LogPosition);
  }

  publicDigest = (key: string, block: number): Promise<string | undefined> => this.#versions.at(key, block);

  privateHash = (collection: string, key: string, block: number): Promise<string | undefined> =>
    this.#versions.at(privateName(collection, keyHashOf(key)), block);

  async pendingStop(digest: string, block: number): Promise<string | undefined> {
    const request = await this.#versions.at(publicKeys.stop(digest), block);
    return request === "" ? undefined : request;
  }

  async reached(block: number, withinMs: number): Promise<boolean> {
    await this.#until(() => Promise.resolve(this.#height > block), withinMs);
    return this.#height > block;
  }

  /** Until it holds, the time is over, or nothing more is read. */
  async #until(holds: () => Promise<boolean>, withinMs: number): Promise<void> {
    if (withinMs <= 0 || (await holds())) return;
    const late = AbortSignal.timeout(withinMs);
    const wake = (): void => this.#wake();
    late.addEventListener("abort", wake, { once: true });
    try {
      for (;;) {
        // A block that is read between the look and the wait wakes the one who began to wait before it looked.
        const woken = new Promise<void>((resolve) => this.#waiting.add(resolve));
        if ((await holds()) || late.aborted || this.#ended) return;
        await woken;
      }
    } finally {
      late.removeEventListener("abort", wake);
    }
  }

  async confirm(): Promise<void> {
    // Read before the peer is asked: read afterwards, it would vouch for a moment in which something newer may have stood there.
    const timeMs = this.#options.clock() + this.#offsetMs;
    this.#confirmations.add(await this.#options.ledger.newest(), timeMs);
  }

  lastInstant = (block: number): number | undefined => this.#confirmations.lastInstant(block);

  /** Resolves once nothing more is read: the ledger is closed, or a fault has been told. */
  get ended(): Promise<void> {
    return this.#done;
  }

  async close(): Promise<void> {
    await this.#stream.close();
    await this.#done;
    await this.#db.close();
  }

  async #log(origin: string): Promise<KnownLog | undefined> {
    const text = await valueOf(this.#db, logKey(origin));
    return text === undefined ? undefined : (JSON.parse(text) as KnownLog);
  }

  async #run(): Promise<void> {
    for await (const block of this.#stream) {
      if (block.number === this.#height - 1) await this.#assertSameLedger(block);
      else await this.#apply(block);
      this.#wake();
    }
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const wake of waiting) wake();
  }

  async #assertSameLedger({ number, hash }: LedgerBlock): Promise<void> {
    if ((await valueOf(this.#db, ROWS.newest)) === hash) return;
    throw new QuanjiError("PROOF_INVALID", `the peer has another block ${number} than it had before`, {
      detail: "FORK",
    });
  }

  async #apply(block: LedgerBlock): Promise<void> {
    const batch = this.#db.batch();
    const changed = new Map<string, string | undefined>();
    let offsetMs = this.#offsetMs;
    for (const transaction of block.transactions) {
      if (!transaction.valid) continue;
      for (const { collection, key, value } of transaction.writes) {
        if (collection !== undefined) continue;
        if (key === publicKeys.clock) ({ offsetMs } = JSON.parse(value) as { readonly offsetMs: number });
        if (key === publicKeys.network) batch.put(ROWS.net, (JSON.parse(value) as { readonly net: string }).net);
        if (key.startsWith(LOG_PREFIX)) {
          const { origin, size, root, vkey } = JSON.parse(value) as LogState;
          batch.put(rootKey(origin, size), root);
          batch.put(logKey(origin), JSON.stringify({ size, vkey } satisfies KnownLog));
        }
        const stated = statedOf(key, value);
        if (stated !== undefined) changed.set(key, stated);
      }
      for (const { collection, keyHash, valueHash } of hashesOf(transaction)) {
        changed.set(privateName(collection, keyHash), valueHash);
      }
    }
    await this.#versions.put(batch, block.number, changed);
    batch
      .put(ROWS.format, FORMAT)
      .put(ROWS.offset, String(offsetMs))
      .put(ROWS.newest, block.hash)
      .put(blockKey(block.number), block.hash)
      .put(ROWS.height, String(block.number + 1));
    if (block.commitHash !== undefined) batch.put(commitKey(block.number), block.commitHash);
    await batch.write();
    this.#height = block.number + 1;
    this.#offsetMs = offsetMs;
    this.#confirmations.forget(this.oldest);
  }
}

/** What is kept of a public value: what notes are made of, and nothing else. Undefined: nothing is. */
function statedOf(key: string, value: string): string | undefined {
  if (key.startsWith(CHAIN_PREFIX)) return sha256Text(value);
  if (key === publicKeys.orders) {
    // The head of the orders stands inside their value, which also holds the orders themselves.
    const { h, n } = JSON.parse(value) as Orders;
    return sealedDigest({ h, n }, PUBLIC_SALT);
  }
  if (key.startsWith(LOG_PREFIX)) {
    const { size, root, msp } = JSON.parse(value) as LogState;
    return JSON.stringify({ size, root: hashText(parseHash(root)), msp } satisfies LogPosition);
  }
  if (key.startsWith(STOP_PREFIX)) return (JSON.parse(value) as StopState).stop?.request ?? "";
  return undefined;
}

/** Where the ledger shows values only, all of them are there. */
function hashesOf({ hashes, writes, purges = [] }: BlockTransaction): readonly HashedWrite[] {
  if (hashes !== undefined) return hashes;
  return [
    ...writes.flatMap(({ collection, key, value }) =>
      collection === undefined ? [] : [{ collection, keyHash: keyHashOf(key), valueHash: sha256Text(value) }],
    ),
    ...purges.map((key) => ({ ...key, valueHash: undefined })),
  ];
}
