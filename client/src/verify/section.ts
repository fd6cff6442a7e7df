/** One log of a trail: its records in order, each checked alone, with its request, and against what came before it. */
import type { AnchoredHead, TrailLineOf } from "@quanji/chaincode/domain";
import {
  equalBytes,
  type Hash,
  hashText,
  type HashText,
  leafOfHashes,
  type Opening,
  parseHash,
} from "@quanji/chaincode/log";
import { type Anchoring, raised, verifyAnchored } from "./anchor/index.js";
import { RecordFold, type RecordChainKey } from "./fold.js";
import { type AttestedHead, type SealedHead, verifyHead } from "./head.js";
import { type Entry, entryOf, type Included, verifyEntry } from "./inclusion.js";
import { RecordJudge, type SectionContext } from "./judge.js";
import { type OpenedRecord, openRecord } from "./record.js";
import type { RecordLine } from "./record-line.js";
import type { OpenedTrust } from "./trust.js";
import { type Level, refuse } from "./verdict.js";

/** How a section ended. */
export interface SectionEnd {
  /** Complete up to then; undefined: up to the trail's own `to`. */
  readonly time: string | undefined;
  /** Of the proof; undefined where there is no record to prove. */
  readonly level: Level | undefined;
  /** Where the log stands outside; undefined: nowhere that counts. */
  readonly anchoring: Anchoring | undefined;
}

/** What proves the last record: the level that it reaches, and where its log is anchored. */
export type Proven = Pick<SectionEnd, "level" | "anchoring">;

/** An anchor beside a proof. Errors: RECORD_MISSING (there is nothing that it could be about); those of `verifyAnchored`. */
export function withAnchor(
  anchored: AnchoredHead | undefined,
  proven: (Included & Pick<Entry, "log" | "index" | "timeMs">) | undefined,
  trust: OpenedTrust,
): Proven {
  if (proven === undefined) {
    if (anchored !== undefined) refuse("RECORD_MISSING", "an anchor is given and no record");
    return { level: undefined, anchoring: undefined };
  }
  const anchoring = anchored === undefined ? undefined : verifyAnchored(anchored, proven, trust);
  return { level: raised(proven.level, anchoring, trust), anchoring };
}

/** Leaf of an entry that an order hides. Errors: SEAL_OPENED. */
export function sealedLeaf({ f, b, o }: TrailLineOf<"sealed">): Hash {
  if (o !== undefined) refuse("SEAL_OPENED", "an entry is sealed, and something of it is opened");
  return leafOfHashes(parseHash(f), parseHash(b));
}

/** What stands in subjects' trails alone would have no meaning here. Errors: FIELD_UNKNOWN. */
function assertNoSubject(line: TrailLineOf<"log" | "sealed"> | RecordLine): void {
  const own: { readonly size?: unknown; readonly tags?: unknown; readonly p?: unknown } = line;
  if (own.size !== undefined || own.tags !== undefined || own.p !== undefined) {
    refuse("FIELD_UNKNOWN", "a line has what only a subject's trail has: a size, tags or a path");
  }
}

export class LogSection {
  readonly log: string;
  readonly #context: SectionContext;
  readonly #fold: RecordFold;
  readonly #judge: RecordJudge;

  /** Errors: FIELD_UNKNOWN, LOG_UNKNOWN, and for a start other than h₀ those of {@link RecordFold.startAfter}. */
  constructor(
    line: TrailLineOf<"log">,
    key: { readonly kind: RecordChainKey["kind"]; readonly id: string },
    context: SectionContext,
  ) {
    assertNoSubject(line);
    const { log, start } = line;
    const { decisions, fromMs } = context;
    this.log = log;
    this.#context = context;
    this.#fold = new RecordFold({ scope: log, ...key });
    if ("n" in start) {
      this.#judge = new RecordJudge(log, key.kind, context);
      decisions.beginLog(log);
    } else {
      const opened = openRecord(start.record);
      this.#judge = new RecordJudge(log, key.kind, context, opened.record.face.index);
      this.#fold.startAfter(opened, start.opening as Opening, fromMs);
    }
  }

