/**
 * Inclusion and consistency proofs over the tree of a log (RFC 9162 §2.1.3, §2.1.4). Making one reads O(log size) stored
 * full subtrees (see {@link newNodes}) and no leaf besides; checking one needs nothing but its numbers and hashes.
 */
import { QuanjiError } from "../domain/errors.js";
import { equalBytes } from "./bytes.js";
import type { Hash } from "./hash.js";
import { half, isOdd, isSize } from "./size.js";
import { EMPTY_ROOT, foldPeaks, nodeHash, type NodeId } from "./tree.js";

/** No tree of 2⁵³−1 leaves needs as many; the C2SP formats allow this many. */
export const MAX_PROOF_HASHES = 63;

/** Answers the stored root of a full subtree. Its own errors (a node is missing) go through unchanged. */
export type ReadNode = (level: number, index: number) => Hash | Promise<Hash>;

export interface Inclusion {
  readonly index: number;
  readonly size: number;
  readonly leaf: Hash;
  readonly root: Hash;
  /** From the leaf's sibling up to the root's child. */
  readonly proof: readonly Hash[];
}

export interface Consistency {
  readonly from: number;
  readonly to: number;
  readonly fromRoot: Hash;
  readonly toRoot: Hash;
  readonly proof: readonly Hash[];
}

const refuse = (detail: string, message: string): never => {
  throw new QuanjiError("PROOF_INVALID", message, { detail });
};

/** PATH(index, D[size]) of RFC 9162 §2.1.3.1. Errors: PROOF_INVALID · INDEX_RANGE unless 0 ≤ index < size ≤ 2⁵³−1. */
export async function inclusionProof(index: number, size: number, read: ReadNode): Promise<Hash[]> {
  assertInclusionRange(index, size);
  const spans: Span[] = [];
  let [start, end] = [0, size];
  while (end - start > 1) {
    const middle = start + splitPoint(end - start);
    const left = { start, end: middle };
    const right = { start: middle, end };
    spans.push(index < middle ? right : left);
    ({ start, end } = index < middle ? left : right);
  }
  return readSpans(spans.reverse(), read);
}

/**
 * PROOF(from, D[to]) of RFC 9162 §2.1.4.1; empty for from = 0 and from = to, where the roots speak for themselves.
 * Errors: PROOF_INVALID · INDEX_RANGE unless 0 ≤ from ≤ to ≤ 2⁵³−1.
 */
export async function consistencyProof(from: number, to: number, read: ReadNode): Promise<Hash[]> {
  assertConsistencyRange(from, to);
  if (from === 0) return [];
  const spans: Span[] = [];
  let [start, end] = [0, to];
  while (end !== from) {
    const middle = start + splitPoint(end - start);
    const left = { start, end: middle };
    const right = { start: middle, end };
    spans.push(from <= middle ? right : left);
    ({ start, end } = from <= middle ? left : right);
  }
  // The old tree as a whole is known to whoever asks; a part of it is not.
  if (start !== 0) spans.push({ start, end });
  return readSpans(spans.reverse(), read);
}

/**
 * Full subtrees whose roots are the peaks of a tree of `size` leaves, largest first: read them to resume a frontier.
 * Errors: PROOF_INVALID · INDEX_RANGE.
 */
export function frontierNodes(size: number): NodeId[] {
  if (!isSize(size)) refuse("INDEX_RANGE", "a tree's size is an integer from 0 to 2^53 - 1");
  return nodesOf({ start: 0, end: size });
}

/** Root of the tree as it was at `size` leaves, from stored nodes. Errors: PROOF_INVALID · INDEX_RANGE. */
export async function rootAt(size: number, read: ReadNode): Promise<Hash> {
  const peaks = await Promise.all(frontierNodes(size).map(async ({ level, index }) => read(level, index)));
  return foldPeaks(peaks) ?? EMPTY_ROOT;
}

