/**
 * Checkpoints: what a log signs, and witnesses cosign, about its tree. Three lines: origin, size, root. Stricter than the
 * format asks, on purpose: no extension lines, because a cosignature would cover them without meaning them.
 * @see C2SP tlog-checkpoint
 */
import { QuanjiError } from "../domain/errors.js";
import { equalBytes } from "./bytes.js";
import type { VerifySignature } from "./keys.js";
import { MAX_NOTE_BYTES, parseNote, type SignedNote } from "./note.js";
import { type VerifiedSignature, verifySignatures } from "./note-signature.js";
import { isName, malformed, readDecimal, readHash, readText, writeDecimal, writeHash } from "./text.js";
import { EMPTY_ROOT, type TreeHead } from "./tree.js";
import { assertType, NOTE_TYPES, type NoteKey } from "./vkey.js";

/** `origin`: name of the log and of its key, `<net>/<gateway>/<n>`. */
export interface Checkpoint extends TreeHead {
  readonly origin: string;
}

/** The text to sign. Errors: MALFORMED · CHECKPOINT_MALFORMED (origin, or size 0 with a root), INDEX_RANGE, HASH_LENGTH. */
export function formatCheckpoint(checkpoint: Checkpoint): string {
  const { origin, size, root } = checkpoint;
  assertCheckpoint(checkpoint);
  return `${origin}\n${writeDecimal(size)}\n${writeHash(root)}\n`;
}

/** Parses the text of a note. Errors: MALFORMED · CHECKPOINT_MALFORMED, CHECKPOINT_EXTENSION, BASE64_INVALID, HASH_LENGTH. */
export function parseCheckpoint(input: unknown): Checkpoint {
  const lines = readText(input, MAX_NOTE_BYTES, "CHECKPOINT_MALFORMED").split("\n");
  if (lines.pop() !== "") malformed("CHECKPOINT_MALFORMED", "a checkpoint ends in a line feed");
  const [origin = "", size, root, ...extension] = lines;
  if (extension.length > 0) {
    throw new QuanjiError("MALFORMED", "a checkpoint has three lines: extension lines are refused", {
      detail: "CHECKPOINT_EXTENSION",
    });
  }
  if (root === undefined) malformed("CHECKPOINT_MALFORMED", "a checkpoint has three lines: origin, size, root");
  const checkpoint = { origin, size: readDecimal(size, "a size", "CHECKPOINT_MALFORMED"), root: readHash(root) };
  assertCheckpoint(checkpoint);
  return checkpoint;
}

function assertCheckpoint({ origin, size, root }: Checkpoint): void {
  if (!isName(origin)) malformed("CHECKPOINT_MALFORMED", "an origin is not empty and has no space and no plus");
  if (size === 0 && !equalBytes(root, EMPTY_ROOT)) {
    malformed("CHECKPOINT_MALFORMED", "the root of an empty log is SHA-256 of nothing");
  }
}

/** A checkpoint that its log has signed. */
export interface OpenedCheckpoint {
  readonly checkpoint: Checkpoint;
  readonly note: SignedNote;
  /** The log's keys that signed: at least one. */
  readonly signers: readonly VerifiedSignature[];
  /** The witnesses that cosigned, each key once: whether they are enough is the caller's policy. */
  readonly cosigners: readonly VerifiedSignature[];
}

/**
 * Parses a checkpoint and checks all signatures by `logKeys` and `witnesses`, one of `logKeys` being required.
 * Errors: MALFORMED as {@link parseNote} and {@link parseCheckpoint}, KEY_PURPOSE (key of the other type in a list);
 * PROOF_INVALID · LOG_UNKNOWN (origin is no name of a log key), LOG_SIGNATURE_INVALID, WITNESS_SIGNATURE_INVALID.
 */
export async function openCheckpoint(
  input: unknown,
  logKeys: readonly NoteKey[],
  witnesses: readonly NoteKey[],
  verify: VerifySignature,
): Promise<OpenedCheckpoint> {
  for (const key of logKeys) assertType(key.type, NOTE_TYPES.ed25519);
  for (const key of witnesses) assertType(key.type, NOTE_TYPES.cosignature);
  const note = parseNote(input);
  const checkpoint = parseCheckpoint(note.text);
  const own = logKeys.filter((key) => key.name === checkpoint.origin);
  if (own.length === 0) {
    throw new QuanjiError("PROOF_INVALID", "no known log has the checkpoint's origin", { detail: "LOG_UNKNOWN" });
  }
  const signers = await verifySignatures(note, own, verify);
  if (signers.length === 0) {
    throw new QuanjiError("PROOF_INVALID", `the checkpoint is not signed by ${checkpoint.origin}`, {
      detail: "LOG_SIGNATURE_INVALID",
    });
  }
  return { checkpoint, note, signers, cosigners: await verifySignatures(note, witnesses, verify) };
}
