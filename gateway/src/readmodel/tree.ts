/**
 * The Merkle trees of the logs, kept as hash tiles ({@link Tile}). So a batch rewrites one small value instead of adding two
 * keys a record, and costs do not grow with the log.
 */
import { QuanjiError } from "@quanji/chaincode/domain";
import { type Frontier, frontierNodes, type Hash, newNodes, placeOf, Tile } from "@quanji/chaincode/log";
import { KEYS } from "./layout.js";
import { Lru } from "./lru.js";
import type { Changes, Reads } from "./store.js";

/** Each at most 510 hashes. The tips of some logs, and what recent proofs read. */
const MAX_TILES = 256;

export class Trees {
  readonly #store: Reads;
  readonly #tiles = new Lru<Tile>(MAX_TILES);
  /** Tiles that a block has changed and that are not on disk yet. */
  readonly #grown = new Map<string, Tile>();

  constructor(store: Reads) {
    this.#store = store;
  }

  /** Root of a full subtree. Errors: NOT_FOUND if the log has not grown over it. */
  node(log: string, level: number, index: number): Hash {
    const place = placeOf(level, index);
    const hash = this.#tile(KEYS.tile(log, place.tier, place.index)).node(place.row, place.column);
    if (hash === undefined) throw new QuanjiError("NOT_FOUND", "the log has no such node yet", { field: "index" });
    return hash;
  }

  #tile(key: string): Tile {
    const known = this.#grown.get(key) ?? this.#tiles.get(key);
    if (known !== undefined) return known;
    const tile = new Tile(this.#store.getBytes(key) ?? new Uint8Array());
    this.#tiles.set(key, tile);
    return tile;
  }

  /**
   * Appends leaves to a log's tree. Memory grows at once, before the block is on disk: nobody asks for a node beyond a size
   * that is known to be committed, and a failed write ends the index.
   */
  grow(changes: Changes, log: string, frontier: Frontier, leaves: readonly Hash[]): Frontier {
    const touched = new Map<string, Tile>();
    for (const node of newNodes(frontier, leaves)) {
      const { tier, index: number, row, column } = placeOf(node.level, node.index);
      const key = KEYS.tile(log, tier, number);
      const tile = this.#tile(key);
      this.#grown.set(key, tile);
      tile.put(row, column, node.hash);
      if (row === 0) touched.set(key, tile);
    }
    for (const [key, tile] of touched) changes.put(key, tile.bytes());
    const size = frontier.size + leaves.length;
    return { size, peaks: frontierNodes(size).map(({ level, index }) => this.node(log, level, index)) };
  }

  /** To be called as soon as a block is on disk. */
  settle(): void {
    for (const [key, tile] of this.#grown) this.#tiles.set(key, tile);
    this.#grown.clear();
  }
}
