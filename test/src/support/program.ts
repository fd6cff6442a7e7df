/** Our programs as their users run them: a process each, told apart by exit code and what they print. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { ROOT } from "@quanji/scripts/process";
import { until } from "./until.js";

export const QUANJI = path.join(ROOT, "client", "bin", "quanji.js");
export const SOURCE = path.join(ROOT, "gateway", "bin", "quanji-source.js");
export const GATEWAY = path.join(ROOT, "gateway", "bin", "quanji-gateway.js");

export interface Ran {
  readonly exitCode: number | null;
  readonly out: string;
  readonly err: string;
}

/** A program that goes on until it is told to stop. */
export interface Running {
  readonly child: ChildProcess;
  /** Its exit code, once it has ended. */
  readonly closed: Promise<number | null>;
  /** All that it has said so far, but for its results. */
  readonly said: () => string;
}

/** Starts a program and waits until it has said that. */
export async function startProgram(
  argv: readonly string[],
  variables: Readonly<Record<string, string>>,
  ready: string,
): Promise<Running> {
  const child = spawn(process.execPath, argv, {
    env: { ...process.env, LANG: "C", ...variables },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const closed = once(child, "close").then(([exitCode]) => exitCode as number | null);
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString("utf8")));
  try {
    await until(() => (said.includes(ready) ? true : undefined));
  } catch (error) {
    child.kill("SIGKILL");
    throw new Error(`the program never said that it was ready: ${said}`, { cause: error });
  }
  return { child, closed, said: () => said };
}

/** Without what this machine's environment says of Quanji; in English. */
export function runProgram(argv: readonly string[], variables: Readonly<Record<string, string>> = {}): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, argv, {
      env: { ...process.env, LANG: "C", LC_ALL: "C", LEDGER: "", QUANJI_DATA: "", ...variables },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let [out, err] = ["", ""];
    child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString("utf8")));
    child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString("utf8")));
    child.once("error", reject);
    child.once("close", (exitCode) => resolve({ exitCode, out, err }));
  });
}
