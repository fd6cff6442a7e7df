import {
  appendLeaves,
  emptyFrontier,
  extend,
  type Hash,
  hashText,
  indexLeaf,
  indexState,
  parseHash,
  rootOf,
  sha256,
  sha256Text,
  subjectStart,
  utf8,
  verifyInclusion,
} from "@quanji/chaincode/log";
import { isQuanjiError } from "@quanji/chaincode/domain";
import { expect } from "chai";
import type { TaggedRecord } from "../readmodel/ledger-index.js";
import type { KnownRecord } from "../readmodel/readmodel.js";
import { SubjectTree, SubjectTrees } from "./subject-tree.js";

const LOG = "quanji.test/town/gw/0";
const SEED = sha256Text("seed");
const tagOf = (n: number): string => sha256Text(`tag ${n}`);
const leafOf = (n: number): Hash => sha256(utf8(`leaf ${n}`));

/** A log of which each record names a tag of its own, read so often, and at most so often at once. */
class Rows {
  readonly read: number[] = [];
  most = 0;
  fault: Error | undefined;
  #now = 0;

  async *tagged(_log: string, from: number, to: number): AsyncGenerator<TaggedRecord, void, void> {
    this.read.push(from);
    this.most = Math.max(this.most, ++this.#now);
    try {
      await new Promise((resolve) => setImmediate(resolve));
      if (this.fault !== undefined) throw this.fault;
      for (let index = from; index < to; index++) {
        yield { index, leaf: hashText(leafOf(index)), tags: [tagOf(index)] };
      }
    } finally {
      this.#now--;
    }
  }
}

describe("trees of indexes of subjects", () => {
  const DAY = 10;
  /** An index of the records of a day. */
  const known = async (day: number, change: object = {}): Promise<KnownRecord> => {
    const [from, to] = [day * DAY, (day + 1) * DAY];
    const { root } = await SubjectTree.of(new Rows(), { log: LOG, from, to, seed: SEED });
    const body = JSON.stringify({ from, to, root, ...change });
    return { log: LOG, record: to, stored: { body, seed: SEED } } as unknown as KnownRecord;
  };

  it("of more tags than are hashed in one breath have the root and the paths of all at once", async () => {
    const size = 4_100;
    const tree = await SubjectTree.of(new Rows(), { log: LOG, from: 0, to: size, seed: SEED });
    const heads = Array.from({ length: size }, (_, n) => ({
      tag: tagOf(n),
      head: extend(subjectStart(LOG, 0, tagOf(n)), parseHash(hashText(leafOf(n)))),
    })).sort((a, b) => (a.tag < b.tag ? -1 : 1));
    const leaves = heads.map(({ tag, head }) => indexLeaf(tag, indexState(SEED, tag, head)));
    const root = rootOf(appendLeaves(emptyFrontier(), leaves));
    expect([tree.size, tree.root]).to.deep.equal([size, hashText(root)]);
    for (const at of [0, 1_999, 2_000, 4_095, 4_096, 4_099]) {
      const [shown] = await tree.leaves(heads[at]?.tag ?? "");
      expect(shown?.i).to.equal(at);
      const proof = (shown?.path ?? []).map((text) => parseHash(text));
      verifyInclusion({ index: at, size, leaf: leaves[at]!, root, proof });
    }
  });

  it("are made one at a time, each once, however many ask for however many days at once", async () => {
    const rows = new Rows();
    const trees = new SubjectTrees(rows);
    const days = await Promise.all(Array.from({ length: 30 }, (_, day) => known(day)));
    const asked = Array.from({ length: 20 }, () => days.map((day) => trees.of(day))).flat();
    const made = await Promise.all(asked);
    expect([rows.most, rows.read.length]).to.deep.equal([1, 30]);
    expect(made.map(({ size }) => size)).to.deep.equal(asked.map(() => DAY));
  });

  it("are kept as long as all of them have no more tags than that, those that were used last", async () => {
    const rows = new Rows();
    const trees = new SubjectTrees(rows, 3 * DAY);
    const [a, b, c, d] = await Promise.all([known(0), known(1), known(2), known(3)]);
    for (const day of [a, b, c, a, d]) await trees.of(day);
    expect(rows.read).to.deep.equal([0, 10, 20, 30]);
    for (const day of [d, c, a]) await trees.of(day);
    expect(rows.read).to.have.length(4);
    await trees.of(b);
    expect(rows.read).to.deep.equal([0, 10, 20, 30, 10]);
  });

  it("that alone have more are kept until the next", async () => {
    const rows = new Rows();
    const trees = new SubjectTrees(rows, 1);
    const [a, b] = await Promise.all([known(0), known(1)]);
    for (const day of [a, a, b, a]) await trees.of(day);
    expect(rows.read).to.deep.equal([0, 10, 0]);
  });

  it("that could not be made are made again, and keep nobody else waiting", async () => {
    const rows = new Rows();
    const trees = new SubjectTrees(rows);
    const [a, b, wrong] = await Promise.all([known(0), known(1), known(2, { root: SEED })]);
    rows.fault = new Error("the disk is gone");
    expect(await trees.of(a).catch(String)).to.equal("Error: the disk is gone");
    rows.fault = undefined;
    const refused = trees.of(wrong).catch((error: unknown) => isQuanjiError(error, "PROOF_INVALID") && error.detail);
    expect((await trees.of(b)).size).to.equal(DAY);
    expect(await refused).to.equal("LEAF_MISMATCH");
    expect((await trees.of(a)).size).to.equal(DAY);
  });
});
