/** PROTOCOL §4.2, as far as it concerns the edge: each attack, and the answer that it must get. */
import { randomBytes, randomUUID } from "node:crypto";
import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { CODES, stopDigest } from "@quanji/chaincode/domain";
import { canonical, type FlattenedJws, signJws, toBase64url, utf8 } from "@quanji/chaincode/log";
import { generateKey, openSigner, type SignedCommand } from "@quanji/client";
import { expect } from "chai";
import { RowDeliveries } from "./testing/deliveries.js";
import { Harness, IDS, NET, PUBLIC_URL } from "./testing/harness.js";
import { payloadOf, type Reply } from "./testing/request.js";

const JOSE = { "content-type": "application/jose+json" };

describe("http: attacks on the API", () => {
  let gateway: Harness;
  let deliveries: RowDeliveries;
  let grant: string;

  before(async () => {
    deliveries = new RowDeliveries();
    gateway = await Harness.open({ deliveries: () => deliveries, bodyTimeoutMs: 400 });
    grant = await gateway.granted("insurer");
  });
  after(() => gateway.close());

  const expectRefused = (reply: Reply, code: keyof typeof CODES): void => {
    expect([reply.code(), reply.status]).to.deep.equal([code, CODES[code].status]);
  };

  it("1 a command for another gateway is misdirected", async () => {
    const signed = await gateway.signAccess("insurer", { grant }, { url: "https://other.test/v1/access" });
    expectRefused(await gateway.post("/v1/access", signed), "COMMAND_MISDIRECTED");
  });

  it("2 one access sent 40 times at once makes one record, one delivery, and the same receipt for all", async () => {
    const signed = await gateway.signAccess("insurer", { grant });
    const before = deliveries.opened;
    const replies = await Promise.all(Array.from({ length: 40 }, () => gateway.post("/v1/access", signed)));
    expect(replies.map(({ status }) => status)).to.deep.equal(replies.map(() => 200));
    const streams = replies.filter(({ headers }) => headers["content-type"] === "application/x-ndjson");
    expect(streams).to.have.length(1);
    expect(deliveries.opened - before).to.equal(1);
    const records = replies.map((reply) => {
      const receipt = payloadOf(reply.lines()[0]?.["receipt"] ?? reply.payload()?.body["receipt"]);
      return [receipt["record"], receipt["body"]];
    });
    expect(new Set(records.map((record) => JSON.stringify(record))).size).to.equal(1);
  });

  it("2 one command sent 20 times at once takes effect once, and all get the first answer", async () => {
    const own = await gateway.granted("insurer");
    const payload = { target: stopDigest(own), epoch: 1 };
    const signed = await gateway.sign("bureau", "grant.suspend", "/v1/commands/grant.suspend", payload);
    const replies = await Promise.all(
      Array.from({ length: 20 }, () => gateway.post("/v1/commands/grant.suspend", signed)),
    );
    expect(new Set(replies.map((reply) => JSON.stringify(reply.payload()))).size).to.equal(1);
    expect(replies[0]?.status).to.equal(200);
  });

  it("3 the same jti with another body is replayed", async () => {
    const jti = randomUUID();
    const send = (name: string) =>
      gateway.command("stranger", "resource.register", resource(`res/replay-${name}`), {
        jti,
        values: { responsibleHead: { value: "somebody" } },
      });
    expect((await send("one")).status).to.equal(200);
    expectRefused(await send("two"), "COMMAND_REPLAYED");
  });

  it("4 a captured access played again gets the receipt only, never the data", async () => {
    const signed = await gateway.signAccess("insurer", { grant });
    const first = await gateway.post("/v1/access", signed);
    expect(first.lines().map((line) => line["t"])).to.deep.equal(["receipt", "data", "data", "end"]);
    const opened = deliveries.opened;
    const again = await gateway.post("/v1/access", signed);
    expect(again.headers["content-type"]).to.equal("application/jose+json");
    expect(payloadOf(again.payload()?.body["receipt"])["body"]).to.equal(
      payloadOf(first.lines()[0]?.["receipt"])["body"],
    );
    expect(deliveries.opened).to.equal(opened);
  });

  it("5 forged Host and X-Forwarded headers are never read", async () => {
    const elsewhere = "https://evil.test";
    const signed = await gateway.signAccess("insurer", { grant }, { url: `${elsewhere}/v1/access` });
    const headers = {
      host: "evil.test",
      "x-forwarded-host": "evil.test",
      "x-forwarded-proto": "https",
      forwarded: "host=evil.test",
    };
    expectRefused(await gateway.post("/v1/access", signed, headers), "COMMAND_MISDIRECTED");
    const own = await gateway.sign("insurer", "read", "/v1/parties", {});
    expect((await gateway.post("/v1/parties", own, headers)).status).to.equal(200);
  });

  it("6 a signed read with another query is misdirected", async () => {
    const signed = await gateway.sign("insurer", "read", "/v1/grants?limit=1", {});
    expectRefused(await gateway.post("/v1/grants?limit=100", signed), "COMMAND_MISDIRECTED");
    expectRefused(await gateway.post("/v1/grants?limit=1&", signed), "COMMAND_MISDIRECTED");
  });

  for (const seconds of [-62, 62]) {
    it(`7 iat ${seconds} s off is stale, and the answer carries the gateway's time`, async () => {
      const nowMs = Date.now() + seconds * 1000;
      const reply = await gateway.access("insurer", { grant }, { nowMs });
      expectRefused(reply, "COMMAND_STALE");
      const now = Date.parse(String(reply.payload()?.body["now"]));
      expect(Math.abs(now - Date.now())).to.be.lessThan(60_000);
    });
  }

  it("7 an access that is known is answered from store however old it has become", async () => {
    // Signed 59 s ago, so that the second sending may be stale while the first was not: here both are judged alike.
    const signed = await gateway.signAccess("insurer", { grant }, { nowMs: Date.now() - 58_000 });
    expect((await gateway.post("/v1/access", signed)).status).to.equal(200);
    expect((await gateway.post("/v1/access", signed)).status).to.equal(200);
  });

  it("9 what a stranger may not see is answered exactly like what does not exist", async () => {
    const access = await gateway.signAccess("insurer", { grant });
    await gateway.post("/v1/access", access);
    const nothing = (await gateway.read("stranger", `/v1/grants/${randomUUID()}`)).payload();
    const hidden = [
      `/v1/grants/${grant}`,
      `/v1/receipts/${access.request}`,
      `/v1/trails/grant/${grant}`,
      `/v1/trails/party/${IDS.insurer}`,
      "/v1/trails/resource/res/weather",
      "/v1/resources/res/absent",
      `/v1/receipts/${toBase64url(randomBytes(32))}`,
      `/v1/commands/${toBase64url(randomBytes(32))}`,
      "/v1/trails/network/x",
    ];
    for (const path of hidden) {
      const reply = await gateway.read("stranger", path);
      expect([path, reply.status, reply.payload()?.body]).to.deep.equal([path, 404, nothing?.body]);
    }
  });

  it("9 parties to an object, its steward and the regulator do see it", async () => {
    const access = await gateway.signAccess("insurer", { grant });
    await gateway.post("/v1/access", access);
    for (const viewer of ["insurer", "bureau", "regulator"] as const) {
      expect((await gateway.read(viewer, `/v1/grants/${grant}`)).status, viewer).to.equal(200);
      expect((await gateway.read(viewer, `/v1/receipts/${access.request}`)).status, viewer).to.equal(200);
      expect((await gateway.read(viewer, `/v1/trails/grant/${grant}`)).status, viewer).to.equal(200);
    }
    expect((await gateway.read("bureau", "/v1/trails/resource/res/weather")).status).to.equal(200);
    expect((await gateway.read("insurer", `/v1/trails/party/${IDS.insurer}`)).status).to.equal(200);
  });

  for (const [name, kid] of Object.entries({
    "two marks": `${IDS.insurer}##`,
    "a path": `../../${IDS.insurer}#`,
    "a prototype": "__proto__#",
    "10 kB": `${"a".repeat(10_000)}#`,
  })) {
    it(`10 a kid of ${name} is malformed`, async () => {
      const { kid: own } = gateway.signers.insurer;
      const signed = await forge({ kid: kid + own.slice(own.indexOf("#") + 1) });
      expectRefused(await gateway.post("/v1/parties", signed), "MALFORMED");
    });
  }

  it("11 a body of 40 MB is too large", async () => {
    const reply = await gateway.send({
      method: "POST",
      path: "/v1/access",
      headers: JOSE,
      body: Buffer.alloc(40 * 1024 * 1024, 0x20),
    });
    expectRefused(reply, "TOO_LARGE");
  });

  it("11 a body that never says how long it is, and is too large, is too large", async () => {
    const reply = await gateway.send({
      method: "POST",
      path: "/v1/access",
      headers: { ...JOSE, "transfer-encoding": "chunked" },
      body: Buffer.alloc(1024 * 1024, 0x20),
    });
    expectRefused(reply, "TOO_LARGE");
  });

  it("11 a compressed body is not taken, bomb or not", async () => {
    const body = gzipSync(Buffer.alloc(10 * 1024 * 1024));
    const headers = { ...JOSE, "content-encoding": "gzip" };
    expectRefused(await gateway.send({ method: "POST", path: "/v1/access", headers, body }), "MEDIA_TYPE");
  });

  it("11 a body that does not come in time is timed out", async () => {
    const text = await drip(gateway.address, [
      "POST /v1/access HTTP/1.1",
      "host: gateway.test",
      "content-type: application/jose+json",
      "content-length: 100",
      "",
      '{"payload":"',
    ]);
    expect(text).to.match(/^HTTP\/1\.1 408 /);
    expect(text).to.contain('"code":"TIMEOUT"');
  });

  for (const body of ['{"a":'.repeat(4_000) + "1" + "}".repeat(4_000), "[".repeat(50_000)]) {
    it(`11 JSON that nests deep is refused (${body.slice(0, 4)})`, async () => {
      expectRefused(await gateway.send({ method: "POST", path: "/v1/access", headers: JOSE, body }), "MALFORMED");
    });
  }

  it("16 an access signed for an approval's url and posted there is malformed", async () => {
    const url = `${PUBLIC_URL}/v1/commands/grant.approve`;
    const signed = await gateway.signAccess("insurer", { grant }, { url });
    expectRefused(await gateway.post("/v1/commands/grant.approve", signed), "MALFORMED");
  });

  it("25 atLeast of 2^53 - 1 waits a little and is behind", async () => {
    const signed = await gateway.sign("insurer", "read", "/v1/parties", {
      atLeast: { block: Number.MAX_SAFE_INTEGER },
    });
    expectRefused(await gateway.post("/v1/parties", signed), "BEHIND");
  });

  it("27 every answer names the request that it answers", async () => {
    const [a, b] = [
      await gateway.sign("insurer", "read", "/v1/parties", {}),
      await gateway.sign("bureau", "read", "/v1/parties", {}),
    ];
    const [first, second] = await Promise.all([gateway.post("/v1/parties", a), gateway.post("/v1/parties", b)]);
    expect([first.payload()?.request, second.payload()?.request]).to.deep.equal([a.request, b.request]);
  });

  for (const [name, payload] of Object.entries({
    "a member twice": `{"net":"${NET}","net":"${NET}"}`,
    "a number out of range": `{"atLeast":{"block":1e400},"net":"${NET}"}`,
    "a lone surrogate": `{"net":"\\ud800"}`,
    "a fraction": `{"atLeast":{"block":1.5},"net":"${NET}"}`,
    "white space": `{ "net":"${NET}"}`,
    "a byte order mark": `\uFEFF{"net":"${NET}"}`,
    null: `{"net":null}`,
  })) {
    it(`28 a payload with ${name} is malformed, though its signature is good`, async () => {
      expectRefused(await gateway.post("/v1/parties", await forge({}, payload)), "MALFORMED");
    });
  }

  it("28 a body with a member twice is malformed", async () => {
    const { jws } = await gateway.sign("insurer", "read", "/v1/parties", {});
    const body = `{"payload":"${jws.payload}","payload":"${jws.payload}","protected":"${jws.protected}","signature":"${jws.signature}"}`;
    expectRefused(await gateway.send({ method: "POST", path: "/v1/parties", headers: JOSE, body }), "MALFORMED");
  });

  it("a read is answered once: played again it is replayed, also after a restart's memory", async () => {
    const signed = await gateway.sign("insurer", "read", "/v1/parties", {});
    expect((await gateway.post("/v1/parties", signed)).status).to.equal(200);
    expectRefused(await gateway.post("/v1/parties", signed), "COMMAND_REPLAYED");
  });

  it("an unknown key and a wrong signature are answered alike", async () => {
    const stranger = await openSigner({ jwk: await generateKey("EdDSA"), party: IDS.insurer });
    const unknown = await gateway.read(stranger, "/v1/parties");
    const wrong = await forge({});
    const reply = await gateway.post("/v1/parties", {
      jws: { ...wrong.jws, signature: toBase64url(randomBytes(64)) },
    });
    expectRefused(unknown, "SIGNATURE_INVALID");
    expect(reply.payload()?.body).to.deep.equal(unknown.payload()?.body);
  });

  it("an opening that does not match its commitment is malformed, and so is one of nothing", async () => {
    const signed = await gateway.signAccess("insurer", { grant });
    const salt = toBase64url(randomBytes(32));
    const wrong = { ...signed, openings: { operator: { salt, value: "another desk" } } };
    expectRefused(await gateway.post("/v1/access", wrong), "MALFORMED");
    const surplus = { ...signed, openings: { ...signed.openings, ground: { salt, value: "x" } } };
    expectRefused(await gateway.post("/v1/access", surplus), "MALFORMED");
  });

  it("an unknown log or resource is not found, and its number is not used up", async () => {
    const signed = await gateway.signAccess("insurer", { grant, log: `${NET}/other/0` });
    expectRefused(await gateway.post("/v1/access", signed), "NOT_FOUND");
    expectRefused(await gateway.access("insurer", { grant, resource: "res/absent" }), "NOT_FOUND");
  });

  it("a denial has its code's status, the rule, and a receipt; sent again, the same", async () => {
    const signed = await gateway.signAccess("stranger", { grant, seq: 0 });
    const first = await gateway.post("/v1/access", signed);
    expectRefused(first, "NOT_GRANTEE");
    const body = first.payload()?.body;
    expect(body?.["rule"]).to.equal("NOT_GRANTEE");
    const again = await gateway.post("/v1/access", signed);
    expect(payloadOf(again.payload()?.body["receipt"])).to.deep.equal(payloadOf(body?.["receipt"]));
  });

  const forge = async (change: object, payload = canonical({ net: NET })): Promise<Pick<SignedCommand, "jws">> => {
    const { insurer } = gateway.signers;
    const header = {
      alg: insurer.alg,
      iat: Math.floor(Date.now() / 1000),
      jti: randomUUID(),
      kid: insurer.kid,
      typ: "quanji-read+jws",
      url: `${PUBLIC_URL}/v1/parties`,
      ...change,
    };
    const jws = await signJws(header, {}, insurer.sign);
    const protectedText = toBase64url(utf8(canonical(header)));
    const payloadText = toBase64url(utf8(payload));
    const signature = toBase64url(await insurer.sign(utf8(`${protectedText}.${payloadText}`)));
    return { jws: { ...jws, payload: payloadText, protected: protectedText, signature } satisfies FlattenedJws };
  };
});

