import { expect } from "chai";
import fc from "fast-check";
import { type Condition, matcher, parseQuery } from "./query.js";
import type { Field, FieldType, Row, Value } from "./row.js";
import { type SourceRequest, selectRows } from "./source.js";
import { collect, field, plain, plan, thrown, WEATHER } from "./support.test.js";

const one = (type: FieldType, condition: object, value: Value): boolean =>
  matcher(plan({ where: [{ field: "x", ...condition }] }, { fields: [field("x", type)], requested: ["x"] }))({
    x: value,
  });

describe("query: the shape", () => {
  const refused: [string, unknown, string][] = [
    ["no object", [], "query"],
    ["null", null, "query"],
    ["an unknown member", { where: [], order: "date" }, "query"],
    ["an unknown operator", { where: [{ field: "date", op: "ne", value: "x" }] }, "query.where[0].op"],
    ["no operator", { where: [{ field: "date", value: "x" }] }, "query.where[0].op"],
    [
      "an unknown member in a condition",
      { where: [{ field: "a", op: "eq", value: "x", not: true }] },
      "query.where[0]",
    ],
    ["a list for eq", { where: [{ field: "a", op: "eq", value: ["x"] }] }, "query.where[0].value"],
    ["a constant for in", { where: [{ field: "a", op: "in", value: "x" }] }, "query.where[0].value"],
    ["an empty list", { where: [{ field: "a", op: "in", value: [] }] }, "query.where[0].value"],
    ["a list of 101", { where: [{ field: "a", op: "in", value: Array(101).fill("x") }] }, "query.where[0].value"],
    ["17 conditions", { where: Array(17).fill({ field: "a", op: "eq", value: "x" }) }, "query.where"],
    ["a negative number", { where: [{ field: "a", op: "eq", value: -1 }] }, "query.where[0].value"],
    ["a fraction", { where: [{ field: "a", op: "eq", value: 0.5 }] }, "query.where[0].value"],
    ["2^53", { where: [{ field: "a", op: "eq", value: 2 ** 53 }] }, "query.where[0].value"],
    ["null as a value", { where: [{ field: "a", op: "eq", value: null }] }, "query.where[0].value"],
    ["a lone surrogate", { where: [{ field: "a", op: "eq", value: "\ud800" }] }, "query.where[0].value"],
    ["an endless value", { where: [{ field: "a", op: "eq", value: "x".repeat(1025) }] }, "query.where[0].value"],
    ["a field called __proto__", { where: [{ field: "__proto__", op: "eq", value: "x" }] }, "query.where[0].field"],
    ["limit 0", { limit: 0 }, "query.limit"],
    ["a limit as text", { limit: "1" }, "query.limit"],
    ["a negative after", { after: -1 }, "query.after"],
  ];
  for (const [name, input, at] of refused) {
    it(`refuses ${name}`, () => {
      const error = thrown(() => parseQuery(input));
      expect([error.code, error.field]).to.deep.equal(["MALFORMED", at]);
    });
  }

  it("answers any input with a query or with MALFORMED", () => {
    fc.assert(
      fc.property(fc.anything({ withNullPrototype: true, withBigInt: true }), (input) => {
        try {
          parseQuery(input);
        } catch (error) {
          expect((error as { code?: unknown }).code).to.equal("MALFORMED");
        }
      }),
    );
  });
});

