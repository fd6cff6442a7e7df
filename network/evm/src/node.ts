/**
 * An Ethereum node of one's own, on loopback and with nothing kept: for tests and for trying things out. A real EVM (anvil,
 * revm) from the package registry; it needs no network and ends with whoever started it.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export interface LocalNode {
  readonly endpoint: string;
  readonly chain: number;
  /** Keys of the accounts that have funds, 0x-prefixed hex. Everybody knows them. */
  readonly keys: readonly string[];
  close(): Promise<void>;
}

export interface LocalNodeOptions {
  readonly chain?: number;
  /** 0: any that is free. */
  readonly port?: number;
}

/** Well-known development keys of the mnemonic "test test test test test test test test test test test junk". */
const KEYS = [
  "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
  "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
  "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
];

/** Rejects where the package for this platform is not installed, or the node does not start. */
export async function startNode({ chain = 31337, port = 0 }: LocalNodeOptions = {}): Promise<LocalNode> {
  const args = ["--host", "127.0.0.1", "--port", String(port), "--chain-id", String(chain)];
  const keeper = fileURLToPath(new URL("./node-keeper.js", import.meta.url));
  const child = spawn(process.execPath, [keeper, binary(), ...args], { stdio: ["pipe", "pipe", "pipe"] });
  const ended = once(child, "close");
  let told = "";
  const endpoint = await new Promise<string>((resolve, reject) => {
    const hear = (chunk: Buffer): void => {
      told += chunk.toString();
      const found = /Listening on (127\.0\.0\.1:\d+)/.exec(told)?.[1];
      if (found !== undefined) resolve(`http://${found}`);
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    child.once("error", reject);
    child.once("close", () => reject(new Error(`the node ended before it listened\n${told}`)));
  });
  // What it says from here on is read by nobody, but has to be read, or it stands still.
  child.stdout.removeAllListeners("data").resume();
  child.stderr.removeAllListeners("data").resume();
  return {
    endpoint,
    chain,
    keys: KEYS,
    async close() {
      child.stdin.end();
      await ended;
    },
  };
}

/** Of this platform's package: the launcher beside it is of no use, as it cannot be ended for certain. */
function binary(): string {
  const from = createRequire(createRequire(import.meta.url).resolve("@foundry-rs/anvil/package.json"));
  const cpu = process.arch === "x64" ? "amd64" : process.arch;
  const name = `@foundry-rs/anvil-${process.platform}-${cpu}`;
  const exe = process.platform === "win32" ? "anvil.exe" : "anvil";
  return join(dirname(from.resolve(`${name}/package.json`)), "bin", exe);
}
