/** The verifier's one engine of signatures: WebCrypto, with @noble/curves where an engine has no Ed25519, and for Ethereum's. */
import { ed25519 } from "@noble/curves/ed25519.js";
import { fromBase64url, type PublicJwk, type VerifySignature, verifyTyped } from "@quanji/chaincode/log";

type Key = Awaited<ReturnType<typeof globalThis.crypto.subtle.importKey>>;

/** What the engine may lack, so that tests can take it away. */
type Subtle = Pick<typeof globalThis.crypto.subtle, "importKey" | "verify">;

/** Keys imported at once; a trail of more keys imports some again. */
const MAX_CACHED_KEYS = 4096;

const ECDSA = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const ED25519 = { name: "Ed25519" } as const;

/**
 * A {@link VerifySignature} that keeps imported keys. Keys come from parsers that refuse small order, so every engine gives
 * the same answer; a key that the engine will not import verifies nothing.
 */
export function signatureVerifier(subtle: Subtle = globalThis.crypto.subtle): VerifySignature {
  const imported = new Map<string, Promise<Key | undefined>>();
  const keyFor = (jwk: PublicJwk): Promise<Key | undefined> => {
    const name = jwk.kty === "EC" ? `${jwk.x}.${jwk.y}` : jwk.x;
    const known = imported.get(name);
    if (known !== undefined) return known;
    if (imported.size >= MAX_CACHED_KEYS) imported.clear();
    const key = subtle
      .importKey("jwk", { ...jwk }, jwk.kty === "EC" ? ECDSA : ED25519, false, ["verify"])
      .catch(() => undefined);
    imported.set(name, key);
    return key;
  };
  return async (jwk, data, signature) => {
    if (jwk.crv === "secp256k1") return verifyTyped(jwk, data, signature);
    const key = await keyFor(jwk);
    if (key !== undefined) return subtle.verify(jwk.kty === "EC" ? ECDSA : ED25519, key, signature, data);
    return jwk.kty === "OKP" && verifyByNoble(jwk.x, data, signature);
  };
}

/** RFC 8032 as engines do it, not the laxer ZIP 215. */
function verifyByNoble(x: string, data: Uint8Array, signature: Uint8Array): boolean {
  try {
    return ed25519.verify(signature, data, fromBase64url(x), { zip215: false });
  } catch {
    return false; // noble throws on points and scalars out of range: a signature that does not verify
  }
}

/** Shared by everything that verifies in this process: keys are public, and importing one costs as much as ten checks. */
export const verifySignature: VerifySignature = signatureVerifier();
