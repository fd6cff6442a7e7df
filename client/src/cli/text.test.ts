import { CODES, isCode } from "@quanji/chaincode/domain";
import { expect } from "chai";
import fc from "fast-check";
import { quotaOf } from "./commands/terms.js";
import { parseFields, parseRoute } from "./commands/resource.js";
import { parseListen } from "./commands/proxy.js";
import { csvCell } from "./export-csv.js";
import { escapeHtml } from "./export-html.js";
import { FINDINGS } from "../verify/index.js";
import { findingMeaning } from "./findings-zh.js";
import { MESSAGES } from "./messages.js";
import { toCount, toRange, UsageError } from "./options.js";
import { table } from "./output.js";
import { progress } from "./progress.js";
import { harmless, widthOf } from "./width.js";

describe("what the command line prints", () => {
  it("tables line up where some characters are two columns wide", () => {
    const text = table(
      ["id", "title"],
      [
        ["天气", "x"],
        ["a", "日"],
      ],
    );
    const columns = text.split("\n").map((line) => widthOf(line.slice(0, line.search(/title|x|日/))));
    expect(columns).to.deep.equal([6, 6, 6]);
  });

  it("every finer code of the verifier has a meaning in Chinese", () => {
    const untold = Object.keys(FINDINGS).filter((detail) => findingMeaning(detail, "zh") === undefined);
    expect(untold).to.deep.equal([]);
  });

  it("an empty table says so", () => expect(table(["id"], [])).to.equal("(none)"));

  it("no text from outside reaches the terminal with a control or format character", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => !/[\p{Cc}\p{Cf}]/u.test(harmless(text))));
  });

  it("every code has a meaning in Chinese, and what to do next in both languages", () => {
    expect(Object.keys(MESSAGES).sort()).to.deep.equal(Object.keys(CODES).sort());
    for (const [code, { zh, next }] of Object.entries(MESSAGES)) {
      expect(isCode(code)).to.equal(true);
      expect(zh, code).to.match(/\p{Script=Han}/u);
      expect(next[0], code).to.match(/^[a-z]/);
      expect(next[1], code).to.match(/\p{Script=Han}/u);
    }
  });

  it("cells of a spreadsheet are never formulas, and come back from CSV", () => {
    for (const cell of ["=1+1", "+1", "-1", "@x", "\t=1"]) expect(csvCell(cell).replace(/^"/, "")).to.match(/^'/);
    fc.assert(
      fc.property(fc.string(), (text) => {
        const cell = csvCell(text);
        const plain = cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell;
        return plain === text || plain === `'${text}`;
      }),
    );
  });

  it("HTML from a file stays text", () => {
    expect(escapeHtml(`<script>"x"&'y'</script>`)).to.equal(
      "&lt;script&gt;&quot;x&quot;&amp;&#39;y&#39;&lt;/script&gt;",
    );
  });

  it("progress is drawn only for somebody who watches, and not too often", () => {
    for (const watched of [true, false]) {
      let drawn = "";
      let now = 0;
      const bar = progress({ stderr: (text) => void (drawn += text), watched, clock: () => now }, "reading", "lines");
      bar.update(1, 4);
      bar.update(2, 4);
      now = 200;
      bar.update(3, 4);
      bar.end();
      expect(drawn.match(/\d lines/g)).to.deep.equal(watched ? ["1 lines", "3 lines"] : null);
      drawn = "";
      now = 400;
      bar.update(7, undefined, 0.5);
      expect(drawn.includes(`[${"#".repeat(12)}${".".repeat(12)}] 7 lines`)).to.equal(watched);
    }
  });
});

describe("what the command line understands", () => {
  it("fields", () => {
    expect(parseFields("day:date,name::general-3,x")).to.deep.equal([
      { name: "day", type: "date", grade: "general-1" },
      { name: "name", type: "string", grade: "general-3" },
      { name: "x", type: "string", grade: "general-1" },
    ]);
    for (const text of ["", ":date", "a:float", "a:date:secret", "a:b:c:d"])
      expect(() => parseFields(text)).to.throw(UsageError);
  });

  it("routes", () => expect(parseRoute("a+b, c")).to.deep.equal([["a", "b"], ["c"]]));

  it("quotas", () => {
    expect(quotaOf("10/P1M")).to.deep.equal({ n: 10, per: "P1M", unit: "call" });
    expect(quotaOf("10/window/row")).to.deep.equal({ n: 10, per: "window", unit: "row" });
    for (const text of ["10", "x/P1M", "10/P2M", "10/P1M/byte", "10/P1M/row/x"])
      expect(() => quotaOf(text)).to.throw(UsageError);
  });

  it("ranges, counts and addresses", () => {
    expect(toRange("2026-01-01/2026-02-01", "r")).to.deep.equal({ from: "2026-01-01", to: "2026-02-01" });
    expect(parseListen("[::1]:80")).to.deep.equal({ host: "::1", port: 80 });
    for (const text of ["", "a", "a/", "/b", "a/b/c"]) expect(() => toRange(text, "r")).to.throw(UsageError);
    for (const text of ["", "-1", "1.5", "1e3", "9999999999999999"])
      expect(() => toCount(text, "n")).to.throw(UsageError);
    for (const text of ["", "host", ":80", "a:99999", "::1:80"]) expect(() => parseListen(text)).to.throw(UsageError);
  });
});
