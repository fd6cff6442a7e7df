/**
 * How transactions reach the network: the one thing in which the two client libraries differ. Blocks come the same way with
 * both (see delivery.ts), and so does the knowledge of what was committed.
 */
import { common } from "@hyperledger/fabric-protos";
import type { TransactionRequest } from "../ledger.js";

/** Endorsed and signed, not yet ordered. */
export interface Endorsed {
  readonly txId: string;
  /** What the chaincode answered. */
  readonly result: string;
  /**
   * Hands the envelope to the orderers; always the same bytes, so calling it again can never make a second transaction.
   * Resolves when an orderer has taken it, which does not mean that it will be committed. Throws LedgerError REFUSED or
   * UNAVAILABLE if it is certain that no orderer took it *now*, {@link Unsure} otherwise.
   */
  broadcast(): Promise<void>;
}

/** Nobody knows whether an orderer took the envelope. */
export class Unsure extends Error {
  override readonly name = "Unsure";
}

export interface Connector {
  /** Throws LedgerError REFUSED, MISMATCH or UNAVAILABLE: nothing was ordered. */
  endorse(request: TransactionRequest): Promise<Endorsed>;
  /** Throws LedgerError REFUSED or UNAVAILABLE. */
  evaluate(request: TransactionRequest): Promise<string>;
  /** Number of blocks at one of the organisation's own peers. Throws LedgerError UNAVAILABLE. */
  height(): Promise<number>;
  /** A serialised `Block` as one of the organisation's own peers stores it. Throws LedgerError REFUSED (no such block), UNAVAILABLE. */
  block(number: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

/**
 * The organisations whose endorsement is asked for. A regulator's transaction may concern any organisation's collection, so
 * there the network is asked whom it needs: undefined.
 */
export function endorsersOf(
  { endorsers }: TransactionRequest,
  { msp, regulator }: { readonly msp: string; readonly regulator: string },
): readonly string[] | undefined {
  if (endorsers !== undefined && endorsers.length > 0) return [...new Set(endorsers)];
  return msp === regulator ? undefined : [msp, regulator];
}

/** How a peer is asked for a block: the channel and its number. */
export const BLOCK_BY_NUMBER = { chaincode: "qscc", name: "GetBlockByNumber" } as const;

/** How a peer is asked for its height. */
export const CHAIN_INFO = { chaincode: "qscc", name: "GetChainInfo" } as const;
export const heightIn = (answer: Uint8Array): number => common.BlockchainInfo.deserializeBinary(answer).getHeight();