describe("http: a flood of signed requests", () => {
  it("20 is limited by party before anything is recorded, and leaves others alone", async () => {
    const gateway = await Harness.open({ perSecond: 12 });
    try {
      const height = await gateway.ledger.height();
      const signed = await Promise.all(Array.from({ length: 60 }, (_, seq) => gateway.signAccess("stranger", { seq })));
      const replies = await Promise.all(signed.map((one) => gateway.post("/v1/access", one)));
      const limited = replies.filter((reply) => reply.code() === "LIMITED");
      expect(limited.length).to.be.greaterThan(0);
      expect(limited[0]?.headers["retry-after"]).to.equal("1");
      const recorded = replies.filter((reply) => reply.code() === "GRANT_MISSING").length;
      expect(recorded + limited.length).to.equal(60);
      const log = await gateway.edge.readModel.log(`${NET}/gw/0`);
      expect(log?.size).to.equal(recorded);
      expect(await gateway.ledger.height()).to.be.greaterThan(height);
      expect((await gateway.read("insurer", "/v1/parties")).status).to.equal(200);
    } finally {
      await gateway.close();
    }
  });
});

const resource = (id: string) => ({
  resource: id,
  kind: "dataset",
  title: "x",
  class: "weather.daily",
  steward: IDS.stranger,
  servedBy: "HolderMSP",
  logs: [`${NET}/gw/0`],
  grade: { standard: "GB/T 43697-2024", level: "general-1" },
  sharing: "open",
  subjectKind: "none",
  basis: { law: "x", duty: "x" },
  fields: [{ name: "day", type: "date", grade: "general-1" }],
  rights: [{ kind: "holding", holder: IDS.stranger, basis: "x" }],
});

/** Writes the lines and then nothing more; answers what comes until the other side ends. */
function drip(address: string, lines: readonly string[]): Promise<string> {
  const { hostname, port } = new URL(address);
  return new Promise((resolve, reject) => {
    let text = "";
    const socket = connect(Number(port), hostname, () => socket.write(lines.join("\r\n")));
    socket.on("data", (chunk) => (text += chunk.toString("utf8")));
    socket.on("error", reject);
    socket.on("close", () => resolve(text));
  });
}
