/** A log's static files, copied into a folder that any web server can serve. Node only. */
import { join } from "node:path";
import { ANCHOR_LIMITS, type AnchorProof } from "@quanji/chaincode/domain";
import { canonical, equalBytes, newTiles, TILE_WIDTH, type TileId, tilePath, tileWidth } from "@quanji/chaincode/log";
import {
  anchorPath,
  type AnchorPlace,
  forkBetween,
  forkOfOneSize,
  knownBlocks,
  type Level,
  openSeen,
  type OpenedTrust,
  readAnchor,
  readCheckpoint,
  type SeenCheckpoint,
  type TileSource,
  TileTree,
} from "../verify/index.js";
import { assertLevel, requiredLevel } from "../verify/checkpoint.js";
import { refuse } from "../verify/verdict.js";
import { putFile, readIfThere, removePartials } from "./tile-folder.js";
import { isPath } from "./tiles.js";

export interface MirrorOptions {
  readonly origin: string;
  readonly trust: OpenedTrust;
  readonly sources: readonly TileSource[];
  /** The root: the log's files go under `<origin>/` in it. */
  readonly folder: string;
  /** Raises the level below which no checkpoint is published; never below the trust file's. */
  readonly level?: Level;
  /** The copy is for the reader's own eyes, so a checkpoint of any level is kept. */
  readonly anyLevel?: boolean;
  readonly progress?: (tiles: number) => void;
}

export interface Mirrored {
  readonly log: string;
  /** Size of the log in the folder before and after. */
  readonly from: number;
  readonly size: number;
  readonly level: Level;
  /** Tiles written. */
  readonly tiles: number;
  /** Text of a fork proof: then nothing was written. */
  readonly fork?: string;
}

/**
 * Brings the folder's copy of a log up to its newest checkpoint. Each file is replaced whole and the checkpoint comes last, so
 * that the folder can be served meanwhile, and a run that was cut off is taken up by the next. What is in the folder is
 * never shortened and never contradicted. Errors: PROOF_INVALID · CHECKPOINT_STALE (the sources' log is smaller than the
 * folder's), TILE_MISSING, TILE_MISMATCH, those of a checkpoint; UNDERWITNESSED · WITNESS_QUORUM; those of the sources.
 */
export async function mirrorLog(options: MirrorOptions): Promise<Mirrored> {
  const { origin, trust, sources } = options;
  if (!isPath(origin)) refuse("LOG_MISMATCH", `${origin} cannot be a path`);
  const folder = join(options.folder, origin);
  const local: TileSource = (path) => readIfThere(join(folder, path));
  const held = await heldCheckpoint(local, origin, trust);
  const from = held?.checkpoint.size ?? 0;
  const newer = await readCheckpoint(sources, origin, trust);
  if (options.anyLevel !== true) assertLevel(newer.level, requiredLevel(trust, options.level));
  const { size } = newer.checkpoint;
  const common = { log: origin, from, size, level: newer.level };
  if (size < from) refuse("CHECKPOINT_STALE", `the log that is served has ${size} records, the folder's has ${from}`);

  // Before any tile is asked for: who has none to show for it is convicted all the same.
  const twice = held === undefined ? undefined : forkOfOneSize(held, newer);
  if (twice !== undefined) return { ...common, tiles: 0, fork: twice };
  const tree = await TileTree.open(newer.checkpoint, [local, ...sources]);
  const fork = held === undefined ? undefined : await forkBetween(held, { ...newer, tree });
  if (fork !== undefined) return { ...common, tiles: 0, fork };

  const { tiles, full } = await writeTiles(folder, tree, from, options.progress);
  await copyAnchors(folder, local, options);
  if (held?.text !== newer.text) await putFile(folder, "checkpoint", newer.text);
  // From here on nobody who reads the checkpoint needs the partial ones.
  for (const path of full) await removePartials(folder, path);
  return { ...common, tiles };
}

/** Where the log stands outside: the newest, and in the blocks that are known to be final. None is ever taken away. */
async function copyAnchors(
  folder: string,
  local: TileSource,
  { origin, sources, trust }: MirrorOptions,
): Promise<void> {
  const put = async (place: AnchorPlace, anchor: AnchorProof): Promise<void> =>
    putFile(folder, anchorPath(place), `${canonical(anchor, ANCHOR_LIMITS)}\n`);
  const [held, newest] = [await readAnchor([local], "newest"), await readAnchor(sources, "newest")];
  if (newest?.log === origin && newest.block !== held?.block) {
    await put(`0x${newest.block.slice(2)}`, newest);
    if (held === undefined || newest.size >= held.size) await put("newest", newest);
  }
  for (const block of knownBlocks(trust)) {
    if ((await local(anchorPath(block))) !== undefined) continue;
    const anchor = await readAnchor(sources, block);
    if (anchor?.log === origin && anchor.block === block) await put(block, anchor);
  }
}

/** Answers how many there are, and which of them took the place of partial ones. */
async function writeTiles(
  folder: string,
  tree: TileTree,
  from: number,
  progress: MirrorOptions["progress"],
): Promise<{ readonly tiles: number; readonly full: readonly string[] }> {
  let tiles = 0;
  const full: string[] = [];
  const write = async (tile: TileId): Promise<void> => {
    const [path, bytes] = [tilePath(tile), await tree.bytes(tile)];
    const there = await readIfThere(join(folder, path));
    if (there === undefined || !equalBytes(there, bytes)) await putFile(folder, path, bytes);
    if (tile.width === TILE_WIDTH && tileWidth(from, tile.tier, tile.index) > 0) full.push(path);
    tiles++;
    progress?.(tiles);
  };
  for (const some of chunksOf(newTiles(from, tree.head.size), AT_ONCE)) {
    // All of them end before the first fault is told: nothing is written behind the caller's back.
    const ended = await Promise.allSettled(some.map(write));
    const fault = ended.find((one) => one.status === "rejected");
    if (fault !== undefined) throw fault.reason;
  }
  return { tiles, full };
}

/** Tiles on their way at the same time: waiting for a network and for a disk costs more than the work. */
const AT_ONCE = 16;

function* chunksOf<T>(items: Iterable<T>, size: number): Generator<readonly T[], void, void> {
  let chunk: T[] = [];
  for (const item of items) {
    chunk.push(item);
    if (chunk.length < size) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}

/** What the folder already says is held to the same trust file: its own files could be another's. */
async function heldCheckpoint(
  local: TileSource,
  origin: string,
  trust: OpenedTrust,
): Promise<SeenCheckpoint | undefined> {
  const bytes = await local("checkpoint");
  return bytes === undefined ? undefined : openSeen(new TextDecoder().decode(bytes), origin, trust);
}
