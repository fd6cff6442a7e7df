/**
 * Folding: a grantor's stop stands in a key of its own and bites there at once; the serving organisation then takes it into
 * the grant and its command chain by an ordinary transaction. Until that has happened the grant cannot be resumed.
 */
import { type Grant, isQuanjiError, stopDigest } from "@quanji/chaincode/domain";
import { canonical } from "@quanji/chaincode/log";
import { TRANSACTIONS } from "@quanji/chaincode/world";
import type { Ledger } from "../ledger/ledger.js";
import type { ReadModel } from "../readmodel/readmodel.js";
import { type Patience, submitSurely } from "./submit.js";

export interface FoldingOptions {
  readonly ledger: Ledger;
  readonly readModel: ReadModel;
  /** Name of this gateway. */
  readonly gateway: string;
  readonly patience: Patience;
  /** Told of a fold that is given up until the next stop or start. */
  readonly report: (error: unknown) => void;
}

/** With the pauses between them some four seconds: a shutdown waits as long. */
const ROUNDS = 5;
const ROUND_PAUSE_MS = 250;
const PAGE = 200;

export class Folding {
  readonly #options: FoldingOptions;
  readonly #underWay = new Map<string, Promise<void>>();
  #closed = false;

  constructor(options: FoldingOptions) {
    this.#options = options;
  }

  /** Resolves once the grant's stop is folded and readers see it so, or given up for now. Never rejects. */
  fold(grant: string): Promise<void> {
    const known = this.#underWay.get(grant);
    if (known !== undefined) return known;
    const work = this.#foldWithRetries(grant).finally(() => this.#underWay.delete(grant));
    this.#underWay.set(grant, work);
    return work;
  }

  /** Folds what an earlier run left: every grant whose stop key holds a stop that the grant does not know of. */
  async foldAll(): Promise<void> {
    const { readModel } = this.#options;
    let after: string | undefined;
    do {
      const page = await readModel.listGrants(undefined, PAGE, after);
      for (const grant of page.items) if (await this.#isPending(grant)) await this.fold(grant.id);
      after = page.next;
    } while (after !== undefined && !this.#closed);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#underWay.values());
  }

  async #isPending(grant: Grant): Promise<boolean> {
    const stop = await this.#options.readModel.stop(stopDigest(grant.id));
    const given = stop?.stop;
    if (given === undefined || stop?.epoch !== grant.epoch || given.signer !== grant.grantor) return false;
    const known = await this.#options.readModel.command(given.request);
    return known === undefined || known.stored.chains.length === 0;
  }

  async #foldWithRetries(grant: string): Promise<void> {
    const { ledger, readModel, gateway, patience, report } = this.#options;
    let last: unknown;
    for (let round = 0; round < ROUNDS && !this.#closed; round++) {
      try {
        const { block } = await submitSurely(
          ledger,
          { name: TRANSACTIONS.fold, args: [canonical({ gateway })], transient: { grant } },
          patience,
        );
        await readModel.reached(block);
        return;
      } catch (error) {
        // Folded already, by another gateway or the regulator's; or folded, and the gateway is shutting down.
        if (isQuanjiError(error, "STATE_CONFLICT") || isQuanjiError(error, "BEHIND")) return;
        last = error;
        if (round < ROUNDS - 1) await patience.pause(ROUND_PAUSE_MS * 2 ** round);
      }
    }
    if (last !== undefined) report(last);
  }
}
