import { randomUUID } from "node:crypto";
import { expect } from "chai";
import { verifyTrail } from "@quanji/client/verify";
import type { LocalHost } from "../support/host.js";
import { DAY_MS, expectCode, monthAt, openMarket, sell, textOf, use } from "../support/sale.js";
import { IDS, type Stage } from "../support/stage.js";
import { linesOf, parsed, seal } from "../support/trails.js";

/** A contract over deliveries of a real source, through a whole month and its settlement. */
describe("G7: a month is reckoned from its evidence by both sides", function () {
  this.timeout(0);
  let stage: Stage<LocalHost>;
  let contract: string;
  let month: string;

  before(async () => {
    stage = await openMarket();
    const payees = {
      shares: [
        { weight: 4, to: IDS.regulator },
        { weight: 3, to: IDS.bureau },
        { weight: 3, to: IDS.adjuster },
      ],
    };
    const tiers = [
      { upTo: 5, amount: "80", per: 10 },
      { amount: "50", per: 10 },
    ];
    const sale = await sell(stage, tiers, { payees, counterparts: ["acceptance"] });
    ({ contract } = sale);
    month = monthAt(stage.host.clock());
    await use(stage, sale, 8, true);
    // One that is not accepted waits for its other side.
    await use(stage, sale, 1);
    await expectCode((await stage.client("insurer")).statements.reckon(contract, month), "STATE_CONFLICT");
    await stage.later(40 * DAY_MS);
  });
  after(() => stage.close());

  it("the seller closes what it reckons, and the payer reckons the same; one line waits", async () => {
    const { statements } = await stage.client("bureau");
    const reckoned = await statements.reckon(contract, month);
    expect(reckoned).to.include({ verified: true, total: "55", currency: "CNY" });
    expect(reckoned.held).to.have.length(1);
    expect(reckoned.held[0]).to.include({ for: "acceptance", deliveries: 1, quantity: "1" });
    await statements.close(contract, month, reckoned);
    const payer = await (await stage.client("insurer")).statements.reckon(contract, month);
    expect(payer).to.deep.include({ verified: true, total: "55", differs: [] });
    expect(payer.lines).to.deep.equal(reckoned.lines);
    await expectCode((await stage.client("stranger")).statements.reckon(contract, month), "NOT_FOUND");
    await expectCode((await stage.client("stranger")).statements.get(contract, month), "NOT_FOUND");
    const payee = await (await stage.client("adjuster")).statements.get(contract, month);
    expect(payee).to.not.have.any.keys("lines", "held", "logs");
    expect(payee.portions).to.deep.equal([{ party: IDS.adjuster, amount: "16" }]);
  });

  it("evidence with a command or a record less is refused", async () => {
    const text = await textOf((await stage.client("insurer")).contractTrail(contract, month), "\n");
    const trust = await stage.trust();
    const seen: string[] = [];
    const verdict = await verifyTrail(text, trust, {
      observer: {
        market: ({ statements }) => seen.push(...[...statements.values()].map(({ amount }) => amount)),
        record: ({ record }) => seen.push(record.type),
      },
    });
    expect(verdict.ok, verdict.message).to.equal(true);
    expect(seen[0]).to.equal("55");
    expect(seen.filter((type) => type === "delivery")).to.have.length(9);
    const lines = linesOf(text);
    const kinds = lines.map(parsed);
    const contractAt = kinds.findIndex((line) => line.t === "chain" && (line as { kind?: string }).kind === "contract");
    const without = (at: number) => seal(lines.filter((_, i) => i !== at));
    for (const at of [contractAt + 1, contractAt + 3, kinds.findIndex(({ t }) => t === "record")]) {
      expect((await verifyTrail(without(at), trust)).ok).to.equal(false);
    }
  });

  it("a dispute, its adjustment, what was held, and the month's netting", async () => {
    const insurer = await stage.client("insurer");
    const bureau = await stage.client("bureau");
    const [log] = (await insurer.statements.get(contract, month)).logs.map((range) => range.log);
    let delivery = -1;
    for await (const line of insurer.contractTrail(contract, month)) {
      const found = /"r":"\{[^}]*\\"index\\":(\d+)[^}]*\\"type\\":\\"delivery\\"/.exec(line);
      if (found !== null && delivery < 0) delivery = Number(found[1]);
    }
    const { dispute } = await insurer.statements.dispute(contract, month, {
      deliveries: [{ log: log ?? "", index: delivery }],
      evidence: ["A".repeat(43)],
      ground: "a digest differs",
    });
    const { amount } = await bureau.statements.adjust(contract, month, { kind: "withdraw", dispute });
    expect(amount).to.equal("-5");
    const { statements } = insurer;
    expect((await statements.get(contract, month)).adjustments.map((each) => each.amount)).to.deep.equal(["-5"]);
    const regulator = await stage.client("regulator");
    const books = await regulator.books.get(month, "CNY");
    expect(books.accounts.reduce((sum, { balance }) => sum + Number(balance), 0)).to.equal(0);
    expect(await insurer.books.get(month, "CNY")).to.deep.include({
      accounts: [{ party: IDS.insurer, balance: "-50" }],
    });
    const { transfers } = await regulator.books.close(month, "CNY");
    expect(transfers).to.have.length(4);
    expect(await regulator.books.get(month, "CNY")).to.deep.include({ state: "closed", accounts: [] });
    expect((await statements.reckon(contract, month)).differs).to.deep.equal([]);
  });

  it("documents are looked up by their code alone, and an unknown one is as any other", async () => {
    const bureau = await stage.client("bureau");
    const code = "7".repeat(26);
    const digest = "A".repeat(43);
    await bureau.send("invoice.issue", { contract, period: month, invoice: randomUUID(), code, digest });
    const found = await fetch(`${stage.host.address}/v1/documents/${code}`);
    expect(await found.json()).to.include({ kind: "invoice", state: "issued", issuer: IDS.bureau, digest });
    for (const unknown of ["8".repeat(26), "x"]) {
      expect((await fetch(`${stage.host.address}/v1/documents/${unknown}`)).status).to.equal(404);
    }
  });
});
