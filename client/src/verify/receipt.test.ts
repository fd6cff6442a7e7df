import type { Receipt } from "@quanji/chaincode/domain";
import { canonical, type FlattenedJws, fromBase64url, fromUtf8, toBase64url, utf8 } from "@quanji/chaincode/log";
import { expect } from "chai";
import { type OpenedTrust, verifyReceipt } from "./index.js";
import { GATEWAY, LOG, noteSigner, OTHER_LOG, PARTIES, signer, signReceipt, SmallWorld, URLS } from "./support.test.js";

describe("receipt", () => {
  let world: SmallWorld;
  let trust: OpenedTrust;
  let grant: string;
  const at = { permit: 0, delivery: 0, denial: 0, void: 0, other: 0 };
  before(async () => {
    world = await new SmallWorld().begin();
    await world.resource({ logs: [LOG, OTHER_LOG] });
    grant = await world.grant({}, { logs: [LOG, OTHER_LOG] });
    at.permit = await world.access(grant);
    at.delivery = await world.deliver(at.permit);
    at.denial = await world.access(grant, { purpose: "marketing" }, "insurer");
    at.void = await world.void(world.seq(LOG, `${PARTIES.insurer.id}#${PARTIES.insurer.key.print}`));
    at.other = await world.access(undefined, {}, "bureau");
    await world.access(grant, { log: OTHER_LOG });
    trust = await world.trust();
  });

  const check = async (receipt: string | Uint8Array | FlattenedJws) => verifyReceipt(receipt, trust);
  /** Receipt of the permit with edits, signed by the gateway all the same. */
  const forged = async (edit: (receipt: Receipt) => object | Promise<object>, index = at.permit) => {
    const receipt = await world.receiptPayload(LOG, index);
    const { ok, code, detail } = await check(await signReceipt({ ...receipt, ...(await edit(receipt)) }));
    return { ok, code, detail };
  };
  const body = (receipt: Receipt, edit: (text: string) => string): object => {
    const [face = "", text = ""] = receipt.record.split("\n");
    return { record: `${face}\n${edit(text)}` };
  };
  const face = (receipt: Receipt, edit: (text: string) => string): object => {
    const [text = "", rest = ""] = receipt.record.split("\n");
    return { record: `${edit(text)}\n${rest}` };
  };

  it("of a permit, a delivery, a denial and a void verifies", async () => {
    expect(await check(await world.receipt(LOG, at.permit))).to.include({ ok: true, permitted: 1, denied: 0 });
    expect(await check(await world.receipt(LOG, at.delivery))).to.include({ ok: true, permitted: 0, denied: 0 });
    expect(await check(await world.receipt(LOG, at.denial))).to.include({ ok: true, permitted: 0, denied: 1 });
    expect(await check(await world.receipt(LOG, at.void))).to.include({ ok: true, records: 1 });
    expect(await check(await world.receipt(LOG, at.other))).to.include({ ok: true, denied: 1 });
    expect(await check(await world.receipt(OTHER_LOG, 0))).to.include({ ok: true, permitted: 1 });
  });

  it("is the same as object, text and bytes", async () => {
    const receipt = await world.receipt(LOG, at.permit);
    const verdict = await check(receipt);
    expect(verdict).to.deep.equal(await check(canonical(receipt, { maxBytes: 1 << 17, maxDepth: 2 })));
    expect(verdict).to.deep.equal(await check(utf8(`${canonical(receipt, { maxBytes: 1 << 17, maxDepth: 2 })}\n`)));
    expect(verdict).to.include({ level: "committed", singleOperator: true, testClock: false, withstands: 0 });
  });

  type Case = readonly [name: string, detail: string, edit: (receipt: Receipt) => object | Promise<object>];
  const proofOf = (receipt: Receipt, edit: (lines: string[]) => void): object => {
    const lines = receipt.proof.split("\n");
    edit(lines);
    return { proof: lines.join("\n") };
  };
  const cases: readonly Case[] = [
    [
      "1 one digit of the record changed",
      "INCLUSION_INVALID",
      (r) => body(r, (b) => b.replace('"used":0', '"used":1')),
    ],
    ["2 no record", "NOT_CANONICAL", () => ({ record: "" })],
    ["3 a space in the record", "NOT_CANONICAL", (r) => body(r, (b) => b.replace(":", ": "))],
    ["4 a member twice", "NOT_CANONICAL", (r) => body(r, (b) => b.replace('"used":0', '"used":0,"used":0'))],
    ["5 a byte order mark", "NOT_UTF8", (r) => ({ record: `\ufeff${r.record}` })],
    ["6 __proto__", "FIELD_UNKNOWN", (r) => body(r, (b) => b.replace('"used":0', '"__proto__":0,"used":0'))],
    ["6 an unknown field", "FIELD_UNKNOWN", (r) => body(r, (b) => b.replace('"used":0', '"used":0,"x":1'))],
    ["7 the number 0.0", "NUMBER_FORBIDDEN", (r) => body(r, (b) => b.replace('"used":0', '"used":0.0'))],
    ["7 the number -0", "NUMBER_FORBIDDEN", (r) => body(r, (b) => b.replace('"used":0', '"used":-0'))],
    ["7 the number 2^53", "NUMBER_FORBIDDEN", (r) => body(r, (b) => b.replace('"used":0', '"used":9007199254740992'))],
    ["8 another version of record", "VERSION_UNKNOWN", (r) => face(r, (f) => f.replace("record.v1", "record.v2"))],
    ["8 another version of receipt", "VERSION_UNKNOWN", () => ({ v: "quanji.receipt.v2" })],
    ["9 another type", "TYPE_UNKNOWN", (r) => face(r, (f) => f.replace('"type":"access"', '"type":"tally"'))],
    ["face and body that contradict", "RECORD_CONTRADICTS", (r) => face(r, (f) => f.replace('"permit"', '"deny"'))],
    ["10 a hash of the path changed", "INCLUSION_INVALID", (r) => proofOf(r, (l) => (l[2] = l[3]!))],
    ["11 a path too short", "PROOF_LENGTH", (r) => proofOf(r, (l) => l.splice(2, 1))],
    ["11 a path too long", "PROOF_LENGTH", (r) => proofOf(r, (l) => l.splice(2, 0, l[2]!))],
    ["13 the proof of another index", "INDEX_MISMATCH", async () => ({ proof: await world.proof(LOG, at.delivery) })],
    ["14 the proof of another log", "LOG_MISMATCH", async () => ({ proof: await world.proof(OTHER_LOG, 0) })],
    ["18 a note without its last line feed", "NOTE_MALFORMED", (r) => ({ proof: r.proof.slice(0, -1) })],
    ["18 a carriage return", "PROOF_MALFORMED", (r) => ({ proof: r.proof.replace("\n", "\r\n") })],
    ["19 loose base64", "BASE64_INVALID", (r) => proofOf(r, (l) => (l[2] = l[2]!.replace("=", "")))],
    [
      "20 a size with a leading zero",
      "CHECKPOINT_MALFORMED",
      (r) => ({ proof: r.proof.replace(/\n(\d+)\n/, "\n0$1\n") }),
    ],
    ["21 an extension line", "CHECKPOINT_EXTENSION", (r) => ({ proof: r.proof.replace("\n\n— ", "\nmore\n\n— ") })],
    [
      "23 the log's signature over another size",
      "LOG_SIGNATURE_INVALID",
      (r) => ({ proof: r.proof.replace(/\n(\d+)\n/, "\n7$1\n") }),
    ],
    [
      "23 another key under the log's name",
      "LOG_SIGNATURE_INVALID",
      async (r) => {
        const [head = "", text = ""] = r.proof.split(/\n\n/);
        const stranger = await noteSigner(LOG, 1, "stranger").note(`${text}\n`);
        const id = Buffer.alloc(4);
        id.writeUInt32BE(stranger.id);
        return { proof: `${head}\n\n${text}\n\n— ${LOG} ${Buffer.concat([id, stranger.bytes]).toString("base64")}\n` };
      },
    ],
    ["41 a status that was not decided", "STATUS_MISMATCH", () => ({ status: 403 })],
    [
      "42 a link's opening of another record",
      "LINK_OPENING",
      async () => ({
        openings: { "links.party": (await world.receiptPayload(LOG, at.denial)).openings["links.party"] },
      }),
    ],
    [
      "42 a link's opening with another n",
      "LINK_OPENING",
      (r) => ({ openings: { "links.party": { ...r.openings["links.party"], value: { n: 7, prev: "A".repeat(43) } } } }),
    ],
    [
      "45 an opening of another field",
      "COMMITMENT_MISMATCH",
      (r) => ({ openings: { operator: { ...r.openings["operator"], value: "desk 5" } } }),
    ],
    ["45 an opening of nothing", "COMMITMENT_MISMATCH", (r) => ({ openings: { query: r.openings["operator"] } })],
    [
      "46 a short salt",
      "SALT_LENGTH",
      (r) => ({ openings: { operator: { ...r.openings["operator"], salt: "AAAA" } } }),
    ],
    [
      "58 another key for the requester",
      "KEY_THUMBPRINT",
      () => ({ keys: { gateway: GATEWAY.jwk, requester: PARTIES.bureau.key.jwk } }),
    ],
    ["58 another key for the gateway", "KEY_THUMBPRINT", (r) => ({ keys: { ...r.keys, gateway: signer("x").jwk } })],
    [
      "66 a small-order key for the requester",
      "KEY_WEAK",
      (r) => ({ keys: { ...r.keys, requester: { kty: "OKP", crv: "Ed25519", x: "A".repeat(43) } } }),
    ],
    [
      "57 the request of another party",
      "KEY_PARTY",
      async () => {
        const { request, keys } = await world.receiptPayload(LOG, at.other);
        return { request, keys };
      },
    ],
    [
      "59 another request of the same party",
      "REQUEST_MISMATCH",
      async () => ({ request: (await world.receiptPayload(LOG, at.denial)).request }),
    ],
    [
      "60 a command for an access",
      "TYP_MISMATCH",
      async () => ({ request: await world.signed("grant.accept", { grant }, "insurer") }),
    ],
    [
      "64 a signature of another request",
      "SIGNATURE_INVALID",
      async (r) => ({
        request: { ...r.request, signature: (await world.receiptPayload(LOG, at.denial)).request.signature },
      }),
    ],
    ["53 another alg", "ALG_FORBIDDEN", (r) => ({ request: header(r.request, { alg: "ES256" }) })],
    ["53 alg none", "ALG_FORBIDDEN", (r) => ({ request: header(r.request, { alg: "none" }) })],
    ["54 an unprotected header", "FIELD_UNKNOWN", (r) => ({ request: { ...r.request, header: {} } })],
    ["56 crit", "HEADER_FORBIDDEN", (r) => ({ request: header(r.request, { crit: ["b64"] }) })],
    ["56 jwk", "HEADER_FORBIDDEN", (r) => ({ request: header(r.request, { jwk: PARTIES.insurer.key.jwk }) })],
    [
      "55 kid twice",
      "NOT_CANONICAL",
      (r) => ({
        request: {
          ...r.request,
          protected: toBase64url(
            utf8(fromUtf8(fromBase64url(r.request.protected)).replace('"kid":', '"kid":"a","kid":')),
          ),
        },
      }),
    ],
    [
      "19 padded base64",
      "BASE64_INVALID",
      (r) => ({ request: { ...r.request, protected: `${r.request.protected}=` } }),
    ],
    [
      "74 a payload beyond its limit",
      "LIMIT_EXCEEDED",
      (r) => ({ request: { ...r.request, payload: "A".repeat(40_000) } }),
    ],
  ];
  const header = (jws: FlattenedJws, change: object): FlattenedJws => ({
    ...jws,
    protected: toBase64url(
      utf8(canonical({ ...(JSON.parse(fromUtf8(fromBase64url(jws.protected))) as object), ...change })),
    ),
  });
  for (const [name, detail, edit] of cases) {
    it(`refuses ${name}: ${detail}`, async () => {
      expect(await forged(edit)).to.deep.equal({ ok: false, code: "PROOF_INVALID", detail });
    });
  }

  it("62, 63, 14 refuses a request that was signed for another gateway, network or log", async () => {
    const resigned = async (changes: object, options: object = {}) => {
      const receipt = await world.receiptPayload(LOG, at.permit);
      const payload = JSON.parse(fromUtf8(fromBase64url(receipt.request.payload))) as object;
      const request = await world.signed("access", { ...payload, ...changes }, "insurer", options);
      return (await check(await signReceipt({ ...receipt, request }))).detail;
    };
    expect(await resigned({}, { url: `${URLS.gx}/v1/access` })).to.equal("URL_MISMATCH");
    expect(await resigned({}, { url: `${URLS.gw}/v1/access?x=1` })).to.equal("URL_MISMATCH");
    expect(await resigned({ net: "quanji.test/town" })).to.equal("NETWORK_MISMATCH");
    expect(await resigned({ log: OTHER_LOG })).to.equal("LOG_MISMATCH");
    expect(await resigned({})).to.equal("REQUEST_MISMATCH");
  });

  it("refuses a gateway that the trust file lacks, and one that did not sign", async () => {
    const receipt = await world.receiptPayload(LOG, at.permit);
    const other = signer("other gateway");
    expect(await check(await signReceipt(receipt, other))).to.include({ detail: "GATEWAY_UNKNOWN" });
    const kid = `gw#${GATEWAY.print}`;
    expect(await check(await signReceipt(receipt, other, kid))).to.include({ detail: "SIGNATURE_INVALID" });
  });

  it("22 refuses a log that is not trusted, and a gateway that does not write it", async () => {
    const payload = world.trustPayload();
    const without = <T extends { readonly log: string }>(rows: readonly T[]): T[] =>
      rows.filter(({ log }) => log !== LOG);
    const receipt = await world.receipt(LOG, at.permit);
    const noRow = await world.trust({ gateways: without(payload.gateways) });
    expect(await verifyReceipt(receipt, noRow)).to.include({ detail: "LOG_MISMATCH" });
    const noKey = await world.trust({ keys: without(payload.keys), policy: "quorum none\n" });
    expect(await verifyReceipt(receipt, noKey)).to.include({ detail: "LOG_UNKNOWN" });
  });

  it("refuses what is no receipt, whatever it is, and never throws", async () => {
    const hostile: unknown[] = [
      "",
      "{}",
      "[]",
      "null",
      "\ud800",
      new Uint8Array(3),
      new Uint8Array([0xff]),
      {},
      [],
      null,
      7,
    ];
    const answer = await world.receipt(LOG, at.permit);
    hostile.push(
      { ...answer, extra: 1 },
      { ...answer, signature: 1 },
      {
        get payload(): string {
          throw new Error("x");
        },
      },
    );
    for (const value of hostile) {
      const verdict = await check(value as string);
      expect(verdict.ok, String(hostile.indexOf(value))).to.equal(false);
      expect(verdict.code).to.equal("PROOF_INVALID");
      expect(verdict.detail).to.be.a("string");
    }
    const trustText = await world.receiptPayload(LOG, at.permit);
    const wrong = await signReceipt(trustText);
    const typ = {
      ...wrong,
      protected: toBase64url(utf8(canonical({ alg: "EdDSA", kid: `gw#${GATEWAY.print}`, typ: "quanji-answer+jws" }))),
    };
    expect(await check(typ)).to.include({ detail: "TYP_MISMATCH" });
  });

  it("no byte of a receipt can change", async () => {
    const bytes = utf8(canonical(await world.receipt(LOG, at.permit), { maxBytes: 1 << 17, maxDepth: 2 }));
    for (let i = 0; i < bytes.length; i++) {
      if (i % 5 !== 0 && i > 40) continue;
      const changed = Uint8Array.from(bytes);
      changed[i]! ^= 1;
      expect((await check(changed)).ok, `byte ${i}`).to.equal(false);
    }
  });
});
