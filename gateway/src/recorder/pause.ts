import { setTimeout as timer } from "node:timers/promises";

/** Resolves after `ms`, or as soon as the signal aborts; never rejects. A parameter, so that tests need not wait. */
export type Pause = (ms: number, signal?: AbortSignal) => Promise<void>;

export const pause: Pause = async (ms, signal) => {
  try {
    await timer(ms, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    if (signal?.aborted !== true) throw error;
  }
};

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
