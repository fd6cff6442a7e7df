/**
 * The embedded ledger on a thread of its own: chaincode, endorsement and commit take as much of the machine as HTTP does, and
 * share nothing with it but one message a batch and one a block. The same port, faults included.
 */
import { Worker } from "node:worker_threads";
import type { Report } from "../embedded/chaincode.js";
import {
  type BlockStream,
  type Committed,
  type Ledger,
  type LedgerBlock,
  LedgerError,
  type TransactionRequest,
  type WitnessView,
} from "../ledger.js";
import type { Vouchers } from "./vouchers.js";
import { type Answer, type CallName, type Calls, fromWire, type ThreadOptions } from "./wire.js";

export interface ThreadedLedgerOptions extends ThreadOptions {
  /** Of signatures that the edge has verified: the chaincode need not do it again. */
  readonly vouchers: Pick<Vouchers, "take">;
  /** Gets what contracts throw by mistake, and how the thread died if it did. */
  readonly report: Report;
}

/** The thread makes much that dies with its batch: with room for it, little is copied. */
const YOUNG_GENERATION_MB = 192;

const HOST = new URL("./host.js", import.meta.url);

/** Errors: those of `openEmbeddedLedger`. */
export async function openThreadedLedger(options: ThreadedLedgerOptions): Promise<Ledger> {
  const { folder, topology, submitterMsp, durability } = options;
  const workerData: ThreadOptions = { folder, topology, submitterMsp, durability };
  const thread = new Worker(HOST, {
    workerData,
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
  });
  return ledgerOn(thread, options);
}

/** The ledger behind a thread that has just been started. */
export async function ledgerOn(
  thread: Worker,
  { vouchers, report }: Pick<ThreadedLedgerOptions, "vouchers" | "report">,
): Promise<Ledger> {
  const calls = new Caller(thread, report);
  await calls.opened;
  return new ThreadedLedger(calls, vouchers);
}

interface Waiting {
  readonly name: CallName | "open thread";
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
}

/** Calls into the thread and their answers. */
class Caller {
  readonly opened: Promise<void>;
  readonly #thread: Worker;
  readonly #waiting = new Map<number, Waiting>();
  readonly #ended: Promise<void>;
  #last = 0;
  #closing = false;
  #gone = false;

  constructor(thread: Worker, report: Report) {
    this.#thread = thread;
    this.opened = new Promise((resolve, reject) => this.#waiting.set(0, { name: "open thread", resolve, reject }));
    thread.on("message", (answer: Answer) => {
      if ("report" in answer) report(fromWire(answer.report.error), answer.report.transaction);
      else this.#settle(answer);
    });
    thread.on("error", (error) => report(error, "the ledger's thread"));
    this.#ended = new Promise((resolve) => {
      thread.once("exit", () => {
        this.#gone = true;
        for (const { name, reject } of this.#waiting.values()) {
          reject(this.#closing && name !== "submit" ? closed() : lost(name));
        }
        this.#waiting.clear();
        resolve();
      });
    });
  }

  call<N extends CallName>(name: N, argument: Calls[N][0]): Promise<Calls[N][1]> {
    return new Promise((resolve, reject) => {
      if (this.#gone) {
        reject(closed());
        return;
      }
      const id = ++this.#last;
      this.#waiting.set(id, { name, resolve, reject });
      this.#thread.postMessage({ id, name, argument });
    });
  }

  /** Whether the ledger was told to close: what it leaves unanswered then is no fault. */
  get isClosing(): boolean {
    return this.#closing;
  }

  /** Resolves when the thread is gone. */
  async close(): Promise<void> {
    this.#closing = true;
    if (!this.#gone) await this.call("close", undefined);
    await this.#ended;
  }

  #settle(answer: Exclude<Answer, { report: unknown }>): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if ("error" in answer) waiting?.reject(fromWire(answer.error));
    else waiting?.resolve(answer.value as never);
  }
}

const closed = (): LedgerError => new LedgerError("UNAVAILABLE", "the ledger is closed");

/** Of a submit nobody knows then whether it was committed: the blocks do, once the gateway is started again. */
const lost = (name: Waiting["name"]): LedgerError =>
  new LedgerError(
    name === "submit" ? "UNKNOWN" : "UNAVAILABLE",
    "the ledger's thread has ended: the log says why; start the gateway again",
  );

class ThreadedLedger implements Ledger {
  readonly #calls: Caller;
  readonly #vouchers: Pick<Vouchers, "take">;
  /** Names streams and views. */
  #last = 0;
  #closing: Promise<void> | undefined;

  constructor(calls: Caller, vouchers: Pick<Vouchers, "take">) {
    this.#calls = calls;
    this.#vouchers = vouchers;
  }

  submit(request: TransactionRequest): Promise<Committed> {
    return this.#calls.call("submit", { request, vouchers: this.#vouchers.take() });
  }

  evaluate(request: TransactionRequest): Promise<string> {
    return this.#calls.call("evaluate", request);
  }

  height(): Promise<number> {
    return this.#calls.call("height", undefined);
  }

  find(txId: string): ReturnType<Ledger["find"]> {
    return this.#calls.call("find", txId);
  }

  blocks(from: number): BlockStream {
    return new ThreadedStream(this.#calls, ++this.#last, from);
  }

  blockBytes(number: number): Promise<Uint8Array | undefined> {
    return this.#calls.call("blockBytes", number);
  }

  async view(): Promise<WitnessView> {
    const id = ++this.#last;
    const { block, blockHash } = await this.#calls.call("view", id);
    return {
      block,
      blockHash,
      get: (key) => this.#calls.call("get", { view: id, key }),
      getPrivateHash: (collection, key) => this.#calls.call("getPrivateHash", { view: id, collection, key }),
      [Symbol.asyncDispose]: () => this.#calls.call("release", id),
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#calls.close();
    return this.#closing;
  }
}

const END = { done: true, value: undefined } as const;

class ThreadedStream implements BlockStream {
  readonly #calls: Caller;
  readonly #id: number;
  readonly #opened: Promise<void>;
  #closed = false;

  constructor(calls: Caller, id: number, from: number) {
    this.#calls = calls;
    this.#id = id;
    this.#opened = calls.call("open", { stream: id, from });
    this.#opened.catch(() => undefined); // told by the first pull
  }

  [Symbol.asyncIterator](): AsyncIterator<LedgerBlock> {
    return {
      next: () => this.#pull(),
      return: async () => {
        await this.close();
        return END;
      },
    };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    // A ledger that is gone has ended its streams already.
    await this.#calls.call("leave", this.#id).catch(() => undefined);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #pull(): Promise<IteratorResult<LedgerBlock>> {
    if (this.#closed) return END;
    try {
      await this.#opened;
      const block = await this.#calls.call("next", this.#id);
      return block === undefined ? END : { done: false, value: block };
    } catch (error) {
      // Asked for too late to be answered: a ledger that closes ends its streams.
      if (this.#calls.isClosing && error instanceof LedgerError && error.fault === "UNAVAILABLE") return END;
      throw error;
    }
  }
}
