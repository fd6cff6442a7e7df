/** A source's counts through the routes: by its own key, once, and nothing else by that key. */
import { generateKey, openSigner, possession, type Signer } from "@quanji/client";
import type { JsonObject } from "@quanji/chaincode/log";
import { expect } from "chai";
import { assertOk, Harness, IDS, LOG, NET } from "./testing/harness.js";
import type { Reply } from "./testing/request.js";

describe("http: tallies", () => {
  let gateway: Harness;
  let source: Signer;
  before(async () => {
    gateway = await Harness.open();
    source = await openSigner({ jwk: await generateKey("EdDSA"), party: IDS.bureau });
    const key = { jwk: { ...source.jwk }, purpose: "tally", custody: "self" };
    const proof = await possession(NET, source);
    assertOk(await gateway.command("bureau", "party.rotateKey", { party: IDS.bureau, key, possession: proof }));
    const grant = await gateway.granted("insurer");
    for (const _ of [0, 1, 2]) assertOk(await gateway.access("insurer", { grant }));
    await gateway.edge.accesses.close();
  });
  after(() => gateway.close());

  const tally = (change: JsonObject = {}, by: Signer | "bureau" | "insurer" = source): Promise<Reply> =>
    gateway.command(by, "tally.sign", { log: LOG, resource: "res/weather", from: 0, to: 1, served: 1, ...change });

  it("are taken from the steward's tally key, once, with the same answer to the same bytes", async () => {
    expect((await tally({}, "insurer")).code()).to.equal("ROLE_REQUIRED");
    expect((await tally({}, "bureau")).code()).to.equal("KEY_INVALID");
    const path = "/v1/commands/tally.sign";
    const said = { log: LOG, resource: "res/weather", from: 0, to: 1, served: 1 };
    const signed = await gateway.sign(source, "tally.sign", path, said);
    const first = await gateway.post(path, signed);
    assertOk(first);
    const again = await gateway.post(path, signed);
    expect(again.payload()?.body).to.deep.equal(first.payload()?.body);
    const { log, record } = first.payload()?.body["result"] as { log: string; record: number };
    expect((await gateway.edge.readModel.record(log, record))?.type).to.equal("tally");
    const overlap = await tally();
    expect([overlap.code(), overlap.payload()?.body["reason"]]).to.deep.equal(["STATE_CONFLICT", "TALLY_OVERLAP"]);
  });

  it("of what is not there are refused", async () => {
    expect((await tally({ resource: "res/none" })).code()).to.equal("NOT_FOUND");
    expect((await tally({ from: 1, to: 1_000, served: 1 })).payload()?.body["reason"]).to.equal("TALLY_AHEAD");
    expect((await tally({ from: 3, to: 2, served: 0 })).code()).to.equal("MALFORMED");
  });

  it("are all that the source's key may sign", async () => {
    expect((await gateway.read(source, "/v1/parties")).code()).to.equal("SIGNATURE_INVALID");
    expect((await gateway.access(source, {})).code()).to.equal("SIGNATURE_INVALID");
    expect((await gateway.command(source, "resource.suspend", { resource: "res/weather" })).code()).to.equal(
      "SIGNATURE_INVALID",
    );
  });
});
