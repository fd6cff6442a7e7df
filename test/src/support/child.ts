/** A gateway in a process of its own, to be killed. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { SubmitStep } from "@quanji/gateway/fabric";
import type { CommitStep } from "@quanji/gateway/testing";
import { type Host, NET, PUBLIC_URL } from "./host.js";

/** Moments at which it can die: of the embedded ledger's commits, or of a submit to Fabric. */
export type Step = CommitStep | SubmitStep;

export interface ChildOrder {
  readonly dieAt: Step;
}
export type ChildReport = { readonly address: string } | { readonly armed: true };

const PROGRAM = fileURLToPath(new URL("./gateway-child.js", import.meta.url));

/** A gateway that runs elsewhere: in a network namespace. */
export interface Elsewhere {
  /** Begins a command line that runs there. */
  readonly through: readonly string[];
  /** Where this process dials it. */
  readonly address: string;
}

export class ChildHost implements Host {
  readonly data: string;
  readonly clock = Date.now;
  /** What it has written to its log since its last start. */
  said = "";
  readonly #elsewhere: Elsewhere | undefined;
  #address = "";
  #child: ChildProcess | undefined;

  private constructor(data: string, elsewhere: Elsewhere | undefined) {
    this.data = data;
    this.#elsewhere = elsewhere;
  }

  static async open(
    data: string,
    config: Readonly<Record<string, unknown>> = {},
    elsewhere?: Elsewhere,
  ): Promise<ChildHost> {
    const input = { port: 0, publicUrl: PUBLIC_URL, network: { net: NET }, ...config };
    await writeFile(path.join(data, "gateway.json"), JSON.stringify(input));
    const host = new ChildHost(data, elsewhere);
    await host.start();
    return host;
  }

  /** Another one after each start. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get address(): string {
    return this.#address;
  }

  async start(): Promise<void> {
    const [file = process.execPath, ...args] = this.#elsewhere?.through ?? [];
    const child = fork(PROGRAM, [this.data], {
      execPath: file,
      execArgv: file === process.execPath ? [] : [...args, process.execPath],
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    this.#child = child;
    this.said = "";
    child.stderr?.on("data", (chunk: Buffer) => (this.said += chunk.toString("utf8")));
    const report = await Promise.race([
      reportOf(child),
      once(child, "exit").then(() => Promise.reject(new Error(`the gateway did not start:\n${this.said}`))),
    ]);
    if (!("address" in report)) throw new Error("the gateway says something else than where it listens");
    this.#address = this.#elsewhere?.address ?? report.address;
  }

  /** From now on it dies at that step of a commit. */
  async dieAt(step: Step): Promise<void> {
    const child = this.#running();
    const order: ChildOrder = { dieAt: step };
    child.send(order);
    await reportOf(child);
  }

  /** As a power cut does it. Resolves once it is gone. */
  async kill(): Promise<void> {
    this.#running().kill("SIGKILL");
    await this.gone();
  }

  /** Resolves once the process has ended. */
  async gone(): Promise<void> {
    const child = this.#running();
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    this.#child = undefined;
  }

  async close(): Promise<void> {
    if (this.#child !== undefined) await this.kill();
  }

  #running(): ChildProcess {
    if (this.#child === undefined) throw new Error("the gateway is not running");
    return this.#child;
  }
}

async function reportOf(child: ChildProcess): Promise<ChildReport> {
  const [report] = (await once(child, "message")) as [ChildReport];
  return report;
}
