/** G10 acknowledged is kept: a gateway under load is killed at random moments; no receipt that anybody holds is undone. */
import { randomBytes } from "node:crypto";
import { recordLeaf, splitRecordText } from "@quanji/chaincode/domain";
import { appendLeaves, emptyFrontier, hashText, parseHash, rootOf } from "@quanji/chaincode/log";
import { createChaincode } from "@quanji/chaincode/contracts";
import { LEAVES_EVENT, type LeavesEvent, nodeVerifier } from "@quanji/chaincode/world";
import { AccessRefused, type CheckedReceipt } from "@quanji/client";
import { verifyReceipt, verifyTrail } from "@quanji/client/verify";
import { type Ledger, openEmbeddedLedger } from "@quanji/gateway/testing";
import { expect } from "chai";
import type { Ground } from "../support/ground.js";
import { headOf } from "../support/batch.js";
import type { ChildHost } from "../support/child.js";
import { LOG } from "../support/host.js";
import { GATEWAY, runProgram } from "../support/program.js";
import { IDS, type Name, RESOURCE, Stage } from "../support/stage.js";
import { Gate } from "../support/until.js";

const KILLS = 4;
const AT_ONCE = 12;
/** Receipts in hand before a kill: at least these, and up to as many more as fate says. */
const RECEIPTS = 15;

