/** Runs one command to its end, with a deadline; keeps all it said in a log. */
import { spawn } from "node:child_process";
import { appendFile, mkdir } from "node:fs/promises";
import path from "node:path";
import { NetworkFailure } from "./failure.js";

export interface Command {
  /** Names the step in messages, e.g. `peer lifecycle chaincode install at peer0.holder`. */
  readonly what: string;
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly log: string;
  readonly within?: number;
  readonly advice?: string;
  /** Words that never reach a log: passwords. */
  readonly secrets?: readonly string[];
}

/** Fabric's tools need little of the caller's environment, and no setting of it by accident. */
const INHERITED = [
  "PATH",
  "HOME",
  "TMPDIR",
  "LANG",
  "GOPATH",
  "GOCACHE",
  "GOPROXY",
  "GOFLAGS",
  "GOSUMDB",
  "GOTOOLCHAIN",
];

export const plainEnvironment = (extra: Readonly<Record<string, string>> = {}): Record<string, string> => ({
  ...Object.fromEntries(
    INHERITED.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  ),
  ...extra,
});

/** What a tool said went wrong. Some print their usage after it. */
function gist(text: string): string {
  const lines = text.trim().split("\n");
  const errors = lines.filter((line) => /^(Error|error|panic|fatal)\b/i.test(line));
  return (errors.length > 0 ? errors : lines).slice(-4).join("\n");
}

const redact = (text: string, secrets: readonly string[]): string =>
  secrets.reduce((clean, secret) => clean.replaceAll(secret, "********"), text);

/** Standard output of a command that ended well. Errors: NetworkFailure with the last lines it said. */
export async function run(command: Command): Promise<string> {
  const { what, file, args, env, cwd, log, within = 60_000, secrets = [] } = command;
  const child = spawn(file, args, { cwd, env: plainEnvironment(env), stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (output += chunk));
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (errors += chunk));
  const timer = setTimeout(() => child.kill("SIGKILL"), within);
  const ended = await new Promise<{ code: number | null; error?: Error }>((resolve) => {
    child.once("error", (error) => resolve({ code: null, error }));
    child.once("close", (code) => resolve({ code }));
  });
  clearTimeout(timer);
  await mkdir(path.dirname(log), { recursive: true });
  await appendFile(log, redact(`$ ${[path.basename(file), ...args].join(" ")}\n${errors}${output}`, secrets));
  if (ended.code === 0) return output;
  const reason =
    ended.error !== undefined
      ? `cannot be run: ${ended.error.message}`
      : ended.code === null
        ? `did not end within ${within / 1000} s`
        : `failed with exit code ${ended.code}`;
  throw new NetworkFailure(what, redact(`${reason}\n${gist(`${errors}\n${output}`)}`, secrets), {
    log,
    advice:
      command.advice ?? "read the log, put it right, and give the same command again: what is done is not done twice",
    cause: ended.error,
  });
}
