/**
 * Static files of logs for others to read: `test/vectors/tiles`, which `go test` in `test/vectors/go` reads by TileHashReader.
 * A whole log of 700 records as it grew, and of two logs beyond 2³² records the tiles that one proof needs.
 */
import {
  concat,
  consistencyProof,
  edgeTiles,
  formatCheckpoint,
  formatNote,
  formatVkey,
  inclusionProof,
  newTiles,
  NOTE_TYPES,
  placeOf,
  type ReadNode,
  rootAt,
  signNote,
  TILE_LEVELS,
  TILE_WIDTH,
  type TileId,
  tilePath,
  tileWidth,
  toBase64,
  utf8,
} from "@quanji/chaincode/log";
import { grownTree, markedTree, SEED, signer } from "./support.js";

interface Vector {
  readonly folder: string;
  readonly size: number;
  /** Sizes whose checkpoint was published before. */
  readonly earlier: readonly number[];
  /** Leaves of which the files hold a proof. */
  readonly indexes: readonly number[];
  readonly read: ReadNode;
}

const origin = (folder: string): string => `quanji.example/tiles/${folder}/0`;

const LOGS: readonly Vector[] = [
  {
    folder: "whole",
    size: 700,
    earlier: [255, 256, 257],
    indexes: [0, 1, 255, 256, 257, 511, 512, 699],
    read: grownTree(700).read,
  },
  ...[
    [2 ** 32 + 1, 2 ** 40 + 12_345],
    [2 ** 52 + 7, 2 ** 53 - 1],
  ].map(([mark = 0, size = 0], i) => ({
    folder: `far${i + 1}`,
    size,
    earlier: [],
    indexes: [mark],
    read: markedTree(mark),
  })),
];

/** Tiles of the logs: all of a small one; of a large one its edge and what lies above the leaf. */
function tilesOf({ size, indexes, folder }: Vector): TileId[] {
  if (folder === "whole") return [...newTiles(0, size)];
  const above = indexes.flatMap((leaf) =>
    Array.from({ length: TILE_LEVELS - 1 }, (_, tier) => {
      const { index } = placeOf(tier * TILE_LEVELS, Math.floor(leaf / TILE_WIDTH ** tier));
      return { tier, index, width: tileWidth(size, tier, index) };
    }),
  );
  const tiles = [...edgeTiles(size), ...above.filter(({ width }) => width > 0)];
  return [...new Map(tiles.map((tile) => [tilePath(tile), tile])).values()];
}

async function contentOf(tile: TileId, read: ReadNode): Promise<Uint8Array> {
  const at = async (i: number) => read(tile.tier * TILE_LEVELS, tile.index * TILE_WIDTH + i);
  return concat(...(await Promise.all(Array.from({ length: tile.width }, (_, i) => at(i)))));
}

/** Every file, by its path in the folder. */
export async function tileFiles(): Promise<ReadonlyMap<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  const vectors = [];
  for (const log of LOGS) {
    const { folder, size, indexes, read } = log;
    for (const tile of tilesOf(log)) files.set(`${folder}/${tilePath(tile)}`, await contentOf(tile, read));
    const { key, sign } = signer(origin(folder), NOTE_TYPES.ed25519);
    const text = formatCheckpoint({ origin: origin(folder), size, root: await rootAt(size, read) });
    files.set(`${folder}/checkpoint`, utf8(formatNote({ text, signatures: [await signNote(text, key, sign)] })));
    const proofs = indexes.map(async (index) => ({
      index,
      leaf: toBase64(await read(0, index)),
      proof: (await inclusionProof(index, size, read)).map(toBase64),
    }));
    const froms = log.earlier.length > 0 ? log.earlier : indexes.map((index) => index + 1);
    const growth = froms.map(async (from) => ({
      from,
      root: toBase64(await rootAt(from, read)),
      proof: (await consistencyProof(from, size, read)).map(toBase64),
    }));
    vectors.push({
      folder,
      vkey: formatVkey(key),
      size,
      inclusion: await Promise.all(proofs),
      consistency: await Promise.all(growth),
    });
  }
  files.set("tiles.json", utf8(`${JSON.stringify({ seed: SEED, logs: vectors }, null, 1)}\n`));
  return files;
}

export const TILES_FOLDER = new URL("../../../test/vectors/tiles/", import.meta.url);
