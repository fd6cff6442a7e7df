/**
 * What passes between the gateway's thread and the ledger's: calls with a number, and one answer for each. Only plain data,
 * for the engine copies it from heap to heap.
 */
import { decodeError, encodeError, isQuanjiError, QuanjiError } from "@quanji/chaincode/domain";
import { type Committed, type LedgerBlock, LedgerError, type LedgerFault, type TransactionRequest } from "../ledger.js";
import type { Topology } from "../topology.js";

/** What the ledger's thread is started with. */
export interface ThreadOptions {
  readonly folder: string;
  readonly topology: Topology;
  readonly submitterMsp: string;
  readonly durability: "synced" | "buffered";
}

/** Every call, with what it takes and what it answers. Streams and views are named by numbers of the caller's. */
export interface Calls {
  submit: [{ readonly request: TransactionRequest; readonly vouchers: readonly string[] }, Committed];
  evaluate: [TransactionRequest, string];
  height: [undefined, number];
  find: [string, { block: number; index: number; valid: boolean; result: string } | undefined];
  open: [{ readonly stream: number; readonly from: number }, undefined];
  /** Undefined: the stream has ended. */
  next: [number, LedgerBlock | undefined];
  leave: [number, undefined];
  blockBytes: [number, Uint8Array | undefined];
  view: [number, { readonly block: number; readonly blockHash: string }];
  get: [{ readonly view: number; readonly key: string }, string | undefined];
  getPrivateHash: [{ readonly view: number; readonly collection: string; readonly key: string }, string | undefined];
  release: [number, undefined];
  close: [undefined, undefined];
}
export type CallName = keyof Calls;

export type Call = {
  [N in CallName]: { readonly id: number; readonly name: N; readonly argument: Calls[N][0] };
}[CallName];

export type Answer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: WireError }
  /** What a contract threw by mistake: for the log. */
  | { readonly report: { readonly error: WireError; readonly transaction: string } };

/** An error as data. `quanji`: its encoded form, or that of its cause. */
export interface WireError {
  readonly message: string;
  readonly stack: string | undefined;
  readonly fault?: LedgerFault;
  readonly txId?: string;
  readonly quanji?: string;
}

export function toWire(error: unknown): WireError {
  if (!(error instanceof Error)) return { message: String(error), stack: undefined };
  const { message, stack } = error;
  if (isQuanjiError(error)) return { message, stack, quanji: encodeError(error) };
  if (!(error instanceof LedgerError)) return { message, stack };
  const { fault, txId, cause } = error;
  return {
    message,
    stack,
    fault,
    ...(txId !== undefined && { txId }),
    ...(isQuanjiError(cause) && { quanji: encodeError(cause) }),
  };
}

export function fromWire({ message, stack, fault, txId, quanji }: WireError): Error {
  const cause = quanji === undefined ? undefined : decodeError(quanji);
  if (fault !== undefined) return new LedgerError(fault, message, { ...(txId !== undefined && { txId }), cause });
  if (cause !== undefined) return cause;
  const error = new QuanjiError("INTERNAL", message);
  if (stack !== undefined) error.stack = stack;
  return error;
}
