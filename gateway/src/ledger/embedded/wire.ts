/**
 * A protobuf writer for the few messages that hold one entry a key. A batch has some 1,200 of them, and the generated
 * classes cost about ten times as much as the hashes inside. `rwset.test.ts` compares every byte with those classes.
 * @see https://protobuf.dev/programming-guides/encoding/
 */
const VARINT = 0;
const DELIMITED = 2;

/** Writes fields in the order of calls; as in proto3, an empty or zero field is left out. */
export class Writer {
  #bytes = Buffer.allocUnsafe(1024);
  #length = 0;

  uint(field: number, value: number): void {
    if (value === 0) return;
    this.#tag(field, VARINT);
    this.#varint(value);
  }

  flag(field: number, value: boolean): void {
    this.uint(field, value ? 1 : 0);
  }

  bytes(field: number, value: Uint8Array): void {
    if (value.length === 0) return;
    this.#tag(field, DELIMITED);
    this.#varint(value.length);
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  text(field: number, value: string): void {
    if (value.length === 0) return;
    const size = Buffer.byteLength(value);
    this.#tag(field, DELIMITED);
    this.#varint(size);
    this.#reserve(size);
    this.#length += this.#bytes.write(value, this.#length, "utf8");
  }

  /** Bytes that are held as hexadecimal text in memory: hashes of keys. */
  hex(field: number, value: string): void {
    const size = value.length / 2;
    this.#tag(field, DELIMITED);
    this.#varint(size);
    this.#reserve(size);
    this.#length += this.#bytes.write(value, this.#length, "hex");
  }

  /** A nested message, written even when it is empty: presence has a meaning. */
  message(field: number, body: () => void): void {
    this.#tag(field, DELIMITED);
    this.#reserve(1);
    const start = ++this.#length;
    body();
    const size = this.#length - start;
    const prefix = varintSize(size);
    if (prefix > 1) {
      this.#reserve(prefix - 1);
      this.#bytes.copyWithin(start + prefix - 1, start, this.#length);
    }
    this.#length = start - 1;
    this.#varint(size);
    this.#length += size;
  }

  finish(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  #tag(field: number, type: number): void {
    this.#varint(field * 8 + type);
  }

  #varint(value: number): void {
    this.#reserve(10);
    let rest = value;
    while (rest > 127) {
      this.#bytes[this.#length++] = (rest % 128) + 128;
      rest = Math.floor(rest / 128);
    }
    this.#bytes[this.#length++] = rest;
  }

  #reserve(size: number): void {
    if (this.#length + size <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + size));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}

/** Bytes that a number below 2^53 takes as a varint. */
export function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest > 127; rest = Math.floor(rest / 128)) size++;
  return size;
}

/** A varint alone, outside any message. */
export function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 127) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return Uint8Array.from(bytes);
}

/**
 * Order of UTF-8 bytes, as Go and LevelDB sort keys. It differs from JavaScript's order of UTF-16 units only where a
 * surrogate meets a unit above the surrogates.
 */
export function compareUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

/** Surrogates stand for code points above U+FFFF, so they sort after every other unit. */
const rank = (unit: number): number => (unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit);
