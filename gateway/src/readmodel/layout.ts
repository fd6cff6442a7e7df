/**
 * Every key of the index, one LevelDB. Numbers have sixteen digits so that they sort; `|` occurs in no id. The mirror holds
 * the values of world/keys.ts as they stand on the ledger; all else is derived from blocks, so the folder may be deleted.
 */
import type { ChainKey } from "@quanji/chaincode/log";

/** Raised when the layout below changes: an index of another format is made anew. */
export const FORMAT = 7;

const DIGITS = 16;
const fixed = (value: number): string => String(value).padStart(DIGITS, "0");

/** Attestations by subject, products by parent, grants and offers by resource, contracts by whom they concern. */
export type Found = "attestation" | "derived" | "grantOn" | "offer" | "contract";

export const KEYS = {
  /** {@link Meta}. */
  meta: "m",
  /** Newest value of a key of public state, or of this organisation's private collection. */
  publicState: (key: string) => `s|${key}`,
  privateState: (key: string) => `p|${key}`,
  /** KnownCommand by request. */
  command: (request: string) => `c|${request}`,
  /** Segment of a chain that begins at position `first`. */
  segment: (start: string, first: number) => `g|${start}|${fixed(first)}`,
  /** A record by its place in a log. */
  record: (log: string, index: number) => `r|${log}|${fixed(index)}`,
  /** What the request of an access committed to, as far as it is kept: openings by path. */
  said: (log: string, index: number) => `o|${log}|${fixed(index)}`,
  /** What of it was erased: requests of the commands, by field. */
  erased: (log: string, index: number) => `e|${log}|${fixed(index)}`,
  /** Orders that seal it: their ids and ends. */
  sealed: (log: string, index: number) => `z|${log}|${fixed(index)}`,
  /** Request of the command that gave an order which seals records. */
  seal: (order: string) => `w|${order}`,
  /** Place of the access, void or acceptance, and of the delivery, of a request. */
  request: (request: string) => `q|${request}`,
  delivery: (request: string) => `d|${request}`,
  /** Index of the acceptance of an access. */
  acceptance: (log: string, access: number) => `a|${log}|${fixed(access)}`,
  /** Of a record about persons: its leaf and the tags that it stands under, with spaces between. */
  tagged: (log: string, index: number) => `y|${log}|${fixed(index)}`,
  /** Present for each index of subjects. */
  index: (log: string, index: number) => `n|${log}|${fixed(index)}`,
  /** Present for a permit until its delivery is recorded. */
  open: (log: string, index: number) => `u|${log}|${fixed(index)}`,
  /** Size and root of a log after the batch that begins at `first`. */
  batch: (log: string, first: number) => `b|${log}|${fixed(first)}`,
  /** Hashes of one tile of a log's tree. */
  tile: (log: string, tier: number, number: number) => `t|${log}|${tier}|${fixed(number)}`,
  /** Present for each party that a grant concerns. */
  grantOf: (party: string, grant: string) => `i|${party}|${grant}`,
  /** Present for each name that an object is found by, beside its id. */
  found: (what: Found, name: string, id: string) => `f|${what}|${name}|${id}`,
  /** Present for each place of an issuer's status list whose certificate is revoked. */
  revoked: (issuer: string, place: number) => `v|${issuer}|${fixed(place)}`,
  /** Id of the grant that a stop digest names. */
  digest: (digest: string) => `x|${digest}`,
} as const;

/** Which blocks the index holds: 0 … height − 1. */
export interface Meta {
  readonly format: number;
  readonly height: number;
  /** Hash of block height − 1. */
  readonly tip: string;
}

/** All keys that begin with `prefix`. */
export const range = (prefix: string): { readonly gte: string; readonly lt: string } => ({
  gte: prefix,
  lt: `${prefix}\uffff`,
});

/** Prefix of everything of one log or chain under one letter. */
export const under = (letter: "g" | "u" | "i" | "n" | "o" | "v" | "z", name: string): string => `${letter}|${name}|`;

/** Prefix of all that is found by a name. */
export const foundBy = (what: Found, name: string): string => `f|${what}|${name}|`;

export const chainName = (key: ChainKey): string => `${key.scope}|${key.kind}|${key.id}`;
