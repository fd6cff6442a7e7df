/**
 * What a log asks a witness: the size that the witness is believed to hold, a proof that the tree only grew since, and the
 * checkpoint to cosign.
 * @see C2SP tlog-witness, add-checkpoint
 */
import { QuanjiError } from "../domain/errors.js";
import { type Checkpoint, parseCheckpoint } from "./checkpoint.js";
import type { Hash } from "./hash.js";
import { formatNote, MAX_NOTE_BYTES, parseNote, type SignedNote } from "./note.js";
import { MAX_PROOF_HASHES } from "./proof.js";
import { malformed, readDecimal, readHash, readText, writeDecimal, writeHash } from "./text.js";

export interface AddCheckpoint {
  /** Size of the checkpoint that the witness cosigned last; 0 if it never did. */
  readonly oldSize: number;
  /** Consistency proof from `oldSize` to the checkpoint's size. */
  readonly proof: readonly Hash[];
  /** The signed checkpoint, its signatures not checked. */
  readonly note: SignedNote;
}

/** A request whose note is known to be a checkpoint. */
export interface ParsedAddCheckpoint extends AddCheckpoint {
  readonly checkpoint: Checkpoint;
}

export const MAX_ADD_CHECKPOINT_BYTES = MAX_NOTE_BYTES + 4096;

/** Errors: MALFORMED · LIMIT_EXCEEDED (> 63 hashes), INDEX_RANGE, and those of the note and its checkpoint. */
export function formatAddCheckpoint({ oldSize, proof, note }: AddCheckpoint): string {
  assertCount(proof.length);
  parseCheckpoint(note.text);
  return [`old ${writeDecimal(oldSize)}`, ...proof.map(writeHash), "", formatNote(note)].join("\n");
}

/** Errors: MALFORMED · PROOF_MALFORMED, LIMIT_EXCEEDED (> 63 hashes), BASE64_INVALID, and those of note and checkpoint. */
export function parseAddCheckpoint(input: unknown): ParsedAddCheckpoint {
  const text = readText(input, MAX_ADD_CHECKPOINT_BYTES, "PROOF_MALFORMED");
  const blank = text.indexOf("\n\n");
  if (blank < 0) malformed("PROOF_MALFORMED", "a request has a blank line before its checkpoint");
  const [first = "", ...hashes] = text.slice(0, blank).split("\n");
  const [word, old, ...rest] = first.split(" ");
  if (word !== "old" || rest.length > 0) malformed("PROOF_MALFORMED", "a request's first line is old and a size");
  assertCount(hashes.length);
  const note = parseNote(text.slice(blank + 2));
  return {
    oldSize: readDecimal(old, "an old size", "PROOF_MALFORMED"),
    proof: hashes.map(readHash),
    note,
    checkpoint: parseCheckpoint(note.text),
  };
}

function assertCount(hashes: number): void {
  if (hashes <= MAX_PROOF_HASHES) return;
  throw new QuanjiError("MALFORMED", `a proof has at most ${MAX_PROOF_HASHES} hashes`, { detail: "LIMIT_EXCEEDED" });
}
