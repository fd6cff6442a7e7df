/**
 * Which of a population are drawn: from a seed alone, so that anybody draws the same. The seed has two halves, one that only the
 * inspector knows beforehand and one that only the log's future knows, so that neither of them chooses.
 */
import { canonical, type Hash, hashText, sha256, sha256Text, utf8 } from "@quanji/chaincode/log";

/** @param plan SHA-256 of the plan's payload bytes @param nonce base64url @param root of the log at the plan's size */
export const seedOf = (plan: Hash, nonce: string, root: Hash): Hash =>
  sha256(utf8(canonical({ v: "quanji.seed.v1", plan: hashText(plan), nonce, root: hashText(root) })));

/** What a plan says of its nonce beforehand. */
export const commitNonce = (nonce: string): string => sha256Text(canonical({ v: "quanji.nonce.v1", nonce }));

const RANGE = 2 ** 48;

/**
 * `count` different numbers below `population`, all of them if there are no more; rising. The i-th candidate is the first six
 * bytes of SHA-256(seed ‖ i as eight bytes), big-endian, taken modulo the population; it is passed over if it lies above the
 * largest multiple of the population (no number is then likelier than another), or was drawn before.
 */
export function drawPositions(seed: Hash, population: number, count: number): number[] {
  if (count >= population) return Array.from({ length: population }, (_, i) => i);
  const limit = RANGE - (RANGE % population);
  const drawn = new Set<number>();
  for (let i = 0; drawn.size < count; i++) {
    const counter = new Uint8Array(8);
    new DataView(counter.buffer).setBigUint64(0, BigInt(i));
    const view = new DataView(sha256(seed, counter).slice(0, 8).buffer);
    const candidate = view.getUint16(0) * 2 ** 32 + view.getUint32(2);
    if (candidate < limit) drawn.add(candidate % population);
  }
  return [...drawn].sort((a, b) => a - b);
}
