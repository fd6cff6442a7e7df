import { randomUUID } from "node:crypto";
import { expect } from "chai";
import fc from "fast-check";
import { type Counter, quotaShare, rateShare, stopDigest, type Terms } from "../domain/index.js";
import { expectRefusal } from "../testing/expect.js";
import { IDS, LOG, NET, terms, TestNetwork, URL_BASE } from "../testing/test-network.js";
import { privateKeys, publicKeys, type Sealed } from "../world/index.js";

const RES = "res/weather.daily";
const SECOND = `${NET}/holder/1`;
const LOGS = [LOG, SECOND];
const HOUR_MS = 3_600_000;

describe("contracts: several logs of one gateway", () => {
  let network: TestNetwork;
  beforeEach(async () => {
    network = await TestNetwork.begin();
    await network.createLog(SECOND);
    await network.registerResource("bureau", RES, { logs: LOGS });
  });

  const granted = (quota: Terms["quota"], change: Partial<Terms> = {}, more: object = {}) =>
    network.granted("insurer", RES, "bureau", {
      logs: LOGS,
      terms: terms({ ...(quota !== undefined && { quota }), ...change }),
      ...more,
    });
  const allot = (grant: string, first: number, second: number, by: "bureau" | "insurer" | "regulator" = "bureau") =>
    network.send(by, "grant.allot", {
      net: NET,
      grant,
      allotted: [
        { log: LOG, n: first },
        { log: SECOND, n: second },
      ],
    });
  const use = async (log: string, grant: string, change: object = {}) =>
    (await network.decideIn(log, await network.access("insurer", { grant, log, ...change })))[0];
  const used = (grant: string, log: string): number =>
    (network.private(privateKeys.count(log, grant)) as Sealed<Counter> | undefined)?.value.quota.used ?? 0;

  it("a second log has a head, a key policy and a place in the directory of its own, and shares the secret", async () => {
    expect(network.log(SECOND)).to.include({ origin: SECOND, msp: "HolderMSP", size: 0 });
    expect(network.state.policies.get(publicKeys.log(SECOND))).to.deep.equal(["HolderMSP", "RegulatorMSP"]);
    await expectRefusal(network.createLog(SECOND), "STATE_CONFLICT");
    await expectRefusal(network.createLog(`${NET}/other/1`), "MALFORMED");
    const grant = await granted(undefined);
    expect(await use(LOG, grant)).to.equal("permit");
    expect(await use(SECOND, grant)).to.equal("permit");
    expect([network.log()?.size, network.log(SECOND)?.size]).to.deep.equal([1, 1]);
  });

  it("G2 a request counts in the log that it names, and sequence numbers are dense in each", async () => {
    const grant = await granted(undefined);
    const item = await network.access("insurer", { grant, log: SECOND });
    await expectRefusal(network.record([item]), "NOT_FOUND");
    await network.record([item], { log: SECOND });
    await expectRefusal(network.record([item], { log: SECOND }), "COMMAND_REPLAYED");
    expect(await use(LOG, grant, { seq: 0 })).to.equal("permit");
  });

  it("a delivery belongs to a permit of its own log", async () => {
    const grant = await granted(undefined);
    expect(await use(LOG, grant)).to.equal("permit");
    const delivery = {
      type: "delivery" as const,
      access: 0,
      first: 0,
      bytes: 0,
      digest: "A".repeat(43),
      masked: [],
      outcome: "failed" as const,
      rows: 0,
      ...network.item(),
    };
    await expectRefusal(network.record([delivery], { log: SECOND }), "NOT_FOUND");
    await network.record([delivery]);
  });

  it("a grant that does not name a log is unknown there", async () => {
    const grant = await granted(undefined, {}, { logs: [LOG] });
    expect(await use(SECOND, grant)).to.equal("GRANT_MISSING");
  });

  it("without an allotment all of a quota lies in the grant's first log", async () => {
    const grant = await granted({ unit: "call", n: 1, per: "P1D" });
    expect(await use(SECOND, grant)).to.equal("QUOTA_EXCEEDED");
    expect(await use(LOG, grant)).to.equal("permit");
    expect(await use(LOG, grant)).to.equal("QUOTA_EXCEEDED");
  });

  it("shares move by command, never below what a log has used, never beyond the quota", async () => {
    const grant = await granted({ unit: "call", n: 3, per: "P1D" });
    expect(await use(LOG, grant)).to.equal("permit");
    expect(await use(LOG, grant)).to.equal("permit");
    await expectRefusal(allot(grant, 1, 2), "STATE_CONFLICT", LOG);
    await expectRefusal(allot(grant, 2, 2), "MALFORMED");
    await allot(grant, 2, 1);
    expect(network.grant(grant)).to.deep.include({ n: 3, version: 1, state: "active" });
    expect(await use(LOG, grant)).to.equal("QUOTA_EXCEEDED");
    expect(await use(SECOND, grant)).to.equal("permit");
    expect(await use(SECOND, grant)).to.equal("QUOTA_EXCEEDED");
  });

  it("reads the counters of logs that lose a share alone: a busy log is given more without meeting its batches", async () => {
    const grant = await granted({ unit: "call", n: 3, per: "P1D" });
    await allot(grant, 2, 1);
    const counters = () => [...(network.lastEffects?.reads ?? [])].filter((key) => key.includes("\u0000count/"));
    expect(counters()).to.have.length(1);
    expect(counters()[0]).to.include(LOG);
    await allot(grant, 2, 1);
    expect(counters()).to.deep.equal([]);
  });

  it("a share that a failed delivery gives back can be moved", async () => {
    const grant = await granted({ unit: "call", n: 1, per: "P1D" });
    expect(await use(LOG, grant)).to.equal("permit");
    await expectRefusal(allot(grant, 0, 1), "STATE_CONFLICT");
    const outcome = { type: "delivery", access: 0, first: 0, bytes: 0, digest: "A".repeat(43), masked: [] } as const;
    await network.record([{ ...outcome, outcome: "failed", rows: 0, ...network.item() }]);
    await allot(grant, 0, 1);
    expect(await use(SECOND, grant)).to.equal("permit");
    expect(await use(LOG, grant)).to.equal("QUOTA_EXCEEDED");
  });

  it("only the grantor allots, only a grant in force, only a quota, only logs of the grant, each once", async () => {
    const grant = await granted({ unit: "call", n: 2, per: "P1D" });
    await expectRefusal(allot(grant, 1, 1, "insurer"), "ROLE_REQUIRED");
    await expectRefusal(allot(grant, 1, 1, "regulator"), "ROLE_REQUIRED");
    await expectRefusal(allot(randomUUID(), 1, 1), "STATE_CONFLICT");
    await expectRefusal(allot(await granted(undefined), 1, 1), "STATE_CONFLICT");
    const odd = (allotted: readonly object[]) => network.send("bureau", "grant.allot", { net: NET, grant, allotted });
    await expectRefusal(odd([]), "MALFORMED");
    await expectRefusal(odd([{ log: `${NET}/holder/7`, n: 1 }]), "MALFORMED");
    const twice = { log: LOG, n: 1 };
    await expectRefusal(odd([twice, twice]), "MALFORMED");
    await network.stop("bureau", "grant.suspend", grant);
    await expectRefusal(allot(grant, 1, 1), "STOP_PENDING");
    await network.fold(grant);
    await expectRefusal(allot(grant, 1, 1), "STATE_CONFLICT");
    expect(network.get(publicKeys.stop(stopDigest(grant)))).to.not.equal(undefined);
  });

  it("shares do not move while the quota's period turns: a late record could count in either", async () => {
    const from = "2026-03-02T00:00:00.000Z";
    const grant = await granted({ unit: "call", n: 1, per: "PT1H" });
    const turn = Date.parse(from) + 2 * HOUR_MS;
    for (const offsetMs of [-119_000, 0, 119_000]) {
      network.nowMs = turn + offsetMs;
      await expectRefusal(allot(grant, 0, 1), "STATE_CONFLICT", "turn");
    }
    network.nowMs = turn + 121_000;
    await allot(grant, 0, 1);
    expect(await use(SECOND, grant)).to.equal("permit");
  });

  it("what was used in a period that is over holds nothing back", async () => {
    const grant = await granted({ unit: "call", n: 1, per: "P1D" });
    expect(await use(LOG, grant)).to.equal("permit");
    network.nowMs += 24 * HOUR_MS;
    await allot(grant, 0, 1);
    expect(await use(SECOND, grant)).to.equal("permit");
  });

  it("a rate is divided evenly, so that both logs together keep it", async () => {
    const grant = await granted(undefined, { rate: { n: 3, seconds: 60 } });
    const both = [];
    for (let i = 0; i < 3; i++) both.push(await use(LOG, grant), await use(SECOND, grant));
    expect(both.filter((rule) => rule === "permit")).to.have.length(3);
    expect(both.filter((rule) => rule === "RATE_EXCEEDED")).to.have.length(3);
  });

  it("uses of a sub-grant count against the parent's share in the same log", async () => {
    const parent = await granted(
      { unit: "call", n: 2, per: "P1D", allotted: LOGS.map((log) => ({ log, n: 1 })) },
      { actions: ["query", "subgrant"] },
      { depth: 1 },
    );
    const derive = async (quota?: Terms["quota"]): Promise<string> => {
      const grant = randomUUID();
      await network.send("insurer", "grant.derive", {
        net: NET,
        grant,
        resource: `${RES}@1`,
        grantee: IDS.operator,
        ancestors: [parent],
        depth: 0,
        logs: LOGS,
        terms: terms(quota === undefined ? {} : { quota }),
      });
      return grant;
    };
    await expectRefusal(derive({ unit: "call", n: 2, per: "P1D" }), "EXCEEDS_PARENT", "quota");
    const child = await derive({ unit: "call", n: 2, per: "P1D", allotted: LOGS.map((log) => ({ log, n: 1 })) });
    await expectRefusal(
      network.send("insurer", "grant.allot", { net: NET, grant: child, allotted: [{ log: LOG, n: 2 }] }),
      "EXCEEDS_PARENT",
    );
    const below = async (log: string) =>
      (await network.decideIn(log, await network.access("operator", { grant: child, log })))[0];
    expect(await below(LOG)).to.equal("permit");
    expect(await use(LOG, parent)).to.equal("QUOTA_EXCEEDED");
    // The parent's grantor takes the second share back: the child is not widened by it, and not stopped in the first log.
    await allot(parent, 2, 0);
    expect(await below(SECOND)).to.equal("QUOTA_EXCEEDED");
    expect(await use(LOG, parent)).to.equal("permit");
  });

  it("never overdraws together, whatever is used, given back and allotted in whatever order", async () => {
    const step = fc.oneof(
      fc.record({
        kind: fc.constant("use" as const),
        log: fc.constantFrom(...LOGS),
        times: fc.integer({ min: 1, max: 3 }),
      }),
      fc.record({ kind: fc.constant("fail" as const), log: fc.constantFrom(...LOGS) }),
      fc.record({ kind: fc.constant("allot" as const), first: fc.nat(6), second: fc.nat(6) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
        const n = 5;
        const grant = await granted({ unit: "call", n, per: "window" });
        const open: Record<string, { access: number; first: number }[]> = { [LOG]: [], [SECOND]: [] };
        for (const item of steps) {
          if (item.kind === "allot") {
            const before = LOGS.map((log) => used(grant, log));
            const fits =
              item.first + item.second <= n && item.first >= (before[0] ?? 0) && item.second >= (before[1] ?? 0);
            const outcome = await allot(grant, item.first, item.second).then(
              () => true,
              () => false,
            );
            expect(outcome).to.equal(fits);
          } else if (item.kind === "use") {
            const first = network.log(item.log)?.size ?? 0;
            const requests = [];
            for (let i = 0; i < item.times; i++)
              requests.push(await network.access("insurer", { grant, log: item.log }));
            const rules = await network.decideIn(item.log, ...requests);
            rules.forEach((rule, i) => rule === "permit" && open[item.log]?.push({ access: first + i, first }));
          } else {
            const access = open[item.log]?.pop();
            if (access === undefined) continue;
            const base = { type: "delivery", bytes: 0, digest: "A".repeat(43), masked: [], rows: 0 } as const;
            await network.record([{ ...base, ...access, outcome: "failed", ...network.item() }], { log: item.log });
          }
          const permitted = LOGS.reduce((sum, log) => sum + (open[log]?.length ?? 0), 0);
          expect(permitted).to.be.at.most(n);
          expect(LOGS.reduce((sum, log) => sum + used(grant, log), 0)).to.equal(permitted);
        }
      }),
      { numRuns: 15 },
    );
  });

  it("shares of any quota sum to at most it, shares of any rate to exactly it", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 1, max: 8 }), (n, k) => {
        const logs = Array.from({ length: k }, (_, i) => `${NET}/holder/${i}`);
        const sum = (share: (log: string) => number): number => logs.reduce((all, log) => all + share(log), 0);
        expect(sum((log) => rateShare(n, logs, log))).to.equal(n);
        expect(sum((log) => quotaShare({ unit: "call", n, per: "P1D" }, logs, log))).to.equal(n);
        expect(rateShare(n, logs, URL_BASE)).to.equal(0);
      }),
    );
  });
});
