import { expect } from "chai";
import type { Hooks } from "./hooks.js";
import type { EmbeddedLedger } from "./ledger.js";
import { faultOf } from "./testing/faults.js";
import { Folders, HOLDER, NOW, open, REGULATOR } from "./testing/open.js";
import { call, type Step } from "./testing/probe.js";

const put = (text: string): Step => ["put", "a", text];

describe("hooks of the embedded ledger", () => {
  const folders = new Folders();
  let hooks: Hooks;
  let folder: string;
  let ledger: EmbeddedLedger;

  beforeEach(async () => {
    hooks = {};
    folder = await folders.make();
    // Each call goes to what `hooks` is then.
    ledger = await open(folder, {
      hooks: {
        lag: (...parts) => hooks.lag?.(...parts) ?? 0,
        skewMs: (...parts) => hooks.skewMs?.(...parts) ?? 0,
        answer: (msp, result, submission) => hooks.answer?.(msp, result, submission) ?? result,
        conflict: (...parts) => hooks.conflict?.(...parts) ?? false,
        unknown: (...parts) => hooks.unknown?.(...parts),
        atStep: (...parts) => hooks.atStep?.(...parts),
      },
    });
    await ledger.submit(call([put("1")]));
  });
  afterEach(async () => {
    await ledger.close();
    await folders.clear();
  });

  const read = (): Promise<string> => ledger.evaluate(call([["get", "a"]]));

  it("a lagging peer reads an older state: MISMATCH, nothing ordered, and it clears when the peer catches up", async () => {
    hooks = { lag: (msp) => (msp === REGULATOR ? 1 : 0) };
    const bump = call([["get", "a"], put("2")]);
    await faultOf(ledger.submit(bump), "MISMATCH");
    expect(await ledger.height()).to.equal(2);
    hooks = {};
    await ledger.submit(bump);
    hooks = { lag: (msp) => (msp === HOLDER ? 2 : 0) };
    await faultOf(ledger.submit(bump), "MISMATCH");
    expect(await read()).to.equal("[null]"); // the client's own peer, two blocks behind
  });

  it("peers that lag alike endorse alike, and the transaction conflicts", async () => {
    await ledger.submit(call([["get", "a"], put("2")]));
    hooks = { lag: () => 1 };
    await faultOf(ledger.submit(call([["get", "a"], put("3")])), "CONFLICT");
    hooks = {};
    expect(await read()).to.equal('["2"]');
  });

  it("a peer that answers differently is a MISMATCH", async () => {
    hooks = { answer: (msp, result) => (msp === REGULATOR ? `${result} ` : result) };
    await faultOf(ledger.submit(call([put("2")])), "MISMATCH");
    expect(await ledger.height()).to.equal(2);
  });

  it("clocks differ by peer, so a result that tells the clock is a MISMATCH", async () => {
    hooks = { skewMs: (msp) => (msp === REGULATOR ? 1500 : 0) };
    await faultOf(ledger.submit(call([["clock"]])), "MISMATCH");
    expect(await ledger.as(REGULATOR).evaluate(call([["clock"]]))).to.equal(JSON.stringify([String(NOW + 1500)]));
    hooks = {};
    await ledger.submit(call([["clock"]]));
  });

  it("an injected conflict is a real one: the block before holds its cause, and the ledger stays sound", async () => {
    hooks = { conflict: ({ name }) => name === "probe:run" };
    await faultOf(ledger.submit(call([["get", "a"], put("2")])), "CONFLICT");
    await faultOf(ledger.submit(call([["get", "absent"], put("2")])), "UNAVAILABLE");
    hooks = {};
    expect(await read()).to.equal('["1"]');
    await ledger.submit(call([["get", "a"], put("2")]));
    expect(await ledger.fsck()).to.include({ ok: true });
  });

  it("an unknown outcome is resolved from the blocks: lost, or committed", async () => {
    hooks = { unknown: () => "lost" };
    const lost = await faultOf(ledger.submit(call([put("2")])), "UNKNOWN");
    expect(await ledger.find(lost.txId!)).to.equal(undefined);
    expect(await read()).to.equal('["1"]');
    hooks = { unknown: () => "committed" };
    const committed = await faultOf(ledger.submit(call([put("3")])), "UNKNOWN");
    expect(await ledger.find(committed.txId!)).to.include({ block: 2, valid: true });
    expect(await read()).to.equal('["3"]');
  });

  for (const [step, fault, persisted] of [
    ["taken", "UNAVAILABLE", false],
    ["built", "UNAVAILABLE", false],
    ["write", "UNKNOWN", false],
    ["written", "UNKNOWN", true],
    ["acknowledged", undefined, true],
  ] as const) {
    it(`a disk that fails at "${step}": ${fault ?? "committed"}, then the ledger stops until it is opened again`, async () => {
      hooks = {
        atStep: (at) => {
          if (at === step) throw new Error("disk full");
        },
      };
      const work = ledger.submit(call([put("2")]));
      const txId = fault === undefined ? (await work).txId : (await faultOf(work, fault)).txId!;
      hooks = {};
      await faultOf(ledger.submit(call([put("3")])), "UNAVAILABLE");
      // Nobody can say "absent" before the ledger is opened again.
      if (persisted) expect(await ledger.find(txId)).to.include({ block: 2, valid: true });
      else await faultOf(ledger.find(txId), "UNAVAILABLE");
      await ledger.close();
      ledger = await open(folder);
      expect((await ledger.find(txId))?.valid).to.equal(persisted ? true : undefined);
      expect(await read()).to.equal(persisted ? '["2"]' : '["1"]');
      await ledger.submit(call([put("4")]));
      expect(await ledger.fsck()).to.include({ ok: true });
    });
  }

  it("a failed commit fails every transaction that waits, none is left hanging", async () => {
    hooks = {
      atStep: (step) => {
        if (step === "write") throw new Error("disk full");
      },
    };
    const all = await Promise.allSettled([1, 2, 3, 4].map((n) => ledger.submit(call([["put", `k${n}`, "x"]]))));
    expect(all.map(({ status }) => status)).to.deep.equal(Array<string>(4).fill("rejected"));
    hooks = {};
  });
});
