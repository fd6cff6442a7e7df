/**
 * One log of a subject's trail: the indexes of the log without a hole, what each says of every tag that is asked for, and the records
 * that it has of them. The last index is proven in the log; each names the leaf of the one before it.
 */
import {
  type IndexRecord,
  msOf,
  parseIndexRecord,
  quarterBounds,
  splitRecordText,
  type TrailLineOf,
} from "@quanji/chaincode/domain";
import {
  bulkTag,
  type ChainHead,
  equalBytes,
  extend,
  type Hash,
  hashText,
  type HashText,
  inclusionRoot,
  indexLeaf,
  parseHash,
  sealedDigest,
  subjectStart,
  verifyInclusion,
} from "@quanji/chaincode/log";
import type { SealedHead } from "./head.js";
import { verifyEntry } from "./inclusion.js";
import { RecordJudge, type SectionContext } from "./judge.js";
import type { OpenedRecord } from "./record.js";
import type { RecordLine } from "./record-line.js";
import { sealedLeaf, type SectionEnd, withAnchor } from "./section.js";
import { refuse } from "./verdict.js";

/** How long before and after its quarter a tag may be used: what a request's time may be off its record's. */
const GRACE_MS = 120_000;

type Header = TrailLineOf<"trail">;
type DayLine = TrailLineOf<"day">;
type OpenedIndex = IndexRecord & { readonly leaf: Hash };

interface TagWindow {
  readonly tag: string;
  readonly fromMs: number;
  readonly toMs: number;
}

/** What a subject's trail is asked for: its tags, each for its quarter, and the steward's tag of bulk uses if it is to be there. */
export interface AskedTags {
  readonly windows: readonly TagWindow[];
  /** Begin of the first quarter, or the trail's `from`; and the end of the last, or `to`. */
  readonly fromMs: number;
  readonly toMs: number;
}

/** Errors: TAG_QUARTER: the quarters have a hole, or do not cover the period. */
export function askedTags({ key, tags, bulk, from, to }: Header, timeZone: string): AskedTags {
  const [first, ...rest] = tags ?? [];
  if (first === undefined) return refuse("TAG_QUARTER", "the trail of a subject names no tag");
  const windows = [first, ...rest].map(({ quarter, tag }) => ({ tag, ...quarterBounds(quarter, timeZone) }));
  for (const [i, { fromMs }] of windows.entries()) {
    if (i > 0 && fromMs !== windows[i - 1]?.toMs)
      refuse("TAG_QUARTER", "the quarters of the tags do not follow on each other");
  }
  const [begin, end] = [windows[0]?.fromMs ?? 0, windows.at(-1)?.toMs ?? 0];
  assertWithin({ from, to }, begin, end);
  const always = { fromMs: -Infinity, toMs: Infinity };
  return {
    windows: bulk === true ? [...windows, { tag: bulkTag(key.id), ...always }] : windows,
    fromMs: from === undefined ? begin : msOf(from),
    toMs: to === undefined ? end : msOf(to),
  };
}

function assertWithin({ from, to }: Pick<Header, "from" | "to">, beginMs: number, endMs: number): void {
  if ((from !== undefined && msOf(from) < beginMs) || (to !== undefined && msOf(to) > endMs)) {
    refuse("TAG_QUARTER", "the period reaches beyond the quarters of the tags");
  }
}

export class SubjectSection {
  readonly log: string;
  readonly #steward: string;
  readonly #asked: AskedTags;
  readonly #context: SectionContext;
  readonly #size: number;
  #judge: RecordJudge;
  /** Root that the records' paths lead to: one for all. */
  #root: Hash | undefined;
  #index: OpenedIndex | undefined;
  /** By tag: the chain so far, and where the index says that it ends. */
  readonly #chains = new Map<string, { head: ChainHead; readonly end: ChainHead }>();
  #last = -1;
  #lastMs = 0;

  /** Errors: LOG_UNKNOWN, LINE_ORDER. */
  constructor({ log, start, size }: TrailLineOf<"log">, header: Header, asked: AskedTags, context: SectionContext) {
    if (!("n" in start) || size === undefined)
      refuse("LINE_ORDER", "a log of a subject's trail begins with a tree's size");
    this.log = log;
    this.#steward = header.key.id;
    this.#asked = asked;
    this.#context = context;
    this.#size = size;
    this.#judge = new RecordJudge(log, "subject", context);
  }

