import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Code, QuanjiError, stopDigest } from "@quanji/chaincode/domain";
import { fromBase64url, sha256, toBase64url, verifyCommitment } from "@quanji/chaincode/log";
import { expect } from "chai";
import {
  type Access,
  AccessRefused,
  Client,
  type ConnectOptions,
  fileSeqStore,
  generateKey,
  openSigner,
  signatureVerifier,
  type Signer,
} from "./index.js";
import { type OpenedTrust, openTrust } from "../verify/index.js";
import {
  FakeGateway,
  GRANT,
  LOG,
  NET,
  PUBLIC_URL,
  RESOURCE,
  ROWS,
  type Script,
  trustFile,
} from "./fake-gateway.test.js";

async function refusal(work: Promise<unknown>): Promise<QuanjiError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof QuanjiError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

async function expectRefusal(work: Promise<unknown>, code: Code, detail?: string): Promise<void> {
  const error = await refusal(work);
  expect([error.code, ...(detail === undefined ? [] : [error.detail])]).to.deep.equal([
    code,
    ...(detail === undefined ? [] : [detail]),
  ]);
}

const ACCESS: Access = {
  resource: RESOURCE,
  grant: GRANT,
  log: LOG,
  action: "query",
  purpose: "insurance.pricing",
  fields: ["day", "rain"],
  environment: { kind: "api", jurisdiction: "CN" },
  operator: "desk 4",
  query: { limit: 2 },
  quantity: 2,
};

