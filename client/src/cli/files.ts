/** Files that the user names: why one cannot be read or written, in words, and before anything has been asked of a gateway. */
import { constants } from "node:fs";
import { access, readFile, stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { isQuanjiError, QuanjiError } from "@quanji/chaincode/domain";
import { type PartyKeyPair, readKeyFile, replaceFile } from "../sdk/index.js";
import type { Context } from "./context.js";
import { UsageError } from "./options.js";

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  ENOTDIR: "there is no such file",
  EISDIR: "it is a folder",
  EACCES: "you may not",
  EPERM: "you may not",
  ENOSPC: "the disk is full",
  EROFS: "the disk is read-only",
  Z_DATA_ERROR: "it is no gzip file",
  Z_BUF_ERROR: "its end is missing",
};

/** Of an error of the file system. */
export function reasonOf(cause: unknown): string {
  const code = cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : "";
  return REASONS[code] ?? (cause instanceof Error ? cause.message : "unknown reason");
}

export const unreadable = (path: string, cause: unknown): UsageError =>
  new UsageError(`${path} cannot be read: ${reasonOf(cause)}`);

export const unwritable = (path: string, cause: unknown): UsageError =>
  new UsageError(`${path} cannot be written: ${reasonOf(cause)}`);

/** Errors: usage. */
export function readNamed(path: string): Promise<Buffer> {
  return readFile(path).catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
}

/** Errors: usage. Of a file that is read later: its absence is told before anything is asked or sent. */
export async function assertReadable(path: string): Promise<void> {
  await access(path, constants.R_OK).catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
}

/** Errors: usage. Asked before the gateway is: what has been paid for must find its place. */
export async function assertWritable(context: Context, file: string | undefined, flag: string): Promise<void> {
  if (file === undefined) return;
  const path = context.path(file);
  const refuse = (reason: string): never => {
    throw new UsageError(`${flag} ${path} cannot be written: ${reason}`);
  };
  const folder = await stat(dirname(path)).catch(() => refuse(`there is no folder ${dirname(path)}`));
  if (!folder.isDirectory()) refuse(`${dirname(path)} is no folder`);
  await access(dirname(path), constants.W_OK).catch((cause: unknown) => refuse(reasonOf(cause)));
  const there = await stat(path).catch(() => undefined);
  if (there?.isDirectory() === true) refuse("it is a folder");
}

/** Replaces a file whole. Errors: usage. */
export async function writeBeside(context: Context, file: string, content: string | Uint8Array): Promise<void> {
  const path = context.path(file);
  await replaceFile(dirname(path), basename(path), content).catch((cause: unknown) => {
    throw unwritable(path, cause);
  });
}

/** Errors: CONFIG_INVALID, also where the file is JSON and no key. */
export async function openKeyFile(path: string, passphrase: string | undefined): Promise<PartyKeyPair> {
  try {
    return await readKeyFile(path, passphrase);
  } catch (cause) {
    if (!isQuanjiError(cause) || cause.code === "CONFIG_INVALID") throw cause;
    throw new QuanjiError("CONFIG_INVALID", `${path} holds no key (${cause.message}): make one with quanji keys new`, {
      field: "key",
      cause,
    });
  }
}
