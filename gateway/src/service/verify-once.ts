/**
 * The edge checks a signature before it records, the chaincode checks it again. Where both run in one process, the second
 * check may take the first one's answer: the same key, the same bytes, the same signature. Between organisations each checks
 * for itself, for nothing of this leaves the process.
 */
import { type PublicJwk, sha256, toBase64url, type VerifySignature } from "@quanji/chaincode/log";

/** Signatures that wait for their second check: more than are ever in flight. */
const MAX_KNOWN = 20_000;

/** Remembers what verified, once: the next check of the very same takes it away. What does not verify is not remembered. */
export function verifyOnce(verify: VerifySignature): VerifySignature {
  const known = new Set<string>();
  return async (jwk, data, signature) => {
    const name = nameOf(jwk, data, signature);
    if (known.delete(name)) return true;
    const right = await verify(jwk, data, signature);
    if (right) remember(known, name);
    return right;
  };
}

/** Key, digest of the bytes, signature: each of fixed length, so no two checks share a name. */
const nameOf = (jwk: PublicJwk, data: Uint8Array, signature: Uint8Array): string =>
  `${jwk.x} ${toBase64url(sha256(data))} ${toBase64url(signature)} ${jwk.kty === "EC" ? jwk.y : ""}`;

function remember(known: Set<string>, name: string): void {
  if (known.size >= MAX_KNOWN) {
    const [oldest = ""] = known;
    known.delete(oldest);
  }
  known.add(name);
}
