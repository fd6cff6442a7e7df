/** G10, G4 and attack 14 over several logs: killed under load, both logs keep what they acknowledged and no quota is overdrawn. */
import { AccessRefused, type CheckedReceipt } from "@quanji/client";
import { isQuanjiError } from "@quanji/chaincode/domain";
import { verifyReceipt, verifyTrail } from "@quanji/client/verify";
import { expect } from "chai";
import { ChildHost } from "../support/child.js";
import { LOG, NET } from "../support/host.js";
import { CountingSource } from "../support/source.js";
import { IDS, newFolder, RESOURCE, sourcesOf, Stage } from "../support/stage.js";
import { Gate } from "../support/until.js";

const LOGS = [LOG, `${NET}/gw/1`] as const;
const KILLS = 2;
const AT_ONCE = 8;
/** Receipts in hand before a kill. */
const RECEIPTS = 24;
const QUOTA = 90;

describe("G10 acknowledged is kept, in several logs", () => {
  let stage: Stage<ChildHost>;
  let grant: string;
  const held: CheckedReceipt[] = [];

  before(async () => {
    const source = await CountingSource.open();
    const config = { ...sourcesOf(source), gateway: { logs: LOGS.length } };
    stage = await Stage.on(await ChildHost.open(await newFolder(), config), source);
    grant = await stage.granted("insurer", { quota: { unit: "call", n: QUOTA, per: "window" } });
    await allot(QUOTA / 2);
  });
  after(() => stage.close());

  const allot = async (first: number) =>
    (await stage.client("bureau")).grants.allot(grant, [
      { log: LOGS[0], n: first },
      { log: LOGS[1], n: QUOTA - first },
    ]);

  /** Uses until the gateway is gone or the log's share is; keeps every receipt that was handed out. */
  async function load(log: string, killed: AbortSignal, received: () => void): Promise<void> {
    const client = await stage.client("insurer");
    const over = (): boolean => killed.aborted;
    while (!over()) {
      try {
        const permitted = await client.access(stage.access(grant, { log }));
        held.push(permitted.receipt);
        received();
        await permitted.bytes();
      } catch (error) {
        if (error instanceof AccessRefused) return;
        if (!over()) throw error;
      }
    }
  }

  async function loadAndKill(): Promise<void> {
    const killing = new AbortController();
    const enough = new Gate();
    const wanted = held.length + RECEIPTS;
    const received = (): void => {
      if (held.length >= wanted) enough.open();
    };
    const workers = Array.from({ length: AT_ONCE }, (_, i) => load(LOGS[i % 2] ?? LOG, killing.signal, received));
    const working = Promise.all(workers);
    try {
      await Promise.race([enough.passed, working]);
    } finally {
      killing.abort();
      await stage.host.kill();
      await Promise.allSettled(workers);
    }
    await working;
    await stage.host.start();
  }

  it(`${KILLS} times under load in both logs, killed and started again: every receipt still verifies`, async () => {
    for (let round = 0; round < KILLS; round++) await loadAndKill();
    expect(held.length).to.be.at.least(KILLS * RECEIPTS);
    expect(new Set(held.map(({ record }) => record.face.log))).to.deep.equal(new Set(LOGS));
    const trust = await stage.trust();
    const client = await stage.client("insurer");
    for (const { jws, record, receipt } of held) {
      expect(await verifyReceipt(jws, trust)).to.include({ ok: true });
      if (record.type === "void") continue;
      expect((await client.receipt(record.body.request)).access.receipt.record).to.equal(receipt.record);
    }
  });

  it("what is left of the quota can be moved to the second log and used up there", async () => {
    expect(await sharesKept()).to.be.at.most(QUOTA);
    const last = stage.access(grant, { log: LOGS[1] });
    let outcome = "permit";
    while (outcome === "permit") ({ outcome } = await stage.use("insurer", last));
    expect(outcome).to.equal("QUOTA_EXCEEDED"); // that it was not one too many, the grant's trail tells below
  });

  /** Moves as much of the first log's share as it has not used; answers what it keeps. */
  async function sharesKept(): Promise<number> {
    for (let first = 0; first <= QUOTA; first++) {
      try {
        await allot(first);
        return first;
      } catch (error) {
        if (!isQuanjiError(error, "STATE_CONFLICT")) throw error;
      }
    }
    return expect.fail("no share fits");
  }

  it("14 a quota of one, asked for in two logs at once: one permit, wherever it lies", async () => {
    const once = await stage.granted("insurer", { quota: { unit: "call", n: 1, per: "window" } });
    const outcomes = await Promise.all(
      Array.from({ length: 12 }, (_, i) => stage.use("insurer", stage.access(once, { log: LOGS[i % 2] ?? LOG }))),
    );
    expect(outcomes.filter(({ outcome }) => outcome === "permit")).to.have.length(1);
    expect(new Set(outcomes.map(({ outcome }) => outcome))).to.deep.equal(new Set(["permit", "QUOTA_EXCEEDED"]));
  });

  it("numbers that were lost are voided in each log, and all trails hold both logs and every receipt", async () => {
    const insurer = await stage.client("insurer");
    for (const log of LOGS) await insurer.voidLost(log);
    const trust = await stage.trust();
    const receipts = held.map(({ receipt }) => receipt);
    for (const [viewer, kind, id] of [
      ["bureau", "grant", grant],
      ["bureau", "resource", RESOURCE],
      ["insurer", "party", IDS.insurer],
    ] as const) {
      const verdict = await verifyTrail(await stage.trail(viewer, kind, id), trust, { receipts });
      expect(verdict, `${kind} ${verdict.detail ?? ""} ${verdict.message ?? ""}`).to.include({ ok: true });
    }
  });
});
