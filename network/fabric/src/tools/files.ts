/** Small habits with files: folders made on the way, secrets readable by their owner alone, whole or not at all. */
import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import path from "node:path";

export const SECRET = 0o600;

export async function write(file: string, content: string | Uint8Array, mode = 0o644): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  const part = `${file}.${process.pid}.part`;
  await writeFile(part, content, { mode });
  await rename(part, file);
}

export const writeJson = (file: string, value: unknown): Promise<void> =>
  write(file, `${JSON.stringify(value, null, 2)}\n`);

export async function exists(file: string): Promise<boolean> {
  try {
    await readFile(file);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EISDIR") return true;
    if (code === "ENOENT" || code === "ENOTDIR") return false;
    throw error;
  }
}

/** The one file of a folder, as Fabric's tools leave keys and certificates there. */
export async function onlyFile(folder: string): Promise<string> {
  const names = await readdir(folder);
  const [name] = names;
  if (name === undefined || names.length !== 1)
    throw new Error(`${folder} should hold one file, holds ${names.length}`);
  return path.join(folder, name);
}

export const textOf = (file: string): Promise<string> => readFile(file, "utf8");
