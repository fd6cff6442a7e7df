/** G5 in a browser: the page that verifies, from `file://`, with no network, says what the verifier says in Node. */
import { readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { ROOT } from "@quanji/scripts/process";
import { type OpenedTrust, openTrust, verifyReceipt, verifyTrail, type Verdict } from "@quanji/client/verify";
import { expect } from "chai";
import type { Browser, Page } from "playwright-core";
import { findBrowser, openBrowser } from "../support/browser.js";
import { collectEvidence } from "../support/evidence.js";
import { newFolder, Stage } from "../support/stage.js";

const PAGE = pathToFileURL(path.join(ROOT, "client", "dist", "verify.html")).href;

interface Shown {
  readonly ok: boolean;
  readonly text: string;
}

describe("G5 in a browser", () => {
  let folder: string;
  let browser: Browser | undefined;
  let page: Page;
  let trust: OpenedTrust;
  let files: ReadonlyMap<string, string>;
  let asked: string[];

  before(async function () {
    const executable = await findBrowser();
    if (executable === undefined) {
      return this.skip(); // install Chromium, or name one in CHROMIUM
    }
    const stage = await Stage.open();
    folder = await newFolder();
    try {
      files = await collectEvidence(stage);
      const text = await readFile(stage.trustFile, "utf8");
      trust = await openTrust(text, { now: Date.now() });
      await writeFile(path.join(folder, "trust.json"), text);
    } finally {
      await stage.close();
    }
    for (const [name, text] of files) await writeFile(path.join(folder, name), text);
    browser = await openBrowser(executable);
  });
  after(async () => {
    if (browser === undefined) return;
    await browser.close();
    await rm(folder, { recursive: true, force: true });
  });

  beforeEach(async () => {
    if (browser === undefined) throw new Error("the browser is not open");
    const context = await browser.newContext({ locale: "en-GB" });
    await context.setOffline(true);
    page = await context.newPage();
    asked = [];
    page.on("request", (request) => asked.push(request.url()));
    page.on("pageerror", (error) => asked.push(`error ${error.message}`));
    await page.goto(PAGE);
  });
  afterEach(() => page.context().close());

  const fileOf = (name: string): string => path.join(folder, name);
  const stateText = async (): Promise<string> => (await page.locator("#trust-state").textContent()) ?? "";

  async function giveTrust(digest?: string): Promise<void> {
    if (digest !== undefined) await page.fill("#digest", digest);
    await page.setInputFiles("#trust", fileOf("trust.json"));
    await page.waitForFunction(() => document.getElementById("trust-state")?.textContent !== "");
  }

  async function verdictsOn(names: readonly string[]): Promise<readonly Shown[]> {
    await page.setInputFiles("#files", names.map(fileOf));
    await page.waitForFunction((count) => document.querySelectorAll("article[data-ok]").length === count, names.length);
    return page
      .locator("article")
      .evaluateAll((articles) =>
        articles.map((article) => ({ ok: article.dataset["ok"] === "true", text: article.textContent })),
      );
  }

  const inNode = (name: string, content: string): Promise<Verdict> =>
    name.endsWith(".ndjson") ? verifyTrail(content, trust) : verifyReceipt(content, trust);

  it("verifies receipts and trails, and asks nobody for anything", async () => {
    await giveTrust(trust.digest);
    expect(await stateText()).to.include(trust.digest);
    const shown = await verdictsOn([...files.keys()]);
    for (const [i, [name, content]] of [...files].entries()) {
      const { records } = await inNode(name, content);
      expect(shown[i]?.ok, shown[i]?.text).to.equal(true);
      expect(shown[i]?.text).to.include(name).and.include(trust.digest);
      if (name.endsWith(".ndjson")) expect(shown[i]?.text).to.include(`${records ?? 0} records`);
    }
    expect(asked).to.deep.equal([PAGE]);
  });

  it("refuses what was changed, with the code that Node gives", async () => {
    await giveTrust();
    for (const [name, content] of files) {
      const middle = Math.floor(content.length / 2);
      const changed =
        content.slice(0, middle) + (content.charAt(middle) === "A" ? "B" : "A") + content.slice(middle + 1);
      await writeFile(fileOf(`changed.${name}`), changed);
      await page.locator("article").evaluateAll((articles) => {
        for (const article of articles) article.remove();
      });
      const [shown] = await verdictsOn([`changed.${name}`]);
      const { ok, code = "", detail = "" } = await inNode(name, changed);
      expect([ok, shown?.ok], name).to.deep.equal([false, false]);
      expect(shown?.text, name).to.include(`${code} · ${detail}`);
    }
  });

  it("reads a packed trail", async () => {
    await giveTrust();
    await writeFile(fileOf("packed.trail.ndjson.gz"), gzipSync(files.get("resource.trail.ndjson") ?? ""));
    expect((await verdictsOn(["packed.trail.ndjson.gz"]))[0]).to.include({ ok: true });
  });

  it("says nothing about evidence without a trust file, or under one that has another digest than was given", async () => {
    await page.setInputFiles("#files", fileOf("permit.receipt.json"));
    expect(await stateText()).to.include("trust file first");
    await giveTrust("A".repeat(43));
    await page.waitForFunction(() => document.getElementById("trust-state")?.textContent.includes("TRUST_DIGEST"));
    await page.setInputFiles("#files", fileOf("permit.receipt.json"));
    expect(await page.locator("article").count()).to.equal(0);
  });

  it("cannot reach a network even if it wanted to, and speaks Chinese", async () => {
    const reached = await page.evaluate(() =>
      fetch("http://127.0.0.1:9/").then(
        () => "reached",
        (error: unknown) => String(error),
      ),
    );
    expect(reached).to.match(/TypeError|Content Security Policy/);
    await giveTrust();
    await verdictsOn(["permit.receipt.json"]);
    await page.click("#language");
    const said = await page.locator("main").innerText();
    expect(said).to.include("离线核验证据").and.include("该信任文件的摘要").and.include("回执");
    expect(said).not.to.include("VALID");
  });
});