  /** The next index. Errors: INDEX_GAP, LOG_MISMATCH, ABSENCE_UNPROVEN, STATE_OPENING, INCLUSION_INVALID, and those of a record. */
  day({ r, leaves }: DayLine): void {
    this.#closeIndex();
    const index = parseIndexRecord(splitRecordText(r));
    const { body } = index;
    if (index.face.log !== this.log) refuse("LOG_MISMATCH", "the index is from another log than its section");
    const before = this.#index;
    const isStart = before === undefined && body.prev !== undefined;
    if (isStart && msOf(body.through) > this.#asked.fromMs - GRACE_MS) {
      refuse("INDEX_GAP", "the first index shown begins within the trail's period");
    }
    if (before !== undefined) assertFollows(before, index);
    const sinceMs = before === undefined ? -Infinity : msOf(before.body.through);
    this.#index = index;
    this.#last = body.from - 1;
    if (isStart) {
      if (leaves.length > 0) refuse("LINE_ORDER", "an index from before the period has no leaves to show");
      this.#judge = new RecordJudge(this.log, "subject", this.#context, body.to - 1);
      return;
    }
    this.#openLeaves(index, leaves, sinceMs);
  }

  #openLeaves({ body }: OpenedIndex, leaves: DayLine["leaves"], sinceMs: number): void {
    for (const [i, leaf] of leaves.entries()) {
      const earlier = leaves[i - 1];
      if (earlier !== undefined && (earlier.i >= leaf.i || earlier.tag >= leaf.tag)) {
        refuse("ABSENCE_UNPROVEN", "leaves of an index do not rise");
      }
      verifyInclusion({
        index: leaf.i,
        size: body.size,
        leaf: indexLeaf(leaf.tag, leaf.state),
        root: parseHash(body.root),
        proof: leaf.path.map(parseHash),
      });
    }
    const throughMs = msOf(body.through);
    for (const { tag, fromMs, toMs } of this.#asked.windows) {
      if (throughMs < fromMs - GRACE_MS || sinceMs >= toMs + GRACE_MS || this.#chains.has(tag)) continue;
      const start = subjectStart(this.log, body.from, tag);
      this.#chains.set(tag, { head: start, end: headIn(leaves, body.size, tag) ?? start });
    }
  }

  /** Errors: TRAIL_FOREIGN, TRAIL_ORDER, INCLUSION_INVALID, PROOF_MISSING, FORK, and those of {@link RecordJudge}. */
  record(line: RecordLine): OpenedRecord {
    const index = this.#index;
    if (index === undefined) return refuse("LINE_ORDER", "a record stands before the first index");
    const opened = line.open();
    const { record, leaf, timeMs } = opened;
    if (record.face.log !== this.log) refuse("LOG_MISMATCH", "the record is from another log than its section");
    const at = record.face.index;
    this.#rise(at, index);
    if (timeMs < this.#lastMs) refuse("TIME_ORDER", "times never decrease within a log");
    this.#lastMs = timeMs;
    if (Object.keys(line.o).length > 0) refuse("LINK_OPENING", "a subject's trail opens no links");
    if (!this.#extend(tagsOf(record, this.#steward), leaf)) {
      refuse("TRAIL_FOREIGN", "the record does not concern the subject");
    }
    this.#lead(at, leaf, line.p);
    this.#judge.judge(line, opened);
    return opened;
  }

  /**
   * An entry that an order hides. Whom it is about cannot be seen; the line says under which of the asked tags it counts, and the
   * heads in the index, which were made of its leaf, prove that. Answers the leaf.
   * Errors: SEAL_OPENED, SEAL_UNPROVEN, SEAL_EXPIRED, TRAIL_FOREIGN, TRAIL_ORDER, TRAIL_DUPLICATE, INCLUSION_INVALID, PROOF_MISSING.
   */
  sealed(line: TrailLineOf<"sealed">): HashText {
    const index = this.#index;
    if (index === undefined) return refuse("LINE_ORDER", "a sealed entry stands before the first index");
    const leaf = sealedLeaf(line);
    const at = this.#context.world.seals.indexOf(this.log, hashText(leaf));
    this.#rise(at, index);
    const { tags } = line;
    if (tags === undefined) return refuse("TRAIL_FOREIGN", "a sealed entry does not say that it concerns the subject");
    for (const tag of tags) {
      if (!this.#extend([tag], leaf))
        refuse("TRAIL_FOREIGN", "a sealed entry counts under a tag that was not asked for");
    }
    this.#lead(at, leaf, line.p);
    this.#judge.sealed(at);
    return hashText(leaf);
  }

  #rise(at: number, { body }: OpenedIndex): void {
    if (at <= this.#last) refuse(at === this.#last ? "TRAIL_DUPLICATE" : "TRAIL_ORDER", "entries rise within an index");
    if (at >= body.to) refuse("TRAIL_FOREIGN", "the entry is not one of those that the index is of");
    this.#last = at;
  }

  /** Audit paths of all entries lead to one root. */
  #lead(at: number, leaf: Hash, path: readonly string[] | undefined): void {
    if (path === undefined) return refuse("PROOF_MISSING", "an entry has no audit path");
    const root = inclusionRoot(at, this.#size, leaf, path.map(parseHash));
    if (this.#root !== undefined && !equalBytes(this.#root, root)) {
      refuse("INCLUSION_INVALID", "the paths of two entries lead to two roots");
    }
    this.#root = root;
  }

  /** An entry counts under each of the asked tags that it has. Answers whether it has one. */
  #extend(tags: readonly string[], leaf: Hash): boolean {
    let found = false;
    for (const tag of tags) {
      const chain = this.#chains.get(tag);
      if (chain === undefined) continue;
      chain.head = extend(chain.head, leaf);
      found = true;
    }
    return found;
  }

