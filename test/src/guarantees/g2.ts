/** G2 nobody can be framed: a record carries the requester's own signed request, verified in the chaincode, counted once. */
import { instant } from "@quanji/chaincode/domain";
import { canonical, fromBase64url, type JsonObject, parseCanonical, toBase64url, utf8 } from "@quanji/chaincode/log";
import { generateKey, openSigner, type SignedCommand } from "@quanji/client";
import { verifyTrail } from "@quanji/client/verify";
import { payloadOf } from "@quanji/gateway/testing";
import { expect } from "chai";
import type { Ground } from "../support/ground.js";
import { accessRecord, batchOf, deliveryRecord, headOf, submitBatch } from "../support/batch.js";
import { type LocalHost, NET, PUBLIC_URL } from "../support/host.js";
import { IDS, newId, Stage } from "../support/stage.js";
import { faultOf, refusedBy, until } from "../support/until.js";

export const g2 = (ground: Ground): void =>
  void describe(`G2 nobody can be framed${ground.on}`, () => {
    let stage: Stage<LocalHost>;
    let grant: string;

    before(async () => {
      stage = await Stage.open({ ground });
      grant = await stage.granted();
    });
    after(() => stage.close());

    const sizeOfLog = async (): Promise<number> => (await headOf(stage.host.ledger)).size;

    /** The same signature over other words. */
    const altered = (signed: SignedCommand, change: JsonObject): SignedCommand => {
      const payload = parseCanonical(Buffer.from(fromBase64url(signed.jws.payload)).toString("utf8"));
      return { ...signed, jws: { ...signed.jws, payload: toBase64url(utf8(canonical({ ...payload, ...change }))) } };
    };

    describe("by the network, or by whoever holds one of its requests", () => {
      it("one access sent 100 times at once: one record, one receipt, the source asked once", async () => {
        const signed = await stage.signAccess("insurer", grant);
        const [size, asked] = [await sizeOfLog(), stage.source.asked];
        const replies = await Promise.all(Array.from({ length: 100 }, () => stage.post("/v1/access", signed)));
        expect(replies.map(({ status }) => status)).to.deep.equal(replies.map(() => 200));
        const receipts = replies.map((reply) =>
          payloadOf(
            reply.headers["content-type"] === "application/x-ndjson"
              ? reply.lines()[0]?.["receipt"]
              : reply.payload()?.body["receipt"],
          ),
        );
        expect(new Set(receipts.map((receipt) => receipt["record"])).size).to.equal(1);
        expect(stage.source.asked).to.equal(asked + 1);
        await until(async () => (await (await stage.client("insurer")).receipt(signed.request)).delivery);
        expect(await sizeOfLog()).to.equal(size + 2); // the access and its delivery
      });

      const attacks: Readonly<Record<string, [string, () => Promise<SignedCommand>, Record<string, string>?]>> = {
        "signed for another gateway": [
          "COMMAND_MISDIRECTED",
          () => stage.signAccess("insurer", grant, {}, { url: "https://other.test/v1/access" }),
        ],
        "signed for another gateway, with headers that say it is this one": [
          "COMMAND_MISDIRECTED",
          () => stage.signAccess("insurer", grant, {}, { url: "https://other.test/v1/access" }),
          {
            host: "other.test",
            "x-forwarded-host": "other.test",
            "x-forwarded-proto": "https",
            forwarded: "host=other.test;proto=https",
            "x-original-url": "https://other.test/v1/access",
          },
        ],
        "signed for another route": [
          "COMMAND_MISDIRECTED",
          () => stage.signAccess("insurer", grant, {}, { url: `${PUBLIC_URL}/v1/access?again` }),
        ],
        "signed for another log": ["NOT_FOUND", () => stage.signAccess("insurer", grant, { log: `${NET}/other/0` })],
        "signed for another network": [
          "MALFORMED",
          () => stage.signAccess("insurer", grant, { net: "quanji.test/other" }),
        ],
        "altered: another purpose": [
          "SIGNATURE_INVALID",
          async () => altered(await stage.signAccess("insurer", grant), { purpose: "marketing" }),
        ],
        "altered: another number, so that it would count again": [
          "SIGNATURE_INVALID",
          async () => altered(await stage.signAccess("insurer", grant), { seq: 500 }),
        ],
        "signed by a key that nobody registered": [
          "SIGNATURE_INVALID",
          async () => {
            const stranger = await openSigner({ jwk: await generateKey("EdDSA"), party: IDS.insurer });
            return stage.sign(
              stranger,
              "access",
              "/v1/access",
              payloadOf((await stage.signAccess("insurer", grant)).jws) as JsonObject,
            );
          },
        ],
        "signed too long ago": [
          "COMMAND_STALE",
          () => stage.signAccess("insurer", grant, {}, { nowMs: Date.now() - 200_000 }),
        ],
      };
      for (const [name, [code, make, headers]] of Object.entries(attacks)) {
        it(`${name}: ${code}, and nothing is recorded`, async () => {
          const signed = await make();
          const [size, asked] = [await sizeOfLog(), stage.source.asked];
          expect((await stage.post("/v1/access", signed, headers)).code()).to.equal(code);
          expect([await sizeOfLog(), stage.source.asked]).to.deep.equal([size, asked]);
        });
      }
    });

    describe("by a gateway that goes to the ledger with batches of its own", () => {
      const now = (): number => stage.host.clock();
      const honest = async () => accessRecord(await stage.signAccess("adjuster", grant), now());

      it("an honest batch made by hand is taken: what follows is refused for what is wrong in it", async () => {
        const size = await sizeOfLog();
        await submitBatch(stage.host.direct, [await honest(), await honest()]);
        expect(await sizeOfLog()).to.equal(size + 2);
      });

      const forgeries: Readonly<Record<string, [string, () => Promise<Parameters<typeof submitBatch>[1]>]>> = {
        "a request that the gateway signed itself, in another's name": [
          "SIGNATURE_INVALID",
          async () => {
            const own = await openSigner({ jwk: await generateKey("EdDSA"), party: IDS.insurer });
            const { kid, alg } = stage.signers.insurer;
            const payload = payloadOf((await stage.signAccess("insurer", grant)).jws) as JsonObject;
            return [accessRecord(await stage.sign({ ...own, kid, alg }, "access", "/v1/access", payload), now())];
          },
        ],
        "a request whose words were changed": [
          "SIGNATURE_INVALID",
          async () => [accessRecord(altered(await stage.signAccess("insurer", grant), { quantity: 10_000 }), now())],
        ],
        "a forged request among honest ones": [
          "SIGNATURE_INVALID",
          async () => [
            await honest(),
            accessRecord(altered(await stage.signAccess("insurer", grant), { quantity: 10_000 }), now()),
            await honest(),
          ],
        ],
        "a request twice in one batch": [
          "COMMAND_REPLAYED",
          async () => {
            const signed = await stage.signAccess("adjuster", grant);
            return [accessRecord(signed, now()), accessRecord(signed, now())];
          },
        ],
        "a request that was recorded before": [
          "COMMAND_REPLAYED",
          async () => {
            const signed = await stage.signAccess("adjuster", grant);
            await submitBatch(stage.host.direct, [accessRecord(signed, now())]);
            return [accessRecord(signed, now())];
          },
        ],
        "two requests under one number": [
          "COMMAND_REPLAYED",
          async () => {
            const { seq } = payloadOf((await stage.signAccess("adjuster", grant)).jws);
            const again = () => stage.signAccess("adjuster", grant, { seq: Number(seq) });
            return [accessRecord(await again(), now()), accessRecord(await again(), now())];
          },
        ],
        "a request for another gateway": [
          "COMMAND_MISDIRECTED",
          async () => {
            const url = "https://other.test/v1/access";
            return [accessRecord(await stage.signAccess("insurer", grant, {}, { url }), now())];
          },
        ],
        "a request for another log": [
          "NOT_FOUND",
          async () => [accessRecord(await stage.signAccess("insurer", grant, { log: `${NET}/gw/1` }), now())],
        ],
        "a request for another network": [
          "COMMAND_MISDIRECTED",
          async () => [accessRecord(await stage.signAccess("insurer", grant, { net: "quanji.test/other" }), now())],
        ],
        "an approval shown as an access": [
          "MALFORMED",
          async () => {
            const url = `${PUBLIC_URL}/v1/access`;
            return [accessRecord(await stage.sign("bureau", "grant.approve", "", { grant }, { url }), now())];
          },
        ],
        "a request that was kept back for ten minutes": [
          "COMMAND_STALE",
          async () => [accessRecord(await stage.signAccess("insurer", grant, {}, { nowMs: now() - 600_000 }), now())],
        ],
        "a record that is dated back": [
          "NOT_RECORDED",
          async () => [{ ...(await honest()), time: instant(now() - 600_000) }],
        ],
        "a record that is dated ahead": [
          "NOT_RECORDED",
          async () => [{ ...(await honest()), time: instant(now() + 600_000) }],
        ],
        "an opening of something else than the requester committed to": [
          "MALFORMED",
          async () => {
            const record = await honest();
            const salt = record.openings?.["operator"]?.salt ?? "";
            return [{ ...record, openings: { operator: { salt, value: "another desk" } } }];
          },
        ],
      };
      for (const [name, [code, make]] of Object.entries(forgeries)) {
        it(`${name}: ${code}`, async () => {
          const batch = await make();
          const size = await sizeOfLog();
          expect(await refusedBy(submitBatch(stage.host.direct, batch))).to.equal(code);
          expect(await sizeOfLog()).to.equal(size);
        });
      }

      it("deliveries that never were: of a denial, of another's record, of nothing", async () => {
        const { index: denial = -1 } = await stage.use("stranger", stage.access(grant));
        const size = await sizeOfLog();
        for (const [access, first] of [
          [denial, denial],
          [denial + 1, denial],
          [size + 5, size + 5],
        ] as const) {
          const claim = submitBatch(stage.host.direct, [deliveryRecord(access, first, now())]);
          expect(await refusedBy(claim)).to.equal("NOT_FOUND");
        }
        expect(await sizeOfLog()).to.equal(size);
      });

      it("bytes that are not those of the digest, or a head that is not the log's", async () => {
        const batch = await batchOf(stage.host.ledger, [await honest()]);
        const other = await batchOf(stage.host.ledger, [await honest()]);
        expect(await refusedBy(stage.host.direct.submit({ ...batch, transient: other.transient ?? {} }))).to.equal(
          "MALFORMED",
        );
        const { size, root } = await headOf(stage.host.ledger);
        await submitBatch(stage.host.direct, [await honest()]);
        const behind = await batchOf(stage.host.ledger, [await honest()], { size, root });
        expect(await refusedBy(stage.host.direct.submit(behind))).to.equal("HEAD_MOVED");
      });

      it("another organisation does not write into this log", async () => {
        const exchange = await stage.host.as("ExchangeMSP");
        const batch = await batchOf(stage.host.ledger, [await honest()]);
        const endorsers = ["HolderMSP", "RegulatorMSP"];
        expect(await refusedBy(exchange.submit({ ...batch, endorsers }))).to.equal("ROLE_REQUIRED");
      });

      for (const endorsers of [["HolderMSP"], ["RegulatorMSP"]]) {
        it(`an honest batch counts only with both endorsements: ${endorsers.join(" and ")} alone do not do`, async () => {
          const size = await sizeOfLog();
          const batch = await batchOf(stage.host.ledger, [await honest()]);
          await faultOf(stage.host.direct.submit({ ...batch, endorsers }), "POLICY");
          expect(await sizeOfLog()).to.equal(size);
        });
      }

      it("the gateway goes on honestly after all that, and its trail verifies", async () => {
        expect(await stage.use("insurer", stage.access(grant))).to.include({ outcome: "permit" });
        expect(await stage.use("insurer", stage.access(newId()))).to.include({ outcome: "GRANT_MISSING" });
        const trail = await stage.trail("bureau", "grant", grant);
        expect(await verifyTrail(trail, await stage.trust())).to.include({ ok: true });
      });

      it("a second delivery of one permit is on record, and no trail with it verifies any more", async () => {
        const own = await stage.granted();
        const { request = "", index = -1 } = await stage.use("insurer", stage.access(own));
        await until(async () => (await (await stage.client("insurer")).receipt(request)).delivery);
        expect(await verifyTrail(await stage.trail("bureau", "grant", own), await stage.trust())).to.include({
          ok: true,
        });
        await submitBatch(stage.host.direct, [deliveryRecord(index, index, now())]);
        const verdict = await verifyTrail(await stage.trail("bureau", "grant", own), await stage.trust());
        expect(verdict).to.include({ ok: false, code: "TRAIL_INCOMPLETE", detail: "DELIVERY_UNMATCHED" });
      });
    });
  });
