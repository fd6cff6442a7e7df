/** A few bits for each index of a log: what has been said of it, in a byte, however many records the log has. */
const FIRST_ROOM = 1024;

export class Bits {
  #bytes = new Uint8Array(FIRST_ROOM);

  has(index: number, bit: number): boolean {
    return ((this.#bytes[index] ?? 0) & bit) !== 0;
  }

  /** False if it was set before. */
  set(index: number, bit: number): boolean {
    if (this.has(index, bit)) return false;
    if (index >= this.#bytes.length) this.#grow(index);
    this.#bytes[index] = (this.#bytes[index] ?? 0) | bit;
    return true;
  }

  #grow(index: number): void {
    let room = this.#bytes.length;
    while (room <= index) room *= 2;
    const bytes = new Uint8Array(room);
    bytes.set(this.#bytes);
    this.#bytes = bytes;
  }
}
