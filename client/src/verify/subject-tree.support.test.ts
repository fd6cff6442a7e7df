/**
 * An index of subjects as docs/protocol.md describes it: all leaves in one array, paths by recursion over halves (RFC 9162 §2.1).
 * Written apart from the gateway's, which keeps nodes. Holds no test itself.
 */
import { recordLeaf, type TrailLineOf } from "@quanji/chaincode/domain";
import {
  type ChainHead,
  extend,
  type Hash,
  hashText,
  indexLeaf,
  indexSalt,
  indexState,
  prefixed,
  sha256,
  subjectStart,
} from "@quanji/chaincode/log";
import type { StoredRecord } from "@quanji/chaincode/world";

export type Leaf = TrailLineOf<"day">["leaves"][number];

interface Range {
  readonly log: string;
  readonly from: number;
  readonly seed: string;
}

export class SubjectTree {
  readonly range: Range;
  readonly #entries = new Map<string, { head: ChainHead; readonly records: number[] }>();

  constructor(range: Range) {
    this.range = range;
  }

  add(tag: string, index: number, stored: StoredRecord): void {
    const { log, from } = this.range;
    const entry = this.#entries.get(tag) ?? { head: subjectStart(log, from, tag), records: [] };
    entry.head = extend(entry.head, recordLeaf(stored));
    entry.records.push(index);
    this.#entries.set(tag, entry);
  }

  get tags(): readonly string[] {
    return [...this.#entries.keys()].sort();
  }

  get size(): number {
    return this.#entries.size;
  }

  get root(): string {
    return hashText(rootOf(this.#hashes()));
  }

  records(tags: readonly string[]): readonly number[] {
    return [...new Set(tags.flatMap((tag) => this.#entries.get(tag)?.records ?? []))].sort((a, b) => a - b);
  }

  /** The tag's own leaf, opened, if it has one. */
  own(tag: string): readonly Leaf[] {
    const i = this.tags.indexOf(tag);
    const entry = this.#entries.get(tag);
    if (entry === undefined) return [];
    return [{ ...this.leaf(i), o: { ...entry.head, salt: indexSalt(this.range.seed, tag) } }];
  }

  /** The tag's own leaf, opened; or those around its place. */
  leaves(tag: string): readonly Leaf[] {
    const own = this.own(tag);
    if (own.length > 0) return own;
    const place = this.tags.filter((each) => each < tag).length;
    return [place - 1, place].filter((i) => i >= 0 && i < this.size).map((i) => this.leaf(i));
  }

  leaf(i: number): Leaf {
    const tag = this.tags[i]!;
    return { i, tag, state: this.#state(tag), path: pathOf(i, this.#hashes()).map(hashText) };
  }

  #state(tag: string): string {
    return indexState(this.range.seed, tag, this.#entries.get(tag)!.head);
  }

  #hashes(): readonly Hash[] {
    return this.tags.map((tag) => indexLeaf(tag, this.#state(tag)));
  }
}

const half = (size: number): number => 2 ** Math.floor(Math.log2(size - 1));

function rootOf(leaves: readonly Hash[]): Hash {
  if (leaves.length === 0) return sha256(new Uint8Array(0));
  if (leaves.length === 1) return leaves[0]!;
  const k = half(leaves.length);
  return prefixed(0x01, rootOf(leaves.slice(0, k)), rootOf(leaves.slice(k)));
}

function pathOf(i: number, leaves: readonly Hash[]): readonly Hash[] {
  if (leaves.length <= 1) return [];
  const k = half(leaves.length);
  const [left, right] = [leaves.slice(0, k), leaves.slice(k)];
  return i < k ? [...pathOf(i, left), rootOf(right)] : [...pathOf(i - k, right), rootOf(left)];
}
