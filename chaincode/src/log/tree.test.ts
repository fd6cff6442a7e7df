import { expect } from "chai";
import fc from "fast-check";
import type { Hash } from "./hash.js";
import { half, isOdd, isSize } from "./size.js";
import { expectCode, leafAt, naiveRoot, refusesHostile } from "./support.test.js";
import {
  appendLeaf,
  appendLeaves,
  EMPTY_ROOT,
  emptyFrontier,
  type Frontier,
  frontierToJson,
  headOf,
  newNodes,
  nodeHash,
  parseFrontier,
  rootOf,
} from "./tree.js";

const leavesOf = (count: number, from = 0): Hash[] => Array.from({ length: count }, (_, i) => leafAt("tree", from + i));
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const popcount = (size: number) => BigInt(size).toString(2).replaceAll("0", "").length;

/** The frontier of a huge tree whose peaks are made up: appending must not care what is below them. */
const madeUp = (size: number): Frontier => ({ size, peaks: leavesOf(popcount(size)) });

describe("log/tree", () => {
  it("the empty tree has the root SHA-256 of nothing", () => {
    expect(hex(rootOf(emptyFrontier()))).to.equal("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    expect(headOf(emptyFrontier())).to.deep.equal({ size: 0, root: EMPTY_ROOT });
  });

  it("a tree of one leaf has that leaf as root; two are joined under prefix 01", () => {
    const [a, b] = leavesOf(2) as [Hash, Hash];
    const one = appendLeaf(emptyFrontier(), a);
    expect(rootOf(one)).to.deep.equal(a);
    expect(rootOf(appendLeaf(one, b))).to.deep.equal(nodeHash(a, b));
  });

  it("the root by frontier is the root by definition, for every size up to 130", () => {
    const leaves = leavesOf(130);
    let frontier = emptyFrontier();
    for (const [i, leaf] of leaves.entries()) {
      frontier = appendLeaf(frontier, leaf);
      expect(hex(rootOf(frontier)), `size ${i + 1}`).to.equal(hex(naiveRoot(leaves.slice(0, i + 1))));
      expect(frontier.peaks.length).to.equal(popcount(i + 1));
    }
  });

  it("appending in batches is appending one by one", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(40), { maxLength: 6 }), (batches) => {
        let batched = emptyFrontier();
        let total = 0;
        for (const count of batches) {
          batched = appendLeaves(batched, leavesOf(count, total));
          total += count;
        }
        const single = leavesOf(total).reduce(appendLeaf, emptyFrontier());
        expect(batched).to.deep.equal(single);
        expect(batched.size).to.equal(total);
      }),
    );
  });

  it("an append leaves the frontier that it started from as it was", () => {
    const before = appendLeaves(emptyFrontier(), leavesOf(7));
    const root = hex(rootOf(before));
    appendLeaves(before, leavesOf(9, 7));
    expect(before.peaks.length).to.equal(3);
    expect(hex(rootOf(before))).to.equal(root);
  });

  it("any leaf changed, dropped, repeated or swapped changes the root", () => {
    const arbitrary = fc.integer({ min: 2, max: 70 }).chain((size) => fc.tuple(fc.constant(size), fc.nat(size - 2)));
    fc.assert(
      fc.property(arbitrary, ([size, at]) => {
        const leaves = leavesOf(size);
        const rootFrom = (list: readonly Hash[]) => hex(rootOf(appendLeaves(emptyFrontier(), list)));
        const forged = [
          leaves.with(at, leafAt("other", 0)),
          leaves.toSpliced(at, 1),
          leaves.toSpliced(at, 0, leaves[at]!),
          leaves.with(at, leaves[at + 1]!).with(at + 1, leaves[at]!),
        ];
        for (const list of forged) expect(rootFrom(list)).not.to.equal(rootFrom(leaves));
      }),
    );
  });

  it("newNodes lists every full subtree exactly once, and the peaks are among them", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20), { maxLength: 5 }), (batches) => {
        const stored = new Map<string, string>();
        let frontier = emptyFrontier();
        for (const count of batches) {
          const leaves = leavesOf(count, frontier.size);
          for (const { level, index, hash } of newNodes(frontier, leaves)) {
            const id = `${level}/${index}`;
            expect(stored.has(id), id).to.be.false;
            stored.set(id, hex(hash));
          }
          frontier = appendLeaves(frontier, leaves);
        }
        const all = leavesOf(frontier.size);
        let expected = 0;
        for (let level = 0; 2 ** level <= frontier.size; level++) {
          for (let index = 0; (index + 1) * 2 ** level <= frontier.size; index++, expected++) {
            const covered = all.slice(index * 2 ** level, (index + 1) * 2 ** level);
            expect(stored.get(`${level}/${index}`)).to.equal(hex(naiveRoot(covered)));
          }
        }
        expect(stored.size).to.equal(expected);
        expect(frontier.peaks.map(hex).every((peak) => [...stored.values()].includes(peak))).to.be.true;
      }),
      { numRuns: 50 },
    );
  });

  for (const size of [2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 2 ** 52 + 1, 2 ** 53 - 2]) {
    it(`appends right at size ${size}: carries, levels and indexes`, () => {
      const frontier = madeUp(size);
      const grown = appendLeaf(frontier, leafAt("new", 0));
      expect(grown.size).to.equal(size + 1);
      expect(grown.peaks.length).to.equal(popcount(size + 1));
      const nodes = newNodes(frontier, [leafAt("new", 0)]);
      // One node for the leaf and one per trailing 1-bit of the size.
      const trailing = /1*$/.exec(BigInt(size).toString(2))?.[0].length ?? 0;
      expect(nodes.length).to.equal(1 + trailing);
      for (const { level, index } of nodes) expect(BigInt(index)).to.equal(BigInt(size) >> BigInt(level));
      expect(grown.peaks.at(-1)).to.deep.equal(nodes.at(-1)?.hash);
    });
  }

  it("a log ends at 2⁵³−1 leaves: one more is refused", () => {
    const full = madeUp(2 ** 53 - 1);
    expectCode(() => appendLeaf(full, leafAt("new", 0)), "MALFORMED", "LIMIT_EXCEEDED");
    expectCode(() => newNodes(madeUp(2 ** 53 - 2), leavesOf(2)), "MALFORMED", "LIMIT_EXCEEDED");
    expect(appendLeaves(full, [])).to.deep.equal(full);
  });

  it("a frontier with too few peaks for its size is refused", () => {
    const broken = { size: 3, peaks: leavesOf(1) };
    expectCode(() => appendLeaves(broken, leavesOf(1)), "MALFORMED", "FRONTIER_INVALID");
  });

  it("JSON form parses back, and any other number of peaks is refused", () => {
    fc.assert(
      fc.property(fc.nat(300), (size) => {
        const frontier = appendLeaves(emptyFrontier(), leavesOf(size));
        const json = frontierToJson(frontier);
        expect(parseFrontier(size, JSON.parse(JSON.stringify(json)))).to.deep.equal(frontier);
        const extra = [...json, json[0] ?? frontierToJson(madeUp(1))[0]];
        expectCode(() => parseFrontier(size, extra), "MALFORMED", "FRONTIER_INVALID");
        if (size > 0) expectCode(() => parseFrontier(size, json.slice(1)), "MALFORMED", "FRONTIER_INVALID");
      }),
    );
  });

  it("hostile values are refused with a code, as size, as peaks and as one peak", () => {
    refusesHostile((value) => parseFrontier(value, [1]));
    refusesHostile((value) => parseFrontier(1, value));
    refusesHostile((value) => parseFrontier(1, [value]));
    expectCode(() => parseFrontier(2 ** 53, []), "MALFORMED", "INDEX_RANGE");
    expectCode(() => parseFrontier(1, ["AAAA"]), "MALFORMED", "HASH_LENGTH");
    expectCode(() => parseFrontier(1, [" "]), "MALFORMED", "BASE64_INVALID");
  });

  it("halves and parities are exact up to 2⁵³−1", () => {
    const value = fc.oneof(
      fc.maxSafeNat(),
      fc.integer({ min: 0, max: 64 }).map((d) => Number.MAX_SAFE_INTEGER - d),
    );
    fc.assert(
      fc.property(value, (n) => {
        expect(BigInt(half(n))).to.equal(BigInt(n) >> 1n);
        expect(isOdd(n)).to.equal((BigInt(n) & 1n) === 1n);
        expect(isSize(n)).to.be.true;
      }),
    );
    for (const bad of [-1, 0.5, NaN, Infinity, 2 ** 53, "1", 1n, null]) expect(isSize(bad)).to.be.false;
  });
});
