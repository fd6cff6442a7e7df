/** Which accesses a source's tallies count, in one log: windows, mostly one after the other, so few are kept. */
interface Window {
  readonly from: number;
  to: number;
}

export class Windows {
  /** Apart from each other, rising. */
  readonly #windows: Window[] = [];

  /** The same tally may come from several files. */
  add(from: number, to: number): void {
    const last = this.#windows.at(-1);
    if (last !== undefined && to <= last.to) return;
    if (last !== undefined && from <= last.to) last.to = to;
    else this.#windows.push({ from, to });
  }

  has(index: number): boolean {
    return this.#windows.some(({ from, to }) => from <= index && index < to);
  }

  /** First access that any tally counts; undefined without a tally. */
  get from(): number | undefined {
    return this.#windows[0]?.from;
  }

  get to(): number {
    return this.#windows.at(-1)?.to ?? 0;
  }
}
