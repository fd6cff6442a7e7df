/**
 * Schemas as plain tests, for what is parsed by the million: no copy, no list of issues, and no code made at run time, which a
 * page's content security policy forbids. Derived from the schema itself, so that the two cannot drift apart.
 */
import type { z } from "zod";
import { LIMITS } from "../log/canonical.js";

type Test = (value: unknown) => boolean;

/**
 * Whether a schema takes a value that `JSON.parse` made, and takes it as it stands. What this refuses is for the schema to
 * judge, and to name. Throws for a schema of a kind that is not known here: while a module loads, not while it works.
 */
export function acceptor<T>(schema: z.ZodType<T>): (value: unknown) => value is T {
  return testOf(schema) as (value: unknown) => value is T;
}

/**
 * What a canonical text holds, if the schema takes it as it stands: parsed and walked once, where {@link parseCanonical} and a
 * schema walk it twice. Undefined for everything else, of which nothing is said.
 */
export function reader<T>(schema: z.ZodType<T>): (text: string) => T | undefined {
  const test = testOf(schema);
  return (text) => {
    if (text.length * 3 > LIMITS.maxBytes || text.includes("\\") || !text.isWellFormed()) return undefined;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return undefined;
    }
    [characters, terse] = [0, false];
    return test(value) && isSpelled(value, text) ? (value as T) : undefined;
  };
}

/**
 * Characters of the canonical form of all members and items that tests have walked; not a number once a member stood out of
 * order. A text without escapes is at least as long as the canonical
 * form of what it holds, and is that form if it is no longer: white space, members named twice and numbers in other spellings
 * only make it longer.
 */
let characters = 0;
/** All but one: 1e2 is as long as 100, so whoever met such a number writes the text again. */
let terse = false;

/** Whether a text is the canonical form of a value that a test has just taken. */
const isSpelled = (value: unknown, text: string): boolean => {
  measure(value);
  return characters === text.length && (!terse || JSON.stringify(value) === text);
};

/** Counts a value, where it is no object or array: those count themselves while they are tested. */
function measure(value: unknown): void {
  if (typeof value === "string") characters += value.length + 2;
  else if (typeof value === "number") {
    characters += value < 10 ? 1 : String(value).length;
    if (value < 0 || (value >= 100 && value % 100 === 0)) terse = true;
  } else if (typeof value === "boolean") characters += value ? 4 : 5;
}

function testOf(schema: z.core.$ZodType): Test {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case "object":
      return objectTest(def);
    case "array":
      return both(arrayTest(testOf(def.element)), checks(def));
    case "string":
      return both((value) => typeof value === "string", checks(def));
    case "number":
      return both((value) => typeof value === "number", numberFormat(def), checks(def));
    case "boolean":
      return (value) => typeof value === "boolean";
    case "literal":
      return oneOf(def.values);
    case "enum":
      return oneOf(Object.values(def.entries));
    case "union":
      return "discriminator" in def && typeof def.discriminator === "string"
        ? byMember(def.discriminator, def.options)
        : anyOf(def.options.map(testOf));
    default:
      throw new TypeError(`no plain test for a schema of type ${def.type}`);
  }
}

/** All of them, in order: a later one may rest on what an earlier one has found. */
function both(...all: readonly (Test | undefined)[]): Test {
  const [first, second, ...rest] = all.filter((test): test is Test => test !== undefined);
  if (first === undefined) return () => true;
  if (second === undefined) return first;
  if (rest.length > 0) return both(both(first, second), ...rest);
  return (value) => first(value) && second(value);
}

const anyOf =
  (tests: readonly Test[]): Test =>
  (value) => {
    const before = characters;
    for (const test of tests) {
      if (test(value)) return true;
      characters = before;
    }
    return false;
  };

/** One option for each value of a member; a value that is in none, or in two, is left to the schema. */
function byMember(name: string, options: readonly z.core.$ZodType[]): Test {
  const tests = new Map<unknown, Test>();
  for (const option of options) {
    const { def } = (option as z.core.$ZodTypes)._zod;
    const member = def.type === "object" ? (def.shape[name] as z.core.$ZodTypes | undefined)?._zod.def : undefined;
    if (member?.type !== "literal") throw new TypeError("no plain test for a union whose options share no literal");
    for (const value of member.values) tests.set(value, tests.has(value) ? () => false : testOf(option));
  }
  return (value) => {
    if (typeof value !== "object" || value === null) return false;
    return tests.get((value as Readonly<Record<string, unknown>>)[name])?.(value) ?? false;
  };
}

