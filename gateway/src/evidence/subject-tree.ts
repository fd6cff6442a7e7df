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

export type Leaf = TrailLineOf<"day">["leaves"][number];

interface Grown {
  readonly entries: ReadonlyMap<string, Entry>;
  /** Rising. */
  readonly tags: readonly string[];
  readonly nodes: readonly (readonly Hash[])[];
  readonly root: string;
}

function lost(): never {
  throw new QuanjiError("INTERNAL", "the index has no such tag");
}

/** Rows between two breaths: at the reference load an index has some half a million. */
const ROWS_AT_ONCE = 2_000;
const breath = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export class SubjectTree {
  readonly root: string;
  readonly #range: IndexRange;
  readonly #entries: ReadonlyMap<string, Entry>;
  readonly #tags: readonly string[];
  readonly #nodes: readonly (readonly Hash[])[];

  private constructor(range: IndexRange, { entries, tags, nodes, root }: Grown) {
    this.#range = range;
    this.#entries = entries;
    this.#tags = tags;
    this.#nodes = nodes;
    this.root = root;
  }

  /** Memory is that of the distinct tags and of a number a record. Breathes: others are served while a large one is made. */
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
    const tags = [...entries.keys()].sort();
    const nodes: Hash[][] = [];
    let frontier = emptyFrontier();
    for (let at = 0; at < tags.length; at += ROWS_AT_ONCE) {
      const leaves = tags.slice(at, at + ROWS_AT_ONCE).map((tag) => {
        const { head } = entries.get(tag) ?? lost();
        return indexLeaf(tag, indexState(range.seed, tag, head));
      });
      for (const { level, index: i, hash } of newNodes(frontier, leaves)) (nodes[level] ??= [])[i] = hash;
      frontier = appendLeaves(frontier, leaves);
      await breath();
    }
    return new SubjectTree(range, { entries, tags, nodes, root: hashText(rootOf(frontier)) });
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
    return (this.#entries.get(tag) ?? lost()).head;
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

/**
 * Tags of the trees that are kept, together: one day at the reference load, some 300 MB. A tree that has more is kept alone, until
 * the next.
 */
const MAX_TAGS = 500_000;

/**
 * A person's trail asks for the tree of each of its days once, a steward's next person for the same. One is made at a time,
 * whoever asks: to make one reads a day of a log, and of a hundred at once none would be ready soon.
 */
export class SubjectTrees {
  readonly #index: Pick<LedgerIndex, "tagged">;
  readonly #maxTags: number;
  /** What is made or waits for it, used last at the end; size 0 until it is made. */
  readonly #kept = new Map<string, { readonly tree: Promise<SubjectTree>; size: number }>();
  #line: Promise<unknown> = Promise.resolve();

  constructor(index: Pick<LedgerIndex, "tagged">, maxTags = MAX_TAGS) {
    this.#index = index;
    this.#maxTags = maxTags;
  }

  /** Of a recorded index. Errors: PROOF_INVALID · LEAF_MISMATCH: the records are not those that it was made of. */
  of(known: KnownRecord): Promise<SubjectTree> {
    const name = `${known.log} ${known.record}`;
    const kept = this.#kept.get(name) ?? this.#wait(name, known);
    this.#kept.delete(name);
    this.#kept.set(name, kept);
    return kept.tree;
  }

  #wait(name: string, known: KnownRecord): { readonly tree: Promise<SubjectTree>; size: number } {
    const tree = this.#line.then(() => this.#make(known));
    const waiting = { tree, size: 0 };
    this.#line = tree.then(
      ({ size }) => {
        waiting.size = size;
        this.#trim(name);
      },
      // Asked for again it is made again: a disk may answer the next time.
      () => this.#kept.delete(name),
    );
    return waiting;
  }

  /** Forgets what was not used for longest. */
  #trim(newest: string): void {
    let tags = [...this.#kept.values()].reduce((sum, { size }) => sum + size, 0);
    for (const [name, { size }] of this.#kept) {
      if (tags <= this.#maxTags) return;
      if (size === 0 || name === newest) continue;
      this.#kept.delete(name);
      tags -= size;
    }
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
