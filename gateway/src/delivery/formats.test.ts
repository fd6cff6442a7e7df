import { expect } from "chai";
import fc from "fast-check";
import { type Layout, limitBytes, readRows } from "./formats.js";
import type { Row } from "./row.js";
import { bytesOf, collect, field, plain, rejected } from "./support.test.js";

const FIELDS = [field("a"), field("n", "integer")];
const read = async (layout: Layout, ...pieces: (string | Uint8Array)[]) => plain(await collect(rowsIn(layout, pieces)));
/** A batch is read before the next one is asked for. */
async function* rowsIn(layout: Layout, pieces: readonly (string | Uint8Array)[]): AsyncGenerator<Row, void, void> {
  for await (const batch of readRows(bytesOf(...pieces), layout, FIELDS)) yield* batch;
}
const detail = async (layout: Layout, ...pieces: (string | Uint8Array)[]) => {
  const { code, detail: finer } = await rejected(() => read(layout, ...pieces));
  expect(code).to.equal("SOURCE_FAILED");
  return finer;
};

describe("formats: csv", () => {
  it("finds the columns by name, in any order and among others", async () => {
    expect(await read({ format: "csv" }, "n,secret,a\r\n1,x,one\r\n,y,\r\n")).to.deep.equal([
      { a: "one", n: 1 },
      { a: null, n: null },
    ]);
  });

  it("passes over a byte order mark at the start, and only there", async () => {
    expect(await read({ format: "csv" }, "\ufeffa,n\n1,1\n")).to.deep.equal([{ a: "1", n: 1 }]);
    expect(await read({ format: "csv" }, "a,n\n\ufeff1,1\n")).to.deep.equal([{ a: "\ufeff1", n: 1 }]);
  });

  it("takes a column called __proto__ for what it is", async () => {
    const rows = await read({ format: "csv", columns: { a: "__proto__" } }, "__proto__,n,constructor\nx,1,y\n");
    expect(rows).to.deep.equal([{ a: "x", n: 1 }]);
    expect(await detail({ format: "csv" }, "__proto__,n\nx,1\n")).to.equal("COLUMN_MISSING");
  });

  it("refuses tables that would need guessing", async () => {
    expect(await detail({ format: "csv" }, "")).to.equal("CSV_INVALID");
    expect(await detail({ format: "csv" }, "a,a,n\n1,2,3\n")).to.equal("CSV_INVALID");
    expect(await detail({ format: "csv" }, "a\n1\n")).to.equal("COLUMN_MISSING");
    expect(await detail({ format: "csv" }, "a,n\n1\n")).to.equal("CSV_INVALID");
    expect(await detail({ format: "csv" }, "a,n\n1,2,3\n")).to.equal("CSV_INVALID");
    expect(await detail({ format: "csv" }, "a,n\n\n")).to.equal("CSV_INVALID");
    expect(await detail({ format: "csv" }, "a,n\n1,two\n")).to.equal("TYPE_MISMATCH");
    expect(await detail({ format: "csv" }, 'a,n\n"1,2\n')).to.equal("CSV_INVALID");
  });

  it("refuses bytes that are not UTF-8, and a character cut off at the end", async () => {
    expect(await detail({ format: "csv" }, "a,n\n", Uint8Array.of(0xff, 0x0a))).to.equal("NOT_UTF8");
    expect(await detail({ format: "csv" }, "a,n\n", Uint8Array.of(0xe6, 0x9d))).to.equal("NOT_UTF8");
  });
});

describe("formats: json and ndjson", () => {
  it("finds the array where the pointer says", async () => {
    const document = '{"a/b":{"~":[{"a":"x","n":1}]}}';
    expect(await read({ format: "json", items: "/a~1b/~0" }, document)).to.deep.equal([{ a: "x", n: 1 }]);
    expect(await read({ format: "json" }, '[{"a":"x"}]')).to.deep.equal([{ a: "x" }]);
  });

  it("follows no pointer into what an object inherits", async () => {
    for (const items of ["/constructor", "/__proto__", "/items/length"]) {
      expect(await detail({ format: "json", items }, '{"items":[]}')).to.equal("JSON_INVALID");
    }
  });

  it("reads lines, empty ones aside", async () => {
    expect(await read({ format: "ndjson" }, '{"a":"x"}\n\n{"n"', ':2}\r\n{"a":null}')).to.deep.equal([
      { a: "x" },
      { n: 2 },
      { a: null },
    ]);
  });

  it("refuses what is no JSON, no row, too deep or too long", async () => {
    expect(await detail({ format: "json" }, "[{]")).to.equal("JSON_INVALID");
    expect(await detail({ format: "json" }, '{"error":"x"}')).to.equal("JSON_INVALID");
    expect(await detail({ format: "json" }, "[1]")).to.equal("ROW_INVALID");
    expect(await detail({ format: "json" }, '[{"a":', "[".repeat(100_000), "]".repeat(100_000), "}]")).to.equal(
      "TYPE_MISMATCH",
    );
    expect(await detail({ format: "json" }, "[".repeat(1_000_000))).to.equal("JSON_INVALID");
    expect(await detail({ format: "ndjson" }, '{"a":"x"}\n{"a":"y"')).to.equal("JSON_INVALID");
    expect(await detail({ format: "ndjson" }, "x".repeat(1_048_577))).to.equal("JSON_INVALID");
  });

  it("shows nothing of the data in what it says about it", async () => {
    const error = await rejected(() => read({ format: "json" }, '[{"id_no":"440301199001011234"'));
    expect(`${error.message} ${error.stack ?? ""} ${String(error.cause)}`).to.not.contain("4403");
  });

  it("gives the same rows wherever the bytes are cut, in all formats", async () => {
    const row = fc.record({ a: fc.string({ unit: "binary" }), n: fc.integer() });
    await fc.assert(
      fc.asyncProperty(fc.array(row, { maxLength: 6 }), fc.nat(500), async (rows, at) => {
        const texts = {
          json: JSON.stringify(rows),
          ndjson: rows.map((item) => `${JSON.stringify(item)}\n`).join(""),
          csv: `a,n\n${rows.map(({ a, n }) => `"${a.replaceAll('"', '""')}",${n}\n`).join("")}`,
        };
        for (const format of ["json", "ndjson", "csv"] as const) {
          const bytes = Buffer.from(texts[format], "utf8");
          const place = at % (bytes.length + 1);
          expect(await read({ format }, bytes.subarray(0, place), bytes.subarray(place))).to.deep.equal(rows);
        }
      }),
    );
  });
});

describe("formats: size", () => {
  it("stops reading at the limit", async () => {
    const error = await rejected(() => collect(limitBytes(bytesOf("12345", "67890", "x"), 10)));
    expect([error.code, error.detail]).to.deep.equal(["SOURCE_FAILED", "TOO_LARGE"]);
    expect(Buffer.concat(await collect(limitBytes(bytesOf("12345", "67890"), 10))).toString()).to.equal("1234567890");
  });
});
