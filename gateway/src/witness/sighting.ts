/** One look at the ledger, and the instant of which it speaks. */
import type { ChainKey } from "@quanji/chaincode/log";
import { privateScope, publicKeys } from "@quanji/chaincode/world";
import type { Ledger, WitnessView } from "../ledger/ledger.js";

export interface Sighting {
  readonly view: WitnessView;
  /** Ledger time at which what the view shows was the newest. */
  readonly timeMs: number;
}

/**
 * @param clock this machine's clock, ms since 1970. It is read *before* the view is taken: read afterwards, it would vouch
 * for a moment in which something newer may have stood there already.
 */
export async function look(ledger: Pick<Ledger, "view">, clock: () => number): Promise<Sighting> {
  const realMs = clock();
  const view = await ledger.view();
  const text = await view.get(publicKeys.clock);
  const offsetMs = text === undefined ? 0 : (JSON.parse(text) as { readonly offsetMs: number }).offsetMs;
  return { view, timeMs: realMs + offsetMs };
}

/** Command chain of a public object. */
export const publicChain = (net: string, kind: ChainKey["kind"], id: string): ChainKey => ({ scope: net, kind, id });

/** Command chain of a grant in an organisation's collection `org-<MSP>`. */
export const grantChain = (net: string, collection: string, grant: string): ChainKey => ({
  scope: privateScope(net, collection.slice("org-".length)),
  kind: "grant",
  id: grant,
});

/** Command chain of another object of the collection: an offer, a contract, or what a party signed or disclosed. */
export const collectionChain = (
  net: string,
  collection: string,
  kind: "offer" | "contract" | "acts" | "disclosures",
  id: string,
): ChainKey & { readonly kind: typeof kind } => ({
  scope: privateScope(net, collection.slice("org-".length)),
  kind,
  id,
});

/** Chain of what was erased or sealed of a resource's records, in the collection of the organisation that serves it. */
export const openingsChain = (net: string, collection: string, resource: string) =>
  ({
    scope: privateScope(net, collection.slice("org-".length)),
    kind: "openings",
    id: resource,
  }) as const satisfies ChainKey;
