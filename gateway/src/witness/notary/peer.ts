/** What the witness's own peer says of chains: their stored digests as they stood after one of its newest blocks. */
import type { HashText } from "@quanji/chaincode/log";

/** Where a log stood, and whose it is. */
export interface LogPosition {
  readonly size: number;
  /** Base64url. */
  readonly root: HashText;
  readonly msp: string;
}

export interface HeadPeer {
  /** Number of blocks that were read. */
  readonly height: number;
  /** First block of which it is still known what stood after it. */
  readonly oldest: number;
  /** Name of the network; undefined before its first transaction. */
  net(): Promise<string | undefined>;
  /** Header hash, base64url; undefined for a block that was not read. */
  hashOf(block: number): Promise<string | undefined>;
  /** Undefined if there was no such log. */
  log(origin: string, block: number): Promise<LogPosition | undefined>;
  /** SHA-256 of the sealed head stored under a public key, base64url; undefined if there was none. */
  publicDigest(key: string, block: number): Promise<string | undefined>;
  /** SHA-256 of a private value, base64url, as blocks show it; undefined if there was none. */
  privateHash(collection: string, key: string, block: number): Promise<string | undefined>;
  /** Request of the stop that stood in `stop/<digest>`; undefined if none did. */
  pendingStop(digest: string, block: number): Promise<string | undefined>;
  /** Waits for a block to be read; false if that takes too long. */
  reached(block: number, withinMs: number): Promise<boolean>;
  /** Asks the peer how many blocks it has. Errors: whatever asking it throws. */
  confirm(): Promise<void>;
  /** Latest ledger time, in ms, at which the peer was found to have no block after this one; undefined if that is not known. */
  lastInstant(block: number): number | undefined;
}