  /** Errors: TRAIL_GAP: the index has more; LEAF_MISMATCH: it has others. */
  #closeIndex(): void {
    for (const { head, end } of this.#chains.values()) {
      if (head.n < end.n) refuse("TRAIL_GAP", `the index has ${end.n} records of the subject, the trail ${head.n}`);
      if (head.n > end.n) refuse("TRAIL_FOREIGN", "the trail has records of the subject that the index has not");
      if (head.h !== end.h) refuse("LEAF_MISMATCH", "the records shown are not those of the index");
    }
    this.#chains.clear();
  }

  /** Errors: INDEX_GAP: no index at all; PROOF_MISSING, INCLUSION_INVALID, and those of proofs. */
  async end(line: TrailLineOf<"logEnd">): Promise<SectionEnd> {
    if (line.log !== this.log) refuse("LOG_MISMATCH", "the section ends under another log's name");
    this.#closeIndex();
    const index = this.#index;
    if (index === undefined) return refuse("INDEX_GAP", "the log has no index in the file");
    if (line.proof === undefined || line.note !== undefined || line.next !== undefined || line.opening !== undefined) {
      return refuse("PROOF_MISSING", "a log of a subject's trail ends with the proof of its last index");
    }
    const { face, body, leaf } = index;
    const entry = { leaf, log: face.log, index: face.index, timeMs: msOf(body.time) };
    const included = await verifyEntry(entry, line.proof, this.#context.trust);
    const { size, root } = included;
    if (size !== this.#size || (this.#root !== undefined && !equalBytes(this.#root, root))) {
      refuse("INCLUSION_INVALID", "the records' paths and the proof of the last index lead to two trees");
    }
    const time = Math.min(msOf(body.through), this.#asked.toMs);
    const proven = withAnchor(line.anchored, { ...entry, ...included }, this.#context.trust);
    return { time: new Date(time).toISOString(), ...proven };
  }
}

/** Errors: INDEX_GAP. */
function assertFollows(before: OpenedIndex, { face, body }: OpenedIndex): void {
  const follows =
    body.from === before.body.to &&
    body.prev === hashText(before.leaf) &&
    face.index > before.face.index &&
    body.through >= before.body.through;
  if (!follows) refuse("INDEX_GAP", "an index does not follow on the one before it");
}

/** Under which tags an index has a record. */
function tagsOf({ type, face, body }: OpenedRecord["record"], steward: string): readonly string[] {
  if (type === "void" || type === "tally" || face.steward !== steward) return [];
  const { subjects } = body;
  return subjects === "bulk" ? [bulkTag(steward)] : (subjects ?? []);
}

/** Head of a tag's chain in the index; undefined where it is proven that the tag is not there. Errors: ABSENCE_UNPROVEN, STATE_OPENING. */
function headIn(leaves: DayLine["leaves"], size: number, tag: string): ChainHead | undefined {
  const own = leaves.find((leaf) => leaf.tag === tag);
  if (own !== undefined) {
    if (own.o === undefined || sealedDigest(own.o as SealedHead, own.o.salt) !== own.state) {
      return refuse("STATE_OPENING", "the subject's head in an index is not opened, or its opening is another's");
    }
    if (own.o.n === 0) refuse("STATE_OPENING", "an index has no tag without a record");
    return own.o as SealedHead;
  }
  if (size === 0) return undefined;
  const above = leaves.findIndex((leaf) => leaf.tag > tag);
  const [left, right] = above < 0 ? [leaves.at(-1), undefined] : [leaves[above - 1], leaves[above]];
  const isBefore = right?.i === 0;
  const isAfter = right === undefined && left?.i === size - 1;
  const isBetween = left !== undefined && right !== undefined && left.i + 1 === right.i;
  if (isBefore || isAfter || isBetween) return undefined;
  return refuse("ABSENCE_UNPROVEN", "the leaves shown are not neighbours: the subject could stand between them");
}
