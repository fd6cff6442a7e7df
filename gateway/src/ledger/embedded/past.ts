import { MAX_LAG } from "./hooks.js";
import type { StateView, Store } from "./store.js";

/** The last few heights, kept only while a test makes peers lag ({@link "./hooks.js".Hooks.lag}). */
export class Past {
  readonly #store: Store | undefined;
  /** Newest first. */
  #views: StateView[] = [];

  /** @param store undefined keeps nothing. */
  constructor(store: Store | undefined) {
    this.#store = store;
  }

  /** Called before a block changes the state. */
  remember(): void {
    if (this.#store === undefined) return;
    // What falls out of the list is closed with the database.
    this.#views = [this.#store.view(), ...this.#views].slice(0, MAX_LAG);
  }

  /** State as it was `blocks` ago, or as long ago as is kept; undefined for now. */
  behind(blocks: number): StateView | undefined {
    return blocks <= 0 ? undefined : (this.#views[blocks - 1] ?? this.#views.at(-1));
  }
}
