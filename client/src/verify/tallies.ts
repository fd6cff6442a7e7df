/**
 * A source's tallies in the trail of its resource, held against permits and deliveries. Of the accesses in a tally's window the
 * source has served every one that brought something, and none that was not permitted; a delivery that failed, or that nobody
 * recorded, may have been served or not. A permit that awaits its tally costs nine bytes.
 */
import type { QuanjiRecord } from "@quanji/chaincode/domain";
import { refuse } from "./verdict.js";

type Tally = Extract<QuanjiRecord, { readonly type: "tally" }>;
type Delivery = Extract<QuanjiRecord, { readonly type: "delivery" }>;

const OPEN = 0;
const SERVED = 1;
const UNCERTAIN = 2;
const FIRST_ROOM = 256;

/** A tally with permits that were not delivered yet when it was recorded. */
interface Window {
  readonly served: number;
  /** Deliveries of something, so far. */
  delivered: number;
}

export class Tallies {
  /** Permits that no tally has passed; indexes rise. */
  #indexes = new Float64Array(FIRST_ROOM);
  #states = new Uint8Array(FIRST_ROOM);
  #first = 0;
  #end = 0;
  /** Permits of a tallied window that are still open. */
  readonly #late = new Map<number, Window>();
  #last = 0;
  /** Accesses up to this index are not in the trail. */
  readonly #before: number;

  constructor(before = -1) {
    this.#before = before;
  }

  permit(index: number): void {
    if (this.#end === this.#indexes.length) this.#grow();
    this.#indexes[this.#end] = index;
    this.#states[this.#end] = OPEN;
    this.#end++;
  }

  /** What is sealed may be a permit, and may have been served. */
  sealed(index: number): void {
    this.permit(index);
    this.#states[this.#end - 1] = UNCERTAIN;
  }

  /** Errors: TALLY_MISMATCH: the source did not serve it. */
  deliver({ body: { access, outcome } }: Delivery): void {
    const served = outcome === "delivered" || outcome === "partial";
    const window = this.#late.get(access);
    if (window !== undefined) {
      this.#late.delete(access);
      if (served) assertServed(window.served, ++window.delivered);
      return;
    }
    const place = this.#find(access);
    if (place !== undefined) this.#states[place] = served ? SERVED : UNCERTAIN;
  }

  /** Errors: TALLY_MISMATCH: windows overlap, or the count is more than was permitted or less than was delivered. */
  tally({ body: { from, to, served } }: Tally): void {
    if (from < this.#last) refuse("TALLY_MISMATCH", "two tallies count the same accesses");
    this.#last = to;
    const window: Window = { served, delivered: 0 };
    let permits = 0;
    for (; this.#first < this.#end && this.#at(this.#first) < to; this.#first++) {
      const index = this.#at(this.#first);
      if (index < from) continue;
      permits++;
      if (this.#states[this.#first] === SERVED) window.delivered++;
      else if (this.#states[this.#first] === OPEN) this.#late.set(index, window);
    }
    // What was permitted before the trail's period is not shown.
    if (from <= this.#before) return;
    if (served > permits) refuse("TALLY_MISMATCH", `the source served ${served} of ${permits} permitted accesses`);
    assertServed(served, window.delivered);
  }

  #at(place: number): number {
    return this.#indexes[place] ?? Infinity;
  }

  #find(index: number): number | undefined {
    let [low, high] = [this.#first, this.#end];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (this.#at(middle) < index) low = middle + 1;
      else high = middle;
    }
    return low < this.#end && this.#indexes[low] === index ? low : undefined;
  }

  /** Forgets what tallies have passed, or makes more room. */
  #grow(): void {
    const kept = this.#end - this.#first;
    const room = Math.max(FIRST_ROOM, kept * 2);
    const indexes = new Float64Array(room);
    indexes.set(this.#indexes.subarray(this.#first, this.#end));
    const states = new Uint8Array(room);
    states.set(this.#states.subarray(this.#first, this.#end));
    [this.#indexes, this.#states, this.#first, this.#end] = [indexes, states, 0, kept];
  }
}

function assertServed(served: number, delivered: number): void {
  if (delivered > served)
    refuse("TALLY_MISMATCH", `${delivered} accesses were delivered of which the source served ${served}`);
}
