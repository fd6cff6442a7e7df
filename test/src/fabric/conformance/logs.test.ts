import { createChaincode } from "@quanji/chaincode/contracts";
import { type QuanjiError } from "@quanji/chaincode/domain";
import { LOG, NET, refusal, terms } from "@quanji/chaincode/testing";
import { nodeVerifier } from "@quanji/chaincode/world";
import { expect } from "chai";
import { PairedNetwork } from "../../conformance/contracts/paired-network.js";
import { Dice } from "../../conformance/dice.js";
import { deploy, type DeployedNetwork } from "../../conformance/network.js";
import { Pair } from "../../conformance/pair.js";

const SECOND = `${NET}/holder/1`;
const LOGS = [LOG, SECOND] as const;
const RES = "res/weather.daily";
const QUOTA = 6;

describe("G9 several logs of one gateway on both ledgers", () => {
  let network: DeployedNetwork;
  let pair: Pair;
  let city: PairedNetwork;
  before(async () => {
    network = await deploy("small");
    pair = await Pair.open({ network: network.network, contracts: createChaincode({ verify: nodeVerifier() }) });
    city = new PairedNetwork(pair);
    await city.found();
    await city.createLog(SECOND);
    await city.registerResource("bureau", RES, { logs: [...LOGS] });
  });
  after(async () => {
    await pair.close();
    await network[Symbol.asyncDispose]();
  });

  const window = { from: "2026-01-01T00:00:00.000Z", until: "2099-01-01T00:00:00.000Z" };
  const granted = (): Promise<string> =>
    city.granted("insurer", RES, "bureau", {
      logs: [...LOGS],
      terms: terms({ window, quota: { unit: "call", n: QUOTA, per: "window" } }),
    });
  const allot = (grant: string, first: number, second: number) =>
    city.send("bureau", "grant.allot", {
      net: NET,
      grant,
      allotted: [
        { log: LOG, n: first },
        { log: SECOND, n: second },
      ],
    });
  const use = async (log: string, grant: string) =>
    (await city.decideIn(log, await city.access("insurer", { grant, log })))[0];

  it("a log's head is written by its organisation and the regulator alone, the second log's too", async () => {
    const grant = await granted();
    expect(await use(LOG, grant)).to.equal("permit");
    const item = await city.access("insurer", { grant, log: SECOND });
    const refused: QuanjiError = await city.record([item], { log: SECOND, submitterMsp: "ExchangeMSP" }).then(
      () => expect.fail("another organisation wrote the log"),
      (error: unknown) => refusal(error),
    );
    expect(refused.code).to.equal("ROLE_REQUIRED");
  });

  const dice = Dice.roll();
  it(`logs never overdraw together, whatever is used, given back and allotted (QUANJI_SEED=${dice.seed})`, async () => {
    const grant = await granted();
    const open: Record<string, { access: number; first: number }[]> = { [LOG]: [], [SECOND]: [] };
    const seen = new Map<string, number>();
    const count = (what: string): void => void seen.set(what, (seen.get(what) ?? 0) + 1);
    for (let n = 0; n < 40; n++) {
      const log = dice.one(LOGS);
      if (dice.once(4)) {
        const first = dice.below(QUOTA + 1);
        await allot(grant, first, QUOTA - first).then(
          () => count("allotted"),
          (error: unknown) => count(refusal(error).code),
        );
      } else if (dice.once(5)) {
        const access = open[log]?.pop();
        if (access === undefined) continue;
        const base = { type: "delivery", bytes: 0, digest: "A".repeat(43), masked: [], rows: 0 } as const;
        await city.record([{ ...base, ...access, outcome: "failed", ...city.item() }], { log });
        count("given back");
      } else {
        const first = city.log(log)?.size ?? 0;
        const rule = (await use(log, grant)) ?? "";
        if (rule === "permit") open[log]?.push({ access: first, first });
        count(rule);
      }
      expect(LOGS.reduce((sum, one) => sum + (open[one]?.length ?? 0), 0)).to.be.at.most(QUOTA);
    }
    process.stdout.write(`      ${[...seen].map(([what, n]) => `${what} ${n}`).join(", ")}\n`);
    expect([...seen.keys()]).to.include.members(["permit", "QUOTA_EXCEEDED"]);
  });

  it("ends in the same state everywhere", async () => {
    expect(await pair.compareStates()).to.be.greaterThan(50);
  });
});
