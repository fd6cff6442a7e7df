/** A checkpoint against the trust file: the log signed it, with a key that was good at that size, and witnesses enough. */
import {
  type Checkpoint,
  formatNote,
  type NoteKey,
  openCheckpoint,
  type SignedNote,
  type VerifiedSignature,
} from "@quanji/chaincode/log";
import { isQuorum } from "./policy.js";
import { verifySignature } from "./signatures.js";
import { assertWithin, type OpenedTrust } from "./trust.js";
import { type Level, levelRank, refuse } from "./verdict.js";
import type { Anchoring } from "./anchor/anchored.js";

/** Clocks of witnesses may be ahead of the verifier's by this much. */
export const MAX_AHEAD_MS = 300_000;

/**
 * Answers the level that the signatures on the note reach, and the time (ms since 1970) by which the checkpoint existed: so
 * many organisations cosigned until then that not all of them can be bad; Infinity below a quorum. Errors: LOG_UNKNOWN, LOG_MISMATCH, LOG_SIGNATURE_INVALID,
 * KEY_EXPIRED_AT_SIZE, WITNESS_SIGNATURE_INVALID, TIME_FUTURE.
 */
export async function verifyCheckpoint(
  note: SignedNote,
  log: string,
  trust: OpenedTrust,
): Promise<{ readonly checkpoint: Checkpoint; readonly level: Level; readonly seenMs: number }> {
  if (!trust.logs.has(log)) refuse("LOG_UNKNOWN", "the log is not in the trust file");
  const own = trust.logKeys.filter((row) => row.log === log);
  const { checkpoint, signers, cosigners } = await openCheckpoint(
    formatNote(note),
    own.map(({ key }) => key),
    [...trust.policy.witnesses.values()],
    verifySignature,
  );
  const rows = own.filter((row) => signers.some(({ key }) => key === row.key));
  // Of several keys that signed, one that is good at this size is enough.
  const [first] = rows;
  if (first !== undefined && rows.every((row) => !isWithin(row, checkpoint.size))) assertWithin(first, checkpoint.size);
  for (const { time } of cosigners) assertNotFuture((time ?? 0) * 1000, trust);
  const names = [...trust.policy.witnesses].filter(([, key]) => cosigners.some((signer) => signer.key === key));
  const reached = isQuorum(trust.policy, new Set(names.map(([name]) => name)));
  return {
    checkpoint,
    level: reached ? "cosigned" : "committed",
    seenMs: reached ? seenBy(trust, new Map(names.map(([name, key]) => [name, timeOf(key, cosigners)]))) : Infinity,
  };
}

const timeOf = (key: NoteKey, cosigners: readonly VerifiedSignature[]): number =>
  (cosigners.find((signer) => signer.key === key)?.time ?? 0) * 1000;

/** The latest of the first `withstands` + 1 organisations: at least one of them is honest. */
function seenBy({ policy }: OpenedTrust, times: ReadonlyMap<string, number>): number {
  // Of an organisation with several witnesses its last word counts, so that none is held to a time of another's.
  const last = (name: string): number => {
    const own = times.get(name);
    return own ?? Math.max(-Infinity, ...(policy.groups.get(name)?.members ?? []).map(last));
  };
  const each = policy.organisations.map(last).filter((time) => time > -Infinity);
  return each.sort((a, b) => a - b)[policy.withstands] ?? Infinity;
}

const isWithin = ({ from, to }: { readonly from: number; readonly to: number | undefined }, size: number): boolean =>
  size >= from && (to === undefined || size <= to);

/** A test clock runs ahead of every real one, so there only the other rules hold. Errors: TIME_FUTURE. */
export function assertNotFuture(timeMs: number, { nowMs, trust }: OpenedTrust): void {
  if (!trust.testClock && timeMs > nowMs + MAX_AHEAD_MS) {
    refuse("TIME_FUTURE", "a signature's time lies more than five minutes ahead of this clock");
  }
}

/** The level below which the caller takes nothing: never lower than the trust file's. */
export function requiredLevel(trust: OpenedTrust, asked: Level | undefined): Level {
  return asked !== undefined && levelRank(asked) > levelRank(trust.requiredLevel) ? asked : trust.requiredLevel;
}

/** Errors: WITNESS_QUORUM; ANCHOR_UNPINNED, ANCHOR_MISSING where an anchor is all that it lacks. */
export function assertLevel(
  reached: Level,
  required: Level,
  trust?: Pick<OpenedTrust, "requiredLevel">,
  anchoring?: Pick<Anchoring, "block" | "chain">,
): void {
  if (levelRank(reached) >= levelRank(required)) return;
  const witnessed = trust !== undefined && levelRank(reached) >= levelRank(trust.requiredLevel);
  if (required !== "anchored" || !witnessed) {
    refuse("WITNESS_QUORUM", `the evidence is ${reached}, and ${required} is asked for`);
  }
  if (anchoring === undefined) refuse("ANCHOR_MISSING", "the evidence does not stand in an outside chain yet");
  refuse(
    "ANCHOR_UNPINNED",
    `the evidence stands in block ${anchoring.block} of chain ${anchoring.chain}, which is not known to be final`,
  );
}
