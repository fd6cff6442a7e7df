/**
 * A tiny ledger in memory that is faithful in what the recorder meets: endorsement on a state, order, MVCC, an expected head,
 * sequence numbers, times, leaves. Its faults are scripted.
 */
import { EMPTY_WINDOW, instant, msOf, QuanjiError, type SeqWindow, takeSeq } from "@quanji/chaincode/domain";
import {
  appendLeaves,
  canonical,
  emptyFrontier,
  type Frontier,
  fromBase64url,
  fromUtf8,
  hashText,
  leafOf,
  parseCanonical,
  partyOf,
  requestOfJws,
  rootOf,
  sha256Text,
  type Hash,
  type JsonObject,
} from "@quanji/chaincode/log";
import type { BatchArguments, BatchInput, BatchRecord } from "@quanji/chaincode/world";
import { type Committed, LedgerError, type TransactionRequest } from "../ledger/ledger.js";
import type { Pause } from "./pause.js";

/** What the next submission meets. `late`: the answer is UNKNOWN, and the transaction is ordered that much later. */
export type Fault =
  | {
      readonly kind: "mismatch" | "headMoved" | "lost" | "answerLost" | "conflict" | "policy" | "unavailable";
    }
  | { readonly kind: "late"; readonly ms: number }
  /** Breaks the port's promise: throws what is no LedgerError, with or without having committed. */
  | { readonly kind: "broken"; readonly committed: boolean }
  /** The endorsement is slow: time for others to change what it rests on. */
  | { readonly kind: "slow"; readonly ms: number };

export interface MemoryRecord {
  readonly index: number;
  readonly first: number;
  readonly block: number;
  readonly txId: string;
  readonly input: BatchRecord;
  readonly request: string;
  readonly face: string;
  readonly body: string;
  readonly leaf: Hash;
  readonly permit: boolean;
}

export interface MemoryBlock {
  readonly number: number;
  readonly txId: string;
  readonly valid: boolean;
  readonly records: readonly MemoryRecord[];
  /** Objects as they are after the block. */
  readonly objects: ReadonlyMap<string, ObjectState>;
  readonly log: MemoryLog;
  readonly result: string;
}

export interface ObjectState {
  /** Commands that changed it. */
  readonly n: number;
  readonly suspended: boolean;
}

export interface MemoryLog {
  readonly frontier: Frontier;
  readonly timeMs: number;
}

interface Endorsed {
  readonly txId: string;
  /** Versions of what was read. */
  readonly reads: ReadonlyMap<string, number>;
  readonly records: readonly Omit<MemoryRecord, "block" | "txId">[];
  readonly log: MemoryLog;
  readonly seen: ReadonlyMap<string, SeqWindow>;
  readonly result: string;
}

const AGE_MS = 30_000;
const LOG_KEY = "log";
const refuse = (error: QuanjiError): never => {
  throw new LedgerError("REFUSED", error.message, { cause: error });
};

export class MemoryLedger {
  readonly origin: string;
  readonly blocks: MemoryBlock[] = [];
  readonly faults: Fault[] = [];
  /** Shown by every submission that meets no scripted fault. */
  always: Fault | undefined;
  /** Called when an endorsement is done and the transaction not yet ordered. */
  endorsed: (() => void) | undefined;
  submissions = 0;
  endorseMs = 3;
  orderMs = 20;
  readonly #clock: () => number;
  readonly #pause: Pause;
  readonly #listeners: ((block: MemoryBlock) => void)[] = [];
  #objects = new Map<string, ObjectState>();
  #log: MemoryLog;
  #seen = new Map<string, SeqWindow>();
  readonly #records: MemoryRecord[] = [];

  constructor(origin: string, clock: () => number, pause: Pause) {
    this.origin = origin;
    this.#clock = clock;
    this.#pause = pause;
    this.#log = { frontier: emptyFrontier(), timeMs: clock() };
    this.#append("genesis", true, [], "{}");
  }

  listen(listener: (block: MemoryBlock) => void): void {
    this.#listeners.push(listener);
  }

