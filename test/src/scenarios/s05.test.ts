/**
 * S5 德清 车联网 product on 浙江大数据交易服务平台: caps, the exchange, statements, a dispute and its adjustment, documents. Titles begin
 * with the step's number.
 *
 * Left out, because what they rest on does not exist yet: the objection of step 4 (异议, RIGHT_ENCUMBERED) and the broker's licence
 * of step 7, so that BUY2 buys from DQSP itself; the county's other 7 products, which are listed as this one is.
 */
import { expect } from "chai";
import { reckon } from "@quanji/chaincode/domain";
import { type JsonObject, sha256Text } from "@quanji/chaincode/log";
import type { Issued } from "@quanji/client";
import { linesOf, recordsAt, seal } from "../support/trails.js";
import { at, month } from "./support/calendar.js";
import { done, refused } from "./support/commands.js";
import {
  issued,
  lookedUp,
  monthOf,
  refusalOf,
  reworded,
  shown,
  statusListOf,
  verdictOf,
  verified,
} from "./support/documents.js";
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
  DQTR: { id: "11330521MBQJ00427A", roles: ["holder"], head: "Zs1 Wu Yong" },
  DQSP: { id: "91330521MAQJ00415Q", roles: ["user", "operator"], head: "Zs2 Zheng Tu" },
  ZJEX: { id: "91330000MAQJ004317", roles: ["exchange"], head: "Zs3 Feng Shan" },
  BUY1: { id: "91110000MAQJ0044X9", roles: ["user"], head: "Zs4 Chen He" },
  BUY2: { id: "91110000MAQJ004589", roles: ["user"], head: "Zs5 Wei Qing" },
  ZJQA: { id: "12330000MBQJ004788", roles: ["assessor"], head: "Zs7 Jiang Bo" },
} as const;
const ZJDB = { id: "11330000MBQJ00910Q", roles: ["regulator"], code: "ZJDB" } as const;
type Name = keyof typeof PARTY | "ZJDB";

const RAW = "res/road.scene.raw";
const SIM = "prd/sim.scene";
const OWN = "prd/own.maps";
const PURPOSE = "train.simulation";
const TIERS = [
  { upTo: 10, amount: "128888", per: 1 },
  { upTo: 50, amount: "110999", per: 1 },
  { amount: "95001", per: 1 },
];
const PRICE = tariffOf({ tiers: TIERS });
const NO_DOCUMENT = { code: "0123456789ABCDEFGHJKMNPQRS", digest: sha256Text("none") } as const;

const { ground, title } = await groundOfRun();

