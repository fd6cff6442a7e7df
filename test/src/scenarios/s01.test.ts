/**
 * S1 交管实时路况 → 地图平台 (the ownership question), step by step as SCENARIOS.md has it. Titles begin with the step's number.
 */
import { expect } from "chai";
import { stopDigest } from "@quanji/chaincode/domain";
import { fromBase64url, fromUtf8, type JsonObject, partyOf, sha256Text } from "@quanji/chaincode/log";
import { linesOf } from "../support/trails.js";
import { at, month } from "./support/calendar.js";
import { done, refused } from "./support/commands.js";
import { issued, monthOf, refusalOf, reworded, verified } from "./support/documents.js";
import { assertSameEnding, endingOf, endsAlike } from "./support/ending.js";
import {
  contractTerms,
  graded,
  grantOf,
  HEAD,
  HEAD_NAME,
  held as heldBy,
  registration,
  terms as usualTerms,
  until,
} from "./support/forms.js";
import { groundOfRun } from "./support/ground.js";
import {
  accountsOf,
  assertRecomputed,
  closing,
  json,
  MARCH,
  sharesOf,
  statementOf,
  tariffOf,
} from "./support/money.js";
import { assertNothingTold, headsOf } from "./support/secrets.js";
import { Story } from "./support/story.js";
import { assertTrail, textOf } from "./support/tampering.js";
import { assertReceipts, cutOff, denied, permitted } from "./support/uses.js";

const PARTY = {
  TRAF: { id: "11100000MBQJ000135", roles: ["holder"], head: "Zs1 Chen Guang" },
  PLAT: { id: "91100000MAQJ000366", roles: ["operator"], head: "Zs2 Zhao Min" },
  MAPC: { id: "91100000MAQJ00028B", roles: ["user", "operator"], head: "Zs3 Qian Wei" },
  RSVC: { id: "91100000MAQJ000441", roles: ["user"], head: "Zs4 Sun Li" },
  QUAL: { id: "urn:quanji:org:CN:QUAL", roles: ["assessor"], head: "Zs5 Zhou Ping" },
} as const;
const MDB = { id: "11100000MBQJ00056J", roles: ["regulator"], code: "MDB" } as const;
type Name = keyof typeof PARTY | "MDB";

const LIVE = "res/traffic.live";
const ETA = "prd/route.eta";
const ROWS = [
  { id: "s-01", flow: 412 },
  { id: "s-02", flow: 97 },
];
const FIELDS = [
  { name: "id", type: "string", grade: "general-1" },
  { name: "flow", type: "integer", grade: "general-1" },
];
const BASIS = "zs8 contract on road traffic data";
const ROUTE = { resource: ETA, purpose: "navigation" } as const;
const TRAFFIC = { resource: LIVE, purpose: "navigation" } as const;

const PRICE = tariffOf({
  tiers: [
    { upTo: 500, amount: "80", per: 10 },
    { amount: "50", per: 10 },
  ],
});

/** Protected header of a command as a trail shows it. */
function headersOf(request: unknown): { readonly typ: string; readonly kid: string }[] {
  const { protected: header } = request as { readonly protected: string };
  return [JSON.parse(fromUtf8(fromBase64url(header))) as { readonly typ: string; readonly kid: string }];
}

const { ground, title } = await groundOfRun();

