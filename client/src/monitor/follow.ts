/**
 * Following one log at one place: a copy of everything it ever showed is kept, and what it shows now is held against that.
 * All places of a log are held against one copy, so that two of them cannot tell two histories either.
 */
import { join } from "node:path";
import { isQuanjiError, QuanjiError } from "@quanji/chaincode/domain";
import { canonical, equalBytes } from "@quanji/chaincode/log";
import { mirrorLog, readIfThere } from "../sdk/index.js";
import {
  forkBetween,
  openSeen,
  type OpenedTrust,
  readCheckpoint,
  type SeenCheckpoint,
  type TileSource,
  TileTree,
} from "../verify/index.js";
import type { AlarmCode } from "./notice.js";

export interface Trouble {
  readonly code: AlarmCode;
  readonly message: string;
  readonly detail?: string;
  /** Content of the file that shows it. */
  readonly evidence?: string;
}

export interface Followed {
  /** Size of the log that is served and proven; undefined where it is not. */
  readonly size?: number;
  readonly troubles: readonly Trouble[];
}

export interface FollowOptions {
  readonly origin: string;
  readonly trust: OpenedTrust;
  /** Root of the copies. */
  readonly folder: string;
  readonly source: TileSource;
  /** Size of the log when it was last seen at this place; a place may be behind others. */
  readonly before?: number;
}

/** The copy of a log that the monitor keeps. */
export const copyOf = (folder: string, origin: string): TileSource => {
  const root = join(folder, origin);
  return (path) => readIfThere(join(root, path));
};

/** Errors: UNREACHABLE; those of the disk, and of a copy that is damaged. Everything that the log does wrong is a trouble. */
export async function followLog({ origin, trust, folder, source, before = 0 }: FollowOptions): Promise<Followed> {
  let seen: SeenCheckpoint;
  try {
    seen = await readCheckpoint([source], origin, trust);
  } catch (error) {
    return { troubles: [refusedAs("CHECKPOINT_REFUSED", origin, error)] };
  }
  const copy = copyOf(folder, origin);
  const held = await heldIn(copy, origin, trust);
  if (held !== undefined && seen.checkpoint.size < held.checkpoint.size) return behind(seen, held, copy, before);
  try {
    // Whatever comes between the two readings is read there, and held against the copy as well.
    const { fork, size } = await mirrorLog({ origin, trust, folder, sources: [source], anyLevel: true });
    return fork === undefined ? { size, troubles: [] } : { troubles: [forkedBy(origin, fork)] };
  } catch (error) {
    return { troubles: [refusedAs("TILES_REFUSED", origin, error)] };
  }
}

/** Errors: CONFIG_INVALID if the monitor's own copy is damaged: then nobody can say what was seen. */
async function heldIn(copy: TileSource, origin: string, trust: OpenedTrust): Promise<SeenCheckpoint | undefined> {
  const bytes = await copy("checkpoint");
  if (bytes === undefined) return undefined;
  return openSeen(new TextDecoder().decode(bytes), origin, trust).catch((cause: unknown) => {
    throw new QuanjiError("CONFIG_INVALID", `the monitor's copy of ${origin} is damaged: restore its folder`, {
      field: "state",
      cause,
    });
  });
}

export const forkedBy = (origin: string, evidence: string): Trouble => ({
  code: "FORK",
  message: `${origin} has signed two histories; quanji evidence checks the proof, and the regulator must have it`,
  evidence,
});

/** A place that lags behind others is none; one that lags behind itself is, even where it is honest. */
async function behind(seen: SeenCheckpoint, held: SeenCheckpoint, copy: TileSource, before: number): Promise<Followed> {
  const { origin, size } = seen.checkpoint;
  const troubles: Trouble[] = [];
  const tree = await TileTree.open(held.checkpoint, [copy]);
  const fork = equalBytes(await tree.rootAt(size), seen.checkpoint.root)
    ? undefined
    : await forkBetween(seen, { ...held, tree });
  if (fork !== undefined) troubles.push(forkedBy(origin, fork));
  if (size < before) {
    const message = `${origin} is served with ${size} records, and had ${before}`;
    const evidence = `${canonical({ served: seen.text, held: held.text }, { maxBytes: 1 << 18, maxDepth: 2 })}\n`;
    troubles.push({ code: "LOG_SHRUNK", message, evidence });
  }
  return { troubles, ...(troubles.length === 0 && { size }) };
}

/** Errors: what is not the log's fault goes through. */
export function refusedAs(code: AlarmCode, about: string, error: unknown): Trouble {
  if (!isQuanjiError(error) || error.code === "UNREACHABLE" || error.code === "CONFIG_INVALID") throw error;
  return { code, message: `${about}: ${error.message}`, detail: error.detail ?? error.code };
}
