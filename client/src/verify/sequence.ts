/**
 * Sequence numbers of one key in one log, as a trail shows them. Each counts once, so no request can be recorded twice; and
 * where the trail holds everything that the key did, a number that is missing is an access that was never recorded.
 * Constant size: no set of requests is kept, however long the trail.
 */
import { SEQ_WINDOW } from "@quanji/chaincode/domain";
import { refuse } from "./verdict.js";

export class SequenceWindow {
  /** Numbers below may have been recorded before the trail's start. */
  readonly #floor: number;
  #next = 0;
  readonly #seen = new Uint8Array(SEQ_WINDOW);

  /** `first`: the first number that a trail with a later start shows; undefined for one from the beginning. */
  constructor(first: number | undefined) {
    // Before the start the window had ended at most one window above `first`, and reached one window further.
    this.#floor = first === undefined ? 0 : first + 2 * SEQ_WINDOW;
  }

  /** `dense`: nothing that the key did in this log is outside the trail. Errors: REQUEST_REPLAYED, SEQ_GAP. */
  take(seq: number, dense: boolean): void {
    const old = seq < this.#next - SEQ_WINDOW;
    if (seq < this.#next && (old || this.#seen[seq % SEQ_WINDOW] === 1)) {
      refuse("REQUEST_REPLAYED", "one sequence number stands in the trail twice");
    }
    // Numbers that leave the window unseen can never be recorded any more.
    for (let number = this.#next; number <= seq && number < this.#next + SEQ_WINDOW; number++) {
      this.#forget(number, dense);
    }
    if (dense && seq >= this.#next + SEQ_WINDOW && seq - SEQ_WINDOW >= this.#floor) this.#gap();
    this.#seen[seq % SEQ_WINDOW] = 1;
    this.#next = Math.max(this.#next, seq + 1);
  }

  #forget(number: number, dense: boolean): void {
    const leaving = number - SEQ_WINDOW;
    if (dense && leaving >= this.#floor && this.#seen[number % SEQ_WINDOW] === 0) this.#gap();
    this.#seen[number % SEQ_WINDOW] = 0;
  }

  /** At the end of everything that was recorded. Errors: SEQ_GAP. */
  assertDense(): void {
    for (let number = Math.max(this.#floor, this.#next - SEQ_WINDOW); number < this.#next; number++) {
      if (this.#seen[number % SEQ_WINDOW] === 0) this.#gap();
    }
  }

  #gap(): never {
    return refuse("SEQ_GAP", "a sequence number is neither recorded nor declared void: an access may be unrecorded");
  }
}
