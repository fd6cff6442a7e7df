/**
 * CSV as RFC 4180 has it, and nothing looser: a table that needs guessing would put values under the wrong name.
 * Differences: LF ends a record too, and an empty cell without quotes is null while `""` is the empty text.
 */
import { sourceFailed } from "./row.js";

export type Cell = string | null;

export interface CsvLimits {
  /** Characters of one record, quotes included. */
  readonly maxRecord: number;
  readonly maxColumns: number;
}

export const CSV_LIMITS: CsvLimits = { maxRecord: 1_048_576, maxColumns: 1024 };

const QUOTE = 0x22;
const COMMA = 0x2c;
const LF = 0x0a;
const CR = 0x0d;

const START = 0;
const PLAIN = 1;
const QUOTED = 2;
/** After a quote inside a quoted cell: it ends the cell, or is the first of a pair. */
const CLOSED = 3;
/** After a CR outside quotes: only LF may follow. */
const RETURN = 4;
type State = typeof START | typeof PLAIN | typeof QUOTED | typeof CLOSED | typeof RETURN;

const refuse = (message: string, record: number): never => {
  throw sourceFailed(`CSV record ${record}: ${message}`, "CSV_INVALID");
};

const isSpecial = (unit: number): boolean => unit === COMMA || unit === LF || unit === CR || unit === QUOTE;

function endOfPlain(text: string, from: number): number {
  let end = from;
  while (end < text.length && !isSpecial(text.charCodeAt(end))) end++;
  return end;
}

function endOfQuoted(text: string, from: number): number {
  const end = text.indexOf('"', from);
  return end < 0 ? text.length : end;
}

/** Parses a table piece by piece: the records are the same wherever the text is cut. Errors: SOURCE_FAILED · CSV_INVALID. */
export class CsvParser {
  readonly #limits: CsvLimits;
  #state: State = START;
  #cells: Cell[] = [];
  /** Text of the current cell that earlier pieces, or text before a doubled quote, have brought. */
  #cell = "";
  #recordLength = 0;
  #records: Cell[][] = [];
  #count = 1;

  constructor(limits: CsvLimits = CSV_LIMITS) {
    this.#limits = limits;
  }

  /** The records that `text` completes. */
  push(text: string): Cell[][] {
    let at = 0;
    while (at < text.length) {
      if (this.#state === PLAIN || this.#state === QUOTED) {
        const end = this.#state === PLAIN ? endOfPlain(text, at) : endOfQuoted(text, at);
        this.#grow(end - at);
        this.#cell += text.slice(at, end);
        at = end;
        if (at === text.length) break;
      }
      if (this.#state === START && !isSpecial(text.charCodeAt(at))) {
        this.#state = PLAIN;
        continue;
      }
      this.#grow(1);
      this.#step(text.charCodeAt(at));
      at++;
    }
    return this.#take();
  }

  /** The last record, if the text does not end with a line end. */
  end(): Cell[][] {
    if (this.#state === QUOTED) refuse("a quoted cell has no end", this.#count);
    if (this.#state === RETURN) refuse("a CR stands alone", this.#count);
    if (this.#state !== START || this.#cells.length > 0) this.#endRecord();
    return this.#take();
  }

  #grow(characters: number): void {
    this.#recordLength += characters;
    if (this.#recordLength > this.#limits.maxRecord) refuse("is too long", this.#count);
  }

  /** Acts on a character that is not mere text of a cell. */
  #step(unit: number): void {
    switch (this.#state) {
      case START:
        if (unit === QUOTE) this.#state = QUOTED;
        else this.#separate(unit);
        return;
      case PLAIN:
        if (unit === QUOTE) refuse("a quote stands inside a cell without quotes", this.#count);
        this.#separate(unit);
        return;
      case QUOTED:
        this.#state = CLOSED;
        return;
      case CLOSED:
        if (unit === QUOTE) {
          this.#cell += '"';
          this.#state = QUOTED;
        } else this.#separate(unit);
        return;
      case RETURN:
        if (unit !== LF) refuse("a CR stands alone", this.#count);
        this.#endRecord();
    }
  }

  #separate(unit: number): void {
    if (unit === COMMA) this.#endCell();
    else if (unit === LF) this.#endRecord();
    else if (unit === CR) {
      this.#endCell();
      this.#state = RETURN;
    } else refuse("text follows the end of a quoted cell", this.#count);
  }

  #endCell(): void {
    if (this.#cells.length >= this.#limits.maxColumns) refuse("has too many cells", this.#count);
    this.#cells.push(this.#state === START ? null : this.#cell);
    this.#cell = "";
    this.#state = START;
  }

  #endRecord(): void {
    if (this.#state !== RETURN) this.#endCell();
    this.#records.push(this.#cells);
    this.#cells = [];
    this.#state = START;
    this.#recordLength = 0;
    this.#count++;
  }

  #take(): Cell[][] {
    const records = this.#records;
    this.#records = [];
    return records;
  }
}
