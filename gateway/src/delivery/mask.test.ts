import { Obligation, obligationText } from "@quanji/chaincode/domain";
import { expect } from "chai";
import fc from "fast-check";
import { maskValue, parseObligation, planMasking, roundValue } from "./mask.js";
import { assertNoProbe } from "./probe.js";
import type { Row } from "./row.js";
import { field, thrown } from "./support.test.js";

const FIELDS = [
  field("id_no"),
  field("name"),
  field("income", "number"),
  field("age", "integer"),
  field("wet", "boolean"),
];
const masked = (row: Row, ...texts: string[]) => ({ ...planMasking(texts.map(parseObligation), FIELDS).apply(row) });

describe("mask: the written form", () => {
  it("reads back what the ledger writes", () => {
    const argument = fc.oneof(
      fc.constant({ op: "drop" as const }),
      fc.constant({ op: "mask" as const }),
      fc.tuple(fc.nat(999), fc.nat(999)).map(([a, b]) => ({ op: "mask" as const, arg: `${a},${b}` })),
      fc
        .tuple(fc.integer({ min: 1, max: 999 }), fc.nat(999))
        .map(([a, b]) => ({ op: "round" as const, arg: `${a}.${b}` })),
    );
    const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_]{0,20}$/);
    fc.assert(
      fc.property(argument, name, (rest, at) => {
        const obligation = Obligation.parse({ ...rest, field: at });
        expect(parseObligation(obligationText(obligation))).to.deep.equal(obligation);
      }),
    );
  });

  for (const text of [
    "",
    "mask",
    "mask:",
    "hash:id_no",
    "toString:id_no",
    "mask:__proto__",
    "mask:id_no:",
    "mask:id_no:3",
    "mask:id_no:3,4,5",
    "mask:id_no:-1,2",
    "mask:id_no:1000,2",
    "drop:id_no:1",
    "round:income",
    "round:income:0",
    "round:income:0.00",
    "round:income:-5",
    "round:income:1e3",
    "round:income:1.",
    " mask:id_no",
    "mask:id_no\n",
  ]) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      expect(thrown(() => parseObligation(text)).code).to.equal("MALFORMED");
    });
  }

  it("takes every argument that a grant may hold", () => {
    for (const text of ["mask:id_no:003,04", "round:income:010", "round:income:00.50"]) parseObligation(text);
    expect(masked({ income: 14 }, "round:income:010")).to.deep.equal({ income: 10 });
  });
});

describe("mask: hiding", () => {
  it("keeps the ends that the argument names", () => {
    expect(maskValue("440301199001011234", "3,4")).to.equal("440***********1234");
    expect(maskValue("440301", "0,0")).to.equal("******");
    expect(maskValue("440301")).to.equal("******");
    expect(maskValue("")).to.equal("");
  });

  it("counts characters, not units: half an emoji or of a rare Han character never leaves", () => {
    expect(maskValue("𠮷野家", "1,0")).to.equal("𠮷**");
    expect(maskValue("😀😀😀", "1,1")).to.equal("😀*😀");
  });

  it("hides the whole of a text too short to have a middle", () => {
    expect(maskValue("1234567", "3,4")).to.equal("*******");
    expect(maskValue("12", "3,4")).to.equal("**");
    expect(maskValue("12345678", "3,4")).to.equal("123*5678");
  });

  it("tells nothing of the middle: two values that differ only there look the same", () => {
    const character = fc.string({ unit: "binary", minLength: 1, maxLength: 1 });
    const middle = fc.integer({ min: 1, max: 12 }).chain((n) => {
      const text = fc.array(character, { minLength: n, maxLength: n }).map((all) => all.join(""));
      return fc.tuple(text, text);
    });
    const end = fc.array(character, { maxLength: 5 });
    fc.assert(
      fc.property(end, middle, end, (first, [one, other], last) => {
        const arg = `${first.length},${last.length}`;
        const whole = (text: string) => first.join("") + text + last.join("");
        const hidden = maskValue(whole(one), arg);
        expect(hidden).to.equal(maskValue(whole(other), arg));
        expect(hidden).to.equal(whole("*".repeat(Array.from(one).length)));
      }),
    );
  });

  it("masks numbers and booleans as the text that JSON prints", () => {
    expect(masked({ income: -12.5, wet: true }, "mask:income", "mask:wet:1,0")).to.deep.equal({
      income: "*****",
      wet: "t***",
    });
  });
});

