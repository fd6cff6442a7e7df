/**
 * Signed notes: a text, a blank line, and lines `— <name> <base64 of key id ‖ signature>`. Parsed to the one form that
 * serialises back to the same bytes. What signatures mean and whether they hold is the matter of `note-signature.ts`.
 * @see C2SP signed-note
 */
import { QuanjiError } from "../domain/errors.js";
import { concat, fromBase64, toBase64 } from "./bytes.js";
import { isName, malformed, readText } from "./text.js";
import { readKeyId } from "./vkey.js";

export interface NoteSignature {
  readonly name: string;
  /** Key id, unsigned 32 bits. */
  readonly id: number;
  /** What follows the key id: 64 bytes for type 01, time (8) and 64 bytes for type 04, anything for keys not known here. */
  readonly bytes: Uint8Array;
}

export interface SignedNote {
  /** Ends in a line feed; the blank line before the signatures is not part of it. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

export const MAX_NOTE_BYTES = 64 * 1024;
export const MAX_NOTE_SIGNATURES = 64;

const MARK = "— ";

/** Errors: MALFORMED · NOTE_MALFORMED, BASE64_INVALID, NOT_UTF8, LIMIT_EXCEEDED (64 KiB, 64 signatures). */
export function parseNote(input: unknown): SignedNote {
  const note = readText(input, MAX_NOTE_BYTES, "NOTE_MALFORMED");
  // The text may have blank lines of its own: the last one separates.
  const blank = note.lastIndexOf("\n\n");
  if (blank < 0) malformed("NOTE_MALFORMED", "a signed note has a blank line between its text and its signatures");
  const lines = note.slice(blank + 2).split("\n");
  if (lines.pop() !== "") malformed("NOTE_MALFORMED", "a signed note ends in a line feed");
  if (lines.length === 0) malformed("NOTE_MALFORMED", "a signed note has at least one signature");
  assertCount(lines.length);
  return { text: note.slice(0, blank + 1), signatures: lines.map(parseSignature) };
}

function parseSignature(line: string): NoteSignature {
  const [name, encoded, ...rest] = line.startsWith(MARK) ? line.slice(MARK.length).split(" ") : [];
  if (name === undefined || encoded === undefined || rest.length > 0 || !isName(name)) {
    return malformed("NOTE_MALFORMED", "a signature line is an em dash, a key's name and base64, each after one space");
  }
  const bytes = fromBase64(encoded);
  if (bytes.length < 5) malformed("NOTE_MALFORMED", "a signature has a key id of four bytes and something after it");
  return { name, id: readKeyId(bytes), bytes: bytes.slice(4) };
}

/** Inverse of {@link parseNote}. Errors: as there, for a text or signature that would not parse back to itself. */
export function formatNote({ text, signatures }: SignedNote): string {
  assertNoteText(text);
  assertCount(signatures.length);
  const note = `${text}\n${signatures.map(formatSignature).join("")}`;
  parseNote(note);
  return note;
}

function formatSignature({ name, id, bytes }: NoteSignature): string {
  // A name with a line feed would become two lines that both parse.
  if (!isName(name)) malformed("NOTE_MALFORMED", "a key's name has at least one character, no space and no plus");
  return `${MARK}${name} ${toBase64(concat(keyIdBytes(id), bytes))}\n`;
}

/** Errors: MALFORMED · NOTE_MALFORMED, NOT_UTF8, LIMIT_EXCEEDED. */
export function assertNoteText(text: string): void {
  readText(text, MAX_NOTE_BYTES, "NOTE_MALFORMED");
  if (!text.endsWith("\n")) malformed("NOTE_MALFORMED", "a note's text ends in a line feed");
}

function assertCount(signatures: number): void {
  if (signatures <= MAX_NOTE_SIGNATURES) return;
  throw new QuanjiError("MALFORMED", `a note has at most ${MAX_NOTE_SIGNATURES} signatures`, {
    detail: "LIMIT_EXCEEDED",
  });
}

function keyIdBytes(id: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, id);
  return bytes;
}
