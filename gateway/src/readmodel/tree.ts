/**
 * The Merkle trees of the logs, kept as hash tiles: a tile holds 256 neighbouring hashes of tier t, which are the nodes of
 * level 8·t; the seven levels between two tiers are computed from it. So a batch rewrites one small value instead of adding
 * two keys a record, and costs do not grow with the log.
 * @see C2SP tlog-tiles
 */
import { QuanjiError } from "@quanji/chaincode/domain";
import { concat, type Frontier, frontierNodes, type Hash, newNodes, nodeHash, toHash } from "@quanji/chaincode/log";
import { KEYS } from "./layout.js";
import { Lru } from "./lru.js";
import type { Changes, Reads } from "./store.js";

const TIER_LEVELS = 8;
const HASH_BYTES = 32;
/** Each at most 510 hashes. The tips of some logs, and what recent proofs read. */
const MAX_TILES = 256;

/** `rows[l][i]`: root of the i-th full subtree of 2^l hashes of the tile. Computed when first asked for. */
class Tile {
  readonly #rows: Hash[][] = Array.from({ length: TIER_LEVELS }, () => []);

  constructor(bytes: Uint8Array) {
    for (let at = 0; at + HASH_BYTES <= bytes.length; at += HASH_BYTES) {
      this.put(0, at / HASH_BYTES, toHash(bytes.subarray(at, at + HASH_BYTES)));
    }
  }

  put(row: number, column: number, hash: Hash): void {
    const hashes = this.#rows[row];
    if (hashes !== undefined) hashes[column] = hash;
  }

  node(row: number, column: number): Hash | undefined {
    const known = this.#rows[row]?.[column];
    if (known !== undefined || row === 0) return known;
    const left = this.node(row - 1, column * 2);
    const right = this.node(row - 1, column * 2 + 1);
    if (left === undefined || right === undefined) return undefined;
    const hash = nodeHash(left, right);
    this.put(row, column, hash);
    return hash;
  }

  bytes(): Uint8Array {
    return concat(...(this.#rows[0] ?? []));
  }
}

/** Where a node stands: its tile, and row and column in it. */
function placeOf(level: number, index: number) {
  const row = level % TIER_LEVELS;
  const columns = 2 ** (TIER_LEVELS - row);
  const number = Math.floor(index / columns);
  return { tier: (level - row) / TIER_LEVELS, number, row, column: index - number * columns };
}

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
    const { tier, number, row, column } = placeOf(level, index);
    const hash = this.#tile(KEYS.tile(log, tier, number)).node(row, column);
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
      const { tier, number, row, column } = placeOf(node.level, node.index);
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
