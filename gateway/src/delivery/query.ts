/**
 * The query language of an access: which rows of a resource it wants. Deliberately small: conditions joined by *and*,
 * each a comparison of one requested field with a constant, so that any source can evaluate it and the gateway again.
 */
import { FieldName, QuanjiError } from "@quanji/chaincode/domain";
import { z } from "zod";
import { compareDecimals, decimalOf, parseDecimal } from "./decimal.js";
import { parseMoment } from "./moment.js";
import type { Field, Row, Value } from "./row.js";
import type { SourceRequest } from "./source.js";
import { invalid } from "./zod-path.js";

export const MAX_CONDITIONS = 16;
export const MAX_LIST = 100;

/** What the canonical profile can hold. Other numbers are written as decimals in a string: `"-0.5"`. */
const Constant = z.union(
  [
    z
      .string()
      .max(1024)
      .refine((text) => text.isWellFormed()),
    z.int().min(0),
    z.boolean(),
  ],
  "a string, an integer from 0, or a boolean",
);

const Condition = z.discriminatedUnion("op", [
  z.strictObject({ field: FieldName, op: z.enum(["eq", "ge", "le"]), value: Constant }),
  z.strictObject({ field: FieldName, op: z.literal("in"), value: z.array(Constant).min(1).max(MAX_LIST) }),
]);

export const QuerySchema = z.strictObject({
  where: z.array(Condition).max(MAX_CONDITIONS).optional(),
  /** Most rows to answer. Without it all matching rows are asked for, and more than `quantity` fail the delivery. */
  limit: z.int().min(1).optional(),
  /** How many matching rows to pass over first: the next page starts after those already received. */
  after: z.int().min(0).optional(),
});

export type Constant = z.infer<typeof Constant>;
export type Condition = z.infer<typeof Condition>;
export type Query = z.infer<typeof QuerySchema>;

/** From inclusive, to exclusive; each a day or an RFC 3339 time. */
export interface Range {
  readonly from: string;
  readonly to: string;
}

/** What resource and access say about the data, once the access is permitted. */
export interface AccessTerms {
  /** All fields of the resource's version. */
  readonly fields: readonly Field[];
  readonly rangeField?: string | undefined;
  /** Names of the access's `fields`, in its order. */
  readonly requested: readonly string[];
  readonly range?: Range | undefined;
  /** Rows that the access may take. */
  readonly quantity: number;
  /** The network's offset, `+08:00`. */
  readonly timeZone: string;
}

/** Shape only. Errors: MALFORMED naming the member, e.g. `query.where[0].op`. */
export function parseQuery(input: unknown): Query {
  const result = QuerySchema.safeParse(input);
  if (!result.success) throw invalid("MALFORMED", "query", result.error);
  return result.data;
}

const malformed = (field: string, message: string): QuanjiError => new QuanjiError("MALFORMED", message, { field });

/**
 * Turns a query into what a source is asked, once everything in it makes sense for this resource and this access.
 * Errors: MALFORMED naming the member.
 */
export function planRequest(query: Query, terms: AccessTerms): SourceRequest {
  const fields = requestedFields(terms);
  (query.where ?? []).forEach((condition, i) => checkCondition(condition, i, fields, terms.timeZone));
  if (query.limit !== undefined && query.limit > terms.quantity) {
    throw malformed("query.limit", `the limit is larger than the quantity of the access, ${terms.quantity}`);
  }
  return {
    fields,
    where: query.where ?? [],
    ...(terms.range !== undefined && { range: planRange(terms.range, terms) }),
    ...(query.limit !== undefined && { limit: query.limit }),
    after: query.after ?? 0,
    timeZone: terms.timeZone,
  };
}

function requestedFields({ fields, requested }: AccessTerms): Field[] {
  if (new Set(requested).size !== requested.length) throw malformed("fields", "a field is requested twice");
  return requested.map((name) => {
    const field = fields.find((candidate) => candidate.name === name);
    if (field === undefined) throw malformed("fields", "a field is requested that the resource does not have");
    return field;
  });
}

function planRange(range: Range, { fields, rangeField, timeZone }: AccessTerms): NonNullable<SourceRequest["range"]> {
  const field = fields.find((candidate) => candidate.name === rangeField);
  if (field === undefined) throw malformed("range", "the resource has no field that a range applies to");
  if (field.type !== "date" && field.type !== "datetime") {
    throw malformed("range", "the field that a range applies to holds neither days nor times");
  }
  for (const end of ["from", "to"] as const) {
    if (parseMoment(range[end], timeZone) === undefined) {
      throw malformed(`range.${end}`, "a range runs from and to a day or an RFC 3339 time");
    }
  }
  return { field, from: range.from, to: range.to };
}

