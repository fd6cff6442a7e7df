/**
 * Leaf of a two-part record. The face is what a publication may show, the body everything else; a face and the hash of the
 * body recompute the leaf, so a record can be published, sealed or hidden by halves and is still the one that was counted.
 */
import { type Hash, PREFIX, prefixed, sha256Utf8 } from "./hash.js";

/** SHA-256(0x00 ‖ SHA-256(face) ‖ SHA-256(body)) of the exact bytes of both. */
export const leafOf = (face: string, body: string): Hash => leafOfHashes(sha256Utf8(face), sha256Utf8(body));

/** The same from hashes, where face or body is withheld. */
export const leafOfHashes = (faceHash: Hash, bodyHash: Hash): Hash => prefixed(PREFIX.leaf, faceHash, bodyHash);
