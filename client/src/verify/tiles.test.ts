import {
  concat,
  consistencyProof,
  edgeTiles,
  type Hash,
  HASH_BYTES,
  inclusionProof,
  nodeHash,
  parseTilePath,
  type ReadNode,
  rootAt,
  sha256,
  TILE_LEVELS,
  TILE_WIDTH,
  tilePath,
  type TreeHead,
  utf8,
} from "@quanji/chaincode/log";
import { QuanjiError } from "@quanji/chaincode/domain";
import { expect } from "chai";
import fc from "fast-check";
import { type TileSource, TileTree } from "./index.js";
import { type Grown, leavesTo, sourceOf, treeOf } from "./static.support.test.js";

const leafAt = (index: number): Hash => sha256(utf8(`leaf ${index}`));

const trees = new Map<number, Grown>();
function grown(size: number): Grown {
  const tree = trees.get(size) ?? treeOf(leavesTo(size));
  trees.set(size, tree);
  return tree;
}

const refusal = async (promise: Promise<unknown>): Promise<string> => {
  const error: unknown = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return error instanceof QuanjiError ? (error.detail ?? error.code) : String(error);
};

/** Any size up to 70,000, and those at which a tile is just not, just, and just more than full. */
const SIZES = [1, 2, 3, 7, 8, 255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537, 70_000];

