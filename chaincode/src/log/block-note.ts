/**
 * Block notes: what a witness says of one block of its own peer, so that witnesses can compare their peers and nobody can tell
 * one of them another ledger. A type 01 note of exactly four lines under a key that signs nothing else. It has no time: what it
 * says holds for ever, and the same block gives the same text.
 */
import type { Hash } from "./hash.js";
import { MAX_NOTE_BYTES } from "./note.js";
import { malformed, readDecimal, readHash, readText, writeDecimal, writeHash } from "./text.js";

export interface BlockNote {
  /** Header hash of block 0: names the ledger. */
  readonly ledger: Hash;
  readonly block: { readonly number: number; readonly hash: Hash };
  /** What the peer's state came to with that block, chained as Fabric chains it; `none` where the peer keeps none. */
  readonly commit: Hash | "none";
}

const HEADER = "quanji/block/v1";
const LABELS = ["ledger", "block", "commit"] as const;

/** The text to sign. Errors: MALFORMED · INDEX_RANGE, HASH_LENGTH. */
export function formatBlockNote({ ledger, block, commit }: BlockNote): string {
  return [
    HEADER,
    `ledger ${writeHash(ledger)}`,
    `block ${writeDecimal(block.number)} ${writeHash(block.hash)}`,
    `commit ${commit === "none" ? commit : writeHash(commit)}`,
    "",
  ].join("\n");
}

/** Parses the text of a note. Errors: MALFORMED · BLOCK_NOTE_MALFORMED, BASE64_INVALID, HASH_LENGTH, NOT_UTF8, LIMIT_EXCEEDED. */
export function parseBlockNote(input: unknown): BlockNote {
  const lines = readText(input, MAX_NOTE_BYTES, "BLOCK_NOTE_MALFORMED").split("\n");
  if (lines.length !== 5 || lines[0] !== HEADER || lines[4] !== "") {
    malformed("BLOCK_NOTE_MALFORMED", `a block note is ${HEADER} and the lines ${LABELS.join(", ")}`);
  }
  const [ledger] = values(lines, "ledger", 1);
  const [number, hash] = values(lines, "block", 2);
  const [commit] = values(lines, "commit", 1);
  return {
    ledger: readHash(ledger),
    block: { number: readDecimal(number, "a block's number", "BLOCK_NOTE_MALFORMED"), hash: readHash(hash) },
    commit: commit === "none" ? commit : readHash(commit),
  };
}

/** The words of a line after its label. */
function values(lines: readonly string[], label: (typeof LABELS)[number], count: number): string[] {
  const [found, ...words] = (lines[LABELS.indexOf(label) + 1] ?? "").split(" ");
  if (found !== label || words.length !== count) {
    malformed("BLOCK_NOTE_MALFORMED", `the ${label} line has its label and ${count} values, one space between them`);
  }
  return words;
}
