import { expect } from "chai";
import fc from "fast-check";
import { type Cell, CsvParser } from "./csv.js";
import { thrown } from "./support.test.js";

const LIMITS = { maxRecord: 1000, maxColumns: 5 };

function parse(pieces: readonly string[], limits = LIMITS): Cell[][] {
  const parser = new CsvParser(limits);
  return [...pieces.flatMap((piece) => parser.push(piece)), ...parser.end()];
}

const outcome = (pieces: readonly string[]): unknown => {
  try {
    return parse(pieces);
  } catch (error) {
    return (error as Error).message;
  }
};

describe("csv", () => {
  it("reads what RFC 4180 shows", () => {
    expect(parse(['aaa,bbb,ccc\r\nzzz,"b ""quoted"", comma\r\nand line",xxx\r\n'])).to.deep.equal([
      ["aaa", "bbb", "ccc"],
      ["zzz", 'b "quoted", comma\r\nand line', "xxx"],
    ]);
  });

  it("ends records with LF or CRLF, the last one with nothing too", () => {
    expect(parse(["a,b\n1,2\r\n3,4"])).to.deep.equal([
      ["a", "b"],
      ["1", "2"],
      ["3", "4"],
    ]);
    expect(parse(["a\n"])).to.deep.equal([["a"]]);
    expect(parse([""])).to.deep.equal([]);
  });

  it("tells an empty cell from the empty text", () => {
    expect(parse(['a,,"",\n'])).to.deep.equal([["a", null, "", null]]);
    expect(parse(["\n"])).to.deep.equal([[null]]);
    expect(parse([",,"])).to.deep.equal([[null, null, null]]);
    expect(parse(['""'])).to.deep.equal([[""]]);
  });

  const refused: [string, string][] = [
    ["a quoted cell without end", 'a,b\n1,"2\n3,4\n'],
    ["a quote inside a plain cell", 'a\n1"2\n'],
    ["text after a quoted cell", 'a\n"1"2\n'],
    ["a space after a quoted cell", '"1" ,2\n'],
    ["a CR alone between records", "a\rb\n"],
    ["a CR alone at the end", "a\r"],
    ["a CR alone after a quoted cell", '"a"\rb'],
    ["a record without end", "x".repeat(1001)],
    ["a quoted cell that swallows the file", `"${"x\n".repeat(600)}"`],
    ["more cells than columns are allowed", "1,2,3,4,5,6\n"],
  ];
  for (const [name, text] of refused) {
    it(`refuses ${name}`, () => {
      const error = thrown(() => parse([text]));
      expect([error.code, error.detail]).to.deep.equal(["SOURCE_FAILED", "CSV_INVALID"]);
    });
  }

  it("names the record that is wrong, and shows nothing of it", () => {
    const error = thrown(() => parse(['id_no\n440301\n"440302\n']));
    expect(error.message).to.contain("record 3").and.not.contain("4403");
  });

  const cell = fc.oneof(fc.constant(null), fc.string({ maxLength: 8 }), fc.stringMatching(/^[",\r\n a]{0,6}$/));
  const table = fc
    .integer({ min: 1, max: 5 })
    .chain((width) => fc.array(fc.array(cell, { minLength: width, maxLength: width }), { maxLength: 8 }));
  const write = (text: Cell, quoteAnyway: boolean): string => {
    if (text === null) return "";
    const needed = text === "" || /[",\r\n]/.test(text);
    return needed || quoteAnyway ? `"${text.replaceAll('"', '""')}"` : text;
  };

  it("reads back every table, however it was quoted and wherever it was cut", () => {
    fc.assert(
      fc.property(
        table,
        fc.boolean(),
        fc.constantFrom("\n", "\r\n"),
        fc.array(fc.nat(400)),
        (records, quoted, line, cuts) => {
          const text = records.map((record) => record.map((item) => write(item, quoted)).join(",") + line).join("");
          expect(parse(cut(text, cuts))).to.deep.equal(records);
        },
      ),
    );
  });

  it("gives the same records or the same refusal wherever hostile text is cut", () => {
    const hostile = fc.stringMatching(/^[",\r\nab]{0,40}$/);
    fc.assert(
      fc.property(hostile, fc.array(fc.nat(40)), (text, cuts) => {
        expect(outcome(cut(text, cuts))).to.deep.equal(outcome([text]));
      }),
      { numRuns: 2000 },
    );
  });
});

function cut(text: string, cuts: readonly number[]): string[] {
  const places = [0, ...cuts.map((at) => at % (text.length + 1)).sort((a, b) => a - b), text.length];
  return places.slice(1).map((end, i) => text.slice(places[i], end));
}