describe("query: what makes sense for an access", () => {
  const refusedPlans: [string, () => unknown, string][] = [
    [
      "a condition on a field of the resource that was not requested",
      () => plan({ where: [{ field: "station", op: "eq", value: "S1" }] }, { requested: ["date"] }),
      "query.where[0].field",
    ],
    [
      "a condition on a field that does not exist",
      () => plan({ where: [{ field: "constructor", op: "eq", value: "S1" }] }),
      "query.where[0].field",
    ],
    [
      "text for a number",
      () => plan({ where: [{ field: "tempMax", op: "ge", value: "warm" }] }),
      "query.where[0].value",
    ],
    ["a number for text", () => plan({ where: [{ field: "station", op: "eq", value: 1 }] }), "query.where[0].value"],
    [
      "no day for a date",
      () => plan({ where: [{ field: "date", op: "eq", value: "2026-02-30" }] }),
      "query.where[0].value",
    ],
    ["1 for a boolean", () => plan({ where: [{ field: "wet", op: "eq", value: 1 }] }), "query.where[0].value"],
    ["an order of booleans", () => plan({ where: [{ field: "wet", op: "ge", value: "true" }] }), "query.where[0].op"],
    [
      "one bad value in a list",
      () => plan({ where: [{ field: "gusts", op: "in", value: [1, "2", "x"] }] }),
      "query.where[0].value",
    ],
    ["a limit above the quantity", () => plan({ limit: 11 }, { quantity: 10 }), "query.limit"],
    ["a field requested twice", () => plan({}, { requested: ["date", "date"] }), "fields"],
    ["a field that the resource does not have", () => plan({}, { requested: ["toString"] }), "fields"],
    [
      "a range without a field for it",
      () => plan({}, { rangeField: undefined, range: { from: "a", to: "b" } }),
      "range",
    ],
    [
      "a range over text",
      () => plan({}, { rangeField: "station", range: { from: "2026-01-01", to: "2026-01-02" } }),
      "range",
    ],
    ["a range to nowhere", () => plan({}, { range: { from: "2026-01-01", to: "2026-01-32" } }), "range.to"],
  ];
  for (const [name, act, at] of refusedPlans) {
    it(`refuses ${name}`, () => {
      const error = thrown(act);
      expect([error.code, error.field]).to.deep.equal(["MALFORMED", at]);
    });
  }

  it("keeps the order of the requested fields", () => {
    expect(plan({}, { requested: ["station", "date"] }).fields.map(({ name }) => name)).to.deep.equal([
      "station",
      "date",
    ]);
  });
});

describe("query: conditions", () => {
  it("compares numbers by value, however they are written", () => {
    expect(one("number", { op: "eq", value: "0.10" }, 0.1)).to.equal(true);
    expect(one("number", { op: "eq", value: "-0.5" }, -0.5)).to.equal(true);
    expect(one("number", { op: "le", value: "9" }, 10)).to.equal(false);
    expect(one("integer", { op: "ge", value: 9 }, 10)).to.equal(true);
    expect(one("integer", { op: "ge", value: "9.5" }, 9)).to.equal(false);
  });

  it("tells decimals apart that fall on one double", () => {
    expect(one("number", { op: "eq", value: "0.1000000000000000000001" }, 0.1)).to.equal(false);
    expect(one("number", { op: "ge", value: "0.1000000000000000000001" }, 0.1)).to.equal(false);
    expect(one("number", { op: "le", value: "0.1000000000000000000001" }, 0.1)).to.equal(true);
  });

  it("orders text by code point, so an emoji stands after the last character of the basic plane", () => {
    expect(one("string", { op: "ge", value: "\uffef" }, "\u{1f600}")).to.equal(true);
    expect(one("string", { op: "le", value: "a" }, "a\u0000")).to.equal(false);
  });

  it("compares days with times in the network's zone", () => {
    expect(one("datetime", { op: "ge", value: "2026-03-02" }, "2026-03-01T16:00:00Z")).to.equal(true);
    expect(one("datetime", { op: "ge", value: "2026-03-02" }, "2026-03-01T15:59:59.999999999Z")).to.equal(false);
    expect(one("date", { op: "eq", value: "2026-03-01T16:00:00Z" }, "2026-03-02")).to.equal(true);
    expect(one("datetime", { op: "eq", value: "2026-03-02T00:00:00+08:00" }, "2026-03-01T16:00:00Z")).to.equal(true);
  });

  it("null and absent values fulfil nothing", () => {
    for (const op of ["eq", "ge", "le"]) {
      expect(one("string", { op, value: "" }, null)).to.equal(false);
      expect(one("number", { op, value: 0 }, null)).to.equal(false);
    }
    const match = matcher(plan({ where: [{ field: "station", op: "eq", value: "S1" }] }));
    expect(match({ date: "2026-01-01" })).to.equal(false);
  });

  it("an inherited member is not a value", () => {
    const fields = [field("constructor")];
    const match = matcher(
      plan({ where: [{ field: "constructor", op: "ge", value: "" }] }, { fields, requested: ["constructor"] }),
    );
    expect(match(Object.create(null) as Row)).to.equal(false);
  });
});

