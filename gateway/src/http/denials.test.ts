/** What a denial tells its requester beside the rule: which field, what is granted instead, which grant above; and nothing to others. */
import { randomUUID } from "node:crypto";
import { stopDigest } from "@quanji/chaincode/domain";
import type { JsonObject } from "@quanji/chaincode/log";
import { expect } from "chai";
import { assertOk, Harness, IDS, LOG, TERMS } from "./testing/harness.js";

describe("http: the reason of a denial", () => {
  let gateway: Harness;
  let grant: string;
  before(async () => {
    gateway = await Harness.open();
    grant = await gateway.granted("insurer", {
      dataRange: { from: "2026-01-01", to: "2026-02-01" },
      rate: { n: 1, seconds: 86_400 },
    });
  });
  after(() => gateway.close());

  const RANGE = { from: "2026-01-02", to: "2026-01-03" };

  async function denied(change: JsonObject, by: "insurer" | "stranger" = "insurer"): Promise<readonly unknown[]> {
    const { code, reason } = (await gateway.access(by, change)).payload()?.body ?? {};
    return [code, reason];
  }

  it("names what was asked and what is granted instead", async () => {
    const api = { kind: "api", jurisdiction: "CN" };
    const rows: (readonly [JsonObject, string, string])[] = [
      [{ purpose: "marketing" }, "PURPOSE_OUTSIDE_GRANT", "marketing; granted: risk.assessment"],
      [{ action: "export" }, "ACTION_OUTSIDE_GRANT", "export; granted: query"],
      [{ fields: ["day", "wind"] }, "FIELDS_OUTSIDE_GRANT", "wind"],
      [{ range: { from: "2025-01-01", to: "2026-01-03" } }, "RANGE_OUTSIDE_GRANT", "2026-01-01/2026-02-01"],
      [{ environment: { ...api, kind: "sandbox" } }, "ENVIRONMENT_OUTSIDE_GRANT", "sandbox; granted: api"],
      [{ environment: { ...api, jurisdiction: "SG" } }, "JURISDICTION_OUTSIDE_GRANT", "SG; granted: CN"],
    ];
    for (const [change, code, reason] of rows) {
      expect(await denied({ grant, range: RANGE, ...change })).to.deep.equal([code, reason]);
    }
  });

  it("says how much was used, and when a window begins and ended", async () => {
    expect((await gateway.access("insurer", { grant, range: RANGE })).status).to.equal(200);
    expect(await denied({ grant, range: RANGE })).to.deep.equal(["RATE_EXCEEDED", "1 in 86400 s"]);
    const once = await gateway.granted("insurer", { quota: { unit: "row", n: 15, per: "P1D" } });
    expect((await gateway.access("insurer", { grant: once })).status).to.equal(200);
    expect(await denied({ grant: once })).to.deep.equal(["QUOTA_EXCEEDED", "10 rows used of 15, per P1D"]);
    const window = { from: "2098-01-01T00:00:00.000Z", until: "2099-01-01T00:00:00.000Z" };
    const later = await gateway.granted("insurer", { window });
    expect(await denied({ grant: later })).to.deep.equal(["GRANT_NOT_YET", `from ${window.from}`]);
  });

  it("names the grant above that is not in force", async () => {
    const parent = await gateway.granted("insurer", { actions: ["query", "subgrant"] }, 1);
    const child = randomUUID();
    const common = { resource: "res/weather@1", depth: 0, logs: [LOG], terms: TERMS };
    const payload = { ...common, grant: child, ancestors: [parent], grantee: IDS.stranger };
    assertOk(await gateway.command("insurer", "grant.derive", payload));
    assertOk(await gateway.command("bureau", "grant.revoke", { target: stopDigest(parent), epoch: 1 }));
    expect(await denied({ grant: child }, "stranger")).to.deep.equal([
      "ANCESTOR_NOT_IN_FORCE",
      `${parent} GRANT_REVOKED`,
    ]);
  });

  it("names the order that freezes", async () => {
    const order = randomUUID();
    const frozen = await gateway.granted("insurer");
    const target = { kind: "grant", id: stopDigest(frozen) };
    const values = { ground: { value: "inspection" } };
    assertOk(await gateway.command("regulator", "order.freeze", { order, target }, { values }));
    expect(await denied({ grant: frozen })).to.deep.equal(["ORDER_FROZEN", `order ${order}`]);
    assertOk(await gateway.command("regulator", "order.lift", { order }, { values }));
  });

  it("tells nothing of another's grant, and nothing that is not so any more", async () => {
    expect(await denied({ grant, purpose: "marketing" }, "stranger")).to.deep.equal(["NOT_GRANTEE", undefined]);
    expect(await denied({ grant: randomUUID() })).to.deep.equal(["GRANT_MISSING", undefined]);
    const suspended = await gateway.granted("insurer");
    assertOk(await gateway.command("bureau", "grant.suspend", { target: stopDigest(suspended), epoch: 1 }));
    const signed = await gateway.signAccess("insurer", { grant: suspended, fields: ["wind"] });
    expect((await gateway.post("/v1/access", signed)).payload()?.body).to.include({ code: "GRANT_SUSPENDED" });
    assertOk(await gateway.command("regulator", "grant.revoke", { target: stopDigest(suspended), epoch: 1 }));
    const again = (await gateway.post("/v1/access", signed)).payload()?.body;
    expect([again?.["code"], again?.["reason"]]).to.deep.equal(["GRANT_SUSPENDED", undefined]);
  });
});