describe("Client", () => {
  let gateway: FakeGateway;
  let signer: Signer;

  before(async () => {
    signer = await openSigner({ jwk: await generateKey("ES256"), party: "urn:quanji:insurer" });
  });
  beforeEach(async () => {
    gateway = await FakeGateway.start();
  });
  afterEach(() => gateway.close());

  const connect = (more: Partial<ConnectOptions> = {}): Promise<Client> =>
    Client.connect({ gateway: gateway.address, key: signer, pause: () => Promise.resolve(), ...more });

  describe("commands", () => {
    it("are signed for the registered URL, whatever address is dialled", async () => {
      const client = await connect();
      await client.grants.approve(GRANT);
      const [call] = gateway.callsOf("grant.approve");
      expect(call?.parsed.header.url).to.equal(`${PUBLIC_URL}/v1/commands/grant.approve`);
      expect(call?.parsed.header.kid).to.equal(signer.kid);
      expect(call?.parsed.payload).to.deep.equal({ grant: GRANT, net: NET });
      expect(await signatureVerifier()(signer.jwk, call!.parsed.signingInput, call!.parsed.signature)).to.equal(true);
    });

    it("carry commitments; the values travel beside them and open them", async () => {
      const client = await connect();
      await client.grants.refuse(GRANT, "not within our duty");
      const [call] = gateway.callsOf("grant.refuse");
      const { kid, jti } = call!.parsed.header;
      const opening = call!.openings!["ground"] as { salt: string; value: string };
      expect(opening.value).to.equal("not within our duty");
      expect(call!.text).to.not.include('"payload":"not within');
      verifyCommitment(call!.parsed.payload["ground"] as string, [kid, jti], "ground", opening);
    });

    it("a payload that the verb does not take is refused before anything is sent, naming the field", async () => {
      const client = await connect();
      const error = await refusal(client.send("grant.approve", { grant: GRANT, also: "this" }));
      expect([error.code, error.field]).to.deep.equal(["MALFORMED", "also"]);
      expect(gateway.calls).to.deep.equal([]);
    });

    it("a stop names the grant by its digest, with the epoch that holds", async () => {
      gateway.answer(`/v1/grants/${GRANT}`, { epoch: 3 });
      const client = await connect();
      await client.grants.revoke(GRANT);
      expect(gateway.callsOf("grant.revoke")[0]?.parsed.payload).to.deep.equal({
        epoch: 3,
        net: NET,
        target: stopDigest(GRANT),
      });
    });

    it("a lost answer is asked for with the same bytes", async () => {
      const client = await connect();
      gateway.script("grant.approve", (_call, response) => void response.destroy());
      expect(await client.grants.approve(GRANT)).to.include({ block: 7, index: 0 });
      const [first, second] = gateway.callsOf("grant.approve");
      expect(second?.text).to.equal(first?.text);
    });

    it("later reads ask for no older a state than the answer named", async () => {
      gateway.answer(`/v1/grants/${GRANT}`, { id: GRANT });
      const client = await connect();
      await client.grants.approve(GRANT);
      await client.grants.get(GRANT);
      expect(gateway.callsOf("read")[0]?.parsed.payload).to.deep.equal({ atLeast: { block: 7 }, net: NET });
    });

    it("a signed refusal comes with its code, field and finer code", async () => {
      const client = await connect();
      gateway.script("grant.approve", ({ parsed }, response) =>
        gateway.refuse(response, parsed.request, "STATE_CONFLICT", { reason: "waiting", field: "grant" }),
      );
      const error = await refusal(client.grants.approve(GRANT));
      expect([error.code, error.detail, error.field]).to.deep.equal(["STATE_CONFLICT", "waiting", "grant"]);
    });
  });

  describe("reads", () => {
    it("follow pages to their end, each signed anew with its cursor", async () => {
      const client = await connect();
      gateway.script(
        "read",
        ({ parsed }, response) => gateway.send(response, parsed.request, 200, { items: [{ id: "a" }], next: "k/1" }),
        ({ parsed }, response) => gateway.send(response, parsed.request, 200, { items: [{ id: "b" }] }),
      );
      const ids: string[] = [];
      for await (const party of client.parties.all()) ids.push(party.id);
      expect(ids).to.deep.equal(["a", "b"]);
      expect(gateway.callsOf("read").map(({ path }) => path)).to.deep.equal([
        "/v1/parties?limit=100",
        "/v1/parties?limit=100&cursor=k%2F1",
      ]);
      expect(gateway.callsOf("read")[1]?.parsed.header.url).to.equal(`${PUBLIC_URL}/v1/parties?limit=100&cursor=k%2F1`);
    });

    it("a resource's id stands in the path as it is; what is no id asks for nothing", async () => {
      gateway.answer(`/v1/resources/${RESOURCE}`, { id: RESOURCE });
      const client = await connect();
      expect((await client.resources.get(RESOURCE)).id).to.equal(RESOURCE);
      await expectRefusal(client.resources.get("../../v1/grants"), "MALFORMED");
      expect(gateway.callsOf("read").length).to.equal(1);
    });
  });

  describe("answers", () => {
    it("swapped between two requests: ANSWER_MISMATCH", async () => {
      const client = await connect();
      const other = (await client.sign("grant.approve", { grant: GRANT })).request;
      gateway.script("grant.approve", (_call, response) => gateway.send(response, other, 200, { block: 1 }));
      await expectRefusal(client.grants.approve(GRANT), "ANSWER_MISMATCH", "REQUEST_MISMATCH");
    });

    it("signed by another key: ANSWER_MISMATCH, under its own name and under the gateway's", async () => {
      const client = await connect();
      const stranger = await openSigner({ jwk: await generateKey("EdDSA"), party: "gw" });
      const forger = { ...stranger, kid: gateway.key.kid };
      for (const [key, detail] of [
        [stranger, "KEY_UNKNOWN"],
        [forger, "SIGNATURE_INVALID"],
      ] as const) {
        gateway.script("grant.approve", ({ parsed }, response) => gateway.send(response, parsed.request, 200, {}, key));
        await expectRefusal(client.grants.approve(GRANT), "ANSWER_MISMATCH", detail);
      }
    });

    it("of another status than was sent: ANSWER_MISMATCH", async () => {
      const client = await connect();
      gateway.script("grant.approve", async ({ parsed }, response) => {
        const jws = await gateway.sign("quanji-answer+jws", { request: parsed.request, status: 403, body: {} });
        response.writeHead(200, { "content-type": "application/jose+json" }).end(JSON.stringify(jws));
      });
      await expectRefusal(client.grants.approve(GRANT), "ANSWER_MISMATCH", "STATUS_MISMATCH");
    });

    it("a receipt in place of an answer: ANSWER_MISMATCH", async () => {
      const client = await connect();
      gateway.script("grant.approve", async ({ parsed }, response) => {
        const jws = await gateway.sign("quanji-receipt+jws", { request: parsed.request, status: 200, body: {} });
        response.writeHead(200, { "content-type": "application/jose+json" }).end(JSON.stringify(jws));
      });
      await expectRefusal(client.grants.approve(GRANT), "ANSWER_MISMATCH", "TYP_MISMATCH");
    });

    it("a problem that nobody signed is a fault of the transport, and its code is not believed", async () => {
      const client = await connect();
      const unsigned: Script = (_call, response) =>
        void response
          .writeHead(403, { "content-type": "application/problem+json" })
          .end('{"code":"GRANT_REVOKED","detail":"gone"}');
      gateway.script("grant.approve", unsigned, unsigned, unsigned);
      const error = await refusal(client.grants.approve(GRANT));
      expect([error.code, error.detail]).to.deep.equal(["UNREACHABLE", "UNSIGNED"]);
      expect(error.message).to.include("GRANT_REVOKED: gone");
      expect(gateway.calls.length).to.equal(3);
    });

    it("a network description that another key signed is refused at once", async () => {
      const stranger = await openSigner({ jwk: await generateKey("EdDSA"), party: "gw" });
      const honest = gateway.sign.bind(gateway);
      gateway.sign = (typ, payload) => honest(typ, payload, { ...stranger, kid: gateway.key.kid });
      await expectRefusal(connect(), "ANSWER_MISMATCH", "SIGNATURE_INVALID");
    });

    it("nobody listens: UNREACHABLE", async () => {
      const { address } = gateway;
      await gateway.close();
      await expectRefusal(Client.connect({ gateway: address, key: signer }), "UNREACHABLE", "CONNECTION");
      gateway = await FakeGateway.start();
    });
  });

  describe("accesses", () => {
    it("bring a checked receipt, then rows; operator and query are committed to", async () => {
      const client = await connect();
      const access = await client.access(ACCESS);
      expect(access.receipt.record.body.request).to.equal(access.request);
      expect(await access.rows()).to.deep.equal([
        { day: "2026-01-01", rain: 3 },
        { day: "2026-01-02", rain: 0 },
      ]);
      expect(access.account).to.include({ outcome: "delivered", rows: 2 });
      const [call] = gateway.callsOf("access");
      expect(call?.parsed.header.url).to.equal(`${PUBLIC_URL}/v1/access`);
      expect(call?.parsed.payload).to.include({ seq: 0, log: LOG, mode: "normal", quantity: 2 });
      expect(Buffer.from(fromBase64url(call!.parsed.jws.payload)).toString()).to.not.include("desk 4");
      expect(call?.openings).to.have.keys("operator", "query");
    });

    it("what came whole is accepted, in its own words: the access's place, digest and rows", async () => {
      const client = await connect();
      const { access, data } = await client.fetch(ACCESS);
      const [call] = gateway.callsOf("access.accept");
      const { face } = access.receipt.record;
      expect(call?.parsed.payload).to.deep.equal({
        digest: toBase64url(sha256(data)),
        log: LOG,
        net: NET,
        record: face.index,
        rows: 2,
      });
      expect(access.acceptance?.result).to.include({ log: LOG });
      await access.accept();
      expect(gateway.callsOf("access.accept"), "once is enough").to.have.length(1);
    });

    it("a refused acceptance costs no data, says why, and can be tried again", async () => {
      const client = await connect();
      gateway.script("access.accept", (call, response) =>
        gateway.refuse(response, call.parsed.request, "NOT_RECORDED"),
      );
      const { access, data } = await client.fetch(ACCESS);
      expect(data.length).to.be.greaterThan(0);
      expect([access.acceptance, access.unaccepted?.code]).to.deep.equal([undefined, "NOT_RECORDED"]);
      await access.accept();
      expect([access.acceptance === undefined, access.unaccepted]).to.deep.equal([false, undefined]);
    });

    it("nothing is accepted that did not come whole, that nobody has read, or by a client that was told not to", async () => {
      const client = await connect();
      await expectRefusal((await client.access(ACCESS)).accept(), "STATE_CONFLICT");
      gateway.script("access", async (call, response) => {
        await gateway.record(call);
        const lies = { account: { outcome: "partial", code: "GRANT_REVOKED" } };
        await gateway.stream(response, call.parsed.request, await gateway.receipt(call.parsed.request), lies);
      });
      const broken = await client.access(ACCESS);
      await expectRefusal(broken.rows(), "GRANT_REVOKED");
      await expectRefusal(broken.accept(), "STATE_CONFLICT");
      await (await connect({ accept: false })).fetch(ACCESS);
      expect(gateway.callsOf("access.accept")).to.deep.equal([]);
    });

    it("a denial carries its rule's code and the receipt that proves it", async () => {
      const client = await connect();
      gateway.rule = "QUOTA_EXCEEDED";
      const error = await refusal(client.access(ACCESS));
      if (!(error instanceof AccessRefused)) throw error;
      expect([error.code, error.decision]).to.deep.equal(["QUOTA_EXCEEDED", "deny"]);
      expect(error.receipt?.record.body.request).to.equal(error.request);
    });

    it("a permit's receipt shown for a denial, and the reverse: ANSWER_MISMATCH", async () => {
      const client = await connect();
      gateway.script("access", async (call, response) => {
        await gateway.record(call);
        const receipt = await gateway.receipt(call.parsed.request);
        await gateway.refuse(response, call.parsed.request, "QUOTA_EXCEEDED", { rule: "QUOTA_EXCEEDED", receipt });
      });
      await expectRefusal(client.access(ACCESS), "ANSWER_MISMATCH", "DECISION_MISMATCH");
      gateway.rule = "QUOTA_EXCEEDED";
      gateway.script("access", async (call, response) => {
        await gateway.record(call);
        await gateway.stream(response, call.parsed.request, await gateway.receipt(call.parsed.request), {});
      });
      await expectRefusal(client.access(ACCESS), "ANSWER_MISMATCH", "DECISION_MISMATCH");
    });

    it("the receipt of another request: no data is given out", async () => {
      const client = await connect();
      const first = await client.access(ACCESS);
      await first.rows();
      gateway.script("access", async (call, response) => {
        await gateway.record(call);
        await gateway.stream(response, call.parsed.request, await gateway.receipt(first.request), {});
      });
      await expectRefusal(client.access(ACCESS), "ANSWER_MISMATCH", "REQUEST_MISMATCH");
    });

    it("a receipt by another key: no data is given out", async () => {
      const client = await connect();
      const stranger = await openSigner({ jwk: await generateKey("EdDSA"), party: "gw" });
      gateway.script("access", async (call, response) => {
        await gateway.record(call);
        const receipt = await gateway.receipt(call.parsed.request, { ...stranger, kid: gateway.key.kid });
        await gateway.stream(response, call.parsed.request, receipt, {});
      });
      await expectRefusal(client.access(ACCESS), "ANSWER_MISMATCH", "SIGNATURE_INVALID");
    });

    it("data before a receipt: none of it is given out", async () => {
      const client = await connect();
      gateway.script("access", (_call, response) => {
        response.writeHead(200, { "content-type": "application/x-ndjson" }).end('{"b":"e30K","t":"data"}\n');
      });
      await expectRefusal(client.access(ACCESS), "ANSWER_MISMATCH", "RECEIPT_MISSING");
    });

    for (const [what, lies, detail] of [
      ["a digest that is not the data's", { account: { digest: "A".repeat(43) } }, "DIGEST_MISMATCH"],
      ["a length that is not the data's", { account: { bytes: 1 } }, "DIGEST_MISMATCH"],
      ["the account of another access", { account: { request: "B".repeat(43) } }, "REQUEST_MISMATCH"],
    ] as const) {
      it(`${what}: ANSWER_MISMATCH, and no row`, async () => {
        const client = await connect();
        gateway.script("access", async (call, response) => {
          await gateway.record(call);
          await gateway.stream(response, call.parsed.request, await gateway.receipt(call.parsed.request), lies);
        });
        await expectRefusal(
          client.access(ACCESS).then((access) => access.rows()),
          "ANSWER_MISMATCH",
          detail,
        );
      });
    }

    it("a delivery that failed says the gateway's code", async () => {
      const client = await connect();
      gateway.script("access", async (call, response) => {
        await gateway.record(call);
        const lies = { account: { outcome: "partial", code: "GRANT_REVOKED" } };
        await gateway.stream(response, call.parsed.request, await gateway.receipt(call.parsed.request), lies);
      });
      const access = await client.access(ACCESS);
      await expectRefusal(access.rows(), "GRANT_REVOKED");
    });

    it("a stream without its end is no answer: the data is asked for again, naming the first request", async () => {
      const client = await connect();
      gateway.script("access", async (call, response) => {
        await gateway.record(call);
        await gateway.stream(response, call.parsed.request, await gateway.receipt(call.parsed.request), { end: false });
      });
      const { access, data } = await client.fetch(ACCESS);
      expect(Buffer.from(data).toString()).to.equal(ROWS);
      const [first, second] = gateway.callsOf("access");
      expect(second?.parsed.payload).to.include({ retryOf: first?.parsed.request, seq: 1 });
      expect(access.request).to.equal(second?.parsed.request);
    });

    it("an answer lost after recording: the same bytes first, then a new request that names it", async () => {
      const client = await connect();
      gateway.script("access", async (call, response) => {
        await gateway.record(call);
        response.destroy();
      });
      const access = await client.access(ACCESS);
      expect(await access.rows()).to.have.length(2);
      const [lost, again, anew] = gateway.callsOf("access");
      expect(again?.text).to.equal(lost?.text);
      expect(anew?.parsed.payload).to.include({ retryOf: lost?.parsed.request, seq: 1 });
    });
  });

  describe("with a pinned trust file", () => {
    const pinned = async (key: Signer): Promise<OpenedTrust> =>
      openTrust(await trustFile(key), { now: Date.parse("2026-06-01T00:00:00.000Z") });

    it("a gateway whose key is not in it is not talked to", async () => {
      const stranger = await openSigner({ jwk: await generateKey("EdDSA"), party: "gw" });
      await expectRefusal(connect({ trust: await pinned(stranger) }), "ANSWER_MISMATCH", "KEY_UNKNOWN");
    });

    it("a receipt without proof that its record is in the log brings no data", async () => {
      const client = await connect({ trust: await pinned(gateway.key) });
      const error = await refusal(client.access(ACCESS));
      expect(error.code).to.equal("ANSWER_MISMATCH");
      expect(error.message).to.match(/^the receipt does not verify/);
    });
  });

  describe("sequence numbers", () => {
    it("are written down before the request is sent, and go on after a restart", async () => {
      const folder = await mkdtemp(join(tmpdir(), "quanji-seq-"));
      try {
        const client = await connect({ seqStore: fileSeqStore(folder) });
        const stored: number[] = [];
        for (let i = 0; i < 2; i++) {
          gateway.script("access", async (_call, _response, honest) => {
            const [file = ""] = await readdir(folder);
            stored.push((JSON.parse(await readFile(join(folder, file), "utf8")) as { next: number }).next);
            await honest();
          });
          await (await client.access(ACCESS)).rows();
        }
        expect(stored).to.deep.equal([1, 2]);
        const restarted = await connect({ seqStore: fileSeqStore(folder) });
        await (await restarted.access(ACCESS)).rows();
        expect(gateway.callsOf("access").map(({ parsed }) => parsed.payload["seq"])).to.deep.equal([0, 1, 2]);
      } finally {
        await rm(folder, { recursive: true });
      }
    });

    it("of a request that was answered without receipt are signed again", async () => {
      const client = await connect();
      gateway.script("access", ({ parsed }, response) => gateway.refuse(response, parsed.request, "NOT_RECORDED"));
      await expectRefusal(client.access(ACCESS), "NOT_RECORDED");
      await (await client.access(ACCESS)).rows();
      expect(gateway.callsOf("access").map(({ parsed }) => parsed.payload["seq"])).to.deep.equal([0, 0]);
    });

    it("that another process has taken are asked for and replaced", async () => {
      const client = await connect();
      await (await client.access(ACCESS)).rows();
      const other = await connect();
      await (await other.access(ACCESS)).rows();
      gateway.script("access", ({ parsed }, response) => gateway.refuse(response, parsed.request, "COMMAND_REPLAYED"));
      await (await client.access(ACCESS)).rows();
      expect(gateway.callsOf("access").map(({ parsed }) => parsed.payload["seq"])).to.deep.equal([0, 1, 1, 2]);
    });

    it("that were lost are voided once the gateway answers again, and only those", async () => {
      const client = await connect();
      const lose: Script = (_call, response) => void response.destroy();
      await (await client.access(ACCESS)).rows();
      gateway.script("access", lose, lose, lose);
      await expectRefusal(client.access(ACCESS), "UNREACHABLE");
      expect(gateway.callsOf("access.void")).to.deep.equal([]);
      await (await client.access(ACCESS)).rows();
      expect(gateway.callsOf("access.void").map(({ parsed }) => parsed.payload)).to.deep.equal([
        { log: LOG, net: NET, seq: 1 },
      ]);
    });
  });

  describe("trails", () => {
    const stream =
      (text: string): Script =>
      (_call, response) =>
        void response.writeHead(200, { "content-type": "application/x-ndjson" }).end(text);

    it("come line by line, as they are", async () => {
      const client = await connect();
      const from = "2026-01-01T00:00:00.000Z";
      const header = `{"from":"${from}","key":{"id":"${RESOURCE}","kind":"resource"},"t":"trail"}`;
      gateway.script("read", stream(`${header}\n{"t":"end"}\n`));
      const lines: string[] = [];
      for await (const line of client.trail("resource", RESOURCE, { from })) lines.push(line);
      expect(lines).to.deep.equal([header, '{"t":"end"}']);
      expect(gateway.calls[0]?.path).to.equal(`/v1/trails/resource/${RESOURCE}?from=2026-01-01T00%3A00%3A00.000Z`);
    });

    const header = `{"key":{"id":"${GRANT}","kind":"grant"},"t":"trail"}`;
    for (const [what, header] of [
      ["another grant", '{"key":{"id":"11111111-6d0e-4a4e-9b0a-1c2d3e4f5a6b","kind":"grant"},"t":"trail"}'],
      ["another kind", `{"key":{"id":"${GRANT}","kind":"resource"},"t":"trail"}`],
      ["a part of the time", `{"key":{"id":"${GRANT}","kind":"grant"},"t":"trail","to":"2026-01-01T00:00:00.000Z"}`],
      ["nothing", '{"t":"end"}'],
    ] as const) {
      it(`of ${what} are not what was asked for`, async () => {
        const client = await connect();
        gateway.script("read", stream(`${header}\n{"t":"end"}\n`));
        await expectRefusal(client.trail("grant", GRANT).next(), "ANSWER_MISMATCH", "REQUEST_MISMATCH");
      });
    }

    for (const [what, text] of [
      ["after a line", `${header}\n{"t":"log"}\n`],
      ["within a line", `${header}\n{"t":"en`],
    ] as const) {
      it(`cut off ${what} are no trail`, async () => {
        const client = await connect();
        gateway.script("read", stream(text));
        const read = async (): Promise<number> => {
          let lines = 0;
          for await (const _line of client.trail("grant", GRANT)) lines++;
          return lines;
        };
        await expectRefusal(read(), "UNREACHABLE", "CUT");
      });
    }
  });
});
