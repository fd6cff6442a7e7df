/**
 * Chains: which records or commands extended a key, and under which head each stood when a block ended. A segment holds what
 * one transaction added to one chain; the head beside it lets a note about any earlier block be opened, salt and all.
 */
import { type ChainHead, type ChainKey, chainStart, hashText, PUBLIC_SALT } from "@quanji/chaincode/log";
import { privateKeys } from "@quanji/chaincode/world";
import { KEYS, chainName, under, range } from "./layout.js";
import { Lru } from "./lru.js";
import type { Changes, Store } from "./store.js";

/** A head and the salt under which it is stored. */
export interface SealedHead extends ChainHead {
  readonly salt: string;
}

/** Index of a record in its log, and its time in ms. */
export type RecordEntry = readonly [index: number, timeMs: number];

export interface Segment {
  readonly block: number;
  /** After this segment. */
  readonly head: SealedHead;
  readonly records: readonly RecordEntry[];
  /** Request of the command, in a command chain. */
  readonly command?: string;
}

/** A segment in its place: it holds the positions `first` … `head.n` − 1. */
export interface PlacedSegment extends Segment {
  readonly first: number;
}

const MAX_NAMES = 20_000;

interface Names {
  /** h₀ as text. */
  readonly start: string;
  /** Private key under which the head is stored. */
  readonly head: string | undefined;
}

export class Chains {
  readonly #store: Store;
  readonly #names = new Lru<Names>(MAX_NAMES);

  constructor(store: Store) {
    this.#store = store;
  }

  /** `secret` may be unknown only where the chain is public. */
  names(key: ChainKey, secret: string | undefined): Names {
    const name = chainName(key);
    const known = this.#names.get(name);
    if (known !== undefined && (known.head !== undefined || secret === undefined)) return known;
    const start = known?.start ?? hashText(chainStart(key));
    const names = { start, head: secret === undefined ? undefined : privateKeys.head(secret, key) };
    this.#names.set(name, names);
    return names;
  }

  file(changes: Changes, start: string, first: number, segment: Segment): void {
    changes.put(KEYS.segment(start, first), JSON.stringify(segment));
  }

  /** Segments from the one that holds position `from`. */
  async *segments(key: ChainKey, from = 0): AsyncIterable<PlacedSegment> {
    const { start } = this.names(key, undefined);
    const begin = from === 0 ? undefined : await this.#holding(start, from);
    const { gte, lt } = range(under("g", start));
    const scan = { gte: begin === undefined ? gte : KEYS.segment(start, begin.first), lt };
    for await (const [, text] of this.#store.entries(scan)) yield placed(text);
  }

  async newest(key: ChainKey): Promise<PlacedSegment | undefined> {
    return this.#holding(this.names(key, undefined).start, Number.MAX_SAFE_INTEGER);
  }

  /** The segment that holds a position, or the last one before it. */
  async #holding(start: string, position: number): Promise<PlacedSegment | undefined> {
    const { gte } = range(under("g", start));
    const found = await this.#store.first({ gte, lte: KEYS.segment(start, position), reverse: true });
    return found === undefined ? undefined : placed(found[1]);
  }

  /** Head as it was once block `block` was applied; undefined if the chain was untouched then. */
  async headAt(key: ChainKey, block: number): Promise<SealedHead | undefined> {
    const { gte, lt } = range(under("g", this.names(key, undefined).start));
    for await (const [, text] of this.#store.entries({ gte, lt, reverse: true })) {
      const segment = placed(text);
      if (segment.block <= block) return segment.head;
    }
    return undefined;
  }

  /** First position whose record has a time ≥ `timeMs`, or the chain's length. Times never decrease within a log. */
  async positionAt(key: ChainKey, timeMs: number): Promise<number> {
    const { start } = this.names(key, undefined);
    const last = await this.newest(key);
    let [low, high] = [0, last?.head.n ?? 0];
    while (low < high) {
      const segment = await this.#holding(start, Math.floor((low + high) / 2));
      if (segment === undefined) return low;
      const early = segment.records.filter(([, time]) => time < timeMs).length;
      if (early === segment.records.length) low = segment.head.n;
      else if (early === 0) high = segment.first;
      else return segment.first + early;
    }
    return low;
  }
}

function placed(text: string): PlacedSegment {
  const segment = JSON.parse(text) as Segment;
  const length = segment.command === undefined ? segment.records.length : 1;
  return { ...segment, first: segment.head.n - length };
}

/** Of an object that everybody may read. */
export const publicHead = ({ h, n }: ChainHead): SealedHead => ({ h, n, salt: PUBLIC_SALT });
