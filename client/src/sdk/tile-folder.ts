/** Static files of a log in a folder, as a web server serves them. Node only. */
import { mkdir, readFile, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { TileSource } from "../verify/index.js";
import { replaceFile } from "./seq-file.js";
import { placed } from "./tiles.js";

const ABSENT = new Set(["ENOENT", "ENOTDIR", "EISDIR"]);

/** Undefined if there is no such file. */
export const readIfThere = (path: string): Promise<Uint8Array | undefined> =>
  readFile(path).catch((error: unknown) => {
    if (error instanceof Error && "code" in error && ABSENT.has(String(error.code))) return undefined;
    throw error;
  });

/** The files of the log `origin` in a folder, which is the log's own or one that `quanji tiles` has filled. */
export const folderTiles = (folder: string, origin: string): TileSource =>
  placed(origin, (path) => readIfThere(join(folder, path)));

/** Writes a file of a log whole, so that nobody ever reads half of it. */
export async function putFile(folder: string, path: string, content: string | Uint8Array): Promise<void> {
  const target = join(folder, path);
  await mkdir(dirname(target), { recursive: true });
  await replaceFile(dirname(target), basename(target), content, 0o644);
}

export const removePartials = (folder: string, fullTile: string): Promise<void> =>
  rm(join(folder, `${fullTile}.p`), { recursive: true, force: true });
