import { hash } from "node:crypto";

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
