import { mkdir, readdir } from "node:fs/promises";
import { request } from "node:http";
import { QuanjiError } from "@quanji/chaincode/domain";
import { expect } from "chai";
import { Client, generateKey, openSigner } from "../../sdk/index.js";
import { FakeGateway, GRANT, LOG, RESOURCE } from "../../sdk/fake-gateway.test.js";
import { Desk } from "../io.test.js";
import { assertMayAsk, hostsOf, isLoopback } from "./guard.js";
import { parsePlain } from "./request.js";
import { type Proxy, startProxy } from "./server.js";

const BANK = "urn:quanji:bank";

describe("proxy", () => {
  let gateway: FakeGateway;
  let proxy: Proxy;
  let desk: Desk;
  let client: Client;

  const start = (more: { readonly token?: string } = {}): Promise<Proxy> =>
    startProxy({
      client,
      host: "127.0.0.1",
      port: 0,
      names: [],
      receipts: desk.path("receipts"),
      defaults: { environment: "api", jurisdiction: "CN", operator: "job 7" },
      clock: Date.now,
      report: () => undefined,
      ...more,
    });

  beforeEach(async () => {
    desk = await Desk.open();
    await mkdir(desk.path("receipts"));
    gateway = await FakeGateway.start();
    const terms = { purposes: ["insurance.pricing"], fields: ["day", "rain"] };
    const grant = {
      id: GRANT,
      state: "active",
      resource: `${RESOURCE}@1`,
      grantee: BANK,
      logs: [LOG],
      terms,
      at: { time: "" },
    };
    gateway.answer("/v1/grants", { items: [grant] });
    gateway.answer(`/v1/resources/${RESOURCE}`, {
      id: RESOURCE,
      logs: [LOG],
      fields: [{ name: "rain", type: "number" }],
    });
    client = await Client.connect({
      gateway: gateway.address,
      key: await openSigner({ jwk: await generateKey("EdDSA"), party: BANK }),
    });
    proxy = await start();
  });
  afterEach(async () => {
    await proxy.close();
    await gateway.close();
    await desk.close();
  });

  const get = (query: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${proxy.url}/${RESOURCE}${query}`, { headers });

  /** fetch does not let its caller choose Host. */
  const getAs = (headers: Record<string, string>): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      request(`${proxy.url}/${RESOURCE}`, { headers }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on("error", reject)
        .end();
    });

  it("answers a plain GET with checked rows, in the form that is asked for, and keeps the receipts", async () => {
    expect(await (await get("")).json()).to.deep.equal([
      { day: "2026-01-01", rain: 3 },
      { day: "2026-01-02", rain: 0 },
    ]);
    expect(await (await get("?as=ndjson")).text()).to.equal(gateway.data);
    const csv = await get("", { accept: "text/csv" });
    expect([csv.headers.get("content-type"), await csv.text()]).to.deep.equal([
      "text/csv; charset=utf-8",
      "day,rain\r\n2026-01-01,3\r\n2026-01-02,0\r\n",
    ]);
    const requests = gateway.callsOf("access").map(({ parsed }) => `${parsed.request}.receipt.json`);
    expect((await readdir(desk.path("receipts"))).sort()).to.deep.equal(requests.sort());
  });

  it("signs what the query says", async () => {
    await get("?fields=rain&from=2026-01-01&to=2026-02-01&where=rain:ge:3&where=rain:in:1,2.5&limit=7");
    const [call] = gateway.callsOf("access");
    expect(call?.parsed.payload).to.deep.include({
      grant: GRANT,
      purpose: "insurance.pricing",
      fields: ["rain"],
      quantity: 7,
      range: { from: "2026-01-01", to: "2026-02-01" },
    });
    expect(call?.openings)
      .to.have.nested.property("query.value")
      .that.deep.equals({
        limit: 7,
        where: [
          { field: "rain", op: "ge", value: 3 },
          { field: "rain", op: "in", value: [1, "2.5"] },
        ],
      });
  });

  it("a denial is a problem with the rule's status and code, and its receipt is kept", async () => {
    gateway.rule = "QUOTA_EXCEEDED";
    const response = await get("");
    expect([response.status, response.headers.get("content-type")]).to.deep.equal([429, "application/problem+json"]);
    expect(await response.json()).to.include({
      code: "QUOTA_EXCEEDED",
      request: response.headers.get("quanji-request"),
    });
    expect(await readdir(desk.path("receipts"))).to.have.length(1);
  });

  it("data that do not agree with their account are not passed on", async () => {
    gateway.script("access", async (call, response) => {
      await gateway.record(call);
      const receipt = await gateway.receipt(call.parsed.request);
      await gateway.stream(response, call.parsed.request, receipt, { account: { digest: "A".repeat(43) } });
    });
    const response = await get("");
    expect([response.status, ((await response.json()) as { code: string }).code]).to.deep.equal([
      502,
      "ANSWER_MISMATCH",
    ]);
  });

  it("a name that was made to point here (DNS rebinding) gets nothing, and nothing is signed", async () => {
    const { port } = new URL(proxy.url);
    expect(await getAs({ host: `evil.example:${port}` })).to.equal(403);
    expect(await getAs({ host: `127.0.0.1.evil.example:${port}` })).to.equal(403);
    expect(gateway.calls).to.deep.equal([]);
    expect(await getAs({ host: `localhost:${port}` })).to.equal(200);
  });

  it("web pages of other origins get nothing, and nothing is signed", async () => {
    expect(await getAs({ origin: "https://evil.example" })).to.equal(403);
    expect(await getAs({ origin: "null" })).to.equal(403);
    expect(await getAs({ "sec-fetch-site": "cross-site" })).to.equal(403);
    expect(await getAs({ "sec-fetch-site": "same-site" })).to.equal(403);
    expect(gateway.calls).to.deep.equal([]);
  });

  it("with a token, asks for it", async () => {
    await proxy.close();
    proxy = await start({ token: "a token of some length" });
    expect(await getAs({})).to.equal(403);
    expect(await getAs({ authorization: "Bearer another token" })).to.equal(403);
    expect(await getAs({ authorization: "Bearer a token of some length" })).to.equal(200);
  });

  it("takes GET alone", async () => {
    const response = await fetch(`${proxy.url}/${RESOURCE}`, { method: "POST" });
    expect(response.status).to.equal(400);
    expect(gateway.calls).to.deep.equal([]);
  });

  for (const query of [
    "?nonsense=1",
    "?limit=0",
    "?limit=x",
    "?from=2026-01-01",
    "?where=rain",
    "?where=rain:gt:3",
    "?as=xml",
    "?limit=1&limit=2",
  ]) {
    it(`${query} is refused, naming the parameter`, () => {
      expect(() => parsePlain(new URL(`http://p/${RESOURCE}${query}`), ""))
        .to.throw(QuanjiError)
        .with.property("field");
    });
  }

  it("beyond loopback only with TLS and a token", async () => {
    await desk.run(["keys", "new", "--out", "bank.jwk", "--party", BANK]);
    const argv = ["proxy", "--key", "bank.jwk", "--gateway", gateway.address, "--listen"];
    for (const address of ["0.0.0.0:0", "192.0.2.1:0", "[::]:0", "bank.example:0"]) {
      const { exitCode, err } = await desk.run([...argv, address]);
      expect([exitCode, err.includes("not loopback")]).to.deep.equal([2, true]);
    }
    const { exitCode, err } = await desk.run([...argv, "127.0.0.1:0"]);
    expect([exitCode, /^ready http:\/\/127\.0\.0\.1:\d+/.test(err)]).to.deep.equal([0, true]);
  });

  it("knows loopback", () => {
    expect(["127.0.0.1", "127.8.8.8", "::1", "localhost"].every(isLoopback)).to.equal(true);
    expect(["0.0.0.0", "::", "10.0.0.1", "127.0.0.1.evil.example", "localhost.evil.example"].some(isLoopback)).to.equal(
      false,
    );
  });

  it("may be called by its further names, with its own port alone", () => {
    const guard = { hosts: hostsOf("10.0.0.5", 8479, ["data.bank.example"]), scheme: "https" as const };
    const ask = (host: string) => () => assertMayAsk({ headers: { host } }, guard);
    expect(ask("data.bank.example:8479")).to.not.throw();
    expect(ask("10.0.0.5:8479")).to.not.throw();
    for (const host of ["data.bank.example", "data.bank.example:80", "localhost:8479", ""])
      expect(ask(host)).to.throw(QuanjiError);
  });
});
