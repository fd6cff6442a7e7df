/** How many costly answers one party may have under way: more wait for their turn nowhere, but are told to ask again. */
import { QuanjiError } from "@quanji/chaincode/domain";

export class AtOnce {
  readonly #most: number;
  readonly #underWay = new Map<string, number>();

  /** @param most of one party */
  constructor(most: number) {
    this.#most = most;
  }

  /** The lines, from the first that is asked for to the last, or until nobody reads on. Errors: LIMITED before the first; those of the lines. */
  async *over<T>(party: string, lines: AsyncIterable<T>): AsyncGenerator<T, void, void> {
    const others = this.#underWay.get(party) ?? 0;
    if (others >= this.#most) {
      throw new QuanjiError(
        "LIMITED",
        `at most ${this.#most} such answers of one party at a time: ask again when one ends`,
      );
    }
    this.#underWay.set(party, others + 1);
    try {
      yield* lines;
    } finally {
      const left = (this.#underWay.get(party) ?? 1) - 1;
      if (left === 0) this.#underWay.delete(party);
      else this.#underWay.set(party, left);
    }
  }
}

/** Trails of data subjects: each may read as many days of a log as there are. A steward's portal serves some persons at a time. */
export const SUBJECT_TRAILS = 16;