describe("query: ranges", () => {
  const inRange = (from: string, to: string, row: Row, rangeField = "date") =>
    matcher(plan({}, { rangeField, range: { from, to } }))(row);

  it("includes from and excludes to", () => {
    expect(inRange("2026-03-01", "2026-03-03", { date: "2026-02-28" })).to.equal(false);
    expect(inRange("2026-03-01", "2026-03-03", { date: "2026-03-01" })).to.equal(true);
    expect(inRange("2026-03-01", "2026-03-03", { date: "2026-03-02" })).to.equal(true);
    expect(inRange("2026-03-01", "2026-03-03", { date: "2026-03-03" })).to.equal(false);
  });

  it("mixes days and times", () => {
    expect(inRange("2026-03-01", "2026-03-01T16:00:00.000Z", { date: "2026-03-01" })).to.equal(true);
    expect(inRange("2026-03-01", "2026-03-01T16:00:00.000Z", { date: "2026-03-02" })).to.equal(false);
    expect(inRange("2026-03-01", "2026-03-02", { seen: "2026-03-01T23:59:59.9+08:00" }, "seen")).to.equal(true);
    expect(inRange("2026-03-01", "2026-03-02", { seen: "2026-03-02T00:00:00+08:00" }, "seen")).to.equal(false);
  });

  it("a row without a date is in no range", () => {
    expect(inRange("0001-01-01", "9999-12-31", { date: null })).to.equal(false);
    expect(inRange("0001-01-01", "9999-12-31", {})).to.equal(false);
  });

  it("is the same wherever it is cut: [a,b) and [b,c) give [a,c) without overlap", () => {
    const day = fc.integer({ min: 0, max: 800 }).map((n) => new Date(n * 86_400_000).toISOString().slice(0, 10));
    const time = fc.integer({ min: 0, max: 800 * 86_400 }).map((n) => new Date(n * 1000).toISOString());
    const moment = fc.oneof(day, time);
    fc.assert(
      fc.property(moment, moment, moment, fc.oneof(day, time), (a, b, c, value) => {
        const rangeField = value.length === 10 ? "date" : "seen";
        const row = { [rangeField]: value };
        const [x, y, z] = [a, b, c]
          .map((text) => ({ text, at: text.length === 10 ? Date.parse(text) - 28_800_000 : Date.parse(text) }))
          .sort((l, r) => l.at - r.at)
          .map(({ text }) => text) as [string, string, string];
        const [left, right] = [inRange(x, y, row, rangeField), inRange(y, z, row, rangeField)];
        expect(inRange(x, z, row, rangeField)).to.equal(left || right);
        expect(left && right).to.equal(false);
      }),
    );
  });
});

/** Every type as integers in disguise: the model compares integers only and shares no code with what it checks. */
interface Disguise {
  readonly field: Field;
  value(n: number): Value;
  constant(n: number): string | number;
}
const DISGUISES: readonly Disguise[] = [
  {
    field: field("s"),
    value: (n) => String.fromCodePoint(0xd7f0 + n + (n > 15 ? 2048 : 0)),
    constant: (n) => String.fromCodePoint(0xd7f0 + n + (n > 15 ? 2048 : 0)),
  },
  { field: field("n", "number"), value: (n) => (n - 20) / 8, constant: (n) => ((n - 20) / 8).toFixed(4) },
  { field: field("i", "integer"), value: (n) => n, constant: (n) => n },
  {
    field: field("d", "date"),
    value: (n) => `2026-03-${String((n % 28) + 1).padStart(2, "0")}`,
    constant: (n) => `2026-03-${String((n % 28) + 1).padStart(2, "0")}`,
  },
];
const column = fc.constantFrom(...DISGUISES.keys());
const small = fc.nat(39);
const place = (at: number, n: number): number => (at === 3 ? n % 28 : n);

