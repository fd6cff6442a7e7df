import { sha256 as engine } from "#sha256";
import { QuanjiError } from "../domain/errors.js";
import { concat, fromBase64url, toBase64url, utf8 } from "./bytes.js";

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

const prefixes = Array.from({ length: 8 }, (_, value) => Uint8Array.of(value));

export const sha256 = (...parts: readonly Uint8Array[]): Hash =>
  engine(parts.length === 1 && parts[0] !== undefined ? parts[0] : concat(...parts)) as Hash;

export const prefixed = (prefix: (typeof PREFIX)[keyof typeof PREFIX], ...parts: readonly Uint8Array[]): Hash =>
  sha256(prefixes[prefix] ?? Uint8Array.of(prefix), ...parts);

export const sha256Text = (text: string): HashText => hashText(sha256(utf8(text)));

export const hashText = (hash: Hash): HashText => toBase64url(hash) as HashText;

/** Errors: MALFORMED · HASH_LENGTH unless 32 bytes. */
export function toHash(bytes: Uint8Array): Hash {
  if (bytes.length !== 32) {
    throw new QuanjiError("MALFORMED", `a SHA-256 hash has 32 bytes, not ${bytes.length}`, { detail: "HASH_LENGTH" });
  }
  return bytes as Hash;
}

/** Errors: MALFORMED · BASE64_INVALID, HASH_LENGTH unless canonical base64url of 32 bytes. */
export const parseHash = (text: unknown): Hash => toHash(fromBase64url(text));

export const isHashText = (text: string): text is HashText => /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/.test(text);
