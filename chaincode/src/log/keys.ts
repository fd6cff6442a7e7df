/**
 * Public keys as JWK (RFC 7517), checked before any engine imports them. Engines accept small-order Ed25519 points, under
 * which one signature verifies for every message, and ignore surplus members: both are refused here.
 */
import { QuanjiError } from "../domain/errors.js";
import { fromBase64url, utf8 } from "./bytes.js";
import { canonical } from "./canonical.js";
import type { Algorithm } from "./jws.js";
import { type HashText, sha256Text } from "./hash.js";

/** Of an Ethereum account. Signs EIP-712 typed data alone. @see RFC 8812 §3.1 */
export interface EthereumJwk {
  readonly crv: "secp256k1";
  readonly kty: "EC";
  readonly x: string;
  readonly y: string;
}

/** Of keys that sign bytes as they are: every one but an Ethereum key. */
export type PlainJwk =
  | { readonly crv: "P-256"; readonly kty: "EC"; readonly x: string; readonly y: string }
  | { readonly crv: "Ed25519"; readonly kty: "OKP"; readonly x: string };

export type PublicJwk = PlainJwk | EthereumJwk;

const refuse = (detail: string, message: string): never => {
  throw new QuanjiError("MALFORMED", message, { detail });
};

const P25519 = 2n ** 255n - 19n;

/** y coordinates of the points of order 1, 2, 4 and 8 (RFC 7748 §6.1 discusses why they must not be accepted). */
const SMALL_ORDER_Y = new Set([
  0n,
  1n,
  P25519 - 1n,
  0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n,
  0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n,
]);

function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i] ?? 0);
  return value;
}

/** Errors: MALFORMED · KEY_WEAK for points of small order and non-canonical y. */
export function assertStrongEd25519(raw: Uint8Array): void {
  if (raw.length !== 32) refuse("KEY_WEAK", "an Ed25519 public key has 32 bytes");
  const y = littleEndian(raw) & ((1n << 255n) - 1n);
  if (y >= P25519 || SMALL_ORDER_Y.has(y)) refuse("KEY_WEAK", "the Ed25519 key is of small order or not canonical");
}

const P256 = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;
const P256_B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;

function bigEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return value;
}

function assertOnP256(x: Uint8Array, y: Uint8Array): void {
  if (x.length !== 32 || y.length !== 32) refuse("KEY_WEAK", "P-256 coordinates have 32 bytes each");
  const [px, py] = [bigEndian(x), bigEndian(y)];
  const right = (px * px * px - 3n * px + P256_B) % P256;
  if (px >= P256 || py >= P256 || (py * py - right) % P256 !== 0n) refuse("KEY_WEAK", "the point is not on P-256");
}

const SECP256K1 = 2n ** 256n - 2n ** 32n - 977n;

/** y² = x³ + 7; the group is of prime order, so no point on the curve is weak. @see SEC 2 §2.4.1 */
function assertOnSecp256k1(x: Uint8Array, y: Uint8Array): void {
  if (x.length !== 32 || y.length !== 32) refuse("KEY_WEAK", "secp256k1 coordinates have 32 bytes each");
  const [px, py] = [bigEndian(x), bigEndian(y)];
  const isOn = px < SECP256K1 && py < SECP256K1 && (py * py - px * px * px - 7n) % SECP256K1 === 0n;
  if (!isOn) refuse("KEY_WEAK", "the point is not on secp256k1");
}

const ASSERT_ON = { "P-256": assertOnP256, secp256k1: assertOnSecp256k1 } as const;

const isCurve = (crv: unknown): crv is keyof typeof ASSERT_ON => crv === "P-256" || crv === "secp256k1";

/** A public JWK of exactly the members that name a key. Errors: MALFORMED · KEY_WEAK, HEADER_FORBIDDEN, ALG_FORBIDDEN. */
export function parsePublicJwk(input: unknown): PublicJwk {
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    return refuse("KEY_WEAK", "a JWK is a JSON object");
  }
  const { crv, kty, x, y, ...rest } = input as Record<string, unknown>;
  if (Object.keys(rest).length > 0) refuse("HEADER_FORBIDDEN", "a public JWK has only kty, crv, x and (for EC) y");
  if (kty === "EC" && isCurve(crv) && typeof x === "string" && typeof y === "string") {
    ASSERT_ON[crv](fromBase64url(x), fromBase64url(y));
    return { crv, kty, x, y };
  }
  if (kty === "OKP" && crv === "Ed25519" && typeof x === "string" && y === undefined) {
    assertStrongEd25519(fromBase64url(x));
    return { crv, kty, x };
  }
  return refuse("ALG_FORBIDDEN", "keys are EC P-256 (ES256), OKP Ed25519 (EdDSA) or EC secp256k1 (EIP712)");
}

const ALGORITHM_OF = { "P-256": "ES256", Ed25519: "EdDSA", secp256k1: "EIP712" } as const satisfies Record<
  PublicJwk["crv"],
  Algorithm
>;

export const algorithmOf = (jwk: PublicJwk): Algorithm => ALGORITHM_OF[jwk.crv];

/** RFC 7638 thumbprint: SHA-256 of the required members in canonical JSON. */
export const thumbprint = (jwk: PublicJwk): HashText => sha256Text(canonical(jwk));

/** The same of a key that signs bytes as they are; for any key: `possessionBytes`. */
export const possessionInput = (net: string, party: string, jwk: PublicJwk): Uint8Array =>
  utf8(canonical(["quanji-possession", net, party, thumbprint(jwk)]));

/**
 * Checks a signature. `signature` is r ‖ s (ES256, either s; EIP712, the low s) or R ‖ S (EdDSA), 64 bytes. Answers false, never
 * throws, for a signature that does not verify. An Ethereum key verifies typed data alone (`verifyTyped`).
 */
export type VerifySignature = (jwk: PublicJwk, data: Uint8Array, signature: Uint8Array) => Promise<boolean>;
