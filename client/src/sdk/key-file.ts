/** Key files: a JWK, or a JWE of one under a passphrase; mode 0600, for nobody else's eyes. Node only. */
import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { QuanjiError } from "@quanji/chaincode/domain";
import { fromUtf8, utf8 } from "@quanji/chaincode/log";
import { decodeProtectedHeader, flattenedDecrypt, FlattenedEncrypt, type FlattenedJWE } from "jose";
import { type PartyKeyPair, parsePrivateJwk, toJwkFile } from "./keys.js";

/** PBKDF2-HMAC-SHA-512 iterations: OWASP's figure for this hash. */
const ITERATIONS = 210_000;
/** A file may ask for so many and no more: iterations are work that the file's author makes us do. */
const MAX_ITERATIONS = 2_000_000;
const MAX_BYTES = 64 * 1024;

const refuse = (message: string, cause?: unknown): QuanjiError =>
  new QuanjiError("CONFIG_INVALID", message, { field: "key", ...(cause !== undefined && { cause }) });

export interface WriteOptions {
  /** Encrypts the file with it: PBES2-HS512+A256KW, A256GCM. @see RFC 7518 §4.8 */
  readonly passphrase?: string;
  /** Default: an existing file is never overwritten, for a lost key cannot be had back. */
  readonly replace?: boolean;
}

/** Writes a key to a file of mode 0600. Errors: CONFIG_INVALID if the file exists or cannot be written. */
export async function writeKeyFile(path: string, pair: PartyKeyPair, options: WriteOptions = {}): Promise<void> {
  const plain = JSON.stringify(toJwkFile(pair), null, 2);
  const content =
    options.passphrase === undefined ? plain : JSON.stringify(await encrypt(plain, pair, options.passphrase), null, 2);
  if (options.replace !== true) return writeSynced(path, content);
  const temporary = `${path}.${randomBytes(6).toString("hex")}.new`;
  await writeSynced(temporary, content);
  try {
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw refuse(`the key file ${path} cannot be replaced`, cause);
  }
}

async function writeSynced(path: string, content: string): Promise<void> {
  const handle = await open(path, "wx", 0o600).catch((cause: unknown) => {
    const exists = isErrno(cause, "EEXIST");
    throw refuse(
      exists ? `${path} exists already: choose another name` : `${path} cannot be written: is there such a folder?`,
      cause,
    );
  });
  try {
    await handle.writeFile(`${content}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const isErrno = (error: unknown, code: string): boolean =>
  error instanceof Error && "code" in error && error.code === code;

async function encrypt(plain: string, { party, jwk }: PartyKeyPair, passphrase: string): Promise<FlattenedJWE> {
  const { kid } = toJwkFile({ jwk, ...(party !== undefined && { party }) });
  return new FlattenedEncrypt(utf8(plain))
    .setProtectedHeader({
      alg: "PBES2-HS512+A256KW",
      enc: "A256GCM",
      cty: "jwk+json",
      ...(kid !== undefined && { kid }),
    })
    .setKeyManagementParameters({ p2c: ITERATIONS })
    .encrypt(utf8(passphrase));
}

/**
 * Reads a key file. Errors: CONFIG_INVALID if it cannot be read, others may read it, or the passphrase is missing or wrong;
 * MALFORMED if it holds no key.
 */
export async function readKeyFile(path: string, passphrase?: string): Promise<PartyKeyPair> {
  const json = parseJson(path, await readPrivate(path));
  if (!isJwe(json)) return parsePrivateJwk(json);
  if (passphrase === undefined) {
    throw refuse(
      `${path} is encrypted: put its passphrase into an environment variable and name it by --passphrase-env`,
    );
  }
  return parsePrivateJwk(parseJson(path, await decrypt(path, json, passphrase)));
}

/** What an encrypted key file says about itself without its passphrase: `kid`, if it has one. Undefined: not encrypted. */
export async function encryptedKeyId(path: string): Promise<{ readonly kid: string | undefined } | undefined> {
  const json = parseJson(path, await readPrivate(path));
  if (!isJwe(json)) return undefined;
  const { kid } = decodeProtectedHeader(json);
  return { kid };
}

const isJwe = (json: unknown): json is FlattenedJWE =>
  typeof json === "object" && json !== null && "ciphertext" in json && "protected" in json;

async function decrypt(path: string, jwe: FlattenedJWE, passphrase: string): Promise<string> {
  try {
    const { plaintext } = await flattenedDecrypt(jwe, utf8(passphrase), {
      keyManagementAlgorithms: ["PBES2-HS512+A256KW"],
      contentEncryptionAlgorithms: ["A256GCM"],
      maxPBES2Count: MAX_ITERATIONS,
    });
    return fromUtf8(plaintext);
  } catch (cause) {
    throw refuse(`${path} does not open with this passphrase`, cause);
  }
}

/** Checks the opened file, not the path: nothing can be put in its place in between. @param maker what makes such a file */
export async function readPrivate(path: string, maker = "quanji keys new"): Promise<string> {
  const handle = await open(path, constants.O_RDONLY).catch((cause: unknown) => {
    throw refuse(`the key file ${path} cannot be read: make one with ${maker}`, cause);
  });
  try {
    await assertPrivate(path, handle);
    return await handle.readFile("utf8");
  } finally {
    await handle.close();
  }
}

async function assertPrivate(path: string, handle: FileHandle): Promise<void> {
  const stat = await handle.stat();
  if (!stat.isFile() || stat.size > MAX_BYTES)
    throw refuse(`${path} is not a key file: name another, or make one with quanji keys new`);
  // Windows has no such modes: there, every file seems to be readable by all.
  if (process.platform !== "win32" && (stat.mode & 0o077) !== 0) {
    throw refuse(`others may read ${path}: run chmod 600 on it, and replace the key if somebody has`);
  }
}

function parseJson(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw refuse(`${path} is not JSON, so no key file: name another, or make one with quanji keys new`, cause);
  }
}