  /** Answers undefined where the record comes after a skipped one, so that nothing more can be said about it. */
  record(line: RecordLine): OpenedRecord | undefined {
    assertNoSubject(line);
    // 1. The record is well formed, and the next in the chain of the trail's key.
    const opened = line.open();
    if (!this.#fold.add(opened, line)) return undefined;
    // 2. What it says, and of others.
    this.#judge.judge(line, opened);
    return opened;
  }

  /**
   * An entry that an order hides: counted by its leaf. Whatever it used or served is unknown, so bounds on counts widen by it; a
   * party's trail, which its own party and the regulator may see, hides nothing. Answers the leaf.
   * Errors: SEAL_OPENED, SEAL_UNPROVEN, SEAL_EXPIRED, TRAIL_ORDER.
   */
  sealed(line: TrailLineOf<"sealed">): HashText {
    assertNoSubject(line);
    const leaf = sealedLeaf(line);
    const text = hashText(leaf);
    if (this.#fold.key.kind === "party") return refuse("SEAL_UNPROVEN", "a party's own trail hides nothing");
    const index = this.#context.world.seals.indexOf(this.log, text);
    this.#fold.addSealed(leaf, index);
    this.#judge.sealed(index);
    return text;
  }

  /** Errors: TRAIL_GAP, TRAIL_START, TRAIL_TRUNCATED, TRAIL_STALE, ABSENCE_UNPROVEN, SEQ_GAP, and those of notes and proofs. */
  async end(line: TrailLineOf<"logEnd">): Promise<SectionEnd> {
    if (line.log !== this.log) refuse("LOG_MISMATCH", "the section ends under another log's name");
    this.#fold.close();
    if (line.note !== undefined && line.next === undefined) return this.#endAtTip(line, line.note);
    const plain = line.note === undefined && line.opening === undefined && line.proof === undefined;
    if (line.next === undefined || !plain)
      return refuse("TRAIL_TRUNCATED", "a section ends with a head note or a successor");
    return this.#endBefore(line.next, line.anchored);
  }

  async #endAtTip(line: TrailLineOf<"logEnd">, note: string): Promise<SectionEnd> {
    const expected = { key: this.#fold.key, scope: this.log, isPublic: false };
    const attested = await verifyHead(note, line.opening as SealedHead | undefined, expected, this.#context.trust);
    this.#fold.assertEnds(attested.head);
    this.#judge.assertDense();
    const proven = await this.#proveLast(line.proof, attested);
    return { time: attested.time, ...withAnchor(line.anchored, proven, this.#context.trust) };
  }

  /** One proof is enough: the last record commits to all before it. */
  async #proveLast(proof: string | undefined, { at }: AttestedHead): Promise<(Included & Entry) | undefined> {
    const { last } = this.#fold;
    if (last === undefined) {
      if (proof !== undefined) refuse("RECORD_MISSING", "a proof is given and no record");
      return undefined;
    }
    if (proof === undefined) return refuse("PROOF_MISSING", "the last record has no inclusion proof");
    const included = await verifyEntry(last, proof, this.#context.trust);
    const { size, root } = included;
    if (at.number <= last.index) refuse("TRAIL_STALE", "the head note is older than the last record");
    if (size === at.number && !equalBytes(root, at.hash))
      refuse("FORK", "two roots are stated for one size of the log");
    return { ...last, ...included };
  }

  async #endBefore(
    next: NonNullable<TrailLineOf<"logEnd">["next"]>,
    anchored: AnchoredHead | undefined,
  ): Promise<SectionEnd> {
    const { toMs, trust } = this.#context;
    const opened = openRecord(next.record);
    if (toMs === undefined || opened.timeMs < toMs)
      refuse("TRAIL_STALE", "the successor lies within the trail's period");
    this.#fold.assertFollowedBy(opened, next.opening as Opening);
    const proven = { ...entryOf(opened), ...(await verifyEntry(entryOf(opened), next.proof, trust)) };
    return { time: undefined, ...withAnchor(anchored, proven, trust) };
  }
}
