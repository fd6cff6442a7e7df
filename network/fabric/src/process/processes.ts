/**
 * The processes of a network: started apart from this one, recorded by process id, ended by that id and by no other means.
 * The record keeps the moment at which the kernel started each process, so that a number used again is not taken for ours.
 */
import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import { messageOf, NetworkFailure } from "../tools/failure.js";
import { SECRET, write } from "../tools/files.js";
import { plainEnvironment } from "../tools/run.js";
import { until } from "../tools/wait.js";
import type { Layout } from "../topology/layout.js";

export type ProcessKind = "authority" | "orderer" | "peer" | "chaincode";

/** How to start a process; kept, so that it can be started again as it was. */
export interface Program {
  readonly id: string;
  readonly kind: ProcessKind;
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Where it answers once it is up, for messages. */
  readonly endpoint: string;
}

const recorded = z.strictObject({
  id: z.string(),
  kind: z.enum(["authority", "orderer", "peer", "chaincode"]),
  file: z.string(),
  args: z.array(z.string()),
  cwd: z.string(),
  env: z.record(z.string(), z.string()),
  endpoint: z.string(),
  pid: z.int().min(1),
  started: z.string(),
});

export type ProcessRecord = z.infer<typeof recorded>;

/** State and start time (clock ticks since boot) of a process; undefined if there is none, or only its remains. */
async function startOf(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    // The second field is the command in brackets and may hold anything: count from its end.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT" || (error as NodeJS.ErrnoException).code === "ESRCH") {
      return undefined;
    }
    throw error;
  }
}

export const isAlive = async ({ pid, started }: ProcessRecord): Promise<boolean> => (await startOf(pid)) === started;

/** Ending is asked for politely this long; ledgers close their files meanwhile. */
const POLITE_MS = 10_000;

export class Processes {
  readonly #layout: Layout;
  readonly #politeMs: number;
  #writing: Promise<void> = Promise.resolve();

  constructor(layout: Layout, politeMs = POLITE_MS) {
    this.#layout = layout;
    this.#politeMs = politeMs;
  }

  /** All that were started and not taken down, alive or not. Errors: NetworkFailure if the record cannot be read. */
  async list(): Promise<ProcessRecord[]> {
    let text: string;
    try {
      text = await readFile(this.#layout.processes, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw error;
    }
    try {
      return z.array(recorded).parse(JSON.parse(text));
    } catch (cause) {
      throw new NetworkFailure("processes", `${this.#layout.processes} cannot be read: ${messageOf(cause)}`, {
        advice: "end the processes of this network by hand (ps), then delete that file",
        cause,
      });
    }
  }

  async find(id: string): Promise<ProcessRecord | undefined> {
    return (await this.list()).find((each) => each.id === id);
  }

  async #change(edit: (records: ProcessRecord[]) => ProcessRecord[]): Promise<void> {
    const turn = this.#writing.then(async () =>
      write(this.#layout.processes, `${JSON.stringify(edit(await this.list()), null, 2)}\n`, SECRET),
    );
    this.#writing = turn.catch(() => undefined);
    return turn;
  }

  /** Starts it unless it runs already. @returns whether it was started now. Errors: NetworkFailure if it cannot be. */
  async start(program: Program): Promise<boolean> {
    const known = await this.find(program.id);
    if (known !== undefined && (await isAlive(known))) return false;
    const log = this.#layout.log(program.id);
    await mkdir(path.dirname(log), { recursive: true });
    const output = openSync(log, "a");
    const child = spawn(program.file, [...program.args], {
      cwd: program.cwd,
      env: plainEnvironment(program.env),
      detached: true,
      stdio: ["ignore", output, output],
    });
    closeSync(output);
    const error = await new Promise<Error | undefined>((resolve) => {
      child.once("spawn", () => resolve(undefined));
      child.once("error", resolve);
    });
    const started = child.pid === undefined ? undefined : await startOf(child.pid);
    if (child.pid === undefined || started === undefined) {
      throw new NetworkFailure(program.id, `cannot be started: ${error?.message ?? "it ended at once"}`, {
        log,
        advice: `look at the log, then give the same command again`,
        cause: error,
      });
    }
    child.unref();
    const { pid } = child;
    const record: ProcessRecord = { ...program, args: [...program.args], env: { ...program.env }, pid, started };
    await this.#change((records) => [...records.filter(({ id }) => id !== program.id), record]);
    return true;
  }

  /** Starts a recorded process again as it was. */
  async restart(id: string): Promise<void> {
    const known = await this.find(id);
    if (known === undefined) throw this.#unknown(id);
    const { pid: _pid, started: _started, ...program } = known;
    await this.start(program);
  }

  /** Sends a signal to a recorded process, if it is alive. For faults: the record stays. */
  async signal(id: string, signal: NodeJS.Signals): Promise<void> {
    const known = await this.find(id);
    if (known === undefined) throw this.#unknown(id);
    if (await isAlive(known)) process.kill(known.pid, signal);
  }

  /** Ends it, gently first, and forgets it. Resolves once it is gone. */
  async stop(id: string): Promise<void> {
    const known = await this.find(id);
    if (known === undefined) return;
    const gone = async (): Promise<true | undefined> => ((await isAlive(known)) ? undefined : true);
    const waiting = {
      subject: id,
      purpose: "end",
      log: this.#layout.log(id),
      advice: `end process ${known.pid} by hand`,
    };
    for (const [signal, within] of [
      ["SIGTERM", this.#politeMs],
      ["SIGKILL", 5_000],
    ] as const) {
      if (!(await isAlive(known))) break;
      process.kill(known.pid, signal);
      process.kill(known.pid, "SIGCONT");
      const ended = until(gone, { ...waiting, within, every: 20 });
      if (signal === "SIGTERM") await ended.catch(() => undefined);
      else await ended;
    }
    await this.#change((records) => records.filter((each) => each.id !== id));
  }

  /** Throws if a process that ought to run has ended: waiting on it any longer is vain. */
  async assertAlive(id: string): Promise<void> {
    const known = await this.find(id);
    if (known !== undefined && (await isAlive(known))) return;
    const log = this.#layout.log(id);
    const text = await readFile(log, "utf8").catch(() => "");
    throw new NetworkFailure(id, `has ended:\n${text.trim().split("\n").slice(-3).join("\n")}`, {
      log,
      advice: "its last lines say why; a port in use is the usual reason. Then give the same command again",
    });
  }

  #unknown(id: string): NetworkFailure {
    return new NetworkFailure(id, "is no process of this network", {
      advice: "`network -- status` lists them",
    });
  }
}
