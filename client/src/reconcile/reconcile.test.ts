import { instant } from "@quanji/chaincode/domain";
import { expect } from "chai";
import { LOG, OTHER_LOG, PARTIES, RESOURCE, sealed, SmallWorld, SOURCE } from "../verify/support.test.js";
import type { OpenedTrust } from "../verify/index.js";
import { MISSING, reconcile, type Reconciliation, SIDES } from "./index.js";

const HOUR = 3_600_000;

describe("reconcile", () => {
  let world: SmallWorld;
  let trust: OpenedTrust;
  let grant: string;

  beforeEach(async () => {
    world = await new SmallWorld().begin();
    await world.resource({ logs: [LOG, OTHER_LOG] });
    grant = await world.grant({}, { depth: 1, logs: [LOG, OTHER_LOG] });
  });

  const join = async (...trails: readonly string[]): Promise<Reconciliation> => {
    trust = await world.trust();
    return reconcile(
      trails.map((source, i) => ({ file: `${i}.trail.ndjson`, source })),
      trust,
    );
  };
  const resource = (): Promise<string> => world.trail("resource", RESOURCE);
  const found = ({ missing }: Reconciliation): readonly string[] =>
    missing.map(({ code, log, access }) => `${code} ${log === LOG ? 0 : 1}/${access}`);

  it("both sides have spoken of every access: nothing is missing, and the trail says up to when", async () => {
    await world.accept(await world.deliver(await world.access(grant)));
    await world.deliver(await world.access(grant), "failed");
    await world.access(grant, { purpose: "marketing" });
    world.tick(HOUR);
    const result = await join(await resource());
    expect(result).to.deep.include({ ok: true, kind: "reconcile", missing: [], pending: 0, level: "committed" });
    expect(result.counts).to.deep.equal({
      permits: 2,
      denied: 1,
      delivered: 1,
      partial: 0,
      failed: 1,
      unknown: 0,
      accepted: 1,
      tallies: 0,
    });
    expect(result.trails).to.deep.equal([
      {
        file: "0.trail.ndjson",
        kind: "resource",
        id: RESOURCE,
        records: 6,
        completeThrough: instant(world.time * 1000),
      },
    ]);
    expect(result.trustDigest).to.equal(trust.digest);
  });

  it("says who has not: a permit without delivery, one given up, a delivery without its acceptance", async () => {
    const permit = await world.access(grant);
    const lost = await world.access(grant);
    await world.deliver(lost, "unknown");
    const delivered = await world.access(grant);
    const delivery = await world.deliver(delivered);
    await world.accept(await world.deliver(await world.access(grant)));
    world.tick(HOUR);
    const result = await join(await resource());
    expect(result.ok).to.equal(false);
    expect(result.code).to.equal(undefined);
    expect(found(result)).to.deep.equal([
      `DELIVERY_MISSING 0/${permit}`,
      `DELIVERY_UNKNOWN 0/${lost}`,
      `ACCEPTANCE_MISSING 0/${delivered}`,
    ]);
    const [, , last] = result.missing;
    expect(last).to.include({ delivery, rows: 1, requester: PARTIES.insurer.id, resource: RESOURCE, grant });
  });

  it("does not call missing what may still come", async () => {
    await world.access(grant);
    await world.deliver(await world.access(grant));
    const young = await join(await resource());
    expect([young.ok, young.pending, young.missing]).to.deep.equal([true, 2, []]);
    world.tick(121_000);
    expect(found(await join(await resource()))).to.deep.equal(["DELIVERY_MISSING 0/0", "ACCEPTANCE_MISSING 0/1"]);
  });

  it("joins trails of several keys, in any order, each access once", async () => {
    const early = await world.access(grant);
    const past = await world.trail("party", PARTIES.insurer.id);
    const elsewhere = await world.access(grant, { log: OTHER_LOG });
    await world.accept(await world.deliver(early));
    world.tick(HOUR);
    const now = [await resource(), past, await world.trail("grant", grant)];
    for (const order of [
      [0, 1, 2],
      [1, 0, 2],
      [2, 1, 0],
    ] as const) {
      const result = await join(...order.map((i) => now[i]!));
      expect(result.counts).to.include({ permits: 2, delivered: 1, accepted: 1 });
      expect(found(result)).to.deep.equal([`DELIVERY_MISSING 1/${elsewhere}`]);
    }
  });

  it("what is open in an old trail alone is not yet late there", async () => {
    await world.access(grant);
    const past = await world.trail("party", PARTIES.insurer.id);
    world.tick(HOUR);
    expect(await join(past)).to.include({ ok: true, pending: 1 });
  });

  describe("with a source that tallies", () => {
    beforeEach(() => world.addTallyKey("bureau", SOURCE));

    it("what its tallies count is accounted for; a hole between two, and what comes long after the last, is not", async () => {
      const first = await world.access(grant);
      await world.accept(await world.deliver(first));
      const counted = await world.access(grant);
      await world.accept(await world.deliver(counted));
      await world.tally({ from: counted, to: counted + 1, served: 1 }, SOURCE);
      const hole = await world.access(grant);
      await world.accept(await world.deliver(hole));
      const again = await world.access(grant);
      await world.tally({ from: again, to: again + 1, served: 1 }, SOURCE);
      await world.accept(await world.deliver(again));
      const young = await world.access(grant);
      await world.accept(await world.deliver(young));
      const early = await join(await resource());
      expect([found(early), early.pending, early.counts.tallies]).to.deep.equal([[`TALLY_MISSING 0/${hole}`], 1, 2]);
      world.tick(HOUR);
      const result = await join(await world.trail("party", PARTIES.insurer.id), await resource(), await resource());
      expect(found(result)).to.deep.equal([`TALLY_MISSING 0/${hole}`, `TALLY_MISSING 0/${young}`]);
      expect(result.counts.tallies).to.equal(2);
      expect(first).to.be.lessThan(counted);
    });

    it("without the resource's trail nobody can say what is not tallied", async () => {
      await world.accept(await world.deliver(await world.access(grant)));
      await world.tally({ from: 0, to: 1, served: 1 }, SOURCE);
      await world.accept(await world.deliver(await world.access(grant)));
      world.tick(HOUR);
      expect(await join(await world.trail("party", PARTIES.insurer.id))).to.include({ ok: true });
      expect(await join(await resource())).to.include({ ok: false });
    });

    it("a tally that disagrees with permits and deliveries refuses its trail", async () => {
      await world.deliver(await world.access(grant));
      await world.tally({ from: 0, to: 2, served: 2 }, SOURCE);
      expect(await join(await resource())).to.include({ ok: false, detail: "TALLY_MISMATCH" });
    });
  });

  it("a trail that does not verify is refused with its code, and nothing is said of its records", async () => {
    await world.deliver(await world.access(grant));
    world.tick(HOUR);
    const lines = await world.trailLines("resource", RESOURCE);
    const first = lines.findIndex((line) => line.t === "record");
    const result = await join(await resource(), sealed(lines.toSpliced(first, 1)));
    expect(result).to.deep.include({ ok: false, code: "TRAIL_INCOMPLETE", detail: "TRAIL_START", missing: [] });
    expect(result.file).to.equal("1.trail.ndjson");
  });

  it("every code has a side and a meaning", () => {
    for (const { side, meaning } of Object.values(MISSING)) {
      expect(SIDES).to.include(side);
      expect(meaning.length).to.be.greaterThan(10);
    }
  });
});
