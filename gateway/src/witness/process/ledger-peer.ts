/**
 * Follows the organisation's own peer and keeps the heads that its blocks gave each log. It reads the log's public state as
 * committed and nothing that a gateway says.
 */
import { type LogState, QuanjiError } from "@quanji/chaincode/domain";
import type { HashText } from "@quanji/chaincode/log";
import { publicKeys } from "@quanji/chaincode/world";
import { Level } from "level";
import type { BlockStream, Ledger, LedgerBlock } from "../../ledger/ledger.js";
import { valueOf } from "../cosigner/memory.js";
import type { Peer, Standing } from "../cosigner/peer.js";

export interface LedgerPeerOptions {
  /** Folder of what was read: made again from the blocks if it is lost. */
  readonly folder: string;
  readonly ledger: Pick<Ledger, "blocks">;
  /** Called once, if at all: after it nothing more is read, and so nothing newer is cosigned. */
  readonly onError: (error: unknown) => void;
}

interface KnownLog {
  readonly size: number;
  readonly vkey: string;
}

const LOG_PREFIX = publicKeys.log("");
const HEIGHT = "height";
const NEWEST = "newest";
const OFFSET = "offset";
/** Sizes have up to 16 digits. */
const rootKey = (origin: string, size: number): string => `root/${origin}/${String(size).padStart(16, "0")}`;
const logKey = (origin: string): string => `log/${origin}`;

export class LedgerPeer implements Peer {
  readonly #db: Level;
  readonly #stream: BlockStream;
  readonly #done: Promise<void>;
  #height: number;
  #offsetMs: number;

  private constructor(db: Level, { ledger, onError }: LedgerPeerOptions, height: number, offsetMs: number) {
    this.#db = db;
    this.#height = height;
    this.#offsetMs = offsetMs;
    // The last block is read again at every start: its hash says whether this is still the same ledger.
    this.#stream = ledger.blocks(height === 0 ? 0 : height - 1);
    this.#done = this.#run().catch(onError);
  }

  /** Errors: whatever LevelDB says of the folder. */
  static async open(options: LedgerPeerOptions): Promise<LedgerPeer> {
    const db = new Level(options.folder);
    await db.open();
    const [height = "0", offset = "0"] = await Promise.all([valueOf(db, HEIGHT), valueOf(db, OFFSET)]);
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
    // In this order: a block that is read in between adds a root, and must not make a size look as if it had never been.
    const newest = await this.newest(origin);
    const root = await valueOf(this.#db, rootKey(origin, size));
    if (root !== undefined) return { state: "committed", root: root as HashText };
    return { state: newest === undefined || size > newest ? "behind" : "never" };
  }

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
    }
  }

  async #assertSameLedger({ number, hash }: LedgerBlock): Promise<void> {
    if ((await valueOf(this.#db, NEWEST)) === hash) return;
    throw new QuanjiError("PROOF_INVALID", `the peer has another block ${number} than it had before`, {
      detail: "FORK",
    });
  }

  async #apply(block: LedgerBlock): Promise<void> {
    const batch = this.#db.batch();
    let offsetMs = this.#offsetMs;
    for (const { valid, writes } of block.transactions) {
      if (!valid) continue;
      for (const { collection, key, value } of writes) {
        if (collection !== undefined) continue;
        if (key === publicKeys.clock) ({ offsetMs } = JSON.parse(value) as { readonly offsetMs: number });
        if (!key.startsWith(LOG_PREFIX)) continue;
        const { origin, size, root, vkey } = JSON.parse(value) as LogState;
        batch.put(rootKey(origin, size), root);
        batch.put(logKey(origin), JSON.stringify({ size, vkey } satisfies KnownLog));
      }
    }
    batch
      .put(OFFSET, String(offsetMs))
      .put(NEWEST, block.hash)
      .put(HEIGHT, String(block.number + 1));
    await batch.write();
    this.#height = block.number + 1;
    this.#offsetMs = offsetMs;
  }
}
