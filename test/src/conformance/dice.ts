/** Choices that can be made again: the seed of a run that failed gives the same run. */
export class Dice {
  readonly seed: number;
  #state: number;

  constructor(seed: number) {
    this.seed = seed;
    this.#state = seed >>> 0;
  }

  /** From QUANJI_SEED, else new. */
  static roll(): Dice {
    const given = Number(process.env["QUANJI_SEED"] ?? NaN);
    return new Dice(Number.isInteger(given) ? given : Math.floor(Math.random() * 2 ** 31));
  }

  /** 0 ≤ n < sides. Marsaglia's xorshift, 32 bits. */
  below(sides: number): number {
    let x = this.#state || 1;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x >>> 0;
    return this.#state % sides;
  }

  one<T>(of: readonly [T, ...T[]] | readonly T[]): T {
    const chosen = of[this.below(of.length)];
    if (chosen === undefined) throw new RangeError("nothing to choose from");
    return chosen;
  }

  /** True once in so many times. */
  once(inSoMany: number): boolean {
    return this.below(inSoMany) === 0;
  }
}
