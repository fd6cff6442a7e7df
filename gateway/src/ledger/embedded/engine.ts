/**
 * One open ledger behind the clients of its organisations: carries calls from simulation to commit, with a deadline and a
 * bound on how many are under way.
 */
import { type Committed, type LedgerBlock, LedgerError, type LedgerFault, type TransactionRequest } from "../ledger.js";
import { conflictWith } from "./conflict.js";
import type { Endorser } from "./endorser.js";
import { readCommitted, toLedgerBlock } from "./feed.js";
import { check, type FsckProgress, type FsckReport } from "./fsck.js";
import type { Hooks } from "./hooks.js";
import type { Landed, Ordered, Orderer } from "./orderer.js";
import { type Signal, withDeadline } from "./signal.js";
import type { StateView, Store, Tip } from "./store.js";
import { CODE, codeName, type Rules } from "./validator.js";

export interface Limits {
  /** Longest simulation, and longest wait for a commit, in ms. */
  readonly deadlineMs: number;
  /** Most calls under way at once; more are UNAVAILABLE. */
  readonly underWay: number;
}

export interface EngineParts {
  readonly store: Store;
  readonly orderer: Orderer;
  readonly endorser: Endorser;
  readonly rules: Rules;
  readonly hooks: Hooks;
  readonly limits: Limits;
}

/** How a transaction that was ordered and had no effect is answered. */
const FAULTS = new Map<number, [LedgerFault, string]>([
  [CODE.MVCC_READ_CONFLICT, ["CONFLICT", "something that the transaction read has changed since: try again"]],
  [CODE.ENDORSEMENT_POLICY_FAILURE, ["POLICY", "the organisations that a policy asks for did not all endorse"]],
  // The id is taken: by this very transaction, sent before, or by another. The blocks know.
  [CODE.DUPLICATE_TXID, ["UNKNOWN", "a transaction with this id was ordered before"]],
]);

const unavailable = (message: string): LedgerError => new LedgerError("UNAVAILABLE", message);

export class Engine {
  readonly #parts: EngineParts;
  readonly #underWay = new Set<Promise<unknown>>();
  #closing: Promise<void> | undefined;

  constructor(parts: EngineParts) {
    this.#parts = parts;
  }

  get tip(): Tip {
    return this.#parts.orderer.tip;
  }

  get changed(): Signal {
    return this.#parts.orderer.changed;
  }

  isClosed(): boolean {
    return this.#closing !== undefined;
  }

  submit(clientMsp: string, request: TransactionRequest): Promise<Committed> {
    return this.#bounded(() => this.#submit(clientMsp, request));
  }

  evaluate(clientMsp: string, request: TransactionRequest): Promise<string> {
    return this.#bounded(() => {
      const { endorser } = this.#parts;
      const proposal = endorser.propose(clientMsp, request);
      return this.#simulating(proposal.txId, endorser.evaluate(clientMsp, proposal, request));
    });
  }

  /** A block as an organisation sees it. */
  read(number: number, clientMsp: string): Promise<LedgerBlock> {
    return this.#tracked(async () => {
      const { orderer, store, rules } = this.#parts;
      const block = orderer.recent(number) ?? (await readCommitted(store, number));
      return toLedgerBlock(block, (name) => rules.policies.members.get(name)?.has(clientMsp) === true);
    });
  }

  find(txId: string): Promise<{ block: number; index: number; valid: boolean; result: string } | undefined> {
    return this.#tracked(async () => {
      const { orderer, store } = this.#parts;
      const place = store.getPlace(txId);
      if (place === undefined) {
        // The failed batch may turn up whole when the ledger is opened again: nobody can say "absent" before.
        if (orderer.broken) throw unavailable("a commit failed: open the ledger again to see what was committed");
        return undefined;
      }
      const { block, index, code } = place;
      const committed = orderer.recent(block) ?? (await readCommitted(store, block));
      const result = committed.transactions[index]?.transaction.result ?? "";
      return { block, index, valid: code === CODE.VALID, result };
    });
  }

  /** Committed alone: a block that is being written is not there. */
  blockBytes(number: number): Uint8Array | undefined {
    this.#assertOpen();
    return number <= this.tip.number ? this.#parts.store.getBlock(number) : undefined;
  }

  view(): StateView {
    this.#assertOpen();
    return this.#parts.store.view();
  }

  fsck(progress?: FsckProgress): Promise<FsckReport> {
    return this.#tracked(async () => {
      await using view = this.#parts.store.view();
      return await check(view, this.#parts.rules, progress);
    });
  }

  /** Ends the streams, refuses new calls, waits for those under way. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { orderer, store } = this.#parts;
    orderer.changed.notify();
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
    await orderer.close();
    await store.close();
  }

  #assertOpen(): void {
    if (this.isClosed()) throw unavailable("the ledger is closed");
  }

  #bounded<T>(work: () => Promise<T>): Promise<T> {
    if (this.#underWay.size >= this.#parts.limits.underWay) {
      return Promise.reject(unavailable("too many transactions are under way: try again in a moment"));
    }
    return this.#tracked(work);
  }

  async #tracked<T>(work: () => Promise<T>): Promise<T> {
    this.#assertOpen();
    const running = work();
    this.#underWay.add(running);
    try {
      return await running;
    } finally {
      this.#underWay.delete(running);
    }
  }

  #simulating<T>(txId: string, work: Promise<T>): Promise<T> {
    return withDeadline(
      work,
      this.#parts.limits.deadlineMs,
      () => new LedgerError("UNAVAILABLE", "the contract did not answer in time: nothing was ordered", { txId }),
    );
  }

  async #submit(clientMsp: string, request: TransactionRequest): Promise<Committed> {
    const { endorser, orderer, hooks, limits } = this.#parts;
    const proposal = endorser.propose(clientMsp, request);
    const { txId, name } = proposal;
    const ordered = await this.#simulating(txId, endorser.endorse(clientMsp, proposal, request));
    const unknown = (): LedgerError =>
      new LedgerError("UNKNOWN", "the answer was lost: look for the transaction", { txId });
    const injected = hooks.unknown?.({ txId, name });
    if (injected === "lost") throw unknown();
    if (hooks.conflict?.({ txId, name }) === true) await this.#interfere(ordered);
    const landed = await withDeadline(orderer.order(ordered), limits.deadlineMs, unknown);
    if (injected === "committed") throw unknown();
    return this.#judge(ordered, landed);
  }

  async #interfere(victim: Ordered): Promise<void> {
    const { endorser, orderer, store } = this.#parts;
    await orderer.order(endorser.endorseByAll("fault:conflict", conflictWith(victim.transaction, store)));
  }

  #judge({ transaction: { txId, result } }: Ordered, { block, index, code }: Landed): Committed {
    if (code === CODE.VALID) return { block, index, txId, result };
    const [fault, message] = FAULTS.get(code) ?? ["POLICY", `the transaction is invalid: ${codeName(code)}`];
    throw new LedgerError(fault, message, { txId });
  }
}
