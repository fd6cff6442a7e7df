/**
 * Ethereum's trie of a block's receipts: an entry proven against its root, and the proof made from all entries. Its keys are
 * positions in RLP, its values receipts. No value is shorter than a hash, so no node lies within another.
 * @see Yellow Paper, appendix D
 */
import { keccak_256 } from "@noble/hashes/sha3.js";
import { concat, equalBytes } from "@quanji/chaincode/log";
import { refuse } from "../verdict.js";
import { bigEndian, bytesOf, decodeRlpList, encodeRlp, type Rlp } from "./rlp.js";

type Nibbles = readonly number[];

const keyOf = (index: number): Nibbles => nibblesOf(encodeRlp(bigEndian(index)));
const nibblesOf = (bytes: Uint8Array): Nibbles => [...bytes].flatMap((byte) => [byte >> 4, byte & 15]);

/**
 * The entry at a position, by the nodes from the root to it. Errors: ANCHOR_PROOF (they do not lead there, or there are more or
 * fewer), ANCHOR_MALFORMED.
 */
export function provenEntry(root: Uint8Array, index: number, nodes: readonly Uint8Array[]): Uint8Array {
  let [expected, rest] = [root, keyOf(index)];
  for (const [i, node] of nodes.entries()) {
    if (!equalBytes(keccak_256(node), expected)) astray("a node's hash is not the one that leads to it");
    const step = stepThrough(decodeRlpList(node), rest);
    rest = step.rest;
    expected = step.next;
    if (step.isEnd) return i === nodes.length - 1 ? step.next : astray("the proof goes on after its end");
  }
  return astray("the proof ends on its way");
}

interface Step {
  /** Hash of the next node, or the value. */
  readonly next: Uint8Array;
  readonly rest: Nibbles;
  readonly isEnd: boolean;
}

function stepThrough(items: readonly Rlp[], key: Nibbles): Step {
  if (items.length === 17) {
    const [first, ...rest] = key;
    // No position's RLP begins with another's, so a value stands in leaves alone.
    if (first === undefined) return astray("the key ends in a branch");
    const child = bytesOf(items[first]);
    return child.length === 0 ? astray("nothing is there") : { next: bytesOf(child, 32), rest, isEnd: false };
  }
  if (items.length !== 2) return refuse("ANCHOR_MALFORMED", "a node of the trie has neither 2 nor 17 items");
  const { path, isLeaf } = unpacked(bytesOf(items[0]));
  if (path.some((nibble, i) => key[i] !== nibble)) astray("the path leads elsewhere");
  const rest = key.slice(path.length);
  if (!isLeaf) return { next: bytesOf(items[1], 32), rest, isEnd: false };
  return rest.length === 0 ? { next: bytesOf(items[1]), rest, isEnd: true } : astray("the path ends before the key");
}

const astray = (message: string): never =>
  refuse("ANCHOR_PROOF", `the block does not hold that receipt there: ${message}`);

/** Hex-prefix encoding. */
function unpacked(bytes: Uint8Array): { readonly path: Nibbles; readonly isLeaf: boolean } {
  const [flag = 16, second = 0, ...rest] = nibblesOf(bytes);
  const isOdd = flag % 2 === 1;
  if (flag > 3 || (!isOdd && second !== 0)) refuse("ANCHOR_MALFORMED", "a path of the trie is not in its one form");
  return { path: isOdd ? [second, ...rest] : rest, isLeaf: flag >= 2 };
}

function packed(path: Nibbles, isLeaf: boolean): Uint8Array {
  const flag = isLeaf ? 2 : 0;
  const nibbles = path.length % 2 === 1 ? [flag + 1, ...path] : [flag, 0, ...path];
  return Uint8Array.from(
    { length: nibbles.length / 2 },
    (_, i) => (nibbles[2 * i] ?? 0) * 16 + (nibbles[2 * i + 1] ?? 0),
  );
}

interface Entry {
  readonly key: Nibbles;
  readonly value: Uint8Array;
}

/** Root of the trie of these entries, and the nodes that prove the one at `index`. */
export function proofOf(
  entries: readonly Uint8Array[],
  index: number,
): { readonly root: Uint8Array; readonly nodes: readonly Uint8Array[] } {
  const wanted = keyOf(index);
  const nodes: Uint8Array[] = [];
  const all = entries.map((value, i) => ({ key: keyOf(i), value }));
  const root = hashOf(all, 0, (node, at) => isOn(wanted, at) && nodes.unshift(node));
  return { root, nodes };
}

const isOn = (key: Nibbles, prefix: Nibbles): boolean => prefix.every((nibble, i) => key[i] === nibble);

/** Hash of the node over entries that share their first `depth` nibbles. Tells each node with those nibbles, children first. */
function hashOf(
  entries: readonly Entry[],
  depth: number,
  tell: (node: Uint8Array, at: Nibbles) => unknown,
): Uint8Array {
  const [first] = entries;
  if (first === undefined) return keccak_256(encodeRlp(new Uint8Array(0)));
  const at = first.key.slice(0, depth);
  const made = (items: Rlp): Uint8Array => {
    const node = encodeRlp(items);
    tell(node, at);
    return keccak_256(node);
  };
  if (entries.length === 1) return made([packed(first.key.slice(depth), true), first.value]);
  let shared = depth;
  while (entries.every(({ key }) => key[shared] === first.key[shared])) shared++;
  if (shared > depth) return made([packed(first.key.slice(depth, shared), false), hashOf(entries, shared, tell)]);
  const children = Array.from({ length: 16 }, (_, nibble) => {
    const under = entries.filter(({ key }) => key[depth] === nibble);
    return under.length === 0 ? new Uint8Array(0) : hashOf(under, depth + 1, tell);
  });
  return made([...children, new Uint8Array(0)]);
}

/** A receipt as its trie holds it: with its type in front, unless it is of the first kind. @see EIP-2718 */
export const typed = (type: number, body: Uint8Array): Uint8Array =>
  type === 0 ? body : concat(Uint8Array.of(type), body);
