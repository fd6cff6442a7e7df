/**
 * Signatures as Fabric takes them: ECDSA with SHA-256, strict DER, and only the lower of the two possible `s`; or Ed25519.
 * @see fabric bccsp/sw/ecdsa.go, bccsp/sw/ed25519.go
 */
import { type KeyObject, verify } from "node:crypto";
import { p256, p384 } from "@noble/curves/nist.js";

function hasLowS(curve: typeof p256, signature: Uint8Array): boolean {
  try {
    return !curve.Signature.fromBytes(signature, "der").hasHighS();
  } catch {
    return false; // no signature
  }
}

/** Never throws: false for a key of another kind. */
export function verifyLowS(key: KeyObject, data: Uint8Array, signature: Uint8Array): boolean {
  if (key.asymmetricKeyType === "ed25519") return verify(null, data, key, signature);
  if (key.asymmetricKeyType !== "ec") return false;
  const curve = { prime256v1: p256, secp384r1: p384 }[key.asymmetricKeyDetails?.namedCurve ?? ""];
  return curve !== undefined && hasLowS(curve, signature) && verify("sha256", data, key, signature);
}
