/**
 * ECDSA over P-256 with SHA-256, DER, and only with the lower of the two possible `s`: Fabric refuses the other, so that a
 * signature has one form. @see fabric bccsp/utils/ecdsa.go (IsLowS)
 */
import { type KeyObject, sign, verify } from "node:crypto";

const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const HALF = ORDER / 2n;

const toBigInt = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).toString("hex") || "0"}`);
const to32Bytes = (value: bigint): Buffer => Buffer.from(value.toString(16).padStart(64, "0"), "hex");

/** DER INTEGER of an unsigned number: minimal, with a leading zero where the first bit is set. @see X.690 §8.3 */
export function derInteger(bytes: Uint8Array): Buffer {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  const body = bytes.subarray(start);
  const signed = ((body[0] ?? 0) & 0x80) === 0 ? body : Buffer.concat([Uint8Array.of(0), body]);
  return Buffer.concat([Uint8Array.of(0x02, signed.length), signed]);
}

/** Answers a DER signature with low s. */
export function signLowS(key: KeyObject, data: Uint8Array): Uint8Array {
  const raw = sign("sha256", data, { key, dsaEncoding: "ieee-p1363" });
  const s = toBigInt(raw.subarray(32));
  const low = s > HALF ? to32Bytes(ORDER - s) : raw.subarray(32);
  const body = Buffer.concat([derInteger(raw.subarray(0, 32)), derInteger(low)]);
  return Buffer.concat([Uint8Array.of(0x30, body.length), body]);
}

/** `s` of a DER signature; undefined if it is not one. Lengths are below 128 for P-256, so one byte each. */
function readS(signature: Uint8Array): bigint | undefined {
  const rLength = signature[3] ?? 0;
  const at = 4 + rLength;
  const sLength = signature[at + 1] ?? 0;
  const shaped = signature[0] === 0x30 && signature[2] === 0x02 && signature[at] === 0x02;
  if (!shaped || signature[1] !== signature.length - 2 || at + 2 + sLength !== signature.length) return undefined;
  return toBigInt(signature.subarray(at + 2));
}

/** False for a high `s`, for what is no signature, and for a wrong one. Never throws. */
export function verifyLowS(key: KeyObject, data: Uint8Array, signature: Uint8Array): boolean {
  const s = readS(signature);
  if (s === undefined || s > HALF) return false;
  return verify("sha256", data, key, signature);
}
