/**
 * Bitstring Status List v1.0: one bit a certificate of an issuer, 1 where it is revoked. The list is long, so whoever fetches it
 * to check one certificate does not tell which.
 * @see W3C Bitstring Status List v1.0 §2.2, §3.3, §3.4
 */
import { z } from "zod";
import { Instant, PartyId, QuanjiError } from "@quanji/chaincode/domain";
import { fromBase64url, fromUtf8, toBase64url } from "@quanji/chaincode/log";

/** Bits: 16 KiB, the least that the specification allows. */
export const STATUS_LIST_SIZE = 131_072;
const BYTES = STATUS_LIST_SIZE / 8;
/** Of an encoded list: a random one does not compress, and gzip adds a few bytes. */
const MAX_ENCODED = 24 * 1024;

export const StatusList = z.strictObject({
  "@context": z.tuple([z.literal("https://www.w3.org/ns/credentials/v2")]),
  credentialSubject: z.strictObject({
    encodedList: z.string().max(MAX_ENCODED),
    id: z.url(),
    statusPurpose: z.literal("revocation"),
    type: z.literal("BitstringStatusList"),
  }),
  id: z.url(),
  /** The gateway that served it. */
  issuer: z.string().startsWith("urn:quanji:gateway:"),
  type: z.tuple([z.literal("VerifiableCredential"), z.literal("BitstringStatusListCredential")]),
  validFrom: Instant,
  validUntil: Instant,
});
export type StatusList = z.infer<typeof StatusList>;

const refuse = (detail: string, message: string): never => {
  throw new QuanjiError("MALFORMED", message, { detail });
};

/** The first index is the left-most, most significant bit of the first byte. Errors: MALFORMED · INDEX_RANGE. */
export function bitsOf(revoked: Iterable<number>): Uint8Array<ArrayBuffer> {
  const bits = new Uint8Array(BYTES);
  for (const index of revoked) {
    if (!Number.isSafeInteger(index) || index < 0 || index >= STATUS_LIST_SIZE) {
      refuse("INDEX_RANGE", "a status list has places 0 to 131,071");
    }
    bits[index >> 3] = (bits[index >> 3] ?? 0) | (0x80 >> (index & 7));
  }
  return bits;
}

export const isSet = (bits: Uint8Array, index: number): boolean =>
  ((bits[index >> 3] ?? 0) & (0x80 >> (index & 7))) !== 0;

async function piped(
  bytes: Uint8Array<ArrayBuffer>,
  through: CompressionStream | DecompressionStream,
  limit: number,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of new Blob([bytes]).stream().pipeThrough<Uint8Array>(through) as AsyncIterable<Uint8Array>) {
    length += part.length;
    if (length > limit) return refuse("LIMIT_EXCEEDED", "a status list unpacks to more than it may");
    parts.push(part);
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** GZIP (RFC 1952), then multibase base64url without padding (`u`). */
export const encodeBits = async (bits: Uint8Array<ArrayBuffer>): Promise<string> =>
  `u${toBase64url(await piped(bits, new CompressionStream("gzip"), MAX_ENCODED))}`;

/** Errors: MALFORMED · BASE64_INVALID, STATUS_LIST_MALFORMED, LIMIT_EXCEEDED. */
export async function decodeBits(encoded: string): Promise<Uint8Array> {
  if (!encoded.startsWith("u") || encoded.length > MAX_ENCODED) {
    refuse("STATUS_LIST_MALFORMED", "an encoded list is multibase base64url");
  }
  const packed = Uint8Array.from(fromBase64url(encoded.slice(1)));
  const bits = await piped(packed, new DecompressionStream("gzip"), BYTES).catch((cause: unknown) => {
    if (cause instanceof QuanjiError) throw cause;
    throw new QuanjiError("MALFORMED", "an encoded list is packed by gzip", { detail: "STATUS_LIST_MALFORMED", cause });
  });
  if (bits.length !== BYTES) refuse("STATUS_LIST_MALFORMED", `a status list has ${STATUS_LIST_SIZE} bits`);
  return bits;
}

/** Minutes for which what a list says may be relied on. */
export const STATUS_LIST_MINUTES = 15;

export interface StatusListFacts {
  readonly url: string;
  readonly gateway: string;
  readonly revoked: Iterable<number>;
  readonly validFrom: string;
  readonly validUntil: string;
}

/** Errors: MALFORMED · INDEX_RANGE. */
export async function buildStatusList({
  url,
  gateway,
  revoked,
  validFrom,
  validUntil,
}: StatusListFacts): Promise<StatusList> {
  return {
    "@context": ["https://www.w3.org/ns/credentials/v2"],
    credentialSubject: {
      encodedList: await encodeBits(bitsOf(revoked)),
      id: `${url}#list`,
      statusPurpose: "revocation",
      type: "BitstringStatusList",
    },
    id: url,
    issuer: `urn:quanji:gateway:${gateway}`,
    type: ["VerifiableCredential", "BitstringStatusListCredential"],
    validFrom,
    validUntil,
  };
}

/** Whether a compact JWS claims to be a status list: what it is worth, only who opens it can say. */
export function isStatusList(compact: string): boolean {
  const [, payload = ""] = compact.split(".");
  try {
    const { type } = JSON.parse(fromUtf8(fromBase64url(payload))) as { readonly type?: unknown };
    return Array.isArray(type) && type.includes("BitstringStatusListCredential");
  } catch {
    return false;
  }
}

/** Path at which a gateway serves an issuer's list. */
export const statusListPath = (issuer: string): string => `/v1/statuses/${PartyId.parse(issuer)}`;
