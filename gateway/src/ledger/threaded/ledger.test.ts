import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { Worker } from "node:worker_threads";
import { isQuanjiError, QuanjiError } from "@quanji/chaincode/domain";
import { createChaincode } from "@quanji/chaincode/contracts";
import { TRANSACTIONS } from "@quanji/chaincode/world";
import { nodeVerifier } from "@quanji/chaincode/world";
import { expect } from "chai";
import { type EmbeddedLedger, openEmbeddedLedger } from "../embedded/index.js";
import { type Ledger, LedgerError } from "../ledger.js";
import type { Topology } from "../topology.js";
import { ledgerOn, openThreadedLedger } from "./ledger.js";
import { Vouchers } from "./vouchers.js";
import { fromWire, toWire } from "./wire.js";

const TOPOLOGY: Topology = {
  channel: "quanji",
  organisations: [
    { name: "regulator", msp: "RegulatorMSP" },
    { name: "holder", msp: "HolderMSP" },
  ],
  regulator: "RegulatorMSP",
};

const UNWANTED = (error: unknown): never => {
  throw error;
};

/** A command that no contract takes: a call that goes all the way in, and an error that comes all the way out. */
const REFUSED = { name: TRANSACTIONS.network, args: ['{"gateway":"gw"}'], transient: { command: "{}" } };

async function failure(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe("the ledger on a thread of its own", () => {
  let folder: string;
  const open = (): Promise<Ledger> =>
    openThreadedLedger({
      folder,
      topology: TOPOLOGY,
      submitterMsp: "HolderMSP",
      durability: "buffered",
      vouchers: new Vouchers(),
      report: UNWANTED,
    });
  const openHere = (): Promise<EmbeddedLedger> =>
    openEmbeddedLedger({
      folder,
      topology: TOPOLOGY,
      contracts: createChaincode({ verify: nodeVerifier() }),
      clock: Date.now,
      random: randomBytes,
      submitterMsp: "HolderMSP",
      durability: "buffered",
    });

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "quanji-thread-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it("answers as the same ledger does without a thread, faults included", async () => {
    const threaded = await open();
    const [height, block] = [await threaded.height(), await first(threaded)];
    const view = await threaded.view();
    const seen = { block: view.block, hash: view.blockHash, network: await view.get("network") };
    const absent = await view.getPrivateHash("org-HolderMSP", "secret");
    await view[Symbol.asyncDispose]();
    const refused = await failure(threaded.submit(REFUSED));
    const evaluated = await failure(threaded.evaluate(REFUSED));
    const nowhere = await threaded.find("0".repeat(64));
    await threaded.close();

    const plain = await openHere();
    try {
      expect(height).to.equal(await plain.height());
      expect(block).to.deep.equal(await first(plain));
      const own = await plain.view();
      expect(seen).to.deep.equal({ block: own.block, hash: own.blockHash, network: undefined });
      await own[Symbol.asyncDispose]();
      expect([absent, nowhere]).to.deep.equal([undefined, undefined]);
      for (const [error, expected] of [
        [refused, await failure(plain.submit(REFUSED))],
        [evaluated, await failure(plain.evaluate(REFUSED))],
      ]) {
        expect(error).to.be.instanceOf(LedgerError).with.property("fault", "REFUSED");
        const [cause, wanted] = [error, expected].map((one) => (one as LedgerError).cause as QuanjiError);
        expect(cause).to.be.instanceOf(QuanjiError);
        expect([cause?.code, cause?.message, cause?.detail, cause?.field]).to.deep.equal([
          wanted?.code,
          wanted?.message,
          wanted?.detail,
          wanted?.field,
        ]);
      }
    } finally {
      await plain.close();
    }
  });

  it("ends its streams when it closes, and refuses what comes after", async () => {
    const ledger = await open();
    const stream = ledger.blocks(1);
    const pull = stream[Symbol.asyncIterator]().next();
    await Promise.all([ledger.close(), ledger.close()]);
    expect((await pull).done).to.equal(true);
    await stream.close();
    expect(await failure(ledger.height())).to.have.property("fault", "UNAVAILABLE");
  });

  it("ends streams that are asked for while it closes", async () => {
    const ledger = await open();
    const early = ledger.blocks(1)[Symbol.asyncIterator]();
    const closing = ledger.close();
    const late = ledger.blocks(1)[Symbol.asyncIterator]();
    const pulls = [early.next(), late.next(), early.next()];
    await closing;
    for (const pull of [...pulls, late.next()]) expect((await pull).done).to.equal(true);
  });

  it("a stream that is left early ends while it waits", async () => {
    const ledger = await open();
    try {
      const stream = ledger.blocks(1);
      const pull = stream[Symbol.asyncIterator]().next();
      await stream.close();
      expect((await pull).done).to.equal(true);
      expect((await stream[Symbol.asyncIterator]().next()).done).to.equal(true);
    } finally {
      await ledger.close();
    }
  });

  it("says why it cannot open", async () => {
    const other = await openHere();
    try {
      const error = await failure(open());
      expect(isQuanjiError(error, "CONFIG_INVALID")).to.equal(true);
      expect(error).to.have.property("detail", "LOCKED");
    } finally {
      await other.close();
    }
  });

  it("a thread that dies leaves submits unknown and everything else unavailable, and is reported", async () => {
    const code = `const { parentPort } = require("node:worker_threads");
      parentPort.postMessage({ id: 0 });
      parentPort.on("message", ({ name }) => { if (name === "submit") throw new Error("the disk is gone"); });`;
    const reports: unknown[] = [];
    const report = (error: unknown): number => reports.push(error);
    const ledger = await ledgerOn(new Worker(code, { eval: true }), { vouchers: new Vouchers(), report });
    const [height, submit] = await Promise.all([failure(ledger.height()), failure(ledger.submit(REFUSED))]);
    expect(submit).to.have.property("fault", "UNKNOWN");
    expect(height).to.have.property("fault", "UNAVAILABLE");
    expect(await failure(ledger.find("00"))).to.have.property("fault", "UNAVAILABLE");
    expect(reports).to.have.length(1);
    await ledger.close();
  });

  it("errors cross without losing what callers look at", () => {
    const cause = new QuanjiError("QUOTA_EXCEEDED", "too much", { detail: "d", field: "f", record: 7 });
    const ledgerError = fromWire(toWire(new LedgerError("REFUSED", "no", { txId: "ab", cause })));
    expect(ledgerError).to.include({ fault: "REFUSED", message: "no", txId: "ab" });
    expect(ledgerError.cause).to.include({ code: "QUOTA_EXCEEDED", detail: "d", field: "f", record: 7 });
    expect(fromWire(toWire(cause))).to.include({ code: "QUOTA_EXCEEDED", message: "too much" });
    const foreign = new RangeError("boom");
    expect(fromWire(toWire(foreign))).to.include({ code: "INTERNAL", message: "boom", stack: foreign.stack });
    expect(fromWire(toWire("text"))).to.include({ code: "INTERNAL", message: "text" });
  });
});

async function first(ledger: Ledger): Promise<unknown> {
  for await (const block of ledger.blocks(0)) return block;
  return undefined;
}
