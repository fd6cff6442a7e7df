/** What the log must never hold: payloads, openings, keys, data (G8). */
import { randomBytes } from "node:crypto";
import { QuanjiError } from "@quanji/chaincode/domain";
import { expect } from "chai";
import { RowDeliveries } from "./testing/deliveries.js";
import { describe as describeError } from "./log.js";
import { Harness, IDS } from "./testing/harness.js";

describe("http: the log", () => {
  let gateway: Harness;
  const deliveries = new RowDeliveries();
  before(async () => {
    gateway = await Harness.open({ deliveries: () => deliveries });
  });
  after(() => gateway.close());

  it("has one line a request: its hash, party, route, status, code and time", async () => {
    gateway.lines.text = "";
    const signed = await gateway.signAccess("stranger", { seq: 0 });
    await gateway.post("/v1/access", signed);
    const lines = gateway.lines.text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines).to.have.length(1);
    expect(lines[0]).to.include({
      route: "/v1/access",
      request: signed.request,
      party: IDS.stranger,
      status: 403,
      code: "GRANT_MISSING",
    });
    expect(lines[0]?.["ms"]).to.be.a("number");
  });

  it("holds nothing of what commands say, open, sign or bring, also when they fail", async () => {
    const secret = `s-${randomBytes(12).toString("hex")}`;
    const grant = await gateway.granted("insurer");
    gateway.lines.text = "";
    deliveries.chunks = [`{"name":"${secret}"}\n`];
    const values = { operator: { value: secret } };
    const signed = await gateway.signAccess("insurer", { grant }, { values });
    await gateway.post("/v1/access", signed);
    deliveries.failure = new QuanjiError("SOURCE_FAILED", "the source broke off", { cause: new Error(secret) });
    await gateway.access("insurer", { grant }, { values });
    deliveries.failure = undefined;
    await gateway.command("bureau", "party.suspend", { party: IDS.insurer, note: secret });
    await gateway.send({
      method: "POST",
      path: "/v1/access",
      headers: { "content-type": "application/jose+json" },
      body: secret,
    });
    await gateway.send({ path: `/v1/${secret}?token=${secret}`, headers: { authorization: secret } });
    const text = gateway.lines.text;
    expect(text.trim().split("\n").length).to.be.at.least(5);
    const hidden = [secret, signed.jws.signature, signed.jws.payload, signed.jws.protected, grant];
    const found = hidden.filter((part) => text.includes(part));
    expect(found).to.deep.equal([]);
  });

  it("describes foreign errors by name and place, not by words that may quote a value", () => {
    const described = describeError(new QuanjiError("INTERNAL", "failed", { cause: new TypeError("secret value") }));
    expect(JSON.stringify(described)).to.not.contain("secret value");
    expect(described["cause"]).to.include({ error: "TypeError" });
  });
});
