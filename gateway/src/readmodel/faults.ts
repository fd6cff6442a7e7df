/**
 * What the index refuses to take over from a block: the ledger then says two things at once. Such a fault is final, for an
 * index that passed it silently would hand out proofs that nobody can verify.
 */
import { QuanjiError } from "@quanji/chaincode/domain";

export type Mismatch =
  /** A record's bytes do not make the leaf that the block's event states. */
  | "LEAF_MISMATCH"
  /** Leaves without the records of this organisation's own log, or records without leaves. */
  | "RECORD_MISSING"
  /** Leaves do not begin where the log ends. */
  | "INDEX_MISMATCH"
  /** Size or root in state are not those of the tree. */
  | "FORK"
  /** A record's link does not continue its chain. */
  | "CHAIN_FORK"
  /** A chain's stored head is absent or another one. */
  | "STATE_OPENING";

/** Code PROOF_INVALID; `detail` says which, the message where. */
export const mismatch = (detail: Mismatch, message: string): QuanjiError =>
  new QuanjiError("PROOF_INVALID", `the index stops: ${message}`, { detail });
