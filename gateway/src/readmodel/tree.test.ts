import {
  emptyFrontier,
  type Hash,
  inclusionProof,
  nodeHash,
  rootOf,
  sha256,
  utf8,
  verifyInclusion,
} from "@quanji/chaincode/log";
import { expect } from "chai";
import fc from "fast-check";
import { Changes, type Reads } from "./store.js";
import { Trees } from "./tree.js";

class Memory implements Reads {
  readonly #values = new Map<string, Uint8Array>();
  get = (): undefined => undefined;
  getBytes = (key: string): Uint8Array | undefined => this.#values.get(key);
  write(changes: Changes): void {
    for (const [key, value] of changes) if (value instanceof Uint8Array) this.#values.set(key, value);
  }
}

const leafAt = (index: number): Hash => sha256(utf8(`leaf ${index}`));

/** Grows a log by batches of these sizes. */
function grow(memory: Memory, trees: Trees, sizes: readonly number[]) {
  let tip = emptyFrontier();
  for (const size of sizes) {
    const changes = new Changes(memory);
    const start = tip.size;
    tip = trees.grow(
      changes,
      "log",
      tip,
      Array.from({ length: size }, (_, i) => leafAt(start + i)),
    );
    memory.write(changes);
    trees.settle();
  }
  return tip;
}

function naive(level: number, index: number): Hash {
  if (level === 0) return leafAt(index);
  return nodeHash(naive(level - 1, index * 2), naive(level - 1, index * 2 + 1));
}

describe("the index's trees", () => {
  it("answer from tiles what the definition gives, from memory and from disk alike", () => {
    const memory = new Memory();
    const trees = new Trees(memory);
    const { size } = grow(memory, trees, [1, 200, 56, 300, 1, 900]);
    const reread = new Trees(memory);
    for (let level = 0; 2 ** level <= size; level++) {
      const index = Math.floor(size / 2 ** level) - 1;
      for (const at of [0, Math.floor(index / 2), index]) {
        expect(trees.node("log", level, at)).to.deep.equal(naive(level, at));
        expect(reread.node("log", level, at)).to.deep.equal(naive(level, at));
      }
    }
  });

  it("prove every leaf at every size, however the batches fell", async () => {
    const batches = fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 9 });
    await fc.assert(
      fc.asyncProperty(batches, fc.nat(), async (sizes, pick) => {
        const memory = new Memory();
        const trees = new Trees(memory);
        const tip = grow(memory, trees, sizes);
        const reread = new Trees(memory);
        const index = pick % tip.size;
        const proof = await inclusionProof(index, tip.size, (level, node) => reread.node("log", level, node));
        verifyInclusion({ index, size: tip.size, leaf: leafAt(index), proof, root: rootOf(tip) });
      }),
    );
  });

  it("keep what a block adds, though many other tiles are read before it is on disk", () => {
    const memory = new Memory();
    const trees = new Trees(memory);
    const tip = grow(memory, trees, [10]);
    const changes = new Changes(memory);
    trees.grow(changes, "log", tip, [leafAt(10)]);
    for (let i = 0; i < 1000; i++) expect(() => trees.node(`other ${i}`, 0, 0)).to.throw("no such node");
    memory.write(changes);
    trees.settle();
    expect(trees.node("log", 0, 10)).to.deep.equal(leafAt(10));
  });
});
