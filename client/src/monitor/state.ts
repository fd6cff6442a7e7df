/**
 * What a monitor remembers, in its folder: `monitor.json`, replaced whole and synced before anything is said, and under `logs/`
 * a copy of every log that it follows. Cursors and the notices that follow from them are in one file, so that no crash can
 * part them.
 */
import { link, open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { QuanjiError } from "@quanji/chaincode/domain";
import { z } from "zod";
import { replaceFile } from "../sdk/index.js";
import type { AlarmCode, Notice } from "./notice.js";

const count = z.int().min(0);

const Schema = z.strictObject({
  v: z.literal("quanji.monitor.v1"),
  net: z.string(),
  /** When it began: what was recorded before is no news. */
  since: z.string(),
  /** Notices so far. */
  seq: count,
  /** Said, and not yet delivered to all. */
  outbox: z.array(z.record(z.string(), z.json())),
  /** By place of delivery: `seq` of the last notice that it has taken. */
  delivered: z.record(z.string(), count),
  /** By watched key, `grant …`: where to ask on from, and the next position in each log. */
  keys: z.record(z.string(), z.strictObject({ from: z.string(), next: z.record(z.string(), count) })),
  /** By receipt's file: what there is left to see of it. */
  receipts: z.record(z.string(), z.strictObject({ digest: z.string(), done: z.boolean() })),
  /** By place, `<origin> at <address>`: the largest size that was seen there. */
  places: z.record(z.string(), count),
  /** By log: checkpoints seen in receipts and trails that are of a larger log than the copy. */
  heads: z.record(z.string(), z.array(z.string())),
  /** By condition: its alarm. */
  alarms: z.record(z.string(), z.strictObject({ id: z.string(), code: z.string(), about: z.string() })),
  /** By address: since when it has not answered. */
  unreachable: z.record(z.string(), z.string()),
});
type Stored = z.infer<typeof Schema>;

export interface MonitorState extends Omit<Stored, "outbox" | "alarms"> {
  outbox: Notice[];
  alarms: Record<string, { readonly id: string; readonly code: AlarmCode; readonly about: string }>;
}

const FILE = "monitor.json";

/** Errors: CONFIG_INVALID if the file is another network's or damaged. */
export async function loadState(folder: string, net: string, now: string): Promise<MonitorState> {
  const path = join(folder, FILE);
  const bytes = await readFile(path, "utf8").catch((error: unknown) => {
    if (isCoded(error, "ENOENT")) return undefined;
    throw error;
  });
  if (bytes === undefined) {
    const empty = {
      outbox: [],
      delivered: {},
      keys: {},
      receipts: {},
      places: {},
      heads: {},
      alarms: {},
      unreachable: {},
    };
    return { v: "quanji.monitor.v1", net, since: now, seq: 0, ...empty };
  }
  const refuse = (why: string, cause?: unknown): QuanjiError =>
    new QuanjiError("CONFIG_INVALID", `${path} ${why}: name another folder with --state`, { field: "state", cause });
  let stored: Stored;
  try {
    stored = Schema.parse(JSON.parse(bytes));
  } catch (cause) {
    throw refuse("is not what a monitor has written", cause);
  }
  if (stored.net !== net) throw refuse(`is of the network ${stored.net}`);
  return stored as unknown as MonitorState;
}

/** Returns once it survives a power cut. */
export const saveState = (folder: string, state: MonitorState): Promise<void> =>
  replaceFile(folder, FILE, `${JSON.stringify(state)}\n`);

export interface StateLock {
  release(): Promise<void>;
}

/** One monitor a folder. What a process left that is gone is taken over. Errors: CONFIG_INVALID · IN_USE. */
export async function lockState(folder: string, pid: number = process.pid): Promise<StateLock> {
  const path = join(folder, "lock");
  for (;;) {
    try {
      const handle = await open(path, "wx", 0o600);
      await handle.writeFile(String(pid));
      await handle.close();
      return { release: () => rm(path, { force: true }) };
    } catch (error) {
      if (!isCoded(error, "EEXIST")) throw error;
    }
    const owner = await readFile(path, "utf8").catch(() => "");
    if (Number(owner) !== pid && isAlive(Number(owner))) throw inUse(folder, owner);
    // Moved away first, and looked at again: another process may have taken it over meanwhile.
    const moved = `${path}.${pid}`;
    await rename(path, moved).catch((error: unknown) => {
      if (!isCoded(error, "ENOENT")) throw error;
    });
    const found = await readFile(moved, "utf8").catch(() => owner);
    if (found !== owner) await link(moved, path);
    await rm(moved, { force: true });
    if (found !== owner) throw inUse(folder, found);
  }
}

const inUse = (folder: string, owner: string): QuanjiError =>
  new QuanjiError("CONFIG_INVALID", `${folder} is in use by the monitor with process id ${owner}`, {
    field: "state",
    detail: "IN_USE",
  });

const isCoded = (error: unknown, code: string): boolean =>
  error instanceof Error && "code" in error && error.code === code;

function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return isCoded(error, "EPERM");
  }
}
