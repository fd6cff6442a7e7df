/** Records opened on a thread of their own. It begins with long trails only, and nothing waits until it has begun. */
import { Worker } from "node:worker_threads";
import type { LineOpener, OpenedLines } from "./opener.js";
import { type Packed, unpack } from "./packing.js";

/** What a thread costs to start is worth this much of a trail, in bytes. */
const START_AFTER = 4 * 1024 * 1024;
/** Batches under way: one that is opened, and some that wait while the replaying thread is in the middle of a batch. */
const MOST_UNDER_WAY = 4;

/** What a batch leaves behind is gone with the next: more room for it is memory, and saves no time. */
const YOUNG_MB = 16;

const startWorker = (): Worker =>
  new Worker(new URL("./opener.worker.node.js", import.meta.url), {
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
  });

export const openOpener = (): ThreadedOpener => new ThreadedOpener(startWorker);

export class ThreadedOpener implements LineOpener {
  readonly #start: () => Worker;
  #worker: Worker | undefined;
  #isUp = false;
  /** It ended, though nobody had closed it. */
  #broken = false;
  #bytes = 0;
  /** In the order in which they were given, which is that of the answers. */
  readonly #underWay: ((packed: Packed | undefined) => void)[] = [];

  constructor(start: () => Worker) {
    this.#start = start;
  }

  get isFree(): boolean {
    return this.#isUp && !this.#broken && this.#underWay.length < MOST_UNDER_WAY;
  }

  seen(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes >= START_AFTER && this.#worker === undefined) this.#begin();
  }

  #begin(): void {
    const worker = this.#start();
    this.#worker = worker;
    worker.on("message", (message: Packed | "up") => {
      if (message === "up") this.#isUp = true;
      else this.#underWay.shift()?.(message);
    });
    worker.on("error", () => this.#takeBack()); // `exit` follows, and would be enough; without a listener it is thrown
    worker.on("exit", () => this.#takeBack());
  }

  /** Whatever it had is opened where it is replayed. */
  #takeBack(): void {
    this.#broken = true;
    for (const resolve of this.#underWay.splice(0)) resolve(undefined);
  }

  async open(lines: Uint8Array): Promise<OpenedLines | undefined> {
    const worker = this.#worker;
    if (worker === undefined || this.#broken) return undefined;
    const packed = await new Promise<Packed | undefined>((resolve) => {
      this.#underWay.push(resolve);
      worker.postMessage(lines, [lines.buffer as ArrayBuffer]);
    });
    return packed === undefined ? undefined : unpack(packed);
  }

  turn(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
  }
}