function checkCondition(condition: Condition, i: number, fields: readonly Field[], timeZone: string): void {
  const at = `query.where[${i}]`;
  const field = fields.find((candidate) => candidate.name === condition.field);
  if (field === undefined) throw malformed(`${at}.field`, "a condition names a field that the access does not request");
  if (field.type === "boolean" && (condition.op === "ge" || condition.op === "le")) {
    throw malformed(`${at}.op`, "booleans have no order: use eq or in");
  }
  for (const constant of constantsOf(condition)) {
    if (comparison(field, constant, timeZone) === undefined) {
      throw malformed(`${at}.value`, `the value cannot be compared with a field of type ${field.type}`);
    }
  }
}

export const constantsOf = (condition: Condition): readonly Constant[] =>
  condition.op === "in" ? condition.value : [condition.value];

/** Whether a row belongs to the answer, `limit` and `after` aside. The row holds the requested fields and the range's. */
export type Matcher = (row: Row) => boolean;

export function matcher(request: SourceRequest): Matcher {
  const tests = request.where.map((condition) => conditionTest(condition, request));
  if (request.range !== undefined) tests.push(rangeTest(request.range, request.timeZone));
  return (row) => tests.every((test) => test(row));
}

/** A value that is null or absent fulfils no condition. */
const present = (row: Row, name: string): Exclude<Value, null> | undefined => row[name] ?? undefined;

function conditionTest(condition: Condition, { fields, timeZone }: SourceRequest): Matcher {
  const field = fields.find((candidate) => candidate.name === condition.field);
  const compared = constantsOf(condition).map((constant) =>
    field === undefined ? undefined : comparison(field, constant, timeZone),
  );
  const holds = (order: number): boolean =>
    condition.op === "ge" ? order >= 0 : condition.op === "le" ? order <= 0 : order === 0;
  return (row) => {
    const value = present(row, condition.field);
    return value !== undefined && compared.some((compare) => compare !== undefined && holds(compare(value)));
  };
}

function rangeTest({ field, from, to }: NonNullable<SourceRequest["range"]>, timeZone: string): Matcher {
  const [start, end] = [parseMoment(from, timeZone), parseMoment(to, timeZone)];
  return (row) => {
    const value = present(row, field.name);
    const moment = typeof value === "string" ? parseMoment(value, timeZone) : undefined;
    if (moment === undefined || start === undefined || end === undefined) return false;
    return start <= moment && moment < end;
  };
}

/** Sign of value − constant; NaN if they do not compare. */
type Comparison = (value: Exclude<Value, null>) => number;

/** How values of a field compare with a constant; undefined if the constant is not of the field's kind. */
function comparison({ type }: Field, constant: Constant, timeZone: string): Comparison | undefined {
  switch (type) {
    case "string":
      return typeof constant === "string" ? compareTexts(constant) : undefined;
    case "number":
    case "integer":
      return typeof constant === "boolean" ? undefined : compareNumbers(String(constant));
    case "boolean":
      return compareBooleans(constant);
    case "date":
    case "datetime":
      return typeof constant === "string" ? compareMoments(constant, timeZone) : undefined;
  }
}

/** By Unicode code point, which is also the order of the UTF-8 bytes. */
const compareTexts =
  (constant: string): Comparison =>
  (value) =>
    typeof value === "string" ? compareCodePoints(value, constant) : NaN;

/** Where two texts part, a surrogate stands for a code point above all other units. */
function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x !== y) return fixUnit(x) - fixUnit(y);
  }
  return a.length - b.length;
}
const fixUnit = (unit: number): number => (unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit);

/** Rounding to a double never swaps two decimals, so only those that fall on the same double need the exact comparison. */
function compareNumbers(text: string): Comparison | undefined {
  const exact = parseDecimal(text);
  if (exact === undefined) return undefined;
  const near = Number(text);
  return (value) => {
    if (typeof value !== "number") return NaN;
    return value < near ? -1 : value > near ? 1 : compareDecimals(decimalOf(value), exact);
  };
}

function compareBooleans(constant: Constant): Comparison | undefined {
  if (constant !== true && constant !== false && constant !== "true" && constant !== "false") return undefined;
  const wanted = constant === true || constant === "true";
  return (value) => (value === wanted ? 0 : NaN);
}

function compareMoments(constant: string, timeZone: string): Comparison | undefined {
  const wanted = parseMoment(constant, timeZone);
  if (wanted === undefined) return undefined;
  return (value) => {
    const moment = typeof value === "string" ? parseMoment(value, timeZone) : undefined;
    return moment === undefined ? NaN : moment < wanted ? -1 : moment > wanted ? 1 : 0;
  };
}
