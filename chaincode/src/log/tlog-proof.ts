/**
 * A proof file: index, inclusion proof and checkpoint of one leaf, usable alone. Stricter than the format asks, on purpose:
 * no `extra` line, because nothing authenticates it.
 * @see C2SP tlog-proof
 */
import { QuanjiError } from "../domain/errors.js";
import { type Checkpoint, parseCheckpoint } from "./checkpoint.js";
import type { Hash } from "./hash.js";
import { formatNote, MAX_NOTE_BYTES, parseNote, type SignedNote } from "./note.js";
import { MAX_PROOF_HASHES, verifyInclusion } from "./proof.js";
import { malformed, readDecimal, readHash, readText, writeDecimal, writeHash } from "./text.js";

export interface TlogProof {
  readonly index: number;
  /** From the leaf's sibling up to the root's child. */
  readonly proof: readonly Hash[];
  /** The signed checkpoint, its signatures not checked. */
  readonly note: SignedNote;
}

/** A proof file whose note is known to be a checkpoint. */
export interface ParsedTlogProof extends TlogProof {
  readonly checkpoint: Checkpoint;
}

const HEADER = "c2sp.org/tlog-proof@v1";
const MAX_BYTES = MAX_NOTE_BYTES + 4096;

/** Errors: MALFORMED · LIMIT_EXCEEDED (> 63 hashes), INDEX_RANGE, and those of the note and its checkpoint. */
export function formatTlogProof({ index, proof, note }: TlogProof): string {
  assertCount(proof.length);
  parseCheckpoint(note.text);
  return [HEADER, `index ${writeDecimal(index)}`, ...proof.map(writeHash), "", formatNote(note)].join("\n");
}

/** Errors: MALFORMED · PROOF_MALFORMED, LIMIT_EXCEEDED (> 63 hashes), BASE64_INVALID, and those of note and checkpoint. */
export function parseTlogProof(input: unknown): ParsedTlogProof {
  const text = readText(input, MAX_BYTES, "PROOF_MALFORMED");
  const blank = text.indexOf("\n\n");
  if (blank < 0) malformed("PROOF_MALFORMED", "a proof has a blank line before its checkpoint");
  const [header, indexLine = "", ...hashes] = text.slice(0, blank).split("\n");
  if (header !== HEADER) malformed("PROOF_MALFORMED", `a proof's first line is ${HEADER}`);
  const [word, index, ...rest] = indexLine.split(" ");
  if (word !== "index" || rest.length > 0) malformed("PROOF_MALFORMED", "a proof's second line is index and a number");
  assertCount(hashes.length);
  const note = parseNote(text.slice(blank + 2));
  return {
    index: readDecimal(index, "an index", "PROOF_MALFORMED"),
    proof: hashes.map(readHash),
    note,
    checkpoint: parseCheckpoint(note.text),
  };
}

/** That `leaf` is in the tree of the proof's checkpoint, whose signatures are another matter. Errors: as {@link verifyInclusion}. */
export function verifyTlogProof({ index, proof, checkpoint }: ParsedTlogProof, leaf: Hash): void {
  verifyInclusion({ index, proof, leaf, size: checkpoint.size, root: checkpoint.root });
}

function assertCount(hashes: number): void {
  if (hashes <= MAX_PROOF_HASHES) return;
  throw new QuanjiError("MALFORMED", `a proof has at most ${MAX_PROOF_HASHES} hashes`, { detail: "LIMIT_EXCEEDED" });
}
