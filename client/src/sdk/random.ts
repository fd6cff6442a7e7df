/** Randomness is a parameter: everything random in the SDK comes out of one function of this type. */
import { toBase64url } from "@quanji/chaincode/log";

/** `n` unpredictable bytes. */
export type Random = (n: number) => Uint8Array;

export const systemRandom: Random = (n) => crypto.getRandomValues(new Uint8Array(n));

/** UUID version 4: 122 random bits, so that the id of a grant cannot be guessed. @see RFC 9562 §5.4 */
export function uuid(random: Random): string {
  const bytes = Uint8Array.from(random(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** Salt of a commitment: 32 bytes, base64url. */
export const salt = (random: Random): string => toBase64url(random(32));
