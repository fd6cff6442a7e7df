/** A gateway as a user starts it: its own process, its own folder, a free port on loopback. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
/** As `npm start` and the program's first line have it. */
const FLAGS = ["--max-semi-space-size=64"];
const GATEWAY = path.join(ROOT, "gateway", "bin", "quanji-gateway.js");

export interface GatewayProcess {
  readonly url: string;
  readonly data: string;
  readonly process: ChildProcess;
  /** Ends it as an operator would, and waits. */
  stop(): Promise<void>;
}

/** A port that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** Starts a gateway on `data` and resolves when it says that it is ready. What it prints on errors is thrown. */
export async function startGateway(
  data: string,
  config: Readonly<Record<string, unknown>> = {},
  environment: Readonly<Record<string, string>> = {},
): Promise<GatewayProcess> {
  const port = typeof config["port"] === "number" ? config["port"] : await freePort();
  await mkdir(data, { recursive: true });
  await writeFile(
    path.join(data, "gateway.json"),
    JSON.stringify({ port, log: { level: "warn" }, ...config }, undefined, 2),
  );
  const env = { LEDGER: "", ...environment, QUANJI_DATA: data, QUANJI_PORT: "", QUANJI_PUBLIC_URL: "" };
  return { data, ...(await startServer([GATEWAY], env)) };
}

/** Starts a program that prints `ready <url>` when it serves. */
export async function startServer(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Omit<GatewayProcess, "data">> {
  const child = spawn(process.execPath, [...FLAGS, ...args], {
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const url = await ready(child);
  return {
    url,
    process: child,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const closed = once(child, "close");
      child.kill("SIGTERM");
      await closed;
    },
  };
}

function ready(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let printed = "";
    const read = (chunk: Buffer): void => {
      printed += chunk.toString("utf8");
      const url = /^ready (\S+)$/m.exec(printed)?.[1];
      if (url !== undefined) resolve(url);
    };
    child.stdout?.on("data", read);
    child.stderr?.on("data", read);
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`the gateway ended with ${code ?? "a signal"}:\n${printed}`)));
  });
}
