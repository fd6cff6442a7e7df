/**
 * Two block notes that cannot both be true of one ledger: other blocks under one number, or one block after which two peers came
 * to different states. Whoever signed both told two stories. Signed by two, it shows that two peers differ, not which is right.
 */
import type { BlockForkProof } from "@quanji/chaincode/domain";
import {
  type BlockNote,
  equalBytes,
  hashText,
  type NoteKey,
  parseBlockNote,
  parseNote,
  verifySignatures,
} from "@quanji/chaincode/log";
import { verifySignature } from "../signatures.js";
import type { OpenedTrust } from "../trust.js";
import { refuse } from "../verdict.js";
import type { Accused, Shown } from "./verdict.js";

interface Said {
  readonly note: BlockNote;
  readonly signers: readonly NoteKey[];
}

export async function checkBlockFork(fork: BlockForkProof, trust: OpenedTrust): Promise<Shown> {
  // 1. Witnesses of the trust file signed both.
  const [one, other] = [await readSigned(fork.one, trust), await readSigned(fork.other, trust)];

  // 2. Both speak of one block of the ledger that the trust file pins.
  if ([one, other].some(({ note }) => hashText(note.ledger) !== trust.trust.genesis)) {
    refuse("NETWORK_MISMATCH", "a block note is of another ledger than the trust file's");
  }
  const { number } = one.note.block;
  if (other.note.block.number !== number) refuse("FORK_UNPROVEN", "the two notes are of different blocks");

  // 3. They contradict each other.
  const differs = differenceOf(one.note, other.note);
  if (differs === undefined) return refuse("FORK_UNPROVEN", "the two notes do not contradict each other");
  return { shows: "block-fork", accused: accusedOf(one, other), block: { number, differs } };
}

async function readSigned(text: string, trust: OpenedTrust): Promise<Said> {
  const signed = parseNote(text);
  const note = parseBlockNote(signed.text);
  const signers = (await verifySignatures(signed, [...trust.blocks.values()], verifySignature)).map(({ key }) => key);
  if (signers.length === 0) {
    refuse("LOG_SIGNATURE_INVALID", "a block note is not signed by a key of the trust file for such notes");
  }
  return { note, signers };
}

/** A peer that keeps no such hash contradicts nobody by that. */
export function differenceOf(one: BlockNote, other: BlockNote): "header" | "state" | undefined {
  if (!equalBytes(one.block.hash, other.block.hash)) return "header";
  if (one.commit === "none" || other.commit === "none" || equalBytes(one.commit, other.commit)) return undefined;
  return "state";
}

function accusedOf(one: Said, other: Said): readonly Accused[] {
  const both = one.signers.filter((key) => other.signers.includes(key));
  if (both.length > 0) return both.map(({ name }) => ({ name, role: "blocks" as const }));
  return [...one.signers, ...other.signers].map(({ name }) => ({
    name,
    role: "blocks" as const,
    either: true as const,
  }));
}
