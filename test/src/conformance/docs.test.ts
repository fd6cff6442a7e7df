/** What the documents say is so: their links lead somewhere, the tests that they name exist, the codes that they name are codes. */
import { access, readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { CODES, COMMANDS } from "@quanji/chaincode/domain";
import { send } from "@quanji/gateway/testing";
import { ROOT } from "@quanji/scripts/process";
import { expect } from "chai";
import type { LocalHost } from "../support/host.js";
import { Stage } from "../support/stage.js";

const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );

async function documents(): Promise<Map<string, string>> {
  const top = (await readdir(ROOT)).filter((name) => name.endsWith(".md"));
  const docs = (await readdir(path.join(ROOT, "docs"), { recursive: true })).filter((name) => name.endsWith(".md"));
  const files = [...top, ...docs.map((name) => path.join("docs", name))];
  return new Map(
    await Promise.all(files.map(async (file) => [file, await readFile(path.join(ROOT, file), "utf8")] as const)),
  );
}

describe("conformance: documents", () => {
  it("every link within the project leads to a file", async () => {
    const dead: string[] = [];
    for (const [file, text] of await documents()) {
      for (const [, target = ""] of text.matchAll(/\]\((?!https?:|mailto:|#)([^)#\s]+)/g)) {
        if (!(await exists(path.resolve(ROOT, path.dirname(file), target)))) dead.push(`${file}: ${target}`);
      }
    }
    expect(dead).to.deep.equal([]);
  });

  it("every test that the threat model names exists, and each guarantee that is claimed has one", async () => {
    const text = await readFile(path.join(ROOT, "docs", "threat-model.md"), "utf8");
    const suites = await readdir(path.join(ROOT, "test", "src", "guarantees"));
    const conformance = await readdir(path.join(ROOT, "test", "src", "fabric", "conformance"));
    for (const [row, name = ""] of text.matchAll(/^\| (G\d+) .*$/gm)) {
      const claimed = !row.includes("○");
      const hasSuite = name === "G9" ? conformance.length > 0 : suites.includes(`${name.toLowerCase()}.test.ts`);
      expect(hasSuite, name).to.equal(claimed);
    }
  });

  it("every code that a document names in an error's spelling is in the table, or a finer code of the sources", async () => {
    const sources = await sourceText();
    const unknown: string[] = [];
    for (const [file, text] of await documents()) {
      for (const [, name = ""] of text.matchAll(/`([A-Z][A-Z0-9]+(?:_[A-Z0-9]+)+)`/g)) {
        if (!Object.hasOwn(CODES, name) && !new RegExp(`\\b${name}\\b`).test(sources)) unknown.push(`${file}: ${name}`);
      }
    }
    expect(unknown).to.deep.equal([]);
  });

  it("no TypeScript stands in a document that nobody compiles", async () => {
    const shown = [...(await documents())]
      .filter(([, text]) => /^```(ts|typescript)\b/m.test(text))
      .map(([file]) => file);
    expect(shown).to.deep.equal([]);
  });
});

/** All of the product's sources, to look names up in. */
async function sourceText(): Promise<string> {
  const texts: string[] = [];
  for (const room of ["chaincode", "client", "gateway", "network/evm"]) {
    const folder = path.join(ROOT, room, "src");
    const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith(".ts"));
    for (const name of names) texts.push(await readFile(path.join(folder, name), "utf8"));
  }
  return texts.join("\n");
}

describe("conformance: what the gateway serves", () => {
  let stage: Stage<LocalHost>;
  before(async () => {
    stage = await Stage.open();
  });
  after(() => stage.close());

  it("the one table of codes, as the chaincode has it", async () => {
    const { status, text } = await send(stage.host.address, { path: "/v1/codes" });
    expect(status).to.equal(200);
    expect(JSON.parse(text)).to.deep.equal(CODES);
  });

  it("a schema for every command, and a route for each in the API's description", async () => {
    const { text } = await send(stage.host.address, { path: "/openapi.json" });
    const { paths } = JSON.parse(text) as { readonly paths: Readonly<Record<string, unknown>> };
    for (const verb of Object.keys(COMMANDS)) {
      if (verb === "network.init") continue; // the first transaction comes before any gateway
      expect(Object.keys(paths)).to.include(verb === "access" ? "/v1/access" : `/v1/commands/${verb}`);
      expect((await send(stage.host.address, { path: `/v1/schemas/${verb}` })).status, verb).to.equal(200);
    }
  });

  it("a checkpoint, keys and a trust file without a signature, and readiness", async () => {
    for (const at of [
      "/healthz",
      "/readyz",
      "/metrics",
      "/docs",
      "/v1/network",
      "/v1/trust.json",
      "/v1/logs/0/checkpoint",
    ]) {
      expect((await send(stage.host.address, { path: at })).status, at).to.equal(200);
    }
  });
});
