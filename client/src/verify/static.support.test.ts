/** Logs as static files, for tests: honest ones, forked ones, and any file another. Holds no test itself. */
import {
  appendLeaves,
  concat,
  emptyFrontier,
  formatCheckpoint,
  formatNote,
  type Hash,
  leafOf,
  newNodes,
  newTiles,
  type NoteSignature,
  rootOf,
  sha256,
  TILE_LEVELS,
  TILE_WIDTH,
  tilePath,
  type TreeHead,
  utf8,
} from "@quanji/chaincode/log";
import type { TileSource } from "./index.js";
import { LOG, LOG_KEYS, type SmallWorld } from "./support.test.js";

export interface Grown {
  readonly head: TreeHead;
  readonly read: (level: number, index: number) => Hash;
  /** Tiles by path. */
  readonly files: Map<string, Uint8Array>;
}

/** The tree of these leaves, its stored nodes, and its files as a log publishes them. */
export function treeOf(leaves: readonly Hash[]): Grown {
  const nodes = new Map(newNodes(emptyFrontier(), leaves).map(({ level, index, hash }) => [`${level}/${index}`, hash]));
  const read = (level: number, index: number): Hash => nodes.get(`${level}/${index}`)!;
  const files = new Map<string, Uint8Array>();
  for (const { tier, index, width } of newTiles(0, leaves.length)) {
    const hashes = Array.from({ length: width }, (_, i) => read(tier * TILE_LEVELS, index * TILE_WIDTH + i));
    files.set(tilePath({ tier, index, width }), concat(...hashes));
  }
  return { head: { size: leaves.length, root: rootOf(appendLeaves(emptyFrontier(), leaves)) }, read, files };
}

export const leavesTo = (size: number, name = "leaf"): Hash[] =>
  Array.from({ length: size }, (_, i) => sha256(utf8(`${name} ${i}`)));

export const sourceOf =
  (files: ReadonlyMap<string, Uint8Array>): TileSource =>
  (path) =>
    Promise.resolve(files.get(path));

type Cosign = (text: string) => Promise<readonly NoteSignature[]>;

/** A checkpoint of these leaves, signed by the log. */
export async function signedHead({ size, root }: TreeHead, cosign?: Cosign, origin = LOG): Promise<string> {
  const text = formatCheckpoint({ origin, size, root });
  return formatNote({ text, signatures: [await LOG_KEYS[origin]!.note(text), ...((await cosign?.(text)) ?? [])] });
}

/** All files of a log of these leaves. */
export async function publishedLog(leaves: readonly Hash[], cosign?: Cosign): Promise<Map<string, Uint8Array>> {
  const { head, files } = treeOf(leaves);
  return files.set("checkpoint", utf8(await signedHead(head, cosign)));
}

/** Leaves of a world's log, for whoever publishes it. */
export const leavesOf = (world: SmallWorld, log = LOG): Hash[] =>
  world.records(log).map(({ stored }) => leafOf(stored.face, stored.body));
