/** Fork proofs: what somebody who signed two histories cannot take back. Checked by anybody who holds the trust file. */
import { FORK_LIMITS, ForkProof, parseWith } from "@quanji/chaincode/domain";
import {
  type Checkpoint,
  contradicts,
  type JsonObject,
  type NoteKey,
  parseCanonical,
  parseCheckpoint,
  parseHash,
  parseNote,
  type SignedNote,
  verifySignatures,
} from "@quanji/chaincode/log";
import { verifySignature } from "./signatures.js";
import { type OpenedTrust, withoutFinalNewline } from "./trust.js";
import { refusalOf, refuse, type Verdict } from "./verdict.js";

export interface Accused {
  /** Name of the key: a log's origin, or a witness's. */
  readonly name: string;
  readonly role: "log" | "witness";
}

export interface EvidenceVerdict extends Pick<Verdict, "ok" | "code" | "detail" | "message" | "trustDigest"> {
  readonly kind: "evidence";
  /** Who signed both: at least one where `ok`. */
  readonly accused: readonly Accused[];
  readonly log?: string;
  readonly sizes?: readonly [older: number, newer: number];
}

/**
 * Verifies a fork proof. `ok: true` means: those accused have signed two checkpoints that cannot both be true. Never throws
 * for bad evidence.
 */
export async function verifyEvidence(file: string | Uint8Array, trust: OpenedTrust): Promise<EvidenceVerdict> {
  const common = { kind: "evidence" as const, trustDigest: trust.digest };
  try {
    return { ok: true, ...common, ...(await check(file, trust)) };
  } catch (error) {
    return { ok: false, ...common, accused: [], ...refusalOf(error) };
  }
}

interface Side {
  readonly note: SignedNote;
  readonly checkpoint: Checkpoint;
}

async function check(
  file: string | Uint8Array,
  trust: OpenedTrust,
): Promise<Required<Pick<EvidenceVerdict, "accused" | "log" | "sizes">>> {
  // 1. The file has the one form, and both checkpoints are of one log that the trust file lists.
  const fork = parseFork(parseCanonical(withoutFinalNewline(file), FORK_LIMITS));
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
  return { accused, log: origin, sizes: [from, to] };
}

function parseFork(json: JsonObject): ForkProof {
  if (json["v"] !== "quanji.evidence.v1") refuse("VERSION_UNKNOWN", "the file's version is not quanji.evidence.v1");
  if (json["kind"] !== "fork")
    refuse("TYPE_UNKNOWN", "the file is evidence of a kind that this verifier does not know");
  return parseWith(ForkProof, json);
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
