/** G3 revocation bites at once: no record later than a stop is a permit under it. One organisation stops, none starts alone. */
import { stopDigest } from "@quanji/chaincode/domain";
import { canonical, type Json } from "@quanji/chaincode/log";
import { TRANSACTIONS } from "@quanji/chaincode/world";
import type { Sent, SignedCommand } from "@quanji/client";
import type { TransactionRequest } from "@quanji/gateway/testing";
import { expect } from "chai";
import type { Ground } from "../support/ground.js";
import { GATEWAY, type LocalHost } from "../support/host.js";
import { type Ended, IDS, type Name, RESOURCE, Stage, TERMS } from "../support/stage.js";
import { faultOf, Gate, refused, refusedBy } from "../support/until.js";

const ACCESSES = 300;
const AT_ONCE = 48;
/** Permits that have come back when the stop is sent; most of the rest are still to come. */
const BEFORE_STOP = 60;

export const g3 = (ground: Ground): void =>
  void describe(`G3 revocation bites at once${ground.on}`, () => {
    let stage: Stage<LocalHost>;

    before(async () => {
      stage = await Stage.open({ ground });
    });
    after(() => stage.close());

    /** Uses the grant hundreds of times at once; `stop` is sent in the midst of it. */
    async function race(
      name: Name,
      grant: string,
      stop: () => Promise<Sent>,
    ): Promise<{ ended: Ended[]; stopped: Sent }> {
      const ended: Ended[] = [];
      const midst = new Gate();
      let left = ACCESSES;
      const worker = async (): Promise<void> => {
        while (left-- > 0) {
          ended.push(await stage.use(name, stage.access(grant)));
          if (ended.length === BEFORE_STOP) midst.open();
        }
      };
      const stopping = midst.passed.then(stop);
      await Promise.all(Array.from({ length: AT_ONCE }, worker));
      return { ended, stopped: await stopping };
    }

    const isAfter = ([block, index]: readonly [number, number], stop: Sent): boolean =>
      block > stop.block || (block === stop.block && index > stop.index);

    type Stop = readonly [verb: string, code: string, stop: (grant: string) => Promise<Sent>];
    const stops: readonly Stop[] = [
      ["revoked", "GRANT_REVOKED", async (grant) => (await stage.client("bureau")).grants.revoke(grant, "over")],
      ["suspended", "GRANT_SUSPENDED", async (grant) => (await stage.client("bureau")).grants.suspend(grant)],
      [
        "frozen by the regulator",
        "ORDER_FROZEN",
        async (id) => (await stage.client("regulator")).freeze({ kind: "grant", id }, "inquiry"),
      ],
    ];
    for (const [how, code, stop] of stops) {
      it(`a grant that is ${how} amid ${ACCESSES} accesses: no permit stands after the stop`, async () => {
        const grant = await stage.granted();
        const { ended, stopped } = await race("insurer", grant, () => stop(grant));
        assertBites(ended, stopped, code);
        expect(await stage.use("insurer", stage.access(grant))).to.include({ outcome: code });
      });
    }

    it(`a grant whose parent is revoked amid ${ACCESSES} accesses: no permit stands after the stop`, async () => {
      const parent = await stage.granted("insurer", {}, { depth: 1 });
      const { grant } = await (
        await stage.client("insurer")
      ).grants.derive(parent, { grantee: IDS.adjuster, terms: { ...TERMS, actions: ["query"] } });
      const bureau = await stage.client("bureau");
      const { ended, stopped } = await race("adjuster", grant, () => bureau.grants.revoke(parent));
      assertBites(ended, stopped, "ANCESTOR_NOT_IN_FORCE");
    });

    it(`a resource that is suspended amid ${ACCESSES} accesses: no permit stands after the stop`, async () => {
      const grant = await stage.granted();
      const bureau = await stage.client("bureau");
      const { ended, stopped } = await race("insurer", grant, () => bureau.resources.suspend(RESOURCE));
      assertBites(ended, stopped, "RESOURCE_SUSPENDED");
      await bureau.resources.resume(RESOURCE);
      expect(await stage.use("insurer", stage.access(grant))).to.include({ outcome: "permit" });
    });

    function assertBites(ended: readonly Ended[], stopped: Sent, code: string): void {
      expect(ended).to.have.length(ACCESSES);
      const outcomes = new Set(ended.map(({ outcome }) => outcome));
      // Both happened, so there was a race; data that was under way is held back after its permit, which stands.
      expect([...outcomes].filter((outcome) => !["permit", "undelivered", code].includes(outcome))).to.deep.equal([]);
      expect([...outcomes]).to.include.members(["permit", code]);
      for (const { outcome, at } of ended) {
        if (at === undefined) throw new Error(`${outcome} without a receipt`);
        const place = `${outcome} at ${at.join(" ")}, stop at ${stopped.block} ${stopped.index}`;
        expect(isAfter(at, stopped), place).to.equal(outcome === code);
      }
      const permits = ended.filter(({ outcome }) => outcome !== code).map(({ index = -1 }) => index);
      const denials = ended.filter(({ outcome }) => outcome === code).map(({ index = -1 }) => index);
      expect(Math.max(...permits)).to.be.lessThan(Math.min(...denials));
    }

    it("an owner who toggles one grant all the time stops nobody else's accesses", async () => {
      const [own, other] = [await stage.granted("adjuster"), await stage.granted("insurer")];
      const { grants } = await stage.client("bureau");
      const ending = new AbortController();
      const going = (): boolean => !ending.signal.aborted;
      let toggles = 0;
      const toggling = (async () => {
        while (going()) {
          await grants.suspend(own);
          await grants.resume(own);
          toggles++;
        }
      })();
      const outcomes: string[] = [];
      let left = 200;
      const worker = async (name: Name, grant: string): Promise<void> => {
        while (left-- > 0 || toggles === 0)
          outcomes.push(`${name} ${(await stage.use(name, stage.access(grant))).outcome}`);
      };
      await Promise.all([
        ...Array.from({ length: 24 }, () => worker("insurer", other)),
        ...Array.from({ length: 8 }, () => worker("adjuster", own)),
      ]);
      ending.abort();
      await toggling;
      expect(toggles).to.be.greaterThan(0);
      const insurers = outcomes.filter((outcome) => outcome.startsWith("insurer"));
      expect(new Set(insurers)).to.deep.equal(new Set(["insurer permit"]));
      const allowed = ["adjuster permit", "adjuster GRANT_SUSPENDED", "adjuster undelivered"];
      expect(outcomes.filter((outcome) => outcome.startsWith("adjuster") && !allowed.includes(outcome))).to.deep.equal(
        [],
      );
    });

    describe("one organisation stops, none starts or undoes alone", () => {
      const transaction = (
        name: string,
        { jws, openings }: Pick<SignedCommand, "jws" | "openings">,
        endorsers: readonly string[],
        grant?: string,
      ): TransactionRequest => ({
        name,
        args: [canonical({ gateway: GATEWAY })],
        transient: {
          command: JSON.stringify(jws),
          ...(openings !== undefined && { openings: JSON.stringify(openings) }),
          ...(grant !== undefined && { grant }),
        },
        endorsers,
      });

      const stopOf = async (grant: string, by: Name = "bureau", epoch = 1): Promise<SignedCommand> =>
        stage.sign(by, "grant.suspend", "/v1/commands/grant.suspend", { target: stopDigest(grant), epoch });

      it("the grantor's home stops without the regulator; the next access is denied", async () => {
        const grant = await stage.granted();
        await stage.host.direct.submit(transaction(TRANSACTIONS.stop, await stopOf(grant), ["HolderMSP"], grant));
        expect(await stage.use("insurer", stage.access(grant))).to.include({ outcome: "GRANT_SUSPENDED" });
      });

      it("the regulator stops without anybody else", async () => {
        const grant = await stage.granted();
        const order = "0193a1b2-0000-4000-8000-000000000001";
        const target: Json = { kind: "grant", id: stopDigest(grant) };
        const signed = await stage.sign(
          "regulator",
          "order.freeze",
          "/v1/commands/order.freeze",
          { order, target },
          { values: { ground: { value: "inquiry" } } },
        );
        await stage.host.direct.submit(transaction(TRANSACTIONS.orders, signed, ["RegulatorMSP"]));
        expect(await stage.use("insurer", stage.access(grant))).to.include({ outcome: "ORDER_FROZEN" });
      });

      for (const endorsers of [["ExchangeMSP"], ["RegulatorMSP"], ["ExchangeMSP", "RegulatorMSP"]]) {
        it(`${endorsers.join(" and ")} do not write another's stop, not even with its signed command`, async () => {
          const grant = await stage.granted();
          const stop = transaction(TRANSACTIONS.stop, await stopOf(grant), endorsers, grant);
          await faultOf(stage.host.direct.submit(stop), "POLICY");
          expect(await stage.use("insurer", stage.access(grant))).to.include({ outcome: "permit" });
        });
      }

      it("nobody but the grantor signs its stop", async () => {
        const grant = await stage.granted();
        const stop = transaction(TRANSACTIONS.stop, await stopOf(grant, "stranger"), ["HolderMSP"], grant);
        expect(["ROLE_REQUIRED", "NOT_FOUND"]).to.include(await refusedBy(stage.host.direct.submit(stop)));
      });

      for (const endorsers of [["HolderMSP"], ["RegulatorMSP"]]) {
        it(`${endorsers.join(" and ")} do not resume alone`, async () => {
          const grant = await stage.granted();
          await (await stage.client("bureau")).grants.suspend(grant);
          const { epoch } = await (await stage.client("bureau")).grants.get(grant);
          const signed = await stage.sign("bureau", "grant.resume", "/v1/commands/grant.resume", { grant, epoch });
          await faultOf(stage.host.direct.submit(transaction(TRANSACTIONS.grants, signed, endorsers, grant)), "POLICY");
          expect(await stage.use("insurer", stage.access(grant))).to.include({ outcome: "GRANT_SUSPENDED" });
        });
      }

      it("an old stop cannot be played again after a resume, nor a resume after a second stop", async () => {
        const grant = await stage.granted();
        const { grants } = await stage.client("bureau");
        const old = await stopOf(grant);
        expect((await stage.post("/v1/commands/grant.suspend", old)).status).to.equal(200);
        const { epoch } = await grants.get(grant);
        const resume = await stage.sign("bureau", "grant.resume", "/v1/commands/grant.resume", { grant, epoch });
        expect((await stage.post("/v1/commands/grant.resume", resume)).status).to.equal(200);
        const again = transaction(TRANSACTIONS.stop, old, ["HolderMSP"], grant);
        expect(await refusedBy(stage.host.direct.submit(again))).to.equal("STATE_CONFLICT");
        expect(await stage.use("insurer", stage.access(grant))).to.include({ outcome: "permit" });
        await grants.revoke(grant);
        const undo = transaction(TRANSACTIONS.grants, resume, ["HolderMSP", "RegulatorMSP"], grant);
        expect(["COMMAND_REPLAYED", "STATE_CONFLICT"]).to.include(await refusedBy(stage.host.direct.submit(undo)));
        expect(await stage.use("insurer", stage.access(grant))).to.include({ outcome: "GRANT_REVOKED" });
      });

      it("a revoked grant is never resumed", async () => {
        const grant = await stage.granted();
        const { grants } = await stage.client("bureau");
        await grants.revoke(grant);
        await refused(grants.resume(grant), "STATE_CONFLICT");
      });
    });
  });