/**
 * Errors: PROOF_INVALID · INDEX_RANGE, LIMIT_EXCEEDED (> 63 hashes), PROOF_LENGTH, INCLUSION_INVALID.
 * @see RFC 9162 §2.1.3.2
 */
export function verifyInclusion({ index, size, leaf, root, proof }: Inclusion): void {
  const hash = inclusionRoot(index, size, leaf, proof);
  if (!equalBytes(hash, root)) refuse("INCLUSION_INVALID", "the leaf and its proof do not lead to the root");
}

/** The root that a leaf and its proof lead to. Errors: PROOF_INVALID · INDEX_RANGE, LIMIT_EXCEEDED (> 63 hashes), PROOF_LENGTH. */
export function inclusionRoot(index: number, size: number, leaf: Hash, proof: readonly Hash[]): Hash {
  assertInclusionRange(index, size);
  assertLimit(proof);
  let [path, last] = [index, size - 1];
  let hash = leaf;
  for (const sibling of proof) {
    if (last === 0) refuse("PROOF_LENGTH", "the inclusion proof has more hashes than the tree has levels");
    if (isOdd(path) || path === last) {
      hash = nodeHash(sibling, hash);
      // The right edge has no sibling on the levels where its subtree is the last one.
      for (; !isOdd(path) && path !== 0; path = half(path)) last = half(last);
    } else {
      hash = nodeHash(hash, sibling);
    }
    [path, last] = [half(path), half(last)];
  }
  if (last !== 0) refuse("PROOF_LENGTH", "the inclusion proof has fewer hashes than the tree has levels");
  return hash;
}

/**
 * Errors: PROOF_INVALID · INDEX_RANGE, LIMIT_EXCEEDED (> 63 hashes), PROOF_LENGTH, CONSISTENCY_INVALID, and FORK: two roots
 * for one size need no proof to contradict each other.
 * @see RFC 9162 §2.1.4.2
 */
export function verifyConsistency({ from, to, fromRoot, toRoot, proof }: Consistency): void {
  assertConsistencyRange(from, to);
  assertLimit(proof);
  assertEmptyRoot(from, fromRoot);
  assertEmptyRoot(to, toRoot);
  if (from === to && !equalBytes(fromRoot, toRoot)) refuse("FORK", "two roots are stated for one tree size");
  if (from === 0 || from === to) {
    if (proof.length > 0) refuse("PROOF_LENGTH", "no proof is needed between these sizes");
    return;
  }
  verifyGrowth({ from, to, fromRoot, toRoot, proof });
}

function verifyGrowth(consistency: Consistency): void {
  const { from, to, fromRoot, proof } = consistency;
  // The old tree as one full subtree starts the climb itself, so the proof does not repeat its root.
  const { older, newer } = growthRoots(from, to, isFull(from) ? [fromRoot, ...proof] : proof);
  if (!equalBytes(older, consistency.fromRoot) || !equalBytes(newer, consistency.toRoot)) {
    refuse("CONSISTENCY_INVALID", "the newer tree does not contain the older one unchanged");
  }
}

/**
 * Whether the proof shows that the newer tree contains *another* tree where the older one should be: its hashes lead to the
 * newer root and to another older one. A proof that leads to neither shows nothing, for anybody can make one. Where `from` is
 * a power of two, the older tree is not in a consistency proof; an accuser puts in front of it the hash that the newer tree
 * has in that place. Between equal sizes nothing but two roots is a contradiction.
 * Errors: PROOF_INVALID · INDEX_RANGE, LIMIT_EXCEEDED, PROOF_LENGTH.
 */
export function contradicts(consistency: Consistency): boolean {
  const { from, to, fromRoot, toRoot, proof } = consistency;
  assertConsistencyRange(from, to);
  assertLimit(proof);
  if (from === to) return !equalBytes(fromRoot, toRoot);
  if (from === 0) return false;
  const plain = isFull(from) && proof.length <= climbLength(from, to);
  const { older, newer } = growthRoots(from, to, plain ? [fromRoot, ...proof] : proof);
  return equalBytes(newer, toRoot) && !equalBytes(older, fromRoot);
}

