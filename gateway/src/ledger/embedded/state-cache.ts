/** Bounds memory: beyond it the cache starts again. Entries are some hundred bytes each. */
const MAX_ENTRIES = 50_000;

/**
 * Newest entries of the state, in front of LevelDB: a batch reads the same keys when it is simulated, when it is validated,
 * and again in the next batch, and a read from LevelDB costs ten times one from here. Correct for any height, because
 * an entry tells the block that wrote it, and a key that is absent was absent since the last block that deleted any.
 */
export class StateCache {
  readonly #newest = new Map<string, Buffer | undefined>();
  readonly #blockOf: (entry: Buffer) => number;
  #height: number;
  /** Newest block that deleted a key, or that was the newest when the cache was made. */
  #deletedAt: number;

  /** @param blockOf number of the block that wrote an entry. @param height number of the newest block. */
  constructor(height: number, blockOf: (entry: Buffer) => number) {
    this.#height = height;
    this.#deletedAt = height;
    this.#blockOf = blockOf;
  }

  /** Number of the newest block that the cache knows. */
  get height(): number {
    return this.#height;
  }

  /** The entry (undefined: absent) as it was after block `height`, from here or by `load`, which must read that height. */
  get(key: string, height: number, load: () => Buffer | undefined): Buffer | undefined {
    if (height > this.#height) return load(); // a block is being committed: its keys are not here yet
    if (this.#newest.has(key)) {
      const entry = this.#newest.get(key);
      const since = entry === undefined ? this.#deletedAt : this.#blockOf(entry);
      if (since <= height) return entry;
    }
    const entry = load();
    if (height === this.#height) this.#learn(key, entry);
    return entry;
  }

  /** @param entries of state that the block `height` wrote, undefined for what it deleted, after they are on disk. */
  commit(height: number, entries: Iterable<readonly [string, Buffer | undefined]>): void {
    for (const [key, entry] of entries) {
      this.#learn(key, entry);
      if (entry === undefined) this.#deletedAt = height;
    }
    this.#height = height;
  }

  #learn(key: string, entry: Buffer | undefined): void {
    if (this.#newest.size >= MAX_ENTRIES) this.#newest.clear();
    this.#newest.set(key, entry);
  }
}
