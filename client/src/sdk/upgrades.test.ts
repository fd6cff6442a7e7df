import { QuanjiError } from "@quanji/chaincode/domain";
import { expect } from "chai";
import type { CheckedReceipt } from "./receipt.js";
import { type Alarm, COSIGNED_WITHIN_MS, Upgrades, type UpgradesOptions } from "./upgrades.js";

const REQUEST = "A".repeat(43);
const at = (level: CheckedReceipt["level"]): CheckedReceipt => ({ level }) as CheckedReceipt;

describe("sdk: receipts that are not cosigned yet", () => {
  let now: number;
  let asked: number;
  let answers: (() => CheckedReceipt)[];
  let alarms: Alarm[];
  beforeEach(() => {
    [now, asked, answers, alarms] = [1_000, 0, [], []];
  });

  const make = (options: Partial<UpgradesOptions> = {}): Upgrades =>
    new Upgrades({
      read: () => {
        asked++;
        const next = answers.shift() ?? (() => at("committed"));
        return Promise.resolve().then(next);
      },
      clock: () => now,
      pause: (ms) => Promise.resolve(void (now += ms)),
      onAlarm: (alarm) => void alarms.push(alarm),
      hasQuorum: true,
      ...options,
    });
  const refusal = (work: Promise<unknown>): Promise<QuanjiError> =>
    work.then(
      () => expect.fail("it resolved"),
      (error: unknown) => error as QuanjiError,
    );
  const unreachable = (): never => {
    throw new QuanjiError("UNREACHABLE", "nobody answers");
  };

  it("are asked for again until they are, and then no more", async () => {
    answers = [() => at("committed"), unreachable, () => at("cosigned")];
    expect((await make().upgrade(REQUEST, at("committed"))).level).to.equal("cosigned");
    expect([asked, alarms]).to.deep.equal([3, []]);
  });

  it("that are cosigned already are not asked for", async () => {
    const known = at("cosigned");
    expect(await make().upgrade(REQUEST, known)).to.equal(known);
    expect(asked).to.equal(0);
  });

  it("raise an alarm after a minute, once for everybody who waits, with the receipt as evidence", async () => {
    const upgrades = make();
    const both = await Promise.all([refusal(upgrades.upgrade(REQUEST)), refusal(upgrades.upgrade(REQUEST))]);
    for (const error of both) expect(error).to.include({ code: "RECEIPT_NOT_COSIGNED", detail: REQUEST });
    expect(alarms).to.have.length(1);
    expect(alarms[0]).to.deep.include({ request: REQUEST, receipt: at("committed") });
    expect(alarms[0]?.waitedMs).to.be.at.least(COSIGNED_WITHIN_MS);
    expect(now).to.be.at.most(1_000 + COSIGNED_WITHIN_MS + 8_000);
  });

  it("raise it too where the gateway is away all the while", async () => {
    answers = Array.from({ length: 100 }, () => unreachable);
    await refusal(make().upgrade(REQUEST, at("committed")));
    expect(alarms).to.have.length(1);
  });

  it("tell at once what the gateway should not have answered", async () => {
    answers = [
      () => {
        throw new QuanjiError("ANSWER_MISMATCH", "another receipt", { detail: "LEVEL_FALSE" });
      },
    ];
    expect(await refusal(make().upgrade(REQUEST))).to.include({ code: "ANSWER_MISMATCH", detail: "LEVEL_FALSE" });
    expect(alarms).to.deep.equal([]);
  });

  it("without a trust file are never cosigned: nobody can tell", async () => {
    answers = Array.from({ length: 100 }, () => () => at(undefined));
    expect((await refusal(make().upgrade(REQUEST))).code).to.equal("RECEIPT_NOT_COSIGNED");
  });

  it("are followed in the background only where somebody listens and the trust file names witnesses", async () => {
    const deaf = make({ onAlarm: undefined });
    deaf.noticed(REQUEST, at("committed"));
    const alone = make({ hasQuorum: false });
    alone.noticed(REQUEST, at("committed"));
    expect(asked).to.equal(0);
    const alarmed = new Promise<Alarm>((resolve) => {
      make({ onAlarm: resolve }).noticed(REQUEST, at("committed"));
    });
    expect((await alarmed).request).to.equal(REQUEST);
  });

  it("are let go when the client is closed", async () => {
    const upgrades = make({
      pause: () => {
        upgrades.close();
        return Promise.resolve();
      },
    });
    expect((await refusal(upgrades.upgrade(REQUEST))).code).to.equal("UNREACHABLE");
    expect(alarms).to.deep.equal([]);
  });
});
