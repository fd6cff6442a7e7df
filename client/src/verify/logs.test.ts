import { instant, type Payload, type TrailLine, type TrailLineOf } from "@quanji/chaincode/domain";
import { expect } from "chai";
import fc from "fast-check";
import { verifyTrail } from "./index.js";
import { collideChain, collude, LOG, OTHER_LOG, NET, PARTIES, RESOURCE, sealed, SmallWorld } from "./support.test.js";

const LOGS = [LOG, OTHER_LOG];
type Shares = Payload<"grant.allot">["allotted"];
const shares = (first: number, second: number): Shares => [
  { log: LOG, n: first },
  { log: OTHER_LOG, n: second },
];

/** Until when data may leave under a permit made then. */
const after = (time: unknown): string => instant(Date.parse(String(time)) + 30_000);

describe("a trail over several logs of one gateway", () => {
  let world: SmallWorld;
  beforeEach(async () => {
    world = await new SmallWorld().begin();
    await world.resource({ logs: [...LOGS] });
  });

  const granted = (n: number, allotted?: Shares): Promise<string> =>
    world.grant(
      { quota: { unit: "call", n, per: "window", ...(allotted !== undefined && { allotted }) } },
      { logs: [...LOGS] },
    );
  const allot = (grant: string, first: number, second: number) =>
    world.command("grant.allot", { grant, allotted: shares(first, second) }, "bureau");
  const use = (grant: string, log: string) => world.access(grant, { log });
  const verdict = async (lines: readonly unknown[]) => {
    const { ok, code, detail, message } = await verifyTrail(sealed(lines), await world.trust());
    return ok ? "ok" : `${code ?? ""} · ${detail ?? ""}${detail === "UNEXPECTED" ? (message ?? "") : ""}`;
  };

  /** Two of a quota of two used in the first log, then one refused in the second. */
  const drawn = async (): Promise<{ grant: string; lines: TrailLine[] }> => {
    const grant = await granted(2);
    await use(grant, LOG);
    await use(grant, LOG);
    await use(grant, OTHER_LOG);
    return { grant, lines: await world.trailLines("grant", grant) };
  };
  const grantEntries = (lines: readonly TrailLine[], id: string): number => {
    const at = lines.findIndex((line) => line.t === "chain" && line.kind === "grant" && line.id === id);
    return lines.slice(at).findIndex((line) => line.t === "chainEnd") - 1;
  };
  const withAllotment = async (lines: readonly TrailLine[], grant: string, allotted: Shares): Promise<TrailLine[]> => {
    const request = await world.signed("grant.allot", { net: NET, grant, allotted }, "bureau");
    return collideChain(lines, "grant", grant, (commands) => [...commands, { request, timeMs: world.nowMs }]);
  };

  it("verifies for grant, resource and user, each log with its share, moved on the way", async () => {
    const grant = await granted(3, shares(2, 1));
    await use(grant, LOG);
    await use(grant, OTHER_LOG);
    await use(grant, OTHER_LOG);
    await allot(grant, 1, 2);
    await use(grant, OTHER_LOG);
    await use(grant, LOG);
    for (const [kind, id] of [
      ["grant", grant],
      ["resource", RESOURCE],
      ["party", PARTIES.insurer.id],
    ] as const) {
      const found = await verifyTrail(await world.trail(kind, id), await world.trust());
      expect(found, found.message).to.include({ ok: true, records: 5, permitted: 3, denied: 2 });
      expect(found.attested).to.deep.equal(kind === "grant" ? [] : ["quota"]);
    }
  });

  it("37 a log left out is missed, whichever, and whatever was in it", async () => {
    const { grant, lines } = await drawn();
    for (const log of LOGS) {
      const start = lines.findIndex((line) => line.t === "log" && line.log === log);
      const end = lines.findIndex((line) => line.t === "logEnd" && line.log === log);
      const without = [...lines.slice(0, start), ...lines.slice(end + 1)];
      expect(await verdict(without)).to.equal("TRAIL_INCOMPLETE · LOG_SET_INCOMPLETE");
    }
    const unused = await world.grant({}, { logs: [...LOGS] });
    const idle = await world.trailLines("grant", unused);
    expect(await verdict(idle)).to.equal("ok");
    const last = idle.findIndex((line) => line.t === "log" && line.log === OTHER_LOG);
    expect(await verdict(idle.slice(0, last))).to.equal("TRAIL_INCOMPLETE · LOG_SET_INCOMPLETE");
    expect(grant).to.not.equal(unused);
  });

  it("one log shown twice, or records of one under the other's name, are refused", async () => {
    const { lines } = await drawn();
    const first = lines.findIndex((line) => line.t === "log");
    const second = lines.findIndex((line) => line.t === "log" && line.log === OTHER_LOG);
    const twice = [...lines.slice(0, second), ...lines.slice(first, second), ...lines.slice(second)];
    expect(await verdict(twice)).to.equal("TRAIL_INCOMPLETE · TRAIL_DUPLICATE");
    const renamed = lines.map((line, i) =>
      i === second && line.t === "log"
        ? { ...line, log: LOG }
        : i === first && line.t === "log"
          ? { ...line, log: OTHER_LOG }
          : line,
    );
    expect(await verdict(renamed)).to.equal("PROOF_INVALID · LOG_MISMATCH");
  });

  it("a permit beyond the log's share is refused, though the other log has some left", async () => {
    const { lines } = await drawn();
    const forged = await collude(lines, ({ face, body }) => {
      if (face["log"] !== OTHER_LOG) return;
      face["decision"] = "permit";
      Object.assign(body, { rule: "permit", deliverBefore: after(body["time"]) });
    });
    expect(await verdict(forged)).to.equal("PROOF_INVALID · DECISION_MISMATCH");
  });

  it("an allotment of more than the quota is refused, though the grantor signed it", async () => {
    const { grant, lines } = await drawn();
    const forged = await withAllotment(lines, grant, shares(2, 1));
    expect(await verdict(forged)).to.equal("PROOF_INVALID · COMMAND_REFUSED");
  });

  it("a share moved away from under what a log had used lets both overdraw together: refused", async () => {
    const { grant, lines } = await drawn();
    const position = grantEntries(lines, grant) + 1;
    const permitted = await collude(lines, ({ face, body }) => {
      if (face["log"] !== OTHER_LOG) return;
      face["decision"] = "permit";
      Object.assign(body, {
        rule: "permit",
        deliverBefore: after(body["time"]),
        basis: { ...body.basis, grant: position },
      });
    });
    const moved = (allotted: Shares) => withAllotment(permitted, grant, allotted);
    expect(await verdict(await moved(shares(0, 2)))).to.equal("PROOF_INVALID · QUOTA_OVERDRAWN");
    expect(await verdict(await moved(shares(1, 1)))).to.equal("PROOF_INVALID · QUOTA_OVERDRAWN");
  });

  it("counters that contradict each other are refused", async () => {
    const { lines } = await drawn();
    for (const used of [1, 2]) {
      const forged = await collude(lines, ({ face, body }) => {
        if (face["log"] === OTHER_LOG) body["used"] = used;
      });
      expect(await verdict(forged)).to.equal("PROOF_INVALID · DECISION_MISMATCH");
    }
  });

  it("a log that the trust file does not know yet is named", async () => {
    const { lines } = await drawn();
    const trust = world.trustPayload();
    const old = await world.trust({
      logs: trust.logs.filter(({ origin }) => origin === LOG),
      gateways: trust.gateways.filter(({ log }) => log === LOG),
      keys: trust.keys.filter(({ log }) => log === LOG),
      policy: "quorum none\n",
    });
    const found = await verifyTrail(sealed(lines), old);
    expect(found).to.deep.include({ ok: false, detail: "LOG_UNKNOWN" });
    expect(found.at).to.deep.include({
      line: lines.findIndex((line) => (line as TrailLineOf<"log">).log === OTHER_LOG) + 1,
    });
  });

  it("PROPERTY whatever both logs record while shares move verifies, for every key", async () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ kind: fc.constant("use" as const), log: fc.constantFrom(...LOGS) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("fail" as const), log: fc.constantFrom(...LOGS) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("allot" as const), first: fc.nat(4) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 14 }), async (steps) => {
        world = await new SmallWorld().begin();
        await world.resource({ logs: [...LOGS] });
        const grant = await granted(4, shares(2, 2));
        const open: Record<string, number[]> = { [LOG]: [], [OTHER_LOG]: [] };
        for (const item of steps) {
          if (item.kind === "use") {
            const index = await use(grant, item.log);
            if (world.find(item.log, index).stored.face.includes('"permit"')) open[item.log]?.push(index);
          } else if (item.kind === "fail") {
            const index = open[item.log]?.pop();
            if (index !== undefined) await world.deliver(index, "failed", item.log);
          } else await allot(grant, item.first, 4 - item.first).catch(() => undefined); // below what is used
        }
        for (const [kind, id] of [
          ["grant", grant],
          ["resource", RESOURCE],
          ["party", PARTIES.insurer.id],
        ] as const) {
          const found = await verifyTrail(await world.trail(kind, id), await world.trust());
          expect(found, `${found.detail ?? ""} ${found.message ?? ""}`).to.include({ ok: true });
        }
      }),
      { numRuns: 15 },
    );
  });
});
