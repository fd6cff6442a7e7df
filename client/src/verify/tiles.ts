/**
 * A log's tree read from static tiles, wherever they lie: a gateway, a web server, a folder. Nothing that is read counts
 * before its hashes lead to the root of a signed checkpoint, so who serves the tiles need not be trusted.
 * @see C2SP tlog-tiles
 */
import {
  edgeTiles,
  equalBytes,
  HASH_BYTES,
  type Hash,
  placeOf,
  type ReadNode,
  rootAt,
  Tile,
  TILE_LEVELS,
  TILE_WIDTH,
  type TileId,
  tilePath,
  type TreeHead,
} from "@quanji/chaincode/log";
import { refuse } from "./verdict.js";

/**
 * Bytes under a log's prefix, by path: `checkpoint`, `tile/0/000`. Undefined: not there. Errors of transport go through,
 * unless another source has the file.
 */
export type TileSource = (path: string) => Promise<Uint8Array | undefined>;

/** Verified tiles that are kept, each at most 511 hashes. */
const MAX_TILES = 256;

/** The tree of one checkpoint. Every hash that it answers has been led to the checkpoint's root. */
export class TileTree {
  readonly head: TreeHead;
  readonly #sources: readonly TileSource[];
  /** The partial tile of each tier that has one: all of them together were checked against the root. */
  readonly #edge: ReadonlyMap<number, EdgeTile>;
  readonly #full = new Map<string, Promise<Tile>>();

  private constructor(head: TreeHead, sources: readonly TileSource[], edge: ReadonlyMap<number, EdgeTile>) {
    this.head = head;
    this.#sources = sources;
    this.#edge = edge;
  }

  /**
   * Reads the tree's right edge. The first of the sources whose edge leads to the root counts; what it lacks is taken from
   * the others. Errors: PROOF_INVALID · TILE_MISSING, TILE_MISMATCH; those of the sources.
   */
  static async open(head: TreeHead, sources: readonly TileSource[]): Promise<TileTree> {
    const faults = new Faults();
    for (const first of sources) {
      const ordered = [first, ...sources.filter((source) => source !== first)];
      const edge = await faults.tried(() => openEdge(head, ordered));
      if (edge !== undefined) return new TileTree(head, sources, edge);
    }
    return faults.end("no source of tiles is given");
  }

  /** Root of a full subtree of the tree, for `inclusionProof` and `consistencyProof`. Errors: as {@link open}; INDEX_RANGE. */
  readonly node: ReadNode = async (level, index) => {
    if ((index + 1) * 2 ** level > this.head.size) refuse("INDEX_RANGE", "the tree has not grown over that node");
    const { tier, index: number, row, column } = placeOf(level, index);
    const hash = (await this.#tile(tier, number)).node(row, column);
    return hash ?? refuse("INDEX_RANGE", "the tree has not grown over that node");
  };

  /** Root that the tree had at an earlier size. Errors: as {@link node}. */
  rootAt(size: number): Promise<Hash> {
    return rootAt(size, this.node);
  }

  /** Content of a tile of this tree's size. Errors: as {@link node}. */
  async bytes({ tier, index }: Pick<TileId, "tier" | "index">): Promise<Uint8Array> {
    return (await this.#tile(tier, index)).bytes();
  }

  #tile(tier: number, index: number): Promise<Tile> {
    const edge = this.#edge.get(tier);
    if (edge?.id.index === index) return Promise.resolve(edge.tile);
    const key = `${tier}/${index}`;
    const known = this.#full.get(key);
    if (known !== undefined) return known;
    const [oldest] = this.#full.keys();
    if (oldest !== undefined && this.#full.size >= MAX_TILES) this.#full.delete(oldest);
    const tile = this.#read(tier, index);
    this.#full.set(key, tile);
    tile.catch(() => this.#full.delete(key)); // another attempt may find it
    return tile;
  }

  /** A full tile is what the hash above it says. */
  async #read(tier: number, index: number): Promise<Tile> {
    const root = await this.node((tier + 1) * TILE_LEVELS, index);
    const path = tilePath({ tier, index, width: TILE_WIDTH });
    const faults = new Faults();
    for (const source of this.#sources) {
      const tile = await faults.tried(async () => {
        const bytes = await source(path);
        if (bytes === undefined) return undefined;
        const read = new Tile(exactly(bytes, TILE_WIDTH, path));
        const found = read.node(TILE_LEVELS, 0);
        if (found === undefined || !equalBytes(found, root)) mismatch(path);
        return read;
      });
      if (tile !== undefined) return tile;
    }
    return faults.end(`${path} is not there`);
  }
}

interface EdgeTile {
  readonly id: TileId;
  readonly tile: Tile;
}

async function openEdge(head: TreeHead, sources: readonly TileSource[]): Promise<ReadonlyMap<number, EdgeTile>> {
  const tiles = await Promise.all(
    edgeTiles(head.size).map(async (id) => ({ id, tile: await readPartial(id, sources) })),
  );
  const edge = new Map(tiles.map((tile) => [tile.id.tier, tile]));
  const root = await rootAt(head.size, (level, index) => {
    const { tier, row, column } = placeOf(level, index);
    return edge.get(tier)?.tile.node(row, column) ?? refuse("TILE_MISMATCH", "the tree's edge lacks a hash");
  });
  if (!equalBytes(root, head.root)) refuse("TILE_MISMATCH", "the tiles do not lead to the checkpoint's root");
  return edge;
}

/** A partial tile may be gone once its full one is there, which begins with the same hashes. */
async function readPartial(id: TileId, sources: readonly TileSource[]): Promise<Tile> {
  const faults = new Faults();
  const [partial, full] = [tilePath(id), tilePath({ ...id, width: TILE_WIDTH })];
  for (const source of sources) {
    const tile = await faults.tried(async () => {
      const own = await source(partial);
      if (own !== undefined) return new Tile(exactly(own, id.width, partial));
      const whole = await source(full);
      if (whole === undefined) return undefined;
      return new Tile(exactly(whole, TILE_WIDTH, full).subarray(0, id.width * HASH_BYTES));
    });
    if (tile !== undefined) return tile;
  }
  return faults.end(`${partial} is not there`);
}

function exactly(bytes: Uint8Array, width: number, path: string): Uint8Array {
  const expected = width * HASH_BYTES;
  if (bytes.length !== expected) refuse("TILE_MISMATCH", `${path} has ${bytes.length} bytes, not ${expected}`);
  return bytes;
}

const mismatch = (path: string): never => refuse("TILE_MISMATCH", `${path} does not lead to the checkpoint's root`);

/** What went wrong with the sources that were tried: the first fault is told where none has what is needed. */
export class Faults {
  #first: { readonly cause: unknown } | undefined;

  /** Undefined also where the attempt failed. */
  async tried<T>(attempt: () => Promise<T | undefined>): Promise<T | undefined> {
    try {
      return await attempt();
    } catch (cause) {
      this.#first ??= { cause };
      return undefined;
    }
  }

  /** Errors: the first fault, or PROOF_INVALID · TILE_MISSING. */
  end(missing: string): never {
    if (this.#first !== undefined) throw this.#first.cause;
    return refuse("TILE_MISSING", missing);
  }
}
