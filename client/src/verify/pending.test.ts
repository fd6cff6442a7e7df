import { type TrailLineOf } from "@quanji/chaincode/domain";
import { expect } from "chai";
import { verifyTrail } from "./index.js";
import { Misplaced, PendingChecks } from "./pending.js";
import { sealed } from "./support.test.js";
import { at, lines, prepare, recordsOf, trust } from "./tampering.support.test.js";

describe("checks that go on while more is read", () => {
  it("answer the first that failed, whichever was done first", async () => {
    const checks = new PendingChecks();
    let failSlow = (): void => undefined;
    const slow = new Promise<void>((_resolve, reject) => (failSlow = () => reject(new Error("first"))));
    checks.add(Promise.resolve(), { line: 1 });
    checks.add(slow, { line: 2 });
    checks.add(Promise.reject(new Error("second")), { line: 3 });
    const settled = checks.settle().catch((error: unknown) => error);
    failSlow();
    const found = (await settled) as Misplaced;
    expect(found).to.be.instanceOf(Misplaced);
    expect(found.place).to.deep.equal({ line: 2 });
    expect((found.cause as Error).message).to.equal("first");
  });

  it("are bounded: full, half of them are waited for, the older ones", async () => {
    const checks = new PendingChecks();
    let n = 0;
    for (; !checks.isFull; n++) checks.add(n === 5 ? Promise.reject(new Error("x")) : Promise.resolve(), { line: n });
    expect(n).to.be.lessThan(1000);
    const fault = (await checks.settleHalf().catch((error: unknown) => error)) as Misplaced;
    expect(fault.place.line).to.equal(5);
    expect(checks.isFull).to.equal(false);
    await checks.settle();
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
