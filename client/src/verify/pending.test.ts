import { type TrailLineOf } from "@quanji/chaincode/domain";
import { expect } from "chai";
import type { SignatureCheck, SignatureEngine } from "./engine.js";
import { verifyTrail } from "./index.js";
import { Misplaced, PendingChecks } from "./pending.js";
import { sealed } from "./support.test.js";
import { at, lines, prepare, recordsOf, trust } from "./tampering.support.test.js";

describe("checks that go on while more is read", () => {
  const check: SignatureCheck = {
    jwk: { kty: "OKP", crv: "Ed25519", x: "" },
    data: new Uint8Array(),
    signature: new Uint8Array(64),
  };
  /** Answers a batch when it is told to, by its number. */
  class Engine implements SignatureEngine {
    readonly batches: readonly SignatureCheck[][] = [];
    readonly answer: ((answers: readonly boolean[]) => void)[] = [];
    verifyAll(checks: readonly SignatureCheck[]): Promise<readonly boolean[]> {
      (this.batches as SignatureCheck[][]).push([...checks]);
      return new Promise((resolve) => this.answer.push(resolve));
    }
    close(): Promise<void> {
      return Promise.resolve();
    }
  }
  const fill = (checks: PendingChecks): number => {
    let n = 0;
    for (; !checks.isFull; n++) checks.add(check, { line: n });
    return n;
  };

  it("answer the first that failed, whichever was done first", async () => {
    const engine = new Engine();
    const checks = new PendingChecks(engine);
    const n = fill(checks);
    const settled = checks.settle().catch((error: unknown) => error);
    const all = (batch: number): boolean[] => engine.batches[batch]!.map(() => true);
    for (const batch of engine.batches.keys()) {
      if (batch > 1) engine.answer[batch]!(all(batch).fill(false));
    }
    engine.answer[1]!(all(1).with(3, false).with(9, false));
    engine.answer[0]!(all(0));
    const found = (await settled) as Misplaced;
    expect(found).to.be.instanceOf(Misplaced);
    expect(found.cause).to.include({ detail: "SIGNATURE_INVALID" });
    expect(found.place).to.deep.equal({ line: n / engine.batches.length + 3 });
  });

  it("are bounded: full, the oldest batch is waited for", async () => {
    const engine = new Engine();
    const checks = new PendingChecks(engine);
    const n = fill(checks);
    expect(n).to.be.lessThan(2000);
    const settled = checks.settleOldest();
    engine.answer[0]!(engine.batches[0]!.map(() => true));
    await settled;
    expect(checks.isFull).to.equal(false);
  });

  it("that an engine does not answer one by one, or breaks over, have failed", async () => {
    const silent: SignatureEngine = { verifyAll: () => Promise.resolve([true]), close: () => Promise.resolve() };
    const broken: SignatureEngine = { ...silent, verifyAll: () => Promise.reject(new Error("out of memory")) };
    for (const [engine, line] of [
      [silent, 1],
      [broken, 0],
    ] as const) {
      const checks = new PendingChecks(engine);
      for (const at of [0, 1, 2]) checks.add(check, { line: at });
      expect(await checks.settle().catch((error: unknown) => error)).to.deep.include({ place: { line } });
    }
  });
});

describe("a trail with a bad signature", () => {
  before(prepare);
  const bad = (line: TrailLineOf<"record">): TrailLineOf<"record"> => ({
    ...line,
    q: { ...line.q!, signature: "A".repeat(86) },
  });
  const verdict = async (changed: readonly unknown[]) => {
    const { detail, at: place } = await verifyTrail(sealed(changed), trust);
    return { detail, place };
  };

  it("is refused there, whatever else is wrong after it", async () => {
    const first = at("record");
    const forged = lines.with(first, bad(recordsOf(lines)[0]!));
    const { log } = lines[at("log")] as TrailLineOf<"log">;
    const expected = { detail: "SIGNATURE_INVALID", place: { line: first + 1, log } };
    expect(await verdict(forged)).to.deep.equal(expected);
    expect(await verdict(forged.toSpliced(first + 2, 1)), "and a gap").to.deep.equal(expected);
    expect(await verdict([...forged.slice(0, first + 2), { t: "tally" }]), "and no line").to.deep.equal(expected);
    expect(await verdict(forged.slice(0, first + 1)), "and cut off").to.deep.equal(expected);
  });

  it("is refused for what was wrong before it", async () => {
    const third = at("record", 2);
    const forged = lines.with(third, bad(recordsOf(lines)[2]!));
    const { r } = recordsOf(lines)[1]!;
    const both = forged.with(third - 1, { ...recordsOf(lines)[1]!, r: r.replace('"rows":1', '"rows": 1') });
    expect((await verdict(both)).detail).to.equal("NOT_CANONICAL");
    expect((await verdict(forged)).detail).to.equal("SIGNATURE_INVALID");
  });
});
