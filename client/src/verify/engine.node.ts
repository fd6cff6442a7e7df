/**
 * The engine of signatures in Node: threads that get them by the hundred. WebCrypto has threads too, but asks for a job and a
 * promise for each signature, and that costs the thread that reads as much as everything else it does with a record.
 */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { type SignatureCheck, type SignatureEngine, verifyHere } from "./engine.js";
import type { Answers, Batch } from "./engine.worker.node.js";

/** A short trail is verified before a thread has started. In batches. */
const START_AFTER = 8;
/** One core reads; more than a few would wait for it. */
const MOST_THREADS = 4;

const startWorker = (): Worker => new Worker(new URL("./engine.worker.node.js", import.meta.url));

export const openEngine = (): SignatureEngine => new ThreadedEngine(startWorker);

interface Waiting {
  readonly checks: readonly SignatureCheck[];
  readonly resolve: (answers: readonly boolean[]) => void;
}

export class ThreadedEngine implements SignatureEngine {
  readonly #start: () => Worker;
  #workers: Worker[] | undefined;
  #batches = 0;
  readonly #waiting = new Map<number, Waiting>();
  /** A thread ended that nobody had closed: all that is left is checked here. */
  #broken = false;
  #closed = false;

  constructor(start: () => Worker) {
    this.#start = start;
  }

  verifyAll(checks: readonly SignatureCheck[]): Promise<readonly boolean[]> {
    const id = this.#batches++;
    if (this.#broken || id < START_AFTER) return verifyHere(checks);
    this.#workers ??= this.#startAll();
    const worker = this.#workers[id % this.#workers.length];
    if (worker === undefined) return verifyHere(checks);
    const batch = batchOf(id, checks);
    return new Promise((resolve) => {
      this.#waiting.set(id, { checks, resolve });
      worker.postMessage(batch, [batch.bytes.buffer as ArrayBuffer]);
    });
  }

  #startAll(): Worker[] {
    const count = Math.min(MOST_THREADS, Math.max(1, availableParallelism() - 1));
    return Array.from({ length: count }, () => {
      const worker = this.#start();
      worker.on("message", (answers: Answers) => this.#answered(answers));
      worker.on("error", () => this.#takeBack()); // `exit` follows, and would be enough; without a listener it is thrown
      worker.on("exit", () => this.#takeBack());
      return worker;
    });
  }

  #answered({ id, good }: Answers): void {
    this.#waiting.get(id)?.resolve(Array.from(good, (one) => one === 1));
    this.#waiting.delete(id);
  }

  /** Nothing that was handed to a thread is taken for good because the thread is gone. */
  #takeBack(): void {
    if (this.#closed) return;
    this.#broken = true;
    for (const { checks, resolve } of this.#waiting.values()) void verifyHere(checks).then(resolve);
    this.#waiting.clear();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all((this.#workers ?? []).map((worker) => worker.terminate()));
  }
}

/** One buffer for all, so that one allocation and no copy takes a hundred signatures across. */
function batchOf(id: number, checks: readonly SignatureCheck[]): Batch {
  const keys: Batch["keys"][number][] = [];
  const lengths = new Uint32Array(checks.length * 3);
  let size = 0;
  for (const [i, { jwk, data, signature }] of checks.entries()) {
    let key = keys.indexOf(jwk);
    if (key < 0) key = keys.push(jwk) - 1;
    lengths.set([key, data.length, signature.length], i * 3);
    size += data.length + signature.length;
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const { data, signature } of checks) {
    bytes.set(data, at);
    bytes.set(signature, at + data.length);
    at += data.length + signature.length;
  }
  return { id, keys, lengths, bytes };
}