/** Whether the tree is one full subtree. */
function isFull(size: number): boolean {
  let rest = size;
  while (rest > 1 && !isOdd(rest)) rest = half(rest);
  return rest === 1;
}

/** Where a climb from the last leaf of the older tree begins: at its largest subtree that ends there. */
function climbStart(from: number, to: number): [path: number, last: number] {
  let [path, last] = [from - 1, to - 1];
  for (; isOdd(path); path = half(path)) last = half(last);
  return [path, last];
}

/** How many siblings the climb from a full subtree meets. */
function climbLength(from: number, to: number): number {
  let count = 0;
  for (let [, last] = climbStart(from, to); last > 0; last = half(last)) count++;
  return count;
}

/** The two roots that the hashes lead to, for 0 < from < to; the first is the subtree that the climb begins with. */
function growthRoots(
  from: number,
  to: number,
  [first, ...rest]: readonly Hash[],
): { readonly older: Hash; readonly newer: Hash } {
  let [path, last] = climbStart(from, to);
  if (first === undefined) return refuse("PROOF_LENGTH", "the consistency proof is empty");
  let [older, newer] = [first, first];
  for (const sibling of rest) {
    if (last === 0) refuse("PROOF_LENGTH", "the consistency proof has more hashes than the tree has levels");
    if (isOdd(path) || path === last) {
      older = nodeHash(sibling, older);
      newer = nodeHash(sibling, newer);
      for (; !isOdd(path) && path !== 0; path = half(path)) last = half(last);
    } else {
      newer = nodeHash(newer, sibling);
    }
    [path, last] = [half(path), half(last)];
  }
  if (last !== 0) refuse("PROOF_LENGTH", "the consistency proof has fewer hashes than the tree has levels");
  return { older, newer };
}

function assertInclusionRange(index: number, size: number): void {
  if (!isSize(size) || !isSize(index) || index >= size) {
    refuse("INDEX_RANGE", "an index is an integer below the tree's size, which is at most 2^53 - 1");
  }
}

function assertConsistencyRange(from: number, to: number): void {
  if (!isSize(from) || !isSize(to) || from > to) {
    refuse("INDEX_RANGE", "the older size is an integer up to the newer size, which is at most 2^53 - 1");
  }
}

function assertLimit(proof: readonly Hash[]): void {
  if (proof.length > MAX_PROOF_HASHES) refuse("LIMIT_EXCEEDED", `a proof has at most ${MAX_PROOF_HASHES} hashes`);
}

function assertEmptyRoot(size: number, root: Hash): void {
  if (size === 0 && !equalBytes(root, EMPTY_ROOT)) {
    refuse("CONSISTENCY_INVALID", "the root of an empty tree is SHA-256 of nothing");
  }
}

/** The leaves `start` … `end` − 1, where `start` is a multiple of the next power of two ≥ their number. */
interface Span {
  readonly start: number;
  readonly end: number;
}

/** Largest power of two smaller than `count` (> 1): where RFC 9162 splits a tree. */
function splitPoint(count: number): number {
  let power = 1;
  while (power * 2 < count) power *= 2;
  return power;
}

/** A span as full subtrees, largest first. At most one span of a proof, at the right edge, has more than one. */
function nodesOf({ start, end }: Span): NodeId[] {
  const nodes: NodeId[] = [];
  for (let at = start; at < end;) {
    let [level, count] = [0, 1];
    for (; count * 2 <= end - at; count *= 2) level++;
    nodes.push({ level, index: at / count });
    at += count;
  }
  return nodes;
}

async function readSpans(spans: readonly Span[], read: ReadNode): Promise<Hash[]> {
  const peaks = await Promise.all(
    spans.map((span) => Promise.all(nodesOf(span).map(async ({ level, index }) => read(level, index)))),
  );
  return peaks.map((hashes) => foldPeaks(hashes) ?? EMPTY_ROOT);
}
