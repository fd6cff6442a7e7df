/**
 * Signs on the engine's threads. A gateway signs twice for each access, and on the one thread that does everything else a
 * signature costs five times what handing it over does.
 */
import { createPrivateKey, type KeyObject, sign } from "node:crypto";
import { promisify } from "node:util";
import type { SignBytes } from "@quanji/chaincode/log";
import { lowS, type PrivateJwk } from "@quanji/client";

const signAsync = promisify(sign) as (
  algorithm: string | null,
  data: Uint8Array,
  key: { key: KeyObject; dsaEncoding?: "ieee-p1363" },
) => Promise<Buffer>;

/** Answers 64 bytes: r ‖ s with the low s (ES256), R ‖ S (EdDSA). */
export function pooledSigner(jwk: PrivateJwk): SignBytes {
  const key = createPrivateKey({ key: { ...jwk }, format: "jwk" });
  return jwk.kty === "EC"
    ? async (data) => lowS(new Uint8Array(await signAsync("sha256", data, { key, dsaEncoding: "ieee-p1363" })))
    : async (data) => new Uint8Array(await signAsync(null, data, { key }));
}
