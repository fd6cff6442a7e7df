import { LedgerError } from "../ledger.js";
import type { StateReader } from "./store.js";
import type { Outcome, Transaction } from "./transaction.js";

/**
 * What another transaction must do so that `victim` conflicts: write a public key that it read, with the value it has.
 * Throws UNAVAILABLE if the victim read no public key that exists. @see Hooks.conflict
 */
export function conflictWith({ rwset, txId }: Transaction, state: StateReader): Outcome {
  for (const { key } of rwset.reads) {
    const value = state.getPublic(key)?.value;
    if (value !== undefined) {
      return {
        result: "",
        event: undefined,
        rwset: { reads: [], writes: [{ key, value }], policies: [], collections: [] },
      };
    }
  }
  throw new LedgerError("UNAVAILABLE", "no conflict can be made: the transaction read no public key that exists", {
    txId,
  });
}
