/**
 * An Ethereum node of one's own, on loopback and with nothing kept: for tests and for trying things out. A real EVM (anvil,
 * revm) from the package registry; it needs no network and ends with whoever started it.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { JsonRpcProvider, Wallet } from "ethers";

export interface LocalNode {
  readonly endpoint: string;
  readonly chain: number;
  /** Keys of the accounts that have funds, made for this node: 0x-prefixed hex. */
  readonly keys: readonly string[];
  close(): Promise<void>;
}

export interface LocalNodeOptions {
  readonly chain?: number;
  /** 0: any that is free. */
  readonly port?: number;
}

/** Accounts that each node has. */
const ACCOUNTS = 3;
const FUNDS_WEI = "0x3635c9adc5dea00000"; // 1000 ETH

/** Rejects where the package for this platform is not installed, or the node does not start. */
export async function startNode({ chain = 31337, port = 0 }: LocalNodeOptions = {}): Promise<LocalNode> {
  const args = ["--host", "127.0.0.1", "--port", String(port), "--chain-id", String(chain), "--accounts", "0"];
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
  const close = async (): Promise<void> => {
    child.stdin.end();
    await ended;
  };
  const wallets = Array.from({ length: ACCOUNTS }, () => Wallet.createRandom());
  const provider = new JsonRpcProvider(endpoint, chain, { staticNetwork: true });
  try {
    for (const { address } of wallets) await provider.send("anvil_setBalance", [address, FUNDS_WEI]);
  } catch (error) {
    await close();
    throw error;
  } finally {
    provider.destroy();
  }
  return { endpoint, chain, keys: wallets.map(({ privateKey }) => privateKey), close };
}

/** Of this platform's package: the launcher beside it is of no use, as it cannot be ended for certain. */
function binary(): string {
  const from = createRequire(createRequire(import.meta.url).resolve("@foundry-rs/anvil/package.json"));
  const cpu = process.arch === "x64" ? "amd64" : process.arch;
  const name = `@foundry-rs/anvil-${process.platform}-${cpu}`;
  const exe = process.platform === "win32" ? "anvil.exe" : "anvil";
  return join(dirname(from.resolve(`${name}/package.json`)), "bin", exe);
}