describe("the tree from tiles", () => {
  for (const size of SIZES) {
    it(`of ${size} leaves gives the proofs that the stored tree gives`, async () => {
      const { head, read, files } = grown(size);
      const tree = await TileTree.open(head, [sourceOf(files)]);
      const places = [0, 1, 254, 255, 256, 257, 65_534, 65_535, 65_536, size - 2, size - 1];
      for (const index of places.filter((place) => place >= 0 && place < size)) {
        expect(await inclusionProof(index, size, tree.node)).to.deep.equal(await inclusionProof(index, size, read));
        expect(await consistencyProof(index + 1, size, tree.node)).to.deep.equal(
          await consistencyProof(index + 1, size, read),
        );
        expect(await tree.rootAt(index + 1)).to.deep.equal(await rootAt(index + 1, read));
      }
    });
  }

  it("of any size gives them for any place", async () => {
    const place = fc.integer({ min: 1, max: 2_000 }).chain((size) => fc.tuple(fc.constant(size), fc.nat(size - 1)));
    await fc.assert(
      fc.asyncProperty(place, async ([size, index]) => {
        const { head, read, files } = grown(size);
        const tree = await TileTree.open(head, [sourceOf(files)]);
        expect(await inclusionProof(index, size, tree.node)).to.deep.equal(await inclusionProof(index, size, read));
        expect(await consistencyProof(index + 1, size, tree.node)).to.deep.equal(
          await consistencyProof(index + 1, size, read),
        );
      }),
      { numRuns: 40 },
    );
  });

  /** A tree whose leaves are all one hash, but for the one at `mark`: its tiles can be made wherever they are asked for. */
  function marked(mark: number) {
    const uniform: Hash[] = [leafAt(0)];
    for (let level = 1; level <= 53; level++) uniform.push(nodeHash(uniform[level - 1]!, uniform[level - 1]!));
    const known = new Map<string, Hash>();
    const node = (level: number, index: number): Hash => {
      if (Math.floor(mark / 2 ** level) !== index) return uniform[level]!;
      const key = `${level}/${index}`;
      const hash =
        known.get(key) ??
        (level === 0 ? leafAt(1) : nodeHash(node(level - 1, 2 * index), node(level - 1, 2 * index + 1)));
      known.set(key, hash);
      return hash;
    };
    const files: TileSource = (path) => {
      const { tier, index, width } = parseTilePath(path)!;
      const hashes = Array.from({ length: width }, (_, i) => node(tier * TILE_LEVELS, index * TILE_WIDTH + i));
      return Promise.resolve(concat(...hashes));
    };
    return { node: node as ReadNode, files };
  }

  for (const [index, size] of [
    [2 ** 31 - 1, 2 ** 31 + 1],
    [2 ** 32 - 1, 2 ** 32],
    [2 ** 32, 2 ** 32 + 1],
    [2 ** 32 + 12_345, 2 ** 40 + 54_321],
    [2 ** 52 + 7, 2 ** 53 - 1],
    [2 ** 53 - 2, 2 ** 53 - 1],
  ] as const) {
    it(`of ${size} leaves gives the proofs of the leaf ${index}`, async () => {
      const { node, files } = marked(index);
      const tree = await TileTree.open({ size, root: await rootAt(size, node) }, [files]);
      expect(await inclusionProof(index, size, tree.node)).to.deep.equal(await inclusionProof(index, size, node));
      expect(await consistencyProof(index + 1, size, tree.node)).to.deep.equal(
        await consistencyProof(index + 1, size, node),
      );
    });
  }

  /** Everything that a verifier may ask of the tree. */
  async function readAll(head: TreeHead, sources: readonly TileSource[]): Promise<void> {
    const tree = await TileTree.open(head, sources);
    for (let index = 0; index < head.size; index += 100) await inclusionProof(index, head.size, tree.node);
    await inclusionProof(head.size - 1, head.size, tree.node);
  }

  it("refuses every tile of which one bit is not the log's", async () => {
    for (const size of [5, 256, 700]) {
      const { head, files } = grown(size);
      await readAll(head, [sourceOf(files)]);
      for (const [path, bytes] of files) {
        for (const at of [0, bytes.length - 1, Math.floor(bytes.length / 2)]) {
          const flipped = Uint8Array.from(bytes);
          flipped[at]! ^= 1;
          const lying = sourceOf(new Map(files).set(path, flipped));
          expect(await refusal(readAll(head, [lying])), `${size}: ${path}`).to.equal("TILE_MISMATCH");
        }
      }
    }
  });

  it("refuses a tile that stands in another's place, is cut, too long, empty or absent", async () => {
    const { head, files } = grown(700);
    const [first, second] = [files.get("tile/0/000")!, files.get("tile/0/001")!];
    const other = (path: string, bytes: Uint8Array | undefined): Promise<string> => {
      const changed = new Map(files);
      if (bytes === undefined) changed.delete(path);
      else changed.set(path, bytes);
      return refusal(readAll(head, [sourceOf(changed)]));
    };
    expect(await other("tile/0/000", second)).to.equal("TILE_MISMATCH");
    expect(await other("tile/0/000", first.subarray(0, -HASH_BYTES))).to.equal("TILE_MISMATCH");
    expect(await other("tile/0/000", first.subarray(0, -1))).to.equal("TILE_MISMATCH");
    expect(await other("tile/0/000", concat(first, second))).to.equal("TILE_MISMATCH");
    expect(await other("tile/0/000", new Uint8Array())).to.equal("TILE_MISMATCH");
    expect(await other("tile/0/002.p/188", new Uint8Array())).to.equal("TILE_MISMATCH");
    expect(await other("tile/0/000", undefined)).to.equal("TILE_MISSING");
    expect(await other("tile/0/002.p/188", undefined)).to.equal("TILE_MISSING");
    expect(await other("tile/1/000.p/2", undefined)).to.equal("TILE_MISSING");
    expect(await refusal(TileTree.open(head, []))).to.equal("TILE_MISSING");
  });

  it("refuses a root that is another tree's, and a node that the tree has not grown over", async () => {
    const { head, files } = grown(700);
    expect(await refusal(TileTree.open({ ...head, root: leafAt(0) }, [sourceOf(files)]))).to.equal("TILE_MISMATCH");
    const tree = await TileTree.open(head, [sourceOf(files)]);
    expect(await refusal(Promise.resolve(tree.node(0, 700)))).to.equal("INDEX_RANGE");
    expect(await refusal(Promise.resolve(tree.node(9, 1)))).to.equal("INDEX_RANGE");
    const empty = await TileTree.open(grown(0).head, [sourceOf(new Map())]);
    expect(await empty.rootAt(0)).to.deep.equal(grown(0).head.root);
  });

  it("takes the full tile where the partial one is gone: the log grew between two requests", async () => {
    const { head } = grown(700);
    const later = grown(70_000).files;
    expect(edgeTiles(700).some((tile) => later.has(tilePath(tile)))).to.equal(false);
    await readAll(head, [sourceOf(later)]);
    const cut = sourceOf(new Map(later).set("tile/0/002", later.get("tile/0/002")!.subarray(0, 188 * HASH_BYTES)));
    expect(await refusal(readAll(head, [cut]))).to.equal("TILE_MISMATCH");
  });

  it("takes from each source what it has right, whatever else it says", async () => {
    const { head, files } = grown(700);
    const half = (which: number): TileSource => {
      const part = [...files].map(([path, bytes], i) => [path, i % 2 === which ? bytes : bytes.toReversed()] as const);
      return sourceOf(new Map(part));
    };
    const down: TileSource = () => Promise.reject(new QuanjiError("UNREACHABLE", "nobody answers"));
    const some = sourceOf(new Map([...files].filter(([path]) => path.includes(".p/"))));
    await readAll(head, [down, half(0), some, half(1)]);
    expect(await refusal(readAll(head, [down]))).to.equal("UNREACHABLE");
  });

  it("asks again for what could not be had before", async () => {
    const { head, files } = grown(700);
    let broken = true;
    const shaky: TileSource = (path) =>
      broken && path === "tile/0/000" ? Promise.reject(new Error("torn")) : Promise.resolve(files.get(path));
    const tree = await TileTree.open(head, [shaky]);
    expect(await refusal(inclusionProof(3, 700, tree.node))).to.equal("Error: torn");
    broken = false;
    expect(await inclusionProof(3, 700, tree.node)).to.have.length.greaterThan(0);
  });
});
