/**
 * Faults that tests switch on, and that one process would never show by itself. Absent in service. Each member is asked at
 * its moment and may answer differently every time.
 */

/**
 * Moments of a commit, in order: a block's transactions are taken from the queue; the block is built and sealed; its batch
 * is about to be written; the batch is on disk; the submitters have their answer.
 */
export const COMMIT_STEPS = ["taken", "built", "write", "written", "acknowledged"] as const;
export type CommitStep = (typeof COMMIT_STEPS)[number];

export interface Submission {
  readonly txId: string;
  /** `contract:function`. */
  readonly name: string;
}

export interface Hooks {
  /** By how many blocks that organisation's peer lags when it simulates; at most {@link MAX_LAG}. */
  lag?(msp: string, submission: Submission): number;
  /** Milliseconds that that organisation's clock is ahead (or, negative, behind). */
  skewMs?(msp: string): number;
  /** The result that that organisation's peer answers instead of `result`: makes a MISMATCH. */
  answer?(msp: string, result: string, submission: Submission): string;
  /** True: another, valid transaction rewrites a key that this one read, just before it: an MVCC_READ_CONFLICT. */
  conflict?(submission: Submission): boolean;
  /** The caller gets UNKNOWN, and the transaction was in truth never ordered (`lost`) or committed (`committed`). */
  unknown?(submission: Submission): "lost" | "committed" | undefined;
  /** A throw fails the commit there, as a failing disk does: the ledger stops until it is opened again. */
  atStep?(step: CommitStep, block: number): void | Promise<void>;
}

/** Heights that are kept for {@link Hooks.lag}. */
export const MAX_LAG = 8;
