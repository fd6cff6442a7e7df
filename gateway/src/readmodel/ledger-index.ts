/** What evidence and witness ask of the index beyond the read model's port: the past of chains and logs, and names. */
import type { Cell } from "@quanji/chaincode/domain";
import type { ChainKey, Openings, TreeHead } from "@quanji/chaincode/log";
import type { SealedHead } from "./chains.js";
import type { KnownRecord, ReadModel } from "./readmodel.js";
import type { ErasedFields } from "./said.js";
import type { SealOrder } from "./sealed.js";

/** A record and the tags that it stands under: its own, or its steward's tag of bulk uses. */
export interface TaggedRecord {
  readonly index: number;
  readonly leaf: string;
  readonly tags: readonly string[];
}

export interface LedgerIndex extends ReadModel {
  /** Cells of one list version in one bucket, decoded once. */
  cells(list: string, version: number, bucket: string): Promise<readonly Cell[]>;
  /** Head of a chain as it stood after block `block`, with its salt; undefined if the chain was untouched then. */
  headAt(key: ChainKey, block: number): Promise<SealedHead | undefined>;
  /** Private key under which a chain's head is stored; undefined before the organisation's first log. */
  headName(key: ChainKey): Promise<string | undefined>;
  /** The secret that blinds this organisation's private keys, as it is stored; undefined before its first log. */
  blindingSecret(): Promise<string | undefined>;
  /** Records of a log with from ≤ index < to that are about persons, in order. */
  tagged(log: string, from: number, to: number): AsyncIterable<TaggedRecord>;
  /** Indexes of subjects of a log, in order. */
  indexes(log: string): AsyncIterable<KnownRecord>;
  /** What the request of a record committed to, as far as it came with the openings and they are kept. */
  said(log: string, index: number): Promise<Openings>;
  /** What of it was erased, and by which commands. */
  erased(log: string, index: number): Promise<ErasedFields>;
  /** Indexes, from `from` on, of a log's records of which something is kept, oldest first. */
  saidIn(log: string, from?: number): AsyncIterable<number>;
  /** Orders, not lifted, that seal a record; their time may be over. */
  sealed(log: string, index: number): Promise<readonly SealOrder[]>;
  /** The same for all records of a log that have any, by index. */
  sealedIn(log: string): AsyncIterable<readonly [number, readonly SealOrder[]]>;
  /** Head of a log after the batch that begins at `first`. Errors: NOT_FOUND. */
  batchHead(log: string, first: number): Promise<TreeHead>;
}
