/** Wakes everybody who waits. Whoever waits checks the condition again: a signal carries nothing. */
export class Signal {
  #waiting: (() => void)[] = [];

  wait(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  notify(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}

/** Rejects with `late()` if `work` takes longer. The work itself goes on: its owner must not let it take effect. */
export function withDeadline<T>(work: Promise<T>, milliseconds: number, late: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(late()), milliseconds);
    void work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** A synchronous action as a promise: a throw rejects. */
export const promised = <T>(action: () => T): Promise<T> => new Promise((resolve) => resolve(action()));
