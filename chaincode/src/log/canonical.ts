/**
 * The canonical-JSON profile: RFC 8785 (JCS) over ASCII member names, integers 0…2⁵³−1, no null, bounded depth and size.
 * Within it JCS is unambiguous: no number formatting, no UTF-16 sorting surprises, no lone surrogates.
 */
import { QuanjiError } from "../domain/errors.js";
import { fromUtf8, utf8 } from "./bytes.js";

export type Json = string | number | boolean | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: Json;
}

/** Sizes are bytes of UTF-8. Raised only for the few documents that carry lists (`boundary.publish`, batches, trust file). */
export interface Limits {
  readonly maxBytes: number;
  readonly maxDepth: number;
}
export const LIMITS: Limits = { maxBytes: 16 * 1024, maxDepth: 8 };

/** Names of members: dots occur only in the paths of openings (`links.grant`). Refuses `__proto__` by construction. */
const NAME = /^[a-z][A-Za-z0-9.]*$/;

const refuse = (detail: string, message: string): never => {
  throw new QuanjiError("MALFORMED", message, { detail });
};

/**
 * Checks types *before* canonicalisation, because JCS libraries round large integers, turn −0 into 0 and drop undefined.
 * Errors: MALFORMED · NUMBER_FORBIDDEN, FIELD_UNKNOWN, NOT_UTF8 (lone surrogate), NOT_CANONICAL (null, undefined, foreign
 * objects), LIMIT_EXCEEDED.
 */
export function assertProfile(value: unknown, limits: Limits = LIMITS): asserts value is Json {
  inProfile(value, limits.maxDepth);
}

/**
 * Characters of the canonical form of what {@link inProfile} has walked, as far as no string in it needs an escape; and
 * whether it met a number that can be spelled otherwise in as few characters, as 1e2 is 100.
 */
let characters = 0;
let terse = false;

/** Refuses as {@link assertProfile} does; answers whether all members stand in order already. `levels`: how deep it may nest. */
function inProfile(value: unknown, levels: number): boolean {
  switch (typeof value) {
    case "boolean":
      characters += value ? 4 : 5;
      return true;
    case "number":
      if (!Number.isSafeInteger(value) || value < 0 || Object.is(value, -0)) {
        refuse("NUMBER_FORBIDDEN", "numbers are integers from 0 to 2^53 - 1; write anything else as a string");
      }
      characters += value < 10 ? 1 : String(value).length;
      if (value >= 100 && value % 100 === 0) terse = true;
      return true;
    case "string":
      if (!value.isWellFormed()) refuse("NOT_UTF8", "a string holds a lone surrogate");
      characters += value.length + 2;
      return true;
    case "object":
      return containerInProfile(value, levels - 1);
    default:
      return refuse("NOT_CANONICAL", `a value of type ${typeof value} has no JSON form`);
  }
}

function containerInProfile(value: object | null, levels: number): boolean {
  if (value === null) return refuse("NOT_CANONICAL", "null is not used: leave the member out");
  if (levels < 0) refuseDepth();
  if (!isPlain(value)) return refuse("NOT_CANONICAL", "only plain objects and arrays have one JSON form");
  let ordered = true;
  if (Array.isArray(value)) {
    characters += Math.max(2, value.length + 1);
    for (const item of value) ordered = inProfile(item, levels) && ordered;
    return ordered;
  }
  characters += 1;
  let last = "";
  for (const name of Object.keys(value)) {
    if (!isName(name)) refuse("FIELD_UNKNOWN", "a member's name is not of the form [a-z][A-Za-z0-9.]*");
    characters += name.length + 4;
    ordered = inProfile((value as Record<string, unknown>)[name], levels) && ordered && name > last;
    last = name;
  }
  if (last === "") characters += 1; // of `{}`: otherwise each member was counted with a comma, and the last has none
  return ordered;
}

/** Names met before: there are some hundred, and looking one up costs a tenth of the expression. Bounded against strangers. */
const names = new Set<string>();
const MAX_NAMES = 2_000;

function isName(name: string): boolean {
  if (names.has(name)) return true;
  if (!NAME.test(name)) return false;
  if (names.size < MAX_NAMES && name.length <= 64) names.add(name);
  return true;
}

/** An object with another prototype may bring a `toJSON` (Date does), and would then be written as something else. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return Array.isArray(value) ? prototype === Array.prototype : prototype === Object.prototype || prototype === null;
}

/**
 * Within the profile RFC 8785 is `JSON.stringify` with sorted members: ECMAScript's own strings and integers, and ASCII names,
 * whose UTF-16 order is their byte order. So no general JCS library runs here; one is the oracle of the property tests.
 */
