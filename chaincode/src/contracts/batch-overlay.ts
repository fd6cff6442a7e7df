/**
 * The batch's own view of state. Contracts never see their own writes, so what one record changes (counters, chains, sequence
 * numbers) the next one must find here: two requests in one batch cannot both take the last call of a quota.
 */
import {
  type Cell,
  type Counter,
  type Grant,
  type GrantView,
  type IndexTip,
  type LogState,
  NO_USES,
  type Resource,
  type SeqWindow,
  takeSeq,
} from "../domain/index.js";
import { type ChainHead, type ChainKey, extend, type Hash } from "../log/index.js";
import { privateKeys } from "../world/keys.js";
import type { State } from "../world/state.js";
import type { AppendedRecord } from "./records.js";
import { cellsFor } from "./boundaries.js";

interface Chain {
  /** Key in the private collection. */
  readonly name: string;
  head: ChainHead;
  /** A chain that was only looked at is not written: its salt would change for nothing. */
  extended: boolean;
}

export class BatchOverlay {
  readonly log: LogState;
  readonly #state: State;
  readonly #secret: string;
  /** By kind and id; their scope is the log. */
  readonly #chains = new Map<string, Chain>();
  readonly #counters = new Map<string, Counter>();
  readonly #windows = new Map<string, SeqWindow>();
  /** Deliveries accepted in this batch, by record id; value: index of the acceptance. */
  readonly #accepted = new Map<string, number>();
  readonly #tallied = new Map<string, number>();
  #indexed: IndexTip | undefined;
  readonly #cells = new Map<string, Promise<readonly Cell[]>>();
  readonly #views = new Map<string, Promise<GrantView>>();

  constructor(state: State, log: LogState, secret: string) {
    this.#state = state;
    this.log = log;
    this.#secret = secret;
  }

  /** Errors: COMMAND_REPLAYED, MALFORMED · SEQ_WINDOW. */
  async takeSeq(kid: string, seq: number): Promise<void> {
    this.#windows.set(kid, takeSeq(this.#windows.get(kid) ?? (await this.window(kid)), seq));
  }

  /** Takes a delivery, by its record id, as accepted by the record at `index`. False: it was accepted before. */
  async accept(delivery: string, index: number): Promise<boolean> {
    if (this.#accepted.has(delivery) || (await this.#state.accepted(this.log.msp, delivery))) return false;
    this.#accepted.set(delivery, index);
    return true;
  }

  /** Where the last tally of the resource in this log ended. */
  async tallied(resource: string): Promise<number | undefined> {
    const { msp, origin } = this.log;
    return this.#tallied.get(resource) ?? (await this.#state.tallied(msp, this.#secret, origin, resource));
  }

  setTallied(resource: string, to: number): void {
    this.#tallied.set(resource, to);
  }

  /** Where the newest index of subjects ends. */
  async indexed(): Promise<IndexTip | undefined> {
    return this.#indexed ?? (await this.#state.indexed(this.log.msp, this.log.origin));
  }

  setIndexed(tip: IndexTip): void {
    this.#indexed = tip;
  }

  /** As it was before the batch. */
  window(kid: string): Promise<SeqWindow> {
    return this.#state.seen(this.log.msp, this.#secret, this.log.origin, kid);
  }

  /** Undefined for a grant that does not exist, is on another resource, or may not be used in this log. */
  async grantView(id: string, resource: string): Promise<GrantView | undefined> {
    const grant = await this.#state.grant(this.log.msp, id);
    const fits =
      grant?.resource.slice(0, grant.resource.lastIndexOf("@")) === resource && grant.logs.includes(this.log.origin);
    return fits ? this.#view(grant) : undefined;
  }

  /** One look-up a grant and batch: the name of a stop is a hash. */
  #view(grant: Grant): Promise<GrantView> {
    let view = this.#views.get(grant.id);
    if (view === undefined) {
      view = this.#state.stop(grant.id).then((stop) => ({ grant, stop }));
      this.#views.set(grant.id, view);
    }
    return view;
  }

  async ancestors(grant: Grant): Promise<readonly GrantView[]> {
    const views: GrantView[] = [];
    for (const id of grant.ancestors) {
      const ancestor = await this.#state.grant(this.log.msp, id);
      if (ancestor !== undefined) views.push(await this.#view(ancestor));
    }
    return views;
  }

  async counter(grant: string): Promise<Counter> {
    return this.#counters.get(grant) ?? (await this.#state.counter(this.log.msp, this.log.origin, grant)) ?? NO_USES;
  }

  setCounter(grant: string, counter: Counter): void {
    this.#counters.set(grant, counter);
  }

  /** Cells for the resource's class, of the lists in force; one look-up a class and millisecond. */
  cells(resource: Resource, timeMs: number): Promise<readonly Cell[]> {
    const name = `${timeMs} ${resource.class}`;
    let cells = this.#cells.get(name);
    if (cells === undefined) {
      cells = cellsFor(this.#state, resource.class, timeMs);
      this.#cells.set(name, cells);
    }
    return cells;
  }

  chainKey(kind: "grant" | "party" | "resource", id: string): ChainKey {
    return { scope: this.log.origin, kind, id };
  }

  async head(key: ChainKey): Promise<ChainHead> {
    return (await this.#chain(key)).head;
  }

  async extend(key: ChainKey, leaf: Hash): Promise<void> {
    const chain = await this.#chain(key);
    chain.head = extend(chain.head, leaf);
    chain.extended = true;
  }

  /** The name in state costs three hashes, so it is made once a chain and batch. */
  async #chain(key: ChainKey): Promise<Chain> {
    const id = `${key.kind} ${key.id}`;
    const known = this.#chains.get(id);
    if (known !== undefined) return known;
    const name = privateKeys.head(this.#secret, key);
    const head = await this.#state.headNamed(this.log.msp, name, key);
    const chain: Chain = { name, head, extended: false };
    this.#chains.set(id, chain);
    return chain;
  }

  /** Writes what the batch changed, under salts that follow from the batch's nonce. */
  async write(nonce: string, appended: readonly AppendedRecord[]): Promise<void> {
    const { msp, origin, size } = this.log;
    for (const { name, head, extended } of this.#chains.values()) {
      if (extended) await this.#state.putHeadNamed(msp, name, head, nonce);
    }
    for (const [grant, counter] of this.#counters) {
      await this.#state.putSealed(msp, privateKeys.count(origin, grant), counter, nonce);
    }
    for (const [kid, window] of this.#windows) {
      await this.#state.putSeen(msp, this.#secret, origin, kid, window, nonce);
    }
    for (const [resource, to] of this.#tallied) {
      await this.#state.putSealed(msp, privateKeys.tallied(this.#secret, origin, resource), to, nonce);
    }
    if (this.#indexed !== undefined) {
      await this.#state.putSealed(msp, privateKeys.indexed(origin), this.#indexed, nonce);
    }
    for (const [delivery, index] of this.#accepted) {
      await this.#state.putSealed(msp, privateKeys.accepted(delivery), index, nonce);
    }
    const records = appended.map(({ record }) => record);
    await this.#state.putBatch(msp, { v: "quanji.batch.v1", log: origin, first: size, records, salt: nonce });
    const said = Object.fromEntries(
      appended.flatMap((one, i) => (one.said === undefined ? [] : [[String(size + i), one.said] as const])),
    );
    await this.#state.putSaid(msp, { log: origin, first: size, generation: 0 }, said, nonce);
  }
}
