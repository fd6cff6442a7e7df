/**
 * Whether a witness shows others the log that it cosigned here. It signs what it shows, so two trees under its key convict it
 * before anybody who holds the trust file, and whoever is shown the other tree is not alone with it.
 */
import type { ForkProof } from "@quanji/chaincode/domain";
import {
  consistencyProof,
  contradicts,
  formatNote,
  hashText,
  type NoteKey,
  parseCheckpoint,
  parseNote,
  type ReadNode,
  type SignedNote,
  type VerifySignature,
  verifySignatures,
} from "@quanji/chaincode/log";
import type { WitnessPort } from "./witness-client.js";

export interface ComparisonOptions {
  readonly witness: Pick<WitnessPort, "published">;
  readonly key: NoteKey;
  readonly verify: VerifySignature;
}

/**
 * Undefined where it shows the same log, or nothing that can be compared: nothing at all, what it did not sign, a tree larger
 * than the one that it cosigned here. Errors: those of the transport and of notes.
 * @param own a checkpoint of this gateway's with the witness's cosignature
 */
export async function forkShown(
  { witness, key, verify }: ComparisonOptions,
  own: SignedNote,
  node: ReadNode,
): Promise<ForkProof | undefined> {
  const mine = parseCheckpoint(own.text);
  const reply = await witness.published(mine.origin);
  if (reply.status !== 200) return undefined;
  const shown = parseNote(reply.body);
  const theirs = parseCheckpoint(shown.text);
  if (theirs.origin !== mine.origin || (await verifySignatures(shown, [key], verify)).length === 0) return undefined;
  if (theirs.size > mine.size) return undefined;
  const proof = await consistencyProof(theirs.size, mine.size, node);
  const claim = { from: theirs.size, to: mine.size, fromRoot: theirs.root, toRoot: mine.root, proof };
  if (!contradicts(claim)) return undefined;
  return {
    v: "quanji.evidence.v1",
    kind: "fork",
    older: formatNote(shown),
    newer: formatNote(own),
    ...(proof.length > 0 && { proof: proof.map(hashText) }),
  };
}
