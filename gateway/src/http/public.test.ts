import { CODES, isQuanjiError } from "@quanji/chaincode/domain";
import { expect } from "chai";
import { openReplays } from "./replays.js";
import { RateLimiter } from "./rate.js";
import { SCHEMA_NAMES } from "./schemas.js";
import { Harness, LOG, NET, PUBLIC_URL } from "./testing/harness.js";
import { payloadOf } from "./testing/request.js";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

describe("http: public material", () => {
  let gateway: Harness;
  before(async () => {
    gateway = await Harness.open();
  });
  after(() => gateway.close());

  it("is alive, ready, and says how it does", async () => {
    expect((await gateway.send({ path: "/healthz" })).status).to.equal(200);
    const ready = await gateway.send({ path: "/readyz" });
    expect([ready.status, JSON.parse(ready.text)]).to.deep.include(200);
    expect(JSON.parse(ready.text)).to.include({ ready: true, checkpoint: "fresh" });
    const metrics = await gateway.send({ path: "/metrics" });
    expect(metrics.text).to.match(/quanji_http_requests_total\{route="\/healthz",status="200"\} 1/);
    expect(metrics.text).to.match(/quanji_ledger_height \d+/);
    expect(metrics.text).to.match(/quanji_read_model_lag_blocks \d+/);
  });

  it("lists gateways and logs, signed by the gateway that answers", async () => {
    const reply = await gateway.send({ path: "/v1/network" });
    const network = payloadOf(JSON.parse(reply.text));
    expect(network).to.include({ net: NET, gateway: "gw" });
    expect(network["gateways"]).to.have.nested.property("[0].publicUrl", PUBLIC_URL);
    expect(network["logs"]).to.have.nested.property("[0].origin", LOG);
  });

  it("serves codes, schemas, checkpoints, trust file and its own description", async () => {
    expect(Object.keys(JSON.parse((await gateway.send({ path: "/v1/codes" })).text) as object)).to.deep.equal(
      Object.keys(CODES),
    );
    for (const name of SCHEMA_NAMES) {
      const reply = await gateway.send({ path: `/v1/schemas/${name}` });
      expect([name, reply.status, JSON.parse(reply.text)]).to.have.nested.property("[2].type", "object");
    }
    expect((await gateway.send({ path: "/v1/logs/0/checkpoint" })).text).to.contain(LOG);
    expect((await gateway.send({ path: "/v1/trust.json" })).status).to.equal(200);
    for (const [version, status] of [
      ["1", 200],
      ["2", 404],
      ["01x", 404],
    ] as const) {
      expect((await gateway.send({ path: `/v1/trust/${version}` })).status).to.equal(status);
    }
    expect(JSON.parse((await gateway.send({ path: "/openapi.json" })).text)).to.have.nested.property(
      "servers[0].url",
      PUBLIC_URL,
    );
  });

  it("answers what is not there with 404 and the code, for every name that a prototype has too", async () => {
    for (const target of [
      "/v1/logs/1/checkpoint",
      "/v1/logs/__proto__/checkpoint",
      "/v1/schemas/constructor",
      "/docs/package.json",
      "/docs/..%2Fpackage.json",
      "/nothing",
    ]) {
      const reply = await gateway.send({ path: target });
      expect([target, reply.status, reply.code()]).to.deep.equal([target, 404, "NOT_FOUND"]);
    }
  });

  it("shows the description without any network: page, script and style come from here, under a strict content policy", async () => {
    const page = await gateway.send({ path: "/docs" });
    const policy = String(page.headers["content-security-policy"]);
    expect(policy).to.contain("default-src 'none'").and.contain("script-src 'self'").and.not.contain("unsafe-eval");
    const parts = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, part = ""]) => part);
    expect(parts.length).to.be.at.least(3);
    for (const part of parts) {
      expect(part).to.match(/^\/docs\//);
      expect((await gateway.send({ path: part })).status, part).to.equal(200);
    }
    expect(page.text).to.not.match(/<script>|onload=/);
  });
});

describe("http: replay protection of reads", () => {
  it("remembers a jti over a restart, and forgets it when its iat is long over", async () => {
    const folder = await mkdtemp(path.join(tmpdir(), "quanji-replays-"));
    let now = 1_000_000;
    try {
      const first = await openReplays(folder, () => now);
      await first.take("kid", "jti");
      await first.close();
      const second = await openReplays(folder, () => now);
      const again = await second.take("kid", "jti").catch((error: unknown) => error);
      expect(isQuanjiError(again, "COMMAND_REPLAYED")).to.equal(true);
      await second.take("other", "jti");
      now += 180_001;
      await second.take("kid", "later");
      await second.take("kid", "jti");
      await second.close();
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("takes a jti once, however many reads bring it at the same moment", async () => {
    const folder = await mkdtemp(path.join(tmpdir(), "quanji-replays-"));
    try {
      const replays = await openReplays(folder, () => 0);
      const takes = await Promise.allSettled(Array.from({ length: 20 }, () => replays.take("kid", "jti")));
      expect(takes.filter(({ status }) => status === "fulfilled")).to.have.length(1);
      await replays.close();
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe("http: rate limits", () => {
  it("lets a burst through, then so many a second, for each party apart; a clock that jumps back gives nothing", () => {
    let now = 0;
    const limiter = new RateLimiter({ perSecond: 10, burst: 3 }, () => now);
    const taken = (party: string): boolean => {
      try {
        limiter.take(party);
        return true;
      } catch (error) {
        expect(isQuanjiError(error, "LIMITED")).to.equal(true);
        return false;
      }
    };
    expect([1, 2, 3, 4].map(() => taken("a"))).to.deep.equal([true, true, true, false]);
    expect(taken("b")).to.equal(true);
    now = 100;
    expect([taken("a"), taken("a")]).to.deep.equal([true, false]);
    now = 50;
    expect(taken("a")).to.equal(false);
    now = 10_000;
    expect([1, 2, 3, 4].map(() => taken("a"))).to.deep.equal([true, true, true, false]);
  });
});
