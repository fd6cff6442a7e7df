/**
 * The source's word for deliveries: windows of accesses, and how many of them it served. A window whose count is that of the
 * deliveries in it speaks for them; where there is another count, or no window, nobody does, and they are held.
 */
import type { QuanjiRecord } from "../record.js";

/** Accesses with `from` ≤ index < `to` of a log. */
export interface AccessRange {
  readonly log: string;
  readonly from: number;
  readonly to: number;
}

interface OfLog {
  /** A bit for each index: an access that was served. */
  bits: Uint8Array;
  first: number;
  end: number;
  readonly windows: { readonly from: number; readonly to: number; readonly served: number }[];
}

const FIRST_ROOM = 1024;

/** Takes the records of a resource's trail, in order; keeps one bit a record, and the windows. */
export class TallyReview {
  readonly #logs = new Map<string, OfLog>();

  add(record: QuanjiRecord): void {
    if (record.type === "tally") {
      const { from, to, served } = record.body;
      this.#of(record.face.log).windows.push({ from, to, served });
    } else if (record.type === "delivery") {
      const { access, outcome } = record.body;
      if (outcome === "delivered" || outcome === "partial") set(this.#of(record.face.log), access);
    }
  }

  /** Ranges with deliveries for which the source does not speak, rising by log and index. */
  held(): AccessRange[] {
    return [...this.#logs].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([log, of]) => heldIn(log, of));
  }

  #of(log: string): OfLog {
    let of = this.#logs.get(log);
    if (of === undefined) {
      of = { bits: new Uint8Array(FIRST_ROOM), first: Infinity, end: 0, windows: [] };
      this.#logs.set(log, of);
    }
    return of;
  }
}

function set(of: OfLog, index: number): void {
  const byte = Math.floor(index / 8);
  if (byte >= of.bits.length) {
    let room = of.bits.length;
    while (room <= byte) room *= 2;
    const bits = new Uint8Array(room);
    bits.set(of.bits);
    of.bits = bits;
  }
  of.bits[byte] = (of.bits[byte] ?? 0) | (1 << (index % 8));
  of.first = Math.min(of.first, index);
  of.end = Math.max(of.end, index + 1);
}

function countIn({ bits }: OfLog, from: number, to: number): number {
  let count = 0;
  for (let index = from; index < to; index++) count += ((bits[Math.floor(index / 8)] ?? 0) >> (index % 8)) & 1;
  return count;
}

function heldIn(log: string, of: OfLog): AccessRange[] {
  const ranges: AccessRange[] = [];
  const hold = (from: number, to: number): void => {
    if (from < to && countIn(of, from, to) > 0) ranges.push({ log, from, to });
  };
  let at = of.first;
  for (const { from, to, served } of of.windows) {
    if (countIn(of, from, Math.min(to, of.end)) !== served) continue;
    hold(at, from);
    at = Math.max(at, to);
  }
  hold(at, of.end);
  return ranges;
}
