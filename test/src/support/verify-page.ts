/** The page that verifies, in a browser: what a person does there, and what that person then sees. */
import path from "node:path";
import { pathToFileURL } from "node:url";
import { ROOT } from "@quanji/scripts/process";
import type { Verdict } from "@quanji/client/verify";
import { expect } from "chai";
import type { Browser, Page } from "playwright-core";

export const PAGE = pathToFileURL(path.join(ROOT, "client", "dist", "verify.html")).href;

/** A verdict as it stands on the page. */
export interface Shown {
  /** Undefined: no verdict (cancelled, unreadable). */
  readonly ok: boolean | undefined;
  readonly title: string;
  readonly text: string;
  readonly facts: Readonly<Record<string, string>>;
}

export class VerifyPage {
  readonly page: Page;
  /** Everything that the page, or its worker, asked for; and errors that nothing caught. */
  readonly asked: readonly string[];

  private constructor(page: Page, asked: readonly string[]) {
    this.page = page;
    this.asked = asked;
  }

  static async open(browser: Browser, locale = "en-GB"): Promise<VerifyPage> {
    const context = await browser.newContext({ locale });
    await context.setOffline(true);
    const page = await context.newPage();
    const asked: string[] = [];
    context.on("request", (request) => asked.push(request.url()));
    page.on("pageerror", (error) => asked.push(`error ${error.message}`));
    await page.goto(PAGE);
    return new VerifyPage(page, asked);
  }

  close(): Promise<void> {
    return this.page.context().close();
  }

  /** Nothing but the page itself and, from its own memory, its worker. */
  assertAskedNobody(): void {
    expect(this.asked.filter((url) => url !== PAGE && !url.startsWith("blob:"))).to.deep.equal([]);
  }

  /** Answers what is said of the trust file. */
  async giveTrust(file: string, digest?: string): Promise<string> {
    if (digest !== undefined) await this.page.fill("#digest", digest);
    await this.page.setInputFiles("#trust", file);
    await this.page.waitForSelector("#trust-state code, #trust-state.bad");
    return this.stateText();
  }

  async stateText(): Promise<string> {
    return (await this.page.locator("#trust-state").textContent()) ?? "";
  }

  /** Gives files and does not wait for them. */
  give(files: readonly string[]): Promise<void> {
    return this.page.setInputFiles("#files", [...files]);
  }

  /** All verdicts on the page, once there are so many. */
  async verdicts(count: number): Promise<readonly Shown[]> {
    await this.page.waitForFunction(
      (wanted) => document.querySelectorAll("article[data-ok]").length === wanted,
      count,
      { timeout: 0 },
    );
    return this.page.locator("article").evaluateAll((articles) =>
      articles.map((article) => {
        const said = article.dataset["ok"];
        const texts = (name: string): string[] => [...article.querySelectorAll(name)].map((each) => each.textContent);
        const values = texts("dd");
        return {
          ok: said === "none" ? undefined : said === "true",
          title: article.querySelector("h3")?.textContent ?? "",
          text: article instanceof HTMLElement ? article.innerText : "",
          facts: Object.fromEntries(texts("dt").map((name, i) => [name, values[i] ?? ""])),
        };
      }),
    );
  }

  async verify(...files: readonly string[]): Promise<readonly Shown[]> {
    await this.page.click("#clear");
    await this.give(files);
    return this.verdicts(files.length);
  }
}

/** What the page says in English is what the verifier says in Node. */
export function assertSays(shown: Shown | undefined, verdict: Verdict): void {
  expect(shown?.ok, shown?.text).to.equal(verdict.ok);
  const facts = shown?.facts ?? {};
  expect(facts).to.include({ "Trust file": verdict.trustDigest });
  if (verdict.ok) assertProven(facts, verdict);
  else assertRefused(facts, verdict);
}

function assertProven(facts: Shown["facts"], verdict: Verdict): void {
  const { records = 0, permitted = 0, denied = 0 } = verdict;
  expect(facts["What this is about"])
    .to.match(/^(one|every|a) /)
    .and.to.include(verdict.of?.id);
  expect(facts["Level"]).to.match(new RegExp(`^${verdict.level}:`));
  expect(facts["Withstands"]).to.match(new RegExp(`^${verdict.withstands} `));
  expect(facts["Complete through"]).to.equal(verdict.completeThrough);
  const counts = `${records} records (${permitted} permitted, ${denied} denied)`;
  expect(facts["Records"]).to.equal(verdict.kind === "trail" ? counts : undefined);
  expect(facts).not.to.have.any.keys("Problem", "Found");
}

function assertRefused(facts: Shown["facts"], verdict: Verdict): void {
  const { code = "", detail = "", message } = verdict;
  expect(facts["Problem"]).to.equal(`${code} · ${detail}`);
  expect(facts["Found"]).to.equal(message);
  for (const name of ["Meaning", "What to do"]) expect(facts[name], name).to.be.a("string").and.not.equal("");
  for (const [name, value] of Object.entries(verdict.at ?? {})) expect(facts["Where"]).to.include(`${name} ${value}`);
  expect(facts).not.to.have.any.keys("Level", "Complete through", "Records");
}
