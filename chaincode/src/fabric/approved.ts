/**
 * Organisations approve a package that holds the SHA-256 of the bundle, not the bundle: whoever starts a server passes that
 * hash on, and the server compares it with its own bytes before it serves.
 */
import { createHash } from "node:crypto";

/** Lower-case hex. */
export const bundleDigest = (bundle: Uint8Array): string => createHash("sha256").update(bundle).digest("hex");

/**
 * Undefined if the bundle is the approved one; else what is wrong and what to do.
 * @param approved from QUANJI_BUNDLE_SHA256.
 */
export function objection(bundle: Uint8Array, approved: string | undefined): string | undefined {
  const actual = bundleDigest(bundle);
  if (approved === undefined || approved === "") {
    return "QUANJI_BUNDLE_SHA256 is not set: set it to the hash in the package that your organisation approved";
  }
  if (approved.toLowerCase() === actual) return undefined;
  return (
    `this bundle is not the approved one: its SHA-256 is ${actual}, the approved package says ${approved}; ` +
    "start the bundle that was approved, or approve a package made of this one"
  );
}
