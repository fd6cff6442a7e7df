import { emptyFrontier, type Frontier, parseFrontier } from "@quanji/chaincode/log";
import { publicKeys } from "@quanji/chaincode/world";
import { DECODE } from "./decode.js";
import { readPublic } from "./objects.js";
import type { Reads } from "./store.js";

/** Frontier of each log's tree as of the block that was planned last. */
export class LogTips {
  readonly #store: Reads;
  readonly #tips = new Map<string, Frontier>();

  constructor(store: Reads) {
    this.#store = store;
  }

  get(origin: string): Frontier {
    const known = this.#tips.get(origin);
    if (known !== undefined) return known;
    const state = readPublic(this.#store, publicKeys.log(origin), DECODE.log);
    const tip = state === undefined ? emptyFrontier() : parseFrontier(state.size, state.frontier);
    this.#tips.set(origin, tip);
    return tip;
  }

  set(origin: string, tip: Frontier): void {
    this.#tips.set(origin, tip);
  }
}
