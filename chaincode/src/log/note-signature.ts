/**
 * Signing and checking notes. Type 01 signs the text as it stands (logs, heads); type 04 signs `cosignature/v1`, a time and
 * a checkpoint (witnesses). A text that itself begins `cosignature/v1` would make the first pass for the second, so no such
 * text is signed or believed. Engines are parameters: this file computes no signature.
 * @see C2SP signed-note, tlog-cosignature
 */
import { QuanjiError } from "../domain/errors.js";
import { concat, utf8 } from "./bytes.js";
import type { VerifySignature } from "./keys.js";
import { assertNoteText, type NoteSignature, type SignedNote } from "./note.js";
import { malformed, writeDecimal } from "./text.js";
import { assertType, NOTE_TYPES, type NoteKey } from "./vkey.js";

/** Answers the 64 bytes of an Ed25519 signature over `data`, under the private half of the key that is named beside it. */
export type SignBytes = (data: Uint8Array) => Uint8Array | Promise<Uint8Array>;

export interface VerifiedSignature {
  readonly key: NoteKey;
  /** Type 04 only: seconds since 1970 at which the witness held this checkpoint to be the log's newest. */
  readonly time?: number;
}

const COSIGNATURE = "cosignature/v1";
const SIGNATURE_BYTES = 64;
const TIME_BYTES = 8;

/** Errors: MALFORMED · KEY_PURPOSE (a witness key; a text that begins `cosignature/v1`), NOTE_MALFORMED, LIMIT_EXCEEDED. */
export async function signNote(text: string, key: NoteKey, sign: SignBytes): Promise<NoteSignature> {
  assertType(key.type, NOTE_TYPES.ed25519);
  assertNoteText(text);
  if (text.startsWith(COSIGNATURE)) throw new QuanjiError("MALFORMED", DISGUISE, { detail: "KEY_PURPOSE" });
  return { name: key.name, id: key.id, bytes: await signature(utf8(text), sign) };
}

const DISGUISE = `a text that begins ${COSIGNATURE} could pass for a witness's cosignature`;

/**
 * A witness's signature over the text of a checkpoint at `time` (seconds since 1970). The caller has parsed the checkpoint.
 * Errors: MALFORMED · KEY_PURPOSE, NOTE_MALFORMED, INDEX_RANGE (time), LIMIT_EXCEEDED.
 */
export async function cosignNote(text: string, key: NoteKey, time: number, sign: SignBytes): Promise<NoteSignature> {
  assertType(key.type, NOTE_TYPES.cosignature);
  assertNoteText(text);
  const stamp = new Uint8Array(TIME_BYTES);
  const bytes = await signature(cosigned(text, time), sign);
  new DataView(stamp.buffer).setBigUint64(0, BigInt(time));
  return { name: key.name, id: key.id, bytes: concat(stamp, bytes) };
}

const cosigned = (text: string, time: number): Uint8Array =>
  utf8(`${COSIGNATURE}\ntime ${writeDecimal(time)}\n${text}`);

async function signature(data: Uint8Array, sign: SignBytes): Promise<Uint8Array> {
  const bytes = await sign(data);
  if (bytes.length !== SIGNATURE_BYTES) malformed("NOTE_MALFORMED", "an Ed25519 signature has 64 bytes");
  return bytes;
}

/**
 * Checks every signature by a key in `keys` and answers these keys, each once, in the order of the note. Signatures of
 * other keys are passed over; one that fails under a known key refuses the note. The caller counts: an empty answer means
 * that nobody known signed, which is not an error here.
 * Errors: PROOF_INVALID · LOG_SIGNATURE_INVALID, WITNESS_SIGNATURE_INVALID, KEY_PURPOSE.
 */
export async function verifySignatures(
  note: SignedNote,
  keys: readonly NoteKey[],
  verify: VerifySignature,
): Promise<VerifiedSignature[]> {
  const verified = new Map<NoteKey, VerifiedSignature>();
  for (const line of note.signatures) {
    const key = keys.find((known) => known.name === line.name && known.id === line.id);
    if (key === undefined) continue;
    const result = await verifyLine(note.text, line, key, verify);
    // A key that signed twice is one signer: counting it twice would let one witness be a quorum.
    if (!verified.has(key)) verified.set(key, result);
  }
  return [...verified.values()];
}

function verifyLine(
  text: string,
  line: NoteSignature,
  key: NoteKey,
  verify: VerifySignature,
): Promise<VerifiedSignature> {
  return key.type === NOTE_TYPES.ed25519
    ? verifyText(text, line, key, verify)
    : verifyCosignature(text, line, key, verify);
}

async function verifyText(text: string, line: NoteSignature, key: NoteKey, verify: VerifySignature) {
  if (text.startsWith(COSIGNATURE)) throw invalid("KEY_PURPOSE", DISGUISE);
  const holds = line.bytes.length === SIGNATURE_BYTES && (await verify(key.jwk, utf8(text), line.bytes));
  if (!holds) throw invalid("LOG_SIGNATURE_INVALID", `the signature of ${key.name} does not verify`);
  return { key };
}

async function verifyCosignature(text: string, line: NoteSignature, key: NoteKey, verify: VerifySignature) {
  const time = readTime(line.bytes);
  if (time === undefined || !(await verify(key.jwk, cosigned(text, time), line.bytes.subarray(TIME_BYTES)))) {
    throw invalid("WITNESS_SIGNATURE_INVALID", `the cosignature of ${key.name} does not verify`);
  }
  return { key, time };
}

/** Seconds, if the bytes are a time up to 2⁵³−1 and a signature. */
function readTime(bytes: Uint8Array): number | undefined {
  if (bytes.length !== TIME_BYTES + SIGNATURE_BYTES) return undefined;
  const time = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(0);
  return time <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(time) : undefined;
}

const invalid = (detail: string, message: string): QuanjiError => new QuanjiError("PROOF_INVALID", message, { detail });
