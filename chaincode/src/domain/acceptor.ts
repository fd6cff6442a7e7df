/**
 * Schemas as plain tests, for what is parsed by the million: no copy, no list of issues, and no code made at run time, which a
 * page's content security policy forbids. Derived from the schema itself, so that the two cannot drift apart.
 */
import type { z } from "zod";

type Test = (value: unknown) => boolean;

/**
 * Whether a schema takes a value that `JSON.parse` made, and takes it as it stands. What this refuses is for the schema to
 * judge, and to name. Throws for a schema of a kind that is not known here: while a module loads, not while it works.
 */
export function acceptor<T>(schema: z.ZodType<T>): (value: unknown) => value is T {
  return testOf(schema) as (value: unknown) => value is T;
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
    for (const test of tests) if (test(value)) return true;
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
    for (const each of value as readonly unknown[]) if (!item(each)) return false;
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
  const names = Object.keys(shape);
  const optional: boolean[] = [];
  const tests = Object.values(shape).map((schema) => {
    const { def } = (schema as z.core.$ZodTypes)._zod;
    optional.push(def.type === "optional");
    return testOf(def.type === "optional" ? def.innerType : schema);
  });
  return (value) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
    let present = 0;
    for (let i = 0; i < names.length; i++) {
      const item = (value as Readonly<Record<string, unknown>>)[names[i] ?? ""];
      if (item === undefined) {
        if (optional[i] !== true) return false;
      } else if (tests[i]?.(item) === true) present++;
      else return false;
    }
    return Object.keys(value).length === present;
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
