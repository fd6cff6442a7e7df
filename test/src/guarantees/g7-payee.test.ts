import { rm, writeFile } from "node:fs/promises";
import path from "node:path";
import type { ContractTerms } from "@quanji/chaincode/domain";
import { Client, type ReckonedStatement } from "@quanji/client";
import { verifyTrail } from "@quanji/client/verify";
import { expect } from "chai";
import type { LocalHost } from "../support/host.js";
import { QUANJI, runProgram } from "../support/program.js";
import { DAY_MS, expectCode, monthAt, openMarket, type Sale, sell, sign, textOf, use } from "../support/sale.js";
import { IDS, type Name, newFolder, type Stage } from "../support/stage.js";
import { linesOf, type Line, parsed, seal } from "../support/trails.js";

type Shares = ContractTerms["payees"]["shares"];
interface ShownLine extends Line {
  readonly kind?: string;
  readonly entry?: string;
  readonly o?: object;
}

/**
 * Three months of one contract. In the first the adjuster, whose data the product is made of, has three tenths; from the second on
 * the stranger has them. The closer is honest in the first, counts one delivery more in the second, and one less in the third.
 */
describe("G7: who has a portion sees what it stands on", function () {
  this.timeout(0);
  let stage: Stage<LocalHost>;
  let sale: Sale;
  let folder: string;
  const months: string[] = [];
  const [FIRST, MORE, LESS] = [0, 1, 2] as const;

  const payeesOf = (to: string): { readonly shares: Shares } => ({
    shares: [
      { weight: 7, to: IDS.bureau },
      { weight: 3, to },
    ],
  });
  const month = (n: number): string => months[n] ?? "";
  const statements = async (by: Name) => (await stage.client(by)).statements;
  const evidence = async (by: Name, n: number): Promise<string> =>
    textOf((await stage.client(by)).contractTrail(sale.contract, month(n)), "\n");
  const shown = (text: string): ShownLine[] => linesOf(text).map(parsed);

  /** Into the next month, a day deep. */
  const nextMonth = async (now: number): Promise<number> => {
    let next = now;
    while (monthAt(next) === monthAt(now)) next += DAY_MS;
    await stage.later(next + DAY_MS - now);
    return next + DAY_MS;
  };

  /** A flat tariff of 80 a call, so that so many more or less are priced as the ledger wants them. */
  const miscounted = (reckoned: ReckonedStatement, by: number): ReckonedStatement => {
    const lines = reckoned.lines.map((line) => {
      if (line.kind !== "tier") return line;
      const quantity = Number(line.quantity) + by;
      return { ...line, quantity: String(quantity), deliveries: line.deliveries + by, amount: String(80 * quantity) };
    });
    return { ...reckoned, lines, total: String(Number(reckoned.total) + 80 * by) };
  };

  before(async () => {
    stage = await openMarket();
    folder = await newFolder();
    sale = await sell(stage, [{ amount: "80", per: 1 }], { payees: payeesOf(IDS.adjuster) });
    let now = stage.host.clock();
    for (const by of [0, 1, -1]) {
      months.push(monthAt(now));
      await use(stage, sale, 3);
      if (by === 0) await sign(stage, sale.contract, 2, { ...sale.terms, payees: payeesOf(IDS.stranger) });
      now = await nextMonth(now);
      const closing = await statements("bureau");
      const reckoned = await closing.reckon(sale.contract, months.at(-1) ?? "");
      await closing.close(sale.contract, months.at(-1) ?? "", miscounted(reckoned, by));
    }
  });
  after(async () => {
    await stage.close();
    await rm(folder, { recursive: true, force: true });
  });

  it("reckons the month to the cent from what it is shown, and its own portion of it", async () => {
    const payee = await (await statements("adjuster")).reckon(sale.contract, month(FIRST));
    expect(payee).to.deep.include({ verified: true, total: "240", differs: [], attested: [] });
    const payer = await (await statements("insurer")).reckon(sale.contract, month(FIRST));
    expect(payee.lines).to.deep.equal(payer.lines);
    const { portions } = await (await statements("adjuster")).get(sale.contract, month(FIRST));
    expect(portions).to.deep.equal([{ party: IDS.adjuster, amount: "72" }]);
    expect(payee.closed?.portions).to.deep.include(portions[0]);
  });

  it("finds one delivery too many, and one too few, in its own verdict and the program's", async () => {
    for (const [n, stated] of [
      [MORE, "320"],
      [LESS, "160"],
    ] as const) {
      const { differs, total, closed } = await (await statements("stranger")).reckon(sale.contract, month(n));
      expect([total, closed?.amount, differs]).to.deep.equal(["240", stated, ["lines", "total"]]);
    }
    const key = path.join(folder, "stranger.jwk");
    await writeFile(key, stage.keyFile("stranger"), { mode: 0o600 });
    const { exitCode, out } = await runProgram([
      ...[QUANJI, "statement", "reckon", sale.contract, month(LESS), "--json"],
      ...["--gateway", stage.host.address, "--key", key, "--trust", stage.trustFile],
    ]);
    expect(exitCode).to.equal(1);
    expect(JSON.parse(out)).to.deep.include({ code: "TOTAL_MISMATCH", verified: true, total: "240" });
  });

  it("names the deliveries of a dispute from that evidence", async () => {
    const delivery = shown(await evidence("stranger", LESS)).flatMap(({ t, r = "" }) =>
      t === "record" && r.includes('"type":"delivery"') ? [/"index":(\d+),"log":"([^"]+)"/.exec(r)] : [],
    )[0];
    const { dispute } = await (
      await statements("stranger")
    ).dispute(sale.contract, month(LESS), {
      deliveries: [{ log: delivery?.[2] ?? "", index: Number(delivery?.[1]) }],
      evidence: ["A".repeat(43)],
    });
    const { disputes } = await (await statements("bureau")).get(sale.contract, month(LESS));
    expect(disputes.map(({ id, by }) => ({ id, by }))).to.deep.equal([{ id: dispute, by: IDS.stranger }]);
  });

  it("is refused every month in which it is not named, and so is whoever is named in none", async () => {
    const asked: readonly (readonly [Name, number])[] = [
      ["adjuster", MORE],
      ["adjuster", LESS],
      ["stranger", FIRST],
    ];
    for (const [by, n] of asked) {
      await expectCode((await statements(by)).reckon(sale.contract, month(n)), "NOT_FOUND");
      await expectCode((await statements(by)).get(sale.contract, month(n)), "NOT_FOUND");
    }
    const own = await sell(stage, [{ amount: "80", per: 1 }]);
    for (const by of ["adjuster", "stranger"] as const) {
      await expectCode((await statements(by)).reckon(own.contract, month(FIRST)), "NOT_FOUND");
    }
    await expectCode((await statements("adjuster")).reckon(sale.contract, "2020-01"), "NOT_FOUND");
  });

  it("is shown no opening of a request: the regulator's copy of the same month has them", async () => {
    const opened = (text: string): string[] => [
      ...new Set(shown(text).flatMap(({ t, o = {} }) => (t === "record" ? Object.keys(o) : []))),
    ];
    const [payee, regulator] = [await evidence("adjuster", FIRST), await evidence("regulator", FIRST)];
    expect(opened(payee)).to.deep.equal(["links.grant"]);
    expect(payee).not.to.include("desk 7");
    expect(opened(regulator)).to.include("operator");
    expect(regulator).to.include("desk 7");
  });

  it("is shown commands on other months by their entries alone, and is not told them by name either", async () => {
    const [payee, seller] = [await evidence("adjuster", FIRST), await evidence("bureau", FIRST)];
    const withheld = shown(payee).flatMap(({ t, entry = "" }) =>
      t === "withheld" ? [JSON.parse(entry) as { readonly verb: string; readonly request: string }] : [],
    );
    expect(withheld.map(({ verb }) => verb)).to.deep.equal(["statement.close", "statement.close", "statement.dispute"]);
    expect(shown(seller).filter(({ t }) => t === "withheld")).to.deep.equal([]);
    const trust = await stage.trust();
    expect(await verifyTrail(payee, trust)).to.include({ ok: true, withheld: 3 });
    expect(await verifyTrail(seller, trust))
      .to.include({ ok: true })
      .and.not.to.have.property("withheld");
    const read = async (by: Name, request: string) => (await stage.client(by)).read(`/v1/commands/${request}`);
    for (const { request } of withheld) {
      await expectCode(read("adjuster", request), "NOT_FOUND");
      expect(await read("insurer", request)).to.have.property("entry");
    }
    // Who signed them is not told by the keys that the file brings along.
    const parties = (text: string) =>
      shown(text).flatMap((line) => (line.kind === "party" ? [JSON.stringify(line)] : []));
    expect(parties(payee).join()).not.to.include(IDS.stranger);
    expect(parties(seller).join()).to.include(IDS.stranger);
  });

  it("may not be kept from terms, nor from its own month's statement", async () => {
    const lines = linesOf(await evidence("adjuster", FIRST));
    const trust = await stage.trust();
    const isOf = (verb: string) => (line: string) =>
      parsed(line).t === "command" && line.includes(`\\"verb\\":\\"${verb}`);
    const without = (verb: string): string => {
      const at = lines.findIndex(isOf(verb));
      const { entry = "" } = parsed(lines[at] ?? "") as ShownLine;
      return seal(lines.with(at, JSON.stringify({ entry, t: "withheld" })));
    };
    for (const verb of ["contract.sign", "offer.list", "grant.request", "party.register"]) {
      expect(await verifyTrail(without(verb), trust), verb).to.deep.include({
        ok: false,
        code: "TRAIL_INCOMPLETE",
        detail: "COMMAND_WITHHELD",
      });
    }
    // Which month a withheld command is on, nobody sees; what the gateway says of the statement itself contradicts it.
    const forged = without("statement.close");
    expect(await verifyTrail(forged, trust)).to.include({ ok: true, withheld: 4 });
    const lying = await Client.connect({
      gateway: stage.host.address,
      key: stage.signers.adjuster,
      trust,
      clock: stage.host.clock,
      fetch: async (input, init) => {
        const reply = await fetch(input, init);
        if (!reply.url.includes("/trails/contract/")) return reply;
        await reply.arrayBuffer();
        return new Response(forged, { status: 200, headers: reply.headers });
      },
    });
    const told: unknown = await lying.statements.reckon(sale.contract, month(FIRST)).catch((error: unknown) => error);
    expect(told).to.include({ code: "TRAIL_INCOMPLETE", detail: "COMMAND_WITHHELD" });
    await lying.close();
  });
});
