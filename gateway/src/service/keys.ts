/**
 * The keys of one gateway, made at the first start, in files of mode 0600. One key, one purpose: the regulator signs
 * commands and the trust file, the gateway its answers and receipts, and log and heads keys only notes.
 */
import { mkdir } from "node:fs/promises";
import path from "node:path";
import {
  type Algorithm,
  formatVkey,
  fromBase64url,
  NOTE_TYPES,
  type NoteKey,
  noteKey,
  type NoteType,
  type SignBytes,
} from "@quanji/chaincode/log";
import {
  generateKey,
  openSigner,
  type PartyKeyPair,
  publicOf,
  readKeyFile,
  type Signer,
  writeKeyFile,
} from "@quanji/client";

/** Signs notes of one type 01 key. */
export interface NoteSigner {
  readonly key: NoteKey;
  readonly vkey: string;
  readonly sign: SignBytes;
}

export interface GatewayKeys {
  readonly folder: string;
  readonly regulator: Signer;
  /** `kid` = `<gateway>#<thumbprint>`. */
  readonly gateway: Signer;
  /** Of the gateway's logs, in order: each signs the checkpoints of its own log. */
  readonly logs: readonly NoteSigner[];
  readonly heads: NoteSigner;
}

export interface KeyNames {
  /** The regulator's party id. */
  readonly regulator: string;
  /** This gateway's name. */
  readonly gateway: string;
  /** Origins of its logs. */
  readonly logs: readonly string[];
  /** Name under which it states heads. */
  readonly heads: string;
}

export const KEY_FOLDER = "keys";

/** Without `.jwk`. The first log's has no number. */
export const logKeyName = (n: number): string => (n === 0 ? "log" : `log-${n}`);

/** Errors: CONFIG_INVALID (a file that others may read, or that is no key). */
export async function openKeys(data: string, names: KeyNames): Promise<GatewayKeys> {
  const folder = path.join(data, KEY_FOLDER);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const key = (name: string, alg: Algorithm, party?: string) =>
    loadOrMake(path.join(folder, `${name}.jwk`), alg, party);
  const signer = async (name: string, alg: Algorithm, party: string) =>
    openSigner({ ...(await key(name, alg, party)), party });
  return {
    folder,
    regulator: await signer("regulator", "ES256", names.regulator),
    // Signs twice for each access: ES256 is the faster of the two, here and wherever receipts are checked.
    gateway: await signer("gateway", "ES256", names.gateway),
    logs: await Promise.all(names.logs.map(async (origin, n) => noteSigner(await key(logKeyName(n), "EdDSA"), origin))),
    heads: await noteSigner(await key("heads", "EdDSA"), names.heads),
  };
}

async function loadOrMake(file: string, alg: Algorithm, party: string | undefined): Promise<PartyKeyPair> {
  const known = await readIfThere(file);
  if (known !== undefined) return known;
  const pair = { jwk: await generateKey(alg), ...(party !== undefined && { party }) };
  await writeKeyFile(file, pair);
  return pair;
}

async function readIfThere(file: string): Promise<PartyKeyPair | undefined> {
  try {
    return await readKeyFile(file);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** Whether a system error of that code lies at the bottom of what was thrown. */
function hasCode(error: unknown, code: string): boolean {
  if (!(error instanceof Error)) return false;
  return (error as NodeJS.ErrnoException).code === code || hasCode(error.cause, code);
}

/**
 * The note key in a file of mode 0600, made if it is not there: 01 for logs and heads, 04 for a witness.
 * Errors: CONFIG_INVALID (a file that others may read, or that is no key).
 */
export async function openNoteSigner(file: string, name: string, type: NoteType): Promise<NoteSigner> {
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  return noteSigner(await loadOrMake(file, "EdDSA", undefined), name, type);
}

async function noteSigner(pair: PartyKeyPair, name: string, type: NoteType = NOTE_TYPES.ed25519): Promise<NoteSigner> {
  const { sign } = await openSigner({ ...pair, party: "notes" });
  const key = noteKey(name, type, fromBase64url(publicOf(pair.jwk).x));
  return { key, vkey: formatVkey(key), sign };
}