describe("mask: rounding", () => {
  it("rounds in decimals", () => {
    expect(roundValue(1.005, "0.01", "income")).to.equal(1.01);
    expect(roundValue(-2.5, "1", "income")).to.equal(-3);
    expect(roundValue(0.30000000000000004, "0.1", "income")).to.equal(0.3);
    expect(roundValue(12_345, "1000", "income")).to.equal(12_000);
    expect(Object.is(roundValue(-0.2, "1", "income"), 0)).to.equal(true);
  });

  it("rounds a rounded value to itself", () => {
    const step = fc
      .tuple(fc.integer({ min: 1, max: 9999 }), fc.nat(3))
      .map(([n, scale]) => (n / 10 ** scale).toFixed(scale));
    const value = fc.double({ noNaN: true, min: -1e9, max: 1e9 }).map((n) => Number(n.toFixed(4)));
    fc.assert(
      fc.property(value, step, (n, width) => {
        const once = roundValue(n, width, "income");
        expect(roundValue(once, width, "income")).to.equal(once);
        expect(Math.abs(once - n)).to.be.at.most(Number(width) / 2 + 1e-6);
      }),
    );
  });

  it("fails rather than let a number leave that is not a multiple of the step", () => {
    const error = thrown(() => roundValue(1e22 + 2 ** 22, "3", "income"));
    expect([error.code, error.detail]).to.deep.equal(["SOURCE_FAILED", "ROUND_INEXACT"]);
    expect(roundValue(1e300, "10", "income")).to.equal(1e300);
  });

  it("an obligation to round what holds no numbers cannot be kept, so nothing leaves", () => {
    expect(thrown(() => planMasking([parseObligation("round:name:10")], FIELDS)).code).to.equal("MALFORMED");
    expect(thrown(() => planMasking([{ op: "round", field: "income" }], FIELDS)).code).to.equal("MALFORMED");
  });
});

describe("mask: rows", () => {
  it("leaves no trace of a dropped field: its value changes nothing", () => {
    const value = fc.oneof(fc.string(), fc.constant(null));
    fc.assert(
      fc.property(value, value, fc.string(), (one, other, name) => {
        const text = (id_no: string | null) => JSON.stringify(masked({ id_no, name }, "drop:id_no"));
        expect(text(one)).to.equal(text(other)).and.equal(JSON.stringify({ name }));
      }),
    );
  });

  it("keeps null null and absent absent", () => {
    const texts = ["mask:id_no", "round:income:10", "mask:name", "round:age:5"];
    expect(masked({ id_no: null, income: null }, ...texts)).to.deep.equal({ id_no: null, income: null });
  });

  it("keeps all obligations that meet on one field, in whatever order they stand", () => {
    expect(masked({ id_no: "12345678" }, "mask:id_no:0,4", "mask:id_no:2,2")).to.deep.equal({ id_no: "******78" });
    expect(masked({ income: 1234 }, "mask:income:1,0", "round:income:100")).to.deep.equal({ income: "1***" });
    expect(masked({ id_no: "1", name: "n" }, "mask:id_no", "drop:id_no")).to.deep.equal({ name: "n" });
  });

  it("does not change the row that it was given", () => {
    const row = Object.freeze({ id_no: "123", income: 14 });
    expect(masked(row, "mask:id_no", "round:income:10")).to.deep.equal({ id_no: "***", income: 10 });
    expect(row).to.deep.equal({ id_no: "123", income: 14 });
  });

  it("states the obligations on requested fields, and no others", () => {
    const { masked: stated } = planMasking(["mask:id_no:3,4", "drop:secret"].map(parseObligation), FIELDS);
    expect(stated).to.deep.equal(["mask:id_no:3,4"]);
  });
});

describe("probe: asking for what is hidden", () => {
  const obligations = ["mask:id_no:3,4", "round:income:1000", "drop:name"].map(parseObligation);
  const probe = (name: string, op: "eq" | "ge" | "le") => () =>
    assertNoProbe([{ field: name, op, value: "1" }], obligations);

  it("binary search on a masked, rounded or dropped field is refused", () => {
    for (const act of [
      probe("id_no", "ge"),
      probe("id_no", "le"),
      probe("income", "eq"),
      probe("income", "ge"),
      probe("name", "eq"),
    ]) {
      const error = thrown(act);
      expect([error.code, error.field, error.detail]).to.deep.equal(["MALFORMED", "query.where[0]", "HIDDEN_FIELD"]);
    }
  });

  it("looking up a masked identifier that one knows is allowed, and so is what no obligation touches", () => {
    probe("id_no", "eq")();
    probe("age", "ge")();
    assertNoProbe([{ field: "id_no", op: "in", value: ["1", "2"] }], obligations);
  });
});
