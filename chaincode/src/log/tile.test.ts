import { expect } from "chai";
import fc from "fast-check";
import { concat } from "./bytes.js";
import type { Hash } from "./hash.js";
import { half } from "./size.js";
import { leafAt, naiveRoot } from "./support.test.js";
import {
  edgeTiles,
  HASH_BYTES,
  newTiles,
  parseTilePath,
  placeOf,
  Tile,
  TILE_LEVELS,
  TILE_WIDTH,
  type TileId,
  tilePath,
  tileWidth,
} from "./tile.js";

const full = (tier: number, index: number): TileId => ({ tier, index, width: TILE_WIDTH });

describe("tiles", () => {
  it("have the paths that C2SP tlog-tiles gives as examples", () => {
    expect(tilePath(full(0, 0))).to.equal("tile/0/000");
    expect(tilePath(full(0, 1234067))).to.equal("tile/0/x001/x234/067");
    expect(tilePath({ tier: 2, index: 1000, width: 1 })).to.equal("tile/2/x001/000.p/1");
    expect(tilePath({ tier: 1, index: 999, width: 255 })).to.equal("tile/1/999.p/255");
  });

  it("are read from their one spelling and from no other", () => {
    fc.assert(
      fc.property(
        fc.nat(6),
        fc.oneof(fc.nat(2_000_000), fc.maxSafeNat()),
        fc.integer({ min: 1, max: 256 }),
        (tier, index, width) => {
          const tile = { tier, index, width };
          expect(parseTilePath(tilePath(tile))).to.deep.equal(tile);
        },
      ),
    );
    for (const path of [
      "tile/0/0",
      "tile/0/00",
      "tile/0/0000",
      "tile/0/1000",
      "tile/00/000",
      "tile/7/000",
      "tile/-1/000",
      "tile/0/x000/000",
      "tile/0/x000/001",
      "tile/0/000/001",
      "tile/0/x001",
      "tile/0/X001/000",
      "tile/0/001/",
      "tile/0//001",
      "tile/0/000.p",
      "tile/0/000.p/",
      "tile/0/000.p/0",
      "tile/0/000.p/01",
      "tile/0/000.p/256",
      "tile/0/000.p/999",
      "tile/0/000.p/1/",
      "tile/0/000.p/-1",
      "tile/0/000\n",
      " tile/0/000",
      "tile/entries/000",
      "tile/8/0/000",
      "tile/0/../000",
      "checkpoint",
      "",
      `tile/0/${"x999/".repeat(5)}999`,
      `tile/0/${"x001/".repeat(10_000)}999`,
    ]) {
      expect(parseTilePath(path), path).to.equal(undefined);
    }
  });

  it("are as many, and as wide, as the example of 70,000 entries says", () => {
    const tiles = [...newTiles(0, 70_000)];
    const count = (tier: number, isFull: boolean): number =>
      tiles.filter((tile) => tile.tier === tier && (tile.width === TILE_WIDTH) === isFull).length;
    expect([count(0, true), count(1, true), count(2, true)]).to.deep.equal([273, 1, 0]);
    expect(edgeTiles(70_000)).to.deep.equal([
      { tier: 0, index: 273, width: 112 },
      { tier: 1, index: 1, width: 17 },
      { tier: 2, index: 0, width: 1 },
    ]);
    expect(tiles).to.have.length(273 + 1 + 3);
    expect([...newTiles(0, 256)]).to.deep.equal([full(0, 0), { tier: 1, index: 0, width: 1 }]);
    expect([...newTiles(0, 0)].concat(edgeTiles(0))).to.deep.equal([]);
    expect(edgeTiles(2 ** 53 - 1).map(({ tier }) => tier)).to.deep.equal([0, 1, 2, 3, 4, 5, 6]);
  });

  it("that a tree gains are all those that it did not have, each once", () => {
    const all = (size: number): Map<string, TileId> => new Map([...newTiles(0, size)].map((id) => [tilePath(id), id]));
    const sizes = fc.oneof(fc.nat(3000), fc.constantFrom(255, 256, 257, 65_535, 65_536, 65_537));
    fc.assert(
      fc.property(sizes, sizes, (a, b) => {
        const [from, size] = a < b ? [a, b] : [b, a];
        const [before, after] = [all(from), all(size)];
        const gained = [...newTiles(from, size)].map(tilePath);
        expect(new Set(gained).size).to.equal(gained.length);
        expect(gained.sort()).to.deep.equal([...after.keys()].filter((path) => !before.has(path)).sort());
        for (const { tier, index, width } of after.values()) expect(tileWidth(size, tier, index)).to.equal(width);
      }),
      { numRuns: 60 },
    );
    expect([tileWidth(257, 0, 2), tileWidth(0, 0, 0), tileWidth(2 ** 53 - 1, 6, 0)]).to.deep.equal([0, 0, 31]);
  });

  it("hold every node between their tier and the next", () => {
    const leaves = Array.from({ length: TILE_WIDTH }, (_, i) => leafAt("tile", i));
    const tile = new Tile(concat(...leaves));
    for (let row = 0; row <= TILE_LEVELS; row++) {
      for (let column = 0; column < 2 ** (TILE_LEVELS - row); column++) {
        const expected = naiveRoot(leaves.slice(column * 2 ** row, (column + 1) * 2 ** row));
        expect(tile.node(row, column)).to.deep.equal(expected);
      }
    }
    const partial = new Tile(concat(...leaves.slice(0, 5)));
    expect(partial.node(2, 0)).to.deep.equal(naiveRoot(leaves.slice(0, 4)));
    const grownOver = [partial.node(2, 1), partial.node(0, 5), partial.node(TILE_LEVELS, 0)];
    const beyond = [tile.node(9, 0), tile.node(8, 1), tile.node(7, 2), tile.node(0, TILE_WIDTH)];
    expect([...grownOver, ...beyond]).to.deep.equal(Array(7).fill(undefined));
    expect(partial.bytes()).to.deep.equal(concat(...leaves.slice(0, 5)));
    partial.put(0, 5, leaves[5] as Hash);
    expect(partial.node(1, 2)).to.deep.equal(naiveRoot(leaves.slice(4, 6)));
    expect(new Tile(new Uint8Array(HASH_BYTES - 1)).bytes()).to.have.length(0);
  });

  it("and a node has one place in them, below and above 2³²", () => {
    fc.assert(
      fc.property(fc.nat(52), fc.maxSafeNat(), (level, seed) => {
        let index = seed;
        for (let i = 0; i < level; i++) index = half(index);
        const { tier, index: tile, row, column } = placeOf(level, index);
        expect(tier * TILE_LEVELS + row).to.equal(level);
        expect(BigInt(tile) * BigInt(2 ** (TILE_LEVELS - row)) + BigInt(column)).to.equal(BigInt(index));
        expect(column).to.be.lessThan(2 ** (TILE_LEVELS - row));
      }),
    );
  });
});
