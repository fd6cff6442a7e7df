/**
 * What was handed over in one log, and what the requester has said of it since. Most deliveries of a trail may never be
 * accepted, and an acceptance may come at any time after its delivery: so each is kept until the log's end, in thirty bytes.
 */
import type { QuanjiRecord } from "@quanji/chaincode/domain";
import { sha256, utf8 } from "@quanji/chaincode/log";
import { refuse } from "./verdict.js";

type Delivery = Extract<QuanjiRecord, { readonly type: "delivery" }>;
type Acceptance = Extract<QuanjiRecord, { readonly type: "acceptance" }>;

/** Of 128 bits: two handovers that look alike would cost 2⁶⁴ attempts. */
const PRINT_BYTES = 16;
const FIRST_ROOM = 256;

/** All that an acceptance repeats of its delivery. Texts of records are printable, so a line feed separates them. */
function printOf({ face, body }: Delivery | Acceptance): Uint8Array {
  const { access, digest, grant, resource, rows } = body;
  const about = body.subjects?.join() ?? "";
  const words = [access, digest, grant, resource, rows, about, face.unit, face.class, face.purpose, face.steward];
  return sha256(utf8(words.join("\n"))).subarray(0, PRINT_BYTES);
}

export class Handovers {
  /** Indexes of deliveries; they rise. */
  #indexes = new Float64Array(FIRST_ROOM);
  #prints = new Uint8Array(FIRST_ROOM * PRINT_BYTES);
  #accepted = new Uint8Array(FIRST_ROOM);
  #size = 0;

  /** A delivery of nothing can never be accepted, and is not kept. */
  add(delivery: Delivery): void {
    const { outcome } = delivery.body;
    if (outcome !== "delivered" && outcome !== "partial") return;
    if (this.#size === this.#indexes.length) this.#grow();
    this.#indexes[this.#size] = delivery.face.index;
    this.#prints.set(printOf(delivery), this.#size * PRINT_BYTES);
    this.#size++;
  }

  /** Errors: ACCEPTANCE_UNMATCHED: no such delivery before it, or a second acceptance; ACCEPTANCE_MISMATCH. */
  accept(acceptance: Acceptance): void {
    const place = this.#find(acceptance.body.delivery);
    if (place === undefined) refuse("ACCEPTANCE_UNMATCHED", "the acceptance has no delivery before it");
    if (this.#accepted[place] === 1) refuse("ACCEPTANCE_UNMATCHED", "the delivery was accepted before");
    const kept = this.#prints.subarray(place * PRINT_BYTES, (place + 1) * PRINT_BYTES);
    const same = printOf(acceptance).every((byte, i) => byte === kept[i]);
    if (!same || acceptance.face.count !== 1) {
      refuse("ACCEPTANCE_MISMATCH", "the acceptance is of something else than its delivery says");
    }
    this.#accepted[place] = 1;
  }

  #find(index: number): number | undefined {
    let [low, high] = [0, this.#size];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if ((this.#indexes[middle] ?? 0) < index) low = middle + 1;
      else high = middle;
    }
    return low < this.#size && this.#indexes[low] === index ? low : undefined;
  }

  #grow(): void {
    const room = this.#size * 2;
    const indexes = new Float64Array(room);
    indexes.set(this.#indexes);
    const prints = new Uint8Array(room * PRINT_BYTES);
    prints.set(this.#prints);
    const accepted = new Uint8Array(room);
    accepted.set(this.#accepted);
    [this.#indexes, this.#prints, this.#accepted] = [indexes, prints, accepted];
  }
}
