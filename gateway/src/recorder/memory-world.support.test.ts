import { canonical, requestOfJws, sha256Text, toBase64url, utf8 } from "@quanji/chaincode/log";
import { msOf } from "@quanji/chaincode/domain";
import type { Committed, Ledger, TransactionRequest } from "../ledger/ledger.js";
import { type ClosingRecorder, createRecorder } from "./create.js";
import type { Audit, FaultWorld } from "./fault-table.support.test.js";
import type { RecorderLimits } from "./limits.js";
import { type Fault, MemoryLedger } from "./memory-ledger.support.test.js";
import { MemoryReadModel } from "./memory-readmodel.support.test.js";
import type { Pause } from "./pause.js";
import type { RequestToRecord } from "./recorder.js";
import { VirtualTime } from "./virtual-time.support.test.js";
import type { TurnFacts } from "./watch.js";

export const ORIGIN = "quanji.example/szx/gw/0";
const START_MS = Date.UTC(2025, 10, 20, 7, 36);

/** Bytes that look random and are the same in every run. */
export function seededRandom(seed: string): (size: number) => Uint8Array {
  let state = sha256Text(seed);
  let pool = Buffer.alloc(0);
  return (size) => {
    while (pool.length < size) {
      state = sha256Text(state);
      pool = Buffer.concat([pool, Buffer.from(state, "base64url")]);
    }
    const bytes = pool.subarray(0, size);
    pool = pool.subarray(size);
    return new Uint8Array(bytes);
  };
}

export interface RequestParts {
  readonly party: string;
  readonly grant: string;
  readonly seq: number;
  readonly resource?: string;
  readonly mode?: string;
  readonly type?: "access" | "void";
  /** Tells apart requests with the same number. */
  readonly jti?: string;
}

export const grantId = (n: number): string => `019360c2-0000-4000-8000-${String(n).padStart(12, "0")}`;

/** Well formed but for its signature, which only the gateway and the chaincode check. */
export function requestOf(parts: RequestParts): RequestToRecord {
  const { party, grant, seq, resource = "res/weather", mode = "normal", type = "access", jti = "0" } = parts;
  const header = {
    alg: "EdDSA",
    iat: 1,
    jti,
    kid: `${party}#${sha256Text(party)}`,
    typ: "quanji-access+jws",
    url: "u",
  };
  const use = type === "access" ? { grant, mode, resource } : {};
  const jws = {
    payload: toBase64url(utf8(canonical({ log: ORIGIN, net: "quanji.example/szx", seq, ...use }))),
    protected: toBase64url(utf8(canonical(header))),
    signature: toBase64url(new Uint8Array(64)),
  };
  return { type, jws, request: requestOfJws(jws) };
}

/** The ledger as one process sees it: nothing comes back to a process that was killed. */
class Process implements Pick<Ledger, "submit" | "find" | "height"> {
  readonly #ledger: MemoryLedger;
  #dead = false;

  constructor(ledger: MemoryLedger) {
    this.#ledger = ledger;
  }

  kill(): void {
    this.#dead = true;
  }

  submit(transaction: TransactionRequest): Promise<Committed> {
    return this.#alive(() => this.#ledger.submit(transaction));
  }
  find(txId: string): ReturnType<MemoryLedger["find"]> {
    return this.#alive(() => this.#ledger.find(txId));
  }
  height(): Promise<number> {
    return this.#alive(() => this.#ledger.height());
  }

  /** Timers that keep no process alive: a killed one's never fire. */
  resting(pause: Pause): Pause {
    return (ms, signal) => this.#alive(() => pause(ms, signal));
  }

  #alive<T>(call: () => Promise<T>): Promise<T> {
    if (this.#dead) return new Promise<T>(() => undefined);
    return new Promise((resolve, reject) => {
      call().then(
        (value) => this.#dead || resolve(value),
        (error: unknown) => this.#dead || reject(error as Error),
      );
    });
  }
}

export class MemoryWorld implements FaultWorld {
  readonly time = new VirtualTime(START_MS);
  readonly ledger: MemoryLedger;
  readonly alarms: string[] = [];
  readonly turns: TurnFacts[] = [];
  readModel: MemoryReadModel;
  readonly #random: (size: number) => Uint8Array;
  readonly #limits: Partial<RecorderLimits>;
  readonly #grants = new Map<string, string>();
  #process: Process | undefined;
  #made = 0;

  constructor(limits: Partial<RecorderLimits> = {}) {
    this.#limits = limits;
    this.#random = seededRandom("recorder");
    this.ledger = new MemoryLedger(ORIGIN, this.time.clock, this.time.pause);
    this.readModel = new MemoryReadModel(this.ledger, this.time.pause, 1);
  }

  start(): ClosingRecorder {
    this.#process?.kill();
    this.#process = new Process(this.ledger);
    this.readModel = new MemoryReadModel(this.ledger, this.time.pause, 1);
    return createRecorder({
      ledger: this.#process,
      readModel: this.readModel,
      log: ORIGIN,
      clock: this.time.clock,
      random: this.#random,
      pause: this.time.pause,
      rest: this.#process.resting(this.time.pause),
      limits: this.#limits,
      logger: { warn: () => undefined, error: (_facts, message) => this.alarms.push(message) },
      metrics: { turn: (facts) => this.turns.push(facts), answered: () => undefined },
    });
  }

  request(kind: "good" | "bad" | "poison" = "good"): RequestToRecord {
    const n = this.#made++;
    const grant = grantId(n);
    this.ledger.change(`grant:${grant}`, false);
    this.readModel.catchUp();
    const request = requestOf({ party: `party-${n}`, grant, seq: 0, mode: kind === "good" ? "normal" : kind });
    this.#grants.set(request.request, grant);
    return request;
  }

  script(...faults: readonly Fault[]): void {
    this.ledger.faults.push(...faults);
  }

  always(fault: Fault | undefined): void {
    this.ledger.always = fault;
  }

  onEndorsed(action: (() => void) | undefined): void {
    this.ledger.endorsed = action;
  }

  change(request: RequestToRecord): void {
    this.ledger.change(`grant:${this.#grants.get(request.request) ?? ""}`, false);
  }

  readModelLag(ms: number): void {
    this.readModel.lagMs = ms;
  }

  readModelCatchUp(): void {
    this.readModel.catchUp();
  }

  shiftClock(ms: number): void {
    this.time.shift(ms);
  }

  later(ms: number): Promise<void> {
    return this.time.pause(ms);
  }

  audit(): Audit {
    return {
      head: this.ledger.head,
      records: this.ledger.blocks.flatMap(({ records }) =>
        records.map(({ input, request, body, leaf }) => ({
          type: input.type,
          request,
          body,
          leaf,
          timeMs: msOf(input.time),
        })),
      ),
    };
  }

  /** Whether the record at that index permits. */
  isPermitAt(index: number): boolean {
    return this.ledger.blocks.some(({ records }) => records.some((record) => record.index === index && record.permit));
  }

  submissions(): number {
    return this.ledger.submissions;
  }
}
