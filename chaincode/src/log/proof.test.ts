import { expect } from "chai";
import fc from "fast-check";
import type { Code } from "../domain/codes.js";
import type { Hash } from "./hash.js";
import {
  contradicts,
  type Consistency,
  consistencyProof,
  frontierNodes,
  type Inclusion,
  inclusionProof,
  MAX_PROOF_HASHES,
  type ReadNode,
  rootAt,
  verifyConsistency,
  verifyInclusion,
} from "./proof.js";
import { expectCode, expectCodeAsync, leafAt, naiveRoot } from "./support.test.js";
import { appendLeaves, EMPTY_ROOT, emptyFrontier, newNodes, nodeHash, rootOf } from "./tree.js";

const MAX = 130;
const leaves = Array.from({ length: MAX }, (_, i) => leafAt("proof", i));
const grownRoot = (size: number): Hash => rootOf(appendLeaves(emptyFrontier(), leaves.slice(0, size)));
const roots = Array.from({ length: MAX + 1 }, (_, size) => grownRoot(size));
const store = new Map(newNodes(emptyFrontier(), leaves).map(({ level, index, hash }) => [`${level}/${index}`, hash]));

/** Reads a stored node of the tree; what lies beyond the asked size must not be read. */
function reader(size: number, reads: string[] = []): ReadNode {
  return (level, index) => {
    reads.push(`${level}/${index}`);
    if ((index + 1) * 2 ** level > size) throw new Error(`node ${level}/${index} is not complete at size ${size}`);
    return store.get(`${level}/${index}`)!;
  };
}

/** PATH of RFC 9162 §2.1.3.1, word for word. */
function naivePath(index: number, all: readonly Hash[]): Hash[] {
  if (all.length <= 1) return [];
  let k = 1;
  while (k * 2 < all.length) k *= 2;
  return index < k
    ? [...naivePath(index, all.slice(0, k)), naiveRoot(all.slice(k))]
    : [...naivePath(index - k, all.slice(k)), naiveRoot(all.slice(0, k))];
}

/** SUBPROOF of RFC 9162 §2.1.4.1, word for word. */
function naiveSubproof(from: number, all: readonly Hash[], whole: boolean): Hash[] {
  if (from === all.length) return whole ? [] : [naiveRoot(all)];
  let k = 1;
  while (k * 2 < all.length) k *= 2;
  return from <= k
    ? [...naiveSubproof(from, all.slice(0, k), whole), naiveRoot(all.slice(k))]
    : [...naiveSubproof(from - k, all.slice(k), false), naiveRoot(all.slice(0, k))];
}

async function inclusionOf(index: number, size: number): Promise<Inclusion> {
  const proof = await inclusionProof(index, size, reader(size));
  return { index, size, leaf: leaves[index]!, root: roots[size]!, proof };
}

async function consistencyOf(from: number, to: number): Promise<Consistency> {
  const proof = await consistencyProof(from, to, reader(to));
  return { from, to, fromRoot: roots[from]!, toRoot: roots[to]!, proof };
}

function refused(action: () => unknown): boolean {
  try {
    action();
    return false;
  } catch (error) {
    expect(error).to.have.property("code", "PROOF_INVALID" satisfies Code);
    return true;
  }
}

const flip = (hash: Hash, bit: number): Hash => {
  const copy = Uint8Array.from(hash);
  copy[bit >> 3] = copy[bit >> 3]! ^ (1 << (bit & 7));
  return copy as Hash;
};

