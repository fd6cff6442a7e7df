/** Keys and trees from seeds, for vectors: nothing here is secret and nothing is random. */
import { createHash, createPrivateKey, createPublicKey, sign } from "node:crypto";
import {
  appendLeaves,
  emptyFrontier,
  type Frontier,
  type Hash,
  newNodes,
  nodeHash,
  type NoteKey,
  noteKey,
  type NoteType,
  type ReadNode,
  sha256,
  type SignBytes,
  utf8,
} from "@quanji/chaincode/log";

export const SEED = "quanji vectors of ours 1";

/** Leaf i is SHA-256(SEED ‖ decimal i), as the checks in Go make it too. */
export const leafAt = (index: number): Hash => sha256(utf8(`${SEED}${index}`));

export interface Signer {
  readonly key: NoteKey;
  readonly sign: SignBytes;
}

const PKCS8_ED25519 = Buffer.from("302e020100300506032b657004220420", "hex");

/** The Ed25519 key whose private half is SHA-256(SEED ‖ name). It protects nothing. */
export function signer(name: string, type: NoteType): Signer {
  const secret = createHash("sha256").update(`${SEED}${name}`).digest();
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_ED25519, secret]), format: "der", type: "pkcs8" });
  const spki = createPublicKey(key).export({ format: "der", type: "spki" });
  return {
    key: noteKey(name, type, new Uint8Array(spki.subarray(-32))),
    sign: (data) => new Uint8Array(sign(null, data, key)),
  };
}

/** A tree that grew in two batches, as a log's does, with the nodes that were stored on the way. */
export function grownTree(size: number): { frontier: Frontier; read: ReadNode } {
  const leaves = Array.from({ length: size }, (_, i) => leafAt(i));
  const first = leaves.slice(0, Math.floor(size / 3));
  const second = leaves.slice(first.length);
  const middle = appendLeaves(emptyFrontier(), first);
  const stored = new Map<string, Hash>();
  for (const { level, index, hash } of [...newNodes(emptyFrontier(), first), ...newNodes(middle, second)]) {
    stored.set(`${level}/${index}`, hash);
  }
  const read = (level: number, index: number): Hash => {
    const hash = stored.get(`${level}/${index}`);
    if (hash === undefined) throw new Error(`node ${level}/${index} was not stored`);
    return hash;
  };
  return { frontier: appendLeaves(middle, second), read };
}

/** A tree of any size whose leaves are leafAt(0), all but the one at `mark`, which is leafAt(1). */
export function markedTree(mark: number): ReadNode {
  const uniform = (level: number): Hash => {
    let hash = leafAt(0);
    for (let i = 0; i < level; i++) hash = nodeHash(hash, hash);
    return hash;
  };
  const node = (level: number, index: number): Hash => {
    if (Math.floor(mark / 2 ** level) !== index) return uniform(level);
    return level === 0 ? leafAt(1) : nodeHash(node(level - 1, 2 * index), node(level - 1, 2 * index + 1));
  };
  return node;
}
