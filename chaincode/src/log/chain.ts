/**
 * Hash chains: one per key and scope. h₀ = SHA-256(0x03 ‖ JCS([scope, kind, id])), hₙ = SHA-256(0x02 ‖ hₙ₋₁ ‖ leafₙ).
 * A head that equals an attested one proves the list complete; an unequal one does not tell *which* entry differs.
 * h₀ names its key, so a chain can never be shown as another key's.
 */
import { utf8 } from "./bytes.js";
import { canonical } from "./canonical.js";
import { type Hash, type HashText, hashText, parseHash, PREFIX, prefixed, prefixedText, sha256Text } from "./hash.js";

/**
 * What has a chain. Record chains: party, resource, grant. Command chains: all of them. `acts`: what a party signed;
 * `openings`: what of a resource's records was erased or sealed; `contract`: all that happens to the money of a contract;
 * `books`: of a month and currency; `disclosures`: of a party.
 */
export type ChainKind =
  | "party"
  | "resource"
  | "grant"
  | "directory"
  | "boundary"
  | "orders"
  | "acts"
  | "openings"
  | "attestation"
  | "cap"
  | "offer"
  | "contract"
  | "books"
  | "disclosures";

export interface ChainKey {
  /** A log's origin (records), the network (commands on public objects) or `<net>/org-<MSP>` (on what an organisation's collection holds). */
  readonly scope: string;
  readonly kind: ChainKind;
  readonly id: string;
}

/** `n` entries so far, `h` = hₙ. */
export interface ChainHead {
  readonly h: HashText;
  readonly n: number;
}

export const chainStart = (key: ChainKey): Hash =>
  prefixed(PREFIX.chainStart, utf8(canonical([key.scope, key.kind, key.id])));

export const emptyHead = (key: ChainKey): ChainHead => ({ h: hashText(chainStart(key)), n: 0 });

export const extend = (head: ChainHead, leaf: Hash): ChainHead => ({
  h: prefixedText(PREFIX.chain, parseHash(head.h), leaf),
  n: head.n + 1,
});

/** Salt of a head that everybody may read (commands on public objects): nothing is hidden there. */
export const PUBLIC_SALT = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/** The value under which a head is stored, and whose SHA-256 a witness states. */
export const sealedHead = (head: ChainHead, salt: string): string => canonical({ h: head.h, n: head.n, salt });

/** Digest of a sealed head, as in a head note's `state` line. */
export const sealedDigest = (head: ChainHead, salt: string): HashText => sha256Text(sealedHead(head, salt));

/** One entry of a command chain. `time`: ledger time of the transaction `tx` that carried the command. */
export interface CommandEntry {
  readonly request: HashText;
  readonly time: string;
  readonly tx: string;
  readonly v: "quanji.entry.v1";
  readonly verb: string;
}

/** Leaf of a command chain: SHA-256(0x00 ‖ entry), entry as canonical JSON. */
export const entryLeaf = (entryBytes: string): Hash => prefixed(PREFIX.leaf, utf8(entryBytes));
