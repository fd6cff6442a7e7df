/** The verifier's finer codes: what the sources can throw, the table, and the document say the same. */
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { CODES } from "@quanji/chaincode/domain";
import { ADVICE, type FindingRow, FINDINGS } from "@quanji/client/verify";
import { ROOT } from "@quanji/scripts/process";
import { expect } from "chai";
import ts from "typescript";

const TABLE: Readonly<Record<string, FindingRow>> = FINDINGS;
const SHOUTED = /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$/;

/** Details of the log package that no evidence leads to: a gateway's own state. */
const NOT_IN_EVIDENCE = ["FRONTIER_INVALID"];

async function sourcesOf(folder: string): Promise<readonly ts.SourceFile[]> {
  const all = await readdir(path.join(ROOT, folder), { recursive: true });
  const names = all.filter((name) => /^[a-z/-]+\.ts$/.test(name));
  return Promise.all(
    names.map(async (name) =>
      ts.createSourceFile(
        path.join(folder, name),
        await readFile(path.join(ROOT, folder, name), "utf8"),
        ts.ScriptTarget.Latest,
      ),
    ),
  );
}

/** Texts of the string literals of `node` that `counts` accepts. */
function literals(node: ts.Node, counts: (text: string) => boolean): readonly string[] {
  const found: string[] = [];
  const visit = (at: ts.Node): void => {
    if (ts.isStringLiteral(at) && counts(at.text)) found.push(at.text);
    ts.forEachChild(at, visit);
  };
  visit(node);
  return found;
}

const isNamed = (node: ts.Node | undefined, name: string): boolean =>
  node !== undefined && ts.isIdentifier(node) && node.text === name;

/** Finer codes that a file gives: first arguments of `refuse`, and whatever is called `detail`. */
function thrownBy(file: ts.SourceFile): readonly string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    const [first] = ts.isCallExpression(node) && isNamed(node.expression, "refuse") ? node.arguments : [];
    const named =
      (ts.isPropertyAssignment(node) || ts.isVariableDeclaration(node)) && isNamed(node.name, "detail")
        ? node.initializer
        : undefined;
    for (const value of [first, named]) {
      if (value !== undefined) found.push(...literals(value, (text) => SHOUTED.test(text)));
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

/** In these packages every shouted string is a finer code, but for codes of the table and bytes that happen to look so. */
const shoutedIn = (files: readonly ts.SourceFile[]): readonly string[] =>
  files.flatMap((file) =>
    literals(
      file,
      (text) => SHOUTED.test(text) && (text.includes("_") || text === "FORK") && !Object.hasOwn(CODES, text),
    ),
  );

describe("conformance: the verifier's finer codes", () => {
  let verify: readonly ts.SourceFile[];
  let log: readonly ts.SourceFile[];
  let record: readonly ts.SourceFile[];
  before(async () => {
    verify = (await sourcesOf("client/src/verify")).filter(({ fileName }) => !fileName.endsWith("findings.ts"));
    log = await sourcesOf("chaincode/src/log");
    const domain = await sourcesOf("chaincode/src/domain");
    record = domain.filter(({ fileName }) => /\/(record|commands)\.ts$/.test(fileName));
  });

  it("each one that is thrown is in the table", () => {
    const thrown = new Set([...verify, ...record].flatMap(thrownBy));
    expect(thrown.size).to.be.greaterThan(70);
    const details = new Set([...thrown, ...shoutedIn(log)]);
    const unlisted = [...details].filter((name) => !Object.hasOwn(TABLE, name));
    expect(unlisted.sort()).to.deep.equal(NOT_IN_EVIDENCE);
  });

  it("each one in the table is thrown", () => {
    const thrown = new Set(
      [...verify, ...log, ...record].flatMap((file) => literals(file, (text) => SHOUTED.test(text))),
    );
    expect(Object.keys(TABLE).filter((name) => !thrown.has(name))).to.deep.equal([]);
  });

  it("the document lists them as the table does, and says what each advice is", async () => {
    const text = await readFile(path.join(ROOT, "docs", "protocol.md"), "utf8");
    const listed = [...text.matchAll(/^\| `([A-Z0-9_]+)` +\| `([A-Z_]+)` +\| (.*?) +\| \*\*(\w+)\*\* +\|$/gm)];
    const rows = listed.map(([, name, code, meaning, advice]) => [name, code, meaning, advice]);
    const expected = Object.entries(TABLE).map(([name, { code, meaning, advice }]) => [name, code, meaning, advice]);
    expect(rows).to.deep.equal(expected);
    const advice = [...text.matchAll(/^- \*\*(\w+)\*\*: (.*)\.$/gm)].map(([, name, said]) => [name, said]);
    expect(advice).to.deep.equal(Object.entries(ADVICE));
  });
});
