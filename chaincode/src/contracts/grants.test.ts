import { expect } from "chai";
import { randomUUID } from "node:crypto";
import { type Grant, stopDigest } from "../domain/index.js";
import { canonical } from "../log/index.js";
import { committed } from "../testing/actors.js";
import { expectRefusal } from "../testing/expect.js";
import { IDS, LOG, NET, terms, TestNetwork } from "../testing/test-network.js";

const RES = "res/weather.daily";

describe("contracts: grants", () => {
  let network: TestNetwork;
  beforeEach(async () => {
    network = await TestNetwork.begin();
    await network.registerResource("bureau", RES);
  });
  const request = (change: object) => network.request("insurer", RES, "bureau", change);

  it("rests on a right of the grantor, on known fields, logs and versions, and is never to oneself", async () => {
    await expectRefusal(request({ grantor: IDS.legal, route: [[IDS.legal]] }), "RIGHT_MISSING");
    await expectRefusal(request({ right: "operating" }), "RIGHT_MISSING");
    await expectRefusal(request({ terms: terms({ fields: ["day", "salary"] }) }), "MALFORMED");
    await expectRefusal(request({ logs: [`${NET}/holder/1`] }), "MALFORMED");
    await expectRefusal(request({ resource: `${RES}@2` }), "STATE_CONFLICT", `${RES}@1`);
    await expectRefusal(request({ resource: "res/none@1" }), "NOT_FOUND");
    await expectRefusal(request({ route: [[IDS.legal]] }), "MALFORMED");
    await expectRefusal(network.request("bureau", RES, "bureau"), "CONFLICT_OF_INTEREST");
    const grant = await request({});
    await expectRefusal(request({ grant }), "STATE_CONFLICT");
  });

  it("a term that nobody enforces yet is MALFORMED", async () => {
    for (const term of [
      { consent: { mode: "VIEW" } },
      { duties: [] },
      { frequency: { n: 1, per: "P1D" } },
      { dataLife: 3 },
    ]) {
      await expectRefusal(request({ terms: { ...terms(), ...term } }), "MALFORMED", "FIELD_UNKNOWN");
    }
  });

  it("windows, ranges, obligations and quotas must make sense", async () => {
    const bad = [
      { window: { from: "2026-04-01T00:00:00.000Z", until: "2026-04-01T00:00:00.000Z" } },
      { dataRange: { from: "2026-02-01", to: "2026-01-01" } },
      { obligations: [{ op: "mask", field: "station" }] },
      { obligations: [{ op: "round", field: "rain" }] },
      { obligations: [{ op: "round", field: "rain", arg: "0" }] },
      { obligations: [{ op: "mask", field: "day", arg: "3" }] },
      { obligations: [{ op: "drop", field: "day", arg: "1" }] },
      { obligations: [{ op: "round", field: "day", arg: "1" }] },
      { quota: { unit: "call", n: 1, per: "P1D", allotted: [{ log: LOG, n: 2 }] } },
      { quota: { unit: "call", n: 1, per: "P1D", allotted: [{ log: `${NET}/holder/9`, n: 1 }] } },
    ] as const;
    for (const change of bad) await expectRefusal(request({ terms: terms(change as object) }), "MALFORMED");
    const twoLogs = { logs: [LOG, `${NET}/holder/1`], terms: terms({ quota: { unit: "call", n: 1, per: "P1D" } }) };
    await expectRefusal(request(twoLogs), "MALFORMED");
    const { rangeField: _rangeField, ...unranged } = network.get(`resource/${RES}`) as Record<string, unknown>;
    network.state.values.set(`resource/${RES}`, JSON.stringify(unranged));
    await expectRefusal(request({ terms: terms({ dataRange: { months: 1 } }) }), "MALFORMED");
    const over = terms({ window: { from: "2026-01-01T00:00:00.000Z", until: "2026-02-01T00:00:00.000Z" } });
    await expectRefusal(request({ terms: over }), "BACKDATED");
  });

  it("a resource of another organisation is not granted here", async () => {
    await expectRefusal(network.send("insurer", "grant.request", {}, { submitterMsp: "ExchangeMSP" }), "MALFORMED");
    const value = JSON.parse(network.state.values.get(`resource/${RES}`) ?? "{}") as object;
    network.state.values.set(`resource/${RES}`, JSON.stringify({ ...value, servedBy: "ExchangeMSP" }));
    await expectRefusal(request({}), "COMMAND_MISDIRECTED");
    network.state.values.set(`resource/${RES}`, JSON.stringify({ ...value, sharing: "none" }));
    await expectRefusal(request({}), "BOUNDARY_FORBIDS");
  });

  it("stages decide in order, parties of a stage in any order, nobody for another", async () => {
    await network.registerResource("bureau", "res/routed", { route: [[IDS.bureau, IDS.legal], [IDS.regulator]] });
    const grant = await network.request("insurer", "res/routed", "bureau");
    const approve = (by: Parameters<TestNetwork["send"]>[0]) => network.send(by, "grant.approve", { net: NET, grant });
    await expectRefusal(approve("regulator"), "STATE_CONFLICT", "waiting");
    await expectRefusal(approve("insurer"), "ROLE_REQUIRED");
    await expectRefusal(approve("stranger"), "ROLE_REQUIRED");
    await approve("legal");
    await expectRefusal(approve("legal"), "ROLE_REQUIRED");
    expect(await network.decide(await network.access("insurer", { resource: "res/routed", grant }))).to.deep.equal([
      "GRANT_PENDING",
    ]);
    await approve("bureau");
    await approve("regulator");
    expect(network.grant(grant)?.state).to.equal("active");
    await expectRefusal(approve("bureau"), "STATE_CONFLICT", "active");
  });

  it("a grantee who stands in the route cannot ask: nobody approves its own grant", async () => {
    await network.registerResource("bureau", "res/routed", { route: [[IDS.insurer], [IDS.bureau]] });
    await expectRefusal(network.request("insurer", "res/routed", "bureau"), "CONFLICT_OF_INTEREST");
  });

  it("a refusal is final; a request is withdrawn by its applicant only", async () => {
    const refused = await request({});
    await network.send("bureau", "grant.refuse", { net: NET, grant: refused });
    await expectRefusal(
      network.send("bureau", "grant.approve", { net: NET, grant: refused }),
      "STATE_CONFLICT",
      "refused",
    );
    expect(await network.decide(await network.access("insurer", { grant: refused }))).to.deep.equal(["GRANT_REVOKED"]);
    const withdrawn = await request({});
    await expectRefusal(network.send("bureau", "grant.withdraw", { net: NET, grant: withdrawn }), "ROLE_REQUIRED");
    await network.send("insurer", "grant.withdraw", { net: NET, grant: withdrawn });
    expect(network.grant(withdrawn)?.state).to.equal("withdrawn");
    await expectRefusal(network.send("insurer", "grant.withdraw", { net: NET, grant: randomUUID() }), "STATE_CONFLICT");
  });

  it("an offer waits for the grantee, then for the others of the route", async () => {
    const grant = randomUUID();
    const offer = {
      net: NET,
      grant,
      resource: `${RES}@1`,
      grantee: IDS.insurer,
      right: "holding",
      depth: 0,
      logs: [LOG],
      terms: terms(),
      route: [[IDS.bureau]],
    };
    await expectRefusal(
      network.send("stranger", "grant.offer", { ...offer, route: [[IDS.stranger]] }),
      "RIGHT_MISSING",
    );
    await network.send("bureau", "grant.offer", offer);
    await expectRefusal(network.send("bureau", "grant.accept", { net: NET, grant }), "ROLE_REQUIRED");
    await expectRefusal(network.send("insurer", "grant.withdraw", { net: NET, grant }), "ROLE_REQUIRED");
    await network.send("insurer", "grant.accept", { net: NET, grant });
    expect(network.grant(grant)?.state).to.equal("active");
  });

  describe("boundaries at grant time", () => {
    const cell = { from: IDS.bureau, to: "any", class: "weather.daily", purpose: "risk.assessment", action: "query" };
    const publish = (change: object, by: Parameters<TestNetwork["send"]>[0] = "regulator") =>
      network.send(by, "boundary.publish", {
        net: NET,
        list: "city",
        version: 1,
        effectiveFrom: new Date(network.nowMs).toISOString(),
        cells: [{ ...cell, effect: "forbid" }],
        ...change,
      });

    it("a list is published by its owner, in order, never backdated, with an approver where it requires", async () => {
      await expectRefusal(publish({}, "bureau"), "ROLE_REQUIRED");
      await expectRefusal(publish({ version: 2 }), "STATE_CONFLICT");
      await expectRefusal(publish({ effectiveFrom: "2026-01-01T00:00:00.000Z" }), "BACKDATED");
      await expectRefusal(publish({ until: new Date(network.nowMs).toISOString() }), "MALFORMED");
      await expectRefusal(publish({ cells: [{ ...cell, effect: "require" }] }), "MALFORMED");
      await publish({});
      await network.send("regulator", "party.suspend", { net: NET, party: IDS.stranger });
    });

    it("forbid refuses the grant; require wants the approver in the route; a later version replaces an earlier", async () => {
      await publish({});
      await expectRefusal(request({}), "BOUNDARY_FORBIDS");
      await publish({ version: 2, cells: [{ ...cell, effect: "require", approver: IDS.legal }] });
      await expectRefusal(request({}), "BOUNDARY_APPROVAL");
      await network.registerResource("bureau", "res/routed", { route: [[IDS.legal], [IDS.bureau]] });
      await network.request("insurer", "res/routed", "bureau");
    });

    it("a must-share cell lets nobody refuse without a ground", async () => {
      await publish({ cells: [{ ...cell, class: "any", effect: "mustShare" }] });
      const grant = await request({});
      await expectRefusal(network.send("bureau", "grant.refuse", { net: NET, grant }), "REFUSAL_UNFOUNDED");
      const jti = randomUUID();
      const ground = committed(network.actors.bureau.kid, jti, "ground", "secrecy law, article 9");
      await network.send(
        "bureau",
        "grant.refuse",
        { net: NET, grant, ground: ground.commitment },
        {
          jti,
          transient: { openings: JSON.stringify(ground.openings) },
        },
      );
      expect(network.grant(grant)?.state).to.equal("refused");
    });
  });

  describe("sub-grants", () => {
    let parent: string;
    const derive = (by: "insurer" | "operator", change: object = {}, ancestors: readonly string[] = [parent]) => {
      const grant = randomUUID();
      const payload = {
        net: NET,
        grant,
        resource: `${RES}@1`,
        grantee: IDS.operator,
        ancestors,
        depth: 0,
        logs: [LOG],
        terms: terms(),
        ...change,
      };
      return network.send(by, "grant.derive", payload).then(() => grant);
    };
    beforeEach(async () => {
      parent = await network.granted("insurer", RES, "bureau", {
        depth: 2,
        terms: terms({ actions: ["query", "subgrant"], quota: { unit: "call", n: 5, per: "window" } }),
      });
    });

    it("only narrow", async () => {
      await expectRefusal(derive("insurer", { depth: 2 }), "EXCEEDS_PARENT", "depth");
      await expectRefusal(
        derive("insurer", { terms: terms({ actions: ["query", "export"] }) }),
        "EXCEEDS_PARENT",
        "actions",
      );
      await expectRefusal(
        derive("insurer", { terms: terms({ jurisdictions: ["DE"] }) }),
        "EXCEEDS_PARENT",
        "jurisdictions",
      );
      await expectRefusal(derive("operator"), "NOT_FOUND");
      await expectRefusal(derive("insurer", {}, [parent, randomUUID()]), "MALFORMED");
      await expectRefusal(derive("insurer", { grantee: IDS.bureau }), "CONFLICT_OF_INTEREST");
      await expectRefusal(derive("insurer", { grantee: IDS.insurer }), "CONFLICT_OF_INTEREST");
      const flat = await network.granted("insurer", RES, "bureau", { depth: 1 });
      await expectRefusal(derive("insurer", {}, [flat]), "EXCEEDS_PARENT", "subgrant");
      const grant = await derive("insurer");
      expect(network.grant(grant)?.state).to.equal("active");
    });

    it("a grandchild names all its ancestors, and stopping the root stops all below", async () => {
      const child = await derive("insurer", { depth: 1, terms: terms({ actions: ["query", "subgrant"] }) });
      const grandchild = await derive("operator", { grantee: IDS.stranger }, [child, parent]);
      const access = () => network.access("stranger", { grant: grandchild });
      expect(await network.decide(await access())).to.deep.equal(["permit"]);
      await network.stop("bureau", "grant.suspend", parent);
      expect(await network.decide(await access())).to.deep.equal(["ANCESTOR_NOT_IN_FORCE"]);
      await expectRefusal(derive("operator", { grantee: IDS.legal }, [child, parent]), "ANCESTOR_NOT_IN_FORCE");
    });

    it("uses of a child count against its parent: nobody overdraws together", async () => {
      const child = await derive("insurer");
      const calls = [];
      for (let i = 0; i < 4; i++) calls.push(await network.access("operator", { grant: child }));
      for (let i = 0; i < 3; i++) calls.push(await network.access("insurer", { grant: parent }));
      expect(await network.decide(...calls)).to.deep.equal([
        ...Array.from({ length: 5 }, () => "permit"),
        "QUOTA_EXCEEDED",
        "QUOTA_EXCEEDED",
      ]);
    });
  });

  describe("stops", () => {
    let grant: string;
    beforeEach(async () => {
      grant = await network.granted("insurer", RES, "bureau");
    });
    const decide = async () => network.decide(await network.access("insurer", { grant }));

    it("G3 a stop writes its key alone, under the home's policy, and bites before it is folded", async () => {
      expect(network.state.policies.get(`stop/${stopDigest(grant)}`)).to.deep.equal(["HolderMSP"]);
      await network.stop("bureau", "grant.suspend", grant);
      expect([...(network.lastEffects?.writes.keys() ?? [])]).to.deep.equal([`stop/${stopDigest(grant)}`]);
      expect(await decide()).to.deep.equal(["GRANT_SUSPENDED"]);
      expect(network.grant(grant)?.state).to.equal("active");
    });

    it("G3 nobody but the grantor writes the stop key, whatever the endorser says", async () => {
      await expectRefusal(network.stop("stranger", "grant.revoke", grant), "NOT_FOUND");
      await expectRefusal(network.stop("insurer", "grant.revoke", grant), "NOT_FOUND");
      const other = randomUUID();
      await expectRefusal(network.stop("bureau", "grant.revoke", other), "NOT_FOUND");
      const command = await network.sign("bureau", "grant.revoke", { net: NET, target: stopDigest(grant), epoch: 1 });
      const wrong = { command: JSON.stringify(command), grant: other };
      await expectRefusal(
        network.run("grants:stop", canonical({ gateway: "holder" }), { transient: wrong }),
        "NOT_FOUND",
      );
      const resume = await network.sign("bureau", "grant.resume", { net: NET, grant, epoch: 1 });
      const notStop = { command: JSON.stringify(resume), grant };
      await expectRefusal(
        network.run("grants:stop", canonical({ gateway: "holder" }), { transient: notStop }),
        "MALFORMED",
      );
    });

    it("G3 an absent stop key counts as stopped", async () => {
      network.state.values.delete(`stop/${stopDigest(grant)}`);
      expect(await decide()).to.deep.equal(["GRANT_SUSPENDED"]);
    });

    it("resuming needs the stop folded, comes from who suspended, and raises the epoch", async () => {
      const resume = (epoch: number, by: Parameters<TestNetwork["send"]>[0] = "bureau") =>
        network.send(by, "grant.resume", { net: NET, grant, epoch });
      await expectRefusal(network.fold(grant), "STATE_CONFLICT");
      const command = await network.stop("bureau", "grant.suspend", grant);
      await expectRefusal(resume(1), "STOP_PENDING");
      await network.fold(grant);
      await expectRefusal(network.fold(grant), "STATE_CONFLICT");
      await expectRefusal(resume(1, "regulator"), "ROLE_REQUIRED");
      await expectRefusal(resume(2), "STATE_CONFLICT");
      await resume(1);
      expect(network.grant(grant)).to.include({ state: "active", epoch: 2 });
      expect(await decide()).to.deep.equal(["permit"]);
      const transient = { command: JSON.stringify(command), grant };
      await expectRefusal(
        network.run("grants:stop", canonical({ gateway: "holder" }), { transient }),
        "STATE_CONFLICT",
      );
    });

    it("a revocation overtakes a suspension, and nothing follows it", async () => {
      await network.stop("bureau", "grant.suspend", grant);
      await expectRefusal(network.stop("bureau", "grant.suspend", grant), "STATE_CONFLICT");
      await network.stop("bureau", "grant.revoke", grant);
      expect(await decide()).to.deep.equal(["GRANT_REVOKED"]);
      await expectRefusal(network.stop("bureau", "grant.suspend", grant), "STATE_CONFLICT");
      await network.fold(grant);
      expect(network.grant(grant)?.state).to.equal("revoked");
      await expectRefusal(network.send("bureau", "grant.resume", { net: NET, grant, epoch: 1 }), "STATE_CONFLICT");
      await expectRefusal(network.fold(randomUUID()), "NOT_FOUND");
    });

    it("a stop that the regulator overtakes is folded once, changes nothing, and only so", async () => {
      const regulator = (verb: "grant.suspend" | "grant.revoke") =>
        network.send("regulator", verb, { net: NET, target: stopDigest(grant), epoch: 1 }, { transient: { grant } });
      await network.stop("bureau", "grant.suspend", grant);
      await regulator("grant.suspend");
      const overtaken = network.grant(grant);
      await network.fold(grant);
      expect(network.grant(grant)).to.deep.include({ state: "suspended", stoppedBy: overtaken?.stoppedBy });
      expect(network.grant(grant)?.n).to.equal((overtaken?.n ?? 0) + 1);
      await expectRefusal(network.fold(grant), "STATE_CONFLICT");
      await expectRefusal(regulator("grant.suspend"), "STATE_CONFLICT");
      await network.stop("bureau", "grant.revoke", grant);
      await regulator("grant.revoke");
      await network.fold(grant);
      expect(network.grant(grant)).to.deep.include({ state: "revoked", stoppedBy: overtaken?.stoppedBy });
      await expectRefusal(regulator("grant.revoke"), "STATE_CONFLICT");
      const own = { net: NET, target: stopDigest(grant), epoch: 1 };
      await expectRefusal(network.send("bureau", "grant.revoke", own, { transient: { grant } }), "STATE_CONFLICT");
    });

    it("G3 nobody ends another's stop: neither the regulator the grantor's, nor a resumption one that is not folded", async () => {
      const body = { net: NET, target: stopDigest(grant), epoch: 1 };
      const resume = (by: Parameters<TestNetwork["send"]>[0], epoch = 1) =>
        network.send(by, "grant.resume", { net: NET, grant, epoch });
      await network.send("regulator", "grant.suspend", body, { transient: { grant } });
      await network.stop("bureau", "grant.suspend", grant);
      await expectRefusal(resume("regulator"), "STOP_PENDING");
      await network.fold(grant);
      await expectRefusal(resume("bureau"), "ROLE_REQUIRED");
      await resume("regulator");
      expect(network.grant(grant)).to.include({ state: "suspended", epoch: 1 });
      expect(await decide()).to.deep.equal(["GRANT_SUSPENDED"]);
      await expectRefusal(resume("regulator"), "ROLE_REQUIRED");
      await resume("bureau");
      expect(network.grant(grant)).to.include({ state: "active", epoch: 2 });
      expect(network.grant(grant)).not.to.have.any.keys("stoppedBy", "alsoStoppedBy");
      expect(await decide()).to.deep.equal(["permit"]);
    });

    it("G3 a revocation that is not folded is not lost when the same party resumes", async () => {
      await network.stop("bureau", "grant.suspend", grant);
      await network.fold(grant);
      await network.stop("bureau", "grant.revoke", grant);
      await expectRefusal(network.send("bureau", "grant.resume", { net: NET, grant, epoch: 1 }), "STOP_PENDING");
      await network.fold(grant);
      await expectRefusal(network.send("bureau", "grant.resume", { net: NET, grant, epoch: 1 }), "STATE_CONFLICT");
      expect(await decide()).to.deep.equal(["GRANT_REVOKED"]);
    });

    it("the regulator stops by an ordinary command of two organisations; a stranger does not", async () => {
      const send = (by: Parameters<TestNetwork["send"]>[0], verb: string, id = grant) =>
        network.send(by, verb, { net: NET, target: stopDigest(grant), epoch: 1 }, { transient: { grant: id } });
      await expectRefusal(send("stranger", "grant.revoke"), "ROLE_REQUIRED");
      await expectRefusal(send("regulator", "grant.revoke", randomUUID()), "NOT_FOUND");
      await send("regulator", "grant.suspend");
      expect(await decide()).to.deep.equal(["GRANT_SUSPENDED"]);
      await expectRefusal(network.send("bureau", "grant.resume", { net: NET, grant, epoch: 1 }), "ROLE_REQUIRED");
      await network.send("regulator", "grant.resume", { net: NET, grant, epoch: 1 });
      await send("regulator", "grant.revoke").then(
        () => expect.fail("an old epoch was accepted"),
        () => undefined,
      );
      expect(network.grant(grant)?.state).to.equal("active");
    });

    it("a grantor revokes a request that is still pending", async () => {
      const pending = await network.request("insurer", RES, "bureau");
      await network.send(
        "bureau",
        "grant.revoke",
        { net: NET, target: stopDigest(pending), epoch: 1 },
        { transient: { grant: pending } },
      );
      expect((network.grant(pending) as Grant).state).to.equal("revoked");
    });
  });

  describe("orders", () => {
    const freeze = (target: object, order = randomUUID(), by: Parameters<TestNetwork["send"]>[0] = "regulator") =>
      network.send(by, "order.freeze", { net: NET, order, target, ground: "A".repeat(43) }).then(() => order);

    it("freeze a resource, a party, a grant: alone, at once, in one key", async () => {
      const grant = await network.granted("insurer", RES, "bureau");
      const decide = async () => network.decide(await network.access("insurer", { grant }));
      const targets = [
        { kind: "resource", id: RES },
        { kind: "party", id: IDS.insurer },
        { kind: "grant", id: stopDigest(grant) },
      ];
      for (const target of targets) {
        const order = await freeze(target);
        expect([...(network.lastEffects?.writes.keys() ?? [])]).to.deep.equal(["orders"]);
        expect(await decide()).to.deep.equal(["ORDER_FROZEN"]);
        await network.send("regulator", "order.lift", { net: NET, order, ground: "A".repeat(43) });
        expect(await decide()).to.deep.equal(["permit"]);
      }
    });

    it("only the regulator orders; an order is given once and lifted once", async () => {
      const target = { kind: "resource", id: RES };
      await expectRefusal(freeze(target, randomUUID(), "bureau"), "ROLE_REQUIRED");
      const order = await freeze(target);
      await expectRefusal(freeze(target, order), "STATE_CONFLICT");
      const lift = (by: Parameters<TestNetwork["send"]>[0], id = order) =>
        network.send(by, "order.lift", { net: NET, order: id, ground: "A".repeat(43) });
      await expectRefusal(lift("bureau"), "ROLE_REQUIRED");
      await expectRefusal(lift("regulator", randomUUID()), "STATE_CONFLICT");
      await network.send("regulator", "party.admit", { net: NET, party: IDS.legal, roles: ["regulator"] }).then(
        () => expect.fail("admitted twice"),
        () => undefined,
      );
      await lift("regulator");
      await expectRefusal(lift("regulator"), "STATE_CONFLICT");
    });
  });
});
