/**
 * Bytes and their text forms. Browser-safe, strict: whatever is decoded here encodes back to the very same text, so that
 * one value has one spelling and nothing can hide in padding bits.
 */
import { QuanjiError } from "../domain/errors.js";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** UTF-8, fatal: a byte order mark stays a character and invalid bytes are refused. Errors: MALFORMED · NOT_UTF8. */
export function fromUtf8(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new QuanjiError("MALFORMED", "the bytes are not valid UTF-8", { detail: "NOT_UTF8", cause });
  }
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const out = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    out.set(part, offset);
    offset += part.length;
  }
  return out;
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** The one runtime object of Node that is faster than what browsers have; absent there. */
interface NodeBuffer {
  from(data: ArrayBufferLike, offset: number, length: number): { toString(encoding: "base64" | "base64url"): string };
  from(data: Uint8Array | ArrayBuffer): { toString(encoding: "base64" | "base64url"): string };
  from(text: string, encoding: "base64" | "base64url" | "utf8"): Uint8Array;
}
const nodeBuffer = (globalThis as { Buffer?: NodeBuffer }).Buffer;

/** What newer engines have of their own (ECMAScript 2026), and cheaper than the way through `btoa` and `atob`. */
interface NewBytes {
  toBase64?(options: { readonly alphabet: "base64" | "base64url"; readonly omitPadding: boolean }): string;
}
const newBytes = Uint8Array as {
  fromBase64?(text: string, options: { readonly alphabet: "base64" | "base64url" }): Uint8Array;
};

export function utf8(text: string): Uint8Array {
  if (nodeBuffer === undefined) return encoder.encode(text);
  const bytes = nodeBuffer.from(text, "utf8");
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length); // Buffer's own methods differ: `slice` shares
}

/** Standard base64 with padding (RFC 4648 §4): notes, checkpoints, proofs. */
export function toBase64(bytes: Uint8Array): string {
  if (nodeBuffer !== undefined) return nodeBuffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/** base64url without padding (RFC 4648 §5): JOSE, hashes and salts in JSON. */
export function toBase64url(bytes: Uint8Array): string {
  if (nodeBuffer !== undefined)
    return nodeBuffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64url");
  const text = (bytes as NewBytes).toBase64?.({ alphabet: "base64url", omitPadding: true });
  if (text !== undefined) return text;
  return toBase64(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function decodeLoose(text: string, alphabet: "base64" | "base64url"): Uint8Array {
  if (nodeBuffer !== undefined) {
    const bytes = nodeBuffer.from(text, alphabet);
    // Hashes, keys and signatures are kept, and would keep more than themselves; to copy what is longer costs more than to decode it.
    if (bytes.length <= 64) return new Uint8Array(bytes);
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  }
  // Takes white space and stray bits: what is decoded here is encoded again and compared.
  if (newBytes.fromBase64 !== undefined) return newBytes.fromBase64(text, { alphabet });
  const standard = alphabet === "base64" ? text : text.replaceAll("-", "+").replaceAll("_", "/");
  const binary = atob(standard);
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

/** For text that is known to be canonical base64url. */
export const knownBase64url = (text: string): Uint8Array => decodeLoose(text, "base64url");

const refuseBase64 = (alphabet: string): never => {
  throw new QuanjiError("MALFORMED", `the text is not canonical ${alphabet}`, { detail: "BASE64_INVALID" });
};

/** Errors: MALFORMED · BASE64_INVALID unless the bytes encode back to exactly `text`. */
export function fromBase64(text: unknown): Uint8Array {
  let bytes: Uint8Array | undefined;
  try {
    bytes = typeof text === "string" ? decodeLoose(text, "base64") : undefined;
  } catch {
    bytes = undefined; // atob throws on foreign characters, Buffer drops them: both end in the one refusal below
  }
  return bytes !== undefined && toBase64(bytes) === text ? bytes : refuseBase64("base64");
}

const BASE64URL = /^[A-Za-z0-9_-]*$/;
/** Of the last character, by how many are left over after groups of four: those whose bits that are in no byte are zero. */
const LAST: Readonly<Record<number, string>> = { 2: "AQgw", 3: "AEIMQUYcgkosw048" };

/** Whether some bytes encode to exactly this text: for a long one, cheaper than to encode them again. */
function isBase64url(text: string): boolean {
  const left = text.length % 4;
  return BASE64URL.test(text) && (left === 0 || (LAST[left]?.includes(text.charAt(text.length - 1)) ?? false));
}

/** Errors: MALFORMED · BASE64_INVALID unless the bytes encode back to exactly `text`. */
export const fromBase64url = (text: unknown): Uint8Array =>
  typeof text === "string" && isBase64url(text) ? decodeLoose(text, "base64url") : refuseBase64("base64url");
