/** G8 nothing personal, nothing commercial in public: every byte of blocks, public state and the gateway's log is searched. */
import { inspect } from "node:util";
import { canonical } from "@quanji/chaincode/log";
import { TRANSACTIONS } from "@quanji/chaincode/world";
import { LedgerError, type TransactionRequest } from "@quanji/gateway/testing";
import { expect } from "chai";
import type { Ground } from "../support/ground.js";
import { eventsOf, needlesOf, spreadOnDisk } from "../support/scan.js";
import { accessRecord, batchOf } from "../support/batch.js";
import { GATEWAY, LogLines, type LocalHost, LOG } from "../support/host.js";
import { IDS, RESOURCE, Stage, TERMS } from "../support/stage.js";
import { until } from "../support/until.js";

/** Words that stand nowhere else. Everything here is told in confidence to one organisation or another. */
const SECRETS = {
  purpose: "purpose.zq7marker",
  deniedPurpose: "purpose.zq8marker",
  operator: "operator zq1 Wang Xiaoming",
  query: "Zq2City",
  lawfulBasis: "contract zq4 on agricultural insurance",
  quota: "918273",
  rateCount: "827364",
  quantity: "736455",
  obligation: "mask:city:17,19",
  dataFrom: "1987-06-05",
  ground: "ground zq5: the adjuster resold it",
  freezeGround: "ground zq6: inquiry 2026-17",
  refusal: "ground zq9: not with us",
  head: "Zq10 Han Mei",
  headTitle: "zq11 deputy director",
} as const;

