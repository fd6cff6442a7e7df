/** Test support: a World over maps, with Fabric's rule that a transaction never sees its own writes. Not part of the product. */
import { createHash } from "node:crypto";
import type { World } from "../world/index.js";

export interface MemoryState {
  readonly values: Map<string, string>;
  readonly policies: Map<string, readonly string[]>;
}

export interface TransactionOptions {
  readonly timestampMs: number;
  readonly submitterMsp?: string;
  readonly endorserMsp?: string;
  readonly clockMs?: number;
  readonly transient?: Readonly<Record<string, string>>;
}

/** What one transaction would change. */
export interface Effects {
  /** Undefined: purged. */
  readonly writes: Map<string, string | undefined>;
  readonly policies: Map<string, readonly string[]>;
  readonly reads: Set<string>;
  /** How often the contract waited for reads; those that are asked for together count once. */
  rounds: number;
  event: { readonly name: string; readonly payload: string } | undefined;
}

const privateName = (collection: string, key: string): string => `${collection}\u0000${key}`;

let transactions = 0;

/** A World for one transaction, and the effects that it gathers. */
export function memoryWorld(state: MemoryState, options: TransactionOptions): { world: World; effects: Effects } {
  const effects: Effects = { writes: new Map(), policies: new Map(), reads: new Set(), rounds: 0, event: undefined };
  const submitterMsp = options.submitterMsp ?? "HolderMSP";
  const endorserMsp = options.endorserMsp ?? submitterMsp;
  let gathering = false;
  /** As a peer answers: later, and all at once. */
  const answer = async (key: string): Promise<string | undefined> => {
    effects.reads.add(key);
    if (!gathering) {
      gathering = true;
      effects.rounds++;
    }
    await new Promise(setImmediate);
    gathering = false;
    return state.values.get(key);
  };
  const member = (collection: string): void => {
    for (const msp of [submitterMsp, endorserMsp]) {
      if (collection !== `org-${msp}` && msp !== "RegulatorMSP")
        throw new Error(`${msp} is no member of ${collection}`);
    }
  };
  const world: World = {
    txId: createHash("sha256").update(`tx ${++transactions}`).digest("hex"),
    timestampMs: options.timestampMs,
    submitterMsp,
    endorserMsp,
    clock: () => options.clockMs ?? options.timestampMs,
    transient: (name) => options.transient?.[name],
    get: answer,
    put: (key, value) => {
      effects.writes.set(key, value);
      return Promise.resolve();
    },
    getPrivate: (collection, key) => {
      member(collection);
      return answer(privateName(collection, key));
    },
    putPrivate: (collection, key, value) => {
      member(collection);
      effects.writes.set(privateName(collection, key), value);
      return Promise.resolve();
    },
    purgePrivate: (collection, key) => {
      member(collection);
      effects.writes.set(privateName(collection, key), undefined);
      return Promise.resolve();
    },
    setKeyPolicy: (key, allOf) => {
      effects.policies.set(key, allOf);
      return Promise.resolve();
    },
    emit: (name, payload) => {
      effects.event = { name, payload };
    },
  };
  return { world, effects };
}

export const emptyState = (): MemoryState => ({ values: new Map(), policies: new Map() });

export function apply(state: MemoryState, effects: Effects): void {
  for (const [key, value] of effects.writes) {
    if (value === undefined) state.values.delete(key);
    else state.values.set(key, value);
  }
  for (const [key, policy] of effects.policies) state.policies.set(key, policy);
}
