/** That a record is in its log: recomputed leaf, audit path, signed checkpoint. */
import { type Hash, parseTlogProof, verifyTlogProof } from "@quanji/chaincode/log";
import { MAX_AHEAD_MS, verifyCheckpoint } from "./checkpoint.js";
import type { OpenedRecord } from "./record.js";
import type { OpenedTrust } from "./trust.js";
import { type Level, refuse } from "./verdict.js";

export interface Included {
  readonly level: Level;
  readonly size: number;
  readonly root: Hash;
}

/** An entry of a log, shown or sealed: then nobody knows its time. */
export interface Entry {
  readonly leaf: Hash;
  readonly log: string;
  readonly index: number;
  readonly timeMs: number | undefined;
}

export const entryOf = ({ record, leaf, timeMs }: OpenedRecord): Entry => ({
  leaf,
  log: record.face.log,
  index: record.face.index,
  timeMs,
});

export const verifyIncluded = (opened: OpenedRecord, proofText: string, trust: OpenedTrust): Promise<Included> =>
  verifyEntry(entryOf(opened), proofText, trust);

/** Errors: INDEX_MISMATCH, LOG_MISMATCH, TIME_BRACKET (cosigned before the record says that it was made), INDEX_RANGE, PROOF_LENGTH, INCLUSION_INVALID, and those of {@link verifyCheckpoint}. */
export async function verifyEntry(
  { leaf, log, index, timeMs }: Entry,
  proofText: string,
  trust: OpenedTrust,
): Promise<Included> {
  const proof = parseTlogProof(proofText);
  if (proof.index !== index) refuse("INDEX_MISMATCH", "the proof is for another index than the record's");
  if (proof.checkpoint.origin !== log) refuse("LOG_MISMATCH", "the proof is from another log than the record's");
  const { checkpoint, level, seenMs } = await verifyCheckpoint(proof.note, log, trust);
  verifyTlogProof(proof, leaf);
  if (timeMs !== undefined && timeMs > seenMs + MAX_AHEAD_MS) {
    refuse("TIME_BRACKET", "the record's time is later than that at which organisations cosigned a log that holds it");
  }
  return { level, size: checkpoint.size, root: checkpoint.root };
}
