/** That a record is in its log: recomputed leaf, audit path, signed checkpoint. */
import { type Hash, parseTlogProof, verifyTlogProof } from "@quanji/chaincode/log";
import { msOf } from "@quanji/chaincode/domain";
import { MAX_AHEAD_MS, verifyCheckpoint } from "./checkpoint.js";
import type { OpenedTrust } from "./trust.js";
import { type Level, refuse } from "./verdict.js";

export interface Included {
  readonly level: Level;
  readonly size: number;
  readonly root: Hash;
}

/** A record of any type, as far as its place concerns. */
export interface Recorded {
  readonly leaf: Hash;
  readonly record: {
    readonly face: { readonly index: number; readonly log: string };
    readonly body: { readonly time: string };
  };
}

/** Errors: INDEX_MISMATCH, LOG_MISMATCH, TIME_BRACKET (cosigned before the record says that it was made), INDEX_RANGE, PROOF_LENGTH, INCLUSION_INVALID, and those of {@link verifyCheckpoint}. */
export async function verifyIncluded(
  { record, leaf }: Recorded,
  proofText: string,
  trust: OpenedTrust,
): Promise<Included> {
  const proof = parseTlogProof(proofText);
  const { index, log } = record.face;
  if (proof.index !== index) refuse("INDEX_MISMATCH", "the proof is for another index than the record's");
  if (proof.checkpoint.origin !== log) refuse("LOG_MISMATCH", "the proof is from another log than the record's");
  const { checkpoint, level, seenMs } = await verifyCheckpoint(proof.note, log, trust);
  verifyTlogProof(proof, leaf);
  if (msOf(record.body.time) > seenMs + MAX_AHEAD_MS) {
    refuse("TIME_BRACKET", "the record's time is later than that at which organisations cosigned a log that holds it");
  }
  return { level, size: checkpoint.size, root: checkpoint.root };
}
