import { expect } from "chai";
import { randomUUID } from "node:crypto";
import { type Caps, type ContractTerms, type Attestation, MAX_SPLIT_DEPTH } from "../domain/index.js";
import { publicKeys } from "../world/keys.js";
import { expectRefusal } from "../testing/expect.js";
import { PRODUCT, PUBLIC, TestMarket } from "../testing/market.js";
import { IDS, NET, terms } from "../testing/test-network.js";
import { heldBy, weatherField } from "../testing/weather.js";

const DAY = 86_400_000;

describe("contracts: attestations and caps", () => {
  let market: TestMarket;
  beforeEach(async () => {
    market = await TestMarket.begin();
  });
  const stored = (id: string) => market.network.get(publicKeys.attestation(id)) as Attestation;

  it("each kind is attested by a party whose role it is", async () => {
    await expectRefusal(market.attest({}, "operator"), "ROLE_REQUIRED");
    await expectRefusal(market.attest({ kind: "security.review" }), "ROLE_REQUIRED");
    await expectRefusal(market.attest({}, "regulator"), "ROLE_REQUIRED");
    await market.attest({ kind: "security.review" }, "regulator");
    await market.attest({ kind: "compliance" }, "regulator");
    const id = await market.attest({ kind: "compliance" });
    expect(stored(id)).to.include({ state: "valid", issuer: market.assessor.party, subject: `${PRODUCT}@1` });
  });

  it("a level belongs to a passed de-identification, and a window is not over", async () => {
    await expectRefusal(market.attest({ kind: "deidentification" }), "MALFORMED");
    await expectRefusal(market.attest({ level: "general-1" }), "MALFORMED");
    await expectRefusal(market.attest({ kind: "deidentification", result: "fail", level: "general-1" }), "MALFORMED");
    const now = new Date(market.network.nowMs).toISOString();
    await expectRefusal(market.attest({ until: now }), "BACKDATED");
    const failed = await market.attest({ kind: "deidentification", result: "fail" });
    expect(stored(failed).state).to.equal("failed");
    await expectRefusal(
      market.network.send(market.assessor, "attestation.withdraw", { net: NET, attestation: failed }),
      "STATE_CONFLICT",
      "failed",
    );
  });

  it("the issuer or the regulator withdraws it, for ever", async () => {
    const attestation = await market.attest();
    const withdraw = { net: NET, attestation };
    await expectRefusal(market.network.send("operator", "attestation.withdraw", withdraw), "ROLE_REQUIRED");
    await expectRefusal(
      market.network.send(market.assessor, "attestation.withdraw", { net: NET, attestation: randomUUID() }),
      "STATE_CONFLICT",
      "absent",
    );
    await expectRefusal(market.attest({ attestation }), "STATE_CONFLICT", "valid");
    await market.network.send("regulator", "attestation.withdraw", withdraw);
    await expectRefusal(market.network.send(market.assessor, "attestation.withdraw", withdraw), "STATE_CONFLICT");
    expect(stored(attestation)).to.include({ state: "withdrawn", n: 2, version: 2 });
  });

  it("a cap is set by the steward or the regulator, version by version, and never for the past", async () => {
    const cap = (version: number, change: object = {}) => ({
      net: NET,
      resource: PUBLIC,
      version,
      unit: "call",
      currency: "CNY",
      amount: "40",
      from: new Date(market.network.nowMs).toISOString(),
      ...change,
    });
    await expectRefusal(market.network.send("operator", "price.cap", cap(1)), "ROLE_REQUIRED");
    await expectRefusal(market.network.send("bureau", "price.cap", cap(2)), "STATE_CONFLICT");
    await expectRefusal(market.network.send("bureau", "price.cap", cap(1, { resource: "res/none" })), "NOT_FOUND");
    const past = new Date(market.network.nowMs - 1).toISOString();
    await expectRefusal(market.network.send("bureau", "price.cap", cap(1, { from: past })), "BACKDATED");
    await expectRefusal(market.network.send("bureau", "price.cap", cap(1, { amount: "-1" })), "MALFORMED");
    await market.network.send("bureau", "price.cap", cap(1));
    await expectRefusal(market.network.send("bureau", "price.cap", cap(1)), "STATE_CONFLICT");
    await market.network.send("regulator", "price.cap", cap(2, { amount: "30" }));
    const caps = market.network.get(publicKeys.cap(PUBLIC)) as Caps;
    expect(caps.versions.map(({ by, amount }) => [by, amount])).to.deep.equal([
      [IDS.bureau, "40"],
      [IDS.regulator, "30"],
    ]);
  });
});

