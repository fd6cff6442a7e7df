/** What the routes do when all is well, or when what is behind them is not. */
import { randomUUID } from "node:crypto";
import { QuanjiError, stopDigest } from "@quanji/chaincode/domain";
import { expect } from "chai";
import { RowDeliveries } from "./testing/deliveries.js";
import { assertOk, Harness, IDS, LOG, NET } from "./testing/harness.js";
import { payloadOf } from "./testing/request.js";

describe("http: routes", () => {
  let gateway: Harness;
  const deliveries = new RowDeliveries();
  before(async () => {
    gateway = await Harness.open({ deliveries: () => deliveries });
  });
  after(() => gateway.close());

  const delivered = async (request: string): Promise<Record<string, unknown>> => {
    await gateway.edge.accesses.close();
    const record = await gateway.edge.readModel.deliveryOf(request);
    return JSON.parse(record?.stored.body ?? "{}") as Record<string, unknown>;
  };

  it("an access is receipt, data, end; the account agrees with the data, and a delivery record follows", async () => {
    const grant = await gateway.granted("insurer");
    const signed = await gateway.signAccess("insurer", { grant });
    const lines = (await gateway.post("/v1/access", signed)).lines();
    expect(lines.map((line) => line["t"])).to.deep.equal(["receipt", "data", "data", "end"]);
    const bytes = Buffer.concat(lines.slice(1, 3).map((line) => Buffer.from(String(line["b"]), "base64")));
    const account = payloadOf(lines.at(-1)?.["delivery"]);
    expect(account).to.include({ request: signed.request, outcome: "delivered", bytes: bytes.length, rows: 2 });
    expect(await delivered(signed.request)).to.include({
      outcome: "delivered",
      digest: account["digest"],
      bytes: bytes.length,
    });
  });

  it("a source that fails after the record is a failed delivery: said in the account, and recorded", async () => {
    const grant = await gateway.granted("insurer");
    deliveries.failure = new QuanjiError("SOURCE_FAILED", "no source", { detail: "NO_BINDING" });
    const signed = await gateway.signAccess("insurer", { grant });
    const lines = (await gateway.post("/v1/access", signed)).lines();
    deliveries.failure = undefined;
    expect(lines.map((line) => line["t"])).to.deep.equal(["receipt", "end"]);
    expect(payloadOf(lines[1]?.["delivery"])).to.include({ outcome: "failed", code: "SOURCE_FAILED", bytes: 0 });
    expect(await delivered(signed.request)).to.include({ outcome: "failed", rows: 0 });
  });

  it("nothing is opened for a denial: no record, no data (G1)", async () => {
    const opened = deliveries.opened;
    const reply = await gateway.access("insurer", { grant: randomUUID() });
    expect(reply.code()).to.equal("GRANT_MISSING");
    expect(deliveries.opened).to.equal(opened);
  });

  it("a grantor's stop answers with its position and is folded; the grantee may not stop, a stranger sees no grant", async () => {
    const grant = await gateway.granted("insurer");
    const stop = { target: stopDigest(grant), epoch: 1 };
    expect((await gateway.command("stranger", "grant.revoke", stop)).code()).to.equal("NOT_FOUND");
    expect((await gateway.command("insurer", "grant.revoke", stop)).code()).to.equal("ROLE_REQUIRED");
    const signed = await gateway.sign("bureau", "grant.revoke", "/v1/commands/grant.revoke", stop);
    const first = await gateway.post("/v1/commands/grant.revoke", signed);
    assertOk(first);
    expect(first.payload()?.body).to.include.keys("block", "index", "txId", "result");
    expect((await gateway.edge.readModel.grant(grant))?.state).to.equal("revoked");
    expect((await gateway.access("insurer", { grant })).code()).to.equal("GRANT_REVOKED");
    const again = await gateway.post("/v1/commands/grant.revoke", signed);
    expect(again.payload()?.body).to.deep.equal(first.payload()?.body);
  });

  it("the regulator stops a grant by an ordinary command, and freezes alone by an order", async () => {
    const grant = await gateway.granted("insurer");
    assertOk(await gateway.command("regulator", "grant.suspend", { target: stopDigest(grant), epoch: 1 }));
    expect((await gateway.access("insurer", { grant })).code()).to.equal("GRANT_SUSPENDED");
    const order = randomUUID();
    const freeze = { order, target: { kind: "party", id: IDS.insurer } };
    const values = { ground: { value: "inspection" } };
    assertOk(await gateway.command("regulator", "order.freeze", freeze, { values }));
    const other = await gateway.granted("insurer").catch(() => undefined);
    expect((await gateway.access("insurer", { grant: other ?? grant })).code()).to.equal("ORDER_FROZEN");
    assertOk(await gateway.command("regulator", "order.lift", { order }, { values }));
  });

  it("a pending grant is revoked too, though it has no stop key yet", async () => {
    const grant = randomUUID();
    const terms = {
      actions: ["query"],
      purposes: ["x"],
      fields: ["day"],
      environments: ["api"],
      jurisdictions: ["CN"],
    };
    const window = { from: "2020-01-01T00:00:00.000Z", until: "2099-01-01T00:00:00.000Z" };
    assertOk(
      await gateway.command("insurer", "grant.request", {
        grant,
        resource: "res/weather@1",
        grantor: IDS.bureau,
        right: "holding",
        depth: 0,
        logs: [LOG],
        terms: { ...terms, window, lawfulBasis: "contract", onStop: "stop" },
        route: [[IDS.bureau]],
      }),
    );
    assertOk(await gateway.command("bureau", "grant.revoke", { target: stopDigest(grant), epoch: 1 }));
    expect((await gateway.edge.readModel.grant(grant))?.state).to.equal("revoked");
  });

  it("a list of thousands of cells fits through its route, and through no other", async () => {
    const cell = { from: "any", to: "any", class: "weather.other", purpose: "any", action: "any", effect: "forbid" };
    const cells = Array.from({ length: 5_000 }, () => cell);
    const payload = { list: "national", version: 1, effectiveFrom: "2090-01-01T00:00:00.000Z", cells };
    const urlPath = "/v1/commands/boundary.publish";
    const signed = await gateway.sign("regulator", "boundary.publish", urlPath, payload);
    assertOk(await gateway.post(urlPath, signed));
    expect((await gateway.post("/v1/commands/party.admit", signed)).code()).to.equal("TOO_LARGE");
  });

  it("a lost number is voided, and the sequence says where the key stands", async () => {
    const { next } = (await seq()) as { next: number };
    const reply = await gateway.command("stranger", "access.void", { log: LOG, seq: next });
    assertOk(reply);
    expect(reply.payload()?.body["result"]).to.include({ log: LOG });
    expect(await seq()).to.include({ log: LOG, next: next + 1 });
    expect((await gateway.access("stranger", { seq: next })).code()).to.equal("COMMAND_REPLAYED");
    expect((await gateway.read("stranger", `/v1/seq?log=${encodeURIComponent(`${NET}/gw/1`)}`)).code()).to.equal(
      "NOT_FOUND",
    );
  });

  const seq = async (): Promise<unknown> =>
    (await gateway.read("stranger", `/v1/seq?log=${encodeURIComponent(LOG)}`)).payload()?.body;

  it("pages lead on to the next until all have been seen, once", async () => {
    const seen: unknown[] = [];
    let cursor: string | undefined;
    do {
      const query: string = cursor === undefined ? "" : `&cursor=${encodeURIComponent(cursor)}`;
      const page = (await gateway.read("stranger", `/v1/parties?limit=2${query}`)).payload()?.body;
      seen.push(...(page?.["items"] as { readonly id: string }[]).map(({ id }) => id));
      cursor = page?.["next"] as string | undefined;
    } while (cursor !== undefined);
    expect(seen).to.deep.equal(Object.values(IDS).sort());
  });

  it("a query that is not known, or given twice, is malformed and named", async () => {
    for (const query of ["limit=0", "limit=101", "limit=1&limit=2", "all=1", "cursor="]) {
      const reply = await gateway.read("stranger", `/v1/parties?${query}`);
      expect([query, reply.code()]).to.deep.equal([query, "MALFORMED"]);
      expect(reply.payload()?.body["field"], query).to.be.a("string");
    }
  });

  it("a command is found by its request: openings only for its signer and the regulator", async () => {
    const signed = await gateway.sign(
      "regulator",
      "party.suspend",
      "/v1/commands/party.suspend",
      { party: IDS.stranger },
      {
        values: { ground: { value: "inspection" } },
      },
    );
    assertOk(await gateway.post("/v1/commands/party.suspend", signed));
    const found = await gateway.read("regulator", `/v1/commands/${signed.request}`);
    expect(found.payload()?.body).to.include.keys("block", "entry", "command", "chains");
    expect((await gateway.read("insurer", `/v1/commands/${signed.request}`)).code()).to.equal("NOT_FOUND");
    expect((await gateway.read("stranger", "/v1/parties")).code()).to.equal("PARTY_INACTIVE");
    assertOk(await gateway.command("regulator", "party.resume", { party: IDS.stranger }));
  });
});
