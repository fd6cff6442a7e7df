/**
 * Which cosigned checkpoints may be forgotten. A busy log reaches its quorum several times a second, and each checkpoint covers
 * every record that a smaller one covers; what a smaller one proves besides is that its records existed earlier. So the older
 * they are, the fewer are kept: of each stretch of time the last, which holds all that was recorded in it.
 */
import type { NoteSignature } from "@quanji/chaincode/log";
import type { Pause } from "../recorder/pause.js";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

interface Tier {
  /** Up to this age, exclusive. */
  readonly untilMs: number;
  /** The last of each such stretch is kept; 0: all are. Each is a whole number of the one before, so that thinning twice is thinning once. */
  readonly everyMs: number;
}

export const TIERS: readonly Tier[] = [
  { untilMs: HOUR_MS, everyMs: 0 },
  { untilMs: DAY_MS, everyMs: MINUTE_MS },
  { untilMs: 90 * DAY_MS, everyMs: HOUR_MS },
  { untilMs: Infinity, everyMs: DAY_MS },
];

/** Between two looks: what waits for one is at most as much again as an hour's. */
const EVERY_MS = HOUR_MS;

/**
 * Whether a checkpoint may be forgotten because the next larger one of its log stands for it. The largest has no next, so it stays.
 * @param timeMs when it was first cosigned @param nextMs when the next larger one was
 */
export function isSpare(timeMs: number, nextMs: number, nowMs: number): boolean {
  const tier = TIERS.find(({ untilMs }) => nowMs - timeMs < untilMs);
  if (tier === undefined || tier.everyMs === 0) return false;
  return Math.floor(timeMs / tier.everyMs) === Math.floor(nextMs / tier.everyMs);
}

/** A cosignature's time stands before its 64 bytes. @see C2SP tlog-cosignature */
const TIME_BYTES = 8;
const COSIGNATURE_BYTES = TIME_BYTES + 64;

/** When a note was first cosigned, ms since 1970: its earliest cosignature. Undefined where none has a time. */
export function firstCosignedMs(signatures: readonly NoteSignature[]): number | undefined {
  const times = signatures
    .filter(({ bytes }) => bytes.length === COSIGNATURE_BYTES)
    .map(({ bytes }) => Number(new DataView(bytes.buffer, bytes.byteOffset, TIME_BYTES).getBigUint64(0)) * 1000);
  return times.length === 0 ? undefined : Math.min(...times);
}

export interface ThinnerOptions {
  readonly store: { thin(nowMs: number, signal?: AbortSignal): Promise<number> };
  /** The network's clock, ms since 1970. */
  readonly clock: () => number;
  readonly rest: Pause;
  readonly report: (error: unknown) => void;
}

/** Thins a store now and then, until it is closed. */
export class Thinner {
  readonly #options: ThinnerOptions;
  readonly #over = new AbortController();
  #work: Promise<void> = Promise.resolve();

  constructor(options: ThinnerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#work = this.#run();
  }

  async #run(): Promise<void> {
    const { store, clock, rest, report } = this.#options;
    const { signal } = this.#over;
    while (!signal.aborted) {
      try {
        await store.thin(clock(), signal);
      } catch (error) {
        report(error);
      }
      await rest(EVERY_MS, signal);
    }
  }

  /** To be closed before its store. */
  async close(): Promise<void> {
    this.#over.abort();
    await this.#work;
  }
}
