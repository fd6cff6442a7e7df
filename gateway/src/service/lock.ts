/** One process for a data folder: LevelDB's own lock, which the system takes back from a process that died. */
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { QuanjiError } from "@quanji/chaincode/domain";
import { Level } from "level";

export interface FolderLock {
  release(): Promise<void>;
}

/** Makes the folder if need be. Errors: CONFIG_INVALID, field QUANJI_DATA: not writable; · IN_USE. */
export async function lockFolder(data: string): Promise<FolderLock> {
  const refuse = (problem: string, cause: unknown, detail?: string) =>
    new QuanjiError("CONFIG_INVALID", `QUANJI_DATA: ${data} ${problem}`, {
      field: "QUANJI_DATA",
      cause,
      ...(detail !== undefined && { detail }),
    });
  try {
    await mkdir(data, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw refuse("cannot be made", cause);
  }
  const lock = new Level<string, string>(path.join(data, "lock"));
  try {
    await lock.open();
  } catch (cause) {
    const reason = (cause as { readonly cause?: { readonly code?: unknown } }).cause?.code;
    throw reason === "LEVEL_LOCKED"
      ? refuse("is in use by another gateway: stop it, or choose another folder", cause, "IN_USE")
      : refuse("cannot be written", cause);
  }
  return { release: () => lock.close() };
}