describe("contracts: products and what attests them", () => {
  let market: TestMarket;
  beforeEach(async () => {
    market = await TestMarket.begin();
  });
  const LOW = {
    grade: { standard: "GB/T 43697-2024", level: "general-1" },
    fields: [weatherField("day", "date"), weatherField("rain", "number")],
  };
  const low = (attestations?: readonly string[], change: object = {}) =>
    market.register("operator", "prd/low", { ...LOW, ...(attestations !== undefined && { attestations }), ...change });
  const examined = (change: object = {}) =>
    market.attest({ kind: "deidentification", level: "general-1", subject: "prd/low@1", ...change });

  it("a grade below the parents' needs a de-identification of exactly this version", async () => {
    await expectRefusal(low(), "GRADE_TOO_LOW");
    await expectRefusal(low([await market.attest({ subject: "prd/low@1" })]), "GRADE_TOO_LOW");
    await expectRefusal(low([await examined({ level: "general-2" })]), "GRADE_TOO_LOW");
    await expectRefusal(low([randomUUID()]), "ATTESTATION_MISSING");
    await expectRefusal(low([await examined({ subject: "prd/low@2" })]), "ATTESTATION_MISSING");
    await expectRefusal(low([await examined({ subject: "prd/lows@1" })]), "ATTESTATION_MISSING");
    await expectRefusal(low([await examined({ result: "fail", level: undefined })]), "ATTESTATION_MISSING");
    const ended = await examined({ until: new Date(market.network.nowMs + 10).toISOString() });
    market.network.nowMs += 10;
    await expectRefusal(low([ended]), "ATTESTATION_MISSING", ended);
    const withdrawn = await examined();
    await market.network.send(market.assessor, "attestation.withdraw", { net: NET, attestation: withdrawn });
    await expectRefusal(low([withdrawn]), "ATTESTATION_MISSING", withdrawn);
    await low([await examined()]);
    expect(market.network.resource("prd/low")?.grade.level).to.equal("general-1");
  });

  it("nobody attests its own product, and no field is below its own grade", async () => {
    const attested = await examined();
    market.network.actors.stranger = market.assessor;
    const own = {
      attestations: [attested],
      steward: market.assessor.party,
      rights: heldBy(market.assessor.party),
      lineage: undefined,
      originDeclaration: "own sensors",
    };
    await expectRefusal(market.register("stranger", "prd/low", own), "ATTESTATION_MISSING", attested);
    await market.register("stranger", "prd/low", { ...own, attestations: undefined });
    await expectRefusal(low([attested], { fields: [weatherField("day", "date", "general-2")] }), "STATE_CONFLICT");
    const other = await examined({ subject: "prd/other@1" });
    const above = { ...LOW, attestations: [other], fields: [weatherField("day", "date", "general-2")] };
    await expectRefusal(market.register("operator", "prd/other", above), "GRADE_TOO_LOW");
  });

  it("an amendment needs an attestation of its own version", async () => {
    const first = await examined();
    await low([first]);
    const before = market.network.resource("prd/low");
    const amend = (attestations: readonly string[]) => {
      const { v, id, state, kind, steward, servedBy, logs, version, n, at, ...metadata } = before!;
      [v, state, kind, steward, servedBy, logs, version, n, at];
      return market.network.send("operator", "resource.amend", {
        net: NET,
        resource: id,
        version: 2,
        ...metadata,
        attestations,
      });
    };
    await expectRefusal(amend([first]), "ATTESTATION_MISSING", first);
    await amend([await examined({ subject: "prd/low@2" })]);
    expect(market.network.resource("prd/low")?.version).to.equal(2);
  });

  describe("a grant's clause on derivatives", () => {
    const clause = (operating: string) => ({ lineage: "required", operating, survives: true });
    const deriving = (derivative: object | undefined, change: object = {}) =>
      market.network.granted("operator", PUBLIC, "bureau", {
        terms: { ...terms({ actions: ["query", "derive", "subgrant"] }), derivative },
        ...change,
      });

    it("says who holds the operating right in what is made", async () => {
      const grant = await deriving(clause(IDS.insurer));
      const lineage = [{ resource: `${PUBLIC}@1`, grant }];
      const made = (holder: string) => ({ lineage, rights: [{ kind: "operating", holder, basis: "made" }] });
      await expectRefusal(market.register("operator", "prd/x", { lineage }), "RIGHT_MISSING", IDS.insurer);
      await expectRefusal(
        market.register("operator", "prd/x", { lineage, rights: heldBy(IDS.insurer) }),
        "RIGHT_MISSING",
      );
      const later = new Date(market.network.nowMs + DAY).toISOString();
      const future = [{ kind: "operating", holder: IDS.insurer, basis: "made", from: later }];
      await expectRefusal(market.register("operator", "prd/x", { lineage, rights: future }), "RIGHT_MISSING");
      await market.register("operator", "prd/x", made(IDS.insurer));
    });

    it("promises nothing that nobody enforces, and goes with derive", async () => {
      await expectRefusal(deriving({ ...clause(IDS.operator), survives: false }), "MALFORMED");
      await expectRefusal(deriving({ operating: IDS.operator, survives: true }), "MALFORMED");
      await expectRefusal(
        market.network.granted("operator", PUBLIC, "bureau", {
          terms: { ...terms(), derivative: clause(IDS.operator) },
        }),
        "MALFORMED",
      );
    });

    it("is kept by whoever derives under a sub-grant", async () => {
      const parent = await deriving(clause(IDS.operator), { depth: 1 });
      const child = (derivative: object | undefined, actions: readonly string[]) =>
        market.network.send("operator", "grant.derive", {
          net: NET,
          grant: randomUUID(),
          resource: `${PUBLIC}@1`,
          grantee: IDS.insurer,
          ancestors: [parent],
          depth: 0,
          logs: market.network.grant(parent)?.logs,
          terms: { ...terms(), actions, ...(derivative !== undefined && { derivative }) },
        });
      await expectRefusal(child(undefined, ["derive"]), "EXCEEDS_PARENT", "derivative");
      await expectRefusal(child(clause(IDS.insurer), ["derive"]), "EXCEEDS_PARENT", "derivative");
      await child(clause(IDS.operator), ["derive"]);
      await child(undefined, ["query"]);
    });

    it("leaves what was made before a revocation usable, and lets no further version rest on it", async () => {
      const parent = await deriving(clause(IDS.operator));
      const lineage = [{ resource: `${PUBLIC}@1`, grant: parent }];
      await market.register("operator", "prd/x", { lineage });
      const use = await market.network.granted("insurer", "prd/x", "operator");
      await market.network.stop("bureau", "grant.revoke", parent);
      await market.network.fold(parent);
      const access = await market.network.access("insurer", { resource: "prd/x", grant: use });
      expect(await market.network.decide(access)).to.deep.equal(["permit"]);
      await expectRefusal(market.register("operator", "prd/y", { lineage }), "LINEAGE_UNGRANTED");
    });
  });
});

