/** Where items wait: in order of admission, cut into batches by objects, records and bytes. */
import type { Marks } from "./basis.js";
import type { Entry, ObjectName } from "./entry.js";
import type { RecorderLimits } from "./limits.js";

/** Records that are submitted together, and what happened to them so far. */
export interface Batch {
  readonly lane: Lane;
  entries: readonly Entry[];
  conflicts: number;
  refusals: number;
  /** The present run of equal outcomes: `behind` or `unavailable`, again and again. */
  run: { readonly kind: string; readonly sinceMs: number; readonly tries: number } | undefined;
  /** Of the objects of its records, read after the first conflict. */
  marks: Marks | undefined;
}

export const newBatch = (lane: Lane, entries: readonly Entry[]): Batch => ({
  lane,
  entries,
  conflicts: 0,
  refusals: 0,
  run: undefined,
  marks: undefined,
});

type Limits = Pick<RecorderLimits, "objects" | "records" | "bytes">;

export class Lane {
  readonly #limits: Limits;
  /** Batches that were submitted before; they go first, and as they are. */
  readonly #again: Batch[] = [];
  #waiting: Entry[] = [];
  /** The first `#fits` of `#waiting` make the next batch: `#objects` and `#bytes` are theirs. */
  #fits = 0;
  #full = false;
  #objects = new Set<ObjectName>();
  #bytes = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** More would not fit into the next batch: there is nothing to wait for. */
  get full(): boolean {
    return this.#full || this.#fits >= this.#limits.records;
  }

  get empty(): boolean {
    return this.#waiting.length === 0 && this.#again.length === 0;
  }

  /** Admission of the first that waits; 0 if a batch is to be submitted again; undefined if there is nothing. */
  get sinceMs(): number | undefined {
    return this.#again.length > 0 ? 0 : this.#waiting[0]?.admittedMs;
  }

  push(entry: Entry): void {
    this.#waiting.push(entry);
    this.#count(entry);
  }

  /** Before everything else, in the order given. */
  retry(...batches: readonly Batch[]): void {
    this.#again.unshift(...batches.filter((batch) => batch.entries.length > 0));
  }

  take(): Batch | undefined {
    const again = this.#again.shift();
    if (again !== undefined || this.#fits === 0) return again;
    const entries = this.#waiting.splice(0, this.#fits);
    this.#recount();
    return newBatch(this, entries);
  }

  /** Takes those that match out of the waiting. */
  extract(matches: (entry: Entry) => boolean): readonly Entry[] {
    const out = this.#waiting.filter(matches);
    if (out.length > 0) {
      this.#waiting = this.#waiting.filter((entry) => !matches(entry));
      this.#recount();
    }
    return out;
  }

  /** Takes out what was admitted at or before `cutoffMs`. */
  expired(cutoffMs: number): readonly Entry[] {
    const first = this.#waiting[0];
    return first === undefined || first.admittedMs > cutoffMs
      ? []
      : this.extract((entry) => entry.admittedMs <= cutoffMs);
  }

  #recount(): void {
    this.#fits = 0;
    this.#full = false;
    this.#objects = new Set();
    this.#bytes = 0;
    for (const entry of this.#waiting) {
      this.#count(entry);
      if (this.full) return;
    }
  }

  /** Counts the entry in, if everything before it is in: order of admission is never broken for a better fit. */
  #count(entry: Entry): void {
    if (this.full) return;
    const fresh = entry.subject.objects.filter((name) => !this.#objects.has(name));
    const fits =
      this.#objects.size + fresh.length <= this.#limits.objects && this.#bytes + entry.bytes <= this.#limits.bytes;
    if (!fits && this.#fits > 0) {
      this.#full = true;
      return;
    }
    for (const name of fresh) this.#objects.add(name);
    this.#bytes += entry.bytes;
    this.#fits++;
  }
}

/** Distinct objects that the entries touch. */
export function objectsOf(entries: readonly Entry[]): Set<ObjectName> {
  const names = new Set<ObjectName>();
  for (const entry of entries) for (const name of entry.subject.objects) names.add(name);
  return names;
}
