import { hasher as engineHasher, sha256 as engine, sha256Base64url as engineText } from "#sha256";
import { QuanjiError } from "../domain/errors.js";
import { concat, fromBase64url, knownBase64url, toBase64url } from "./bytes.js";

declare const brand: unique symbol;

/** SHA-256 output: exactly 32 bytes. The only makers are {@link sha256} and {@link toHash}. */
export type Hash = Uint8Array & { readonly [brand]: "Hash" };

/** A Hash in JSON: 43 characters of base64url without padding. */
export type HashText = string & { readonly [brand]: "HashText" };

/** First byte of everything that is hashed. What follows is of fixed length or canonical JSON. Never reuse a number. */
export const PREFIX = {
  leaf: 0x00,
  node: 0x01,
  chain: 0x02,
  chainStart: 0x03,
  commitment: 0x04,
  tagKey: 0x06,
  indexLeaf: 0x07,
} as const;

/** Inputs up to this size are joined here: hashing keeps nothing of them. */
const scratch = new Uint8Array(4096);

/** The bytes to hash. Valid until the next call. */
function joined(prefix: number | undefined, parts: readonly Uint8Array[]): Uint8Array {
  const [first] = parts;
  if (prefix === undefined && parts.length === 1 && first !== undefined) return first;
  let length = prefix === undefined ? 0 : 1;
  for (const part of parts) length += part.length;
  if (length > scratch.length) return concat(...(prefix === undefined ? [] : [Uint8Array.of(prefix)]), ...parts);
  let at = 0;
  if (prefix !== undefined) scratch[at++] = prefix;
  for (const part of parts) {
    scratch.set(part, at);
    at += part.length;
  }
  return scratch.subarray(0, length);
}

type Prefix = (typeof PREFIX)[keyof typeof PREFIX];

export const sha256 = (...parts: readonly Uint8Array[]): Hash => engine(joined(undefined, parts)) as Hash;

export const prefixed = (prefix: Prefix, ...parts: readonly Uint8Array[]): Hash =>
  engine(joined(prefix, parts)) as Hash;

/** {@link prefixed} in its text form, which costs less than the bytes. */
export const prefixedText = (prefix: Prefix, ...parts: readonly Uint8Array[]): HashText =>
  engineText(joined(prefix, parts)) as HashText;

/** SHA-256 of bytes that come in parts, however many. */
export class Hashing {
  readonly #hasher = engineHasher();

  add(part: Uint8Array): this {
    this.#hasher.update(part);
    return this;
  }

  /** Of all parts so far; more may follow. */
  value(): Hash {
    return this.#hasher.value() as Hash;
  }
}

/** Of the text's UTF-8. */
export const sha256Utf8 = (text: string): Hash => engine(text) as Hash;

/** Of the text's UTF-8, in text form. */
export const sha256Text = (text: string): HashText => engineText(text) as HashText;

export const hashText = (hash: Hash): HashText => toBase64url(hash) as HashText;

/** Errors: MALFORMED · HASH_LENGTH unless 32 bytes. */
export function toHash(bytes: Uint8Array): Hash {
  if (bytes.length !== 32) {
    throw new QuanjiError("MALFORMED", `a SHA-256 hash has 32 bytes, not ${bytes.length}`, { detail: "HASH_LENGTH" });
  }
  return bytes as Hash;
}

/** Errors: MALFORMED · BASE64_INVALID, HASH_LENGTH unless canonical base64url of 32 bytes. */
export const parseHash = (text: unknown): Hash =>
  typeof text === "string" && isHashText(text) ? (knownBase64url(text) as Hash) : toHash(fromBase64url(text));

/** Exactly the texts of 32 bytes: 43 characters, of whose last the two low bits are zero. */
export const isHashText = (text: string): text is HashText => HASH_TEXT.test(text);
const HASH_TEXT = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;
