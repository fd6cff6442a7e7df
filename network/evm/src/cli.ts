/** What the commands of `npm run evm` share: connection, key, addresses file, answers as JSON. */
import { readFile, stat } from "node:fs/promises";
import path from "node:path";
import { QuanjiError } from "@quanji/chaincode/domain";
import { isHexString, JsonRpcProvider, Wallet } from "ethers";
import { newestOf, readAddresses } from "./addresses.js";

export const KEY = "QUANJI_EVM_KEY";

export const endpoint = ["--endpoint <url>", "JSON-RPC endpoint", "http://127.0.0.1:8545"] as const;
export const addresses = ["--addresses <file>", "addresses file", "evm-addresses.json"] as const;
export const keyFile = ["--key-file <file>", `file with the private key, in place of ${KEY}`] as const;

export interface Options {
  readonly endpoint: string;
  readonly addresses: string;
  readonly keyFile?: string;
}

/** What a command has of the process that runs it. */
export interface Io {
  out(text: string): void;
  err(text: string): void;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What paths are relative to. */
  readonly folder: string;
}

/** One line of JSON; whole numbers that are too large for it as text. */
export function say(io: Io, answer: object): void {
  const text = JSON.stringify(answer, (_key, value: unknown) => (typeof value === "bigint" ? String(value) : value));
  io.out(`${text}\n`);
}

/** A connection for one command: ended whatever comes of it, or the process would stay. */
export async function connected<T>(
  url: string,
  work: (provider: JsonRpcProvider, chain: number) => Promise<T>,
): Promise<T> {
  const provider = new JsonRpcProvider(url, undefined, { polling: true, pollingInterval: 500 });
  try {
    return await work(provider, Number((await provider.getNetwork()).chainId));
  } finally {
    provider.destroy();
  }
}

/** Whoever acts, by the key of the environment or of a file that nobody else may read. Errors: CONFIG_INVALID. */
export async function walletOf(io: Io, { keyFile: file }: Pick<Options, "keyFile">): Promise<Wallet> {
  const key = file === undefined ? io.env[KEY] : await readKey(path.resolve(io.folder, file));
  if (key === undefined || key === "") {
    throw new QuanjiError("CONFIG_INVALID", `who acts? set ${KEY} to a private key, or name its file with --key-file`);
  }
  if (!isHexString(key, 32)) {
    throw new QuanjiError("CONFIG_INVALID", "the private key is not 0x and 64 hex digits", { field: file ?? KEY });
  }
  return new Wallet(key);
}

async function readKey(file: string): Promise<string> {
  const found = await stat(file).catch((cause: unknown) => {
    throw new QuanjiError("CONFIG_INVALID", `the key file cannot be read: look at its path`, { field: file, cause });
  });
  if (process.platform !== "win32" && (found.mode & 0o077) !== 0) {
    throw new QuanjiError("CONFIG_INVALID", `others may read the key file: chmod 600 it`, { field: file });
  }
  return (await readFile(file, "utf8")).trim();
}

/** The newest contract of a kind on a chain. Errors: CONFIG_INVALID. */
export async function addressOf(io: Io, file: string, kind: "anchors" | "escrows", chain: number): Promise<string> {
  const row = newestOf(await readAddresses(path.resolve(io.folder, file)), kind, chain);
  if (row !== undefined) return row.address;
  const [what, how] = kind === "anchors" ? ["anchor", "deploy"] : ["escrow", "escrow deploy"];
  throw new QuanjiError(
    "CONFIG_INVALID",
    `${file} names no ${what} contract on chain ${chain}: deploy one first (${how})`,
  );
}
