/**
 * Head notes: what a witness, or the heads key of the embedded ledger, says about the tip of one chain: "when `at` was the
 * newest position, this chain's stored head had this digest". A type 01 note of exactly six lines under a key of its own.
 */
import { QuanjiError } from "../domain/errors.js";
import type { Hash } from "./hash.js";
import type { VerifySignature } from "./keys.js";
import { MAX_NOTE_BYTES, parseNote } from "./note.js";
import { verifySignatures } from "./note-signature.js";
import { isName, malformed, readDecimal, readHash, readText, writeDecimal, writeHash } from "./text.js";
import { assertType, NOTE_TYPES, type NoteKey } from "./vkey.js";

/**
 * A position in what carries the chain. Of a record chain: a log's origin, size and root. Of a command chain: the network,
 * a block's number and header hash. Both are written alike, so a reader compares `scope` with the one that it expects.
 */
export interface Position {
  readonly scope: string;
  readonly number: number;
  readonly hash: Hash;
}

export interface HeadNote {
  readonly at: Position;
  /** h₀ of the chain: names its key. */
  readonly key: Hash;
  /** SHA-256 of the sealed head {@link sealedDigest}, or `none` where the chain was never touched. */
  readonly state: Hash | "none";
  /** The ledger's block in which `state` was read. */
  readonly block: { readonly number: number; readonly hash: Hash };
  /** Last instant, in seconds since 1970, at which `at` was the newest position; never merely when the note was signed. */
  readonly time: number;
}

const HEADER = "quanji/trail-head/v1";
const LABELS = ["at", "key", "state", "block", "time"] as const;

/** The text to sign. Errors: MALFORMED · HEAD_NOTE_MALFORMED (scope), INDEX_RANGE, HASH_LENGTH. */
export function formatHeadNote({ at, key, state, block, time }: HeadNote): string {
  assertScope(at.scope);
  return [
    HEADER,
    `at ${at.scope} ${writeDecimal(at.number)} ${writeHash(at.hash)}`,
    `key ${writeHash(key)}`,
    `state ${state === "none" ? state : writeHash(state)}`,
    `block ${writeDecimal(block.number)} ${writeHash(block.hash)}`,
    `time ${writeDecimal(time)}`,
    "",
  ].join("\n");
}

/** Parses the text of a note. Errors: MALFORMED · HEAD_NOTE_MALFORMED, BASE64_INVALID, HASH_LENGTH, NOT_UTF8, LIMIT_EXCEEDED. */
export function parseHeadNote(input: unknown): HeadNote {
  const lines = readText(input, MAX_NOTE_BYTES, "HEAD_NOTE_MALFORMED").split("\n");
  if (lines.length !== 7 || lines[0] !== HEADER || lines[6] !== "") {
    malformed("HEAD_NOTE_MALFORMED", `a head note is ${HEADER} and the lines ${LABELS.join(", ")}`);
  }
  const [scope = "", number, hash] = values(lines, "at", 3);
  const [key] = values(lines, "key", 1);
  const [state] = values(lines, "state", 1);
  const [blockNumber, blockHash] = values(lines, "block", 2);
  const [time] = values(lines, "time", 1);
  assertScope(scope);
  return {
    at: { scope, number: decimal(number), hash: readHash(hash) },
    key: readHash(key),
    state: state === "none" ? state : readHash(state),
    block: { number: decimal(blockNumber), hash: readHash(blockHash) },
    time: decimal(time),
  };
}

/** The words of a line after its label. */
function values(lines: readonly string[], label: (typeof LABELS)[number], count: number): string[] {
  const [found, ...words] = (lines[LABELS.indexOf(label) + 1] ?? "").split(" ");
  if (found !== label || words.length !== count) {
    malformed("HEAD_NOTE_MALFORMED", `the ${label} line has its label and ${count} values, one space between them`);
  }
  return words;
}

const decimal = (text: string | undefined): number => readDecimal(text, "a position or time", "HEAD_NOTE_MALFORMED");

function assertScope(scope: string): void {
  if (!isName(scope)) malformed("HEAD_NOTE_MALFORMED", "a scope is a name without space and plus");
}

/**
 * Parses a head note and checks its signature. Errors: MALFORMED as {@link parseNote} and {@link parseHeadNote}, KEY_PURPOSE
 * (a witness's cosigning key); PROOF_INVALID · LOG_SIGNATURE_INVALID unless `headsKey` signed.
 */
export async function openHeadNote(input: unknown, headsKey: NoteKey, verify: VerifySignature): Promise<HeadNote> {
  assertType(headsKey.type, NOTE_TYPES.ed25519);
  const note = parseNote(input);
  const head = parseHeadNote(note.text);
  if ((await verifySignatures(note, [headsKey], verify)).length === 0) {
    throw new QuanjiError("PROOF_INVALID", `the head note is not signed by ${headsKey.name}`, {
      detail: "LOG_SIGNATURE_INVALID",
    });
  }
  return head;
}
