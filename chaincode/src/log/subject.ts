/**
 * Subject tags and the tree that a day's tags stand in. A leaf is SHA-256(0x07 ‖ tag ‖ digest of the sealed head {n, h}); leaves
 * rise by tag, so two neighbours prove that nothing stands between them.
 */
import { concat, utf8 } from "./bytes.js";
import { canonical } from "./canonical.js";
import { type ChainHead, sealedDigest } from "./chain.js";
import { type Hash, hashText, type HashText, parseHash, PREFIX, prefixed, prefixedText, sha256 } from "./hash.js";

const BLOCK = 64;

/** Root of an index without tags: SHA-256 of nothing, as for any tree. */
export const EMPTY_ROOT_TEXT: HashText = hashText(sha256(new Uint8Array(0)));

/** HMAC-SHA-256 (RFC 2104) under a key of at most 64 bytes. */
export function hmacSha256(key: Uint8Array, data: Uint8Array): Hash {
  const padded = new Uint8Array(BLOCK);
  padded.set(key);
  const inner = sha256(
    padded.map((byte) => byte ^ 0x36),
    data,
  );
  return sha256(
    padded.map((byte) => byte ^ 0x5c),
    inner,
  );
}

/**
 * Tag of a person or organisation. The identifier is taken without white space, in upper case and NFC, so that one person has
 * one tag however the number was typed.
 */
export const subjectTag = (key: Uint8Array, identifier: string): HashText =>
  hashText(hmacSha256(key, utf8(canonical(["subject", plainIdentifier(identifier)]))));

const plainIdentifier = (text: string): string => text.replace(/\s+/gu, "").normalize("NFC").toUpperCase();

/** What a steward registers of its key. Bound to network, steward and quarter: it cannot be shown as another's. */
export const tagKeyCommitment = (key: Uint8Array, net: string, steward: string, quarter: string): HashText =>
  prefixedText(PREFIX.tagKey, key, utf8(canonical([net, steward, quarter])));

/** Under which all uses of a steward's data stand that concern persons and name none. Not secret. */
export const bulkTag = (steward: string): HashText => prefixedText(PREFIX.tagKey, utf8(canonical(["bulk", steward])));

/**
 * Chain of a tag in one index of a log, before its first record: h₀ = SHA-256(0x03 ‖ JCS([log, "subject", "<from> <tag>"])), where
 * `from` is where the index begins, so that each index has chains of its own.
 */
export const subjectStart = (log: string, from: number, tag: string): ChainHead => ({
  h: prefixedText(PREFIX.chainStart, utf8(canonical([log, "subject", `${from} ${tag}`]))),
  n: 0,
});

/** Salt of a tag's head in an index whose seed this is: whoever gets one opening learns nothing of another tag's count. */
export const indexSalt = (seed: string, tag: string): HashText =>
  hashText(sha256(concat(parseHash(seed), parseHash(tag))));

export const indexState = (seed: string, tag: string, head: ChainHead): HashText =>
  sealedDigest(head, indexSalt(seed, tag));

export const indexLeaf = (tag: string, state: string): Hash =>
  prefixed(PREFIX.indexLeaf, parseHash(tag), parseHash(state));
