/**
 * Obligations 义务: what happens to a field before it leaves. Pure: the digest of what left proves that they were kept, for
 * whoever has the original can apply them again and gets the same bytes.
 */
import { type Obligation, obligationText, QuanjiError } from "@quanji/chaincode/domain";
import { type Decimal, compareDecimals, decimalOf, formatDecimal, parseDecimal, roundToStep } from "./decimal.js";
import { type Field, type Row, sourceFailed, type Value } from "./row.js";

const TEXT = /^(drop|mask|round):([A-Za-z][A-Za-z0-9_]{0,63})(?::(.+))?$/;
/** `mask`: how many characters stay at either end. */
const KEEP = /^([0-9]{1,3}),([0-9]{1,3})$/;
const ZERO: Decimal = { units: 0n, scale: 0 };

/** Reads the form of records, `mask:id_no:3,4`. Errors: MALFORMED. */
export function parseObligation(text: string): Obligation {
  const match = TEXT.exec(text);
  if (match === null) throw malformed("an obligation is written op:field[:arg], op one of drop, mask, round");
  const [, op = "", field = "", arg] = match;
  const obligation = { op: op as Obligation["op"], field, ...(arg !== undefined && { arg }) };
  assertObligation(obligation);
  return obligation;
}

/** The argument is one that the operation takes. Errors: MALFORMED. */
export function assertObligation({ op, arg }: Obligation): void {
  if (op === "drop" && arg !== undefined) throw malformed("drop takes no argument");
  if (op === "mask" && arg !== undefined && !KEEP.test(arg)) throw malformed("mask takes first,last such as 3,4");
  if (op === "round" && stepOf(arg) === undefined) throw malformed("round takes a step above zero such as 10 or 0.5");
}

const malformed = (message: string): QuanjiError => new QuanjiError("MALFORMED", message, { field: "obligations" });

function stepOf(arg: string | undefined): Decimal | undefined {
  const step = arg === undefined ? undefined : parseDecimal(arg.replace(/^0+(?=[0-9])/, ""));
  return step !== undefined && compareDecimals(step, ZERO) > 0 ? step : undefined;
}

export interface Masking {
  apply(row: Row): Row;
  /** The obligations that touch what was requested, as records write them. */
  readonly masked: readonly string[];
}

/**
 * Obligations of a grant and of its ancestors may meet on one field: all are kept, rounding before masking before
 * dropping. Errors: MALFORMED if one cannot be kept (an argument, or rounding of a field that holds no numbers): then
 * nothing may leave.
 */
export function planMasking(obligations: readonly Obligation[], fields: readonly Field[]): Masking {
  obligations.forEach(assertObligation);
  const relevant = obligations.filter((obligation) => fields.some((field) => field.name === obligation.field));
  for (const { op, field } of relevant) {
    const type = fields.find((candidate) => candidate.name === field)?.type;
    if (op === "round" && type !== "number" && type !== "integer") {
      throw new QuanjiError("MALFORMED", `${field} is to be rounded, but holds no numbers`, { field: "obligations" });
    }
  }
  const ordered = (["round", "mask"] as const).flatMap((op) => relevant.filter((obligation) => obligation.op === op));
  const dropped = new Set(relevant.filter(({ op }) => op === "drop").map(({ field }) => field));
  return {
    masked: relevant.map(obligationText),
    apply: (row) => (relevant.length === 0 ? row : applyOrdered(row, ordered, dropped)),
  };
}

function applyOrdered(row: Row, ordered: readonly Obligation[], dropped: ReadonlySet<string>): Row {
  const out = Object.create(null) as Record<string, Value>;
  for (const name of Object.keys(row)) if (!dropped.has(name)) out[name] = row[name] ?? null;
  for (const { op, field, arg } of ordered) {
    const value = out[field] ?? null;
    if (value === null) continue; // null and absent stay what they are
    out[field] = op === "mask" ? maskValue(value, arg) : roundValue(value, arg, field);
  }
  return out;
}

/**
 * Stars for all characters but the first and last ones, one for each code point. A text too short to have a middle is
 * hidden whole: keeping its ends would show all of it. Numbers and booleans are masked as the text that JSON prints.
 */
export function maskValue(value: Exclude<Value, null>, arg?: string): string {
  const characters = Array.from(String(value));
  const [, first = "0", last = "0"] = KEEP.exec(arg ?? "0,0") ?? [];
  const hidden = characters.length - Number(first) - Number(last);
  if (hidden <= 0) return "*".repeat(characters.length);
  const start = Number(first);
  return characters.slice(0, start).join("") + "*".repeat(hidden) + characters.slice(start + hidden).join("");
}

/**
 * Nearest multiple of the step, halves away from zero, in exact decimals. A result that no double holds exactly (more than
 * some 15 digits) fails rather than leave half rounded. Errors: SOURCE_FAILED · ROUND_INEXACT.
 */
export function roundValue(value: Exclude<Value, null>, arg: string | undefined, field: string): number {
  const step = stepOf(arg);
  if (typeof value !== "number" || step === undefined) {
    throw sourceFailed(`a value of ${field} cannot be rounded`, "TYPE_MISMATCH", { field });
  }
  const rounded = roundToStep(decimalOf(value), step);
  const result = Number(formatDecimal(rounded));
  if (!Number.isFinite(result) || compareDecimals(decimalOf(result), rounded) !== 0) {
    throw sourceFailed(`a value of ${field} cannot be rounded exactly`, "ROUND_INEXACT", { field });
  }
  return result;
}