  get head(): { size: number; root: string } {
    return { size: this.#log.frontier.size, root: hashText(rootOf(this.#log.frontier)) };
  }

  /** A command changes an object: in a block of its own. */
  change(name: string, suspended: boolean): void {
    const before = this.#objects.get(name);
    this.#objects.set(name, { n: (before?.n ?? 0) + 1, suspended });
    this.#append(`change-${this.blocks.length}`, true, [], "{}");
  }

  height(): Promise<number> {
    return Promise.resolve(this.blocks.length);
  }

  find(txId: string): Promise<{ block: number; index: number; valid: boolean; result: string } | undefined> {
    const block = this.blocks.find((candidate) => candidate.txId === txId);
    if (block === undefined) return Promise.resolve(undefined);
    return Promise.resolve({ block: block.number, index: 0, valid: block.valid, result: block.result });
  }

  async submit(transaction: TransactionRequest): Promise<Committed> {
    const fault = this.faults.shift() ?? this.always;
    const txId = sha256Text(`tx ${++this.submissions}`);
    await this.#pause(fault?.kind === "slow" ? fault.ms : this.endorseMs);
    if (fault?.kind === "unavailable") throw new LedgerError("UNAVAILABLE", "no peer answers");
    if (fault?.kind === "mismatch") throw new LedgerError("MISMATCH", "endorsements differ");
    if (fault?.kind === "headMoved") refuse(new QuanjiError("HEAD_MOVED", "another head is expected"));
    const endorsed = this.#endorse(txId, transaction);
    this.endorsed?.();
    switch (fault?.kind) {
      case "lost":
        throw new LedgerError("UNKNOWN", "no answer", { txId });
      case "late":
        void this.#pause(fault.ms).then(() => this.#commit(endorsed));
        throw new LedgerError("UNKNOWN", "no answer", { txId });
      case "broken":
        if (fault.committed) this.#commit(endorsed);
        throw new Error("a fault of the adapter");
      case "conflict":
      case "policy":
        await this.#pause(this.orderMs);
        this.#append(txId, false, [], "");
        throw new LedgerError(fault.kind === "conflict" ? "CONFLICT" : "POLICY", "invalid", { txId });
      default:
        await this.#pause(this.orderMs);
        return this.#finish(endorsed, fault);
    }
  }

  #finish(endorsed: Endorsed, fault: Fault | undefined): Committed {
    const { txId, result } = endorsed;
    const block = this.#commit(endorsed);
    if (fault?.kind === "answerLost") throw new LedgerError("UNKNOWN", "no answer", { txId });
    if (!block.valid) throw new LedgerError("CONFLICT", "MVCC_READ_CONFLICT", { txId });
    return { block: block.number, index: 0, txId, result };
  }

