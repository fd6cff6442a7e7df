/**
 * Public state and the hashes of private state, taken from the blocks of the organisation's own peer: what a peer answers a
 * query with is its newest state and nothing else, while a witness reads many keys at one height, and an unknown outcome is
 * looked up by transaction. Deleting its folder loses nothing: it is made anew from the blocks.
 */
import { mkdir } from "node:fs/promises";
import { QuanjiError } from "@quanji/chaincode/domain";
import { Level } from "level";
import { Signal, withDeadline } from "../embedded/signal.js";
import { isAfter, keyHashOf, type Version } from "../embedded/rwset.js";
import { promised } from "../embedded/signal.js";
import { type HashedKey, LedgerError, type WitnessView } from "../ledger.js";
import type { Blocks } from "./blocks.js";
import { CODE } from "../embedded/validator.js";
import type { FabricBlock, Place } from "./decode.js";

const FORMAT = 2;
const TIP = "tip";
const ROOTS = "roots";
const CONFIGS = "configs";
const stateKey = (key: string): string => `s/${key}`;
const hashKey = (collection: string, keyHash: string): string => `h/${collection}/${keyHash}`;
const purgeKey = (collection: string, keyHash: string): string => `p/${collection}/${keyHash}`;
const placeKey = (txId: string): string => `t/${txId}`;

interface Tip {
  readonly format: number;
  /** Number of blocks applied. */
  readonly height: number;
  /** Header hash of the last one, base64url. */
  readonly hash: string;
}

/** Root certificates (DER, base64) by MSP, of the newest configuration. */
export type Roots = Readonly<Record<string, readonly string[]>>;

export interface MirrorOptions {
  readonly folder: string;
  /** Opens the blocks from a number on. */
  readonly blocks: (from: number) => Blocks;
  /** Header hash of a block; undefined if the ledger has none of that number. */
  readonly hashOf: (number: number) => Promise<string | undefined>;
  /** Told why the mirror has stopped. */
  readonly onError: (error: unknown) => void;
}

export class Mirror {
  readonly #db: Level;
  readonly #options: MirrorOptions;
  readonly #blocks: Blocks;
  readonly #done: Promise<void>;
  readonly #changed = new Signal();
  #tip: Tip;
  #stopped = false;

  private constructor(db: Level, tip: Tip, options: MirrorOptions) {
    this.#db = db;
    this.#tip = tip;
    this.#options = options;
    this.#blocks = options.blocks(tip.height);
    this.#done = this.#run();
  }

  /** Errors: CONFIG_INVALID · LOCKED, if another process has the folder open. */
  static async open(options: MirrorOptions): Promise<Mirror> {
    const { folder, hashOf } = options;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const db = new Level(folder);
    try {
      await db.open();
    } catch (cause) {
      throw new QuanjiError(
        "CONFIG_INVALID",
        `the mirror in ${folder} cannot be opened: stop the process that has it, or delete it: it is made anew`,
        { field: "folder", detail: "LOCKED", cause },
      );
    }
    try {
      const text = db.getSync(TIP);
      const known = text === undefined ? undefined : (JSON.parse(text) as Tip);
      const same = known?.format === FORMAT && (await hashOf(known.height - 1)) === known.hash;
      if (!same) await db.clear(); // another network's, or an older form
      return new Mirror(db, same ? known : { format: FORMAT, height: 0, hash: "" }, options);
    } catch (error) {
      await db.close();
      throw error;
    }
  }

  /** Resolves once `height` blocks are applied. Throws LedgerError UNAVAILABLE if that takes too long. */
  async reached(height: number, withinMs: number): Promise<void> {
    const late = (): LedgerError =>
      new LedgerError("UNAVAILABLE", `this gateway has read ${this.#tip.height} of ${height} blocks: try again`);
    let waiting = true;
    const wait = async (): Promise<void> => {
      while (waiting && this.#tip.height < height) {
        if (this.#stopped) throw late();
        await this.#changed.wait();
      }
    };
    await withDeadline(wait(), withinMs, late).finally(() => {
      waiting = false;
    });
  }

  find(txId: string): Place | undefined {
    const text = this.#db.getSync(placeKey(txId));
    if (text === undefined) return undefined;
    const [block, index, code, result] = JSON.parse(text) as [number, number, number, string];
    return { txId, block, index, code, result };
  }

  /** Whether a transaction after `at`, among those that are applied, purged the key. */
  isPurged({ collection, keyHash }: HashedKey, at: Version): boolean {
    const text = this.#db.getSync(purgeKey(collection, keyHash));
    if (text === undefined) return false;
    const [block, tx] = JSON.parse(text) as [number, number];
    return isAfter({ block, tx }, at);
  }

  roots(): Roots {
    return JSON.parse(this.#db.getSync(ROOTS) ?? "{}") as Roots;
  }

  /** Header hashes of the blocks that hold a configuration, base64url, in order. */
  configs(): readonly string[] {
    return JSON.parse(this.#db.getSync(CONFIGS) ?? "[]") as readonly string[];
  }

  /** What stands after the newest block that is applied. */
  view(): WitnessView {
    const snapshot = this.#db.snapshot();
    const get = (key: string): string | undefined => this.#db.getSync(key, { snapshot });
    const { height, hash } = JSON.parse(get(TIP) ?? '{"height":0,"hash":""}') as Tip;
    return {
      block: Math.max(0, height - 1),
      blockHash: hash,
      get: (key) => promised(() => get(stateKey(key))),
      getPrivateHash: (collection, key) => promised(() => get(hashKey(collection, keyHashOf(key)))),
      [Symbol.asyncDispose]: () => snapshot.close(),
    };
  }

  async close(): Promise<void> {
    this.#blocks.close();
    await this.#done;
    await this.#db.close();
  }

  async #run(): Promise<void> {
    try {
      for (let block = await this.#blocks.next(); block !== undefined; block = await this.#blocks.next()) {
        await this.#apply(block);
      }
    } catch (error) {
      this.#options.onError(error);
    }
    this.#stopped = true;
    this.#changed.notify();
  }

  /** All or nothing; not synced: what a crash loses is read from the peer again. */
  async #apply({ number, hash, places, state, hashes, purges, roots }: FabricBlock): Promise<void> {
    const batch = this.#db.batch();
    for (const { key, value } of state) {
      if (value === undefined) batch.del(stateKey(key));
      else batch.put(stateKey(key), value);
    }
    for (const { collection, keyHash, valueHash } of hashes) {
      if (valueHash === undefined) batch.del(hashKey(collection, keyHash));
      else batch.put(hashKey(collection, keyHash), valueHash);
    }
    for (const { collection, keyHash, index } of purges)
      batch.put(purgeKey(collection, keyHash), JSON.stringify([number, index]));
    for (const { txId, block, index, code, result } of places) {
      batch.put(placeKey(txId), JSON.stringify([block, index, code, code === CODE.VALID ? result : ""]));
    }
    if (roots !== undefined) {
      batch.put(ROOTS, JSON.stringify(roots));
      batch.put(CONFIGS, JSON.stringify([...this.configs(), hash]));
    }
    const tip: Tip = { format: FORMAT, height: number + 1, hash };
    batch.put(TIP, JSON.stringify(tip));
    await batch.write({ sync: false });
    this.#tip = tip;
    this.#changed.notify();
  }
}
