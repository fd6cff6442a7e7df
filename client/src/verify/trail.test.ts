import { instant, type Receipt, stopDigest as stopDigestOf, type TrailLineOf } from "@quanji/chaincode/domain";
import { possessionInput, toBase64url, utf8 } from "@quanji/chaincode/log";
import { expect } from "chai";
import fc from "fast-check";
import { type TrailOptions, verifyTrail } from "./index.js";
import {
  LOG,
  NET,
  OTHER_LOG,
  PARTIES,
  RESOURCE,
  sealed,
  signer,
  SmallWorld,
  START,
  type TrailParts,
} from "./support.test.js";

const DAY = 86_400_000;
type Key = readonly ["grant" | "resource" | "party", string];
const INSURER: Key = ["party", PARTIES.insurer.id];
const ALL: Key = ["resource", RESOURCE];

async function verdictOf(world: SmallWorld, [kind, id]: Key, parts: TrailParts = {}, options: TrailOptions = {}) {
  return verifyTrail(await world.trail(kind, id, parts), await world.trust(), options);
}

/** Expects ok, with what else is asked for. */
async function verifies(world: SmallWorld, key: Key, parts: TrailParts = {}, options: TrailOptions = {}) {
  const verdict = await verdictOf(world, key, parts, options);
  expect(verdict, `${verdict.detail ?? ""} ${verdict.message ?? ""}`).to.include({ ok: true });
  return verdict;
}

const fresh = async (resource = {}): Promise<SmallWorld> => {
  const world = await new SmallWorld().begin();
  await world.resource(resource);
  return world;
};

