/**
 * A head note and a record that it leaves out: the record is in the very tree whose root the note names, and in the chain whose
 * head the note states, but the head does not count it. That is how a tail is hidden.
 */
import type { HeadLieProof } from "@quanji/chaincode/domain";
import {
  type ChainHead,
  chainStart,
  equalBytes,
  extend,
  type HeadNote,
  hashText,
  type Opening,
  parseHash,
  parseHeadNote,
  parseNote,
  sealedDigest,
  verifyInclusion,
  verifySignatures,
} from "@quanji/chaincode/log";
import { openLink } from "../openings.js";
import { openRecord, touches } from "../record.js";
import { verifySignature } from "../signatures.js";
import type { OpenedTrust } from "../trust.js";
import { refuse } from "../verdict.js";
import type { Shown } from "./verdict.js";

export async function checkHeadLie(proof: HeadLieProof, trust: OpenedTrust): Promise<Shown> {
  // 1. Somebody whom the trust file knows signed the note.
  const signed = parseNote(proof.note);
  const note = parseHeadNote(signed.text);
  const signers = await verifySignatures(signed, [...trust.heads.values()], verifySignature);
  if (signers.length === 0) {
    refuse("LOG_SIGNATURE_INVALID", "the head note is not signed by a heads key of the trust file");
  }

  // 2. The record is of the note's chain, and in the tree that the note names.
  const opened = openRecord(proof.record);
  const { log, index } = opened.record.face;
  const id = touches(opened.record, proof.link);
  if (log !== note.at.scope) refuse("LOG_MISMATCH", "the record is of another log than the head note");
  if (id === undefined || !equalBytes(note.key, chainStart({ scope: log, kind: proof.link, id }))) {
    refuse("CHAIN_KEY", "the head note is for another object's chain than the record's");
  }
  const { number: size, hash: root } = note.at;
  verifyInclusion({ index, size, leaf: opened.leaf, root, proof: proof.path.map(parseHash) });

  // 3. The head that the note states does not count it.
  const before = openLink(opened.record, proof.link, proof.linkOpening as Opening);
  if (counts(stated(note, proof.opening), before, extend(before, opened.leaf))) {
    refuse("FORK_UNPROVEN", "the head may count the record: the file shows no contradiction");
  }
  return {
    shows: "head-lie",
    accused: signers.map(({ key }) => ({ name: key.name, role: "heads" as const })),
    log,
    indexes: [index],
  };
}

/** Undefined: `state none`. Errors: STATE_OPENING. */
function stated({ state }: HeadNote, opening: HeadLieProof["opening"]): ChainHead | undefined {
  if (state === "none") return undefined;
  const head = opening as (ChainHead & { readonly salt: string }) | undefined;
  if (head === undefined || sealedDigest(head, head.salt) !== hashText(state)) {
    return refuse("STATE_OPENING", "the opening is not that of the note's state");
  }
  return head;
}

/** Whether a head may be that of a chain with a record that stands after `before`. */
function counts(head: ChainHead | undefined, before: ChainHead, after: ChainHead): boolean {
  if (head === undefined || head.n <= before.n) return false;
  return head.n !== after.n || head.h === after.h;
}
