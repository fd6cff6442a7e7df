import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { promisify } from "node:util";
import { canonical, type PublicJwk, type VerifySignature, verifyTyped } from "../log/index.js";

const verifyAsync = promisify(verify) as (
  algorithm: string | null,
  data: Uint8Array,
  key: { key: KeyObject; dsaEncoding?: "ieee-p1363" },
  signature: Uint8Array,
) => Promise<boolean>;

/** Importing a key costs as much as verifying with it; a city has some ten thousand keys in use. */
const MAX_KEYS = 10_000;

/** Signature checks by node:crypto on the thread pool, with cached key objects; Ethereum's on this one. The JWK has been parsed before. */
export function nodeVerifier(): VerifySignature {
  const keys = new Map<string, KeyObject>();
  const keyObject = (jwk: PublicJwk): KeyObject => {
    const name = canonical(jwk);
    const known = keys.get(name);
    if (known !== undefined) return known;
    if (keys.size >= MAX_KEYS) keys.clear();
    const key = createPublicKey({ key: { ...jwk }, format: "jwk" });
    keys.set(name, key);
    return key;
  };
  return (jwk, data, signature) => {
    if (jwk.crv === "secp256k1") return Promise.resolve(verifyTyped(jwk, data, signature));
    return jwk.kty === "EC"
      ? verifyAsync("sha256", data, { key: keyObject(jwk), dsaEncoding: "ieee-p1363" }, signature)
      : verifyAsync(null, data, { key: keyObject(jwk) }, signature);
  };
}