describe("contracts: offers", () => {
  let market: TestMarket;
  beforeEach(async () => {
    market = await TestMarket.begin();
  });
  const capped = (amount: string, change: object = {}, by: "bureau" | "regulator" = "bureau", version = 1) =>
    market.network.send(by, "price.cap", {
      net: NET,
      resource: PUBLIC,
      version,
      unit: "call",
      currency: "CNY",
      amount,
      from: new Date(market.network.nowMs).toISOString(),
      ...change,
    });

  it("are listed by who holds the operating right in the newest version of a resource that is served here", async () => {
    await expectRefusal(market.list({}, "insurer"), "RIGHT_MISSING");
    await expectRefusal(market.list({ resource: `${PUBLIC}@1` }, "bureau"), "RIGHT_MISSING");
    await expectRefusal(market.list({ resource: "prd/none@1" }), "NOT_FOUND");
    await expectRefusal(market.list({ resource: `${PRODUCT}@2` }), "STATE_CONFLICT", `${PRODUCT}@1`);
    await expectRefusal(market.list({ purposes: [] }), "MALFORMED");
    const offer = await market.list();
    expect(market.offer(offer)).to.include({ state: "listed", seller: IDS.operator, n: 1 });
    await expectRefusal(market.list({ offer }), "STATE_CONFLICT", "listed");
    await market.network.send("operator", "resource.suspend", { net: NET, resource: PRODUCT });
    await expectRefusal(market.list(), "RESOURCE_SUSPENDED");
  });

  it("name an exchange that is one, and is not the seller", async () => {
    await expectRefusal(market.list({ exchange: IDS.insurer }), "ROLE_REQUIRED");
    await expectRefusal(market.list({ exchange: "urn:quanji-test:nobody" }), "PARTY_INACTIVE");
    await expectRefusal(market.list({ exchange: IDS.operator }), "CONFLICT_OF_INTEREST");
    await market.network.send("regulator", "party.suspend", { net: NET, party: market.exchange.party });
    await expectRefusal(market.list(), "PARTY_INACTIVE");
    await market.list({ exchange: undefined });
  });

  it("stay within every cap in force, of the product and of what it is made from", async () => {
    await capped("37");
    await market.list();
    await expectRefusal(
      market.list({ tariff: market.tariff({ tiers: [{ amount: "38", per: 1 }] }) }),
      "CAP_EXCEEDED",
      PUBLIC,
    );
    await market.list({ tariff: market.tariff({ currency: "USD", tiers: [{ amount: "38", per: 1 }] }) });
    await market.list({ tariff: market.tariff({ unit: "row", tiers: [{ amount: "38", per: 1 }] }) });
    // 371 for 10 is a tenth above.
    await expectRefusal(
      market.list({ tariff: market.tariff({ tiers: [{ amount: "371", per: 10 }] }) }),
      "CAP_EXCEEDED",
    );
    // The steward cannot lift what the regulator has set.
    await capped("36", {}, "regulator", 2);
    await capped("1000", {}, "bureau", 3);
    await expectRefusal(market.list(), "CAP_EXCEEDED");
    await market.list({ tariff: market.tariff({ tiers: [{ amount: "36", per: 1 }] }) });
    await expectRefusal(
      market.list({ tariff: market.tariff({ tiers: [{ amount: "36", per: 1 }], cap: "35" }) }),
      "CAP_EXCEEDED",
      "tariff",
    );
  });

  it("need valid attestations, and those that a list requires", async () => {
    await market.publish("market", 1, [
      { from: IDS.bureau, class: "weather.daily", effect: "exchangeOnly", requires: ["quality", "conversion"] },
    ]);
    await expectRefusal(market.list({ exchange: undefined }), "OFF_EXCHANGE", PUBLIC);
    await expectRefusal(market.list(), "ATTESTATION_MISSING", "quality");
    const quality = await market.attest();
    await expectRefusal(market.list({ attestations: [quality] }), "ATTESTATION_MISSING", "conversion");
    const other = await market.attest({ kind: "conversion", subject: `${PUBLIC}@1` });
    await expectRefusal(market.list({ attestations: [quality, other] }), "ATTESTATION_MISSING", other);
    const until = new Date(market.network.nowMs + 5).toISOString();
    const short = await market.attest({ kind: "conversion", until });
    const offer = await market.list({ attestations: [quality, short] });
    market.network.nowMs += 5;
    await expectRefusal(market.list({ attestations: [quality, short] }), "ATTESTATION_MISSING", short);
    // What has run out since the listing is missed when somebody signs.
    await expectRefusal(market.contracted(market.terms(offer)), "ATTESTATION_MISSING", short);
  });

  it("of products without a public ancestor are free, and so are cells about other buyers", async () => {
    await market.publish("market", 1, [{ from: IDS.bureau, class: "weather.daily", effect: "exchangeOnly" }]);
    await market.register("operator", "prd/own", { lineage: undefined, originDeclaration: "own sensors" });
    await market.list({ resource: "prd/own@1", exchange: undefined });
    await market.publish("market", 2, [{ from: IDS.bureau, to: IDS.legal, effect: "exchangeOnly" }]);
    await market.list({ exchange: undefined });
  });

  it("a cell that requires attestations is one of exchangeOnly", async () => {
    await expectRefusal(market.publish("x", 1, [{ effect: "forbid", requires: ["quality"] }]), "MALFORMED");
  });

  it("a product of a product has the first one's ancestors", async () => {
    await market.publish("market", 1, [{ from: IDS.bureau, class: "weather.daily", effect: "exchangeOnly" }]);
    const grant = await market.network.granted("insurer", PRODUCT, "operator", {
      terms: terms({ actions: ["derive"] }),
    });
    await market.register("insurer", "prd/third", { lineage: [{ resource: `${PRODUCT}@1`, grant }] });
    await expectRefusal(
      market.list({ resource: "prd/third@1", exchange: undefined }, "insurer"),
      "OFF_EXCHANGE",
      PUBLIC,
    );
  });

  it("are delisted by seller, exchange or regulator", async () => {
    const delist = (by: Parameters<typeof market.sign>[0], offer: string) =>
      market.network.send(by, "offer.delist", { net: NET, offer });
    const offer = await market.list();
    await expectRefusal(delist("insurer", offer), "ROLE_REQUIRED");
    await expectRefusal(delist("operator", randomUUID()), "STATE_CONFLICT", "absent");
    await delist("operator", offer);
    await expectRefusal(delist("operator", offer), "STATE_CONFLICT", "delisted");
    await delist(market.exchange, await market.list());
    await delist("regulator", await market.list());
    await expectRefusal(market.contracted(market.terms(offer)), "STATE_CONFLICT", "delisted");
  });

  it("have tariffs from a month to come, one a month, of one kind", async () => {
    const offer = await market.list();
    const APRIL = "2026-03-31T16:00:00.000Z"; // midnight at +08:00
    const publish = (change: object, version = 2, by: "operator" | "insurer" = "operator") =>
      market.network.send(by, "tariff.publish", {
        net: NET,
        offer,
        version,
        tariff: { ...market.tariff({ from: APRIL, tiers: [{ amount: "40", per: 1 }] }), ...change },
      });
    await expectRefusal(publish({}, 2, "insurer"), "ROLE_REQUIRED");
    await expectRefusal(publish({}, 3), "STATE_CONFLICT");
    await expectRefusal(publish({ from: "2026-02-28T16:00:00.000Z" }), "BACKDATED");
    await expectRefusal(publish({ from: "2026-03-15T16:00:00.000Z" }), "MALFORMED");
    await expectRefusal(publish({ from: "2026-04-01T00:00:00.000Z" }), "MALFORMED");
    for (const change of [{ unit: "row" }, { currency: "USD" }]) await expectRefusal(publish(change), "MALFORMED");
    const performance = { indicator: "uptime", none: 0, full: 1, heldBps: 1 };
    await expectRefusal(publish({ performance }), "MALFORMED");
    await expectRefusal(publish({ cap: "39" }), "CAP_EXCEEDED");
    await publish({});
    await expectRefusal(publish({}, 3), "STATE_CONFLICT");
    // A cap that begins in May does not bind April's price, and one of April binds May's.
    await capped("39", { from: "2026-04-30T16:00:00.000Z" });
    await expectRefusal(publish({ from: "2026-04-30T16:00:00.000Z" }, 3), "CAP_EXCEEDED", PUBLIC);
    await publish({ from: "2026-04-30T16:00:00.000Z", tiers: [{ amount: "39", per: 1 }] }, 3);
    expect(market.offer(offer)?.tariffs.map(({ version }) => version)).to.deep.equal([1, 2, 3]);
  });
});

