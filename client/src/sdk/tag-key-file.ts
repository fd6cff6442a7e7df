/** A steward's tag keys in one file of mode 0600. Node only. */
import { access } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { Digest, Quarter, QuanjiError } from "@quanji/chaincode/domain";
import { readPrivate } from "./key-file.js";
import { replaceFile } from "./seq-file.js";
import type { TagKeyRing } from "./tag-keys.js";

const VERSION = "quanji.tag-keys.v1";

const refuse = (path: string, cause?: unknown): QuanjiError =>
  new QuanjiError(
    "CONFIG_INVALID",
    `${path} holds no tag keys: name another file, or make one with quanji tag-key make`,
    {
      field: "keys",
      ...(cause !== undefined && { cause }),
    },
  );

/** Errors: CONFIG_INVALID if it cannot be read, others may read it, or it holds anything else. */
export async function readTagKeys(path: string): Promise<TagKeyRing> {
  const text = await readPrivate(path, "quanji tag-key make");
  let stored: unknown;
  try {
    stored = JSON.parse(text);
  } catch (cause) {
    throw refuse(path, cause);
  }
  const { v, net, party, keys } = (stored ?? {}) as Readonly<Record<string, unknown>>;
  if (v !== VERSION || typeof net !== "string" || typeof party !== "string" || !isKeys(keys)) throw refuse(path);
  return { net, party, keys };
}

const isKeys = (keys: unknown): keys is Readonly<Record<string, string>> =>
  typeof keys === "object" &&
  keys !== null &&
  Object.entries(keys).every(([quarter, key]) => Quarter.safeParse(quarter).success && Digest.safeParse(key).success);

/** As {@link readTagKeys}; undefined if there is no such file. */
export async function findTagKeys(path: string): Promise<TagKeyRing | undefined> {
  const isThere = await access(path).then(
    () => true,
    () => false,
  );
  return isThere ? readTagKeys(path) : undefined;
}

/** Replaces the file whole. */
export function writeTagKeys(path: string, { net, party, keys }: TagKeyRing): Promise<void> {
  const text = `${JSON.stringify({ v: VERSION, net, party, keys }, null, 2)}\n`;
  return replaceFile(dirname(resolve(path)), basename(path), text);
}