const arrayTest =
  (item: Test): Test =>
  (value) => {
    if (!Array.isArray(value)) return false;
    characters += Math.max(2, value.length + 1);
    for (const each of value as readonly unknown[]) {
      if (!item(each)) return false;
      measure(each);
    }
    return true;
  };

function oneOf(values: readonly unknown[]): Test {
  const [only] = values;
  if (values.length === 1) return (value) => value === only;
  const known = new Set(values);
  return (value) => known.has(value);
}

/** Strict: no member but those of the shape. */
function objectTest({ shape, catchall }: z.core.$ZodObjectDef): Test {
  if (catchall?._zod.def.type !== "never") throw new TypeError("no plain test for an object with other members");
  const members = Object.keys(shape)
    .sort()
    .map((name) => {
      const schema = shape[name] as z.core.$ZodType;
      const { def } = (schema as z.core.$ZodTypes)._zod;
      const optional = def.type === "optional";
      return { name, optional, test: testOf(optional ? def.innerType : schema) };
    });
  const known = new Map(members.map((member, i) => [member.name, i]));
  const required = members.filter(({ optional }) => !optional).length;
  /** Place of a member's test; nearly always the members stand in order, and the next is the one. */
  const placeOf = (name: string, next: number): number | undefined => {
    let place = next;
    while (members[place]?.name !== name && members[place]?.optional === true) place++;
    if (members[place]?.name === name) return place;
    characters = NaN;
    return known.get(name);
  };
  return (value) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
    const names = Object.keys(value);
    characters += names.length === 0 ? 2 : 1;
    let needed = 0;
    let next = 0;
    for (const name of names) {
      const place = placeOf(name, next);
      const member = place === undefined ? undefined : members[place];
      if (place === undefined || member === undefined) return false;
      const item = (value as Readonly<Record<string, unknown>>)[name];
      if (!member.test(item)) return false;
      if (!member.optional) needed++;
      characters += name.length + 4;
      measure(item);
      next = place + 1;
    }
    return needed === required;
  };
}

function numberFormat(def: z.core.$ZodNumberDef): Test {
  const format = "format" in def ? def.format : undefined;
  if (format !== "safeint") throw new TypeError("no plain test for numbers other than safe integers");
  return Number.isSafeInteger;
}

function checks(def: { readonly checks?: readonly z.core.$ZodCheck[] | undefined }): Test | undefined {
  const tests = (def.checks ?? []).map((check) => checkTest((check as unknown as z.core.$ZodChecks)._zod.def));
  return tests.length === 0 ? undefined : both(...tests);
}

function checkTest(def: z.core.$ZodChecks["_zod"]["def"] | z.core.$ZodCustomDef): Test {
  switch (def.check) {
    case "string_format":
      return patternTest(def);
    case "greater_than":
      return least(Number(def.value), def.inclusive);
    case "less_than":
      return most(Number(def.value), def.inclusive);
    case "min_length":
      return (value) => (value as { readonly length: number }).length >= def.minimum;
    case "max_length":
      return (value) => (value as { readonly length: number }).length <= def.maximum;
    case "custom": {
      const { fn } = def;
      return (value) => fn(value) as boolean;
    }
    default:
      throw new TypeError(`no plain test for the check ${def.check}`);
  }
}

function patternTest({ format, pattern }: z.core.$ZodCheckStringFormatDef): Test {
  if (format !== "regex" || pattern === undefined || pattern.global || pattern.sticky) {
    throw new TypeError(`no plain test for the format ${format}`);
  }
  return (value) => pattern.test(value as string);
}

const least =
  (bound: number, inclusive: boolean): Test =>
  (value) =>
    inclusive ? (value as number) >= bound : (value as number) > bound;

const most =
  (bound: number, inclusive: boolean): Test =>
  (value) =>
    inclusive ? (value as number) <= bound : (value as number) < bound;
