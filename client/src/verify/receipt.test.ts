import type { Receipt } from "@quanji/chaincode/domain";
import { canonical, type FlattenedJws, fromBase64url, fromUtf8, toBase64url, utf8 } from "@quanji/chaincode/log";
import { expect } from "chai";
import { at, ON_RECEIPTS, prepareReceipts, trust, world } from "./attacks-receipt.support.test.js";
import { verifyReceipt } from "./index.js";
import { GATEWAY, LOG, OTHER_LOG, signer, signReceipt, URLS } from "./support.test.js";

describe("receipt", () => {
  before(prepareReceipts);

  const check = async (receipt: string | Uint8Array | FlattenedJws) => verifyReceipt(receipt, trust);
  /** Receipt of the permit with edits, signed by the gateway all the same. */
  const forged = async (edit: (receipt: Receipt) => object | Promise<object>, index = at.permit) => {
    const receipt = await world.receiptPayload(LOG, index);
    const { ok, code, detail } = await check(await signReceipt({ ...receipt, ...(await edit(receipt)) }));
    return { ok, code, detail };
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

  for (const [name, detail, edit] of ON_RECEIPTS) {
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
