/**
 * S7 成都数据集团 气象 → 农业保险: a free purpose, a fund's carve-out, an allowed revenue that lowers the next month's. Titles begin with
 * the step's number.
 *
 * Left out, because what it rests on does not exist yet: the mandate of step 3 (集中1对1, EXCLUSIVITY_CONFLICT), and with it the
 * mandate in the report of step 12. A contract bills one grant, and a grant's quota counts all its uses: the quota of step 5 is 2,347
 * + 411 a month, and is reached after both.
 */
import { expect } from "chai";
import { apportion, byParty, divide, reckon, type Split } from "@quanji/chaincode/domain";
import { type JsonObject, sha256Text } from "@quanji/chaincode/log";
import { at, instantAt, month } from "./support/calendar.js";
import { done, refused } from "./support/commands.js";
import { issued, monthOf, refusalOf, reworded, verified } from "./support/documents.js";
import { assertSameEnding, endingOf, endsAlike } from "./support/ending.js";
import {
  contractTerms,
  graded,
  grantOf,
  HEAD,
  HEAD_NAME,
  held,
  heldByOne,
  LAWFUL_BASIS,
  registration,
  ROWS,
  terms,
  until,
} from "./support/forms.js";
import { groundOfRun } from "./support/ground.js";
import {
  accountsOf,
  assertRecomputed,
  closing,
  inOrder,
  json,
  MARCH,
  meteredOf,
  placeOf,
  sharesOf,
  statementOf,
  tariffOf,
} from "./support/money.js";
import { assertNothingTold, headsOf } from "./support/secrets.js";
import { Story, type Used } from "./support/story.js";
import { assertTrail } from "./support/tampering.js";
import { assertReceipts, cutOff, denied, permitted } from "./support/uses.js";

const PARTY = {
  CDMB: { id: "11510100MBQJ006115", roles: ["holder"], head: "Zs1 He Tian" },
  CDDG: { id: "91510100MAQJ00626B", roles: ["user", "operator"], head: "Zs2 Lv Fang" },
  CDPF: { id: "91510100MAQJ006346", roles: ["exchange"], head: "Zs3 Shi Jin" },
  CDFN: { id: "12510100MBQJ00654F", roles: ["holder"], head: "Zs4 Zhang Qi" },
  CDIN: { id: "91510100MAQJ006421", roles: ["user"], head: "Zs5 Kong Rong" },
} as const;
const CDDB = { id: "11510100MBQJ006708", roles: ["regulator"], code: "CDDB" } as const;
type Name = keyof typeof PARTY | "CDDB";

const GRID = "res/weather.grid";
const INDEX = "prd/agri.index";
const SETTLE = "insurance.settle";
const WARNING = "disaster.warning";
const SOLD = 2_347;
const FREE = 411;
const price = (amount: string, from = "2026-03-01") =>
  tariffOf({
    tiers: [{ amount, per: 1 }],
    freePurposes: [WARNING],
    allowance: "80000",
    from: instantAt(from),
  });
const PRICE = price("37");
/** 5 % to the fund, then 4 : 3 : 3. */
const SPLIT: Split = {
  carveOuts: [{ party: "CDFN", bps: 500 }],
  shares: [
    { weight: 4n, to: "CDMB" },
    { weight: 3n, to: "CDDG" },
    { weight: 3n, to: "CDPF" },
  ],
};

const { ground, title } = await groundOfRun();

