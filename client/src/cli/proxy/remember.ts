import type { Lookup } from "../commands/access.js";

/** How long a look-up is believed. Decisions never rest on it: the chaincode decides, and a refusal forgets it all. */
const KEEP_MS = 10_000;

export interface RememberingLookup extends Lookup {
  /** Everything is asked for anew. */
  forget(): void;
}

/** Spares a program that asks often from reading the same grant and resource each time. */
export function remembering(ledger: Lookup, clock: () => number): RememberingLookup {
  const kept = new Map<string, { readonly until: number; readonly value: Promise<unknown> }>();
  const keep = <T>(name: string, ask: () => Promise<T>): Promise<T> => {
    const known = kept.get(name);
    if (known !== undefined && known.until > clock()) return known.value as Promise<T>;
    const value = ask();
    kept.set(name, { until: clock() + KEEP_MS, value });
    value.catch(() => kept.delete(name));
    return value;
  };
  return {
    usable: (resource) => keep(`usable ${resource}`, () => ledger.usable(resource)),
    grant: (id) => keep(`grant ${id}`, () => ledger.grant(id)),
    resource: (id) => keep(`resource ${id}`, () => ledger.resource(id)),
    self: () => keep("self", () => ledger.self()),
    forget: () => kept.clear(),
  };
}
