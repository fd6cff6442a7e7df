/** Two histories of one log, for tests: leaves, their checkpoints and proofs. Holds no test itself. */
import { createHash, createPrivateKey, createPublicKey, sign } from "node:crypto";
import {
  appendLeaves,
  consistencyProof,
  emptyFrontier,
  formatAddCheckpoint,
  formatCheckpoint,
  formatNote,
  type Hash,
  newNodes,
  NOTE_TYPES,
  noteKey,
  type NoteType,
  rootOf,
  sha256,
  type SignedNote,
  signNote,
  utf8,
} from "@quanji/chaincode/log";
import type { NoteSigner } from "../log-signer.js";

const PKCS8_ED25519 = Buffer.from("302e020100300506032b657004220420", "hex");

/** Of a key whose private half is the SHA-256 of `seed`. */
export function seededSigner(name: string, type: NoteType, seed = `${name} ${type}`): NoteSigner {
  const secret = createHash("sha256").update(seed).digest();
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_ED25519, secret]), format: "der", type: "pkcs8" });
  const { x } = createPublicKey(key).export({ format: "jwk" }) as { readonly x: string };
  return {
    key: noteKey(name, type, Buffer.from(x, "base64url")),
    sign: (data) => new Uint8Array(sign(null, data, key)),
  };
}

export const ORIGIN = "quanji.test/town/gw/0";
export const logSigner = seededSigner(ORIGIN, NOTE_TYPES.ed25519);

const leaf = (name: string): Hash => sha256(utf8(name));

/** One history of up to 40 leaves. */
export class History {
  readonly #leaves: readonly Hash[];
  readonly #nodes: ReadonlyMap<string, Hash>;

  private constructor(leaves: readonly Hash[]) {
    this.#leaves = leaves;
    const nodes = newNodes(emptyFrontier(), leaves);
    this.#nodes = new Map(nodes.map(({ level, index, hash }) => [`${level}/${index}`, hash]));
  }

  static honest(): History {
    return new History(Array.from({ length: 40 }, (_, i) => leaf(`leaf ${i}`)));
  }

  /** Differs from the honest one from the second leaf on. */
  static forked(): History {
    return new History(Array.from({ length: 40 }, (_, i) => leaf(i === 0 ? "leaf 0" : `other ${i}`)));
  }

  root(size: number): Hash {
    return rootOf(appendLeaves(emptyFrontier(), this.#leaves.slice(0, size)));
  }

  async note(size: number, by: NoteSigner = logSigner): Promise<SignedNote> {
    const text = formatCheckpoint({ origin: by.key.name, size, root: this.root(size) });
    return { text, signatures: [await signNote(text, by.key, by.sign)] };
  }

  checkpoint = async (size: number): Promise<string> => formatNote(await this.note(size));

  node(level: number, index: number): Hash {
    return this.#nodes.get(`${level}/${index}`) ?? leaf("no such node");
  }

  proof(from: number, to: number): Promise<Hash[]> {
    return consistencyProof(from, to, (level, index) => this.node(level, index));
  }

  /** Body of an add-checkpoint request. */
  async request(oldSize: number, size: number, by: NoteSigner = logSigner): Promise<string> {
    const proof = oldSize > size ? [] : await this.proof(oldSize, size);
    return formatAddCheckpoint({ oldSize, proof, note: await this.note(size, by) });
  }
}
