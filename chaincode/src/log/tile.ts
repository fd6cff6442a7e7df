/**
 * Hash tiles: a tree as static files. A tile of tier t holds up to 256 neighbouring hashes of level 8·t; the seven levels
 * between two tiers are computed from it. A full tile never changes; a partial one belongs to the sizes that need it.
 * @see C2SP tlog-tiles
 */
import { type Hash, toHash } from "./hash.js";
import { isSize } from "./size.js";
import { nodeHash } from "./tree.js";

/** Levels of the tree that one tile spans. */
export const TILE_LEVELS = 8;
/** Hashes of a full tile. */
export const TILE_WIDTH = 256;
export const HASH_BYTES = 32;
/** The tiers that a tree of at most 2⁵³−1 leaves can have: levels 0 to 52. */
export const MAX_TIER = 6;

export interface TileId {
  readonly tier: number;
  readonly index: number;
  /** Hashes in it: 1 … 256, where 256 is a full tile. */
  readonly width: number;
}

/** All nodes of a tile: its hashes, and those above them up to the one that stands for a full tile. */
const NODES = 2 * TILE_WIDTH - 1;

/** Row 0 first, then the half as long row 1, and so on. */
const nodeAt = (row: number, column: number): number => 2 * TILE_WIDTH - ((2 * TILE_WIDTH) >> row) + column;

/**
 * The hashes of a tile, and the nodes between its tier and the next, computed when they are first asked for. All in one
 * buffer: a gateway keeps some hundred tiles, and an object for each hash would take eight times the memory.
 */
export class Tile {
  readonly #hashes = new Uint8Array(NODES * HASH_BYTES);
  readonly #known = new Uint8Array(NODES);
  #width = 0;

  /** What is left of a last hash that is cut is no part of the tile. */
  constructor(bytes: Uint8Array) {
    this.#width = Math.min(TILE_WIDTH, Math.floor(bytes.length / HASH_BYTES));
    this.#hashes.set(bytes.subarray(0, this.#width * HASH_BYTES));
    this.#known.fill(1, 0, this.#width);
  }

  /** Row 0 grows from left to right. */
  put(row: number, column: number, hash: Hash): void {
    const at = nodeAt(row, column);
    this.#hashes.set(hash, at * HASH_BYTES);
    this.#known[at] = 1;
    if (row === 0) this.#width = Math.max(this.#width, column + 1);
  }

  /** Root of a full subtree of 2^row hashes; row 8 is the whole of a full tile. Undefined if the tile has not grown over it. */
  node(row: number, column: number): Hash | undefined {
    if (column >= TILE_WIDTH >> row) return undefined;
    const at = nodeAt(row, column);
    if (this.#known[at] === 1) return toHash(this.#hashes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES));
    if (row === 0) return undefined;
    const left = this.node(row - 1, column * 2);
    const right = this.node(row - 1, column * 2 + 1);
    if (left === undefined || right === undefined) return undefined;
    const hash = nodeHash(left, right);
    this.put(row, column, hash);
    return hash;
  }

  bytes(): Uint8Array {
    return this.#hashes.slice(0, this.#width * HASH_BYTES);
  }
}

/** Where a node of the tree stands: its tile, and row and column in it. */
export interface TilePlace {
  readonly tier: number;
  readonly index: number;
  readonly row: number;
  readonly column: number;
}

export function placeOf(level: number, index: number): TilePlace {
  const row = level % TILE_LEVELS;
  const columns = 2 ** (TILE_LEVELS - row);
  const tile = Math.floor(index / columns);
  return { tier: (level - row) / TILE_LEVELS, index: tile, row, column: index - tile * columns };
}

/** How many hashes a tile has in a tree of that many leaves: 0 … 256. */
export function tileWidth(size: number, tier: number, index: number): number {
  const hashes = Math.floor(size / TILE_WIDTH ** tier) - index * TILE_WIDTH;
  return Math.max(0, Math.min(TILE_WIDTH, hashes));
}

/** The partial tiles of a tree, lowest tier first: between them they hold its peaks, and so its root. */
export function edgeTiles(size: number): TileId[] {
  const tiles: TileId[] = [];
  for (let tier = 0; tier <= MAX_TIER; tier++) {
    const hashes = Math.floor(size / TILE_WIDTH ** tier);
    const width = hashes % TILE_WIDTH;
    if (width > 0) tiles.push({ tier, index: (hashes - width) / TILE_WIDTH, width });
  }
  return tiles;
}

/** Every tile of a tree of `size` leaves that a tree of `from` leaves has not, or has otherwise; by tier, then by index. */
export function* newTiles(from: number, size: number): Generator<TileId, void, void> {
  for (let tier = 0; tier <= MAX_TIER; tier++) {
    const first = Math.floor(from / TILE_WIDTH ** (tier + 1));
    for (let index = first; ; index++) {
      const width = tileWidth(size, tier, index);
      if (width === 0) break;
      if (width !== tileWidth(from, tier, index)) yield { tier, index, width };
    }
  }
}

/** Path under a log's prefix: `tile/0/x001/x234/067`, of a partial tile with `.p/` and its width. */
export function tilePath({ tier, index, width }: TileId): string {
  const digits = String(index);
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, "0").match(/\d{3}/g) ?? [];
  const last = groups.length - 1;
  const path = groups.map((group, i) => (i === last ? group : `x${group}`)).join("/");
  return `tile/${tier}/${path}${width === TILE_WIDTH ? "" : `.p/${width}`}`;
}

const TILE_PATH = /^tile\/(\d)\/((?:x\d{3}\/)*)(\d{3})(?:\.p\/([1-9]\d{0,2}))?$/;

/** Reads what {@link tilePath} writes, in its one spelling; undefined for anything else. */
export function parseTilePath(path: string): TileId | undefined {
  const [, tier = "", upper = "", lowest = "", width] = TILE_PATH.exec(path) ?? [];
  const index = Number(upper.replaceAll(/[x/]/g, "") + lowest);
  const tile = { tier: Number(tier), index, width: width === undefined ? TILE_WIDTH : Number(width) };
  const sound = tile.tier <= MAX_TIER && isSize(index) && tile.width <= TILE_WIDTH;
  return sound && tilePath(tile) === path ? tile : undefined;
}
