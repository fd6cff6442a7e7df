/** A permit whose caller learns only that its record stands: nobody is given the data, and the record says so in time. */
import { isQuanjiError } from "@quanji/chaincode/domain";
import { expect } from "chai";
import { RowDeliveries } from "./testing/deliveries.js";
import { Harness } from "./testing/harness.js";

describe("http: a permit that nobody delivers", () => {
  const deliveries = new RowDeliveries();
  let gateway: Harness;
  let aheadMs = 0;
  let unreadable = false;
  before(async () => {
    gateway = await Harness.open({
      deliveries: () => deliveries,
      clock: () => Date.now() + aheadMs,
      recorder: (usual) => ({
        ...usual,
        limits: { closeEveryMs: 1 },
        readModel: {
          ...usual.readModel,
          record: (log, index) =>
            unreadable ? Promise.reject(new Error("the disk is slow")) : usual.readModel.record(log, index),
        },
      }),
    });
  });
  after(() => gateway.close());

  it("BEHIND, then closed by the running gateway once the time to deliver is past; the data never leaves", async () => {
    const grant = await gateway.granted("insurer", { quota: { n: 1, per: "window", unit: "call" } });
    const signed = await gateway.signAccess("insurer", { grant });
    unreadable = true;
    expect((await gateway.post("/v1/access", signed)).code()).to.equal("BEHIND");
    unreadable = false;
    void gateway.recorder.keepClosing();
    const delivery = async () => {
      const body = (await gateway.read("insurer", `/v1/receipts/${signed.request}`)).payload()?.body;
      expect(body).to.include.keys("access");
      return body?.["delivery"];
    };
    await gateway.recorder.closeUndelivered();
    expect(await delivery(), "there is still time to deliver").to.equal(undefined);
    aheadMs = 31_000;
    while ((await delivery()) === undefined);
    const known = await gateway.edge.readModel.deliveryOf(signed.request);
    expect(JSON.parse(known?.stored.body ?? "{}")).to.include({ outcome: "unknown", bytes: 0, rows: 0 });
    const again = await gateway.post("/v1/access", signed);
    expect(again.payload()?.body).to.include.keys("receipt", "delivery");
    expect(deliveries.opened).to.equal(0);
    expect((await gateway.access("insurer", { grant })).status, "the quota was given back").to.equal(200);
  });

  it("a gateway that shuts down stops looking", async () => {
    const closing = gateway.recorder.keepClosing();
    await gateway.recorder.close();
    await closing;
    const refused = await gateway.recorder.closeUndelivered().catch(isQuanjiError);
    expect(refused).to.equal(0);
  });
});
