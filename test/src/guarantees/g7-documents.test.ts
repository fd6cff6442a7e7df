import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { type Issued } from "@quanji/client";
import { openStatusList, verifyDocument } from "@quanji/client/verify";
import { expect } from "chai";
import { BilledMonth } from "../support/billed-month.js";
import type { LocalHost } from "../support/host.js";
import { DAY_MS, expectCode, PRODUCT, textOf } from "../support/sale.js";
import { IDS, type Stage } from "../support/stage.js";

/** Documents of a month, from a gateway's evidence to files that verify without it. */
describe("G7: documents prove their figures from their files alone", function () {
  this.timeout(0);
  let stage: Stage<LocalHost>;
  let folder: string;
  let contract: string;
  let period: string;
  let invoice: Issued;
  let billed: BilledMonth;
  const month = () => billed.key;

  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "quanji-documents-"));
    billed = await BilledMonth.open();
    ({ stage, contract, period } = billed);
  });
  after(async () => {
    await stage.close();
    await rm(folder, { recursive: true, force: true });
  });

  it("the invoice that the seller issues verifies from the payer's copy of the evidence", async () => {
    invoice = await (
      await stage.client("bureau")
    ).documents.issueInvoice(month(), {
      names: new Map([[IDS.bureau, "气象局"]]),
    });
    const text = await textOf((await stage.client("insurer")).documents.file(invoice.jws, month()));
    const trust = await stage.trust();
    const verdict = await verifyDocument(text, trust);
    expect(verdict, `${verdict.detail ?? ""} ${verdict.message ?? ""} ${verdict.at?.path ?? ""}`).to.include({
      ok: true,
      total: "352777",
      payable: "352777",
      deliveries: 3,
      document: invoice.code,
    });
    await writeFile(path.join(folder, "march.invoice.ndjson"), text);
    await expectCode((await stage.client("bureau")).documents.issueInvoice(month()), "STATE_CONFLICT");
  });

  it("one cent or one record changed in the file is refused with its code", async () => {
    const text = await readFile(path.join(folder, "march.invoice.ndjson"), "utf8");
    const trust = await stage.trust();
    const lines = text.split("\n");
    const head = JSON.parse(lines[0] ?? "") as { jws: { payload: string } };
    const payload = Buffer.from(head.jws.payload, "base64url").toString("utf8");
    const cent = payload.replace('"minor":"352777","value":"3527.77"', '"minor":"352776","value":"3527.76"');
    const changed = { ...head, jws: { ...head.jws, payload: Buffer.from(cent).toString("base64url") } };
    const first = await verifyDocument([JSON.stringify(changed), ...lines.slice(1)].join("\n"), trust);
    expect(`${first.code ?? ""} · ${first.detail ?? ""}`).to.equal("TOTAL_MISMATCH · AMOUNT_DIFFERS");
    const record = lines.findIndex((line) => line.includes('"t":"record"'));
    const second = await verifyDocument(lines.filter((_, at) => at !== record).join("\n"), trust);
    expect(second.ok).to.equal(false);
    expect(["TRAIL_INCOMPLETE", "PROOF_INVALID"]).to.include(second.code);
  });

  it("a payment that both confirm brings a voucher, and the look-up says settled", async () => {
    const payment = "A".repeat(43);
    await (await stage.client("insurer")).documents.settle(month(), payment);
    const { jws, code } = await (await stage.client("bureau")).documents.settle(month(), payment);
    const text = await textOf((await stage.client("insurer")).documents.file(jws!, month()));
    expect(await verifyDocument(text, await stage.trust())).to.include({ ok: true, kind: "voucher", settled: true });
    for (const [each, state] of [
      [invoice.code, "settled"],
      [code, "issued"],
    ]) {
      const found = (await (await fetch(`${stage.host.address}/v1/documents/${each ?? ""}`)).json()) as {
        state: string;
      };
      expect(found.state).to.equal(state);
    }
  });

  it("a certificate is valid, then revoked, by its issuer's list; its public file holds no price", async () => {
    const bureau = await stage.client("bureau");
    const [one, two] = [
      await bureau.documents.issueCertificate(month()),
      await bureau.documents.issueCertificate(month()),
    ];
    const text = await textOf(bureau.documents.publicFile(two.jws, month()));
    expect(text).not.to.include("128888").and.not.to.include(contract);
    await writeFile(path.join(folder, "shown.certificate.ndjson"), text);
    const listed = async () => {
      const reply = await fetch(`${stage.host.address}/v1/statuses/${IDS.bureau}`);
      expect(reply.headers.get("content-type")).to.equal("application/vc+jwt");
      return openStatusList(await reply.text(), await stage.trust());
    };
    const verdict = async (statusList: Awaited<ReturnType<typeof listed>>) =>
      verifyDocument(text, await stage.trust(), { statusList });
    expect(await verdict(await listed())).to.include({ ok: true, status: "valid", evidence: "issuer" });
    await bureau.documents.revokeCertificate(month(), one.id);
    expect(await verdict(await listed())).to.include({ ok: true, status: "valid" });
    await bureau.documents.revokeCertificate(month(), two.id);
    expect(await verdict(await listed())).to.include({ ok: false, detail: "DOCUMENT_REVOKED" });
    const page = await fetch(`${stage.host.address}/documents/${two.code}`);
    expect(await page.text()).to.include("已撤销");
    expect(page.headers.get("content-security-policy")).to.include("default-src 'none'");
  });

  it("a yearly disclosure verifies from the ledger alone, and no contract can be left out of it", async () => {
    await stage.later(500 * DAY_MS);
    const year = Number(period.slice(0, 4));
    const bureau = await stage.client("bureau");
    const published = await bureau.disclosures.publish(year);
    expect(published).to.include({ contracts: 1, statements: 1 });
    const text = await textOf(bureau.disclosures.file(published.jws, year));
    const trust = await stage.trust();
    const verdict = await verifyDocument(text, trust);
    expect(verdict, `${verdict.detail ?? ""} ${verdict.message ?? ""} ${verdict.at?.path ?? ""}`).to.include({
      ok: true,
      kind: "disclosure",
      document: published.code,
      issuer: IDS.bureau,
      statements: 1,
      later: 0,
    });
    expect(
      published.disclosure.products.map(({ resource, revenue, quantity }) => [resource, revenue, quantity]),
    ).to.deep.equal([[`${PRODUCT}@1`, "352777", "3"]]);
    await writeFile(path.join(folder, "year.disclosure.ndjson"), text);
    // A file that was lost is made anew; the ledger is asked for nothing.
    const again = await bureau.disclosures.publish(year);
    expect([again.sent, again.digest]).to.deep.equal([undefined, published.digest]);

    const lines = text.trimEnd().split("\n");
    const from = lines.findIndex((line) => line.includes(`"id":"${contract}","kind":"contract"`));
    const to = lines.findIndex((line, at) => at > from && line.includes('"t":"chainEnd"'));
    const others = [...lines.slice(0, from), ...lines.slice(to + 1)];
    const end = JSON.stringify({
      count: 0,
      digest: createHash("sha256")
        .update(`${others.slice(1, -1).join("\n")}\n`)
        .digest("base64url"),
      t: "end",
    });
    const left = await verifyDocument(`${[...others.slice(0, -1), end].join("\n")}\n`, trust);
    expect(`${left.code ?? ""} · ${left.detail ?? ""}`, left.message).to.equal("TRAIL_INCOMPLETE · CHAIN_MISSING");
  });

  it("the regulator has the same account from the ledger, and nobody else the evidence of it", async () => {
    const year = Number(period.slice(0, 4));
    const regulator = await stage.client("regulator");
    const { published, disclosure } = await regulator.disclosures.build(year, IDS.bureau);
    expect(disclosure.code).to.equal(published?.code);
    expect(disclosure.products).to.have.length(1);
    await expectCode((await stage.client("insurer")).disclosures.build(year, IDS.bureau), "NOT_FOUND");
    const found = await fetch(`${stage.host.address}/v1/documents/${disclosure.code}`);
    expect(await found.json()).to.include({ kind: "disclosure", state: "issued", issuer: IDS.bureau });
  });
});
