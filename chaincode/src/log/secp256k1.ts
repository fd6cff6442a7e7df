/**
 * Ethereum keys: ECDSA over secp256k1 of the Keccak-256 of EIP-712 typed data. By @noble/curves wherever this runs, for neither
 * WebCrypto nor node:crypto verifies a digest that it has not made itself, and neither makes this one.
 */
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { concat, fromBase64url, toBase64url } from "./bytes.js";
import type { EthereumJwk } from "./keys.js";

/** r ‖ s as it comes, over a digest that is given. */
const COMPACT = { prehash: false, lowS: true, format: "compact" } as const;

/** Such a key signs what a wallet shows as typed data, and nothing else: no other text begins so. */
const isTyped = (data: Uint8Array): boolean => data.length === 66 && data[0] === 0x19 && data[1] === 0x01;

/**
 * Checks a signature of 64 bytes, r ‖ s, with the lower of the two possible s, over the Keccak-256 of `data`, which is what
 * {@link typedBytes} makes. Answers false for everything else, and never throws.
 */
export function verifyTyped({ x, y }: EthereumJwk, data: Uint8Array, signature: Uint8Array): boolean {
  if (!isTyped(data) || signature.length !== 64) return false;
  try {
    const key = concat(Uint8Array.of(4), fromBase64url(x), fromBase64url(y));
    return secp256k1.verify(signature, keccak_256(data), key, COMPACT);
  } catch {
    return false; // noble throws on scalars out of range and on points off the curve: a signature that does not verify
  }
}

/** Signs the Keccak-256 of typed data with a private scalar of 32 bytes: r ‖ s, the low s. @see RFC 6979 (the nonce) */
export const signTyped = (data: Uint8Array, scalar: Uint8Array): Uint8Array =>
  secp256k1.sign(keccak_256(data), scalar, COMPACT);

/**
 * ECDSA signatures come in pairs, s and n − s; only the lower is taken here, as on Ethereum, but not all wallets make it. `flipped`:
 * it was the other, so the recovery bit is the other one as well. @see EIP-2
 */
export function lowerS(signature: Uint8Array): { readonly signature: Uint8Array; readonly flipped: boolean } {
  const order = secp256k1.Point.Fn.ORDER;
  const s = signature.subarray(32).reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
  if (s <= order >> 1n || s >= order) return { signature, flipped: false };
  const low = (order - s).toString(16).padStart(64, "0");
  const bytes = Uint8Array.from(low.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
  return { signature: concat(signature.subarray(0, 32), bytes), flipped: true };
}

/** Whether the scalar is of the range 1 … n − 1. */
export const isScalar = (scalar: Uint8Array): boolean => secp256k1.utils.isValidSecretKey(scalar);

export const ethereumKeyOf = (scalar: Uint8Array): EthereumJwk => jwkOf(secp256k1.getPublicKey(scalar, false));

/**
 * The key that made a signature with its recovery bit (0 or 1) over the Keccak-256 of `data`; undefined if there is none. Wallets
 * tell of their key only so.
 */
export function recoverKey(data: Uint8Array, signature: Uint8Array, recovery: number): EthereumJwk | undefined {
  try {
    const point = secp256k1.Signature.fromBytes(signature, "compact")
      .addRecoveryBit(recovery)
      .recoverPublicKey(keccak_256(data));
    return jwkOf(point.toBytes(false));
  } catch {
    return undefined;
  }
}

/** @param point uncompressed: 0x04 ‖ x ‖ y */
const jwkOf = (point: Uint8Array): EthereumJwk => ({
  crv: "secp256k1",
  kty: "EC",
  x: toBase64url(point.subarray(1, 33)),
  y: toBase64url(point.subarray(33)),
});

/** The last 20 bytes of the Keccak-256 of x ‖ y, in lower-case hexadecimal with `0x`. */
export const addressOf = ({ x, y }: EthereumJwk): string =>
  `0x${Array.from(keccak_256(concat(fromBase64url(x), fromBase64url(y))).subarray(12), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("")}`;
