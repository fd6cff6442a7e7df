/**
 * The gateway as a program of its own. What only it can do, for it alone knows its folder's formats, is asked of it in a
 * process: so the client depends on no gateway, and works where none is installed.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { CODES, type Code, isCode, QuanjiError } from "@quanji/chaincode/domain";
import type { Io } from "./io.js";

type Line = Readonly<Record<string, unknown>>;

export interface ProgramCall {
  readonly task: "fsck" | "blocks";
  /** Variables beside those that this program has. */
  readonly variables: Readonly<Record<string, string>>;
  readonly progress: (done: number, of: number) => void;
}

/** Answers the program's last line. Errors: CONFIG_INVALID if there is no such program; what the program refuses; INTERNAL. */
export async function callGateway(io: Pick<Io, "env" | "cwd">, call: ProgramCall): Promise<Line> {
  const child = spawn(process.execPath, [programOf(io), call.task], {
    cwd: io.cwd,
    env: { ...io.env, ...call.variables },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const closed = once(child, "close");
  let complaint = "";
  child.stderr.on("data", (chunk: Buffer) => (complaint = `${complaint}${chunk.toString("utf8")}`.slice(-2_000)));
  let last: Line | undefined;
  for await (const line of createInterface({ input: child.stdout })) {
    const said = parsed(line);
    const { done, of } = (said?.["progress"] ?? {}) as { readonly done?: unknown; readonly of?: unknown };
    if (typeof done === "number" && typeof of === "number") call.progress(done, of);
    else last = said;
  }
  await closed;
  if (last === undefined)
    throw new QuanjiError("INTERNAL", `the gateway's program ended without a word: ${complaint.trim()}`);
  if (typeof last["code"] === "string") throw refusalOf(last["code"], last);
  return last;
}

/** Errors: CONFIG_INVALID. */
function programOf({ env }: Pick<Io, "env">): string {
  const named = env["QUANJI_GATEWAY_PROGRAM"];
  if (named !== undefined && named !== "") return named;
  try {
    return fileURLToPath(import.meta.resolve("@quanji/gateway/program"));
  } catch (cause) {
    throw new QuanjiError(
      "CONFIG_INVALID",
      "no gateway is installed here: run this on the gateway's machine, or name its program in QUANJI_GATEWAY_PROGRAM",
      { field: "QUANJI_GATEWAY_PROGRAM", cause },
    );
  }
}

function parsed(line: string): Line | undefined {
  try {
    const json: unknown = JSON.parse(line);
    return typeof json === "object" && json !== null ? (json as Line) : undefined;
  } catch {
    return undefined; // not of the agreed form: as good as silence
  }
}

function refusalOf(text: string, { message, detail, field }: Line): QuanjiError {
  const code: Code = isCode(text) ? text : "INTERNAL";
  return new QuanjiError(code, typeof message === "string" ? message : CODES[code].meaning, {
    ...(typeof detail === "string" && { detail }),
    ...(typeof field === "string" && { field }),
  });
}
