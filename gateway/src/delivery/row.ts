/** Rows of a source: what a resource promises about their fields, and the check that a source keeps the promise. */
import { type FIELD_TYPES, QuanjiError, type Resource } from "@quanji/chaincode/domain";
import { isDay, parseTime } from "./moment.js";

export type FieldType = (typeof FIELD_TYPES)[number];

/** A field as its resource registers it. */
export type Field = Readonly<Resource["fields"][number]>;

export type Value = string | number | boolean | null;

/** Without prototype, so that a field may be called `constructor`. A member is absent where the source gave none. */
export type Row = Readonly<Record<string, Value>>;

/** Where a field stands in the source, if it has another name there. */
export type Columns = Readonly<Record<string, string>>;

/** Every failure of a source. `detail` is a finer code; data and addresses with data in them never enter the message. */
export const sourceFailed = (message: string, detail: string, parts: { field?: string; cause?: unknown } = {}) =>
  new QuanjiError("SOURCE_FAILED", message, { detail, ...parts });

/** Whether `value` is of the type, null aside. Numbers are doubles as in JSON; integers lie within ±(2⁵³−1). */
export function isOfType(value: unknown, type: FieldType): value is Exclude<Value, null> {
  switch (type) {
    case "string":
      return typeof value === "string" && value.isWellFormed();
    case "number":
      return typeof value === "number" && Number.isFinite(value);
    case "integer":
      return Number.isSafeInteger(value);
    case "boolean":
      return typeof value === "boolean";
    case "date":
      return typeof value === "string" && isDay(value);
    case "datetime":
      return typeof value === "string" && parseTime(value) !== undefined;
  }
}

export const columnOf = (columns: Columns, field: string): string =>
  Object.hasOwn(columns, field) ? (columns[field] ?? field) : field;

/**
 * Copies the given fields, and nothing else, out of what a source answered. Null stays null, absent stays absent.
 * Errors: SOURCE_FAILED · ROW_INVALID, TYPE_MISMATCH.
 */
export function conformRow(raw: unknown, fields: readonly Field[], columns: Columns = {}): Row {
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) {
    throw sourceFailed("the source answered something that is not a row", "ROW_INVALID");
  }
  const row = Object.create(null) as Record<string, Value>;
  for (const { name, type } of fields) {
    const column = columnOf(columns, name);
    if (!Object.hasOwn(raw, column)) continue;
    const value: unknown = (raw as Record<string, unknown>)[column];
    if (value !== null && !isOfType(value, type)) throw mismatch(name, type);
    row[name] = value;
  }
  return row;
}

export const mismatch = (field: string, type: FieldType): QuanjiError =>
  sourceFailed(`the source answered a value of ${field} that is not of type ${type}`, "TYPE_MISMATCH", { field });

const NUMBER = /^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?$/;
const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ["true", true],
  ["TRUE", true],
  ["True", true],
  ["1", true],
  ["false", false],
  ["FALSE", false],
  ["False", false],
  ["0", false],
]);

/** Types a cell of a text table, where everything is text. Errors: SOURCE_FAILED · TYPE_MISMATCH. */
export function valueOfCell(cell: string | null, { name, type }: Field): Value {
  if (cell === null) return null;
  const value = typed(cell, type);
  if (!isOfType(value, type)) throw mismatch(name, type);
  return value;
}

function typed(cell: string, type: FieldType): Value | undefined {
  if (type === "boolean") return BOOLEANS.get(cell);
  if (type !== "number" && type !== "integer") return cell;
  return NUMBER.test(cell) ? Number(cell) : undefined;
}
