import { expect } from "chai";
import fc from "fast-check";
import { conformRow, type FieldType, isOfType, valueOfCell } from "./row.js";
import { field, thrown, WEATHER } from "./support.test.js";

describe("row", () => {
  it("copies what was asked for and nothing else", () => {
    const raw = { secret: "s", station: "S1", date: "2026-01-01", wet: null };
    expect({ ...conformRow(raw, WEATHER) }).to.deep.equal({ date: "2026-01-01", station: "S1", wet: null });
  });

  it("reads a field under the source's own name", () => {
    const raw = JSON.parse('{"IMDB Rating": 7, "__proto__": "own"}') as unknown;
    const row = conformRow(raw, [field("rating", "integer"), field("odd")], {
      rating: "IMDB Rating",
      odd: "__proto__",
    });
    expect({ ...row }).to.deep.equal({ rating: 7, odd: "own" });
  });

  it("prototype pollution: inherited members are no values, and no prototype is touched", () => {
    const names = ["constructor", "toString", "hasOwnProperty", "valueOf"];
    const raw = JSON.parse('{"__proto__":{"station":"x"},"constructor":"c"}') as unknown;
    const row = conformRow(raw, [...names.map((name) => field(name)), field("station")]);
    expect({ ...row }).to.deep.equal({ constructor: "c" });
    expect(Object.getPrototypeOf(row)).to.equal(null);
    expect(({} as { station?: string }).station).to.equal(undefined);
  });

  const wrong: [FieldType, unknown[]][] = [
    ["string", [1, true, {}, [], "\ud800"]],
    ["number", ["1", NaN, Infinity, true, {}]],
    ["integer", [1.5, 2 ** 53, "1", -(2 ** 53)]],
    ["boolean", ["true", 1, 0]],
    ["date", ["2026-02-30", "2026-01-01T00:00:00Z", 20260101]],
    ["datetime", ["2026-01-01", "2026-01-01T00:00:00", 0]],
  ];
  for (const [type, values] of wrong) {
    it(`refuses what is no ${type}, and shows nothing of it`, () => {
      for (const value of values) {
        const error = thrown(() => conformRow({ x: value }, [field("x", type)]));
        expect([error.code, error.detail, error.field]).to.deep.equal(["SOURCE_FAILED", "TYPE_MISMATCH", "x"]);
        expect(error.message).to.equal(`the source answered a value of x that is not of type ${type}`);
      }
    });
  }

  it("refuses what is no row", () => {
    for (const raw of [null, undefined, 1, "row", [], [1]]) {
      expect(thrown(() => conformRow(raw, WEATHER)).detail, JSON.stringify(raw)).to.equal("ROW_INVALID");
    }
  });

  it("answers anything with a row of the promised types or with SOURCE_FAILED", () => {
    const raw = fc.oneof(
      fc.anything(),
      fc.dictionary(fc.constantFrom(...WEATHER.map(({ name }) => name)), fc.anything()),
    );
    fc.assert(
      fc.property(raw, (input) => {
        let row;
        try {
          row = conformRow(input, WEATHER);
        } catch (error) {
          expect((error as { code?: unknown }).code).to.equal("SOURCE_FAILED");
          return;
        }
        for (const { name, type } of WEATHER) {
          const value = row[name];
          expect(value === undefined || value === null || isOfType(value, type)).to.equal(true);
        }
      }),
    );
  });

  it("types the cells of a text table", () => {
    const cell = (text: string | null, type: FieldType) => valueOfCell(text, field("x", type));
    expect(cell("+1.5e3", "number")).to.equal(1500);
    expect(cell(".5", "number")).to.equal(0.5);
    expect(cell("007", "integer")).to.equal(7);
    expect(cell("True", "boolean")).to.equal(true);
    expect(cell("0", "boolean")).to.equal(false);
    expect(cell("", "string")).to.equal("");
    expect(cell(null, "integer")).to.equal(null);
    for (const text of ["", " 1", "0x10", "1_000", "1e", "NaN", "Infinity", "1e999", "--1", "."]) {
      expect(thrown(() => cell(text, "number")).detail, text).to.equal("TYPE_MISMATCH");
    }
    expect(thrown(() => cell("9007199254740993", "integer")).detail).to.equal("TYPE_MISMATCH");
    expect(thrown(() => cell("constructor", "boolean")).detail).to.equal("TYPE_MISMATCH");
  });
});
