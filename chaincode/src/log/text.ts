/** What the line formats (notes, checkpoints, proofs, head notes) share: one spelling for names, numbers and hashes. */
import { QuanjiError } from "../domain/errors.js";
import { fromBase64, fromUtf8, toBase64, utf8 } from "./bytes.js";
import { type Hash, toHash } from "./hash.js";
import { isSize } from "./size.js";

/** Detail code of the format that is being read: `NOTE_MALFORMED`, `CHECKPOINT_MALFORMED` … */
export type FormatDetail =
  | "NOTE_MALFORMED"
  | "VKEY_MALFORMED"
  | "CHECKPOINT_MALFORMED"
  | "PROOF_MALFORMED"
  | "HEAD_NOTE_MALFORMED"
  | "BLOCK_NOTE_MALFORMED";

export function malformed(detail: FormatDetail, message: string): never {
  throw new QuanjiError("MALFORMED", message, { detail });
}

/**
 * Text of untrusted input, given as a string or as UTF-8. Errors: MALFORMED · NOT_UTF8, LIMIT_EXCEEDED (`maxBytes` of
 * UTF-8), `detail` for control characters other than LF and for what is no text at all.
 */
export function readText(input: unknown, maxBytes: number, detail: FormatDetail): string {
  if (typeof input !== "string" && !(input instanceof Uint8Array)) malformed(detail, "text or its UTF-8 is expected");
  if (input.length > maxBytes) tooLong(maxBytes);
  const text = typeof input === "string" ? input : fromUtf8(input);
  if (!text.isWellFormed()) {
    throw new QuanjiError("MALFORMED", "the text holds a lone surrogate", { detail: "NOT_UTF8" });
  }
  if (typeof input === "string" && input.length * 3 > maxBytes && utf8(input).length > maxBytes) tooLong(maxBytes);
  assertNoControls(text, detail);
  return text;
}

function tooLong(maxBytes: number): never {
  throw new QuanjiError("MALFORMED", `the text has more than ${maxBytes} bytes`, { detail: "LIMIT_EXCEEDED" });
}

function assertNoControls(text: string, detail: FormatDetail): void {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 && code !== 0x0a) malformed(detail, "the text holds a control character other than line feed");
  }
}

const NAME = /^[^\p{White_Space}+]+$/u;

/** Names of keys and origins: not empty, no Unicode space, no plus. @see C2SP signed-note, Format */
export const isName = (text: string): boolean => NAME.test(text);

const DECIMAL = /^(?:0|[1-9][0-9]{0,15})$/;

/** 0 … 2⁵³−1 in ASCII digits without leading zeros. Errors: MALFORMED · `detail`. */
export function readDecimal(text: string | undefined, what: string, detail: FormatDetail): number {
  const value = text !== undefined && DECIMAL.test(text) ? Number(text) : NaN;
  if (!Number.isSafeInteger(value)) malformed(detail, `${what} is a number up to 2^53 - 1 without leading zeros`);
  return value;
}

/** Errors: MALFORMED · INDEX_RANGE unless the number has a spelling that {@link readDecimal} takes. */
export function writeDecimal(value: number): string {
  if (!isSize(value)) {
    throw new QuanjiError("MALFORMED", "an integer from 0 to 2^53 - 1 is expected", { detail: "INDEX_RANGE" });
  }
  return String(value);
}

/** Standard base64 with padding of 32 bytes. Errors: MALFORMED · BASE64_INVALID, HASH_LENGTH. */
export const readHash = (text: string | undefined): Hash => toHash(fromBase64(text));
export const writeHash = (hash: Hash): string => toBase64(toHash(hash));
