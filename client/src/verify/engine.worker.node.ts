/** A thread that checks signatures: gets batches, answers each. Ends when its engine is closed. */
import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { parentPort } from "node:worker_threads";
import type { PlainJwk } from "@quanji/chaincode/log";

export interface Batch {
  readonly id: number;
  readonly keys: readonly PlainJwk[];
  /** Three numbers for each check: which key, length of what was signed, length of the signature. */
  readonly lengths: Uint32Array;
  /** What was signed and the signature, check after check. */
  readonly bytes: Uint8Array;
}

export interface Answers {
  readonly id: number;
  /** 1 where the signature verifies. */
  readonly good: Uint8Array;
}

/** Keys imported at once; more are imported again. */
const MAX_CACHED_KEYS = 4096;
const imported = new Map<string, KeyObject | undefined>();

/** Undefined for a key that cannot be imported: it verifies nothing. */
function keyFor(jwk: PlainJwk): KeyObject | undefined {
  const name = jwk.kty === "EC" ? `${jwk.x}.${jwk.y}` : jwk.x;
  if (imported.has(name)) return imported.get(name);
  if (imported.size >= MAX_CACHED_KEYS) imported.clear();
  let key: KeyObject | undefined;
  try {
    key = createPublicKey({ key: { ...jwk }, format: "jwk" });
  } catch {
    key = undefined; // a point that is not on the curve
  }
  imported.set(name, key);
  return key;
}

function isGood(jwk: PlainJwk | undefined, data: Uint8Array, signature: Uint8Array): boolean {
  const key = jwk === undefined ? undefined : keyFor(jwk);
  if (key === undefined || jwk === undefined || signature.length !== 64) return false;
  return jwk.kty === "EC"
    ? verify("sha256", data, { key, dsaEncoding: "ieee-p1363" }, signature)
    : verify(null, data, key, signature);
}

function answersTo({ id, keys, lengths, bytes }: Batch): Answers {
  const good = new Uint8Array(lengths.length / 3);
  let at = 0;
  for (let i = 0; i < good.length; i++) {
    const [key = 0, length = 0, signatureLength = 0] = lengths.subarray(i * 3, i * 3 + 3);
    const end = at + length;
    const next = end + signatureLength;
    good[i] = isGood(keys[key], bytes.subarray(at, end), bytes.subarray(end, next)) ? 1 : 0;
    at = next;
  }
  return { id, good };
}

parentPort?.on("message", (batch: Batch) => parentPort?.postMessage(answersTo(batch)));
