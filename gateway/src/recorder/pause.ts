import { setTimeout as timer } from "node:timers/promises";

/** Resolves after `ms`, or as soon as the signal aborts; never rejects. A parameter, so that tests need not wait. */
export type Pause = (ms: number, signal?: AbortSignal) => Promise<void>;

export const pause: Pause = (ms, signal) => paused(ms, signal, true);

/** The same, but a process that has nothing else to do ends meanwhile. */
export const rest: Pause = (ms, signal) => paused(ms, signal, false);

async function paused(ms: number, signal: AbortSignal | undefined, ref: boolean): Promise<void> {
  try {
    await timer(ms, undefined, { ref, ...(signal !== undefined && { signal }) });
  } catch (error) {
    if (signal?.aborted !== true) throw error;
  }
}

/** Wakes the one who waits. A ring that nobody waits for is lost: whoever waits has looked at its reasons just before. */
export class Bell {
  #ring: (() => void) | undefined;

  ring(): void {
    this.#ring?.();
  }

  /** Until the next ring, or for `ms`. */
  async wait(pause: Pause, ms: number | undefined): Promise<void> {
    const over = new AbortController();
    const rung = new Promise<void>((resolve) => {
      this.#ring = resolve;
    });
    await (ms === undefined ? rung : Promise.race([rung, pause(ms, over.signal)]));
    this.#ring = undefined;
    over.abort();
  }
}