  #version(key: string): number {
    return key === LOG_KEY ? this.#log.frontier.size : (this.#objects.get(key)?.n ?? 0);
  }

  #commit(endorsed: Endorsed): MemoryBlock {
    const valid = [...endorsed.reads].every(([key, version]) => this.#version(key) === version);
    if (!valid) return this.#append(endorsed.txId, false, [], "");
    this.#log = endorsed.log;
    for (const [slot, window] of endorsed.seen) this.#seen.set(slot, window);
    const block = this.blocks.length;
    const records = endorsed.records.map((record) => ({ ...record, block, txId: endorsed.txId }));
    this.#records.push(...records);
    return this.#append(endorsed.txId, true, records, endorsed.result);
  }

  #append(txId: string, valid: boolean, records: readonly MemoryRecord[], result: string): MemoryBlock {
    const number = this.blocks.length;
    const block = { number, txId, valid, records, objects: new Map(this.#objects), log: this.#log, result };
    this.blocks.push(block);
    for (const listener of this.#listeners) listener(block);
    return block;
  }

  // --- chaincode

  #endorse(txId: string, { args, transient }: TransactionRequest): Endorsed {
    const expected = JSON.parse(args[0] ?? "") as BatchArguments;
    const text = transient?.["batch"] ?? "";
    if (expected.log !== this.origin) refuse(new QuanjiError("NOT_FOUND", "no such log"));
    if (expected.digest !== sha256Text(text)) refuse(new QuanjiError("MALFORMED", "the digest is not the batch's"));
    const { size, root } = this.head;
    if (expected.size !== size || expected.root !== root) refuse(new QuanjiError("HEAD_MOVED", "another head"));
    const batch = parseCanonical(text, { maxBytes: 8_000_000, maxDepth: 16 }) as unknown as BatchInput;
    const overlay: Overlay = {
      reads: new Map([[LOG_KEY, size]]),
      seen: new Map(),
      lastMs: this.#log.timeMs,
    };
    const records = batch.records.map((input, i) => this.#record(input, i, size, overlay));
    const frontier = appendLeaves(
      this.#log.frontier,
      records.map(({ leaf }) => leaf),
    );
    const result = canonical({ size: frontier.size, root: hashText(rootOf(frontier)) });
    return { txId, ...overlay, records, log: { frontier, timeMs: overlay.lastMs }, result };
  }

  #record(input: BatchRecord, record: number, first: number, overlay: Overlay): Omit<MemoryRecord, "block" | "txId"> {
    const timeMs = msOf(input.time);
    const nowMs = this.#clock();
    if (timeMs < overlay.lastMs || timeMs > nowMs || timeMs < nowMs - AGE_MS) {
      refuse(new QuanjiError("NOT_RECORDED", "the record's time is refused", { record }));
    }
    overlay.lastMs = timeMs;
    const facts = this.#facts(input, record, overlay);
    const index = first + record;
    const face = canonical({ type: input.type, index, decision: facts.permit ? "permit" : "deny" });
    const permitted = facts.permit ? { deliverBefore: instant(timeMs + AGE_MS), rule: "permit" } : {};
    const body = canonical({ id: input.id, nonce: input.nonce, time: input.time, ...permitted, ...facts.body });
    const leaf = leafOf(face, body);
    return { index, first, input, request: facts.request, face, body, leaf, permit: facts.permit };
  }

  #facts(input: BatchRecord, record: number, overlay: Overlay): Facts {
    if (input.type === "delivery") return this.#delivery(input, record);
    if (input.type === "index") return { request: "", permit: false, body: { before: input.before } };
    return input.type === "acceptance" ? this.#acceptance(input, record) : this.#use(input, record, overlay);
  }

  #acceptance(input: Extract<BatchRecord, { type: "acceptance" }>, record: number): Facts {
    if (this.#records[input.delivery]?.input.type !== "delivery") {
      return refuse(new QuanjiError("NOT_FOUND", "there is no such delivery", { record }));
    }
    const before = this.#records.some(({ input: other }) => isOf(other, input.delivery));
    if (before) refuse(new QuanjiError("STATE_CONFLICT", "the delivery is accepted already", { record }));
    const requester = text(jsonOf(input.request.protected), "kid");
    const request = requestOfJws(input.request);
    return { request, permit: false, body: { request, requester, delivery: input.delivery } };
  }

  #use(
    input: Exclude<BatchRecord, { type: "delivery" | "acceptance" | "index" }>,
    record: number,
    overlay: Overlay,
  ): Facts {
    const payload = jsonOf(input.request.payload);
    const kid = text(jsonOf(input.request.protected), "kid");
    if (payload["mode"] === "bad") refuse(new QuanjiError("MALFORMED", "a bad record", { record, field: "mode" }));
    if (payload["mode"] === "poison") refuse(new QuanjiError("INTERNAL", "the chaincode failed"));
    try {
      overlay.seen.set(
        kid,
        takeSeq(overlay.seen.get(kid) ?? this.#seen.get(kid) ?? EMPTY_WINDOW, Number(payload["seq"])),
      );
    } catch (error) {
      if (error instanceof QuanjiError) refuse(new QuanjiError(error.code, error.message, { record, field: "seq" }));
      throw error;
    }
    const request = requestOfJws(input.request);
    const party = `party:${partyOf(kid)}`;
    overlay.reads.set(party, this.#version(party));
    if (input.type !== "access") return { request, permit: false, body: { request, requester: kid } };
    const [grant, resource] = [text(payload, "grant"), text(payload, "resource")];
    for (const key of [`grant:${grant}`, `resource:${resource}`]) overlay.reads.set(key, this.#version(key));
    const permit = this.#objects.get(`grant:${grant}`)?.suspended === false;
    const body = { request, requester: kid, grant: `${grant}@1`, resource: `${resource}@1` };
    return { request, permit, body };
  }

  #delivery(input: Extract<BatchRecord, { type: "delivery" }>, record: number): Facts {
    const access = this.#records[input.access];
    if (access?.permit !== true || access.first !== input.first) {
      return refuse(new QuanjiError("NOT_FOUND", "a delivery belongs to a recorded permit", { record }));
    }
    const { request, requester, grant, resource } = JSON.parse(access.body) as Record<string, string>;
    const facts = { request: request ?? "", requester: requester ?? "", grant: grant ?? "", resource: resource ?? "" };
    const body = { ...facts, access: input.access, outcome: input.outcome };
    return { request: facts.request, permit: false, body };
  }
}

const isOf = (input: BatchRecord, delivery: number): boolean =>
  input.type === "acceptance" && input.delivery === delivery;

interface Overlay {
  readonly reads: Map<string, number>;
  readonly seen: Map<string, SeqWindow>;
  lastMs: number;
}

interface Facts {
  readonly request: string;
  readonly permit: boolean;
  readonly body: JsonObject;
}

const jsonOf = (part: string): JsonObject => parseCanonical(fromUtf8(fromBase64url(part)));
function text(json: JsonObject, member: string): string {
  const value = json[member];
  return typeof value === "string" ? value : "";
}
