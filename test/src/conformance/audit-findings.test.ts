/** The audit's findings: what its sources can throw, the table, and the document say the same. */
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { AUDIT_FINDINGS, UNCHECKED } from "@quanji/client/audit";
import { ROOT } from "@quanji/scripts/process";
import { expect } from "chai";

describe("conformance: the audit's findings", () => {
  let section: string;
  before(async () => {
    const text = await readFile(path.join(ROOT, "docs", "protocol.md"), "utf8");
    section = text.slice(text.indexOf("\n## Deep audit\n"));
  });

  it("each one in the table is thrown", async () => {
    const folder = path.join(ROOT, "client", "src", "audit");
    const names = (await readdir(folder)).filter((name) => name.endsWith(".ts") && name !== "findings.ts");
    const sources = (await Promise.all(names.map((name) => readFile(path.join(folder, name), "utf8")))).join("\n");
    expect(Object.keys(AUDIT_FINDINGS).filter((name) => !sources.includes(`"${name}"`))).to.deep.equal([]);
  });

  it("the document lists them as the table does, and what a verdict leaves open", () => {
    const rows = [...section.matchAll(/^\| `([A-Z_]+)` +\| (.*?) +\| \*\*(\w+)\*\* +\|$/gm)];
    expect(rows.map(([, name, meaning, advice]) => [name, { advice, meaning }])).to.deep.equal(
      Object.entries(AUDIT_FINDINGS),
    );
    const left = section.slice(section.indexOf("What a verdict leaves open"));
    const open = [...left.matchAll(/^\| `([a-zA-Z]+)` +\| (.*?) +\|$/gm)];
    expect(open.map(([, name, text]) => [name, text])).to.deep.equal(Object.entries(UNCHECKED));
  });
});
