/** What other implementations made in one seeded run (test/vectors/go): every root, proof, note and checkpoint must agree. */
import { readFileSync } from "node:fs";
import { expect } from "chai";
import { isQuanjiError } from "../domain/errors.js";
import { fromBase64, toBase64 } from "./bytes.js";
import { openCheckpoint } from "./checkpoint.js";
import { type Hash, sha256, toHash } from "./hash.js";
import { formatNote, parseNote } from "./note.js";
import { verifySignatures } from "./note-signature.js";
import {
  consistencyProof,
  frontierNodes,
  inclusionProof,
  type ReadNode,
  rootAt,
  verifyConsistency,
  verifyInclusion,
} from "./proof.js";
import { leafAt, verifyByNode } from "./support.test.js";
import { formatTlogProof, parseTlogProof, verifyTlogProof } from "./tlog-proof.js";
import { appendLeaves, emptyFrontier, newNodes, nodeHash, rootOf } from "./tree.js";
import { formatVkey, NOTE_TYPES, type NoteKey, parseVkey } from "./vkey.js";

/** See the types of the same names in test/vectors/go. */
interface Tree {
  offset?: number;
  marks?: number[];
  size: number;
  root: string;
  peaks: string;
  index: number[];
  from: number[];
  proofs: string;
}

interface Vectors {
  seed: string;
  clear: { size: number; index?: number; from?: number; proof: string[] }[];
  small: Tree[];
  random: Tree[];
  large: Tree[];
  notes: { note: string; vkeys: string[]; verdict: string; signers?: string[]; times?: number[] }[];
  proofs: {
    file: string;
    vkey: string;
    witnesses: string[];
    leaf: string;
    origin: string;
    size: number;
    root: string;
    index: number;
    times: number[];
  }[];
}

const file = new URL("../../../test/vectors/log.json", import.meta.url);
const vectors = JSON.parse(readFileSync(file, "utf8")) as Vectors;
const { seed } = vectors;
const hashOf = (text: string): Hash => toHash(fromBase64(text));

/** One byte of length before the hashes of each proof. */
const digest = (proofs: readonly (readonly Hash[])[]): string =>
  toBase64(sha256(...proofs.flatMap((hashes) => [Uint8Array.of(hashes.length), ...hashes])));

/** A stored tree whose leaf i is leafAt(seed, offset + i). */
function ordinary(offset: number, size: number): { read: ReadNode; grownRoot: Hash; grownPeaks: readonly Hash[] } {
  const leaves = Array.from({ length: size }, (_, i) => leafAt(seed, offset + i));
  const nodes = new Map(newNodes(emptyFrontier(), leaves).map((node) => [`${node.level}/${node.index}`, node.hash]));
  const frontier = appendLeaves(emptyFrontier(), leaves);
  return {
    read: (level, index) => nodes.get(`${level}/${index}`)!,
    grownRoot: rootOf(frontier),
    grownPeaks: frontier.peaks,
  };
}

const uniform = [sha256(new TextEncoder().encode(`${seed}same`))];
for (let level = 0; level < 63; level++) uniform.push(nodeHash(uniform[level]!, uniform[level]!));

/** A tree of any size whose unmarked leaves are all the same. */
function marked(marks: readonly number[]): (level: number, index: number) => Hash {
  const at = (level: number, index: number): Hash => {
    if (!marks.some((mark) => Math.floor(mark / 2 ** level) === index)) return uniform[level]!;
    return level === 0 ? leafAt(seed, index) : nodeHash(at(level - 1, 2 * index), at(level - 1, 2 * index + 1));
  };
  return at;
}

/** Makes the proofs that a vector asks for, checks each, and compares all of them with the digest. */
async function checkTree(tree: Tree, read: ReadNode): Promise<void> {
  const { size } = tree;
  const root = hashOf(tree.root);
  const proofs: Hash[][] = [];
  for (const index of tree.index) {
    const proof = await inclusionProof(index, size, read);
    verifyInclusion({ index, size, leaf: await read(0, index), root, proof });
    proofs.push(proof);
  }
  for (const from of tree.from) {
    const proof = await consistencyProof(from, size, read);
    verifyConsistency({ from, to: size, fromRoot: await rootAt(from, read), toRoot: root, proof });
    proofs.push(proof);
  }
  expect(digest(proofs), `proofs at size ${size}`).to.equal(tree.proofs);
}