describe("contracts: contracts", () => {
  let market: TestMarket;
  let offer: string;
  let agreed: ContractTerms;
  beforeEach(async () => {
    market = await TestMarket.begin();
    offer = await market.list();
    agreed = market.terms(offer);
  });

  it("are in force once seller, buyer and exchange have signed the same terms", async () => {
    const contract = randomUUID();
    await market.sign("operator", contract, agreed);
    expect(market.contract(contract)).to.include({ state: "draft", version: 0 });
    await expectRefusal(market.sign("operator", contract, agreed), "STATE_CONFLICT", "signed");
    await expectRefusal(
      market.sign("insurer", contract, { ...agreed, disputeDays: 11 }),
      "STATE_CONFLICT",
      "TERMS_DIFFER",
    );
    await market.sign("insurer", contract, agreed);
    expect(market.contract(contract)?.state).to.equal("draft");
    market.network.nowMs += 1000;
    await market.sign(market.exchange, contract, agreed);
    const signed = market.contract(contract);
    expect(signed).to.include({ state: "active", version: 1, n: 3 });
    expect(signed?.versions[0]?.from).to.equal(new Date(market.network.nowMs).toISOString());
    await expectRefusal(market.sign("insurer", contract, agreed), "STATE_CONFLICT");
  });

  it("are signed and seen by their parties alone", async () => {
    const contract = randomUUID();
    await expectRefusal(market.sign("legal", contract, agreed), "ROLE_REQUIRED");
    await market.sign("operator", contract, agreed);
    await expectRefusal(market.sign("legal", contract, agreed), "NOT_FOUND");
    await expectRefusal(market.network.send("legal", "contract.terminate", { net: NET, contract }), "NOT_FOUND");
    await expectRefusal(
      market.network.send("legal", "contract.terminate", { net: NET, contract: randomUUID() }),
      "NOT_FOUND",
    );
  });

  it("over a product with a public ancestor name an exchange 公共数据必须进场", async () => {
    const direct = await market.list({ exchange: undefined });
    await market.publish("market", 1, [{ from: IDS.bureau, class: "weather.daily", effect: "exchangeOnly" }]);
    const without = { ...market.terms(direct), exchange: undefined };
    await expectRefusal(market.contracted(without, ["operator"]), "OFF_EXCHANGE", PUBLIC);
    // Leaving out the exchange of an offer that has one changes nothing.
    await expectRefusal(market.contracted({ ...agreed, exchange: undefined }, ["operator"]), "OFF_EXCHANGE");
    await market.contracted(agreed);
  });

  it("are judged by the uses that their grant allows", async () => {
    const direct = await market.list({ exchange: undefined });
    const without = { ...market.terms(direct), exchange: undefined } as never;
    await market.publish("market", 1, [{ from: IDS.bureau, action: "export", effect: "exchangeOnly" }]);
    await market.contracted(without, ["operator"]);
    await market.publish("market", 2, [{ from: IDS.bureau, to: IDS.insurer, action: "query", effect: "exchangeOnly" }]);
    await expectRefusal(market.contracted(without, ["operator"]), "OFF_EXCHANGE");
  });

  it("are over the offer's resource, between its seller and exchange, and the grant's two parties", async () => {
    const refuse = (
      change: object,
      code: Parameters<typeof expectRefusal>[1],
      by: "operator" | "insurer" = "operator",
    ) => expectRefusal(market.sign(by, randomUUID(), { ...agreed, ...change }), code);
    await refuse({ offer: randomUUID() }, "NOT_FOUND");
    await refuse({ grant: randomUUID() }, "NOT_FOUND");
    await refuse({ grant: market.derive }, "NOT_FOUND");
    await refuse({ seller: IDS.bureau }, "NOT_FOUND", "insurer");
    await refuse({ buyer: IDS.legal }, "NOT_FOUND");
    await refuse({ exchange: IDS.legal }, "MALFORMED");
    await refuse({ exchange: undefined }, "MALFORMED");
    await refuse({ exchange: IDS.insurer }, "CONFLICT_OF_INTEREST");
    await refuse({ buyer: IDS.operator }, "CONFLICT_OF_INTEREST");
    const wider = await market.network.granted("insurer", PRODUCT, "operator", {
      right: "operating",
      terms: terms({ purposes: ["risk.assessment", "marketing"] }),
    });
    await refuse({ grant: wider }, "MALFORMED");
    await market.network.stop("operator", "grant.revoke", market.grant);
    await market.network.fold(market.grant);
    await refuse({}, "STATE_CONFLICT");
  });

  it("name payees that exist, a measurer if the tariff needs one, and an end to come", async () => {
    const refuse = (change: object, code: Parameters<typeof expectRefusal>[1]) =>
      expectRefusal(market.sign("operator", randomUUID(), { ...agreed, ...change }), code);
    await refuse({ payees: { shares: [{ weight: 1, to: "urn:quanji-test:nobody" }] } }, "NOT_FOUND");
    await refuse({ payees: { shares: [] } }, "MALFORMED");
    await refuse({ until: new Date(market.network.nowMs).toISOString() }, "BACKDATED");
    await refuse({ measurer: IDS.legal }, "MALFORMED");
    await refuse({ counterparts: ["tally", "tally"] }, "MALFORMED");
    const performance = { indicator: "uptime", none: 0, full: 1, heldBps: 1 };
    const paid = market.terms(await market.list({ tariff: market.tariff({ performance }) }));
    await expectRefusal(market.contracted(paid), "MALFORMED");
    await market.contracted({ ...paid, measurer: IDS.legal });
    const future = market.terms(await market.list({ tariff: market.tariff({ from: "2026-03-05T00:00:00.000Z" }) }));
    await expectRefusal(market.contracted(future), "STATE_CONFLICT");
  });

  it("bill a grant one at a time", async () => {
    const first = await market.contracted(agreed);
    await expectRefusal(market.contracted(agreed), "STATE_CONFLICT", "BILLED");
    await market.network.send("insurer", "contract.terminate", { net: NET, contract: first });
    expect(market.contract(first)).to.include({ state: "terminated" });
    await expectRefusal(market.sign("insurer", first, agreed, 2), "STATE_CONFLICT", "terminated");
    await expectRefusal(
      market.network.send("operator", "contract.terminate", { net: NET, contract: first }),
      "STATE_CONFLICT",
    );
    market.network.nowMs += 1;
    const until = new Date(market.network.nowMs + 1000).toISOString();
    const second = await market.contracted({ ...agreed, until });
    market.network.nowMs += 1000;
    // Its end is decided: nobody has to act.
    await expectRefusal(
      market.network.send("operator", "contract.terminate", { net: NET, contract: second }),
      "STATE_CONFLICT",
      "completed",
    );
    await expectRefusal(market.sign("insurer", second, agreed, 2), "STATE_CONFLICT", "completed");
    await market.contracted(agreed);
  });

  it("splits lie as deep as a chain of sub-grants may, measured at every level, and no deeper", async () => {
    const deep = (levels: number): ContractTerms["payees"] => ({
      shares: [
        { weight: { grant: market.grant }, to: levels === 1 ? IDS.bureau : deep(levels - 1) },
        { weight: 1, to: IDS.operator },
      ],
    });
    const contract = await market.contracted({ ...agreed, payees: deep(MAX_SPLIT_DEPTH) });
    expect(market.contract(contract)).to.include({ state: "active" });
    // As its party reads it and signs again: a change of it is compared word for word.
    await market.sign("operator", contract, { ...agreed, payees: deep(MAX_SPLIT_DEPTH), disputeDays: 20 }, 2);
    await market.sign("insurer", contract, { ...agreed, payees: deep(MAX_SPLIT_DEPTH), disputeDays: 20 }, 2);
    await expectRefusal(
      market.sign("operator", randomUUID(), { ...agreed, payees: deep(MAX_SPLIT_DEPTH + 1) }),
      "MALFORMED",
    );
  });

  it("two drafts over one grant: only one comes into force", async () => {
    const [one, two] = [randomUUID(), randomUUID()];
    for (const id of [one, two]) for (const by of ["operator", "insurer"] as const) await market.sign(by, id, agreed);
    await market.sign(market.exchange, two, agreed);
    await expectRefusal(market.sign(market.exchange, one, agreed), "STATE_CONFLICT", "BILLED");
  });

  it("change from the first month after all have signed", async () => {
    const contract = await market.contracted(agreed);
    const change = { ...agreed, disputeDays: 20 };
    await expectRefusal(market.sign("operator", contract, change, 3), "STATE_CONFLICT");
    await expectRefusal(market.sign("operator", contract, { ...change, grant: market.derive }, 2), "MALFORMED");
    await market.sign("operator", contract, change, 2);
    expect(market.contract(contract)).to.include({ state: "active", version: 1 });
    // A proposal that nobody else signs gives way to the next.
    await market.sign("insurer", contract, { ...change, disputeDays: 30 }, 3);
    await expectRefusal(market.sign("insurer", contract, change, 2), "STATE_CONFLICT");
    await market.sign("operator", contract, { ...change, disputeDays: 30 }, 3);
    await market.sign(market.exchange, contract, { ...change, disputeDays: 30 }, 3);
    const changed = market.contract(contract);
    expect(changed?.versions.map(({ version, from }) => [version, from])).to.deep.equal([
      [1, "2026-03-02T01:00:00.000Z"],
      [3, "2026-03-31T16:00:00.000Z"],
    ]);
    expect(changed).to.include({ state: "active", version: 3 });
    const ending = { ...change, until: "2026-03-20T00:00:00.000Z" };
    await market.sign("operator", contract, ending, 4);
    await market.sign("insurer", contract, ending, 4);
    await expectRefusal(market.sign(market.exchange, contract, ending, 4), "STATE_CONFLICT");
  });

  it("write nothing of prices, parties or terms into public state", async () => {
    const contract = await market.contracted(agreed);
    const shown = [...market.network.state.values]
      .filter(([key]) => !key.includes("\u0000"))
      .map(([key, value]) => `${key} ${value}`)
      .join("\n");
    for (const secret of [offer, contract, market.grant, "disputeDays", "tiers", "payees"]) {
      expect(shown).to.not.include(secret);
    }
  });
});