describe(`S7 weather for agricultural insurance${title}`, () => {
  let story: Story<Name>;
  const id = (label: string): string => story.id(label);

  before(async () => {
    story = await Story.begin<Name>({
      name: "S7",
      ground,
      regulator: CDDB,
      actors: PARTY as never,
      data: { [GRID]: { steward: PARTY.CDMB.id, rows: ROWS }, [INDEX]: { steward: PARTY.CDDG.id, rows: ROWS } },
    });
  });
  after(() => story.close());

  it("2 CDMB registers weather.grid; CDDG derives prd/agri.index from it under G7", async () => {
    const grid = registration(GRID, PARTY.CDMB.id, {
      class: "weather.grid",
      ...graded("general-1"),
      ...held(["holding", PARTY.CDMB.id], ["processing", PARTY.CDDG.id], ["operating", PARTY.CDDG.id]),
    });
    await done(story, "CDMB", "resource.register", grid, HEAD);
    await done(story, "CDDG", "grant.request", {
      ...grantOf(id("G7"), GRID),
      grantor: PARTY.CDMB.id,
      right: "holding",
      route: [[PARTY.CDMB.id]],
      terms: terms({ actions: ["query", "derive"], purposes: [SETTLE, WARNING] }),
    });
    await done(story, "CDMB", "grant.approve", { grant: id("G7") });
    const index = registration(INDEX, PARTY.CDDG.id, {
      kind: "product",
      class: "agri.index",
      ...graded("general-1"),
      lineage: [{ resource: `${GRID}@1`, grant: id("G7") }],
      ...heldByOne(PARTY.CDDG.id),
    });
    await done(story, "CDDG", "resource.register", index, HEAD);
  });

  it("4 CDIN and CDDG contract on CDPF: 37 fen a plot-day, disaster.warning free, allowed revenue 80,000", async () => {
    await done(story, "CDDG", "offer.list", {
      offer: id("O1"),
      resource: `${INDEX}@1`,
      exchange: PARTY.CDPF.id,
      purposes: [SETTLE, WARNING],
      attestations: [],
      tariff: json(PRICE),
    });
    await done(story, "CDDG", "grant.offer", {
      ...grantOf(id("G8"), INDEX),
      grantee: PARTY.CDIN.id,
      right: "operating",
      route: [[PARTY.CDDG.id]],
      terms: terms({
        purposes: [SETTLE, WARNING],
        quota: { unit: "call", n: SOLD + FREE, per: "P1M" },
        ...until("2026-12-31"),
      }),
    });
    await done(story, "CDIN", "grant.accept", { grant: id("G8") });
    const payees: JsonObject = {
      carveOuts: [{ party: PARTY.CDFN.id, bps: 500 }],
      shares: SPLIT.shares.map(({ weight, to }) => ({ weight: Number(weight), to: story.party(to as Name) })),
    };
    const payload = {
      contract: id("K1"),
      version: 1,
      terms: contractTerms({
        offer: id("O1"),
        seller: PARTY.CDDG.id,
        buyer: PARTY.CDIN.id,
        exchange: PARTY.CDPF.id,
        grant: id("G8"),
        payees,
      }),
    };
    for (const name of ["CDDG", "CDIN", "CDPF"] as const) await done(story, name, "contract.sign", payload);
  });

  const use = (purpose: string) => ({ resource: INDEX, purpose, grant: id("G8") }) as const;
  let sold: readonly Used[] = [];

  it("5 CDIN ▸ insurance.settle ×2,347 → ✓; disaster.warning ×411 → ✓; marketing and one too many → ✗", async () => {
    await cutOff(story, "CDIN", use(SETTLE));
    sold = await permitted(story, "CDIN", use(SETTLE), SOLD);
    await permitted(story, "CDIN", use(WARNING), FREE);
    await denied(story, "CDIN", use("marketing"), "PURPOSE_OUTSIDE_GRANT");
    await denied(story, "CDIN", use(SETTLE), "QUOTA_EXCEEDED");
  });

  const publish = (from: string): JsonObject => ({
    offer: id("O1"),
    version: 2,
    tariff: json(price("40", from)),
  });

  it("9 CDDG publishes 40 fen on 03-20: effective 03-15 → BACKDATED; effective 04-01, and March stays at 37", async () => {
    await story.setClock(at("2026-03-20 09:00:00"), "CDDB");
    await refused(story, "CDDG", "tariff.publish", publish("2026-03-15"), "BACKDATED");
    await done(story, "CDDG", "tariff.publish", publish("2026-04-01"));
  });

  const BILLING = () => ({ contract: id("K1"), grant: id("G8"), period: MARCH, tariff: PRICE, version: 1 }) as const;

  it("6, 13 statement 86,839 and a line of 411 at 0; fund 4,342, then 32,999 / 24,749 / 24,749; at 40 → TOTAL_MISMATCH", async () => {
    await story.setClock(at("2026-04-01 09:00:00"), "CDDB");
    const payload = await closing(story, "CDPF", BILLING());
    await refused(story, "CDPF", "statement.close", { ...payload, total: String(SOLD * 40) }, "TOTAL_MISMATCH");
    await done(story, "CDPF", "statement.close", payload);
    const statement = await statementOf(story, "CDIN", BILLING());
    expect(statement.lines).to.have.length(2);
    expect(statement.lines[0]).to.include({ kind: "tier", quantity: "2347", amount: "86839", deliveries: SOLD });
    expect(statement.lines[1]).to.include({ kind: "free", quantity: "411", amount: "0", deliveries: FREE });
    expect(statement.amount).to.equal("86839");
    const shares = { CDFN: "4342", CDMB: "32999", CDDG: "24749", CDPF: "24749" };
    expect(sharesOf(story, statement)).to.deep.equal(shares);
    expect(4_342 + 82_497).to.equal(86_839);
  });

  it("7 other totals through the same function", () => {
    const of = (total: bigint): string[] => [...byParty(divide(total, SPLIT).portions).values()].map(String);
    expect(of(0n)).to.deep.equal(["0", "0", "0", "0"]);
    expect(of(1n)).to.deep.equal(["0", "1", "0", "0"]);
    expect(of(7n)).to.deep.equal(["0", "3", "2", "2"]);
    expect(of(30_000_000_001n)).to.deep.equal(["1500000000", "11400000001", "8550000000", "8550000000"]);
  });

  interface Allowance {
    readonly period: string;
    readonly allowed?: string;
    readonly carried: string;
  }
  const allowances = async (): Promise<Readonly<Record<string, Allowance>>> => {
    const { months } = await (await story.client("CDDG")).read(`/v1/allowances/${id("O1")}`);
    return Object.fromEntries((months as unknown as Allowance[]).map((each) => [each.period, each]));
  };

  it("8 excess over 80,000: 6,839; April's allowance 73,161, by an entry that names both months", async () => {
    const months = await allowances();
    expect(months[month(MARCH)]).to.include({ allowed: "80000", carried: "6839" });
    expect(months[month("2026-04")]).to.include({ allowed: "73161" });
    const { posted } = (await statementOf(story, "CDPF", BILLING())) as unknown as {
      readonly posted: { readonly carried: readonly object[] };
    };
    expect(posted.carried[0]).to.include({ from: month(MARCH), to: month("2026-04"), amount: "6839" });
  });

  it("10 CDIN disputes 47 plot-days: adjusted by −1,739, fund −87, −661 / −496 / −495; April's allowance 74,900", async () => {
    const taken = sold.slice(100, 147);
    for (const each of taken) await story.learn(each);
    const deliveries = inOrder(taken.map((each) => placeOf(story, each)));
    const where = { contract: id("K1"), period: month(MARCH) };
    await done(story, "CDIN", "statement.dispute", {
      ...where,
      dispute: id("D1"),
      deliveries,
      evidence: [sha256Text("zs11 what the plots' digests say")],
    });
    await done(story, "CDPF", "statement.adjust", {
      ...where,
      adjustment: id("J1"),
      dispute: id("D1"),
      kind: "withdraw",
      deliveries,
      quantity: "47",
      free: "0",
      amount: "-1739",
    });
    const [adjusted] = (await statementOf(story, "CDIN", BILLING())).adjustments;
    expect(adjusted?.amount).to.equal("-1739");
    const shares = { CDFN: "-87", CDMB: "-661", CDDG: "-496", CDPF: "-495" };
    expect(adjusted && sharesOf(story, adjusted)).to.deep.equal(shares);
    expect((await allowances())[month("2026-04")]).to.include({ allowed: "74900" });
  });

  it("11, 13 CDPF issues the invoice: CDIN's file opens it to 85,100; computed at 40 fen, TOTAL_MISMATCH", async () => {
    const of = { contract: id("K1"), period: MARCH };
    const invoice = await issued(story, "CDPF", "invoice.issue", ({ documents }) =>
      documents.issueInvoice(monthOf(of)),
    );
    const { file, verdict } = await verified(story, "CDIN", invoice, of);
    expect(verdict).to.include({
      kind: "invoice",
      total: "85100",
      payable: "85100",
      deliveries: SOLD + FREE,
      lines: 2,
    });
    const at40 = reworded(reworded(file, '"37"', '"40"'), '"0.37"', '"0.40"');
    expect(await refusalOf(story, at40)).to.match(/^TOTAL_MISMATCH · /);
  });

  it("11 CDMB has 32,338 of 85,100; every party's account is one transfer, and they sum to 0", async () => {
    const accounts = await accountsOf(story, "CDPF", MARCH);
    expect(accounts).to.deep.equal({
      CDIN: "-85100",
      CDFN: String(4_342 - 87),
      CDMB: "32338",
      CDDG: String(24_749 - 496),
      CDPF: String(24_749 - 495),
    });
    // In the order of parties' ids; a transfer brings an account to 0.
    const transfers = Object.entries(accounts)
      .map(([code, amount]) => ({ party: story.party(code as Name), amount }))
      .sort((a, b) => (a.party < b.party ? -1 : 1));
    const payload = { period: month(MARCH), currency: "CNY", transfers };
    await refused(story, "CDPF", "books.close", { ...payload, transfers: transfers.slice(1) }, "EVIDENCE_MISSING");
    await done(story, "CDPF", "books.close", payload);
  });

  it("D1, D2: every receipt verifies offline, cosigned by a quorum of witnesses", () => assertReceipts(story));

  it("11, 13 CDIN recomputes 86,839, and 85,100 after adjustment, in any order", async () => {
    const own = story.uses.filter(({ use: { grant } }) => grant === id("G8"));
    const statement = await statementOf(story, "CDIN", BILLING());
    assertRecomputed(story, own, BILLING(), statement);
    const taken = new Set(sold.slice(100, 147));
    const kept = meteredOf(
      story,
      own.filter((each) => !taken.has(each)),
      PRICE,
    );
    expect(reckon(PRICE, kept, { isFirst: true }).total).to.equal(85_100n);
  });

  it("12 the free purpose's share: 411 of 2,758", async () => {
    const [line, free] = (await statementOf(story, "CDDB", BILLING())).lines;
    expect([line, free].map((each) => each && "deliveries" in each && each.deliveries)).to.deep.equal([SOLD, FREE]);
    expect(SOLD + FREE).to.equal(2_758);
  });

  it("13 conservation for every total from 0 to 10,000", () => {
    for (let total = 0n; total <= 10_000n; total++) {
      const { portions, suspense } = divide(total, SPLIT);
      const sum = portions.reduce((all, { amount }) => all + amount, suspense);
      if (sum !== total) throw new Error(`${total} is split into ${sum}`);
      const back = divide(-total, SPLIT).portions;
      if (!back.every(({ amount }, i) => amount === -(portions[i]?.amount ?? 0n))) throw new Error(`-${total}`);
    }
    expect(apportion(82_497n, [4n, 3n, 3n])).to.deep.equal([32_999n, 24_749n, 24_749n]);
  });

  it("D3: every trail verifies, and none that was touched", async () => {
    const all = (SOLD + FREE) * 2 + 2;
    expect(await assertTrail(story, { by: "CDDG", kind: "grant", id: id("G8") })).to.equal(all);
    expect(await assertTrail(story, { by: "CDMB", kind: "grant", id: id("G7") })).to.equal(0);
    expect(await assertTrail(story, { by: "CDMB", kind: "resource", id: GRID })).to.equal(0);
    for (const name of ["CDMB", "CDDG", "CDPF", "CDFN"] as const) {
      expect(await assertTrail(story, { by: name, kind: "party", id: PARTY[name].id })).to.equal(0);
    }
  });

  endsAlike(async (endings) => {
    const paths = [
      `/v1/statements/${id("K1")}/${month(MARCH)}`,
      `/v1/allowances/${id("O1")}`,
      `/v1/books/${month(MARCH)}/CNY`,
    ];
    await assertSameEnding(story, await endingOf(story, "CDDB", paths), endings);
  });

  it("D5: no name and nothing told in confidence is public: no price, no quantity, no contract", async () => {
    await assertNothingTold(story, {
      ...headsOf(PARTY),
      "head of the resource": HEAD_NAME,
      "lawful basis": LAWFUL_BASIS,
      "id of G8": id("G8"),
      "id of the offer": id("O1"),
      "id of the contract": id("K1"),
      "a price": '"amount":"37"',
      "the statement": '"86839"',
      "a share": '"32999"',
    });
  });
});