describe(`S1 real-time traffic for a map platform${title}`, () => {
  let story: Story<Name>;
  let G: (label: "G1" | "G1.1" | "G1.1.1" | "G1p") => string;

  before(async () => {
    story = await Story.begin<Name>({
      name: "S1",
      ground,
      regulator: MDB,
      actors: PARTY as never,
      data: { [LIVE]: { steward: PARTY.TRAF.id, rows: ROWS }, [ETA]: { steward: PARTY.MAPC.id, rows: ROWS } },
    });
    G = (label) => story.id(label);
  });
  after(() => story.close());

  const terms = (change: JsonObject = {}): JsonObject =>
    usualTerms({ purposes: ["navigation"], fields: ["id", "flow"], lawfulBasis: BASIS, ...change });
  const common = (label: Parameters<typeof G>[0], resource: string): JsonObject => grantOf(G(label), resource);
  const register = (resource: string, steward: keyof typeof PARTY, change: JsonObject): JsonObject =>
    registration(resource, PARTY[steward].id, { fields: FIELDS, ...change });
  const held = (...rights: readonly (readonly [kind: string, holder: keyof typeof PARTY])[]): JsonObject =>
    heldBy(...rights.map(([kind, holder]) => [kind, PARTY[holder].id] as const));

  it("2 TRAF registers res/traffic.live: holding TRAF, processing PLAT, operating MAPC", async () => {
    const payload = register(LIVE, "TRAF", {
      title: "实时交通流量",
      class: "traffic.flow",
      ...graded("general-2"),
      basis: { law: "三定", duty: "road traffic monitoring" },
      ...held(["holding", "TRAF"], ["processing", "PLAT"], ["operating", "MAPC"]),
    });
    await done(story, "TRAF", "resource.register", payload, HEAD);
  });

  it("3 boundary `city` v1: navigation needs the steward's approval, train.model is forbidden", async () => {
    const cell = { from: PARTY.TRAF.id, to: "any", class: "traffic.flow", action: "any" };
    await done(story, "MDB", "boundary.publish", {
      list: "city",
      version: 1,
      effectiveFrom: new Date(story.nowMs() + 1_500).toISOString(),
      cells: [
        { ...cell, purpose: "navigation", effect: "require", approver: PARTY.TRAF.id },
        { ...cell, purpose: "train.model", effect: "forbid" },
      ],
    });
    await story.pass(2_000, "MDB");
  });

  const g1 = (): JsonObject => ({
    ...common("G1", LIVE),
    depth: 1,
    grantor: PARTY.TRAF.id,
    right: "holding",
    route: [[PARTY.TRAF.id]],
    terms: terms({
      actions: ["query", "derive", "subgrant"],
      derivative: { lineage: "required", operating: PARTY.MAPC.id, survives: true },
    }),
  });

  it("4 MAPC asks for G1: pending; a query → ✗ GRANT_PENDING; TRAF approves: active", async () => {
    await done(story, "MAPC", "grant.request", g1());
    expect((await (await story.client("MAPC")).grants.get(G("G1"))).state).to.equal("pending");
    await denied(story, "MAPC", { ...TRAFFIC, grant: G("G1") }, "GRANT_PENDING");
    await done(story, "TRAF", "grant.approve", { grant: G("G1") });
    expect((await (await story.client("MAPC")).grants.get(G("G1"))).state).to.equal("active");
  });

  it("5 MAPC ▸ traffic.live#query/navigation @G1 ×200 → ✓ ×200", async () => {
    await cutOff(story, "MAPC", { ...TRAFFIC, grant: G("G1") });
    await permitted(story, "MAPC", { ...TRAFFIC, grant: G("G1") }, 200);
  });

  it("6 outside the grant, forbidden, another's grant, no grant, no right", async () => {
    await denied(story, "MAPC", { ...TRAFFIC, purpose: "marketing", grant: G("G1") }, "PURPOSE_OUTSIDE_GRANT");
    await denied(story, "MAPC", { ...TRAFFIC, purpose: "train.model", grant: G("G1") }, "BOUNDARY_FORBIDS");
    await denied(story, "PLAT", { ...TRAFFIC, grant: G("G1") }, "NOT_GRANTEE");
    await denied(story, "RSVC", TRAFFIC, "GRANT_MISSING");
    const offer = {
      ...common("G1p", LIVE),
      grantee: PARTY.PLAT.id,
      right: "holding",
      route: [[PARTY.RSVC.id]],
      terms: terms(),
    };
    await refused(story, "RSVC", "grant.offer", offer, "RIGHT_MISSING");
  });

  const derived = (label: "G1.1" | "G1.1.1", grantee: string, above: readonly string[], day: string): JsonObject => ({
    ...common(label, LIVE),
    grantee,
    ancestors: [...above],
    terms: terms(until(day)),
  });

  it("7 MAPC derives G1.1 to RSVC: longer than its parent, EXCEEDS_PARENT; shorter, active; no deeper", async () => {
    const above = [G("G1")];
    const longer = derived("G1.1", PARTY.RSVC.id, above, "2027-03-02");
    await refused(story, "MAPC", "grant.derive", longer, "EXCEEDS_PARENT");
    await done(story, "MAPC", "grant.derive", derived("G1.1", PARTY.RSVC.id, above, "2026-12-31"));
    const deeper = derived("G1.1.1", PARTY.PLAT.id, [G("G1.1"), G("G1")], "2026-12-31");
    await refused(story, "RSVC", "grant.derive", deeper, "EXCEEDS_PARENT");
  });

  it("8 RSVC ▸ #query @G1.1 → ✓; #derive → ✗ ACTION_OUTSIDE_GRANT", async () => {
    await permitted(story, "RSVC", { ...TRAFFIC, grant: G("G1.1") });
    await denied(story, "RSVC", { ...TRAFFIC, action: "derive", grant: G("G1.1") }, "ACTION_OUTSIDE_GRANT");
  });

  const product = (change: JsonObject): JsonObject =>
    register(ETA, "MAPC", {
      kind: "product",
      title: "Route times",
      class: "route.product",
      ...graded("general-2"),
      basis: { law: "contract", duty: "route times" },
      ...held(["holding", "MAPC"], ["processing", "MAPC"], ["operating", "MAPC"]),
      ...change,
    });
  const under = (label: "G1" | "G1.1"): JsonObject => ({ lineage: [{ resource: `${LIVE}@1`, grant: G(label) }] });

  it("9 MAPC registers prd/route.eta: only with its parent, under its own grant, at its parent's grade", async () => {
    const verb = "resource.register";
    await refused(story, "MAPC", verb, product({}), "LINEAGE_MISSING", HEAD);
    await refused(story, "MAPC", verb, product(under("G1.1")), "LINEAGE_UNGRANTED", HEAD);
    await refused(story, "MAPC", verb, product({ ...under("G1"), ...graded("general-1") }), "GRADE_TOO_LOW", HEAD);
    // General-1 is below traffic.live: QUAL has examined what was taken out.
    await done(story, "QUAL", "attest", {
      attestation: story.id("A1"),
      kind: "deidentification",
      subject: `${ETA}@1`,
      result: "pass",
      level: "general-1",
      report: sha256Text("zs10 report on route times"),
    });
    const examined = { ...under("G1"), ...graded("general-1"), attestations: [story.id("A1")] };
    await done(story, "MAPC", verb, product(examined), HEAD);
  });

  /** 12, its beginning: what RSVC will pay, and who has how much of it. */
  const contracted = async (): Promise<void> => {
    await done(story, "MAPC", "offer.list", {
      offer: story.id("O1"),
      resource: `${ETA}@1`,
      purposes: ["navigation"],
      attestations: [],
      tariff: json(PRICE),
    });
    const signed = contractTerms({
      offer: story.id("O1"),
      seller: PARTY.MAPC.id,
      buyer: PARTY.RSVC.id,
      grant: G("G1p"),
      payees: {
        shares: [
          { weight: 4, to: PARTY.TRAF.id },
          { weight: 3, to: PARTY.PLAT.id },
          { weight: 3, to: PARTY.MAPC.id },
        ],
      },
    });
    for (const name of ["MAPC", "RSVC"] as const) {
      await done(story, name, "contract.sign", { contract: story.id("K1"), version: 1, terms: signed });
    }
  };

  it("10 MAPC offers G1p, RSVC accepts; 1,004 calls are permitted, the source fails twice", async () => {
    await done(story, "MAPC", "grant.offer", {
      ...common("G1p", ETA),
      grantee: PARTY.RSVC.id,
      right: "operating",
      route: [[PARTY.MAPC.id]],
      terms: terms(until("2026-12-31")),
    });
    await done(story, "RSVC", "grant.accept", { grant: G("G1p") });
    await contracted();
    story.source.failing = 2;
    const all = await story.useAll("RSVC", { ...ROUTE, grant: G("G1p") }, 1_004);
    await story.settled();
    const count = (outcome: string): number => all.filter((used) => used.outcome === outcome).length;
    expect([count("✓"), count("failed"), all.length]).to.deep.equal([1_002, 2, 1_004]);
  });

  it("11 TRAF revokes G1: MAPC and RSVC are out, the product made before is not; no next version of it", async () => {
    const ground = { ground: { value: "zs9 the platform resold it" } };
    const payload = { target: stopDigest(G("G1")), epoch: 1 };
    const { answer } = await done(story, "TRAF", "grant.revoke", payload, ground);
    expect(answer).to.include.keys("block", "index", "txId");
    await denied(story, "MAPC", { ...TRAFFIC, grant: G("G1") }, "GRANT_REVOKED");
    const below = await denied(story, "RSVC", { ...TRAFFIC, grant: G("G1.1") }, "ANCESTOR_NOT_IN_FORCE");
    expect(JSON.stringify(below.problem)).to.contain(G("G1"));
    await permitted(story, "RSVC", { ...ROUTE, grant: G("G1p") });
    const {
      resource,
      kind: _kind,
      steward: _steward,
      servedBy: _servedBy,
      logs: _logs,
      ...data
    } = product(under("G1"));
    const next = { resource: resource ?? "", version: 2, ...data };
    await refused(story, "MAPC", "resource.amend", next, "LINEAGE_UNGRANTED", HEAD);
  });

  it("13, 15 and D3: G1 405 entries, G1p 2,010, traffic.live 410; every trail verifies, and none that was touched", async () => {
    const lengths = {
      G1: await assertTrail(story, { by: "TRAF", kind: "grant", id: G("G1") }),
      G1p: await assertTrail(story, { by: "MAPC", kind: "grant", id: G("G1p") }),
      "G1.1": await assertTrail(story, { by: "RSVC", kind: "grant", id: G("G1.1") }),
      live: await assertTrail(story, { by: "TRAF", kind: "resource", id: LIVE }),
      eta: await assertTrail(story, { by: "MDB", kind: "resource", id: ETA }),
    };
    expect(lengths).to.deep.equal({ G1: 405, G1p: 2_010, "G1.1": 4, live: 410, eta: 2_010 });
    for (const name of ["TRAF", "PLAT", "MAPC", "RSVC"] as const) {
      await assertTrail(story, { by: name, kind: "party", id: PARTY[name].id });
    }
  });

  it("13 who uses a product made from TRAF's data: RSVC, through route.eta under G1p; nobody else may ask", async () => {
    const [product, ...others] = await (await story.client("TRAF")).resources.derived(LIVE);
    expect(others).to.deep.equal([]);
    expect(product).to.include({ resource: ETA, steward: PARTY.MAPC.id });
    expect(product?.users).to.deep.equal([{ grantee: PARTY.RSVC.id, grant: G("G1p"), state: "active" }]);
    const asked = (await story.client("RSVC")).resources.derived(LIVE);
    expect(await asked.catch((error: unknown) => error)).to.include({ code: "NOT_FOUND" });
  });

  it("14 MDB has product, whose data, which grant and which approval in one file, verified offline by 13's check", async () => {
    const lines = linesOf(await textOf(story, { by: "MDB", kind: "resource", id: ETA })).map(
      (line) => JSON.parse(line) as { readonly t: string; readonly kind?: string; readonly id?: string },
    );
    const chains = lines.flatMap(({ t, kind = "", id = "" }) => (t === "chain" ? [`${kind} ${id}`] : []));
    expect(chains).to.include.members([
      `resource ${ETA}`,
      `resource ${LIVE}`,
      `grant ${G("G1")}`,
      `party ${PARTY.TRAF.id}`,
    ]);
    const approvals = lines.flatMap((line) => ("request" in line ? headersOf(line.request) : []));
    expect(approvals.filter(({ typ }) => typ === "quanji-grant.approve+jws").map(({ kid }) => partyOf(kid))).to.include(
      PARTY.TRAF.id,
    );
  });

  it("D1, D2: every receipt verifies offline, cosigned by a quorum of witnesses", () => assertReceipts(story));

  it("12 RSVC pays for 1,003 calls: 4,000 + 2,515 = 6,515, of which TRAF 2,606, PLAT 1,955, MAPC 1,954", async () => {
    await story.setClock(at("2026-04-01 09:00:00"), "MDB");
    const month = { contract: story.id("K1"), grant: G("G1p"), period: MARCH, tariff: PRICE, version: 1 };
    const payload = await closing(story, "MAPC", month);
    await refused(story, "MAPC", "statement.close", { ...payload, total: "6516" }, "TOTAL_MISMATCH");
    await done(story, "MAPC", "statement.close", payload);
    const statement = await statementOf(story, "RSVC", month);
    expect(statement.lines.map(({ amount }) => amount)).to.deep.equal(["4000", "2515"]);
    expect(statement.lines.map((line) => "quantity" in line && line.quantity)).to.deep.equal(["500", "503"]);
    expect(statement.amount).to.equal("6515");
    expect(sharesOf(story, statement)).to.deep.equal({ TRAF: "2606", PLAT: "1955", MAPC: "1954" });
    expect(await accountsOf(story, "MDB", MARCH)).to.deep.equal({
      RSVC: "-6515",
      TRAF: "2606",
      PLAT: "1955",
      MAPC: "1954",
    });
  });

  it("14, 15 RSVC recomputes 6,515 from its own receipts, in any order; the 2 failed calls are in no line", async () => {
    const month = { contract: story.id("K1"), grant: G("G1p"), period: MARCH, tariff: PRICE, version: 1 };
    const own = story.uses.filter(({ use }) => use.grant === G("G1p"));
    expect(own).to.have.length(1_005);
    assertRecomputed(story, own, month, await statementOf(story, "RSVC", month));
  });

  it("12, 14, 15 the invoice of 6,515 opens, in RSVC's hands and offline, to 1,003 deliveries; the 2 failed are in none", async () => {
    const of = { contract: story.id("K1"), period: MARCH };
    const invoice = await issued(story, "MAPC", "invoice.issue", ({ documents }) =>
      documents.issueInvoice(monthOf(of)),
    );
    const { file, verdict } = await verified(story, "RSVC", invoice, of);
    expect(verdict).to.include({ kind: "invoice", total: "6515", payable: "6515", deliveries: 1_003, lines: 2 });
    expect(await refusalOf(story, reworded(file, '"6515"', '"6514"'))).to.match(/^TOTAL_MISMATCH · /);
  });

  endsAlike(async (endings) => {
    const ending = await endingOf(story, "MDB", [`/v1/statements/${story.id("K1")}/${month(MARCH)}`]);
    await assertSameEnding(story, ending, endings);
  });

  it("D5: no name, no ground and no term that was told in confidence is public", async () => {
    await assertNothingTold(story, {
      ...headsOf(PARTY),
      "head of the resource": HEAD_NAME,
      "lawful basis": BASIS,
      "ground of the stop": "zs9 the platform resold it",
      "id of G1.1": G("G1.1"), // that of G1 is in the catalogue: a product names its parents
      "id of G1p": G("G1p"),
      "id of the offer": story.id("O1"),
      "id of the contract": story.id("K1"),
      prices: '"amount":"80"',
    });
  });
});