describe(`S5 a product of the internet of vehicles on an exchange${title}`, () => {
  let story: Story<Name>;
  const id = (label: string): string => story.id(label);

  before(async () => {
    const steward = PARTY.DQSP.id;
    story = await Story.begin<Name>({
      name: "S5",
      ground,
      regulator: ZJDB,
      actors: PARTY as never,
      data: {
        [RAW]: { steward: PARTY.DQTR.id, rows: ROWS },
        [SIM]: { steward, rows: ROWS },
        [OWN]: { steward, rows: ROWS },
      },
    });
  });
  after(() => story.close());

  const attested = (label: string, kind: string, subject: string, change: JsonObject = {}): Promise<unknown> =>
    done(story, "ZJQA", "attest", {
      attestation: id(label),
      kind,
      subject: `${subject}@1`,
      result: "pass",
      report: sha256Text(`zs10 report ${label}`),
      ...change,
    });

  it("2 DQTR registers the roads' raw scenes, grants DQSP to derive (G5); DQSP registers prd/sim.scene", async () => {
    await done(
      story,
      "DQTR",
      "resource.register",
      registration(RAW, PARTY.DQTR.id, {
        class: "road.scene",
        ...graded("general-3"),
        ...held(["holding", PARTY.DQTR.id], ["processing", PARTY.DQSP.id], ["operating", PARTY.DQSP.id]),
      }),
      HEAD,
    );
    await done(story, "DQSP", "grant.request", {
      ...grantOf(id("G5"), RAW),
      grantor: PARTY.DQTR.id,
      right: "holding",
      route: [[PARTY.DQTR.id]],
      terms: terms({ actions: ["query", "derive"], purposes: [PURPOSE] }),
    });
    await done(story, "DQTR", "grant.approve", { grant: id("G5") });
    const product = registration(SIM, PARTY.DQSP.id, {
      kind: "product",
      title: "自动驾驶仿真场景库",
      class: "sim.scene",
      ...graded("general-1"),
      lineage: [{ resource: `${RAW}@1`, grant: id("G5") }],
      ...heldByOne(PARTY.DQSP.id),
    });
    await refused(story, "DQSP", "resource.register", product, "GRADE_TOO_LOW", HEAD);
    await attested("A1", "deidentification", SIM, { level: "general-1" });
    await done(story, "DQSP", "resource.register", { ...product, attestations: [id("A1")] }, HEAD);
  });

  it("3 boundary `market` v1: made from public data, sold on an exchange only; cap 130,000 fen a package", async () => {
    await done(story, "ZJDB", "boundary.publish", {
      list: "market",
      version: 1,
      effectiveFrom: new Date(story.nowMs() + 1_500).toISOString(),
      cells: [
        {
          from: PARTY.DQTR.id,
          to: "any",
          class: "road.scene",
          purpose: "any",
          action: "any",
          effect: "exchangeOnly",
          requires: ["deidentification", "conversion"],
        },
      ],
    });
    await story.pass(2_000, "ZJDB");
    await done(story, "DQTR", "price.cap", {
      resource: RAW,
      version: 1,
      unit: "call",
      currency: "CNY",
      amount: "130000",
      from: new Date(story.nowMs() + 1_500).toISOString(),
    });
    await story.pass(2_000, "ZJDB");
  });

  const listing = (change: JsonObject): JsonObject => ({
    offer: id("O1"),
    resource: `${SIM}@1`,
    exchange: PARTY.ZJEX.id,
    purposes: [PURPOSE],
    attestations: [id("A1"), id("A2")],
    tariff: json(PRICE),
    ...change,
  });

  it("4 DQSP: offer.list without 转换 → ATTESTATION_MISSING; at 130,001 → CAP_EXCEEDED; at three tiers → listed", async () => {
    await refused(story, "DQSP", "offer.list", listing({ attestations: [id("A1")] }), "ATTESTATION_MISSING");
    await attested("A2", "conversion", SIM);
    const dear = json(tariffOf({ tiers: [{ amount: "130001", per: 1 }] }));
    await refused(story, "DQSP", "offer.list", listing({ tariff: dear }), "CAP_EXCEEDED");
    await done(story, "DQSP", "offer.list", listing({}));
  });

  const granted = async (label: string, resource: string, buyer: "BUY1" | "BUY2"): Promise<void> => {
    await done(story, "DQSP", "grant.offer", {
      ...grantOf(id(label), resource),
      grantee: PARTY[buyer].id,
      right: "operating",
      route: [[PARTY.DQSP.id]],
      terms: terms({ actions: ["export"], purposes: [PURPOSE], ...until("2026-12-31") }),
    });
    await done(story, buyer, "grant.accept", { grant: id(label) });
  };
  const soldTo = (offer: string, grant: string, buyer: "BUY1" | "BUY2", change: JsonObject = {}): JsonObject =>
    contractTerms({
      offer: id(offer),
      seller: PARTY.DQSP.id,
      buyer: PARTY[buyer].id,
      grant: id(grant),
      payees: {
        shares: [
          { weight: 4, to: PARTY.DQTR.id },
          { weight: 3, to: PARTY.DQSP.id },
          { weight: 3, to: PARTY.ZJEX.id },
        ],
      },
      ...change,
    });
  const onExchange = { exchange: PARTY.ZJEX.id };
  it("5 DQSP and BUY1 without an exchange → OFF_EXCHANGE; with ZJEX → active; no public ancestor, directly → active", async () => {
    await granted("G6", SIM, "BUY1");
    await granted("G7", SIM, "BUY2");
    const directly = { contract: id("K1"), version: 1, terms: soldTo("O1", "G6", "BUY1") };
    await refused(story, "DQSP", "contract.sign", directly, "OFF_EXCHANGE");
    for (const [contract, grant, buyer] of [
      ["K1", "G6", "BUY1"],
      ["K2", "G7", "BUY2"],
    ] as const) {
      const payload = { contract: id(contract), version: 1, terms: soldTo("O1", grant, buyer, onExchange) };
      for (const party of ["DQSP", buyer, "ZJEX"] as const) await done(story, party, "contract.sign", payload);
    }
    const own = registration(OWN, PARTY.DQSP.id, {
      kind: "product",
      class: "own.maps",
      originDeclaration: "own measurements",
      ...graded("general-1"),
      ...heldByOne(PARTY.DQSP.id),
    });
    await done(story, "DQSP", "resource.register", own, HEAD);
    const { exchange: _exchange, ...direct } = listing({ offer: id("O2"), resource: `${OWN}@1`, attestations: [] });
    await done(story, "DQSP", "offer.list", direct);
    await granted("G8", OWN, "BUY1");
    for (const party of ["DQSP", "BUY1"] as const) {
      const payload = { contract: id("K3"), version: 1, terms: soldTo("O2", "G8", "BUY1") };
      await done(story, party, "contract.sign", payload);
    }
  });

  let bad: Used | undefined;
  const use = (grant: string, purpose = PURPOSE) =>
    ({ resource: SIM, action: "export", purpose, grant: id(grant) }) as const;

  it("6 BUY1 ▸ sim.scene#export/train.simulation ×57 → ✓; /resale → ✗ PURPOSE_OUTSIDE_GRANT", async () => {
    await cutOff(story, "BUY1", use("G6"));
    const packages = await permitted(story, "BUY1", use("G6"), 57);
    bad = packages[23];
    await denied(story, "BUY1", use("G6", "resale"), "PURPOSE_OUTSIDE_GRANT");
  });

  it("7, 15 BUY2 takes 12, one more on 31 March before midnight, and one at midnight, which is April's", async () => {
    await permitted(story, "BUY2", use("G7"), 12);
    await story.setClock(at("2026-03-31 23:59:50"), "ZJDB");
    await permitted(story, "BUY2", use("G7"));
    await story.setClock(at("2026-04-01 00:00:00"), "ZJDB");
    await permitted(story, "BUY2", use("G7"));
  });

  const billing = (contract: string, grant: string, period = MARCH) =>
    ({
      contract: id(contract),
      grant: id(grant),
      period,
      tariff: PRICE,
      version: 1,
      isFirst: period === MARCH,
    }) as const;
  const ONE = () => billing("K1", "G6");
  const TWO = () => billing("K2", "G7");

  it("8 March: BUY1 1,288,880 + 4,439,960 + 665,007 = 6,393,847; BUY2 1,288,880 + 332,997 = 1,621,877", async () => {
    await story.setClock(at("2026-04-01 09:00:00"), "ZJDB");
    const payload = await closing(story, "ZJEX", ONE());
    await refused(story, "ZJEX", "statement.close", { ...payload, total: "6393848" }, "TOTAL_MISMATCH");
    await done(story, "ZJEX", "statement.close", payload);
    await done(story, "ZJEX", "statement.close", await closing(story, "ZJEX", TWO()));
    const [one, two] = [await statementOf(story, "BUY1", ONE()), await statementOf(story, "BUY2", TWO())];
    expect(one.lines.map(({ amount }) => amount)).to.deep.equal(["1288880", "4439960", "665007"]);
    expect(one.amount).to.equal("6393847");
    expect(two.lines.map(({ amount }) => amount)).to.deep.equal(["1288880", "332997"]);
    expect(two.amount).to.equal("1621877");
  });

  it("15 packages 10 → 11 and 50 → 51 cross the tiers at the right unit", async () => {
    const { lines } = await statementOf(story, "BUY1", ONE());
    expect(lines.map((line) => "quantity" in line && line.quantity)).to.deep.equal(["10", "40", "7"]);
  });

  it("9 BUY1 disputes one package: no invoice meanwhile; ZJEX adjusts by −95,001; payable 6,298,846", async () => {
    if (bad === undefined) throw new Error("no package was bad");
    await story.learn(bad);
    const place = placeOf(story, bad);
    const at = { contract: id("K1"), period: month(MARCH) };
    await done(story, "BUY1", "statement.dispute", {
      ...at,
      dispute: id("D1"),
      deliveries: [place],
      evidence: [sha256Text("zs11 digest of the catalogue"), sha256Text("zs11 digest of what came")],
    });
    await refused(story, "ZJEX", "invoice.issue", { ...at, invoice: id("I1"), ...NO_DOCUMENT }, "EVIDENCE_MISSING");
    const adjustment = {
      ...at,
      adjustment: id("J1"),
      dispute: id("D1"),
      kind: "withdraw",
      deliveries: [place],
      quantity: "1",
      free: "0",
    };
    await refused(story, "ZJEX", "statement.adjust", { ...adjustment, amount: "-95000" }, "TOTAL_MISMATCH");
    await done(story, "ZJEX", "statement.adjust", { ...adjustment, amount: "-95001" });
    const { amount, adjustments } = await statementOf(story, "BUY1", ONE());
    expect(String(adjustments.reduce((sum, each) => sum + BigInt(each.amount), BigInt(amount)))).to.equal("6298846");
  });

  it("10 splits 4:3:3: statement, adjustment, net; BUY2's; the accounts sum to 0", async () => {
    const [one, two] = [await statementOf(story, "ZJEX", ONE()), await statementOf(story, "ZJEX", TWO())];
    expect(sharesOf(story, one)).to.deep.equal({ DQTR: "2557539", DQSP: "1918154", ZJEX: "1918154" });
    const [adjusted] = one.adjustments;
    expect(adjusted && sharesOf(story, adjusted)).to.deep.equal({ DQTR: "-38001", DQSP: "-28500", ZJEX: "-28500" });
    expect(sharesOf(story, two)).to.deep.equal({ DQTR: "648751", DQSP: "486563", ZJEX: "486563" });
    expect(2_557_539 - 38_001).to.equal(2_519_538);
    expect(1_918_154 - 28_500).to.equal(1_889_654);
    expect(await accountsOf(story, "ZJDB", MARCH)).to.deep.equal({
      BUY1: "-6298846",
      BUY2: "-1621877",
      // 13 O: DQTR's 2,519,538 + 648,751.
      DQTR: "3168289",
      DQSP: String(1_889_654 + 486_563),
      ZJEX: String(1_889_654 + 486_563),
    });
  });

  const K1 = () => ({ contract: id("K1"), period: MARCH });
  let invoice: Issued;
  let certificate: Issued;

  it("11, 15 ZJEX issues the invoice, once; 12, 13: BUY1's file opens it to 57 deliveries and refuses an altered fen", async () => {
    invoice = await issued(story, "ZJEX", "invoice.issue", ({ documents }) => documents.issueInvoice(monthOf(K1())));
    await refused(
      story,
      "ZJEX",
      "invoice.issue",
      { ...monthOf(K1()), invoice: id("I2"), ...NO_DOCUMENT },
      "STATE_CONFLICT",
    );
    for (const holder of ["BUY1", "ZJEX", "ZJDB"] as const) {
      const { file, verdict } = await verified(story, holder, invoice, K1());
      expect(verdict).to.include({ kind: "invoice", total: "6298846", payable: "6298846", deliveries: 57, lines: 3 });
      expect(verdict).to.include({ issuer: PARTY.ZJEX.id, contract: id("K1"), evidence: "ledger" });
      // Whose data it is, is in everybody's file; under which terms, is not in the buyer's.
      expect(file).to.include(`"id":"${RAW}","kind":"resource"`);
      if (holder !== "BUY1") continue;
      expect(file).to.not.include(`"id":"${id("G5")}","kind":"grant"`);
      expect(await refusalOf(story, reworded(file, '"6298846"', '"6298845"'))).to.match(/^TOTAL_MISMATCH · /);
      const without = seal(linesOf(file).toSpliced(recordsAt(linesOf(file))[5] ?? 0, 1));
      expect(await refusalOf(story, without)).to.match(/^(TRAIL_INCOMPLETE|PROOF_INVALID) · /);
    }
  });

  it("11, 14 a certificate is valid and names no price; revoked, the same file says so, and was valid when issued", async () => {
    certificate = await issued(story, "ZJEX", "certificate.issue", ({ documents }) =>
      documents.issueCertificate(monthOf(K1())),
    );
    const before = await shown(story, "ZJEX", certificate, K1());
    expect(before.verdict).to.include({ kind: "certificate", status: "valid", evidence: "issuer" });
    for (const told of ["128888", "6393847", PARTY.BUY1.id]) expect(before.file).to.not.include(told);
    expect([await lookedUp(story, invoice.code), await lookedUp(story, certificate.code)]).to.deep.equal([
      "issued",
      "valid",
    ]);
    expect(await lookedUp(story, "22222222222222222222222222")).to.equal("unknown");
    await done(story, "ZJEX", "certificate.revoke", { ...monthOf(K1()), certificate: certificate.id });
    expect(await lookedUp(story, certificate.code)).to.equal("revoked");
    const after = await verdictOf(story, before.file, await statusListOf(story, "ZJEX"));
    expect(after).to.include({ ok: false, detail: "DOCUMENT_REVOKED" });
    expect(after.message).to.match(/^the certificate was valid when issued/);
  });

  it("15 April's delivery is April's statement: 128,888", async () => {
    await story.setClock(at("2026-05-01 09:00:00"), "ZJDB");
    const april = billing("K2", "G7", "2026-04");
    await done(story, "ZJEX", "statement.close", await closing(story, "ZJEX", april));
    expect((await statementOf(story, "BUY2", april)).amount).to.equal("128888");
  });

  it("D1, D2: every receipt verifies offline, cosigned by a quorum of witnesses", () => assertReceipts(story));

  it("12 BUY1 recomputes 6,393,847 and −95,001 from its receipts, to the fen", async () => {
    const own = story.uses.filter(({ use: { grant } }) => grant === id("G6"));
    const statement = await statementOf(story, "BUY1", ONE());
    assertRecomputed(story, own, ONE(), statement);
    const without = own.filter((each) => each !== bad);
    const { total } = reckon(PRICE, meteredOf(story, without, PRICE), { isFirst: true });
    expect(total - BigInt(statement.amount)).to.equal(-95_001n);
  });

  it("D3: every trail verifies, and none that was touched", async () => {
    expect(await assertTrail(story, { by: "BUY1", kind: "grant", id: id("G6") })).to.equal(57 * 2 + 1);
    expect(await assertTrail(story, { by: "DQSP", kind: "grant", id: id("G7") })).to.equal(14 * 2);
    expect(await assertTrail(story, { by: "DQTR", kind: "grant", id: id("G5") })).to.equal(0);
    expect(await assertTrail(story, { by: "ZJDB", kind: "resource", id: SIM })).to.equal(57 * 2 + 1 + 14 * 2);
    for (const name of ["DQTR", "DQSP", "ZJEX", "BUY1", "BUY2"] as const) {
      await assertTrail(story, { by: name, kind: "party", id: PARTY[name].id });
    }
  });

  endsAlike(async (endings) => {
    const paths = [
      `/v1/statements/${id("K1")}/${month(MARCH)}`,
      `/v1/statements/${id("K2")}/${month(MARCH)}`,
      `/v1/statements/${id("K2")}/${month("2026-04")}`,
      `/v1/books/${month(MARCH)}/CNY`,
    ];
    await assertSameEnding(story, await endingOf(story, "ZJDB", paths), endings);
  });

  it("D5: no name and nothing told in confidence is public: no price, no quantity, no contract", async () => {
    await assertNothingTold(story, {
      ...headsOf(PARTY),
      "head of the resource": HEAD_NAME,
      "lawful basis": LAWFUL_BASIS,
      "id of G6": id("G6"),
      "id of the offer": id("O1"),
      "id of the contract": id("K1"),
      "a price": '"amount":"128888"',
      "the statement": '"6393847"',
      "a share": '"2557539"',
    });
  });
});
