import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { expect } from "chai";
import { type Payload } from "@quanji/chaincode/domain";
import { type Issued } from "@quanji/client";
import { verifyDocument } from "@quanji/client/verify";
import type { LocalHost } from "../support/host.js";
import { QUANJI, type Ran, runProgram } from "../support/program.js";
import { expectCode, monthsOf, openMarket, PRODUCT } from "../support/sale.js";
import { IDS, type Name, RESOURCE, type Stage } from "../support/stage.js";

/** A derived product's revenue goes to those whose data went into it, by how often that was used; in one month nobody's was. */
describe("G7: money that nobody's weight claims waits, and is assigned by a rule", function () {
  this.timeout(0);
  let stage: Stage<LocalHost>;
  let contract: string;
  let weighing: { readonly grant: string; readonly resource: string }[];
  let months: [string, string];

  let invoice: Issued;
  let keyFile: string;

  const quanji = (...argv: readonly string[]): Promise<Ran> =>
    runProgram([
      QUANJI,
      "statement",
      ...argv,
      ...["--gateway", stage.host.address, "--key", keyFile, "--trust", stage.trustFile],
    ]);
  const verified = async () => {
    let text = "";
    for await (const line of (await stage.client("insurer")).documents.file(invoice.jws, {
      contract,
      period: months[0],
    }))
      text += line;
    return verifyDocument(text, await stage.trust());
  };
  const sign = async <V extends "offer.list" | "contract.sign">(by: Name, verb: V, payload: Omit<Payload<V>, "net">) =>
    (await stage.client(by)).send(verb, payload as never);

  before(async () => {
    stage = await openMarket();
    const { present, toNext } = monthsOf(stage);
    keyFile = path.join(stage.host.data, "bureau.jwk");
    await writeFile(keyFile, stage.keyFile("bureau"), { mode: 0o600 });
    await toNext();
    const sold = await stage.granted("insurer", {}, { resource: PRODUCT });
    weighing = [];
    for (const resource of [RESOURCE, PRODUCT]) {
      weighing.push({ grant: await stage.granted("adjuster", {}, { resource }), resource });
    }
    const [first, second] = weighing.map(({ grant }) => ({ grant })) as [{ grant: string }, { grant: string }];
    const offer = randomUUID();
    await sign("bureau", "offer.list", {
      offer,
      resource: `${PRODUCT}@1`,
      purposes: ["risk.assessment"],
      attestations: [],
      tariff: {
        unit: "call",
        currency: "CNY",
        tiers: [{ amount: "1000", per: 1 }],
        from: "2020-01-01T00:00:00.000Z",
      },
    });
    contract = randomUUID();
    const terms = {
      offer,
      seller: IDS.bureau,
      buyer: IDS.insurer,
      grant: sold,
      until: "2098-01-01T00:00:00.000Z",
      payees: {
        carveOuts: [{ party: IDS.bureau, bps: 5000 }],
        shares: [
          { weight: first, to: IDS.regulator },
          { weight: second, to: IDS.stranger },
        ],
      },
      disputeDays: 10,
      counterparts: [],
    };
    for (const by of ["bureau", "insurer"] as const) await sign(by, "contract.sign", { contract, version: 1, terms });
    const insurer = await stage.client("insurer");
    months = [present(), ""];
    await stage.handedOver(insurer, stage.access(sold, { resource: PRODUCT }));
    await toNext();
    months = [months[0], present()];
    const adjuster = await stage.client("adjuster");
    for (const [{ grant, resource }, uses] of [
      [weighing[0]!, 2],
      [weighing[1]!, 1],
    ] as const) {
      for (let n = 0; n < uses; n++) await stage.handedOver(adjuster, stage.access(grant, { resource }));
    }
    await toNext();
  });
  after(() => stage.close());

  it("the month is billed whole, half of it waits, and nobody can assign it yet", async () => {
    const { statements, documents } = await stage.client("bureau");
    await statements.close(contract, months[0]);
    const statement = await statements.get(contract, months[0]);
    expect(statement).to.include({ amount: "1000", suspense: "500" });
    await expectCode(statements.adjust(contract, months[0], { kind: "assign" }), "EVIDENCE_MISSING");
    invoice = await documents.issueInvoice({ contract, period: months[0] });
    expect(await verified()).to.include({ ok: true, total: "1000" });
    const { suspense } = await (await stage.client("regulator")).books.get(months[0], "CNY");
    expect(suspense).to.deep.equal([{ contract, amount: "500" }]);
  });

  it("the first later month with weights decides; payees see their part, and the invoice stands as it was", async () => {
    const bureau = await stage.client("bureau");
    const { statements } = bureau;
    await statements.close(contract, months[1]);
    expect((await statements.get(contract, months[1])).measured.map(({ deliveries }) => deliveries)).to.have.members([
      2, 1,
    ]);
    await expectCode(
      (await stage.client("insurer")).statements.adjust(contract, months[0], { kind: "assign" }),
      "ROLE_REQUIRED",
    );
    const equal = (await statements.get(contract, months[1])).measured.map(({ grant }) => ({ grant, deliveries: 1 }));
    const weights = [{ period: months[1], measured: equal }];
    const chosen = { contract, period: months[0], adjustment: randomUUID(), kind: "assign", weights };
    await expectCode(
      bureau.send("statement.adjust", { ...chosen, quantity: "0", free: "0", amount: "0" }),
      "STATE_CONFLICT",
    );
    const shown = await quanji("show", contract, months[0]);
    expect(shown.out).to.match(/waits for weights\s+5\.00 CNY/);
    const sent = await quanji("adjust", contract, months[0], "--assign", "--json");
    expect(sent.exitCode, sent.err).to.equal(0);
    expect(JSON.parse(sent.out)).to.include({ amount: "0" });
    const now = (await quanji("show", contract, months[0])).out;
    expect(now)
      .to.match(/assigned since/)
      .and.not.match(/waits for weights/);
    const [assigned] = (await statements.get(contract, months[0])).adjustments;
    const parts = new Map(assigned?.portions.map(({ party, amount }) => [party, amount]));
    expect(parts).to.deep.equal(
      new Map([
        [IDS.regulator, "333"],
        [IDS.stranger, "167"],
      ]),
    );
    const payee = await (await stage.client("stranger")).statements.get(contract, months[0]);
    expect(payee.adjustments.flatMap(({ portions }) => portions)).to.deep.equal([
      { party: IDS.stranger, amount: "167" },
    ]);
    // A payee is shown no other month, and divides by the weights that the command states.
    const own = await (await stage.client("stranger")).statements.reckon(contract, months[0]);
    expect(own).to.deep.include({ verified: true, total: "1000", differs: [] });
    await expectCode(statements.adjust(contract, months[0], { kind: "assign" }), "STATE_CONFLICT");
    const books = await (await stage.client("regulator")).books.get(months[0], "CNY");
    expect(books.suspense).to.deep.equal([]);
    expect(new Map(books.accounts.map(({ party, balance }) => [party, balance]))).to.deep.equal(
      new Map([
        [IDS.insurer, "-1000"],
        [IDS.bureau, "500"],
        [IDS.regulator, "333"],
        [IDS.stranger, "167"],
      ]),
    );
    const reckoned = await (await stage.client("insurer")).statements.reckon(contract, months[0]);
    expect(reckoned).to.deep.include({ verified: true, total: "1000", differs: [] });
    expect(await verified()).to.include({ ok: true, total: "1000", payable: "1000" });
  });

  it("a split may go down a chain of eight: both sign it, read it, and replay it from the month's evidence", async () => {
    const bureau = await stage.client("bureau");
    const known = await bureau.contracts.get(contract);
    const [first] = known.versions;
    if (first === undefined) throw new Error("the contract has no version");
    const [one] = weighing;
    const deep = (levels: number): Payload<"contract.sign">["terms"]["payees"] => ({
      shares: [
        { weight: { grant: one?.grant ?? "" }, to: levels === 1 ? IDS.stranger : deep(levels - 1) },
        { weight: 1, to: IDS.bureau },
      ],
    });
    const terms = { ...first.terms, payees: deep(8) };
    for (const by of ["bureau", "insurer"] as const) await sign(by, "contract.sign", { contract, version: 2, terms });
    const changed = await (await stage.client("insurer")).contracts.get(contract);
    expect(changed.versions.at(-1)?.terms.payees).to.deep.equal(terms.payees);
    expect(await verified()).to.include({ ok: true, total: "1000" });
    await expectCode(
      sign("bureau", "contract.sign", { contract, version: 3, terms: { ...terms, payees: deep(9) } }),
      "MALFORMED",
    );
  });
});
