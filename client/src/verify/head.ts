/** The attested end of a chain: a head note under the trust file's heads keys, and the opening of the digest it states. */
import { instant } from "@quanji/chaincode/domain";
import {
  type ChainHead,
  type ChainKey,
  chainStart,
  emptyHead,
  equalBytes,
  type HeadNote,
  hashText,
  type NoteKey,
  parseHeadNote,
  parseNote,
  PUBLIC_SALT,
  type SignedNote,
  sealedDigest,
  verifySignatures,
} from "@quanji/chaincode/log";
import { assertNotFuture } from "./checkpoint.js";
import { isQuorum } from "./policy.js";
import { verifySignature } from "./signatures.js";
import type { OpenedTrust } from "./trust.js";
import { refuse } from "./verdict.js";

/** A sealed head, opened. */
export interface SealedHead extends ChainHead {
  readonly salt: string;
}

export interface AttestedHead {
  /** Undefined: `state none`, the chain was never touched. */
  readonly head: ChainHead | undefined;
  /** Position at which it was the newest: a log's size and root, or a block. */
  readonly at: HeadNote["at"];
  /** Until then nothing was added. */
  readonly time: string;
}

export interface ExpectedHead {
  readonly key: ChainKey;
  /** A log's origin, or the network. */
  readonly scope: string;
  /** Everybody may read the head, so it is sealed with the all-zero salt. */
  readonly isPublic: boolean;
}

/** Errors: NOTE_MALFORMED …, LOG_SIGNATURE_INVALID, KEY_PURPOSE, WITNESS_QUORUM, CHAIN_KEY, TIME_FUTURE, STATE_OPENING. */
export async function verifyHead(
  text: string,
  opening: SealedHead | undefined,
  expected: ExpectedHead,
  trust: OpenedTrust,
): Promise<AttestedHead> {
  const signed = parseNote(text);
  const note = parseHeadNote(signed.text);
  await assertSigned(signed, trust);
  if (!equalBytes(note.key, chainStart(expected.key))) refuse("CHAIN_KEY", "the head note is for another key's chain");
  if (note.at.scope !== expected.scope) refuse("CHAIN_KEY", "the head note's position is in another log or network");
  assertNotFuture(note.time * 1000, trust);
  return { head: openState(note, opening, expected), at: note.at, time: timeOf(note) };
}

async function assertSigned(note: SignedNote, trust: OpenedTrust): Promise<void> {
  const heads = [...trust.heads];
  const signers = await verifySignatures(
    note,
    heads.map(([, key]) => key),
    verifySignature,
  );
  if (signers.length === 0) {
    const others: readonly NoteKey[] = [...trust.logKeys.map(({ key }) => key), ...trust.policy.witnesses.values()];
    const misused = note.signatures.some(({ name, id }) => others.some((key) => key.name === name && key.id === id));
    if (misused) refuse("KEY_PURPOSE", "the head note is signed by a key of another purpose");
    refuse("LOG_SIGNATURE_INVALID", "the head note is not signed by a heads key of the trust file");
  }
  if (trust.policy.quorum === undefined) return;
  // Only by the names of the quorum's own members: a heads key that is named like a group would be all of it.
  const organisations = heads
    .filter(([org, key]) => trust.policy.organisations.includes(org) && signers.some((signer) => signer.key === key))
    .map(([org]) => org);
  if (!isQuorum(trust.policy, new Set(organisations))) {
    refuse("WITNESS_QUORUM", "too few organisations signed the head note");
  }
}

function openState(note: HeadNote, opening: SealedHead | undefined, expected: ExpectedHead): ChainHead | undefined {
  if (note.state === "none") {
    const { h } = emptyHead(expected.key);
    if (opening !== undefined && (opening.n !== 0 || opening.h !== h || opening.salt !== PUBLIC_SALT)) {
      refuse("STATE_OPENING", "the note says that the chain was never touched, the opening says otherwise");
    }
    return undefined;
  }
  if (opening === undefined) return refuse("STATE_OPENING", "the note's state is not opened");
  const { h, n, salt } = opening;
  if (expected.isPublic && salt !== PUBLIC_SALT) refuse("STATE_OPENING", "a public head is sealed with the zero salt");
  if (sealedDigest({ h, n }, salt) !== hashText(note.state)) {
    refuse("STATE_OPENING", "the opening is not that of the note's state");
  }
  return { h, n };
}

function timeOf({ time }: HeadNote): string {
  const ms = time * 1000;
  if (ms > 8.64e15) refuse("HEAD_NOTE_MALFORMED", "the note's time is beyond every calendar");
  return instant(ms);
}
