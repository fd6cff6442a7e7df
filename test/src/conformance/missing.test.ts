import { readFile } from "node:fs/promises";
import path from "node:path";
import { MISSING } from "@quanji/client/reconcile";
import { ROOT } from "@quanji/scripts/process";
import { expect } from "chai";

describe("conformance: what reconciling finds", () => {
  it("the document lists it as the table does", async () => {
    const text = await readFile(path.join(ROOT, "docs", "protocol.md"), "utf8");
    const section = text.slice(text.indexOf("## Reconciling"), text.indexOf("## Deep audit"));
    const rows = [...section.matchAll(/^\| `([A-Z_]+)` +\| (\w+) +\| (.*?) +\|$/gm)];
    const expected = Object.entries(MISSING).map(([code, { side, meaning }]) => [code, side, meaning]);
    expect(rows.map(([, code, side, meaning]) => [code, side, meaning])).to.deep.equal(expected);
  });
});
