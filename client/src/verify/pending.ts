/**
 * Signatures that are being checked while the lines after them are read: the engine has threads of its own. A window of them,
 * so that memory stays bounded; and the first that does not verify is the verdict's, before every fault of a later line. So
 * the verdict is that of checking them one by one.
 */
import type { Place } from "./verdict.js";

/** Enough to keep the engine busy while a chunk of the file is parsed. */
const WINDOW = 256;

/** A check that failed, and the place in the file to which it belongs. */
export class Misplaced extends Error {
  readonly place: Place;

  constructor(cause: unknown, place: Place) {
    super("a check that was begun earlier failed", { cause });
    this.name = "Misplaced";
    this.place = place;
  }
}

interface Pending {
  /** What the check threw; undefined for a good one. Never rejects, so that nothing is unhandled meanwhile. */
  readonly fault: Promise<{ readonly cause: unknown } | undefined>;
  readonly place: Place;
}

export class PendingChecks {
  #begun: Pending[] = [];

  add(check: Promise<void>, place: Place): void {
    const fault = check.then(
      () => undefined,
      (cause: unknown) => ({ cause }),
    );
    this.#begun.push({ fault, place });
  }

  /** The caller waits for the older half before it adds more. */
  get isFull(): boolean {
    return this.#begun.length >= WINDOW;
  }

  /** Errors: {@link Misplaced} for the first that failed among the older half. */
  settleHalf(): Promise<void> {
    return this.#settle(this.#begun.splice(0, WINDOW / 2));
  }

  /** Errors: {@link Misplaced} for the first that failed. */
  settle(): Promise<void> {
    return this.#settle(this.#begun.splice(0));
  }

  async #settle(checks: readonly Pending[]): Promise<void> {
    for (const { fault, place } of checks) {
      const found = await fault;
      if (found !== undefined) throw new Misplaced(found.cause, place);
    }
  }
}
