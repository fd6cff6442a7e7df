/** The records of one key in one log, folded from the chain's start: each commits to all before it. */
import type { QuanjiRecord } from "@quanji/chaincode/domain";
import {
  type ChainHead,
  type ChainKey,
  emptyHead,
  equalBytes,
  extend,
  type Hash,
  type Opening,
} from "@quanji/chaincode/log";
import { type Entry, entryOf } from "./inclusion.js";
import { type LinkKind, openLink } from "./openings.js";
import { type OpenedRecord, touches } from "./record.js";
import type { RecordLine } from "./record-line.js";
import { refuse } from "./verdict.js";

export interface RecordChainKey extends ChainKey {
  readonly kind: LinkKind;
}

export class RecordFold {
  readonly key: RecordChainKey;
  #head: ChainHead;
  #last: Entry | undefined;
  #count = 0;
  /** Position that was skipped: what follows is only looked at to tell a gap from an exchange. */
  #skipped: number | undefined;

  constructor(key: RecordChainKey) {
    this.key = key;
    this.#head = emptyHead(key);
  }

  /** The newest record, the predecessor of the trail's first included. */
  get last(): Entry | undefined {
    return this.#last;
  }

  /** Begins after an earlier record instead of at h₀. Errors: TRAIL_START, and those of {@link openLink}. */
  startAfter(opened: OpenedRecord, opening: Opening, fromMs: number | undefined): void {
    this.#assertOwn(opened.record);
    if (fromMs === undefined || opened.timeMs >= fromMs) {
      refuse("TRAIL_START", "the trail begins after a record that belongs to its period");
    }
    this.#append(opened, openLink(opened.record, this.key.kind, opening));
  }

  /**
   * Answers false for a record after a skipped one: the trail is refused in any case, by {@link close} at the latest.
   * Errors: LOG_MISMATCH, TRAIL_FOREIGN, LINK_MISSING, LINK_OPENING, TRAIL_ORDER, TRAIL_DUPLICATE, CHAIN_FORK, CHAIN_KEY,
   * LEAF_MISMATCH, TIME_ORDER.
   */
  add(opened: OpenedRecord, line: RecordLine): boolean {
    this.#assertOwn(opened.record);
    const path = `links.${this.key.kind}`;
    if (Object.keys(line.o).some((name) => name.startsWith("links.") && name !== path)) {
      refuse("LINK_OPENING", "a trail opens the links of its own key only");
    }
    const before = line.link(opened.record, this.key.kind);
    if (this.#skipped !== undefined) {
      if (before.n === this.#skipped) refuse("TRAIL_ORDER", "records stand in another order than in their chain");
      return false;
    }
    if (before.n > this.#head.n) {
      this.#skipped = this.#head.n;
      return false;
    }
    this.#assertFollows(opened, before);
    this.#append(opened, before);
    this.#count++;
    return true;
  }

  /** An entry of which only the leaf is known, and from its order the index. Errors: TRAIL_ORDER. */
  addSealed(leaf: Hash, index: number): void {
    if (this.#skipped !== undefined) return;
    if (this.#last !== undefined && index <= this.#last.index)
      refuse("TRAIL_ORDER", "indexes must rise along the chain");
    this.#head = extend(this.#head, leaf);
    this.#last = { leaf, log: this.key.scope, index, timeMs: this.#last?.timeMs };
    this.#count++;
  }

  #assertOwn(record: QuanjiRecord): void {
    if (record.face.log !== this.key.scope) refuse("LOG_MISMATCH", "the record is from another log than its section");
    if (touches(record, this.key.kind) !== this.key.id)
      refuse("TRAIL_FOREIGN", "the record does not concern this trail's key");
  }

  #assertFollows(opened: OpenedRecord, before: ChainHead): void {
    const { record, leaf, timeMs } = opened;
    if (before.n < this.#head.n) {
      const other = before.n === this.#head.n - 1 && this.#last !== undefined && !equalBytes(this.#last.leaf, leaf);
      if (other) refuse("CHAIN_FORK", "two records stand at one position of the chain");
      refuse("TRAIL_DUPLICATE", "a record stands in the trail twice");
    }
    if (before.h !== this.#head.h) {
      if (before.n === 0) refuse("CHAIN_KEY", "the record begins another key's chain");
      refuse("LEAF_MISMATCH", "the record follows on another record than the one before it");
    }
    if (this.#last === undefined) return;
    if (record.face.index <= this.#last.index) refuse("TRAIL_ORDER", "indexes must rise along the chain");
    if (timeMs < (this.#last.timeMs ?? 0)) refuse("TIME_ORDER", "times never decrease within a log");
  }

  #append(opened: OpenedRecord, before: ChainHead): void {
    this.#head = extend(before, opened.leaf);
    this.#last = entryOf(opened);
  }

  /** Nothing was skipped. Errors: TRAIL_START, TRAIL_GAP. */
  close(): void {
    if (this.#skipped === undefined) return;
    const first = this.#count === 0;
    refuse(first ? "TRAIL_START" : "TRAIL_GAP", `the record at position ${this.#skipped} of the chain is missing`);
  }

  /** The attested head is exactly this one. Errors: TRAIL_TRUNCATED, TRAIL_STALE, LEAF_MISMATCH, ABSENCE_UNPROVEN. */
  assertEnds(head: ChainHead | undefined): void {
    const attested = head ?? emptyHead(this.key);
    if (this.#head.n < attested.n) {
      const detail = this.#last === undefined ? "ABSENCE_UNPROVEN" : "TRAIL_TRUNCATED";
      refuse(detail, `the chain has ${attested.n} records, the trail ends at ${this.#head.n}`);
    }
    if (this.#head.n > attested.n) refuse("TRAIL_STALE", "the head note is older than the trail's last record");
    if (this.#head.h !== attested.h) refuse("LEAF_MISMATCH", "the records shown are not those of the attested chain");
  }

  /** The record after the trail's period follows on its last one. Errors: TRAIL_TRUNCATED, LEAF_MISMATCH, TRAIL_STALE, …. */
  assertFollowedBy(opened: OpenedRecord, opening: Opening): void {
    this.#assertOwn(opened.record);
    const before = openLink(opened.record, this.key.kind, opening);
    if (before.n > this.#head.n) refuse("TRAIL_TRUNCATED", "records are missing before the successor");
    this.#assertFollows(opened, before);
  }
}
