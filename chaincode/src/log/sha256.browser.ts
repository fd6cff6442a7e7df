/** SHA-256 where there is no Node: synchronous, because `subtle.digest` costs four times as much a call. */
import { sha256 as portable } from "@noble/hashes/sha2.js";
import { toBase64url, utf8 } from "./bytes.js";

export const sha256 = (data: Uint8Array | string): Uint8Array => portable(typeof data === "string" ? utf8(data) : data);

/** The digest in base64url without padding. */
export const sha256Base64url = (data: Uint8Array | string): string => toBase64url(sha256(data));

/** Of bytes that come in parts. */
export interface Hasher {
  update(data: Uint8Array): unknown;
  /** Of all parts so far; more may follow. */
  value(): Uint8Array;
}

export function hasher(): Hasher {
  const hash = portable.create();
  return { update: (data) => hash.update(data), value: () => hash.clone().digest() };
}