export const g10 = (ground: Ground): void =>
  void describe(`G10 acknowledged is kept${ground.on}`, () => {
    let stage: Stage<ChildHost>;
    let grant: string;
    const held: CheckedReceipt[] = [];
    /** Commands that were answered, by request: block and transaction. */
    const commands: { readonly request: string; readonly txId: string }[] = [];

    before(async () => {
      stage = await Stage.apart(ground);
      grant = await stage.granted();
    });
    after(() => stage.close());

    /** Uses until the gateway is gone, and keeps every receipt that was handed out. */
    async function load(name: Name, killed: AbortSignal, received: () => void): Promise<void> {
      const client = await stage.client(name);
      const over = (): boolean => killed.aborted;
      for (let n = 0; !over(); n++) {
        try {
          const permitted = await client.access(stage.access(grant, n % 5 === 4 ? { purpose: "marketing" } : {}));
          held.push(permitted.receipt);
          received();
          await permitted.bytes();
        } catch (error) {
          if (error instanceof AccessRefused && error.receipt !== undefined) {
            held.push(error.receipt);
            received();
          } else if (!over()) throw error;
        }
      }
    }

    async function loadAndKill(round: number): Promise<void> {
      const killing = new AbortController();
      const enough = new Gate();
      const wanted = held.length + RECEIPTS + ((randomBytes(1)[0] ?? 0) % 40);
      const received = (): void => {
        if (held.length >= wanted) enough.open();
      };
      const workers = Array.from({ length: AT_ONCE }, (_, i) =>
        load(i % 3 === 0 ? "stranger" : "insurer", killing.signal, received),
      );
      const working = Promise.all(workers);
      try {
        await Promise.race([enough.passed, working]);
        commands.push(await registered(round));
      } finally {
        killing.abort();
        await stage.host.kill();
        await Promise.allSettled(workers);
      }
      await working;
      await stage.host.start();
    }

    /** A state change, answered while the accesses go on. */
    const registered = async (round: number) =>
      (await stage.client("bureau")).resources.register({
        resource: `res/round.${round}`,
        kind: "dataset",
        title: "Made under load",
        class: `round.${round}`,
        grade: { standard: "GB/T 43697-2024", level: "general-1" },
        sharing: "open",
        subjectKind: "none",
        basis: { law: "Meteorology Law", duty: "publish observations" },
        responsibleHead: { name: "Han Mei", title: "director" },
        fields: [{ name: "day", type: "date", grade: "general-1" }],
      });

    it(`${KILLS} times under load, killed and started again: it goes on, with the numbers that follow`, async () => {
      for (let round = 0; round < KILLS; round++) {
        await loadAndKill(round);
        const ended = await stage.use("insurer", stage.access(grant));
        expect(ended.outcome).to.equal("permit");
        const highest = Math.max(...held.map(({ record }) => record.face.index));
        expect(ended.index).to.be.greaterThan(highest);
      }
      expect(held.length).to.be.at.least(KILLS * RECEIPTS);
    });

    it("every receipt still verifies, and is given out again for the same record", async () => {
      const trust = await stage.trust();
      for (const { jws, record, receipt } of held) {
        expect(await verifyReceipt(jws, trust)).to.include({ ok: true });
        const name = record.type !== "void" && record.body.requester.startsWith(IDS.insurer) ? "insurer" : "stranger";
        const { access } = await (await stage.client(name)).receipt(record.body.request);
        expect([access.receipt.record, access.receipt.txId]).to.deep.equal([receipt.record, receipt.txId]);
      }
    });

    it("every command that was answered is on the ledger", async () => {
      const bureau = await stage.client("bureau");
      expect(commands).to.have.length(KILLS);
      for (const [round, { request, txId }] of commands.entries()) {
        expect(await bureau.read(`/v1/commands/${request}`)).to.include({ txId });
        expect((await bureau.resources.get(`res/round.${round}`)).state).to.equal("registered");
      }
    });

    it("numbers that were lost are voided, and the party's trail has no gap", async () => {
      const insurer = await stage.client("insurer");
      await insurer.voidLost(LOG);
      const trail = await stage.trail("insurer", "party", IDS.insurer);
      const verdict = await verifyTrail(trail, await stage.trust(), {
        receipts: held.filter(({ record }) => record.face.unit === IDS.insurer).map(({ receipt }) => receipt),
      });
      expect(verdict).to.include({ ok: true });
      expect(await verifyTrail(await stage.trail("bureau", "resource", RESOURCE), await stage.trust())).to.include({
        ok: true,
      });
    });

    it("the ledger is whole: blocks chain, state follows from them, and the log holds each receipt at its place", async () => {
      await stage.host.kill();
      for (const ledger of await ledgersAfterwards()) {
        try {
          const leaves = await leavesOf(ledger);
          const head = await headOf(ledger);
          expect(leaves.length).to.equal(head.size);
          expect(hashText(rootOf(appendLeaves(emptyFrontier(), leaves.map(parseHash))))).to.equal(head.root);
          for (const { record, receipt } of held) {
            const leaf = hashText(recordLeaf(splitRecordText(receipt.record)));
            expect(leaves[record.face.index]).to.equal(leaf);
            expect(await ledger.find(receipt.txId)).to.include({ block: receipt.block, valid: true });
          }
          for (const { txId } of commands) expect(await ledger.find(txId)).to.include({ valid: true });
        } finally {
          await ledger.close();
        }
      }
      if (ground.ledger === "embedded") {
        const { exitCode, out } = await runProgram([GATEWAY, "fsck"], { QUANJI_DATA: stage.host.data });
        expect(exitCode, out).to.equal(0);
      }
      await stage.host.start();
    });

    /** Fabric's, as each organisation's own peer has it; the embedded one, when it has checked itself. */
    async function ledgersAfterwards(): Promise<readonly Ledger[]> {
      const { open } = stage.base;
      if (open !== undefined) return Promise.all(["RegulatorMSP", "HolderMSP", "ExchangeMSP"].map(open));
      const ledger = await openEmbeddedLedger({
        folder: stage.host.data,
        topology: {
          channel: "quanji",
          organisations: [
            { name: "regulator", msp: "RegulatorMSP" },
            { name: "holder", msp: "HolderMSP" },
            { name: "exchange", msp: "ExchangeMSP" },
          ],
          regulator: "RegulatorMSP",
        },
        contracts: createChaincode({ verify: nodeVerifier() }),
        clock: Date.now,
        random: randomBytes,
      });
      expect(await ledger.fsck()).to.include({ ok: true });
      return [ledger];
    }

    async function leavesOf(ledger: Ledger): Promise<string[]> {
      const leaves: string[] = [];
      const height = await ledger.height();
      for await (const block of ledger.blocks(0)) {
        for (const { event } of block.transactions) {
          if (event?.name !== LEAVES_EVENT) continue;
          const { first, leaves: more } = JSON.parse(event.payload) as LeavesEvent;
          expect(first).to.equal(leaves.length);
          leaves.push(...more);
        }
        if (block.number === height - 1) break;
      }
      return leaves;
    }
  });
