/**
 * Signatures that are being checked while the lines after them are read: the engine has threads of its own. A window of them,
 * so that memory stays bounded; and the first that does not verify is the verdict's, before every fault of a later line. So
 * the verdict is that of checking them one by one.
 */
import type { SignatureCheck, SignatureEngine } from "./engine.js";
import { type Place, refusal } from "./verdict.js";

/** Handed to the engine at once. */
const BATCH = 128;
/** Batches under way: enough to keep the engine's threads busy while a chunk of the file is parsed. */
const WINDOW = 8;

/** A check that failed, and the place in the file to which it belongs. */
export class Misplaced extends Error {
  readonly place: Place;

  constructor(cause: unknown, place: Place) {
    super("a check that was begun earlier failed", { cause });
    this.name = "Misplaced";
    this.place = place;
  }
}

interface Begun {
  readonly answers: Promise<readonly boolean[]>;
  readonly places: readonly Place[];
}

export class PendingChecks {
  readonly #engine: SignatureEngine;
  readonly #begun: Begun[] = [];
  #checks: SignatureCheck[] = [];
  #places: Place[] = [];

  constructor(engine: SignatureEngine) {
    this.#engine = engine;
  }

  add(check: SignatureCheck, place: Place): void {
    this.#checks.push(check);
    this.#places.push(place);
    if (this.#checks.length === BATCH) this.#begin();
  }

  #begin(): void {
    // An engine that breaks has verified nothing.
    const answers = this.#engine.verifyAll(this.#checks).catch(() => []);
    this.#begun.push({ answers, places: this.#places });
    this.#checks = [];
    this.#places = [];
  }

  /** The caller waits for the oldest batch before it adds more. */
  get isFull(): boolean {
    return this.#begun.length >= WINDOW;
  }

  /** Errors: {@link Misplaced} for the first that failed in the oldest batch. */
  async settleOldest(): Promise<void> {
    const oldest = this.#begun.shift();
    if (oldest === undefined) return;
    const answers = await oldest.answers;
    const failed = oldest.places.find((_place, i) => answers[i] !== true);
    if (failed !== undefined) {
      throw new Misplaced(refusal("SIGNATURE_INVALID", "the signature does not verify"), failed);
    }
  }

  /** Errors: {@link Misplaced} for the first that failed. */
  async settle(): Promise<void> {
    if (this.#checks.length > 0) this.#begin();
    while (this.#begun.length > 0) await this.settleOldest();
  }
}
