/**
 * The `Ledger` port: what the gateway sees of a ledger. Adapters: embedded/ (one process) and fabric/.
 * Every call has a deadline of the adapter's; none hangs.
 */

/** One transaction to endorse, order and commit. Arguments are public for ever; transient data is not. */
export interface TransactionRequest {
  /** `contract:function`. */
  readonly name: string;
  readonly args: readonly string[];
  readonly transient?: Readonly<Record<string, string>>;
  /** MSPs whose endorsement is asked for. Default: what the chaincode's policy and the gateway's collection need. */
  readonly endorsers?: readonly string[];
}

/** Position and result of a committed, VALID transaction. */
export interface Committed {
  readonly block: number;
  /** Position of the transaction in its block, from 0. */
  readonly index: number;
  readonly txId: string;
  readonly result: string;
}

/** Why a submit did not end in {@link Committed}. `REFUSED` carries the chaincode's QuanjiError as `cause`. */
export type LedgerFault =
  /** The chaincode threw: nothing was ordered. */
  | "REFUSED"
  /** MVCC_READ_CONFLICT: ordered, invalid, no effect. */
  | "CONFLICT"
  /** Endorsers answered differently, or one lags: nothing was ordered. Retry in milliseconds. */
  | "MISMATCH"
  /** ENDORSEMENT_POLICY_FAILURE: ordered, invalid, no effect. */
  | "POLICY"
  /** Nobody knows: look for `txId` in the blocks before anything is answered. */
  | "UNKNOWN"
  /** The ledger cannot be reached or is closed: nothing was ordered. */
  | "UNAVAILABLE";

export class LedgerError extends Error {
  readonly fault: LedgerFault;
  readonly txId: string | undefined;

  constructor(fault: LedgerFault, message: string, options: { txId?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "LedgerError";
    this.fault = fault;
    this.txId = options.txId;
  }
}

/** One write of a transaction. Private writes are given only for collections that this organisation is a member of. */
export interface Write {
  /** Undefined for public state. */
  readonly collection?: string;
  readonly key: string;
  readonly value: string;
}

/** A private key, by SHA-256 of its name in lower-case hex: all that the block says of it. */
export interface HashedKey {
  readonly collection: string;
  readonly keyHash: string;
}

/** A private write as blocks show it to everybody. */
export interface HashedWrite extends HashedKey {
  /** SHA-256 of the value, base64url; undefined where the key was deleted or purged. */
  readonly valueHash: string | undefined;
}

export interface BlockTransaction {
  readonly txId: string;
  readonly index: number;
  /** Only a valid transaction has effects; `writes` and `event` of an invalid one are empty. */
  readonly valid: boolean;
  /** Fabric's TxValidationCode, e.g. `VALID`, `MVCC_READ_CONFLICT`. */
  readonly validationCode: string;
  readonly timestampMs: number;
  readonly name: string;
  readonly args: readonly string[];
  readonly writes: readonly Write[];
  readonly event?: { readonly name: string; readonly payload: string };
  /** Private keys that this transaction purges, of any collection. Absent: none. */
  readonly purges?: readonly HashedKey[];
  /**
   * Private keys that it wrote, in collections that this organisation is a member of, whose values a later transaction has
   * purged: they are not in `writes`, and nobody has them any more. Absent: none.
   */
  readonly purged?: readonly HashedKey[];
  /**
   * Its private writes in any collection, this organisation's or not. Absent where the ledger does not say, and then `writes`
   * holds all that there are.
   */
  readonly hashes?: readonly HashedWrite[];
}

export interface LedgerBlock {
  readonly number: number;
  /** SHA-256 of the DER of the header, base64url. */
  readonly hash: string;
  /** What the state came to with this block, base64url, chained as Fabric's peers do; absent where the peer keeps none. */
  readonly commitHash?: string;
  readonly transactions: readonly BlockTransaction[];
}

/** A stream that can be left early: `for await`, `using`, or `close()`. */
export interface BlockStream extends AsyncIterable<LedgerBlock>, AsyncDisposable {
  close(): Promise<void>;
}

/**
 * A value and its sealed digest at one height: what a witness of this organisation reads from its own peer. Dispose it soon
 * (`await using`): while it is held, the ledger keeps what that height saw.
 */
export interface WitnessView extends AsyncDisposable {
  /** Newest block when the view was taken. */
  readonly block: number;
  /** Header hash of that block, base64url. */
  readonly blockHash: string;
  get(key: string): Promise<string | undefined>;
  /** SHA-256 of a private value, base64url; undefined if the key was never written. */
  getPrivateHash(collection: string, key: string): Promise<string | undefined>;
}

export interface Ledger {
  /** Resolves once the transaction is committed, synced and VALID. Throws {@link LedgerError} otherwise. */
  submit(transaction: TransactionRequest): Promise<Committed>;
  /** Simulates without ordering; answers the chaincode's result. Throws LedgerError REFUSED or UNAVAILABLE. */
  evaluate(transaction: TransactionRequest): Promise<string>;
  /** All blocks from `from` on, then new ones as they commit. Resumable at any number. */
  blocks(from: number): BlockStream;
  /** Number of blocks. */
  height(): Promise<number>;
  /** Where a transaction stands, if it was ordered and committed: how an unknown outcome is resolved. */
  find(txId: string): Promise<{ block: number; index: number; valid: boolean; result: string } | undefined>;
  /** A block as it is stored, a serialised Fabric `Block`; undefined if there is none yet. */
  blockBytes?(number: number): Promise<Uint8Array | undefined>;
  /** A consistent view for stating heads (see witness/). */
  view(): Promise<WitnessView>;
  close(): Promise<void>;
}
