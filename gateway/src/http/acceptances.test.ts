/** The requester's word for a delivery, through the routes: what is taken, from whom, and when. */
import { QuanjiError } from "@quanji/chaincode/domain";
import type { JsonObject } from "@quanji/chaincode/log";
import { expect } from "chai";
import { acceptanceOf } from "../service/records.js";
import { RowDeliveries } from "./testing/deliveries.js";
import { assertOk, Harness, LOG, type Name } from "./testing/harness.js";
import { payloadOf, type Reply } from "./testing/request.js";

const PATH = "/v1/commands/access.accept";

describe("http: acceptances", () => {
  let gateway: Harness;
  let grant: string;
  const deliveries = new RowDeliveries();
  before(async () => {
    gateway = await Harness.open({ deliveries: () => deliveries });
    grant = await gateway.granted("insurer");
  });
  after(() => gateway.close());

  /** An access with its data read, and what its requester may say of it. */
  const used = async (): Promise<{ readonly request: string; readonly said: JsonObject }> => {
    const signed = await gateway.signAccess("insurer", { grant });
    const lines = (await gateway.post("/v1/access", signed)).lines();
    const account = payloadOf(lines.at(-1)?.["delivery"]);
    const record = await gateway.edge.readModel.recordOf(signed.request);
    const { digest, rows } = account;
    return {
      request: signed.request,
      said: { log: LOG, record: record?.record ?? -1, digest: String(digest), rows: Number(rows) },
    };
  };
  const accept = (said: JsonObject, by: Name = "insurer"): Promise<Reply> => gateway.command(by, "access.accept", said);
  const receiptsOf = async (request: string): Promise<JsonObject> =>
    (await gateway.read("insurer", `/v1/receipts/${request}`)).payload()?.body as JsonObject;

  it("are records of their own, at once after the last byte, and the same bytes get the same answer", async () => {
    const { request, said } = await used();
    const signed = await gateway.sign("insurer", "access.accept", PATH, said);
    const first = await gateway.post(PATH, signed);
    assertOk(first);
    const again = await gateway.post(PATH, signed);
    expect(again.payload()?.body).to.deep.equal(first.payload()?.body);
    const { log, record } = first.payload()?.body["result"] as { log: string; record: number };
    const known = await gateway.edge.readModel.record(log, record);
    expect(known?.type).to.equal("acceptance");
    expect(acceptanceOf(known!)).to.include({ access: said["record"], digest: said["digest"], rows: 2 });
    expect(Object.keys(await receiptsOf(request))).to.have.members(["access", "delivery", "acceptance"]);
    expect(Object.keys(await receiptsOf(signed.request))).to.have.members(["access", "delivery", "acceptance"]);
  });

  it("sent twice at once are one record", async () => {
    const { said } = await used();
    const signed = await gateway.sign("insurer", "access.accept", PATH, said);
    const size = (await gateway.edge.readModel.log(LOG))?.size ?? 0;
    const replies = await Promise.all([gateway.post(PATH, signed), gateway.post(PATH, signed)]);
    expect(new Set(replies.map((reply) => JSON.stringify(reply.payload()?.body))).size).to.equal(1);
    const grown = ((await gateway.edge.readModel.log(LOG))?.size ?? 0) - size;
    expect(grown, "the acceptance, and the delivery if it came after the look").to.be.within(1, 2);
  });

  it("count once a delivery, whoever signs anew", async () => {
    const { said } = await used();
    const replies = await Promise.all([accept(said), accept(said), accept(said)]);
    expect(replies.map((reply) => reply.status).sort()).to.deep.equal([200, 409, 409]);
    const late = await accept(said);
    expect([late.code(), late.payload()?.body["reason"]]).to.deep.equal(["STATE_CONFLICT", "ACCEPTED"]);
  });

  it("are the requester's alone, and of what is there", async () => {
    const { said } = await used();
    for (const by of ["stranger", "bureau", "regulator"] as const) {
      expect((await accept(said, by)).code()).to.equal("NOT_FOUND");
    }
    expect((await accept({ ...said, record: 1_000_000 })).code()).to.equal("NOT_FOUND");
    expect((await accept({ ...said, log: LOG.replace("/0", "/1") })).code()).to.equal("NOT_FOUND");
    assertOk(await accept(said));
  });

  it("that say otherwise than the delivery are refused, name the field, and leave no record", async () => {
    const { said } = await used();
    await gateway.edge.accesses.close();
    const size = (await gateway.edge.readModel.log(LOG))?.size;
    for (const [field, value] of Object.entries({ rows: 3, digest: "A".repeat(43) })) {
      const reply = await accept({ ...said, [field]: value });
      const { code, field: named, reason } = reply.payload()?.body ?? {};
      expect([code, named, reason]).to.deep.equal(["STATE_CONFLICT", field, "DELIVERY_DIFFERS"]);
    }
    expect((await gateway.edge.readModel.log(LOG))?.size).to.equal(size);
  });

  it("of a delivery that brought nothing, or of a denial, there are none", async () => {
    deliveries.failure = new QuanjiError("SOURCE_FAILED", "no source");
    const { said } = await used();
    deliveries.failure = undefined;
    const failed = await accept(said);
    expect([failed.code(), failed.payload()?.body["reason"]]).to.deep.equal(["STATE_CONFLICT", "failed"]);
    const signed = await gateway.signAccess("insurer", { grant, purpose: "marketing" });
    await gateway.post("/v1/access", signed);
    const denial = await gateway.edge.readModel.recordOf(signed.request);
    expect((await accept({ ...said, record: denial?.record ?? -1 })).code()).to.equal("NOT_FOUND");
  });
});
