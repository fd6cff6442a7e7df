/**
 * One after the other, by key. Commands of one signer all extend its `acts` chain, so two at once conflict in MVCC for
 * certain: taking turns here is faster than endorsing again.
 */
export class Turns {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Runs `work` once everything taken before under `key` has ended, well or badly. */
  take<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key) ?? Promise.resolve();
    const turn = before.then(work, work);
    const settled = turn.then(
      () => undefined,
      () => undefined, // the caller hears of it; here only the turn has ended
    );
    this.#last.set(key, settled);
    void settled.then(() => {
      if (this.#last.get(key) === settled) this.#last.delete(key);
    });
    return turn;
  }
}
