/** Nothing here reports to anybody: not when it is installed, and not when it is looked at. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { ROOT } from "@quanji/scripts/process";
import { expect } from "chai";

const read = (...names: readonly string[]): Promise<string> => readFile(path.join(ROOT, ...names), "utf8");

describe("conformance: no telemetry", () => {
  it("install scripts do not run, and the one that would report is refused where somebody runs them", async () => {
    expect(await read(".npmrc")).to.match(/^ignore-scripts=true$/m);
    const { scarfSettings } = JSON.parse(await read("package.json")) as { readonly scarfSettings?: unknown };
    expect(scarfSettings).to.deep.equal({ enabled: false });
  });

  it("only the API's page brings such a package, and of that page nothing but its own files is served", async () => {
    const { packages } = JSON.parse(await read("package-lock.json")) as {
      readonly packages: Readonly<Record<string, { readonly dependencies?: Readonly<Record<string, string>> }>>;
    };
    const bringing = Object.entries(packages).filter(([, { dependencies = {} }]) => "@scarf/scarf" in dependencies);
    expect(bringing.map(([name]) => name)).to.deep.equal(["node_modules/swagger-ui-dist"]);
    expect(await read("node_modules", "swagger-ui-dist", "swagger-ui-bundle.js")).not.to.contain("scarf");
    const page = await read("gateway", "src", "http", "public.ts");
    for (const [, target = ""] of page.matchAll(/(?:src|href)="([^"]*)"/g)) expect(target).to.match(/^\/docs\//);
  });
});