describe("log, against other implementations", () => {
  it("the file holds what it should: thousands of trees, hundreds of notes, large sizes", () => {
    expect(vectors.random.length).to.be.at.least(3000);
    expect(vectors.notes.length).to.be.at.least(500);
    expect(vectors.small.map(({ size }) => size)).to.deep.equal(Array.from({ length: 66 }, (_, size) => size));
    const sizes = vectors.large.map(({ size }) => size);
    expect(sizes).to.include.members([
      2 ** 31 - 1,
      2 ** 31,
      2 ** 31 + 1,
      2 ** 32 - 1,
      2 ** 32,
      2 ** 32 + 1,
      2 ** 53 - 1,
    ]);
    expect(new Set(vectors.notes.map(({ verdict }) => verdict))).to.deep.equal(
      new Set(["ok", "refused", "unverified"]),
    );
  });

  it("proofs in clear", async () => {
    for (const { size, index, from, proof } of vectors.clear) {
      const { read } = ordinary(0, size);
      const made =
        index === undefined ? await consistencyProof(from!, size, read) : await inclusionProof(index, size, read);
      expect(made.map(toBase64)).to.deep.equal(proof);
    }
  });

  for (const kind of ["small", "random"] as const) {
    it(`${kind} trees: roots, peaks, inclusion and consistency`, async () => {
      for (const tree of vectors[kind]) {
        const { read, grownRoot, grownPeaks } = ordinary(tree.offset ?? 0, tree.size);
        expect(toBase64(grownRoot), `root of size ${tree.size}`).to.equal(tree.root);
        expect(digest([grownPeaks]), `peaks of size ${tree.size}`).to.equal(tree.peaks);
        await checkTree(tree, read);
      }
    });
  }

  it("large trees: the same around 2³¹, 2³² and 2⁵³", async () => {
    for (const tree of vectors.large) {
      const read = marked(tree.marks!);
      expect(toBase64(await rootAt(tree.size, read)), `root of size ${tree.size}`).to.equal(tree.root);
      const peaks = frontierNodes(tree.size).map(({ level, index }) => read(level, index));
      expect(digest([peaks])).to.equal(tree.peaks);
      await checkTree(tree, read);
    }
  });

  it("notes: the same verdict, signers and times, or a stricter one for a reason that we can name", async () => {
    const stricter: string[] = [];
    for (const { note, vkeys, verdict, signers = [], times = [] } of vectors.notes) {
      const ours = await judge(note, vkeys.map(keyOf));
      if (verdict === "ok" && ours.verdict !== "ok") stricter.push(ours.verdict);
      else if (verdict === "unverified" && ours.verdict === "BASE64_INVALID") stricter.push(ours.verdict);
      else if (verdict === "refused") expect(ours.verdict, note).to.match(/^[A-Z0-9_]+$/);
      else expect(ours, note).to.deep.equal({ verdict, signers, times });
    }
    // Go's decoder takes non-zero tail bits and skips carriage returns and line feeds.
    expect(new Set(stricter)).to.deep.equal(new Set(stricter.length > 0 ? ["BASE64_INVALID"] : []));
  });

  it("verifier keys: read and written alike", () => {
    for (const vkey of new Set(vectors.notes.flatMap(({ vkeys }) => vkeys))) {
      expect(formatVkey(keyOf(vkey))).to.equal(vkey);
    }
  });

  it("proof files, checkpoints and cosignatures: parse, verify and are written alike", async () => {
    for (const vector of vectors.proofs) {
      const parsed = parseTlogProof(vector.file);
      expect(parsed.index).to.equal(vector.index);
      expect(parsed.checkpoint).to.deep.equal({ origin: vector.origin, size: vector.size, root: hashOf(vector.root) });
      expect(formatTlogProof(parsed)).to.equal(vector.file);
      verifyTlogProof(parsed, hashOf(vector.leaf));
      const keys = [[vector.vkey], vector.witnesses].map((vkeys) => vkeys.map(keyOf)) as [NoteKey[], NoteKey[]];
      const opened = await openCheckpoint(formatNote(parsed.note), ...keys, verifyByNode);
      expect(opened.checkpoint).to.deep.equal(parsed.checkpoint);
      expect(opened.cosigners.map(({ time }) => time)).to.deep.equal(vector.times);
    }
  });
});

/** Parsed as the type that its key material begins with: base64 of 04 begins with B. */
const keyOf = (vkey: string): NoteKey =>
  parseVkey(vkey, /^[^+]*\+[^+]*\+B/.test(vkey) ? NOTE_TYPES.cosignature : NOTE_TYPES.ed25519);

async function judge(note: string, keys: readonly NoteKey[]) {
  try {
    const parsed = parseNote(note);
    const verified = await verifySignatures(parsed, keys, verifyByNode);
    const verdict = verified.length === 0 ? "unverified" : "ok";
    return { verdict, signers: verified.map(({ key }) => key.name), times: verified.map(({ time }) => time ?? 0) };
  } catch (error) {
    if (!isQuanjiError(error)) throw error;
    return { verdict: error.detail ?? "no detail", signers: [], times: [] };
  }
}
