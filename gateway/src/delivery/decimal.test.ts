import { expect } from "chai";
import fc from "fast-check";
import { compareDecimals, decimalOf, formatDecimal, parseDecimal, roundToStep } from "./decimal.js";

const exact = (text: string) => parseDecimal(text)!;
const rounded = (value: string, step: string) => formatDecimal(roundToStep(exact(value), exact(step)));

/** Canonical texts of decimals with up to 30 digits. */
const decimalText = fc
  .tuple(fc.bigInt(-(10n ** 30n), 10n ** 30n), fc.integer({ min: 0, max: 12 }))
  .map(([units, scale]) => formatDecimal({ units, scale }));

describe("decimal", () => {
  it("reads decimals and nothing that only looks like one", () => {
    expect(exact("-12.50")).to.deep.equal({ units: -1250n, scale: 2 });
    for (const text of [
      "",
      "-",
      "+1",
      "01",
      "1.",
      ".5",
      "1e3",
      "0x10",
      " 1",
      "1 ",
      "1,5",
      "NaN",
      "Infinity",
      "١",
      "9".repeat(65),
    ]) {
      expect(parseDecimal(text), text).to.equal(undefined);
    }
  });

  it("prints the one spelling that it reads", () => {
    fc.assert(
      fc.property(decimalText, (text) => {
        expect(formatDecimal(exact(text))).to.equal(text);
      }),
    );
    expect(formatDecimal({ units: 0n, scale: 3 })).to.equal("0");
    expect(formatDecimal({ units: -5n, scale: 3 })).to.equal("-0.005");
  });

  it("takes a double for the decimal that JSON prints", () => {
    expect(formatDecimal(decimalOf(0.1))).to.equal("0.1");
    expect(formatDecimal(decimalOf(-0))).to.equal("0");
    expect(formatDecimal(decimalOf(5e-324))).to.equal(`0.${"0".repeat(323)}5`);
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(Number(formatDecimal(decimalOf(value)))).to.equal(value === 0 ? 0 : value);
      }),
    );
  });

  it("orders as integers of one scale are ordered", () => {
    fc.assert(
      fc.property(fc.bigInt(), fc.bigInt(), fc.nat(20), fc.nat(20), (a, b, extraA, extraB) => {
        const left = { units: a * 10n ** BigInt(extraA), scale: extraA };
        const right = { units: b * 10n ** BigInt(extraB), scale: extraB };
        expect(compareDecimals(left, right)).to.equal(a < b ? -1 : a > b ? 1 : 0);
      }),
    );
  });

  it("rounds halves away from zero, without the artefacts of binary fractions", () => {
    expect(rounded("2.5", "1")).to.equal("3");
    expect(rounded("-2.5", "1")).to.equal("-3");
    expect(rounded("1.005", "0.01")).to.equal("1.01");
    expect(rounded("0.3", "0.1")).to.equal("0.3");
    expect(rounded("14", "10")).to.equal("10");
    expect(rounded("15", "10")).to.equal("20");
    expect(rounded("0.2", "0.5")).to.equal("0");
    expect(rounded("0.25", "0.5")).to.equal("0.5");
    expect(rounded("7", "3")).to.equal("6");
  });

  it("rounds to a multiple of the step, at most half a step away, and a second time to itself", () => {
    const step = fc.tuple(fc.bigInt(1n, 10n ** 6n), fc.nat(6)).map(([units, scale]) => ({ units, scale }));
    fc.assert(
      fc.property(decimalText.map(exact), step, (value, width) => {
        const result = roundToStep(value, width);
        const scale = Math.max(result.scale, width.scale);
        const at = (d: { units: bigint; scale: number }) => d.units * 10n ** BigInt(scale - d.scale);
        const distance = at(result) - at(value);
        expect(at(result) % at(width)).to.equal(0n);
        expect(2n * (distance < 0n ? -distance : distance) <= at(width)).to.equal(true);
        expect(compareDecimals(roundToStep(result, width), result)).to.equal(0);
      }),
    );
  });
});
