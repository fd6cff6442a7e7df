/** When a peer was found to have no more than so many blocks: the only times up to which a witness vouches. */

interface Confirmation {
  /** Number of blocks that the peer had at most, at that time. */
  readonly height: number;
  readonly timeMs: number;
}

export class Confirmations {
  /** Heights rise, and so do times. */
  #known: Confirmation[] = [];

  /** @param timeMs read before the peer was asked for `height` */
  add(height: number, timeMs: number): void {
    const last = this.#known.at(-1);
    // The clock was set back: what it said before counts for nothing, and to vouch for less is always safe.
    if (last !== undefined && timeMs < last.timeMs) this.#known = [];
    // Answers that overtook each other: the earlier one says more.
    else if (last !== undefined && height < last.height) return;
    else if (last?.height === height) this.#known.pop();
    this.#known.push({ height, timeMs });
  }

  /** Latest time at which the peer had no block after `block`, as far as is known. */
  lastInstant(block: number): number | undefined {
    return this.#known.findLast(({ height }) => height <= block + 1)?.timeMs;
  }

  /** Of blocks before `oldest` nothing will be asked; what speaks for later ones too is kept. */
  forget(oldest: number): void {
    const first = this.#known.findLastIndex(({ height }) => height <= oldest);
    if (first > 0) this.#known = this.#known.slice(first);
  }
}
