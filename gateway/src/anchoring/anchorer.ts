/**
 * Anchoring: publishes the heads of this gateway's logs in a contract on an EVM, at intervals, and keeps the proof of each once
 * its block is deep enough. What is where, the chain says: nothing is remembered but proofs, so that a restart, a lost
 * transaction and a block that the chain gives up need no care of their own.
 */
import { QuanjiError } from "@quanji/chaincode/domain";
import {
  type Checkpoint,
  consistencyProof,
  equalBytes,
  parseCheckpoint,
  parseNote,
  type ReadNode,
  rootAt,
} from "@quanji/chaincode/log";
import { fromHex, logTopic, toHex, verifyEvent } from "@quanji/client/verify";
import type { Pause } from "../recorder/pause.js";
import type { Chain } from "./chain.js";
import { proveEvent } from "./prove.js";
import type { AnchorStore } from "./store.js";

export interface AnchoredLog {
  readonly origin: string;
  readonly store: AnchorStore;
}

export interface AnchorerOptions {
  readonly chain: Chain;
  readonly logs: readonly AnchoredLog[];
  /** The checkpoint that everybody is shown: a signed note. */
  readonly published: (origin: string) => Promise<string>;
  readonly node: (origin: string) => ReadNode;
  readonly chainId: number;
  readonly contract: string;
  /** No event is older than this block. */
  readonly fromBlock: number;
  /** Blocks that must stand on an event, its own counted, before it is believed. */
  readonly confirmations: number;
  /** Between two heads of a log, ms. */
  readonly everyMs: number;
  /** Between two looks at the chain, ms. */
  readonly lookMs: number;
  /** Monotonic, ms. */
  readonly now: () => number;
  /** Must not keep the process alive. */
  readonly rest: Pause;
  /** Told of a proof that is kept now. */
  readonly anchored: (origin: string, size: number) => void;
  /** Told why a log is not anchored, once until it is again; it is tried again. */
  readonly report: (origin: string, error: unknown) => void;
}

/** Blocks that are looked through again: more than an honest chain gives up. */
const LOOK_BACK = 64;

interface Progress {
  /** Looked through so far. */
  scanned: number;
  /** When the last head was sent; undefined: not since the start. */
  sentMs: number | undefined;
  failing: boolean;
}

export class Anchorer {
  readonly #options: AnchorerOptions;
  readonly #progress = new Map<string, Progress>();
  readonly #over = new AbortController();
  #checked = false;
  #round: Promise<void> | undefined;

  constructor(options: AnchorerOptions) {
    this.#options = options;
  }

  /** Resolves once this is closed. */
  async keepAnchoring(): Promise<void> {
    const { rest, lookMs } = this.#options;
    while (!this.#isOver()) {
      await this.round();
      await rest(lookMs, this.#over.signal);
    }
  }

  /** One look: keeps the proofs that are due, then sends the heads that are. Never rejects. Asked for during one, answers that one. */
  round(): Promise<void> {
    this.#round ??= this.#all().finally(() => (this.#round = undefined));
    return this.#round;
  }

  async close(): Promise<void> {
    this.#over.abort();
    await this.#round;
    this.#options.chain.close();
  }

  async #all(): Promise<void> {
    for (const log of this.#options.logs) {
      if (this.#isOver()) return;
      const progress = this.#progressOf(log.origin);
      try {
        if (!this.#checked) await this.#options.chain.assertChain();
        this.#checked = true;
        await this.#keepProofs(log, progress);
        await this.#publish(log, progress);
        progress.failing = false;
      } catch (error) {
        if (!progress.failing && !this.#isOver()) this.#options.report(log.origin, error);
        progress.failing = true;
      }
    }
  }

  #isOver(): boolean {
    return this.#over.signal.aborted;
  }

  #progressOf(origin: string): Progress {
    const known = this.#progress.get(origin);
    if (known !== undefined) return known;
    const fresh = { scanned: this.#options.fromBlock, sentMs: undefined, failing: false };
    this.#progress.set(origin, fresh);
    return fresh;
  }

  /** From the chain to the folder. Blocks that are too young are left for the next look. */
  async #keepProofs({ origin, store }: AnchoredLog, progress: Progress): Promise<void> {
    const { chain, chainId, contract, confirmations, fromBlock, anchored } = this.#options;
    const confirmed = (await chain.newest()) - (confirmations - 1);
    let newest = await store.newest();
    while (newest !== undefined && (await chain.hashAt(verifyEvent(newest).number)) !== newest.block) {
      await store.drop();
      newest = await store.newest();
      progress.scanned = fromBlock;
    }
    const after = newest === undefined ? fromBlock : verifyEvent(newest).number + 1;
    const from = Math.max(after, progress.scanned - LOOK_BACK);
    const log = toHex(logTopic(origin));
    for await (const event of chain.events(log, from, confirmed)) {
      const proof = await proveEvent(chain, event, { chain: chainId, contract, log: origin });
      await store.put(proof);
      anchored(origin, event.size);
    }
    progress.scanned = Math.max(progress.scanned, confirmed);
  }

  /** Errors: PROOF_INVALID · FORK where the contract holds what this log never was; as the contract reverts; the endpoint's. */
  async #publish({ origin }: AnchoredLog, progress: Progress): Promise<void> {
    const { chain, published, node, now, everyMs } = this.#options;
    if (progress.sentMs !== undefined && now() - progress.sentMs < everyMs) return;
    if (await chain.isWaiting()) return;
    const log = toHex(logTopic(origin));
    const head = await chain.head(log);
    const checkpoint = parseCheckpoint(parseNote(await published(origin)).text);
    if (checkpoint.size <= head.size) return;
    const read = node(origin);
    await assertContains(checkpoint, head, read);
    const proof = await consistencyProof(head.size, checkpoint.size, read);
    await chain.publish(log, checkpoint.size, toHex(checkpoint.root), proof.map(toHex));
    progress.sentMs = now();
  }
}

async function assertContains(
  { origin }: Checkpoint,
  head: { readonly size: number; readonly root: string },
  read: ReadNode,
): Promise<void> {
  if (head.size === 0 || equalBytes(await rootAt(head.size, read), fromHex(head.root))) return;
  throw new QuanjiError("PROOF_INVALID", `the contract holds a head of ${origin} that this log never had`, {
    detail: "FORK",
  });
}
