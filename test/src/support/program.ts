/** Our programs as their users run them: a process each, told apart by exit code and what they print. */
import { spawn } from "node:child_process";
import path from "node:path";
import { ROOT } from "@quanji/scripts/process";

export const QUANJI = path.join(ROOT, "client", "bin", "quanji.js");
export const SOURCE = path.join(ROOT, "gateway", "bin", "quanji-source.js");
export const GATEWAY = path.join(ROOT, "gateway", "bin", "quanji-gateway.js");

export interface Ran {
  readonly exitCode: number | null;
  readonly out: string;
  readonly err: string;
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