const modelCondition = fc.record({
  at: column,
  op: fc.constantFrom("eq" as const, "ge" as const, "le" as const, "in" as const),
  numbers: fc.array(small, { minLength: 1, maxLength: 5 }),
});
type ModelCondition = typeof modelCondition extends fc.Arbitrary<infer T> ? T : never;

const holds = ({ at, op, numbers }: ModelCondition, row: readonly (number | undefined)[]): boolean => {
  const value = row[at];
  if (value === undefined) return false;
  const [mine, theirs] = [place(at, value), numbers.map((n) => place(at, n))];
  if (op === "in") return theirs.includes(mine);
  return op === "eq" ? mine === theirs[0] : op === "ge" ? mine >= theirs[0]! : mine <= theirs[0]!;
};

const written = ({ at, op, numbers }: ModelCondition): Condition => {
  const disguise = DISGUISES[at]!;
  const values = numbers.map((n) => disguise.constant(n));
  const name = disguise.field.name;
  return op === "in" ? { field: name, op, value: values } : { field: name, op, value: values[0]! };
};

describe("query: selection against a model", () => {
  it("gives the model's rows, page after page", async () => {
    const rows = fc.array(fc.tuple(...DISGUISES.map(() => fc.option(small, { nil: undefined, freq: 6 }))), {
      maxLength: 30,
    });
    const paging = fc.record({
      limit: fc.option(fc.integer({ min: 1, max: 10 }), { nil: undefined }),
      after: fc.nat(5),
    });
    await fc.assert(
      fc.asyncProperty(
        rows,
        fc.array(modelCondition, { maxLength: 3 }),
        paging,
        async (table, conditions, { limit, after }) => {
          const request: SourceRequest = plan(
            { where: conditions.map(written), after, ...(limit !== undefined && { limit }) },
            { fields: DISGUISES.map((disguise) => disguise.field), requested: ["i", "s", "d", "n"] },
          );
          const real = table.map((row): Row =>
            Object.fromEntries(
              row.map((n, at) => [DISGUISES[at]!.field.name, n === undefined ? null : DISGUISES[at]!.value(n)]),
            ),
          );
          const expected = real
            .filter((_, i) => conditions.every((condition) => holds(condition, table[i]!)))
            .slice(after, after + (limit ?? Infinity));
          const given = await collect(selectRows(from(real), request));
          expect(plain(given)).to.deep.equal(expected);
        },
      ),
    );
  });

  it("reads no row more than the limit needs", async () => {
    let read = 0;
    const endless = (async function* () {
      for (;;) {
        await Promise.resolve();
        read++;
        yield [{ station: "S1" }];
      }
    })();
    await collect(selectRows(endless, plan({ limit: 3, after: 2 })));
    expect(read).to.equal(5);
  });

  it("gives the requested fields only, not that of the range", async () => {
    const request = plan({}, { requested: ["station"], range: { from: "2026-01-01", to: "2026-01-02" } });
    const given = await collect(selectRows(from([{ station: "S1", date: "2026-01-01", wet: true }]), request));
    expect(plain(given)).to.deep.equal([{ station: "S1" }]);
    expect(WEATHER.length).to.be.greaterThan(1);
  });
});

async function* from(rows: readonly Row[]): AsyncGenerator<Row[], void, void> {
  for (const row of rows) {
    await Promise.resolve();
    yield [row];
  }
}