export const g8 = (ground: Ground): void =>
  void describe(`G8 nothing personal, nothing commercial in public${ground.on}`, () => {
    let stage: Stage<LocalHost>;
    let grant: string;
    const lines = new LogLines();
    const secrets = new Map<string, string>(Object.entries(SECRETS));
    /** Everything that is on disks, and on Fabric what peers send as well, by who may have it. */
    const found = { public: [] as readonly Buffer[], confidential: [] as readonly Buffer[], events: [] as string[] };
    /** What a third organisation is told that asks the contracts. */
    const told: { readonly asked: string; readonly answer: string; readonly isRefusal: boolean }[] = [];

    before(async () => {
      stage = await Stage.open({ ground, lines });
      await happen();
      found.events = await eventsOf(stage.host.ledger);
      await ask();
      await stage.host.close();
      const { spread = () => spreadOnDisk(stage.host.data) } = stage.base;
      ({ public: found.public, confidential: found.confidential } = await spread());
    });
    after(() => stage.close());

    async function happen(): Promise<void> {
      const { purpose, deniedPurpose, operator, query, lawfulBasis, ground, freezeGround, refusal } = SECRETS;
      const [bureau, insurer, regulator] = [
        await stage.client("bureau"),
        await stage.client("insurer"),
        await stage.client("regulator"),
      ];
      await stage.register("res/weather.hourly", {
        class: "weather.hourly",
        responsibleHead: { name: SECRETS.head, title: SECRETS.headTitle },
      });
      grant = await stage.granted(
        "insurer",
        {
          purposes: [purpose],
          lawfulBasis,
          quota: { unit: "row", n: Number(SECRETS.quota), per: "window" },
          rate: { n: Number(SECRETS.rateCount), seconds: 60 },
          obligations: [{ op: "mask", field: "city", arg: "17,19" }],
          dataRange: { from: SECRETS.dataFrom, to: "2027-01-01" },
        },
        { depth: 1 },
      );
      const { grant: child } = await insurer.grants.derive(grant, {
        grantee: IDS.adjuster,
        terms: { ...(await insurer.grants.get(grant)).terms, actions: ["query"] },
      });
      const { grant: pending } = await insurer.grants.request({ resource: RESOURCE, terms: { ...TERMS, lawfulBasis } });
      await bureau.grants.refuse(pending, refusal);
      for (const [name, id] of Object.entries({ grant, child, pending })) secrets.set(`id of the ${name}`, id);

      const range = { from: "2025-01-01", to: "2026-06-01" };
      const where = { where: [{ field: "city", op: "eq", value: query }], limit: 2 };
      const access = stage.access(grant, {
        purpose,
        operator,
        range,
        fields: ["day", "city"],
        query: { where: [{ field: "day", op: "ge", value: "2026-01-01" }], limit: 2 },
        quantity: Number(SECRETS.quantity),
      });
      const permit = await stage.use("insurer", access);
      await stage.use("insurer", { ...access, quantity: 2, query: where });
      const denial = await stage.use("insurer", { ...access, purpose: deniedPurpose });
      const below = await stage.use("adjuster", { ...access, grant: child, quantity: 3 });
      await stage.use("stranger", access);
      for (const { request = "" } of [permit, denial, below]) secrets.set(`request ${request.slice(0, 4)}`, request);
      expect([permit.outcome, denial.outcome, below.outcome]).to.deep.equal([
        "permit",
        "PURPOSE_OUTSIDE_GRANT",
        "permit",
      ]);
      await until(async () => (await insurer.receipt(permit.request ?? "")).delivery);
      await insurer.send("access.void", { log: LOG, seq: (await insurer.seq(LOG)).next + 40 });

      await bureau.grants.suspend(grant, ground);
      await bureau.grants.resume(grant);
      const { order } = await regulator.freeze({ kind: "grant", id: grant }, freezeGround);
      await stage.use("insurer", access);
      await regulator.lift(order, freezeGround);
      await bureau.grants.revoke(grant, ground);
      await stage.use("adjuster", { ...access, grant: child });
      for (const kind of ["grant", "resource"] as const)
        await stage.trail("bureau", kind, kind === "grant" ? grant : RESOURCE);
      // What goes wrong must not say what it was about either.
      const wrong = await stage.signAccess("insurer", grant, { purpose, fields: ["day", "no such field !"] });
      expect((await stage.post("/v1/access", wrong)).status).to.equal(400);
      const forged = { ...wrong, jws: { ...wrong.jws, signature: "A".repeat(86) } };
      expect((await stage.post("/v1/access", forged)).code()).to.equal("SIGNATURE_INVALID");
    }

    /** The exchange's client knows the grant's id, the log's head and a signed request, and tries each organisation's peer. */
    async function ask(): Promise<void> {
      const exchange = await stage.host.as("ExchangeMSP");
      const access = accessRecord(await stage.signAccess("insurer", grant), stage.host.clock());
      const requests: readonly TransactionRequest[] = [
        { name: TRANSACTIONS.fold, args: [canonical({ gateway: GATEWAY })], transient: { grant } },
        await batchOf(stage.host.ledger, [access]),
      ];
      for (const request of requests) {
        for (const endorser of ["HolderMSP", "RegulatorMSP", "ExchangeMSP"]) {
          for (const way of ["evaluate", "submit"] as const) {
            const asked = `${way} ${request.name} at ${endorser}`;
            const answer: unknown = await exchange[way]({ ...request, endorsers: [endorser] }).catch(
              (error: unknown) => error,
            );
            const isRefusal = answer instanceof LedgerError && answer.fault === "REFUSED";
            told.push({ asked, answer: inspect(answer, { depth: 9 }), isRefusal });
          }
        }
      }
    }

    const names = (haystack: Buffer): string[] =>
      [...secrets]
        .filter(([, secret]) => needlesOf(secret).some((needle) => haystack.includes(needle)))
        .map(([name]) => name);

    it("every secret was in fact told: each stands among the private values, plain or in base64", () => {
      // A stop writes one public key and nothing else, so the ground that it commits to stays with who gave it.
      const kept = [...secrets.keys()].filter((name) => name !== "ground" && name !== "freezeGround");
      expect(names(Buffer.concat(found.confidential))).to.have.members(kept);
    });

    it("none stands in a block, in public state, in hashed state, or in the index of transactions", () => {
      expect(Buffer.concat(found.public).length).to.be.greaterThan(100_000);
      expect(names(Buffer.concat(found.public))).to.deep.equal([]);
    });

    it("none is told to a third organisation's client, whichever peer it asks: it is refused everywhere", () => {
      expect(told.filter(({ isRefusal }) => !isRefusal)).to.deep.equal([]);
      const ids = ["id of the grant"]; // which it brought itself
      for (const { asked, answer } of told) {
        expect(
          names(Buffer.from(answer)).filter((name) => !ids.includes(name)),
          asked,
        ).to.deep.equal([]);
      }
    });

    it("none stands in an event, which hold positions and leaf hashes only", () => {
      expect(found.events.length).to.be.greaterThan(0);
      expect(names(Buffer.from(found.events.join("\n")))).to.deep.equal([]);
      for (const event of found.events)
        expect(Object.keys(JSON.parse(event) as object).sort()).to.deep.equal(["first", "leaves", "log"]);
    });

    it("none stands in the gateway's log but hashes of requests, though it logged every call", () => {
      expect(lines.text.split("\n").length).to.be.greaterThan(30);
      const requests = [...secrets.keys()].filter((name) => name.startsWith("request "));
      expect(names(Buffer.from(lines.text)).filter((name) => !requests.includes(name))).to.deep.equal([]);
      for (const row of ["Shenzhen", "Chengdu"]) expect(lines.text).not.to.contain(row);
    });

    it("the search finds what is there: public words stand in blocks, and base64 hides nothing", () => {
      const all = Buffer.concat(found.public);
      for (const word of ["res/weather.hourly", IDS.insurer])
        expect(needlesOf(word).some((needle) => all.includes(needle))).to.equal(true);
      for (const shift of [0, 1, 2]) {
        const hidden = Buffer.from("x".repeat(shift) + SECRETS.operator + "y").toString("base64url");
        expect(names(Buffer.from(hidden))).to.deep.equal(["operator"]);
      }
    });
  });