function sorted(value: Json): Json {
  if (typeof value !== "object") return value;
  if (isList(value)) return value.map(sorted);
  const copy: Record<string, Json> = {};
  for (const name of Object.keys(value).sort()) copy[name] = sorted(value[name] as Json);
  return copy;
}

const isList = (value: readonly Json[] | JsonObject): value is readonly Json[] => Array.isArray(value);

/** Canonical text of a value of ours. Errors: as {@link assertProfile}. */
export function canonical(value: unknown, limits: Limits = LIMITS): string {
  const ordered = inProfile(value, limits.maxDepth);
  const text = JSON.stringify(ordered ? value : sorted(value as Json));
  if (text.length > limits.maxBytes || (text.length * 3 > limits.maxBytes && utf8(text).length > limits.maxBytes)) {
    refuse("LIMIT_EXCEEDED", `the canonical form has more than ${limits.maxBytes} bytes`);
  }
  return text;
}

/**
 * Parses bytes (or text) that somebody else hashed or signed: the bytes as received must equal the canonical form of what
 * they parse to. That one rule refuses duplicate names, white space, other orders, 1e400, −0, escapes and lone surrogates.
 * Errors: MALFORMED · NOT_UTF8, NOT_CANONICAL, NUMBER_FORBIDDEN, FIELD_UNKNOWN, LIMIT_EXCEEDED.
 */
export function parseCanonical(input: unknown, limits: Limits = LIMITS): JsonObject {
  const text = textOf(input, limits);
  const value = parseJson(text, limits);
  // `JSON.parse` keeps the members' order (none of their names is a number), so order and spelling are left to check.
  characters = 0;
  terse = false;
  const ordered = inProfile(value, limits.maxDepth);
  if (typeof value !== "object" || Array.isArray(value)) return refuse("NOT_CANONICAL", "a JSON object is expected");
  if (!ordered) refuseSpelling(text);
  if (!isSpelledOut(text) && JSON.stringify(value) !== text) refuseSpelling(text);
  return value as JsonObject;
}

/**
 * That the text just walked is canonical, for a third of what writing it again costs. Without escapes every string in it is
 * its own spelling; white space, members named twice and numbers in other spellings only make it longer than the canonical
 * form, all but those numbers that {@link terse} marks. So a text of the same length is the canonical one. Not so: nothing said.
 */
const isSpelledOut = (text: string): boolean => characters === text.length && !terse && !text.includes("\\");

function textOf(input: unknown, limits: Limits): string {
  if (typeof input !== "string" && !(input instanceof Uint8Array)) {
    return refuse("NOT_CANONICAL", "JSON is given as text or as its UTF-8 bytes");
  }
  const tooLong =
    input.length > limits.maxBytes ||
    (typeof input === "string" && input.length * 3 > limits.maxBytes && utf8(input).length > limits.maxBytes);
  if (tooLong) refuse("LIMIT_EXCEEDED", `more than ${limits.maxBytes} bytes of JSON`);
  const text = typeof input === "string" ? input : fromUtf8(input);
  if (text.startsWith("\uFEFF")) refuse("NOT_UTF8", "JSON does not begin with a byte order mark (RFC 8259 §8.1)");
  return text;
}

/** Only the name of the fault depends on this: the text parsed to a good value and is not that value's one spelling. */
function refuseSpelling(text: string): never {
  const outsideStrings = text.replaceAll(/"(?:[^"\\]|\\.)*"/g, "");
  if (/[-+.]|[0-9][eE]/.test(outsideStrings)) {
    return refuse("NUMBER_FORBIDDEN", "integers are written without sign, fraction and exponent");
  }
  return refuse("NOT_CANONICAL", "the bytes are not the canonical form (RFC 8785) of their content");
}

function parseJson(text: string, limits: Limits): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    // An engine whose parser recurses runs out of stack: then depth is the fault, whatever else may be wrong.
    if (nestsDeeper(text, limits.maxDepth)) return refuseDepth();
    throw new QuanjiError("MALFORMED", "the text is not JSON", { detail: "NOT_CANONICAL", cause });
  }
}

function nestsDeeper(text: string, levels: number): boolean {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charAt(i);
    if (c === '"') inString = !inString;
    else if (inString && c === "\\") i++;
    else if (!inString && (c === "[" || c === "{") && ++depth > levels) return true;
    else if (!inString && (c === "]" || c === "}")) depth--;
  }
  return false;
}

const refuseDepth = (): never => refuse("LIMIT_EXCEEDED", "JSON nests deeper than is allowed here");
