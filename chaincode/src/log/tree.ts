/**
 * The Merkle tree of a log (RFC 9162 §2.1), grown by its frontier: no old leaf is ever read again. Leaves are hashes that
 * were made elsewhere ({@link leafOf}); inner nodes are SHA-256(0x01 ‖ left ‖ right). Sizes and indexes are integers up to
 * 2⁵³−1 and are only ever halved by division: the bit operators of the language wrap at 2³¹.
 */
import { QuanjiError } from "../domain/errors.js";
import { type Hash, hashText, type HashText, parseHash, PREFIX, prefixed, sha256 } from "./hash.js";
import { half, isOdd, isSize } from "./size.js";

/** What a checkpoint states: `size` leaves, and the root over them. */
export interface TreeHead {
  readonly size: number;
  readonly root: Hash;
}

/**
 * All that is needed to append: one hash per 1-bit of `size`, the root of a full subtree each, largest (leftmost) first.
 * Invariant: `peaks.length` = popcount(size).
 */
export interface Frontier {
  readonly size: number;
  readonly peaks: readonly Hash[];
}

/** A full subtree: it covers the leaves index·2^level … (index+1)·2^level − 1. Leaves are level 0. */
export interface NodeId {
  readonly level: number;
  readonly index: number;
}

/** A full subtree and its root. Once complete it never changes, so a store may keep it for ever. */
export interface TreeNode extends NodeId {
  readonly hash: Hash;
}

/** Root of a tree without leaves: SHA-256 of nothing (RFC 9162 §2.1.1). */
export const EMPTY_ROOT: Hash = sha256(new Uint8Array(0));

export const nodeHash = (left: Hash, right: Hash): Hash => prefixed(PREFIX.node, left, right);

export const emptyFrontier = (): Frontier => ({ size: 0, peaks: [] });

/** Root over all leaves so far: the peaks folded from the smallest to the largest. */
export function rootOf(frontier: Frontier): Hash {
  return foldPeaks(frontier.peaks) ?? EMPTY_ROOT;
}

export const headOf = (frontier: Frontier): TreeHead => ({ size: frontier.size, root: rootOf(frontier) });

/** Errors: MALFORMED · LIMIT_EXCEEDED beyond 2⁵³−1 leaves. */
export const appendLeaf = (frontier: Frontier, leaf: Hash): Frontier => appendLeaves(frontier, [leaf]);

/** O(leaves + log size) hashes. Errors: MALFORMED · LIMIT_EXCEEDED beyond 2⁵³−1 leaves. */
export function appendLeaves(frontier: Frontier, leaves: readonly Hash[]): Frontier {
  return grow(frontier, leaves, () => undefined);
}

/**
 * The full subtrees that appending `leaves` completes, the leaves themselves included, in the order in which they become
 * complete. A store that keeps these can answer every {@link inclusionProof} and {@link consistencyProof} later.
 */
export function newNodes(frontier: Frontier, leaves: readonly Hash[]): TreeNode[] {
  const nodes: TreeNode[] = [];
  grow(frontier, leaves, (node) => nodes.push(node));
  return nodes;
}

function grow(frontier: Frontier, leaves: readonly Hash[], complete: (node: TreeNode) => void): Frontier {
  const size = frontier.size + leaves.length;
  if (!isSize(size)) {
    throw new QuanjiError("MALFORMED", "a log holds at most 2^53 - 1 leaves", { detail: "LIMIT_EXCEEDED" });
  }
  const peaks = [...frontier.peaks];
  let next = frontier.size;
  for (const leaf of leaves) {
    let index = next++;
    let level = 0;
    let hash = leaf;
    complete({ level, index, hash });
    for (; isOdd(index); index = half(index), level++) {
      const left = peaks.pop();
      if (left === undefined) throw brokenFrontier();
      hash = nodeHash(left, hash);
      complete({ level: level + 1, index: half(index), hash });
    }
    peaks.push(hash);
  }
  return { size, peaks };
}

/** Root of neighbouring full subtrees, largest first; undefined for none. */
export function foldPeaks(peaks: readonly Hash[]): Hash | undefined {
  return peaks.reduceRight<Hash | undefined>(
    (right, left) => (right === undefined ? left : nodeHash(left, right)),
    undefined,
  );
}

/** How many peaks a frontier of that size has: the number of 1-bits. */
function peakCount(size: number): number {
  let count = 0;
  for (let rest = size; rest > 0; rest = half(rest)) if (isOdd(rest)) count++;
  return count;
}

const brokenFrontier = (): QuanjiError =>
  new QuanjiError("MALFORMED", "a frontier has one hash per 1-bit of its size", { detail: "FRONTIER_INVALID" });

/** The peaks as they stand in state and JSON; `size` stands beside them. */
export const frontierToJson = (frontier: Frontier): HashText[] => frontier.peaks.map(hashText);

/** Errors: MALFORMED · INDEX_RANGE (size), FRONTIER_INVALID (count or kind), BASE64_INVALID, HASH_LENGTH. */
export function parseFrontier(size: unknown, peaks: unknown): Frontier {
  if (!isSize(size)) {
    throw new QuanjiError("MALFORMED", "a tree's size is an integer from 0 to 2^53 - 1", { detail: "INDEX_RANGE" });
  }
  if (!Array.isArray(peaks) || peaks.length !== peakCount(size)) throw brokenFrontier();
  return { size, peaks: Array.from(peaks, parseHash) };
}
