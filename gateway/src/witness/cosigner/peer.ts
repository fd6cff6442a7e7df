/** What the witness's own peer says of a log: the heads that its committed blocks have written, and nothing of the gateway's. */
import type { HashText } from "@quanji/chaincode/log";

/** A head that a checkpoint may state. */
export type Standing =
  /** The peer has committed this size, with this root (base64url). */
  | { readonly state: "committed"; readonly root: HashText }
  /** The peer's log is smaller: it may be behind. */
  | { readonly state: "behind" }
  /** The peer's log is larger and never stood at this size. */
  | { readonly state: "never" };

export interface Peer {
  /** Verifier keys of a log as registered on the ledger; empty if there is no such log. */
  vkeys(origin: string): Promise<readonly string[]>;
  standing(origin: string, size: number): Promise<Standing>;
  /** Largest size that the peer has committed; undefined if there is no such log. */
  newest(origin: string): Promise<number | undefined>;
}
