import type { Contract } from "@quanji/chaincode/domain";
import { canonical, type HashText, sha256Text } from "@quanji/chaincode/log";

/**
 * A contract in a certificate: SHA-256 of the canonical JSON of the identities of the commands that signed its version, sorted.
 * Whoever has the contract finds it again; nobody else learns a term, for those commands hold salted signatures.
 */
export function contractDigest({ versions }: Pick<Contract, "versions">, version: number): HashText {
  const signed = versions.find((candidate) => candidate.version === version)?.signatures ?? [];
  return sha256Text(canonical(signed.map(({ request }) => request).sort()));
}
