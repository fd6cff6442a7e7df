import { expect } from "chai";
import fc from "fast-check";
import { expectThrow } from "../testing/expect.js";
import {
  addMonths,
  assertPartyId,
  CODES,
  decodeError,
  EMPTY_WINDOW,
  encodeError,
  GRANT_MACHINE,
  hasSeen,
  hourOf,
  isInstant,
  isSocialCreditCode,
  msOfDayOrInstant,
  PARTY_MACHINE,
  QuanjiError,
  RESOURCE_MACHINE,
  SEQ_WINDOW,
  type SeqWindow,
  splitVersion,
  takeSeq,
  windowNumber,
} from "./index.js";

describe("domain: instants", () => {
  it("PROPERTY are exactly the texts that Date writes", () => {
    const two = (max: number): fc.Arbitrary<string> => fc.nat(max).map((n) => String(n).padStart(2, "0"));
    const text = fc
      .tuple(
        two(99),
        two(99),
        two(14),
        two(33),
        two(26),
        two(62),
        two(62),
        fc.constantFrom(".000Z", ".999Z", "Z", ".0Z"),
      )
      .map(([y, ears, month, day, hour, minute, second, end]) =>
        [`${y}${ears}-${month}-${day}T`, hour, ":", minute, ":", second, end].join(""),
      );
    const date = fc.date({ min: new Date(0), max: new Date(253402300799999), noInvalidDate: true });
    const near = fc
      .tuple(date, fc.constantFrom("02-28", "02-29", "02-30", "06-31", "12-31", "00-01", "13-01"))
      .map(([at, day]) => `${at.toISOString().slice(0, 5)}${day}${at.toISOString().slice(10)}`);
    fc.assert(
      fc.property(
        fc.oneof(
          text,
          near,
          date.map((at) => at.toISOString()),
        ),
        (instant) => {
          const ms = Date.parse(instant);
          expect(isInstant(instant), instant).to.equal(!Number.isNaN(ms) && new Date(ms).toISOString() === instant);
        },
      ),
      { numRuns: 5000 },
    );
  });
});

describe("domain: party ids", () => {
  it("knows the check characters of GB 32100-2015 and GB 11714", () => {
    for (const id of ["91350100M000100Y43", "11510100MBQJ006115", "59310000MJQJ00944H", "11440300MBQJ01219E"]) {
      expect(isSocialCreditCode(id), id).to.equal(true);
      assertPartyId(id);
    }
  });

  it("refuses a wrong check character, at every position", () => {
    const right = "91350100M000100Y43";
    expectThrow(() => assertPartyId("91350100M000100Y4Z"), "PARTY_ID_INVALID");
    for (let i = 0; i < right.length; i++) {
      const other = right[i] === "7" ? "8" : "7";
      expect(isSocialCreditCode(right.slice(0, i) + other + right.slice(i + 1)), `position ${i}`).to.equal(false);
    }
  });

  it("takes URNs for persons and foreign bodies, and nothing else", () => {
    assertPartyId("urn:uuid:86ce542e-84cf-51f2-9a55-d0d364e837dd");
    assertPartyId("urn:quanji:org:DE:0001");
    for (const id of ["", "urn:", "urn:x:", "someone", "91350100m000100y43"]) {
      expectThrow(() => assertPartyId(id), "PARTY_ID_INVALID");
    }
  });

  it("parts id and version at the last @", () => {
    expect(splitVersion("alg/signal@2.1.0@3")).to.deep.equal({ id: "alg/signal@2.1.0", version: 3 });
  });
});

