/** A log read from static files: its newest checkpoint against the trust file, its tree from tiles, and what it grew out of. */
import {
  canonical,
  type Checkpoint,
  consistencyProof,
  equalBytes,
  type Hash,
  hashText,
  parseCheckpoint,
  parseNote,
  type SignedNote,
} from "@quanji/chaincode/log";
import { FORK_LIMITS } from "@quanji/chaincode/domain";
import { verifyCheckpoint } from "./checkpoint.js";
import { Faults, type TileSource, TileTree } from "./tiles.js";
import type { OpenedTrust } from "./trust.js";
import { type Level, levelRank, refuse } from "./verdict.js";

/** A checkpoint that the trust file's keys vouch for. */
export interface SeenCheckpoint {
  /** The signed note, as it was read. */
  readonly text: string;
  readonly note: SignedNote;
  readonly checkpoint: Checkpoint;
  readonly level: Level;
}

export interface StaticLog extends SeenCheckpoint {
  readonly tree: TileTree;
}

/** Errors: LOG_MISMATCH (another log's), and those of a note, its checkpoint and `verifyCheckpoint`. */
export async function openSeen(text: string, origin: string, trust: OpenedTrust): Promise<SeenCheckpoint> {
  const note = parseNote(text);
  if (parseCheckpoint(note.text).origin !== origin) refuse("LOG_MISMATCH", "the checkpoint is of another log");
  const { checkpoint, level } = await verifyCheckpoint(note, origin, trust);
  return { text, note, checkpoint, level };
}

/**
 * The best checkpoint that the sources have: of the highest level, then of the largest tree. Errors: TILE_MISSING (none has
 * one), those of {@link openSeen} and of the sources where none has a good one.
 */
export async function readCheckpoint(
  sources: readonly TileSource[],
  origin: string,
  trust: OpenedTrust,
): Promise<SeenCheckpoint> {
  const faults = new Faults();
  let best: SeenCheckpoint | undefined;
  for (const source of sources) {
    const seen = await faults.tried(async () => {
      const bytes = await source("checkpoint");
      return bytes === undefined ? undefined : openSeen(decode(bytes), origin, trust);
    });
    if (seen !== undefined && (best === undefined || isBetter(seen, best))) best = seen;
  }
  return best ?? faults.end("there is no checkpoint");
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return refuse("NOT_UTF8", "the checkpoint is not well-formed UTF-8");
  }
}

const isBetter = (a: SeenCheckpoint, b: SeenCheckpoint): boolean =>
  levelRank(a.level) > levelRank(b.level) || (a.level === b.level && a.checkpoint.size > b.checkpoint.size);

/** As {@link readCheckpoint}, with the tree's edge read. Errors: those, and of `TileTree.open`. */
export async function readLog(sources: readonly TileSource[], origin: string, trust: OpenedTrust): Promise<StaticLog> {
  const seen = await readCheckpoint(sources, origin, trust);
  return { ...seen, tree: await TileTree.open(seen.checkpoint, sources) };
}

/**
 * What two checkpoints of one size prove by themselves: undefined if they are of one tree, or of two sizes. Whoever signs
 * another tree of a size that was seen need not be asked for its tiles.
 */
export function forkOfOneSize(
  older: Pick<SeenCheckpoint, "text" | "checkpoint">,
  newer: Pick<SeenCheckpoint, "text" | "checkpoint">,
): string | undefined {
  const isOther =
    older.checkpoint.size === newer.checkpoint.size && !equalBytes(older.checkpoint.root, newer.checkpoint.root);
  return isOther ? forkText(older, newer, []) : undefined;
}

/**
 * Undefined if the newer tree is the older one, grown. Otherwise the text of a fork proof (`*.evidence.json`), which accuses
 * whoever signed both. Errors: INDEX_RANGE unless the older is not the larger; those of the tiles.
 */
export async function forkBetween(
  older: Pick<SeenCheckpoint, "text" | "checkpoint">,
  newer: Pick<StaticLog, "text" | "checkpoint" | "tree">,
): Promise<string | undefined> {
  const [from, to] = [older.checkpoint.size, newer.checkpoint.size];
  if (from > to) refuse("INDEX_RANGE", "the older checkpoint is of the larger log");
  if (equalBytes(await newer.tree.rootAt(from), older.checkpoint.root)) return undefined;
  const proof = from === to ? [] : await consistencyProof(from, to, newer.tree.node);
  // A proof does not repeat an older tree that is one full subtree: what stands in its place is put in front.
  const level = Math.log2(from);
  const whole = from < to && Number.isInteger(level) ? [await newer.tree.node(level, 0)] : [];
  return forkText(older, newer, [...whole, ...proof]);
}

function forkText(
  older: Pick<SeenCheckpoint, "text">,
  newer: Pick<SeenCheckpoint, "text">,
  proof: readonly Hash[],
): string {
  const file = { v: "quanji.evidence.v1", kind: "fork", older: older.text, newer: newer.text };
  return `${canonical({ ...file, ...(proof.length > 0 && { proof: proof.map(hashText) }) }, FORK_LIMITS)}\n`;
}
