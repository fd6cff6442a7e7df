/** A batch whose transaction came back without an outcome, and how its fate is told from the ledger. */
import type { Ledger } from "../ledger/ledger.js";
import type { ReadModel } from "../readmodel/readmodel.js";
import { holds } from "./answerer.js";
import type { Head } from "./head.js";
import type { Batch } from "./lane.js";

/** A batch as it was submitted. */
export interface Attempt {
  readonly batch: Batch;
  /** The head that it expects. */
  readonly head: Head;
  /** Time of its last record: the log's, once it is committed. */
  readonly lastMs: number;
}

export interface Doubt extends Attempt {
  /** Undefined if the ledger did not even say that. */
  readonly txId: string | undefined;
}

/** Where a batch was committed. `result` is undefined where only the record was seen. */
export interface Placed {
  readonly block: number;
  readonly txId: string;
  readonly result: string | undefined;
}

/** `void`: not committed, and never will be. `open`: ask again. */
export type Fate =
  { readonly kind: "committed"; readonly placed: Placed } | { readonly kind: "void" } | { readonly kind: "open" };

const OPEN: Fate = { kind: "open" };
const VOID: Fate = { kind: "void" };

export interface Sources {
  readonly ledger: Pick<Ledger, "find">;
  readonly readModel: Pick<ReadModel, "record">;
  readonly log: string;
  /** The newest head that is known. */
  readonly head: () => Head | undefined;
}

/** Never throws: whoever cannot be asked leaves the fate open. */
export async function fateOf(doubt: Doubt, sources: Sources): Promise<Fate> {
  try {
    return doubt.txId === undefined ? await byPlace(doubt, sources) : await byTransaction(doubt, doubt.txId, sources);
  } catch {
    return OPEN; // a ledger or read model that fails now is asked again, until the records are too old
  }
}

async function byTransaction({ head }: Doubt, txId: string, sources: Sources): Promise<Fate> {
  // Looked at before the blocks are: what moved the head stands in them, so if this transaction does not by then, another
  // one took the head that it expects, and MVCC can only find it invalid.
  const moved = (sources.head()?.size ?? 0) > head.size;
  const found = await sources.ledger.find(txId);
  if (found?.valid === true) return { kind: "committed", placed: { block: found.block, txId, result: found.result } };
  return found !== undefined || moved ? VOID : OPEN;
}

/** Without a transaction's id, whose record stands at the expected place tells. */
async function byPlace({ batch, head }: Doubt, { log, readModel }: Sources): Promise<Fate> {
  const known = await readModel.record(log, head.size);
  const first = batch.entries[0];
  if (known === undefined || first === undefined) return OPEN;
  if (!holds(known, first)) return VOID;
  return { kind: "committed", placed: { block: known.block, txId: known.txId, result: undefined } };
}
