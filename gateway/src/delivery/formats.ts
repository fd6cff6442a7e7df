/** From the bytes of a file or an answer to rows: CSV, NDJSON, or one JSON document with an array in it. */
import { CsvParser } from "./csv.js";
import {
  columnOf,
  type Columns,
  conformRow,
  type Field,
  type Row,
  sourceFailed,
  type Value,
  valueOfCell,
} from "./row.js";

export type Format = "csv" | "json" | "ndjson";

export interface Layout {
  readonly format: Format;
  /** Where the array stands in a JSON document: a JSON pointer (RFC 6901); default: the document is the array. */
  readonly items?: string | undefined;
  readonly columns?: Columns | undefined;
}

/** Characters of one line of NDJSON. */
const MAX_LINE = 1_048_576;

/** Rows as they become known, so many at a time; each is made when it is asked for. */
export type RowBatches = AsyncGenerator<Iterable<Row>, void, void>;

/** Errors: SOURCE_FAILED · NOT_UTF8, CSV_INVALID, JSON_INVALID, COLUMN_MISSING, ROW_INVALID, TYPE_MISMATCH. */
export function readRows(bytes: AsyncIterable<Uint8Array>, layout: Layout, fields: readonly Field[]): RowBatches {
  const columns = layout.columns ?? {};
  switch (layout.format) {
    case "csv":
      return csvRows(decode(bytes), fields, columns);
    case "ndjson":
      return ndjsonRows(decode(bytes), fields, columns);
    case "json":
      return jsonRows(decode(bytes), layout.items ?? "", fields, columns);
  }
}

/** UTF-8, fatal; a byte order mark at the very start is passed over. */
async function* decode(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, void> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const piece = (chunk?: Uint8Array): string => {
    try {
      return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true });
    } catch (cause) {
      throw sourceFailed("the source's bytes are not UTF-8", "NOT_UTF8", { cause });
    }
  };
  for await (const chunk of bytes) yield piece(chunk);
  yield piece();
}

/** Cuts off what is too large before it fills the memory. Errors: SOURCE_FAILED · TOO_LARGE. */
export async function* limitBytes(
  bytes: AsyncIterable<Uint8Array>,
  maxBytes: number,
): AsyncGenerator<Uint8Array, void, void> {
  let total = 0;
  for await (const chunk of bytes) {
    total += chunk.length;
    if (total > maxBytes) throw tooLarge(maxBytes);
    yield chunk;
  }
}

export const tooLarge = (maxBytes: number) => sourceFailed(`the source holds more than ${maxBytes} bytes`, "TOO_LARGE");

async function* csvRows(texts: AsyncIterable<string>, fields: readonly Field[], columns: Columns): RowBatches {
  const parser = new CsvParser();
  let table: CsvTable | undefined;
  const rows = function* (records: readonly (readonly (string | null)[])[]) {
    for (const record of records) {
      if (table === undefined) table = new CsvTable(record, fields, columns);
      else yield table.row(record);
    }
  };
  for await (const text of texts) yield rows(parser.push(text));
  yield rows(parser.end());
  if (table === undefined) throw sourceFailed("the table has no header", "CSV_INVALID");
}

/** The header's reading: which column holds which field. */
class CsvTable {
  readonly #width: number;
  readonly #places: readonly { readonly field: Field; readonly index: number }[];

  constructor(header: readonly (string | null)[], fields: readonly Field[], columns: Columns) {
    if (new Set(header).size !== header.length) throw sourceFailed("two columns have one name", "CSV_INVALID");
    this.#width = header.length;
    this.#places = fields.map((field) => {
      const index = header.indexOf(columnOf(columns, field.name));
      if (index < 0)
        throw sourceFailed(`the table has no column for ${field.name}`, "COLUMN_MISSING", { field: field.name });
      return { field, index };
    });
  }

  row(cells: readonly (string | null)[]): Row {
    if (cells.length !== this.#width) {
      throw sourceFailed(`a record has ${cells.length} cells, the header ${this.#width}`, "CSV_INVALID");
    }
    const row = Object.create(null) as Record<string, Value>;
    for (const { field, index } of this.#places) row[field.name] = valueOfCell(cells[index] ?? null, field);
    return row;
  }
}

/** Lines may be empty (a last newline, a keep-alive); nothing else is forgiven. */
async function* ndjsonRows(texts: AsyncIterable<string>, fields: readonly Field[], columns: Columns): RowBatches {
  let rest = "";
  const rows = function* (lines: readonly string[]) {
    for (const line of lines) if (line.trim() !== "") yield conformRow(parseJson(line), fields, columns);
  };
  for await (const text of texts) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > MAX_LINE) throw sourceFailed("a line is too long", "JSON_INVALID");
    yield rows(lines);
  }
  yield rows([rest]);
}

async function* jsonRows(
  texts: AsyncIterable<string>,
  items: string,
  fields: readonly Field[],
  columns: Columns,
): RowBatches {
  const pieces: string[] = [];
  for await (const text of texts) pieces.push(text);
  const found: unknown = resolvePointer(parseJson(pieces.join("")), items);
  if (!Array.isArray(found)) {
    throw sourceFailed("the source's document has no array where its rows should be", "JSON_INVALID");
  }
  yield (function* (raws: readonly unknown[]) {
    for (const raw of raws) yield conformRow(raw, fields, columns);
  })(found);
}

/** The engine's message quotes the text, so it stays out of ours, cause included. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw sourceFailed("the source's answer is not JSON", "JSON_INVALID");
  }
}

/** @see RFC 6901 §4. Own members only. Undefined where the pointer leads nowhere. */
function resolvePointer(document: unknown, pointer: string): unknown {
  let at = document;
  for (const token of pointer.split("/").slice(1)) {
    const name = token.replaceAll("~1", "/").replaceAll("~0", "~");
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, name)) return undefined;
    at = (at as Record<string, unknown>)[name];
  }
  return at;
}
