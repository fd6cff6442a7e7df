import { createHash, hash } from "node:crypto";
import type { Hasher } from "./sha256.browser.js";

/*
 * One call each, and text out of it: handing a digest out as a Buffer costs the engine more than hashing these short inputs.
 * Strings are hashed as their UTF-8. Same results as the portable engine (`hash.test.ts`).
 */

export function sha256(data: Uint8Array | string): Uint8Array {
  const characters = hash("sha256", data, "binary");
  const digest = new Uint8Array(32);
  for (let i = 0; i < 32; i++) digest[i] = characters.charCodeAt(i);
  return digest;
}

/** The digest in base64url without padding. */
export const sha256Base64url = (data: Uint8Array | string): string => hash("sha256", data, "base64url");

/** Of bytes that come in parts. */
export function hasher(): Hasher {
  const parts = createHash("sha256");
  return { update: (data) => parts.update(data), value: () => new Uint8Array(parts.copy().digest()) };
}
