/** One transaction to its certain end: retried where nothing happened, resolved from the blocks where nobody knows. */
import { isQuanjiError, QuanjiError } from "@quanji/chaincode/domain";
import { type Committed, type Ledger, LedgerError, type TransactionRequest } from "../ledger/ledger.js";

export interface Patience {
  /** Endorsements in all. */
  readonly attempts: number;
  /** Looks for a transaction whose outcome is unknown. */
  readonly looks: number;
  readonly pause: (ms: number) => Promise<void>;
}

/** First pause; it doubles. Conflicts are between transactions of one block, so the next block is soon enough. */
const FIRST_PAUSE_MS = 8;
/** What a log's batches change is free for a moment between any two of them: who needs it looks often. */
const LONGEST_PAUSE_MS = 128;
const pauseAfter = (attempt: number): number => Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (attempt - 1));

const notRecorded = (message: string, detail: string, cause: unknown): QuanjiError =>
  new QuanjiError("NOT_RECORDED", message, { detail, cause });

/**
 * Errors: the chaincode's own; NOT_RECORDED · CONFLICT, UNAVAILABLE (nothing happened: send the same command again),
 * UNKNOWN_OUTCOME (send the same command again: it takes effect once at most); INTERNAL.
 */
export async function submitSurely(
  ledger: Pick<Ledger, "submit" | "find">,
  transaction: TransactionRequest,
  patience: Patience,
): Promise<Committed> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await ledger.submit(transaction);
    } catch (error) {
      if (!(error instanceof LedgerError)) throw error;
      const committed = await afterFault(ledger, error, patience);
      if (committed !== undefined) return committed;
      if (attempt >= patience.attempts) {
        throw notRecorded("others keep changing the same object: send the command again", "CONFLICT", error);
      }
      await patience.pause(pauseAfter(attempt));
    }
  }
}

/** A ledger that cannot say now is asked again, like one that has not seen the transaction yet. */
function unavailable(error: unknown): undefined {
  if (error instanceof LedgerError && error.fault === "UNAVAILABLE") return undefined;
  throw error;
}

/** The commit after all; undefined if another attempt may follow; throws otherwise. */
async function afterFault(
  ledger: Pick<Ledger, "find">,
  error: LedgerError,
  patience: Patience,
): Promise<Committed | undefined> {
  switch (error.fault) {
    case "REFUSED":
      throw isQuanjiError(error.cause) ? error.cause : error;
    case "CONFLICT":
    case "MISMATCH":
      return undefined;
    case "UNKNOWN":
      return resolve(ledger, error, patience);
    case "UNAVAILABLE":
      throw notRecorded("the ledger cannot be reached: nothing happened", "UNAVAILABLE", error);
    case "POLICY":
      throw new QuanjiError("INTERNAL", "the ledger's policy was not met", { cause: error });
  }
}

async function resolve(
  ledger: Pick<Ledger, "find">,
  error: LedgerError,
  patience: Patience,
): Promise<Committed | undefined> {
  const { txId } = error;
  for (let look = 0; txId !== undefined && look < patience.looks; look++) {
    const found = await ledger.find(txId).catch(unavailable);
    if (found?.valid === true) return { block: found.block, index: found.index, txId, result: found.result };
    if (found !== undefined) return undefined;
    await patience.pause(FIRST_PAUSE_MS * 2 ** look);
  }
  throw notRecorded("whether it committed is not known yet: send the same command again", "UNKNOWN_OUTCOME", error);
}
