/** A read model over {@link MemoryLedger}: follows its blocks, as late as a test wants. */
import {
  type Grant,
  instant,
  type LogState,
  type Party,
  QuanjiError,
  type Resource,
  type StopState,
} from "@quanji/chaincode/domain";
import { frontierToJson, hashText, rootOf } from "@quanji/chaincode/log";
import type { KnownRecord } from "../readmodel/readmodel.js";
import type { RecordReader } from "./answerer.js";
import type { MemoryBlock, MemoryLedger, MemoryRecord, ObjectState } from "./memory-ledger.support.test.js";
import type { Pause } from "./pause.js";

export class MemoryReadModel implements RecordReader {
  /** How long a block takes to arrive; infinite: it does not follow any more. */
  lagMs: number;
  readonly #ledger: MemoryLedger;
  readonly #pause: Pause;
  #height = 0;
  #waiting: { readonly block: number; readonly wake: () => void }[] = [];
  readonly #records: KnownRecord[] = [];
  readonly #byRequest = new Map<string, KnownRecord>();
  readonly #deliveries = new Map<string, KnownRecord>();
  readonly #permits = new Map<number, KnownRecord>();
  #last: MemoryBlock | undefined;

  constructor(ledger: MemoryLedger, pause: Pause, lagMs: number) {
    this.#ledger = ledger;
    this.#pause = pause;
    this.lagMs = lagMs;
    for (const block of ledger.blocks) this.#apply(block);
    ledger.listen((block) => void this.#follow(block));
  }

  async #follow(block: MemoryBlock): Promise<void> {
    if (!Number.isFinite(this.lagMs)) return;
    if (this.lagMs > 0) await this.#pause(this.lagMs);
    this.catchUp(block.number);
  }

  catchUp(to = this.#ledger.blocks.length - 1): void {
    while (this.#height <= to) {
      const block = this.#ledger.blocks[this.#height];
      if (block === undefined) return;
      this.#apply(block);
    }
  }

  #apply(block: MemoryBlock): void {
    for (const record of block.records) this.#add(record, block);
    this.#last = block;
    this.#height = block.number + 1;
    const ready = this.#waiting.filter((waiter) => waiter.block <= block.number);
    this.#waiting = this.#waiting.filter((waiter) => waiter.block > block.number);
    for (const { wake } of ready) wake();
  }

  #add(record: MemoryRecord, { number, txId }: MemoryBlock): void {
    const { input } = record;
    const known: KnownRecord = {
      block: number,
      index: 0,
      txId,
      log: this.#ledger.origin,
      record: record.index,
      first: record.first,
      type: input.type,
      stored: {
        face: record.face,
        body: record.body,
        links: {},
        ...(input.type !== "delivery" && input.type !== "index" && { request: input.request }),
      },
    };
    this.#records[record.index] = known;
    if (input.type === "delivery") {
      this.#deliveries.set(record.request, known);
      this.#permits.delete(input.access);
    } else this.#byRequest.set(record.request, known);
    if (record.permit) this.#permits.set(record.index, known);
  }

  height(): number {
    return this.#height;
  }

  reached(block: number, signal?: AbortSignal): Promise<void> {
    if (this.#height > block) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ block, wake: resolve });
      signal?.addEventListener("abort", () => reject(new QuanjiError("BEHIND", "too late")));
    });
  }

  log(origin: string): Promise<LogState | undefined> {
    const log = this.#last?.log;
    if (log === undefined || origin !== this.#ledger.origin) return Promise.resolve(undefined);
    return Promise.resolve({
      v: "quanji.log.v1",
      origin,
      gateway: "gw",
      msp: "HolderMSP",
      vkey: "key",
      size: log.frontier.size,
      root: hashText(rootOf(log.frontier)),
      frontier: frontierToJson(log.frontier),
      time: instant(log.timeMs),
    });
  }

  #object(name: string): Promise<ObjectState | undefined> {
    return Promise.resolve(this.#last?.objects.get(name));
  }

  // Only `n` and `ancestors` of an object are ever read by the recorder.
  party(id: string): Promise<Party | undefined> {
    return this.#object(`party:${id}`) as Promise<unknown> as Promise<Party | undefined>;
  }
  resource(id: string): Promise<Resource | undefined> {
    return this.#object(`resource:${id}`) as Promise<unknown> as Promise<Resource | undefined>;
  }
  async grant(id: string): Promise<Grant | undefined> {
    const object = await this.#object(`grant:${id}`);
    return object === undefined ? undefined : ({ ...object, ancestors: [] } as unknown as Grant);
  }
  stop(): Promise<StopState | undefined> {
    return Promise.resolve(undefined);
  }

  recordOf(request: string): Promise<KnownRecord | undefined> {
    return Promise.resolve(this.#byRequest.get(request));
  }
  deliveryOf(request: string): Promise<KnownRecord | undefined> {
    return Promise.resolve(this.#deliveries.get(request));
  }
  record(_log: string, index: number): Promise<KnownRecord | undefined> {
    return Promise.resolve(this.#records[index]);
  }
  async *undelivered(_log: string, from = 0): AsyncIterable<KnownRecord> {
    for (const known of [...this.#permits.values()]) if (known.record >= from) yield await Promise.resolve(known);
  }
}
