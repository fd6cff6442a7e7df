import { expect } from "chai";
import { PERIOD, SettledMonth } from "./month.support.test.js";
import { instant } from "@quanji/chaincode/domain";

describe("an invoice", () => {
  it("verifies offline from its file", async () => {
    const month = await SettledMonth.begin();
    await month.close();
    const jws = await month.issue();
    const verdict = await month.verify(await month.file(jws));
    expect(verdict, `${verdict.detail ?? ""} ${verdict.message ?? ""} ${verdict.at?.path ?? ""}`).to.include({
      ok: true,
      kind: "invoice",
      total: "669776",
      payable: "669776",
      currency: "CNY",
      period: PERIOD,
      lines: 3,
      deliveries: 6,
      evidence: "ledger",
      completeThrough: instant(month.world.time * 1000),
    });
  });
});
