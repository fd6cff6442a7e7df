import { createHash } from "node:crypto";
import { rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { isQuanjiError } from "@quanji/chaincode/domain";
import { expect } from "chai";
import { type LedgerBlock } from "../ledger.js";
import type { EmbeddedLedger } from "./ledger.js";
import { faultOf, quanjiErrorOf } from "./testing/faults.js";
import { EXCHANGE, Folders, HOLDER, NOW, open, REGULATOR, topology } from "./testing/open.js";
import { call, quietly, type Step } from "./testing/probe.js";

const sha = (text: string): string => createHash("sha256").update(text).digest("base64url");
const HOLDING = "org-HolderMSP";

async function take(ledger: EmbeddedLedger, from: number, count: number): Promise<LedgerBlock[]> {
  const blocks: LedgerBlock[] = [];
  if (count === 0) return blocks;
  for await (const block of ledger.blocks(from)) {
    blocks.push(block);
    if (blocks.length === count) break;
  }
  return blocks;
}

describe("the embedded ledger", () => {
  const folders = new Folders();
  let folder: string;
  let ledger: EmbeddedLedger;

  beforeEach(async () => {
    folder = await folders.make();
    ledger = await open(folder);
  });
  afterEach(async () => {
    await ledger.close();
    await folders.clear();
  });

  it("begins with block 0, which holds the configuration", async () => {
    expect(await ledger.height()).to.equal(1);
    const [genesis] = await take(ledger, 0, 1);
    expect(genesis).to.include({ number: 0 });
    expect(genesis?.transactions).to.deep.equal([]);
  });

  it("answers position and result of a committed transaction, and what it wrote is read next", async () => {
    const first = await ledger.submit(call([["put", "a", "1"]]));
    expect(first).to.include({ block: 1, index: 0, result: "[null]" });
    expect(first.txId).to.match(/^[0-9a-f]{64}$/);
    expect(await ledger.evaluate(call([["get", "a"]]))).to.equal('["1"]');
    expect(await ledger.height()).to.equal(2);
  });

  it("evaluates without ordering anything", async () => {
    expect(await ledger.evaluate(call([["put", "a", "1"]]))).to.equal("[null]");
    expect(await ledger.evaluate(call([["get", "a"]]))).to.equal("[null]");
    expect(await ledger.height()).to.equal(1);
  });

  it("shows name, arguments, time, writes and event of a valid transaction in its block", async () => {
    const request = call([
      ["put", "b", "二"],
      ["put", "a", "1"],
      ["put", "a", "2"],
      ["emit", "done", "payload"],
    ]);
    const { txId } = await ledger.submit(request);
    const [block] = await take(ledger, 1, 1);
    expect(block?.transactions).to.deep.equal([
      {
        txId,
        index: 0,
        valid: true,
        validationCode: "VALID",
        timestampMs: NOW,
        name: "probe:run",
        args: request.args,
        writes: [
          { key: "a", value: "2" },
          { key: "b", value: "二" },
        ],
        event: { name: "done", payload: "payload" },
      },
    ]);
  });

  it("gives private writes to members only; everybody can get their hash", async () => {
    await ledger.submit(
      quietly([
        ["putPrivate", HOLDING, "k", "secret"],
        ["put", "a", "1"],
      ]),
    );
    const seen = async (msp: string) => (await take(ledger.as(msp), 1, 1))[0]?.transactions[0]?.writes;
    const all = [
      { key: "a", value: "1" },
      { collection: HOLDING, key: "k", value: "secret" },
    ];
    expect(await seen(HOLDER)).to.deep.equal(all);
    expect(await seen(REGULATOR)).to.deep.equal(all);
    expect(await seen(EXCHANGE)).to.deep.equal(all.slice(0, 1));
    await using view = await ledger.as(EXCHANGE).view();
    expect(await view.getPrivateHash(HOLDING, "k")).to.equal(sha("secret"));
    expect(await view.getPrivateHash(HOLDING, "other")).to.equal(undefined);
  });

  for (const simulate of ["once", "each"] as const) {
    it(`tells of a peer that has a value's hash alone before it tells of another's refusal, simulating ${simulate}`, async () => {
      await ledger.close();
      ledger = await open(folder, { simulate });
      await ledger.submit(quietly([["putPrivate", HOLDING, "k", "secret"]]));
      const refusing: readonly Step[] = [
        ["getPrivate", HOLDING, "k"],
        ["refuse", "the contract says no"],
      ];
      const asked = (...endorsers: string[]) => ledger.submit(call(refusing, { endorsers }));
      await faultOf(asked(HOLDER, EXCHANGE), "UNAVAILABLE");
      await faultOf(asked(EXCHANGE, HOLDER), "UNAVAILABLE");
      await faultOf(asked(HOLDER, REGULATOR), "REFUSED");
    });
  }

  it("shows the same blocks from memory and from disk", async () => {
    await ledger.submit(
      quietly([
        ["putPrivate", HOLDING, "k", "secret"],
        ["putPrivate", HOLDING, "\u{1F600}", "x\0y"],
        ["put", "a", "1"],
        ["emit", "e", ""],
      ]),
    );
    await Promise.all([1, 2, 3].map((n) => ledger.submit(call([["put", `k${n}`, "x"]]))));
    const height = await ledger.height();
    const fresh = await take(ledger, 0, height);
    await ledger.close();
    ledger = await open(folder);
    expect(await ledger.height()).to.equal(height);
    expect(await take(ledger, 0, height)).to.deep.equal(fresh);
  });

  it("keeps a view at its height while blocks follow", async () => {
    await ledger.submit(call([["put", "a", "1"]]));
    await using view = await ledger.view();
    const [, block] = await take(ledger, 0, 2);
    await ledger.submit(
      quietly([
        ["put", "a", "2"],
        ["put", "b", "1"],
        ["putPrivate", HOLDING, "k", "x"],
      ]),
    );
    expect(view).to.include({ block: 1, blockHash: block?.hash });
    expect([await view.get("a"), await view.get("b"), await view.getPrivateHash(HOLDING, "k")]).to.deep.equal([
      "1",
      undefined,
      undefined,
    ]);
    await using later = await ledger.view();
    expect([later.block, await later.get("a")]).to.deep.equal([2, "2"]);
  });

  it("finds a transaction by its id, with its result, valid or not", async () => {
    const { txId, result } = await ledger.submit(
      call([
        ["get", "a"],
        ["put", "a", "1"],
      ]),
    );
    const read = call([
      ["get", "a"],
      ["put", "a", "2"],
    ]);
    const outcomes = await Promise.allSettled([ledger.submit(read), ledger.submit(read)]);
    const failed = outcomes.find(({ status }) => status === "rejected") as PromiseRejectedResult;
    const lost = (failed.reason as { txId: string }).txId;
    for (const reopened of [false, true]) {
      if (reopened) {
        await ledger.close();
        ledger = await open(folder);
      }
      expect(await ledger.find(txId)).to.deep.equal({ block: 1, index: 0, valid: true, result });
      expect(await ledger.find(lost)).to.include({ valid: false, result: '["1",null]' });
      expect(await ledger.find("00".repeat(32))).to.equal(undefined);
    }
  });

  it("orders what waits together into one block, in the order of arrival", async () => {
    const done = await Promise.all(Array.from({ length: 20 }, (_, n) => ledger.submit(call([["put", `k${n}`, "x"]]))));
    const height = await ledger.height();
    expect(height).to.be.lessThan(20);
    const places = done.map(({ block, index }) => block * 1000 + index);
    expect(places).to.deep.equal([...places].sort((a, b) => a - b));
    expect(new Set(places).size).to.equal(20);
  });

  it("refuses the second of two that read and write one key: CONFLICT, in the block and without effect", async () => {
    const bump = (value: string) =>
      call([
        ["get", "a"],
        ["put", "a", value],
        ["emit", "e", value],
      ]);
    const [first, second] = [ledger.submit(bump("1")), ledger.submit(bump("2"))];
    await first;
    const error = await faultOf(second, "CONFLICT");
    expect(await ledger.evaluate(call([["get", "a"]]))).to.equal('["1"]');
    const place = await ledger.find(error.txId!);
    const [block] = await take(ledger, place!.block, 1);
    const transaction = block?.transactions[place!.index];
    expect(transaction).to.deep.include({
      txId: error.txId,
      valid: false,
      validationCode: "MVCC_READ_CONFLICT",
      writes: [],
    });
    expect(transaction).to.not.have.property("event");
  });

  describe("streams of blocks", () => {
    it("go on with new blocks, resume at any number, and may be left early", async () => {
      const numbers: number[] = [];
      const reader = (async () => {
        for await (const block of ledger.blocks(0)) if (numbers.push(block.number) === 4) break;
      })();
      for (const key of ["a", "b", "c"]) await ledger.submit(call([["put", key, "1"]]));
      await reader;
      expect(numbers).to.deep.equal([0, 1, 2, 3]);
      expect((await take(ledger, 2, 2)).map(({ number }) => number)).to.deep.equal([2, 3]);
    });

    it("may begin beyond the newest block", async () => {
      const later = take(ledger, 3, 1);
      for (const key of ["a", "b", "c"]) await ledger.submit(call([["put", key, "1"]]));
      expect((await later)[0]?.number).to.equal(3);
    });

    it("hash into a chain: every reader sees the same hashes", async () => {
      for (const key of ["a", "b"]) await ledger.submit(call([["put", key, "1"]]));
      expect(await take(ledger, 0, 3)).to.deep.equal(
        (await take(ledger.as(HOLDER), 0, 3)).map((block) => ({ ...block })),
      );
    });

    it("end at their close, at disposal and at the ledger's close, while they wait too", async () => {
      const stream = ledger.blocks(1);
      const waiting = stream[Symbol.asyncIterator]().next();
      await stream.close();
      expect((await waiting).done).to.equal(true);
      {
        await using disposed = ledger.blocks(0);
        expect((await disposed[Symbol.asyncIterator]().next()).done).to.equal(false);
      }
      const last = ledger.blocks(1)[Symbol.asyncIterator]().next();
      await ledger.close();
      expect((await last).done).to.equal(true);
    });
  });

  describe("errors of contracts", () => {
    it("come back as the contract's own, in every part", async () => {
      const error = await faultOf(ledger.submit(call([["refuse", "it exists"]])), "REFUSED");
      expect(error.cause).to.deep.include({ code: "STATE_CONFLICT", detail: "a detail", field: "a.field", record: 3 });
      expect((error.cause as Error).message).to.equal("it exists");
      await faultOf(ledger.evaluate(call([["refuse", "it exists"]])), "REFUSED");
      expect(await ledger.height()).to.equal(1);
    });

    it("that are mistakes are INTERNAL, their words reported but not answered", async () => {
      await ledger.close();
      const reported: unknown[] = [];
      ledger = await open(folder, { report: (error) => void reported.push(error) });
      for (const request of [
        call([["crash", "password 1234"]]),
        { name: "probe:absent", args: [] },
        { name: "absent", args: [] },
        { name: "probe:nothing", args: [] },
        { name: "probe:constructor", args: [] },
      ]) {
        const { message, cause } = await faultOf(ledger.submit(request), "REFUSED");
        expect(isQuanjiError(cause, "INTERNAL")).to.equal(true);
        expect(message + (cause as Error).message + String((cause as Error).cause)).not.to.contain("1234");
      }
      expect(String(reported[0])).to.contain("password 1234");
      expect(reported).to.have.length(5);
    });
  });

  describe("limits", () => {
    it("a contract that never answers is UNAVAILABLE after the deadline, and nothing of it is ordered", async () => {
      await ledger.close();
      ledger = await open(folder, { limits: { deadlineMs: 1 } });
      await faultOf(ledger.submit(call([["put", "a", "1"], ["never"]])), "UNAVAILABLE");
      await faultOf(ledger.evaluate(call([["never"]])), "UNAVAILABLE");
      expect(await ledger.height()).to.equal(1);
    });

    it("more transactions than may be under way are UNAVAILABLE; the others commit", async () => {
      await ledger.close();
      ledger = await open(folder, { limits: { underWay: 3 } });
      const all = await Promise.allSettled([1, 2, 3, 4, 5].map((n) => ledger.submit(call([["put", `k${n}`, "x"]]))));
      expect(all.map(({ status }) => status)).to.deep.equal([
        ...Array<string>(3).fill("fulfilled"),
        ...Array<string>(2).fill("rejected"),
      ]);
      await faultOf(Promise.reject((all[4] as PromiseRejectedResult).reason as Error), "UNAVAILABLE");
      await ledger.submit(call([["put", "again", "x"]]));
    });
  });

  describe("closing", () => {
    it("waits for what is under way, then everything is UNAVAILABLE", async () => {
      const submitted = [1, 2, 3].map((n) => ledger.submit(call([["put", `k${n}`, "x"]])));
      const closed = ledger.close();
      await faultOf(ledger.submit(call([])), "UNAVAILABLE");
      expect((await Promise.all(submitted)).map(({ txId }) => txId)).to.have.length(3);
      await closed;
      await faultOf(ledger.evaluate(call([])), "UNAVAILABLE");
      await faultOf(ledger.find("x"), "UNAVAILABLE");
      await faultOf(ledger.view(), "UNAVAILABLE");
      await faultOf(ledger.fsck(), "UNAVAILABLE");
      await ledger.close();
      ledger = await open(folder);
      expect(await ledger.evaluate(call([["get", "k3"]]))).to.equal('["x"]');
    });

    it("ends a view that is still held", async () => {
      const view = await ledger.view();
      await ledger.close();
      const error: unknown = await view.get("a").catch((reason: unknown) => reason);
      expect(error).to.be.instanceOf(Error);
      await view[Symbol.asyncDispose]();
    });
  });

  describe("opening", () => {
    it("refuses a folder that is open already, and says what to do", async () => {
      const error = await quanjiErrorOf(open(folder));
      expect(error).to.include({ code: "CONFIG_INVALID", field: "folder", detail: "LOCKED" });
      expect(error.message).to.contain("another process").and.to.contain(folder);
      await ledger.submit(call([["put", "a", "1"]]));
    });

    it("refuses another topology than the ledger's own, naming what moved", async () => {
      await ledger.close();
      const [first, second, third] = topology.organisations;
      const moved = async (change: object) =>
        (await quanjiErrorOf(open(folder, { topology: { ...topology, ...change } }))).field;
      expect(await moved({ channel: "other" })).to.equal("channel");
      expect(await moved({ organisations: [first, second] })).to.equal("organisations");
      expect(await moved({ regulator: HOLDER })).to.equal("regulator");
      expect(await moved({ organisations: [first, second, third, { name: "new", msp: "NewMSP" }] })).to.equal(
        "organisations",
      );
      ledger = await open(folder, { topology: { ...topology, organisations: [third!, first!, second!] } });
    });

    it("refuses keys that are missing or not this ledger's", async () => {
      await ledger.close();
      const keys = path.join(folder, "organisations");
      await rename(keys, `${keys}.kept`);
      expect(await quanjiErrorOf(open(folder))).to.include({ code: "CONFIG_INVALID", detail: "KEYS_MISSING" });
      const other = await folders.make();
      await (await open(other)).close();
      await rename(path.join(other, "organisations"), keys);
      expect(await quanjiErrorOf(open(folder))).to.include({ code: "CONFIG_INVALID", detail: "KEYS_FOREIGN" });
      await rm(keys, { recursive: true });
      await rename(`${keys}.kept`, keys);
      ledger = await open(folder);
    });

    it("refuses a submitter that is no organisation", async () => {
      await ledger.close();
      expect(await quanjiErrorOf(open(folder, { submitterMsp: "NobodyMSP" }))).to.include({ field: "submitterMsp" });
      ledger = await open(folder);
      expect(() => ledger.as("NobodyMSP"))
        .to.throw()
        .with.property("field", "submitterMsp");
    });

    it("refuses a database that cannot be read", async () => {
      await ledger.close();
      await writeFile(path.join(folder, "ledger", "CURRENT"), "nonsense\n");
      expect(await quanjiErrorOf(open(folder))).to.include({ code: "INTERNAL", detail: "LEDGER_CORRUPT" });
    });
  });
});
