/** Two checkpoints of one log that cannot both be true: whoever signed both has shown two histories. */
import type { ForkProof } from "@quanji/chaincode/domain";
import {
  type Checkpoint,
  contradicts,
  type NoteKey,
  parseCheckpoint,
  parseHash,
  parseNote,
  type SignedNote,
  verifySignatures,
} from "@quanji/chaincode/log";
import { verifySignature } from "../signatures.js";
import type { OpenedTrust } from "../trust.js";
import { refuse } from "../verdict.js";
import type { Accused, Shown } from "./verdict.js";

interface Side {
  readonly note: SignedNote;
  readonly checkpoint: Checkpoint;
}

export async function checkFork(fork: ForkProof, trust: OpenedTrust): Promise<Shown> {
  // 1. Both checkpoints are of one log that the trust file lists.
  const [older, newer] = [sideOf(fork.older), sideOf(fork.newer)];
  const { origin } = older.checkpoint;
  if (newer.checkpoint.origin !== origin) refuse("LOG_MISMATCH", "the two checkpoints are of different logs");
  if (!trust.logs.has(origin)) refuse("LOG_UNKNOWN", "the log is not in the trust file");

  // 2. The two cannot both be true.
  const [from, to] = [older.checkpoint.size, newer.checkpoint.size];
  const proof = (fork.proof ?? []).map(parseHash);
  if (!contradicts({ from, to, fromRoot: older.checkpoint.root, toRoot: newer.checkpoint.root, proof })) {
    refuse("FORK_UNPROVEN", "both checkpoints may be true: the file shows no contradiction between them");
  }

  // 3. Somebody signed both.
  const accused = await accusedOf(older, newer, origin, trust);
  if (accused.length === 0) refuse("FORK_UNPROVEN", "no log and no witness of the trust file signed both checkpoints");
  return { shows: "fork", accused, log: origin, sizes: [from, to] };
}

function sideOf(text: string): Side {
  const note = parseNote(text);
  return { note, checkpoint: parseCheckpoint(note.text) };
}

async function accusedOf(older: Side, newer: Side, origin: string, trust: OpenedTrust): Promise<Accused[]> {
  // A log answers for all of its keys: a second one would be a way out.
  const own = trust.logKeys.filter(({ log }) => log === origin).map(({ key }) => key);
  const witnesses = [...trust.policy.witnesses.values()];
  const signersOf = async (side: Side): Promise<readonly NoteKey[]> =>
    (await verifySignatures(side.note, [...own, ...witnesses], verifySignature)).map(({ key }) => key);
  const [first, second] = [await signersOf(older), await signersOf(newer)];
  const log = own.some((key) => first.includes(key)) && own.some((key) => second.includes(key));
  return [
    ...(log ? [{ name: origin, role: "log" as const }] : []),
    ...witnesses
      .filter((key) => first.includes(key) && second.includes(key))
      .map(({ name }) => ({ name, role: "witness" as const })),
  ];
}
