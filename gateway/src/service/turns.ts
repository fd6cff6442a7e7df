import { QuanjiError } from "@quanji/chaincode/domain";

/**
 * One after the other, by key. Commands of one signer all extend its `acts` chain, and entries into books all change one object,
 * so two at once conflict in MVCC for certain: taking turns here is faster than endorsing again, and nobody loses every time.
 */
export class Turns {
  readonly #most: number;
  readonly #last = new Map<string, Promise<unknown>>();
  readonly #open = new Map<string, number>();

  /** @param most that may wait or work under one key */
  constructor(most = Number.POSITIVE_INFINITY) {
    this.#most = most;
  }

  /** Runs `work` once everything taken before under `key` has ended, well or badly. Errors: LIMITED, at once; those of `work`. */
  async take<T>(key: string, work: () => Promise<T>): Promise<T> {
    const open = this.#open.get(key) ?? 0;
    if (open >= this.#most) {
      throw new QuanjiError("LIMITED", `${open} commands wait to change the same object: send this one again later`);
    }
    this.#open.set(key, open + 1);
    const before = this.#last.get(key) ?? Promise.resolve();
    const turn = before.then(work, work);
    const settled = turn.then(
      () => undefined,
      () => undefined, // the caller hears of it; here only the turn has ended
    );
    this.#last.set(key, settled);
    void settled.then(() => {
      const left = (this.#open.get(key) ?? 1) - 1;
      if (left > 0) this.#open.set(key, left);
      else this.#open.delete(key);
      if (this.#last.get(key) === settled) this.#last.delete(key);
    });
    return turn;
  }
}
