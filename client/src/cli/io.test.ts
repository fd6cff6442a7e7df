/** An Io for tests: what was printed can be read, and nobody sits at the keyboard unless a test says so. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemRandom } from "../sdk/index.js";
import type { Io } from "./io.js";
import { run } from "./run.js";

export interface Ran {
  readonly exitCode: number;
  readonly out: string;
  readonly err: string;
  /** The one object on standard output. */
  readonly json: Record<string, unknown>;
}

export class Desk {
  readonly folder: string;
  env: Record<string, string | undefined>;
  typed = "";

  private constructor(folder: string) {
    this.folder = folder;
    this.env = { QUANJI_CONFIG: join(folder, "config", "config.json"), LANG: "C" };
  }

  static async open(): Promise<Desk> {
    return new Desk(await mkdtemp(join(tmpdir(), "quanji-cli-")));
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  io(changes: Partial<Io> = {}): Io & { readonly said: { out: string; err: string } } {
    const said = { out: "", err: "" };
    return {
      said,
      stdout: (data) => void (said.out += typeof data === "string" ? data : Buffer.from(data).toString("utf8")),
      stderr: (text) => void (said.err += text),
      stdin: () => Promise.resolve(this.typed),
      env: this.env,
      cwd: this.folder,
      home: this.folder,
      watched: false,
      clock: Date.now,
      random: systemRandom,
      fetch: globalThis.fetch,
      stopped: () => Promise.resolve(),
      ...changes,
    };
  }

  async run(argv: readonly string[], changes: Partial<Io> = {}): Promise<Ran> {
    const io = this.io(changes);
    const exitCode = await run(argv, io);
    const { out, err } = io.said;
    return { exitCode, out, err, json: argv.includes("--json") ? (JSON.parse(out) as Record<string, unknown>) : {} };
  }

  close(): Promise<void> {
    return rm(this.folder, { recursive: true });
  }
}
