/**
 * G5 for a trail of a hundred thousand records: verified in memory that does not grow with it, packed and plain, by the command
 * line and by the page in a browser, which stays at its reader's service meanwhile.
 */
import { execFile } from "node:child_process";
import { createReadStream, createWriteStream } from "node:fs";
import { copyFile, open, readFile, rm, stat } from "node:fs/promises";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { createGzip } from "node:zlib";
import { openTrust, type Verdict, verifyTrail } from "@quanji/client/verify";
import { ROOT } from "@quanji/scripts/process";
import { makeTrail } from "@quanji/scripts/trails";
import { expect } from "chai";
import type { Browser } from "playwright-core";
import { findBrowser, openBrowser } from "../support/browser.js";
import { newFolder } from "../support/stage.js";
import { assertSays, VerifyPage } from "../support/verify-page.js";

const RECORDS = 100_000;
/** What the command line may keep on its heap: less than half of the trail's text, several times what it does keep. MB. */
const HEAP_MB = 80;
const QUANJI = path.join(ROOT, "client", "bin", "quanji.js");
const run = promisify(execFile);

describe("G5 for a long trail", () => {
  let folder: string;
  const fileOf = (name: string): string => path.join(folder, name);
  const [trail, changed, packed, trustFile] = [
    "all.trail.ndjson",
    "changed.trail.ndjson",
    "all.trail.ndjson.gz",
    "trust.json",
  ];

  before(async () => {
    folder = await newFolder();
    await makeTrail(RECORDS, fileOf(trail), fileOf(trustFile));
    await pipeline(createReadStream(fileOf(trail)), createGzip({ level: 1 }), createWriteStream(fileOf(packed)));
    await copyFile(fileOf(trail), fileOf(changed));
    await changeInTheMiddle(fileOf(changed));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  let whole: Verdict | undefined;
  /** The verdict of a command line that dies if it keeps what it has read. */
  async function inBoundedMemory(): Promise<Verdict> {
    if (whole !== undefined) return whole;
    const argv = ["verify", fileOf(packed), "--trust", fileOf(trustFile), "--json"];
    // Where coverage is counted, its counters would lie on the heap as well.
    const { NODE_V8_COVERAGE: _, ...env } = process.env;
    const { stdout } = await run(process.execPath, [`--max-old-space-size=${HEAP_MB}`, QUANJI, ...argv], { env });
    whole = JSON.parse(stdout) as Verdict;
    return whole;
  }
  const ofChanged = async (): Promise<Verdict> => {
    const trust = await openTrust(await readFile(fileOf(trustFile)), { now: Date.now() });
    return verifyTrail(createReadStream(fileOf(changed)), trust);
  };

  it("is verified packed, by a command line that keeps none of its records", async () => {
    expect((await stat(fileOf(trail))).size).to.be.greaterThan(2 * HEAP_MB * 1024 * 1024);
    expect(await inBoundedMemory()).to.include({ ok: true, records: RECORDS, permitted: 40_000, denied: 20_000 });
  });

  describe("in a browser", () => {
    let browser: Browser | undefined;
    let at: VerifyPage;
    before(async function () {
      const executable = await findBrowser();
      if (executable === undefined) return this.skip(); // install Chromium, or name one in CHROMIUM
      browser = await openBrowser(executable);
    });
    after(() => browser?.close());
    beforeEach(async () => {
      if (browser === undefined) throw new Error("the browser is not open");
      at = await VerifyPage.open(browser);
      await at.giveTrust(fileOf(trustFile));
    });
    afterEach(() => at.close());

    /** From now on notes every progress that is shown, and counts what the browser could paint. */
    const watch = (): Promise<void> =>
      at.page.evaluate(() => {
        const seen = { shown: [] as string[], frames: 0 };
        Object.assign(globalThis, { seen });
        const paint = (): void => {
          seen.frames++;
          requestAnimationFrame(paint);
        };
        requestAnimationFrame(paint);
        const look = (): void => {
          const text = document.querySelector(".work span")?.textContent ?? "";
          if (text !== seen.shown.at(-1)) seen.shown.push(text);
        };
        new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
      });
    const seen = (): Promise<{ readonly shown: readonly string[]; readonly frames: number }> =>
      at.page.evaluate(() => (globalThis as unknown as { seen: { shown: string[]; frames: number } }).seen);

    it("is verified to the same verdict, with progress, and the page lives meanwhile", async () => {
      await watch();
      const [shown] = await at.verify(fileOf(trail));
      assertSays(shown, await inBoundedMemory());
      const { shown: steps, frames } = await seen();
      const percents = steps.flatMap((text) => /(\d+) %/.exec(text)?.slice(1).map(Number) ?? []);
      expect(new Set(percents).size, steps.join("; ")).to.be.greaterThan(3);
      expect(percents).to.deep.equal(percents.toSorted((a, b) => a - b));
      expect(frames).to.be.greaterThan(5); // a page that verified itself would have painted none
      at.assertAskedNobody();
    });

    it("changed in the middle, is refused with the code and place that Node gives", async () => {
      const verdict = await ofChanged();
      expect(verdict.ok).to.equal(false);
      expect(verdict.at?.line ?? 0).to.be.greaterThan(RECORDS / 3);
      assertSays((await at.verify(fileOf(changed)))[0], verdict);
    });

    it("cancelled halfway, packed as it is, proves nothing, and the page goes on with what is next", async () => {
      // Whatever the machine's speed, the first progress comes before the verdict: that is when the button is pressed.
      await at.page.evaluate(() => {
        const press = (): void => {
          const shown = document.querySelector(".work span")?.textContent ?? "";
          if (shown.includes("%")) document.querySelector<HTMLButtonElement>(".cancel")?.click();
        };
        new MutationObserver(press).observe(document.body, { subtree: true, childList: true, characterData: true });
      });
      const [cancelled] = await at.verify(fileOf(packed));
      expect(cancelled?.ok).to.equal(undefined);
      expect(cancelled?.text).to.include("Cancelled: nothing is proven");
      await makeTrail(5, fileOf("next.trail.ndjson"), fileOf("next.json"));
      expect((await at.verify(fileOf("next.trail.ndjson")))[0]).to.include({ ok: true });
    });
  });
});

/** Another character in place of one, in a record halfway. */
async function changeInTheMiddle(file: string): Promise<void> {
  const handle = await open(file, "r+");
  try {
    const { size } = await handle.stat();
    const from = Math.floor(size / 2);
    const { buffer } = await handle.read(Buffer.alloc(8192), 0, 8192, from);
    const place = buffer.indexOf('"requester\\":\\"urn:') + '"requester\\":\\"urn:'.length;
    if (place < 30) throw new Error("no record stands in the middle");
    await handle.write("x", from + place);
  } finally {
    await handle.close();
  }
}