describe("log/proof", () => {
  it("inclusion: every leaf of every size up to 65 is the proof of the definition, and verifies", async () => {
    for (let size = 1; size <= 65; size++) {
      for (let index = 0; index < size; index++) {
        const inclusion = await inclusionOf(index, size);
        expect(inclusion.proof, `${index} of ${size}`).to.deep.equal(naivePath(index, leaves.slice(0, size)));
        verifyInclusion(inclusion);
      }
    }
  });

  it("consistency: every pair of sizes up to 65 is the proof of the definition, and verifies", async () => {
    for (let to = 0; to <= 65; to++) {
      for (let from = 0; from <= to; from++) {
        const consistency = await consistencyOf(from, to);
        const expected = from === 0 ? [] : naiveSubproof(from, leaves.slice(0, to), true);
        expect(consistency.proof, `${from} to ${to}`).to.deep.equal(expected);
        verifyConsistency(consistency);
      }
    }
  });

  it("making a proof reads O(log size) nodes", async () => {
    for (let size = 1; size <= MAX; size++) {
      const levels = Math.ceil(Math.log2(size)) + 1;
      for (let index = 0; index < size; index += 7) {
        const reads: string[] = [];
        await inclusionProof(index, size, reader(size, reads));
        await consistencyProof(index, size, reader(size, reads));
        expect(reads.length).to.be.at.most(4 * levels);
      }
    }
  });

  it("a store may answer later, and its errors go through unchanged", async () => {
    const slow: ReadNode = (level, index) => Promise.resolve(store.get(`${level}/${index}`)!);
    expect(await inclusionProof(3, 9, slow)).to.deep.equal(await inclusionProof(3, 9, reader(9)));
    const gone = new Error("node is gone");
    const failing: ReadNode = () => Promise.reject(gone);
    expect(await inclusionProof(3, 9, failing).catch((error: unknown) => error)).to.equal(gone);
  });

  it("the nodes of a frontier fold to the root, of every size that the tree once had", async () => {
    for (let size = 0; size <= MAX; size++) {
      expect(await rootAt(size, reader(size))).to.deep.equal(roots[size]);
      const { peaks } = appendLeaves(emptyFrontier(), leaves.slice(0, size));
      expect(frontierNodes(size).map(({ level, index }) => store.get(`${level}/${index}`))).to.deep.equal(peaks);
    }
    for (const size of [-1, 0.5, 2 ** 53, NaN]) {
      expectCode(() => frontierNodes(size), "PROOF_INVALID", "INDEX_RANGE");
      await expectCodeAsync(rootAt(size, reader(0)), "PROOF_INVALID", "INDEX_RANGE");
    }
    expect(frontierNodes(0)).to.deep.equal([]);
    expect(frontierNodes(2 ** 53 - 1).length).to.equal(53);
  });

  describe("a forged inclusion proof", () => {
    it("10 with any bit of any hash, leaf or root changed → INCLUSION_INVALID", async () => {
      const good = await inclusionOf(37, 77);
      fc.assert(
        fc.property(fc.nat(good.proof.length + 1), fc.nat(255), (at, bit) => {
          const forged: Inclusion =
            at === 0
              ? { ...good, leaf: flip(good.leaf, bit) }
              : at === 1
                ? { ...good, root: flip(good.root, bit) }
                : { ...good, proof: good.proof.with(at - 2, flip(good.proof[at - 2]!, bit)) };
          expectCode(() => verifyInclusion(forged), "PROOF_INVALID", "INCLUSION_INVALID");
        }),
      );
    });

    it("11 too long or too short → PROOF_LENGTH", async () => {
      for (let size = 1; size <= 40; size++) {
        for (let index = 0; index < size; index++) {
          const good = await inclusionOf(index, size);
          const longer = { ...good, proof: [...good.proof, good.root] };
          expectCode(() => verifyInclusion(longer), "PROOF_INVALID", "PROOF_LENGTH");
          if (size === 1) continue;
          const shorter = { ...good, proof: good.proof.slice(0, -1) };
          expectCode(() => verifyInclusion(shorter), "PROOF_INVALID", "PROOF_LENGTH");
        }
      }
    });

    it("11 with the root offered as its own proof, a hash repeated, dropped or swapped is refused", async () => {
      const good = await inclusionOf(37, 77);
      const { proof, root } = good;
      const forgeries = [
        [root],
        [root, root],
        [],
        proof.toReversed(),
        proof.slice(1),
        [...proof.slice(0, 3), ...proof.slice(2)],
        proof.with(0, proof[1]!).with(1, proof[0]!),
        [EMPTY_ROOT, ...proof],
      ];
      for (const forged of forgeries) expect(refused(() => verifyInclusion({ ...good, proof: forged }))).to.be.true;
    });

    it("12 with an index outside 0 … size − 1, or a size that is none → INDEX_RANGE", async () => {
      const good = await inclusionOf(0, 1);
      verifyInclusion(good);
      const ranges = [
        { index: 1, size: 1 },
        { index: 2, size: 1 },
        { index: 0, size: 0 },
        { index: -1, size: 1 },
        { index: 0.5, size: 1 },
        { index: NaN, size: 1 },
        { index: 0, size: 2 ** 53 },
        { index: 2 ** 53, size: 2 ** 53 + 2 },
        { index: 2 ** 64 - 1, size: 2 ** 64 },
        { index: 0, size: Infinity },
      ];
      for (const range of ranges) {
        expectCode(() => verifyInclusion({ ...good, ...range }), "PROOF_INVALID", "INDEX_RANGE");
        await expectCodeAsync(inclusionProof(range.index, range.size, reader(1)), "PROOF_INVALID", "INDEX_RANGE");
      }
    });

    it("for another index or size does not verify", async () => {
      for (let size = 1; size <= 40; size++) {
        for (let index = 0; index < size; index++) {
          const good = await inclusionOf(index, size);
          for (let other = 0; other < size; other++) {
            if (other !== index) expect(refused(() => verifyInclusion({ ...good, index: other }))).to.be.true;
          }
          expect(refused(() => verifyInclusion({ ...good, size: size * 2 }))).to.be.true;
        }
      }
    });

    it("15 with an inner node offered as leaf is refused", async () => {
      const good = await inclusionOf(0, 8);
      const inner = nodeHash(leaves[0]!, leaves[1]!);
      expectCode(
        () => verifyInclusion({ ...good, leaf: inner, proof: good.proof.slice(1) }),
        "PROOF_INVALID",
        "PROOF_LENGTH",
      );
    });

    it("74 with more than 63 hashes → LIMIT_EXCEEDED, before any is hashed", async () => {
      const good = await inclusionOf(3, 9);
      const bomb = Array.from({ length: MAX_PROOF_HASHES + 1 }, () => good.root);
      expectCode(() => verifyInclusion({ ...good, proof: bomb }), "PROOF_INVALID", "LIMIT_EXCEEDED");
    });
  });

  describe("a forged consistency proof", () => {
    it("16 with any bit of any hash or root changed → CONSISTENCY_INVALID", async () => {
      const cases = [await consistencyOf(37, 77), await consistencyOf(32, 77), await consistencyOf(64, 128)];
      fc.assert(
        fc.property(fc.constantFrom(...cases), fc.nat(), fc.nat(255), (good, choice, bit) => {
          const at = choice % (good.proof.length + 2);
          const forged: Consistency =
            at === 0
              ? { ...good, fromRoot: flip(good.fromRoot, bit) }
              : at === 1
                ? { ...good, toRoot: flip(good.toRoot, bit) }
                : { ...good, proof: good.proof.with(at - 2, flip(good.proof[at - 2]!, bit)) };
          expectCode(() => verifyConsistency(forged), "PROOF_INVALID", "CONSISTENCY_INVALID");
        }),
      );
    });

    it("too long or too short → PROOF_LENGTH", async () => {
      for (let to = 1; to <= 40; to++) {
        for (let from = 0; from <= to; from++) {
          const good = await consistencyOf(from, to);
          const longer = { ...good, proof: [...good.proof, good.toRoot] };
          expectCode(() => verifyConsistency(longer), "PROOF_INVALID", "PROOF_LENGTH");
          if (good.proof.length === 0) continue;
          const shorter = { ...good, proof: good.proof.slice(0, -1) };
          expectCode(() => verifyConsistency(shorter), "PROOF_INVALID", "PROOF_LENGTH");
          expectCode(() => verifyConsistency({ ...good, proof: [] }), "PROOF_INVALID", "PROOF_LENGTH");
        }
      }
    });

    it("with roots swapped, or between trees that differ in an old leaf, is refused", async () => {
      const good = await consistencyOf(37, 77);
      expect(refused(() => verifyConsistency({ ...good, fromRoot: good.toRoot, toRoot: good.fromRoot }))).to.be.true;
      const rewritten = rootOf(appendLeaves(emptyFrontier(), leaves.slice(0, 77).with(5, leafAt("other", 5))));
      expectCode(() => verifyConsistency({ ...good, toRoot: rewritten }), "PROOF_INVALID", "CONSISTENCY_INVALID");
    });

    it("17 of two roots for one size → FORK", () => {
      const fork: Consistency = { from: 5, to: 5, fromRoot: roots[5]!, toRoot: roots[6]!, proof: [] };
      expectCode(() => verifyConsistency(fork), "PROOF_INVALID", "FORK");
    });

    it("of an empty tree with another root than SHA-256 of nothing → CONSISTENCY_INVALID", () => {
      const fake: Consistency = { from: 0, to: 5, fromRoot: roots[5]!, toRoot: roots[5]!, proof: [] };
      expectCode(() => verifyConsistency(fake), "PROOF_INVALID", "CONSISTENCY_INVALID");
      const both = { ...fake, to: 0 };
      expectCode(() => verifyConsistency(both), "PROOF_INVALID", "CONSISTENCY_INVALID");
      verifyConsistency({ ...both, fromRoot: EMPTY_ROOT, toRoot: EMPTY_ROOT });
    });

    it("with sizes out of order or range → INDEX_RANGE", async () => {
      const good = await consistencyOf(1, 2);
      for (const [from, to] of [
        [2, 1],
        [-1, 2],
        [1, 1.5],
        [NaN, 2],
        [1, 2 ** 53],
        [2 ** 53, 2 ** 53 + 2],
      ] as const) {
        expectCode(() => verifyConsistency({ ...good, from, to }), "PROOF_INVALID", "INDEX_RANGE");
        await expectCodeAsync(consistencyProof(from, to, reader(2)), "PROOF_INVALID", "INDEX_RANGE");
      }
    });

    it("74 with more than 63 hashes → LIMIT_EXCEEDED", async () => {
      const good = await consistencyOf(3, 9);
      const bomb = Array.from({ length: MAX_PROOF_HASHES + 1 }, () => good.toRoot);
      expectCode(() => verifyConsistency({ ...good, proof: bomb }), "PROOF_INVALID", "LIMIT_EXCEEDED");
    });
  });

  describe("a contradiction", () => {
    const forked = leaves.with(1, leafAt("another", 1));
    const forkedStore = new Map(
      newNodes(emptyFrontier(), forked).map(({ level, index, hash }) => [`${level}/${index}`, hash]),
    );
    const forkedRoot = (size: number): Hash => rootOf(appendLeaves(emptyFrontier(), forked.slice(0, size)));
    const readForked = (level: number, index: number): Hash => forkedStore.get(`${level}/${index}`)!;

    it("is shown by the forked tree's own proof, unless the older size is a power of two", async () => {
      for (let to = 2; to < 40; to++) {
        for (let from = 1; from < to; from++) {
          const proof = await consistencyProof(from, to, readForked);
          const claim = { from, to, fromRoot: roots[from]!, toRoot: forkedRoot(to), proof };
          const isPower = Number.isInteger(Math.log2(from));
          expect(contradicts(claim), `${from} to ${to}`).to.equal(!isPower && from > 1);
          expect(contradicts({ ...claim, fromRoot: forkedRoot(from) }), `${from} to ${to}, honest`).to.equal(false);
        }
      }
    });

    it("cannot be made up against an honest log by editing its proof", async () => {
      await fc.assert(
        fc.asyncProperty(fc.integer({ min: 2, max: 100 }), fc.nat(), fc.nat(), fc.nat(255), async (to, f, at, bit) => {
          const good = await consistencyOf(1 + (f % (to - 1)), to);
          if (good.proof.length === 0) return;
          const i = at % good.proof.length;
          const proof = good.proof.with(i, flip(good.proof[i]!, bit));
          expect(contradicts({ ...good, proof })).to.equal(false);
        }),
      );
    });

    it("is two roots of one size, and nothing that is out of range", async () => {
      const good = await consistencyOf(3, 9);
      expect(contradicts({ ...good, to: 3, toRoot: forkedRoot(3), proof: [] })).to.equal(true);
      expect(contradicts({ ...good, to: 3, toRoot: good.fromRoot, proof: [] })).to.equal(false);
      expect(contradicts({ ...good, from: 0 })).to.equal(false);
      expectCode(() => contradicts({ ...good, from: 10 }), "PROOF_INVALID", "INDEX_RANGE");
      expectCode(() => contradicts({ ...good, proof: [] }), "PROOF_INVALID", "PROOF_LENGTH");
    });
  });

  it("random edits never verify: numbers shifted, hashes dropped, doubled, swapped, taken from another proof", async () => {
    const size = fc.integer({ min: 1, max: 100 });
    const edit = fc.record({ kind: fc.nat(5), at: fc.nat(), by: fc.constantFrom(-2, -1, 1, 2) });
    await fc.assert(
      fc.asyncProperty(size, fc.nat(), edit, async (to, pick, { kind, at, by }) => {
        const index = pick % to;
        const good = await inclusionOf(index, to);
        const { proof } = good;
        const i = proof.length === 0 ? 0 : at % proof.length;
        const foreign = leafAt("foreign", at);
        const forged: Inclusion[] = [
          { ...good, index: index + by },
          { ...good, proof: proof.toSpliced(i, 1) },
          { ...good, proof: proof.toSpliced(i, 0, proof[i] ?? foreign) },
          { ...good, proof: proof.length === 0 ? [foreign] : proof.with(i, foreign) },
          { ...good, leaf: proof[0] ?? foreign, proof: proof.length === 0 ? proof : proof.with(0, good.leaf) },
          { ...good, root: roots[to + (by > 0 ? by : by + to < 0 ? 1 : by)] ?? foreign },
        ];
        const chosen = forged[kind]!;
        if (chosen.proof.length === 0 && proof.length === 0 && kind === 1) return; // nothing to drop
        expect(refused(() => verifyInclusion(chosen))).to.be.true;
      }),
      { numRuns: 1000 },
    );
  });
});