describe("domain: time", () => {
  const ms = (text: string) => Date.parse(text);

  it("a day begins at midnight in the network's time zone", () => {
    expect(msOfDayOrInstant("2026-03-02", "+08:00")).to.equal(ms("2026-03-01T16:00:00.000Z"));
    expect(msOfDayOrInstant("2026-03-02", "-05:30")).to.equal(ms("2026-03-02T05:30:00.000Z"));
    expect(msOfDayOrInstant("2026-03-02T01:00:00.000Z", "+08:00")).to.equal(ms("2026-03-02T01:00:00.000Z"));
    expect(hourOf("2025-11-20T07:36:01.123Z")).to.equal("2025-11-20T07Z");
  });

  it("months end where the calendar ends them", () => {
    expect(addMonths(ms("2026-01-31T10:00:00.000Z"), 1)).to.equal(ms("2026-02-28T10:00:00.000Z"));
    expect(addMonths(ms("2028-02-29T00:00:00.000Z"), 12)).to.equal(ms("2029-02-28T00:00:00.000Z"));
    expect(addMonths(ms("2026-03-31T00:00:00.000Z"), -1)).to.equal(ms("2026-02-28T00:00:00.000Z"));
  });

  it("windows are counted from the start, in the network's days and months", () => {
    const from = ms("2026-03-01T16:00:00.000Z"); // midnight of 2 March at +08:00
    expect(windowNumber(from, ms("2026-03-02T15:59:59.999Z"), "P1D", "+08:00")).to.equal(0);
    expect(windowNumber(from, ms("2026-03-02T16:00:00.000Z"), "P1D", "+08:00")).to.equal(1);
    expect(windowNumber(from, ms("2026-04-01T15:59:59.999Z"), "P1M", "+08:00")).to.equal(0);
    expect(windowNumber(from, ms("2026-04-01T16:00:00.000Z"), "P1M", "+08:00")).to.equal(1);
    expect(windowNumber(from, ms("2027-03-01T16:00:00.000Z"), "P1Y", "+08:00")).to.equal(1);
    expect(windowNumber(from, ms("2036-03-01T16:00:00.000Z"), "window", "+08:00")).to.equal(0);
    expectThrow(() => windowNumber(from, from - 1, "P1D", "+08:00"), "MALFORMED");
  });

  it("a later time never falls into an earlier window", () => {
    const instant = fc.integer({ min: 0, max: 4_000_000_000_000 });
    const per = fc.constantFrom("PT1H", "P1D", "P7D", "P1M", "P1Y", "window" as const);
    fc.assert(
      fc.property(
        instant,
        instant,
        instant,
        per,
        fc.constantFrom("+08:00", "-11:30", "+00:00"),
        (a, b, c, each, zone) => {
          const [from = 0, early = 0, late = 0] = [a, b, c].sort((x, y) => x - y);
          expect(windowNumber(from, early, each, zone)).to.be.at.most(windowNumber(from, late, each, zone));
          expect(windowNumber(from, from, each, zone)).to.equal(0);
        },
      ),
    );
  });
});

describe("domain: sequence windows", () => {
  it("takes every number once, in any order within the window (against a set)", () => {
    const steps = fc.array(fc.integer({ min: 0, max: 3000 }), { maxLength: 400 });
    fc.assert(
      fc.property(steps, (numbers) => {
        let window: SeqWindow = EMPTY_WINDOW;
        const taken = new Set<number>();
        let next = 0;
        for (const seq of numbers) {
          const tooOld = seq < next - SEQ_WINDOW;
          const tooFar = seq >= next + SEQ_WINDOW;
          const expected = tooFar ? "MALFORMED" : taken.has(seq) || tooOld ? "COMMAND_REPLAYED" : undefined;
          if (expected !== undefined) {
            const before = window;
            expectThrow(() => takeSeq(before, seq), expected);
            continue;
          }
          window = takeSeq(window, seq);
          taken.add(seq);
          next = Math.max(next, seq + 1);
          expect(window.next).to.equal(next);
          expect(hasSeen(window, seq)).to.equal(true);
        }
        for (let seq = Math.max(0, next - SEQ_WINDOW); seq < next; seq++) {
          expect(hasSeen(window, seq), `seq ${seq}`).to.equal(taken.has(seq));
        }
      }),
    );
  });

  it("is of constant size", () => {
    let window: SeqWindow = EMPTY_WINDOW;
    for (let seq = 0; seq < 5000; seq++) window = takeSeq(window, seq);
    expect(window.seen).to.have.length(128);
  });
});

describe("domain: codes and errors", () => {
  it("rules are numbered in the order in which decide applies them", () => {
    const rules = Object.values(CODES).flatMap((row) => ("rule" in row ? [row.rule] : []));
    expect(rules).to.deep.equal([...rules].sort((a, b) => a - b));
  });

  it("an error crosses an engine's message and comes out the same", () => {
    const error = new QuanjiError("GRANT_MISSING", "none", { detail: "d", field: "grant", record: 3 });
    const back = decodeError(`endorsement failed: Error: ${encodeError(error)}`);
    expect(back).to.include({ code: "GRANT_MISSING", message: "none", detail: "d", field: "grant", record: 3 });
    for (const text of [
      "",
      "no mark",
      "quanji:",
      "quanji:{",
      'quanji:{"code":"NOPE","message":"x"}',
      'quanji:{"code":"INTERNAL"}',
    ]) {
      expect(decodeError(text)).to.equal(undefined);
    }
  });
});

describe("domain: state machines", () => {
  const machines = { party: PARTY_MACHINE, resource: RESOURCE_MACHINE, grant: GRANT_MACHINE };

  it("no final state has a way out, and every state can be reached", () => {
    for (const [name, machine] of Object.entries(machines)) {
      const sources = new Set<string>(machine.flatMap((row) => row.from.filter((state) => state !== undefined)));
      const targets = new Set<string>(machine.flatMap((row) => (row.to === undefined ? ["active"] : [row.to])));
      for (const source of sources) expect(targets.has(source), `${name}: ${source} is reached`).to.equal(true);
    }
    for (const final of ["revoked", "refused", "withdrawn"]) {
      expect(
        GRANT_MACHINE.some((row) => (row.from as readonly string[]).includes(final) && row.to !== final),
        final,
      ).to.equal(false);
    }
  });
});
