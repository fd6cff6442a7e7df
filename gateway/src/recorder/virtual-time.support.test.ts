import type { Pause } from "./pause.js";

interface Timer {
  at: number;
  readonly wake: () => void;
}

/** Time that passes only when nothing else is left to do: no test waits, and every run is the same. */
export class VirtualTime {
  #nowMs: number;
  #timers: Timer[] = [];
  #running = false;

  constructor(nowMs: number) {
    this.#nowMs = nowMs;
  }

  readonly clock = (): number => this.#nowMs;

  readonly pause: Pause = (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted === true) {
        resolve();
        return;
      }
      const abort = (): void => {
        this.#timers = this.#timers.filter((other) => other !== timer);
        resolve();
      };
      const wake = (): void => {
        signal?.removeEventListener("abort", abort);
        resolve();
      };
      const timer: Timer = { at: this.#nowMs + ms, wake };
      this.#timers.push(timer);
      signal?.addEventListener("abort", abort);
      this.#run();
    });

  /** As an administrator does, or a test network's `clock.set`. Timers keep their distance. */
  shift(ms: number): void {
    this.#nowMs += ms;
    for (const timer of this.#timers) timer.at += ms;
  }

  #run(): void {
    if (this.#running) return;
    this.#running = true;
    setImmediate(() => this.#next());
  }

  /** Microtasks are done when this runs: what is under way waits for a timer. */
  #next(): void {
    this.#running = false;
    const first = this.#timers.reduce<Timer | undefined>((a, b) => (a === undefined || b.at < a.at ? b : a), undefined);
    if (first === undefined) return;
    this.#timers = this.#timers.filter((timer) => timer !== first);
    this.#nowMs = Math.max(this.#nowMs, first.at);
    first.wake();
    this.#run();
  }
}
