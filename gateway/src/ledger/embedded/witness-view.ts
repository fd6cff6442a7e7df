import type { WitnessView } from "../ledger.js";
import { keyHashOf } from "./rwset.js";
import { promised } from "./signal.js";
import type { StateView } from "./store.js";

/** The port's view over one height. Disposing it disposes the height. */
export function newWitnessView(view: StateView): WitnessView {
  const tip = view.getTip();
  return {
    block: tip?.number ?? 0,
    blockHash: Buffer.from(tip?.hash ?? []).toString("base64url"),
    get: (key) =>
      promised(() => {
        const entry = view.getPublic(key);
        return entry && Buffer.from(entry.value).toString("utf8");
      }),
    getPrivateHash: (collection, key) =>
      promised(() => {
        const entry = view.getHashed(collection, keyHashOf(key));
        return entry && Buffer.from(entry.valueHash).toString("base64url");
      }),
    [Symbol.asyncDispose]: () => view[Symbol.asyncDispose](),
  };
}
