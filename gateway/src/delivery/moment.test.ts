import { expect } from "chai";
import fc from "fast-check";
import { isDay, parseMoment, parseTime } from "./moment.js";

describe("moment", () => {
  it("reads RFC 3339 with any offset and down to nanoseconds", () => {
    expect(parseTime("1970-01-01T00:00:00Z")).to.equal(0n);
    expect(parseTime("1970-01-01T08:00:00+08:00")).to.equal(0n);
    expect(parseTime("1969-12-31T19:30:00.5-04:30")).to.equal(500_000_000n);
    expect(parseTime("1970-01-01T00:00:00.000000001Z")).to.equal(1n);
  });

  it("takes a day for its first instant in the network's time zone", () => {
    expect(parseMoment("2026-03-02", "+08:00")).to.equal(parseTime("2026-03-01T16:00:00Z"));
    expect(parseMoment("2026-03-02", "-03:30")).to.equal(parseTime("2026-03-02T03:30:00Z"));
  });

  it("refuses what is no day or time", () => {
    const bad = [
      "2026-02-29",
      "2026-13-01",
      "2026-00-10",
      "2026-1-1",
      "2026-03-02T00:00:00",
      "2026-03-02 00:00:00Z",
      "2026-03-02t00:00:00z",
      "2026-03-02T24:00:00Z",
      "2026-03-02T23:60:00Z",
      "2026-03-02T23:59:60Z",
      "2026-03-02T00:00:00+24:00",
      "2026-03-02T00:00:00.Z",
      "2026-03-02T00:00:00.1234567890Z",
      "2026-02-30T00:00:00Z",
      "+002026-03-02T00:00:00Z",
      "２０２６-03-02",
      "",
    ];
    for (const text of bad) expect(parseMoment(text, "+08:00"), text).to.equal(undefined);
    expect(isDay("2024-02-29")).to.equal(true);
    expect(isDay("2100-02-29")).to.equal(false);
    expect(isDay("2024-02-29T00:00:00Z")).to.equal(false);
  });

  it("agrees with the engine on every whole millisecond", () => {
    const years = { min: new Date("0001-01-01T00:00:00Z"), max: new Date("9999-12-31T23:59:59Z"), noInvalidDate: true };
    fc.assert(
      fc.property(fc.date(years), (date) => {
        expect(parseTime(date.toISOString())).to.equal(BigInt(date.getTime()) * 1_000_000n);
      }),
    );
  });

  it("knows the same days as the engine", () => {
    const two = fc.integer({ min: 0, max: 40 }).map((n) => String(n).padStart(2, "0"));
    const year = fc.integer({ min: 0, max: 9999 }).map((n) => String(n).padStart(4, "0"));
    fc.assert(
      fc.property(year, two, two, (y, m, d) => {
        const text = `${y}-${m}-${d}`;
        const ms = Date.parse(`${text}T00:00:00.000Z`);
        expect(isDay(text)).to.equal(!Number.isNaN(ms) && new Date(ms).toISOString().startsWith(text));
      }),
      { numRuns: 2000 },
    );
  });
});
