/**
 * The state as the blocks make it: of each key its version and its policy, which is what validation asks for; values only of
 * the chaincodes' definitions. So memory grows with the keys and transactions that there ever were, not with the blocks.
 */
import type { NamespaceSet, Version } from "./rwset.js";
import { LIFECYCLE } from "./definitions.js";

export interface Entry extends Version {
  readonly policy?: Uint8Array;
  readonly value?: Uint8Array;
}

/** Undefined: deleted in this block. */
export type Updates = Map<string, Entry | undefined>;

/** @param collection empty for public state. */
export const stateKey = (namespace: string, collection: string, key: string): string =>
  `${namespace}\u0000${collection}\u0000${key}`;

export class State {
  readonly #entries = new Map<string, Entry>();
  /** Ids of all transactions, valid or not, as half the text. */
  readonly #transactions = new Set<string>();

  get keys(): number {
    return this.#entries.size;
  }

  get(key: string): Entry | undefined {
    return this.#entries.get(key);
  }

  isKnown(txId: string): boolean {
    return this.#transactions.has(compact(txId));
  }

  addTransaction(txId: string): void {
    this.#transactions.add(compact(txId));
  }

  commit(updates: Updates): void {
    for (const [key, entry] of updates) {
      if (entry === undefined) this.#entries.delete(key);
      else this.#entries.set(key, entry);
    }
  }

  /** Public keys of a namespace that begin in a range, updates of the block included, in the order of their UTF-8. */
  range(namespace: string, start: string, end: string, updates: Updates): readonly (readonly [string, Entry])[] {
    const prefix = stateKey(namespace, "", "");
    const [from, to] = [Buffer.from(start), Buffer.from(end)];
    const found: (readonly [Buffer, string, Entry])[] = [];
    const add = (name: string, entry: Entry | undefined): void => {
      if (entry === undefined || !name.startsWith(prefix)) return;
      const key = name.slice(prefix.length);
      const bytes = Buffer.from(key);
      if (bytes.compare(from) >= 0 && (end === "" || bytes.compare(to) <= 0)) found.push([bytes, key, entry]);
    };
    for (const [name, entry] of this.#entries) if (!updates.has(name)) add(name, entry);
    for (const [name, entry] of updates) add(name, entry);
    return found.sort(([a], [b]) => a.compare(b)).map(([, key, entry]) => [key, entry]);
  }
}

const compact = (txId: string): string => Buffer.from(txId, "hex").toString("latin1");

/** What a valid transaction changes. A policy for a key that does not exist has no effect. */
export function applySets(sets: readonly NamespaceSet[], version: Version, updates: Updates, state: State): void {
  const latest = (name: string): Entry | undefined => (updates.has(name) ? updates.get(name) : state.get(name));
  for (const { namespace, collections, ...own } of sets) {
    for (const { name = "", writes, policies } of [{ ...own, name: "" }, ...collections]) {
      for (const { key, value } of writes) {
        const at = stateKey(namespace, name, key);
        const policy = latest(at)?.policy;
        const kept = namespace === LIFECYCLE && name === "" ? value : undefined;
        updates.set(
          at,
          value && { ...version, ...(policy !== undefined && { policy }), ...(kept !== undefined && { value: kept }) },
        );
      }
      for (const { key, policy } of policies) {
        const at = stateKey(namespace, name, key);
        const before = latest(at);
        if (before === undefined) continue;
        const { value } = before;
        updates.set(at, { ...version, ...(policy !== undefined && { policy }), ...(value !== undefined && { value }) });
      }
    }
  }
}
