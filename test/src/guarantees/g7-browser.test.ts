/**
 * G7 in a browser: the page that verifies takes the documents of the market as the command line writes them, and says what the
 * command line says of them: the same verdict, code, finer code and facts, from `file://`, with no network.
 */
import { copyFile, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { gzipSync } from "node:zlib";
import type { DocumentVerdict } from "@quanji/client/verify";
import { makeTrail } from "@quanji/scripts/trails";
import { expect } from "chai";
import type { Browser } from "playwright-core";
import { BilledMonth } from "../support/billed-month.js";
import { findBrowser, openBrowser } from "../support/browser.js";
import { collectDocuments, compact, edited, without, writeAll } from "../support/document-files.js";
import { QUANJI, runProgram } from "../support/program.js";
import { IDS, newFolder } from "../support/stage.js";
import { type Shown, VerifyPage } from "../support/verify-page.js";

const WHOLE = {
  "month.invoice.ndjson": "data invoice",
  "month.note.ndjson": "credit or debit note",
  "month.voucher.ndjson": "settlement voucher",
  "own.certificate.ndjson": "certificate of compliant circulation",
  "shown.certificate.ndjson": "certificate of compliant circulation",
  "year.disclosure.ndjson": "disclosure",
} as const;

describe("G7 in a browser", function () {
  this.timeout(0);
  let folder: string;
  let browser: Browser | undefined;
  let at: VerifyPage;
  let files: ReadonlyMap<string, string>;
  const fileOf = (name: string): string => path.join(folder, name);
  const textOf = (name: string): string => files.get(name) ?? "";

  before(async function () {
    const executable = await findBrowser();
    if (executable === undefined) return this.skip(); // install Chromium, or name one in CHROMIUM
    folder = await newFolder();
    const month = await BilledMonth.open();
    try {
      files = await collectDocuments(month);
      await copyFile(month.stage.trustFile, fileOf("trust.json"));
    } finally {
      await month.stage.close();
    }
    await writeAll(files, fileOf);
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

  const argv = (name: string, trust: string, list?: string): readonly string[] => [
    ...[QUANJI, list === undefined ? "invoice" : "certificate", "verify", fileOf(name), "--trust", fileOf(trust)],
    ...(list === undefined ? [] : ["--status", fileOf(list)]),
  ];
  /** The command line's verdict, and what it tells people of one that it accepts. `list`: its `--status`. */
  async function ofProgram(
    name: string,
    trust = "trust.json",
    list?: string,
  ): Promise<DocumentVerdict & { text: string }> {
    const { out } = await runProgram([...argv(name, trust, list), "--json"]);
    const verdict = JSON.parse(out) as DocumentVerdict;
    return { ...verdict, text: verdict.ok ? (await runProgram(argv(name, trust, list))).out : "" };
  }

  /** All that the command line tells, line by line, stands on the page, and the other way round. */
  function assertSame(shown: Shown | undefined, verdict: DocumentVerdict & { readonly text: string }): void {
    expect(shown?.ok, shown?.text).to.equal(verdict.ok);
    const { Level, Withstands, Beware, "Verified at": _, "Trust file": trust, ...facts } = shown?.facts ?? {};
    expect(trust).to.equal(verdict.trustDigest);
    if (!verdict.ok) {
      expect(facts["Problem"]).to.equal(`${verdict.code ?? ""} · ${verdict.detail ?? ""}`);
      expect(facts["Found"]).to.equal(verdict.message);
      if (verdict.at?.path !== undefined) expect(facts["Where"]).to.equal(verdict.at.path);
      expect(facts).not.to.have.any.keys("Total", "Checked", "Payer", "Code");
      return;
    }
    expect(Level).to.match(new RegExp(`^${verdict.level}:`));
    expect(Withstands).to.match(new RegExp(`^${verdict.withstands} `));
    expect(Beware).to.be.a("string"); // one operator, and a clock that a test set
    const onPage = Object.entries(facts).flatMap(([name, values]) =>
      values.split("\n").map((value) => `  ${name.charAt(0).toLowerCase()}${name.slice(1)} ${value}`),
    );
    const said = verdict.text.trimEnd().split("\n");
    const end = said.findIndex((line) => line.startsWith("  level "));
    expect(onPage).to.deep.equal(said.slice(1, end));
  }

  it("takes each kind of document, says all that the command line says, and asks nobody for anything", async () => {
    await at.giveTrust(fileOf("trust.json"));
    const shown = await at.verify(...Object.keys(WHOLE).map(fileOf));
    for (const [n, [name, kind]] of Object.entries(WHOLE).entries()) {
      expect(shown[n]?.title).to.equal(`VALID · ${kind} · ${name}`);
      assertSame(shown[n], await ofProgram(name));
    }
    at.assertAskedNobody();
  });

  it("says who pays whom how much, in the currency's decimals, whose shares these are, and what was not checked", async () => {
    await at.giveTrust(fileOf("trust.json"));
    const [invoice, note, voucher] = await at.verify(
      ...["month.invoice.ndjson", "month.note.ndjson", "month.voucher.ndjson"].map(fileOf),
    );
    expect(invoice?.facts).to.include({
      Payer: `${IDS.insurer} “Insurer Ltd”`,
      Payee: `${IDS.bureau} “气象局”`,
      Lines: "tier 1: 2 calls × 1288.88 CNY = 2577.76 CNY\ntier 2: 1 calls × 950.01 CNY = 950.01 CNY",
      Total: "3527.77 CNY",
      Split: [
        `${IDS.bureau} “气象局”: 1411.11 CNY`,
        `${IDS.adjuster}: 1058.33 CNY`,
        `${IDS.stranger}: 1058.33 CNY`,
      ].join("\n"),
    });
    expect(invoice?.text).to.include("Total 3527.77 CNY");
    expect(invoice?.facts["Not checked"]).to.include("terms of payment").and.include("what came later");
    expect(note?.facts["Total"]).to.match(/^-\d+\.\d\d CNY$/);
    expect(voucher?.facts["Payment"]).to.equal("confirmed by payer and collector");
    expect(voucher?.facts["Not checked"]).to.include("the bank's word");
  });

  it("says before anybody pays that notes stand beside an invoice, or that it was paid", async () => {
    await at.giveTrust(fileOf("trust.json"));
    const names = ["month.invoice.ndjson", "noted.invoice.ndjson", "paid.invoice.ndjson"];
    const [before, noted, paid] = await at.verify(...names.map(fileOf));
    expect(before?.text).not.to.match(/payable now:|payment of this invoice/);
    expect(noted?.text).to.include(`What is payable now: ${noted?.facts["Payable now"] ?? ""}`);
    expect(noted?.facts["Payable now"]).not.to.equal(noted?.facts["Total"]);
    expect(paid?.text).to.include("have confirmed the payment of this invoice already");
    assertSame(noted, await ofProgram("noted.invoice.ndjson"));
  });

  it("refuses a cent, a figure, a record, an act and another trust file with the command line's codes", async () => {
    await makeTrail(5, fileOf("other.trail.ndjson"), fileOf("other.json"));
    const cent = '"minor":"352777","value":"3527.77"';
    const changed: Readonly<Record<string, readonly [text: string, code: string]>> = {
      "cent.invoice.ndjson": [
        edited(textOf("month.invoice.ndjson"), cent, '"minor":"352776","value":"3527.76"'),
        "TOTAL_MISMATCH · AMOUNT_DIFFERS",
      ],
      "share.invoice.ndjson": [
        edited(textOf("month.invoice.ndjson"), '"amount":"141111"', '"amount":"141112"'),
        "TOTAL_MISMATCH · SPLIT_DIFFERS",
      ],
      "cent.note.ndjson": [
        edited(textOf("month.note.ndjson"), /"minor":"(\d+)\d"/, '"minor":"$19"'),
        "TOTAL_MISMATCH · AMOUNT_DIFFERS",
      ],
      "cent.voucher.ndjson": [
        edited(textOf("month.voucher.ndjson"), /"minor":"(\d+)\d"/, '"minor":"$18"'),
        "TOTAL_MISMATCH · AMOUNT_DIFFERS",
      ],
      "count.certificate.ndjson": [
        edited(textOf("own.certificate.ndjson"), /"count":\d+/, '"count":9'),
        "TOTAL_MISMATCH · QUANTITY_DIFFERS",
      ],
      "figure.disclosure.ndjson": [
        edited(textOf("year.disclosure.ndjson"), /"quantity":"\d+"/, '"quantity":"9"'),
        "TOTAL_MISMATCH · QUANTITY_DIFFERS",
      ],
      "record.invoice.ndjson": [
        without(textOf("month.invoice.ndjson"), '"t":"record"'),
        "TRAIL_INCOMPLETE · TRAIL_TRUNCATED",
      ],
      "act.disclosure.ndjson": [
        without(textOf("year.disclosure.ndjson"), "statement.close"),
        "TRAIL_INCOMPLETE · TRAIL_TRUNCATED",
      ],
    };
    for (const [name, [text]] of Object.entries(changed)) await writeFile(fileOf(name), text);
    await at.giveTrust(fileOf("trust.json"));
    const shown = await at.verify(...[...Object.keys(changed), "disputed.invoice.ndjson"].map(fileOf));
    for (const [n, [name, [, code]]] of Object.entries(changed).entries()) {
      expect(shown[n]?.facts["Problem"], name).to.equal(code);
      assertSame(shown[n], await ofProgram(name));
    }
    expect(shown.at(-1)?.facts["Problem"]).to.equal("PROOF_INVALID · DOCUMENT_DISPUTED");
    await at.giveTrust(fileOf("other.json"));
    const names = Object.keys(WHOLE);
    const foreign = await at.verify(...names.map(fileOf));
    for (const [n, name] of names.entries()) assertSame(foreign[n], await ofProgram(name, "other.json"));
  });

  it("refuses what is no document's file: without evidence, alone as a JWS, on paper, in another spelling", async () => {
    const whole = textOf("month.invoice.ndjson");
    const first = whole.slice(0, whole.indexOf("\n") + 1);
    const wrong: Readonly<Record<string, readonly [content: string | Uint8Array, code: string]>> = {
      "alone.invoice.ndjson": [first, "TRAIL_INCOMPLETE · DOCUMENT_UNPROVEN"],
      "alone.invoice.jwt": [compact(whole), "PROOF_INVALID · NOT_CANONICAL"],
      "paper.pdf": [Buffer.from("%PDF-1.3\n\xff\xfe", "latin1"), "PROOF_INVALID · NOT_CANONICAL"],
      "spaced.invoice.ndjson": [` ${whole}`, "PROOF_INVALID · NOT_CANONICAL"],
      "empty.invoice.ndjson": ["", "PROOF_INVALID · NOT_CANONICAL"],
      "year.invoice.ndjson": [
        first + textOf("year.disclosure.ndjson").split("\n").slice(1).join("\n"),
        "TRAIL_INCOMPLETE · DOCUMENT_UNPROVEN",
      ],
    };
    for (const [name, [content]] of Object.entries(wrong)) await writeFile(fileOf(name), content);
    await at.giveTrust(fileOf("trust.json"));
    const shown = await at.verify(...Object.keys(wrong).map(fileOf));
    for (const [n, [name, [, code]]] of Object.entries(wrong).entries()) {
      expect(shown[n]?.facts["Problem"], name).to.equal(code);
      assertSame(shown[n], await ofProgram(name));
    }
    expect(shown[2]?.text).to.include("A PDF shows a document and proves nothing");
  });

  it("says plainly that a certificate's status is unknown, and checks it once its issuer's list is given", async () => {
    await at.giveTrust(fileOf("trust.json"));
    const [alone] = await at.verify(fileOf("shown.certificate.ndjson"));
    expect(alone?.text).to.include("Whether the certificate was revoked is not checked");
    expect(alone?.facts).to.include({ Status: "unknown: no status list was given" });
    expect(alone?.facts["Status list"]).to.match(new RegExp(`/v1/statuses/${IDS.bureau}$`));
    // Given afterwards, it is put to the certificate that stands there already.
    await at.give([fileOf("statuses"), fileOf("revoked.certificate.ndjson")]);
    const shown = await at.verdicts(3);
    const of = (name: string): Shown | undefined => shown.find(({ title }) => title.endsWith(name));
    expect(of("statuses")?.title).to.equal("VALID · status list · statuses");
    expect(of("statuses")?.facts["Certificates of"]).to.equal(IDS.bureau);
    for (const name of ["shown.certificate.ndjson", "revoked.certificate.ndjson"]) {
      assertSame(of(name), await ofProgram(name, "trust.json", "statuses"));
    }
    expect(of("shown.certificate.ndjson")?.facts["Status"]).to.equal("valid");
    expect(of("revoked.certificate.ndjson")?.facts["Problem"]).to.equal("PROOF_INVALID · DOCUMENT_REVOKED");
    // Cleared away, it is no longer asked.
    expect((await at.verify(fileOf("revoked.certificate.ndjson")))[0]?.facts["Status"]).to.match(/^unknown/);
    at.assertAskedNobody();
  });

  it("takes no list that is out of date or changed, and goes by the clock of the moment", async () => {
    await at.giveTrust(fileOf("trust.json"));
    const list = textOf("statuses");
    await writeFile(fileOf("changed"), `${list.slice(0, -8)}${list.at(-8) === "A" ? "B" : "A"}${list.slice(-7)}`);
    const [changed] = await at.verify(fileOf("changed"));
    expect([changed?.ok, changed?.text.includes("SIGNATURE_INVALID")], changed?.text).to.deep.equal([undefined, true]);
    await at.verify(fileOf("statuses"));
    const [worker] = at.page.workers();
    const payload = JSON.parse(Buffer.from(list.split(".")[1] ?? "", "base64url").toString()) as { validUntil: string };
    await worker?.evaluate((ms) => (Date.now = () => ms), Date.parse(payload.validUntil) + 1);
    await at.give([fileOf("shown.certificate.ndjson"), fileOf("month.invoice.ndjson")]);
    const [, late, invoice] = await at.verdicts(3);
    expect([late?.ok, late?.text.includes("STATUS_LIST_STALE")], late?.text).to.deep.equal([undefined, true]);
    expect(invoice?.ok, "a list concerns certificates alone").to.equal(true);
    await worker?.evaluate((ms) => (Date.now = () => ms), Date.parse("2999-01-01T00:00:00.000Z"));
    const [after] = await at.verify(fileOf("month.invoice.ndjson"));
    expect([after?.ok, after?.text.includes("TRUST_EXPIRED")], after?.text).to.deep.equal([undefined, true]);
  });

  it("reads a packed one, tells how far it is with one that does not end, and lets go of it when told to", async () => {
    await at.giveTrust(fileOf("trust.json"));
    await writeFile(fileOf("packed.invoice.ndjson.gz"), gzipSync(await readFile(fileOf("month.invoice.ndjson"))));
    expect((await at.verify(fileOf("packed.invoice.ndjson.gz")))[0]?.facts["Total"]).to.equal("3527.77 CNY");
    await at.page.click("#clear");
    const [worker] = at.page.workers();
    await worker?.evaluate(() => {
      /** Half of what there is, and then nothing. */
      File.prototype.stream = function (this: File) {
        const half = this.slice(0, this.size / 2);
        return new ReadableStream<Uint8Array<ArrayBuffer>>({
          start: async (controller) => controller.enqueue(new Uint8Array(await half.arrayBuffer())),
        });
      };
    });
    await at.give([fileOf("year.disclosure.ndjson"), fileOf("month.voucher.ndjson")]);
    await at.page.getByText(/verifying: .*\b(49|50) %/).waitFor();
    await at.page.locator("article .cancel").first().click();
    const [cancelled, next] = await at.verdicts(2);
    expect([cancelled?.ok, cancelled?.text.includes("Cancelled: nothing is proven")]).to.deep.equal([undefined, true]);
    expect(next?.ok).to.equal(true);
  });

  it("speaks Chinese, fits a narrow window, and prints every verdict whole", async () => {
    await at.giveTrust(fileOf("trust.json"));
    await at.verify(...Object.keys(WHOLE).map(fileOf));
    await at.page.click("#language");
    const said = await at.page.locator("#verdicts").innerText();
    for (const word of [
      "数据发票",
      "清算凭证",
      "数据合规流通数字证书",
      "年度披露",
      "付款方",
      "分配",
      "已核验",
      "未核验",
      "3527.77 CNY",
    ]) {
      expect(said).to.include(word);
    }
    expect(said)
      .to.include("未核验证书是否已被撤销")
      .and.not.match(/\b(IN)?VALID\b|not checked/);
    await at.page.setViewportSize({ width: 320, height: 640 });
    const overflow = await at.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(overflow).to.be.at.most(0);
    await at.page.emulateMedia({ media: "print" });
    for (const article of await at.page.locator("article").all()) expect(await article.isVisible()).to.equal(true);
    expect(await at.page.locator("#files").isVisible()).to.equal(false);
  });
});
