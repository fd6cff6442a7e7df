/** Offers and contracts over the routes: who is told what. */
import { randomUUID } from "node:crypto";
import type { JsonObject } from "@quanji/chaincode/log";
import { sha256Text } from "@quanji/chaincode/log";
import { expect } from "chai";
import { assertOk, Harness, IDS, LOG, type Name, resourcePayload, TERMS } from "./testing/harness.js";

const PRODUCT = "prd/rain";

describe("http: the market", () => {
  let gateway: Harness;
  let grant: string;
  let attestation: string;
  let offer: string;
  let contract: string;

  const sent = async (by: Name, verb: Parameters<Harness["command"]>[1], payload: JsonObject, values = {}) =>
    assertOk(await gateway.command(by, verb, payload, { values }));
  const body = async (by: Name, path: string): Promise<Record<string, unknown>> => {
    const reply = await gateway.read(by, path);
    assertOk(reply);
    return reply.payload()?.body as Record<string, unknown>;
  };
  const ids = async (by: Name, path: string): Promise<readonly unknown[]> =>
    ((await body(by, path))["items"] as readonly { readonly id: string }[]).map(({ id }) => id);
  const code = async (by: Name, path: string): Promise<unknown> => (await gateway.read(by, path)).code();

  before(async () => {
    gateway = await Harness.open();
    const derive = await gateway.granted("insurer", { actions: ["query", "derive"] });
    const operating = { kind: "operating", holder: IDS.insurer, basis: "own product" };
    const product = {
      ...resourcePayload(PRODUCT, IDS.insurer),
      kind: "product",
      lineage: [{ resource: "res/weather@1", grant: derive }],
    };
    const rights = [...(product["rights"] as readonly JsonObject[]), operating];
    await sent("insurer", "resource.register", { ...product, rights }, { responsibleHead: { value: "somebody" } });
    attestation = randomUUID();
    await sent("regulator", "attest", {
      attestation,
      kind: "compliance",
      subject: `${PRODUCT}@1`,
      result: "pass",
      report: sha256Text("report"),
    });
    const [unit, currency] = ["call", "CNY"];
    const cap = { resource: "res/weather", version: 1, unit, currency, amount: "50", from: "2099-01-01T00:00:00.000Z" };
    await sent("bureau", "price.cap", cap);
    offer = randomUUID();
    await sent("insurer", "offer.list", {
      offer,
      resource: `${PRODUCT}@1`,
      purposes: ["risk.assessment"],
      attestations: [attestation],
      tariff: { unit, currency, tiers: [{ amount: "37", per: 1 }], from: "2020-01-01T00:00:00.000Z" },
    });
    grant = randomUUID();
    await sent("insurer", "grant.offer", {
      grant,
      resource: `${PRODUCT}@1`,
      grantee: IDS.stranger,
      right: "operating",
      depth: 0,
      logs: [LOG],
      terms: { ...TERMS },
      route: [[IDS.insurer]],
    });
    await sent("stranger", "grant.accept", { grant });
    contract = randomUUID();
    const terms = {
      offer,
      seller: IDS.insurer,
      buyer: IDS.stranger,
      grant,
      until: "2098-01-01T00:00:00.000Z",
      payees: { shares: [{ weight: 1, to: IDS.insurer }] },
      disputeDays: 10,
      counterparts: [],
    };
    for (const by of ["insurer", "stranger"] as const) await sent(by, "contract.sign", { contract, version: 1, terms });
  });
  after(() => gateway.close());

  it("attestations and caps are everybody's, found by resource and by version", async () => {
    expect(await body("stranger", `/v1/attestations/${attestation}`)).to.include({
      state: "valid",
      kind: "compliance",
    });
    for (const subject of [PRODUCT, `${PRODUCT}@1`]) {
      const path = `/v1/attestations?subject=${encodeURIComponent(subject)}`;
      expect(await ids("stranger", path), subject).to.deep.equal([attestation]);
    }
    expect(await ids("stranger", `/v1/attestations?subject=${encodeURIComponent(`${PRODUCT}@2`)}`)).to.deep.equal([]);
    expect(await ids("stranger", "/v1/attestations")).to.deep.equal([attestation]);
    expect(await code("stranger", "/v1/attestations?subject=x")).to.equal("MALFORMED");
    expect(await body("stranger", "/v1/caps/res/weather")).to.include({ id: "res/weather", version: 1 });
    expect(await code("stranger", `/v1/caps/${PRODUCT}`)).to.equal("NOT_FOUND");
    expect(await code("stranger", `/v1/attestations/${randomUUID()}`)).to.equal("NOT_FOUND");
  });

  it("a contract is its parties' and the regulator's; others learn nothing of it", async () => {
    for (const by of ["insurer", "stranger", "regulator"] as const) {
      expect(await body(by, `/v1/contracts/${contract}`), by).to.include({ id: contract, state: "active" });
      expect(await ids(by, "/v1/contracts"), by).to.deep.equal([contract]);
    }
    expect(await code("bureau", `/v1/contracts/${contract}`)).to.equal("NOT_FOUND");
    expect(await ids("bureau", "/v1/contracts")).to.deep.equal([]);
    const signed = await gateway.sign("insurer", "contract.terminate", "/v1/commands/contract.terminate", { contract });
    assertOk(await gateway.post("/v1/commands/contract.terminate", signed));
    const path = `/v1/commands/${signed.request}`;
    expect(await code("bureau", path)).to.equal("NOT_FOUND");
    expect(await body("stranger", path)).to.have.property("chains");
    expect(await body("stranger", `/v1/contracts/${contract}`)).to.include({ state: "terminated" });
  });

  it("the owner of data is told who uses what was made from it, and nobody else is", async () => {
    const { items } = await body("bureau", "/v1/resources/res/weather/derived");
    const users = [{ grantee: IDS.stranger, grant, state: "active" }];
    const made = { resource: PRODUCT, steward: IDS.insurer, parents: ["res/weather@1"], users };
    expect(items).to.have.lengthOf(1);
    expect((items as readonly unknown[])[0]).to.deep.include(made);
    expect((await body("regulator", "/v1/resources/res/weather/derived"))["items"]).to.deep.equal(items);
    expect(await code("insurer", "/v1/resources/res/weather/derived")).to.equal("NOT_FOUND");
    expect((await body("insurer", `/v1/resources/${PRODUCT}/derived`))["items"]).to.deep.equal([]);
    expect(await code("bureau", "/v1/resources/res/none/derived")).to.equal("NOT_FOUND");
  });

  it("offers are listed for whoever may buy, until they are delisted", async () => {
    const ofProduct = `/v1/offers?resource=${encodeURIComponent(PRODUCT)}`;
    for (const path of ["/v1/offers", ofProduct]) expect(await ids("bureau", path)).to.deep.equal([offer]);
    expect(await ids("bureau", "/v1/offers?resource=res%2Fweather")).to.deep.equal([]);
    await sent("insurer", "offer.delist", { offer });
    for (const path of ["/v1/offers", ofProduct]) expect(await ids("bureau", path)).to.deep.equal([]);
    expect(await body("bureau", `/v1/offers/${offer}`)).to.include({ state: "delisted" });
  });
});
