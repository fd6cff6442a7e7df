/** What checks signatures by the hundred. Node has one with threads of its own; elsewhere WebCrypto's threads do it. */
import type { PlainJwk } from "@quanji/chaincode/log";
import { verifySignature } from "./signatures.js";

/** A signature, what it is over, and the key that is to have made it: a requester's, so no Ethereum key. */
export interface SignatureCheck {
  readonly jwk: PlainJwk;
  readonly data: Uint8Array;
  readonly signature: Uint8Array;
}

/** Opened for one verification, closed at its end. */
export interface SignatureEngine {
  /** For each check, in order, whether the signature verifies. Never rejects. */
  verifyAll(checks: readonly SignatureCheck[]): Promise<readonly boolean[]>;
  close(): Promise<void>;
}

/** On this thread, as far as JavaScript goes. */
export const verifyHere = (checks: readonly SignatureCheck[]): Promise<readonly boolean[]> =>
  Promise.all(checks.map(({ jwk, data, signature }) => verifySignature(jwk, data, signature)));
