/** The tree of an index of subjects, made again from the read model: its root when it is recorded, its paths when somebody asks. */
import {
  appendLeaves,
  type ChainHead,
  emptyFrontier,
  extend,
  type Hash,
  hashText,
  inclusionProof,
  indexLeaf,
  indexSalt,
  indexState,
  newNodes,
  parseHash,
  rootOf,
  subjectStart,
} from "@quanji/chaincode/log";
import { type IndexBody, QuanjiError, type TrailLineOf } from "@quanji/chaincode/domain";
import type { LedgerIndex } from "../readmodel/ledger-index.js";
import type { KnownRecord } from "../readmodel/readmodel.js";
import { Lru } from "../readmodel/lru.js";

/** The records `from` ≤ index < `to` of a log, and what hides the counts of their tags. */
export interface IndexRange {
  readonly log: string;
  readonly from: number;
  readonly to: number;
  readonly seed: string;
}

interface Entry {
  head: ChainHead;
  readonly records: number[];
}

type Leaf = TrailLineOf<"day">["leaves"][number];

/** Rows between two breaths: at the reference load an index has some half a million. */
const ROWS_AT_ONCE = 2_000;
const breath = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export class SubjectTree {
  readonly root: string;
  readonly #range: IndexRange;
  readonly #entries: ReadonlyMap<string, Entry>;
  readonly #tags: readonly string[];
  readonly #nodes: Hash[][] = [];

  private constructor(range: IndexRange, entries: ReadonlyMap<string, Entry>) {
    this.#range = range;
    this.#entries = entries;
    this.#tags = [...entries.keys()].sort();
    const leaves = this.#tags.map((tag) => indexLeaf(tag, this.#state(tag)));
    for (const { level, index, hash } of newNodes(emptyFrontier(), leaves)) (this.#nodes[level] ??= [])[index] = hash;
    this.root = hashText(rootOf(appendLeaves(emptyFrontier(), leaves)));
  }

  /** Memory is that of the distinct tags and of a number a record. */
  static async of(index: Pick<LedgerIndex, "tagged">, range: IndexRange): Promise<SubjectTree> {
    const entries = new Map<string, Entry>();
    let rows = 0;
    for await (const { index: record, leaf, tags } of index.tagged(range.log, range.from, range.to)) {
      for (const tag of tags) {
        const entry = entries.get(tag) ?? { head: subjectStart(range.log, range.from, tag), records: [] };
        entry.head = extend(entry.head, parseHash(leaf));
        entry.records.push(record);
        entries.set(tag, entry);
      }
      if (++rows % ROWS_AT_ONCE === 0) await breath();
    }
    return new SubjectTree(range, entries);
  }

  get size(): number {
    return this.#tags.length;
  }

  /** Indexes of the records under any of the tags, rising. */
  records(tags: readonly string[]): readonly number[] {
    return [...new Set(tags.flatMap((tag) => this.#entries.get(tag)?.records ?? []))].sort((a, b) => a - b);
  }

  /** Those of the tags that a record stands under. */
  tagsOf(record: number, tags: readonly string[]): readonly string[] {
    return tags.filter((tag) => this.#entries.get(tag)?.records.includes(record) === true);
  }

  /** The tag's own leaf with its opening; or the two between which it would stand, or the one at the edge. */
  async leaves(tag: string): Promise<readonly Leaf[]> {
    const place = this.#placeOf(tag);
    if (this.#tags[place] === tag) return [await this.#leaf(place, true)];
    const around = [place - 1, place].filter((i) => i >= 0 && i < this.size);
    return Promise.all(around.map((i) => this.#leaf(i, false)));
  }

  /** How many tags are smaller. */
  #placeOf(tag: string): number {
    let [low, high] = [0, this.size];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if ((this.#tags[middle] ?? "") < tag) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  async #leaf(i: number, opened: boolean): Promise<Leaf> {
    const tag = this.#tags[i] ?? "";
    const path = await inclusionProof(i, this.size, (level, index) => this.#node(level, index));
    const opening = opened ? { o: { ...this.#head(tag), salt: indexSalt(this.#range.seed, tag) } } : {};
    return { i, tag, state: this.#state(tag), path: path.map(hashText), ...opening };
  }

  #head(tag: string): ChainHead {
    const entry = this.#entries.get(tag);
    if (entry === undefined) throw new QuanjiError("INTERNAL", "the index has no such tag");
    return entry.head;
  }

  #state(tag: string): string {
    return indexState(this.#range.seed, tag, this.#head(tag));
  }

  #node(level: number, index: number): Hash {
    const hash = this.#nodes[level]?.[index];
    if (hash === undefined) throw new QuanjiError("INTERNAL", "the index lacks a node of its tree");
    return hash;
  }
}

export const indexBodyOf = ({ stored }: KnownRecord): IndexBody => JSON.parse(stored.body) as IndexBody;

/** Trees of some days: a person's trail asks for each once, a steward's next person for the same. */
const KEPT = 8;

export class SubjectTrees {
  readonly #index: Pick<LedgerIndex, "tagged">;
  readonly #kept = new Lru<Promise<SubjectTree>>(KEPT);

  constructor(index: Pick<LedgerIndex, "tagged">) {
    this.#index = index;
  }

  /** Of a recorded index. Errors: PROOF_INVALID · LEAF_MISMATCH: the records are not those that it was made of. */
  of(known: KnownRecord): Promise<SubjectTree> {
    const name = `${known.log} ${known.record}`;
    const tree = this.#kept.get(name) ?? this.#make(known);
    this.#kept.set(name, tree);
    return tree;
  }

  async #make({ log, stored }: KnownRecord): Promise<SubjectTree> {
    const { from, to, root } = JSON.parse(stored.body) as IndexBody;
    const tree = await SubjectTree.of(this.#index, { log, from, to, seed: stored.seed ?? "" });
    if (tree.root === root) return tree;
    throw new QuanjiError("PROOF_INVALID", "an index of subjects is not that of its records", {
      detail: "LEAF_MISMATCH",
    });
  }
}
