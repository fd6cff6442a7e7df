/** An anchored head against the trust file, and against the checkpoint that it is shown for. */
import { type AnchoredHead, instant } from "@quanji/chaincode/domain";
import { type Hash, parseHash, verifyConsistency } from "@quanji/chaincode/log";
import { MAX_AHEAD_MS } from "../checkpoint.js";
import type { OpenedTrust } from "../trust.js";
import { type Level, levelRank, refuse } from "../verdict.js";
import { verifyEvent } from "./event.js";

/** Where a log's head stands outside of it. */
export interface Anchoring {
  readonly log: string;
  /** Of the head that stands there. */
  readonly size: number;
  readonly chain: number;
  readonly contract: string;
  readonly block: string;
  readonly number: number;
  /** Of the block, as its maker says: the records below that size existed by then. */
  readonly time: string;
  /** Whether the trust file, or who asked, knows the block. If not, nothing is proven by it yet. */
  readonly pinned: boolean;
}

/** What is to be covered. */
export interface Covered {
  readonly log: string;
  /** Of the last record that has to be in the anchored tree. */
  readonly index: number;
  readonly timeMs: number | undefined;
  /** Of the checkpoint that proves it. */
  readonly size: number;
  readonly root: Hash;
}

/**
 * Undefined where the trust file names no contract: then anchors are worth nothing here. Errors: those of `verifyEvent`;
 * ANCHOR_CHAIN, ANCHOR_CONTRACT (not the trust file's), LOG_MISMATCH, ANCHOR_SHORT, TIME_BRACKET; those of `verifyConsistency`.
 */
export function verifyAnchored(
  { anchor, consistency }: AnchoredHead,
  covered: Covered,
  trust: OpenedTrust,
): Anchoring | undefined {
  // 1. The event stands in the block that is named.
  const { number, timeMs } = verifyEvent(anchor);
  const { chain, contract, log, size, block } = anchor;
  // 2. It is about this log, and its tree holds the record.
  if (log !== covered.log) refuse("LOG_MISMATCH", "the anchored head is another log's");
  if (size <= covered.index) refuse("ANCHOR_SHORT", "the anchored head is older than the record");
  assertOneTree(anchor, consistency.map(parseHash), covered);
  // 3. The contract counts, and so does the block.
  const { anchors } = trust.trust;
  if (anchors === undefined) return undefined;
  const ofChain = anchors.filter((row) => row.chain === chain);
  if (ofChain.length === 0) refuse("ANCHOR_CHAIN", "the trust file names no contract on that chain");
  const rows = ofChain.filter((row) => row.contract === contract);
  if (rows.length === 0) refuse("ANCHOR_CONTRACT", "the trust file does not name that contract");
  const pinned = trust.blockHashes.has(block) || rows.some(({ blocks }) => blocks.includes(block));
  const late = covered.timeMs !== undefined && covered.timeMs > timeMs + MAX_AHEAD_MS;
  if (pinned && late && !trust.trust.testClock) {
    refuse("TIME_BRACKET", "the record's time is later than that of the block which holds its log");
  }
  return { log, size, chain, contract, block, number, time: instant(timeMs), pinned };
}

/** The smaller of the two trees is where the larger one begins. */
function assertOneTree(anchor: AnchoredHead["anchor"], proof: readonly Hash[], { size, root }: Covered): void {
  const [own, shown] = [
    { size: anchor.size, root: parseHash(anchor.root) },
    { size, root },
  ];
  const [older, newer] = own.size <= shown.size ? [own, shown] : [shown, own];
  verifyConsistency({ from: older.size, fromRoot: older.root, to: newer.size, toRoot: newer.root, proof });
}

/** An anchor adds to what the trust file asks for; it takes the place of no witness. */
export const raised = (level: Level, anchoring: Anchoring | undefined, trust: OpenedTrust): Level =>
  anchoring?.pinned === true && levelRank(level) >= levelRank(trust.requiredLevel) ? "anchored" : level;
