/** Ethereum's serialisation, both ways. Strict: what is decoded here encodes to the very same bytes. @see Yellow Paper, appendix B */
import { concat } from "@quanji/chaincode/log";
import { refuse } from "../verdict.js";

export type Rlp = Uint8Array | readonly Rlp[];

/** A header is flat, an entry of a trie of receipts four deep. */
const MAX_DEPTH = 6;

const malformed = (message: string): never => refuse("ANCHOR_MALFORMED", message);

/** Errors: ANCHOR_MALFORMED: not canonical, cut off, something after it, too deep. */
export function decodeRlp(bytes: Uint8Array): Rlp {
  const { value, end } = itemAt(bytes, 0, MAX_DEPTH);
  return end === bytes.length ? value : malformed("something follows an RLP item");
}

/** Errors: as {@link decodeRlp}; ANCHOR_MALFORMED unless it is a list of bytes and lists. */
export function decodeRlpList(bytes: Uint8Array): readonly Rlp[] {
  const value = decodeRlp(bytes);
  return value instanceof Uint8Array ? malformed("an RLP list is expected") : value;
}

function itemAt(bytes: Uint8Array, start: number, depth: number): { readonly value: Rlp; readonly end: number } {
  const first = bytes[start];
  if (first === undefined) return malformed("an RLP item is cut off");
  if (first < 0x80) return { value: bytes.subarray(start, start + 1), end: start + 1 };
  const isList = first >= 0xc0;
  const { from, length } = payloadAt(bytes, start, first - (isList ? 0xc0 : 0x80));
  const end = from + length;
  if (end > bytes.length) return malformed("an RLP item is cut off");
  if (!isList) {
    const value = bytes.subarray(from, end);
    if (length === 1 && (value[0] ?? 0) < 0x80) return malformed("an RLP byte has a prefix that it needs not");
    return { value, end };
  }
  if (depth === 0) return malformed("RLP lists are nested too deeply");
  const items: Rlp[] = [];
  for (let at = from; at < end;) {
    // Within the list's own bytes: an item cannot reach beyond them.
    const item = itemAt(bytes.subarray(0, end), at, depth - 1);
    items.push(item.value);
    at = item.end;
  }
  return { value: items, end };
}

/** `short` is the length itself up to 55, and beyond that how many bytes hold it. */
function payloadAt(
  bytes: Uint8Array,
  start: number,
  short: number,
): { readonly from: number; readonly length: number } {
  if (short <= 55) return { from: start + 1, length: short };
  const width = short - 55;
  const from = start + 1 + width;
  if (width > 4 || from > bytes.length) return malformed("an RLP item is longer than any honest one");
  let length = 0;
  for (const byte of bytes.subarray(start + 1, from)) length = length * 256 + byte;
  if (bytes[start + 1] === 0 || length <= 55) malformed("an RLP length is spelled longer than it needs be");
  return { from, length };
}

export function encodeRlp(value: Rlp): Uint8Array {
  if (value instanceof Uint8Array) {
    return value.length === 1 && (value[0] ?? 0) < 0x80 ? value : concat(prefix(0x80, value.length), value);
  }
  const payload = concat(...value.map(encodeRlp));
  return concat(prefix(0xc0, payload.length), payload);
}

function prefix(base: number, length: number): Uint8Array {
  if (length <= 55) return Uint8Array.of(base + length);
  const digits = bigEndian(length);
  return concat(Uint8Array.of(base + 55 + digits.length), digits);
}

/** The shortest big-endian form: empty for 0. */
export function bigEndian(value: number | bigint): Uint8Array {
  const digits: number[] = [];
  for (let rest = BigInt(value); rest > 0n; rest /= 256n) digits.unshift(Number(rest % 256n));
  return Uint8Array.from(digits);
}

/** Of the shortest form, up to 2⁵³−1. Errors: ANCHOR_MALFORMED. */
export function numberOf(value: Rlp | undefined): number {
  const bytes = bytesOf(value);
  if (bytes[0] === 0 || bytes.length > 7) malformed("a number is not in its shortest form, or too large");
  const number = bytes.reduce((sum, byte) => sum * 256 + byte, 0);
  return Number.isSafeInteger(number) ? number : malformed("a number is too large");
}

/** Errors: ANCHOR_MALFORMED unless it is bytes, of that length if one is given. */
export function bytesOf(value: Rlp | undefined, length?: number): Uint8Array {
  if (!(value instanceof Uint8Array) || (length !== undefined && value.length !== length)) {
    return malformed("a list, or bytes of another length, stand where RLP bytes are expected");
  }
  return value;
}

/** Errors: ANCHOR_MALFORMED unless it is a list. */
export function listOf(value: Rlp | undefined): readonly Rlp[] {
  return value === undefined || value instanceof Uint8Array ? malformed("an RLP list is expected") : value;
}
