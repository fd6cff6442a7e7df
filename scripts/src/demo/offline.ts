/** Verification as a stranger does it: the command line, in a process that has no network. */
import { spawn, spawnSync } from "node:child_process";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { ROOT } from "../support/process.js";

const CLI = path.join(ROOT, "client", "bin", "quanji.js");
const NO_NETWORK = path.join(ROOT, "scripts", "dist", "demo", "no-network.js");

/** Whether this machine lets a user make a network namespace without any interface. */
const hasNamespaces = (): boolean =>
  spawnSync("unshare", ["-rn", "true"], { stdio: "ignore", timeout: 10_000 }).status === 0;

export interface Isolation {
  readonly how: string;
  readonly command: readonly string[];
}

export function isolation(): Isolation {
  return hasNamespaces()
    ? {
        how: "in a network namespace without any interface (unshare -rn)",
        command: ["unshare", "-rn", process.execPath],
      }
    : {
        how: "in a process in which every connection throws (network namespaces are not allowed here)",
        command: [process.execPath, "--import", pathToFileURL(NO_NETWORK).href],
      };
}

export interface Verdict {
  readonly ok: boolean;
  readonly code?: string;
  readonly detail?: string;
  readonly level?: string;
  /** How many dishonest witness organisations the quorum survives. */
  readonly withstands?: number;
  readonly records?: number;
  readonly permitted?: number;
  readonly denied?: number;
  readonly completeThrough?: string;
  readonly singleOperator?: boolean;
  readonly replayed?: readonly string[];
}

/** `quanji verify FILE --trust FILE --json` without network. */
export const verifyOffline = (
  place: Isolation,
  file: string,
  trust: string,
  more: readonly string[] = [],
): Promise<Verdict> => judge(place, ["verify", file, "--trust", trust, "--json", ...more]);

/** What `quanji evidence` says of a fork proof. */
export interface EvidenceVerdict {
  readonly ok: boolean;
  readonly accused?: readonly { readonly name: string; readonly role: string }[];
}

/** `quanji evidence FILE --trust FILE --json` without network. */
export const evidenceOffline = (place: Isolation, file: string, trust: string): Promise<EvidenceVerdict> =>
  judge(place, ["evidence", file, "--trust", trust, "--json"]);

function judge<T>(place: Isolation, command: readonly string[]): Promise<T> {
  const [program = process.execPath, ...args] = place.command;
  return new Promise((resolve, reject) => {
    const child = spawn(program, [...args, CLI, ...command], { stdio: ["ignore", "pipe", "pipe"] });
    let [out, err] = ["", ""];
    child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString("utf8")));
    child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString("utf8")));
    child.once("error", reject);
    child.once("close", (status) => {
      try {
        resolve(JSON.parse(out) as T);
      } catch {
        reject(
          new Error(`quanji ${command[0] ?? ""} ended with ${status ?? "a signal"} and no verdict:\n${out}${err}`),
        );
      }
    });
  });
}
