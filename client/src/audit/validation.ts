/**
 * Which transactions of a block have effect: derived, so that the validity bytes, which nobody signs, can be compared. Two
 * passes as in a peer: each transaction against the state before the block; then conflicts, one after another.
 * @see fabric core/committer/txvalidator/v20, core/ledger/kvledger/txmgmt/validation
 */
import type { ChannelConfig } from "./config.js";
import { endorsementFault, keysOf } from "./endorsement.js";
import { fail } from "./findings.js";
import type { NamespaceSet, RangeRead, Read as KeyRead, Version } from "./rwset.js";
import { applySets, type State, stateKey, type Updates } from "./state.js";
import type { Code, Read } from "./transaction.js";

export interface Validated {
  readonly codes: readonly Code[];
  readonly updates: Updates;
}

/** @param state before the block. Errors: TX_UNSUPPORTED. */
export function validateBlock(block: number, reads: readonly Read[], state: State, config: ChannelConfig): Validated {
  const codes = checkAlone(block, reads, state, config);
  const updates: Updates = new Map();
  reads.forEach((read, tx) => {
    if ("fault" in read || codes[tx] !== "VALID") return;
    const conflict = conflictOf(read.sets, updates, state, { block, tx });
    if (conflict === undefined) applySets(read.sets, { block, tx }, updates, state);
    else codes[tx] = conflict;
  });
  return { codes, updates };
}

function checkAlone(block: number, reads: readonly Read[], state: State, config: ChannelConfig): Code[] {
  const moved = new Set<string>();
  const ids = new Set<string>();
  const codes = reads.map((read, tx): Code => {
    if ("fault" in read) return read.fault;
    const isDouble = state.isKnown(read.txId) || (config.kind === "embedded" && ids.has(read.txId));
    if (isDouble) return "DUPLICATE_TXID";
    if (config.kind === "embedded") ids.add(read.txId);
    const fault = judged(() => endorsementFault(read, moved, state, config), { block, tx });
    if (fault !== undefined) return fault;
    for (const set of read.sets) {
      for (const { collection, key, isPolicy } of keysOf(set)) {
        if (isPolicy) moved.add(stateKey(set.namespace, collection, key));
      }
    }
    return "VALID";
  });
  // A Fabric peer looks for doubles within a block last, and among those that are valid so far.
  if (config.kind === "embedded") return codes;
  return codes.map((code, tx) => {
    const txId = reads[tx]?.txId ?? "";
    if (code !== "VALID") return code;
    if (ids.has(txId)) return "DUPLICATE_TXID";
    ids.add(txId);
    return code;
  });
}

/** Errors: TX_UNSUPPORTED, for a definition that nobody here can judge. */
function judged<T>(judge: () => T, place: Version): T {
  try {
    return judge();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return fail("TX_UNSUPPORTED", error.message, place);
  }
}

/** Whether something that was read has changed since: in an earlier block, or earlier in this one. */
function conflictOf(sets: readonly NamespaceSet[], updates: Updates, state: State, place: Version): Code | undefined {
  const changed = (at: string, { version }: KeyRead): boolean => updates.has(at) || !isVersion(state.get(at), version);
  for (const { namespace, reads, ranges, collections } of sets) {
    if (reads.some((read) => changed(stateKey(namespace, "", read.key), read))) return "MVCC_READ_CONFLICT";
    if (ranges.some((range) => !isUnchanged(namespace, range, updates, state, place))) return "PHANTOM_READ_CONFLICT";
    for (const { name, reads: hashed } of collections) {
      if (hashed.some((read) => changed(stateKey(namespace, name, read.key), read))) return "MVCC_READ_CONFLICT";
    }
  }
  return undefined;
}

const isVersion = (entry: Version | undefined, version: Version | undefined): boolean =>
  entry?.block === version?.block && entry?.tx === version?.tx;

/** A range read again gives the same keys in the same versions. Errors: TX_UNSUPPORTED, if only hashes of them are there. */
function isUnchanged(namespace: string, range: RangeRead, updates: Updates, state: State, place: Version): boolean {
  const { start, end, exhausted, reads } = range;
  if (reads === undefined) return fail("TX_UNSUPPORTED", "a long range of keys was read and only hashed", place);
  const found = state.range(namespace, start, end, updates).filter(([key]) => !exhausted || end === "" || key !== end);
  return (
    found.length === reads.length &&
    reads.every(({ key, version }, i) => found[i]?.[0] === key && isVersion(found[i][1], version))
  );
}