describe("trail", () => {
  it("of a grant, its resource and its user verify and count the same uses", async () => {
    const world = await fresh();
    const grant = await world.grant({ quota: { unit: "call", n: 3, per: "P1D" } });
    const first = await world.access(grant);
    await world.deliver(first);
    await world.access(grant, { purpose: "marketing" });
    await world.deliver(await world.access(grant), "failed");
    for (let i = 0; i < 4; i++) await world.access(grant);
    const counts = {
      records: 9,
      permitted: 4,
      denied: 3,
      level: "committed",
      completeThrough: instant(world.time * 1000),
    };
    const own = await verifies(world, ["grant", grant]);
    expect(own).to.include(counts);
    expect(own.attested).to.deep.equal([]);
    expect(own.replayed).to.deep.equal([
      "requester",
      "orders",
      "resource",
      "boundary",
      "grantee",
      "state",
      "ancestors",
      "terms",
      "quota",
    ]);
    for (const key of [ALL, INSURER]) {
      const verdict = await verifies(world, key);
      expect(verdict).to.include(counts);
      expect(verdict.attested).to.deep.equal(["quota"]);
    }
  });

  it("shows every reason for which an access can be denied", async () => {
    const world = await fresh({
      rangeField: "day",
      fields: ["station", "day", "rain"].map((name) => ({ name, type: "date", grade: "general-1" })),
    });
    const late = await world.grant({ window: { from: instant(START + DAY), until: instant(START + 2 * DAY) } });
    const grant = await world.grant({
      rate: { n: 12, seconds: 60 },
      dataRange: { from: "2026-01-01", to: "2026-02-01" },
    });
    const range = { from: "2026-01-02", to: "2026-01-05" };
    const pending = await world.grant({}, { approve: false });
    await world.access(undefined);
    await world.access(world.uuid());
    await world.access(late);
    await world.access(pending);
    await world.access(grant, { range }, "operator");
    for (const change of [
      { action: "export" as const },
      { purpose: "marketing" },
      { fields: ["price"] },
      { environment: { kind: "tee" as const, jurisdiction: "CN" } },
      { environment: { kind: "api" as const, jurisdiction: "DE" } },
      { range: { from: "2025-01-02", to: "2026-01-05" } },
      {},
    ])
      await world.access(grant, {
        range,
        ...change,
        ...(Object.keys(change).length === 0 && { range: { from: "2026-01-05", to: "2026-01-05" } }),
      });
    for (let i = 0; i < 14; i++) await world.access(grant, { range });
    await world.command("resource.suspend", { resource: RESOURCE }, "bureau");
    await world.access(grant, { range });
    await world.command("resource.resume", { resource: RESOURCE }, "regulator");
    world.tick(3 * DAY);
    await world.access(late);
    await world.access(grant, { range });
    for (const key of [ALL, INSURER, ["grant", grant], ["grant", late], ["grant", pending]] as const) {
      const { attested, permitted } = await verifies(world, key);
      expect(permitted).to.equal(key[1] === late || key[1] === pending ? 0 : 13);
      expect(attested).to.deep.equal(key[1] === grant || key[1] === late || key[1] === pending ? [] : ["quota"]);
    }
  });

  it("G3 follows suspension, resumption and revocation, folded in or not", async () => {
    const world = await fresh();
    const grant = await world.grant({}, { depth: 1 });
    const child = await world.derive(grant);
    const target = stopDigestOf(grant);
    const use = async () => {
      await world.access(grant);
      await world.access(child, {}, "operator");
    };
    await use();
    await world.command("grant.suspend", { target, epoch: 1 }, "bureau", { grant, stop: true });
    await use();
    expect((await verifies(world, ["grant", grant])).attested).to.include("state");
    await world.fold(grant);
    await use();
    await world.command("grant.resume", { grant, epoch: 1 }, "bureau");
    await use();
    await world.command("grant.suspend", { target, epoch: 2 }, "bureau", { grant, stop: true });
    await use();
    await world.command("grant.revoke", { target, epoch: 2 }, "bureau", { grant, stop: true });
    await use();
    await world.fold(grant);
    await use();
    const own = await verifies(world, ["grant", grant]);
    expect(own).to.include({ permitted: 2, denied: 5 });
    expect(own.attested).to.deep.equal(["state", "quota"].filter((name) => own.attested.includes(name)));
    expect(await verifies(world, ["grant", child])).to.include({ permitted: 2, denied: 5 });
    expect(await verifies(world, ALL)).to.include({ permitted: 4, denied: 10 });
  });

  it("a stop that the regulator overtook before it was folded", async () => {
    const world = await fresh();
    const grant = await world.grant();
    const target = stopDigestOf(grant);
    await world.access(grant);
    await world.command("grant.suspend", { target, epoch: 1 }, "bureau", { grant, stop: true });
    await world.access(grant);
    await world.command("grant.revoke", { target, epoch: 1 }, "regulator", { grant });
    await world.access(grant);
    await world.fold(grant);
    await world.access(grant);
    expect(await verifies(world, ["grant", grant])).to.include({ permitted: 1, denied: 3 });
    expect(await verifies(world, ALL)).to.include({ permitted: 1, denied: 3 });
  });

  it("a stop by the regulator, and orders on resource, party and grant", async () => {
    const world = await fresh();
    const grant = await world.grant();
    const targets = [
      { kind: "resource", id: RESOURCE },
      { kind: "party", id: PARTIES.insurer.id },
      { kind: "grant", id: stopDigestOf(grant) },
    ] as const;
    for (const target of targets) {
      const order = world.uuid();
      await world.command("order.freeze", { order, target, ground: world.fresh() }, "regulator");
      await world.access(grant);
      await world.command("order.lift", { order, ground: world.fresh() }, "regulator");
      await world.access(grant);
    }
    await world.command("grant.revoke", { target: stopDigestOf(grant), epoch: 1 }, "regulator", { grant });
    await world.access(grant);
    expect(await verifies(world, ["grant", grant])).to.include({ permitted: 3, denied: 4 });
    expect((await verifies(world, ALL, { without: [`orders ${NET}`] })).attested).to.include("orders");
  });

  it("boundary lists: published, superseded and ended", async () => {
    const world = await fresh();
    const grant = await world.grant();
    const cell = { from: "any", to: "any", class: "any", purpose: "any", action: "any" } as const;
    const publish = (version: number, cells: object[], until?: string) =>
      world.command(
        "boundary.publish",
        {
          list: "negative",
          version,
          effectiveFrom: instant(world.nowMs + 2000),
          ...(until && { until }),
          cells: cells as [],
        },
        "regulator",
      );
    await world.access(grant);
    await publish(1, [{ ...cell, effect: "require", approver: PARTIES.operator.id }]);
    await world.tick(5000).access(grant);
    await publish(2, [{ ...cell, class: "weather.daily", effect: "forbid" }]);
    await world.tick(5000).access(grant);
    await publish(3, [{ ...cell, effect: "require", approver: PARTIES.approver.id }], instant(world.nowMs + 60_000));
    await world.tick(5000).access(grant);
    await world.tick(60_000).access(grant);
    expect(await verifies(world, ["grant", grant])).to.include({ permitted: 3, denied: 2 });
    expect((await verifies(world, ALL, { without: [`boundary ${NET}`] })).attested).to.include("boundary");
  });

  it("quota by row, by day, given back, and with uses under sub-grants", async () => {
    const world = await fresh();
    const grant = await world.grant(
      { quota: { unit: "row", n: 10, per: "P1D" }, rate: { n: 100, seconds: 3600 } },
      { depth: 1 },
    );
    const child = await world.derive(grant, {
      quota: { unit: "row", n: 5, per: "P1D" },
      rate: { n: 100, seconds: 3600 },
    });
    for (const quantity of [4, 4, 4]) await world.access(grant, { quantity });
    await world.deliver(await world.access(child, { quantity: 2 }, "operator"), "failed");
    await world.access(child, { quantity: 2 }, "operator");
    await world.access(grant, { quantity: 1 });
    await world.tick(DAY).access(grant, { quantity: 10 });
    const own = await verifies(world, ["grant", grant]);
    expect(own).to.include({ permitted: 3, denied: 2 });
    expect(own.attested).to.deep.equal(["quota"]);
    const below = await verifies(world, ["grant", child]);
    expect(below).to.include({ permitted: 2, denied: 0 });
    expect(below.attested).to.deep.equal(["quota"]);
    const alone = await verifies(world, ["grant", child], { without: [`grant ${grant}`] });
    expect(alone.attested).to.include.members(["orders", "boundary", "ancestors", "quota"]);
  });

  it("what is not in the file is attested, not replayed; `replay all` then refuses", async () => {
    const world = await fresh();
    const grant = await world.grant({ obligations: [{ op: "mask", field: "station", arg: "1,1" }] });
    await world.deliver(await world.access(grant));
    await world.access(grant, { purpose: "marketing" });
    const order = world.uuid();
    await world.command(
      "order.freeze",
      { order, target: { kind: "resource", id: RESOURCE }, ground: world.fresh() },
      "regulator",
    );
    await world.access(grant);
    const terms = await verifies(world, INSURER, { without: [`grant ${grant}`] });
    expect(terms.replayed).to.deep.equal(["requester", "resource"]);
    const nothing = { without: [`grant ${grant}`, `resource ${RESOURCE}`, `orders ${NET}`, `boundary ${NET}`] };
    expect((await verifies(world, INSURER, nothing)).replayed).to.deep.equal(["requester"]);
    expect(await verdictOf(world, INSURER, nothing, { replay: "all" })).to.include({
      code: "TRAIL_INCOMPLETE",
      detail: "CHAIN_MISSING",
    });
    expect(await verifies(world, ["grant", grant], {}, { replay: "all" })).to.include({ ok: true });
  });

  it("a resource that changes, and one about persons", async () => {
    const world = await fresh({ subjectKind: "person" });
    const grant = await world.grant();
    await world.access(grant);
    await world.command(
      "resource.amend",
      {
        resource: RESOURCE,
        version: 2,
        title: "Weather",
        class: "weather.hourly",
        grade: { standard: "GB/T 43697-2024", level: "general-1" },
        sharing: "conditional",
        subjectKind: "person",
        basis: { law: "Law", duty: "Duty" },
        responsibleHead: world.fresh(),
        fields: [{ name: "rain", type: "number", grade: "general-1" }],
        rights: [{ kind: "holding", holder: PARTIES.bureau.id, basis: "Law" }],
      },
      "bureau",
    );
    await world.access(grant);
    await world.access(grant, { fields: ["rain"] });
    expect(await verifies(world, ALL)).to.include({ permitted: 2, denied: 1 });
  });

  it("keys: rotated, compromised, hosted; parties suspended", async () => {
    const world = await fresh();
    const grant = await world.grant();
    const { id } = PARTIES.insurer;
    const second = signer("insurer 2", "ES256");
    const rotate = (key: ReturnType<typeof signer>, retire: string, purpose: "act" | "recovery" = "act") => ({
      party: id,
      key: { jwk: key.jwk, purpose, custody: "hosted" as const },
      possession: toBase64url(key.sign(possessionInput(NET, id, key.jwk))),
      ...(retire !== "" && { retire }),
    });
    const recovery = signer("insurer recovery");
    await world.access(grant);
    await world.command("party.rotateKey", rotate(recovery, "", "recovery"), "insurer");
    await world.command("party.rotateKey", rotate(second, PARTIES.insurer.key.print), "insurer");
    await world.access(grant);
    await world.access(grant, {}, "insurer", { key: second });
    await world.command(
      "party.compromiseKey",
      { party: id, thumbprint: second.print, since: instant(START) },
      "insurer",
      { key: recovery },
    );
    await world.access(grant, {}, "insurer", { key: second });
    await world.command("party.suspend", { party: PARTIES.operator.id }, "regulator");
    await world.access(undefined, {}, "operator");
    await world.command("party.resume", { party: PARTIES.operator.id }, "regulator");
    await world.access(undefined, {}, "operator");
    const verdict = await verifies(world, ALL);
    expect(verdict).to.include({ permitted: 2, denied: 4 });
    expect(verdict.hosted).to.deep.equal([
      `${id}#${second.print}`,
      `${PARTIES.operator.id}#${PARTIES.operator.key.print}`,
    ]);
    expect((await verifies(world, ["grant", grant])).hosted).to.have.length(1);
  });

  it("voids fill the gaps of a party's sequence", async () => {
    const world = await fresh();
    const grant = await world.grant();
    await world.access(grant);
    const kid = `${PARTIES.insurer.id}#${PARTIES.insurer.key.print}`;
    const lost = world.seq(LOG, kid);
    await world.access(grant);
    expect(await verdictOf(world, INSURER)).to.include({ code: "TRAIL_INCOMPLETE", detail: "SEQ_GAP" });
    await verifies(world, ["grant", grant]);
    await world.void(lost);
    expect(await verifies(world, INSURER)).to.include({ records: 3, permitted: 2 });
  });

  it("proves absence, in every log and for every kind", async () => {
    const world = await fresh({ logs: [LOG, OTHER_LOG] });
    const grant = await world.grant();
    for (const key of [["grant", grant], ["party", PARTIES.approver.id], INSURER] as const) {
      const verdict = await verifies(world, key);
      expect(verdict).to.include({ records: 0, permitted: 0, level: "committed" });
      expect(verdict.replayed).to.deep.equal([]);
    }
  });

  describe("of a period", () => {
    let world: SmallWorld;
    let grant: string;
    const times: string[] = [];
    before(async () => {
      world = await fresh();
      grant = await world.grant({ quota: { unit: "call", n: 100, per: "window" } });
      for (let i = 0; i < 6; i++) {
        await world.tick(60_000).access(grant);
        times.push(instant(world.nowMs));
      }
      await world.deliver(0);
    });
    const keys = (): Key[] => [["grant", grant], ALL, INSURER];

    it("begins after its predecessor", async () => {
      for (const key of keys()) {
        const verdict = await verifies(world, key, { from: times[2]! });
        expect(verdict).to.include({ records: 5, permitted: 4 });
        expect(verdict.attested).to.deep.equal(["quota"]);
      }
    });

    it("ends before its successor: complete through the period's end", async () => {
      for (const key of keys()) {
        const parts = { from: times[1]!, to: times[4]!, successor: true };
        expect(await verifies(world, key, parts)).to.include({ records: 3, completeThrough: times[4] });
      }
    });

    it("ends with a head note that is late enough", async () => {
      expect(await verifies(world, ALL, { to: times[4]! })).to.include({ records: 7 });
      expect(await verdictOf(world, ALL, { to: instant(world.nowMs + 1000) })).to.include({
        detail: "DIRECTORY_STALE",
      });
    });

    it("with nothing in it", async () => {
      world.tick(60_000);
      expect(await verifies(world, ["grant", grant], { from: instant(world.nowMs) })).to.include({ records: 0 });
    });

    it("32 that does not begin where it says is refused", async () => {
      const lines = await world.trailLines("grant", grant, { from: times[2]! });
      const { from: _from, ...open } = lines[0] as TrailLineOf<"trail">;
      for (const head of [open, { ...open, from: times[0]! }]) {
        const verdict = await verifyTrail(sealed([head, ...lines.slice(1)]), await world.trust());
        expect(verdict).to.include({ code: "TRAIL_INCOMPLETE", detail: "TRAIL_START" });
      }
    });

    it("that is empty or reversed is refused", async () => {
      const lines = await world.trailLines("grant", grant);
      const head = { ...lines[0]!, from: times[2], to: times[2] };
      const verdict = await verifyTrail(sealed([head, ...lines.slice(1)]), await world.trust());
      expect(verdict).to.include({ ok: false, detail: "TRAIL_START" });
    });

    it("52b holds every receipt that the caller holds", async () => {
      const receipts: Receipt[] = await Promise.all([1, 4, 6].map((index) => world.receiptPayload(LOG, index)));
      await verifies(world, ALL, {}, { receipts });
      const parts = { from: times[3]! };
      expect(await verdictOf(world, ALL, parts, { receipts })).to.include({
        code: "TRAIL_INCOMPLETE",
        detail: "RECEIPT_NOT_IN_TRAIL",
      });
    });

    it("reads chunks that end anywhere, tells its progress, and passes on what the source throws", async () => {
      const text = await world.trail(...ALL);
      const bytes = utf8(text);
      async function* chunks(size: number) {
        for (let i = 0; i < bytes.length; i += size) yield await Promise.resolve(bytes.subarray(i, i + size));
      }
      const whole = await verifyTrail(text, await world.trust());
      for (const size of [1, 7, 1000, 65_536]) {
        expect(await verifyTrail(chunks(size), await world.trust())).to.deep.equal(whole);
      }
      expect(await verifyTrail(bytes, await world.trust())).to.deep.equal(whole);
      expect(await verifyTrail(text.trimEnd(), await world.trust())).to.deep.equal(whole);
      async function* broken() {
        yield await Promise.resolve(text.slice(0, 100));
        throw new Error("the disk is gone");
      }
      const thrown: unknown = await verifyTrail(broken(), await world.trust()).catch((error: unknown) => error);
      expect(thrown).to.be.instanceOf(Error).with.property("message", "the disk is gone");
    });
  });

  it("a test network says so, and its clock may run ahead", async () => {
    const world = await new SmallWorld().begin({ testClock: true });
    await world.resource();
    await world.command("clock.set", { offsetMs: 1000 }, "regulator");
    const grant = await world.grant();
    await world.access(grant);
    const trust = await world.trust({ testClock: true }, START - 400 * DAY);
    expect(await verifyTrail(await world.trail("grant", grant), trust)).to.include({ ok: true, testClock: true });
    const real = await verifyTrail(await world.trail("grant", grant), await world.trust({}, START - 400 * DAY));
    expect(real).to.include({ ok: false, detail: "TIME_FUTURE" });
    expect(await verdictOf(world, ["grant", grant])).to.include({ ok: false, detail: "GENESIS_MISMATCH" });
  });

  it("PROPERTY any history that the chaincode records verifies, for every key", async () => {
    type Action =
      "use" | "misuse" | "child" | "deliver" | "fail" | "suspend" | "fold" | "resume" | "freeze" | "void" | "hour";
    const actions = fc.array(
      fc.constantFrom<Action>(
        "use",
        "use",
        "misuse",
        "child",
        "deliver",
        "fail",
        "suspend",
        "fold",
        "resume",
        "freeze",
        "void",
        "hour",
      ),
      { maxLength: 14 },
    );
    await fc.assert(
      fc.asyncProperty(actions, async (history) => {
        const world = await fresh();
        const grant = await world.grant({ quota: { unit: "call", n: 4, per: "PT1H" } }, { depth: 1 });
        const child = await world.derive(grant, { quota: { unit: "call", n: 2, per: "PT1H" } });
        let open: number[] = [];
        let epoch = 1;
        let state: "active" | "stopped" | "folded" = "active";
        const permit = async (index: number): Promise<void> => {
          if (world.find(LOG, index).stored.face.includes('"permit"')) open.push(index);
          return Promise.resolve();
        };
        for (const action of history) {
          if (action === "use") await permit(await world.access(grant));
          if (action === "misuse") await world.access(grant, { purpose: "marketing" });
          if (action === "child") await permit(await world.access(child, {}, "operator"));
          if ((action === "deliver" || action === "fail") && open[0] !== undefined) {
            await world.deliver(open[0], action === "deliver" ? "delivered" : "unknown");
            open = open.slice(1);
          }
          if (action === "suspend" && state === "active") {
            await world.command("grant.suspend", { target: stopDigestOf(grant), epoch }, "bureau", {
              grant,
              stop: true,
            });
            state = "stopped";
          }
          if (action === "fold" && state === "stopped") {
            await world.fold(grant);
            state = "folded";
          }
          if (action === "resume" && state === "folded") {
            await world.command("grant.resume", { grant, epoch: epoch++ }, "bureau");
            state = "active";
          }
          if (action === "freeze") {
            const target = { kind: "party" as const, id: PARTIES.operator.id };
            await world.command("order.freeze", { order: world.uuid(), target, ground: world.fresh() }, "regulator");
          }
          if (action === "void") await world.void(world.seq(LOG, `${PARTIES.insurer.id}#${PARTIES.insurer.key.print}`));
          if (action === "hour") world.tick(3_600_000);
        }
        const keys: Key[] = [["grant", grant], ["grant", child], ALL, INSURER, ["party", PARTIES.operator.id]];
        for (const key of keys) await verifies(world, key);
      }),
      { numRuns: 15 },
    );
  });
});
