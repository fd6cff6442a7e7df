/** Jobs for the worker, one at a time, and their end from outside. */
import type { Answer, GivenList, GivenTrust, Job } from "./job.js";

type Without<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

export type Outcome = Without<Exclude<Answer, { readonly type: "progress" }>, "id"> | { readonly type: "cancelled" };

export interface Running {
  readonly outcome: Promise<Outcome>;
  readonly cancel: () => void;
}

type Progress = (records: number, bytes: number) => void;

interface Waiting {
  readonly id: number;
  readonly trust: GivenTrust;
  readonly file: File | undefined;
  readonly progress: Progress;
  readonly end: (outcome: Outcome) => void;
}

export class Runner {
  /** Status lists that were found good, one an address: a job that begins has all of them. */
  #lists: readonly GivenList[] = [];
  readonly #script: string;
  #worker: Worker | undefined;
  #count = 0;
  /** The first of them is the worker's. */
  #queue: Waiting[] = [];

  constructor(script: Blob) {
    this.#script = URL.createObjectURL(script);
  }

  /** Without a file: opens the trust file. */
  run(trust: GivenTrust, file?: File, progress: Progress = () => undefined): Running {
    const id = this.#count++;
    const outcome = new Promise<Outcome>((end) => {
      this.#queue.push({ id, trust, file, progress, end });
    });
    if (this.#queue.length === 1) this.#begin();
    return { outcome, cancel: () => this.#cancel(id) };
  }

  #begin(): void {
    const [first] = this.#queue;
    if (first === undefined) return;
    this.#worker ??= this.#start();
    const { id, trust, file } = first;
    const job: Job = { id, trust, lists: this.#lists, ...(file !== undefined && { file }) };
    this.#worker.postMessage(job);
  }

  #start(): Worker {
    const worker = new Worker(this.#script);
    worker.addEventListener("message", ({ data }: MessageEvent<Answer>) => {
      if (worker === this.#worker) this.#answered(data);
    });
    worker.addEventListener("error", (event) => {
      event.preventDefault();
      if (worker === this.#worker) this.#broke(event.message);
    });
    return worker;
  }

  #answered(answer: Answer): void {
    const [first] = this.#queue;
    if (first?.id !== answer.id) return;
    if (answer.type === "progress") first.progress(answer.records, answer.bytes);
    else this.#next(answer);
  }

  /** Of memory, for one: what it was at has no verdict, the next file gets a worker of its own. */
  #broke(message: string): void {
    this.#stop();
    this.#next({ type: "fault", fault: { message } });
  }

  #next(outcome: Outcome): void {
    if (outcome.type === "list") this.#keep(outcome.list);
    this.#queue.shift()?.end(outcome);
    this.#begin();
  }

  #keep(list: GivenList): void {
    this.#lists = [...this.#lists.filter(({ url }) => url !== list.url), list];
  }

  /** Status lists stand with the verdicts that they made, and under the trust file that they were opened with. */
  forget(): void {
    this.#lists = [];
  }

  #stop(): void {
    this.#worker?.terminate();
    this.#worker = undefined;
  }

  #cancel(id: number): void {
    const at = this.#queue.findIndex((waiting) => waiting.id === id);
    if (at < 0) return;
    if (at === 0) {
      this.#stop();
      this.#next({ type: "cancelled" });
      return;
    }
    const [cancelled] = this.#queue.splice(at, 1);
    cancelled?.end({ type: "cancelled" });
  }
}
