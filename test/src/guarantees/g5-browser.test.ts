/** G5 in a browser: the page that verifies, from `file://`, with no network, says what the verifier says in Node. */
import { readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { type OpenedTrust, openTrust, verifyReceipt, verifyTrail, type Verdict } from "@quanji/client/verify";
import { makeTrail } from "@quanji/scripts/trails";
import { expect } from "chai";
import type { Browser } from "playwright-core";
import { findBrowser, openBrowser } from "../support/browser.js";
import { collectEvidence } from "../support/evidence.js";
import { newFolder, Stage } from "../support/stage.js";
import { assertSays, VerifyPage } from "../support/verify-page.js";

describe("G5 in a browser", () => {
  let folder: string;
  let browser: Browser | undefined;
  let at: VerifyPage;
  let trust: OpenedTrust;
  let files: ReadonlyMap<string, string>;

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
    at = await VerifyPage.open(browser);
  });
  afterEach(() => at.close());

  const fileOf = (name: string): string => path.join(folder, name);
  const inNode = (name: string, content: string, under = trust): Promise<Verdict> =>
    name.endsWith(".ndjson") ? verifyTrail(content, under) : verifyReceipt(content, under);

  it("verifies receipts and trails, and asks nobody for anything", async () => {
    expect(await at.giveTrust(fileOf("trust.json"), trust.digest)).to.include(trust.digest);
    const shown = await at.verify(...[...files.keys()].map(fileOf));
    for (const [i, [name, content]] of [...files].entries()) {
      const verdict = await inNode(name, content);
      expect(verdict.ok, name).to.equal(true);
      assertSays(shown[i], verdict);
      expect(shown[i]?.title).to.include("VALID").and.include(name);
    }
    expect(await at.page.locator("#announce").textContent()).to.include("VALID");
    at.assertAskedNobody();
  });

  it("refuses what was changed, with the code that Node gives", async () => {
    await at.giveTrust(fileOf("trust.json"));
    for (const [name, content] of files) {
      const middle = Math.floor(content.length / 2);
      const changed =
        content.slice(0, middle) + (content.charAt(middle) === "A" ? "B" : "A") + content.slice(middle + 1);
      await writeFile(fileOf(`changed.${name}`), changed);
      const [shown] = await at.verify(fileOf(`changed.${name}`));
      const verdict = await inNode(name, changed);
      expect(verdict.ok, name).to.equal(false);
      assertSays(shown, verdict);
    }
  });

  it("refuses evidence of another network than the trust file's", async () => {
    await makeTrail(5, fileOf("other.trail.ndjson"), fileOf("other.json"));
    await at.giveTrust(fileOf("other.json"));
    const other = await openTrust(await readFile(fileOf("other.json")), { now: Date.now() });
    for (const [name, content] of files) {
      const verdict = await inNode(name, content, other);
      expect(verdict.ok, name).to.equal(false);
      assertSays((await at.verify(fileOf(name)))[0], verdict);
    }
  });

  it("reads a packed trail, and says of a file that is none that it cannot be read", async () => {
    await at.giveTrust(fileOf("trust.json"));
    const packed = gzipSync(files.get("resource.trail.ndjson") ?? "");
    await writeFile(fileOf("packed.trail.ndjson.gz"), packed);
    await writeFile(fileOf("cut.trail.ndjson.gz"), packed.subarray(0, packed.length - 20));
    await writeFile(fileOf("text.trail.ndjson.gz"), "no gzip file");
    const shown = await at.verify(...["packed", "cut", "text"].map((name) => fileOf(`${name}.trail.ndjson.gz`)));
    assertSays(shown[0], await inNode("resource.trail.ndjson", files.get("resource.trail.ndjson") ?? ""));
    expect(shown.slice(1).map(({ ok }) => ok)).to.deep.equal([undefined, undefined]);
    expect(shown[1]?.text).to.include("Cannot be read");
  });

  it("says nothing about evidence without a trust file, or under one that has another digest than was given", async () => {
    await at.give([fileOf("permit.receipt.json")]);
    expect(await at.stateText()).to.include("trust file first");
    expect(await at.giveTrust(fileOf("trust.json"), "A".repeat(43))).to.include("TRUST_DIGEST");
    await at.give([fileOf("permit.receipt.json")]);
    expect(await at.page.locator("article").count()).to.equal(0);
  });

  it("lets nothing stand that was verified under another trust file", async () => {
    await at.giveTrust(fileOf("trust.json"));
    await at.verify(fileOf("permit.receipt.json"));
    await at.page.fill("#digest", "A".repeat(43));
    await at.page.locator("#digest").blur();
    await at.page.waitForSelector("#trust-state.bad");
    expect(await at.page.locator("article").count()).to.equal(0);
  });

  it("takes files that are dropped on it, each in its place", async () => {
    const drop = async (name: string, place: string): Promise<void> => {
      const text = await readFile(fileOf(name), "utf8");
      await at.page.evaluate(
        ([file, content, selector]) => {
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File([content], file));
          const target = document.querySelector(selector);
          const event = (type: string): Event => new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true });
          for (const type of ["dragenter", "dragover", "drop"]) target?.dispatchEvent(event(type));
        },
        [name, text, place] as const,
      );
    };
    await drop("trust.json", "#trust-drop h2");
    await at.page.waitForSelector("#trust-state code");
    await drop("permit.receipt.json", "h1");
    expect((await at.verdicts(1))[0]).to.include({ ok: true });
  });

  it("can be used by keyboard alone, and names everything for those who do not see it", async () => {
    const focusable = await at.page.locator("input, button").all();
    for (const each of focusable) {
      await each.focus();
      expect(await each.evaluate((element) => document.activeElement === element)).to.equal(true);
      const name = await each.evaluate((element) =>
        element instanceof HTMLInputElement
          ? (element.labels?.[0]?.textContent ?? "")
          : (element.getAttribute("aria-label") ?? element.textContent),
      );
      expect(name.trim()).not.to.equal("");
    }
    await at.page.locator("#language").press("Enter");
    expect(await at.page.locator("html").getAttribute("lang")).to.equal("zh-CN");
  });

  it("cannot reach a network even if it wanted to, nor can its worker", async () => {
    await at.giveTrust(fileOf("trust.json"));
    const [worker] = at.page.workers();
    const reach = (): Promise<string> =>
      fetch("http://127.0.0.1:9/").then(
        () => "reached",
        (error: unknown) => String(error),
      );
    expect(await at.page.evaluate(reach)).to.match(/TypeError|Content Security Policy/);
    expect(await worker?.evaluate(reach)).to.match(/TypeError|Content Security Policy/);
    at.assertAskedNobody();
  });

  it("speaks Chinese: verdicts, meanings of codes, what to do", async () => {
    await at.giveTrust(fileOf("trust.json"));
    const [name = "", content = ""] = [...files][0] ?? [];
    await writeFile(fileOf(`cut.${name}`), content.slice(0, -9));
    await at.verify(fileOf("permit.receipt.json"), fileOf(`cut.${name}`));
    await at.page.click("#language");
    const said = await at.page.locator("main").innerText();
    expect(said).to.include("离线核验证据").and.include("该信任文件的摘要").and.include("回执").and.include("含义");
    expect(said).to.include("NOT_CANONICAL").and.include("字节不是其内容的唯一规范形式");
    expect(said).not.to.match(/\b(IN)?VALID\b/);
  });
});
