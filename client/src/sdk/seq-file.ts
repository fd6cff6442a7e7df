/** Sequence numbers in a folder, one small file for each key and log. Node only. */
import { createHash, randomBytes } from "node:crypto";
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { QuanjiError } from "@quanji/chaincode/domain";
import type { SeqStore } from "./seq.js";

/** Replaces a file whole, and returns once that survives a power cut: file synced, renamed, folder synced. */
export async function replaceFile(
  folder: string,
  name: string,
  content: string | Uint8Array,
  mode = 0o600,
): Promise<void> {
  const temporary = join(folder, `.${name}.${randomBytes(6).toString("hex")}`);
  const handle = await open(temporary, "wx", mode);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
  try {
    await rename(temporary, join(folder, name));
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(folder);
}

async function syncFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return; // has no such call
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Errors: CONFIG_INVALID if a file of the folder holds anything else. */
export function fileSeqStore(folder: string): SeqStore {
  const nameOf = (kid: string, log: string): string =>
    `${createHash("sha256").update(`${kid}\n${log}`).digest("hex").slice(0, 32)}.json`;
  return {
    async load(kid, log) {
      const path = join(folder, nameOf(kid, log));
      const text = await readFile(path, "utf8").catch((error: unknown) => {
        if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
        throw error;
      });
      return text === undefined ? undefined : parse(text, path, kid, log);
    },
    async save(kid, log, next) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await replaceFile(folder, nameOf(kid, log), `${JSON.stringify({ kid, log, next })}\n`);
    },
  };
}

function parse(text: string, path: string, kid: string, log: string): number {
  const refuse = (cause?: unknown): QuanjiError =>
    new QuanjiError("CONFIG_INVALID", `${path} does not hold a sequence number: delete it, and the gateway is asked`, {
      cause,
    });
  let stored: Partial<Record<string, unknown>>;
  try {
    stored = JSON.parse(text) as Partial<Record<string, unknown>>;
  } catch (cause) {
    throw refuse(cause);
  }
  const { next } = stored;
  if (stored["kid"] !== kid || stored["log"] !== log || !Number.isSafeInteger(next)) throw refuse();
  return Number(next);
}
