import { QuanjiError } from "@quanji/chaincode/domain";
import { expect } from "chai";
import { LedgerError } from "../ledger/ledger.js";
import { LAG_MS, REFUSALS_IN_A_ROW, REFUSALS_TOLERATED } from "./limits.js";
import { type Failure, outcomeOf, type Standing, stepAfter } from "./outcome.js";

const refused = (error: QuanjiError): LedgerError => new LedgerError("REFUSED", error.message, { cause: error });
const first: Standing = { records: 8, conflicts: 0, refusals: 0, refusedInARow: 0, tries: 1, lastedMs: 0 };

describe("outcome of a submission", () => {
  const bad = new QuanjiError("MALFORMED", "bad", { record: 3 });
  const far = new QuanjiError("MALFORMED", "bad", { record: 8 });
  const whole = new QuanjiError("ROLE_REQUIRED", "not yours");
  const cases: readonly (readonly [string, unknown, object])[] = [
    ["a refused record", refused(bad), { kind: "record", record: 3, error: bad }],
    ["a refused record that the batch does not have", refused(far), { kind: "refused", error: far }],
    ["a refused batch", refused(whole), { kind: "refused", error: whole }],
    ["a refusal that is no error of ours", new LedgerError("REFUSED", "?"), { kind: "refused", error: undefined }],
    ["another head", refused(new QuanjiError("HEAD_MOVED", "moved")), { kind: "behind" }],
    ["a time refused", refused(new QuanjiError("NOT_RECORDED", "late", { record: 0 })), { kind: "behind" }],
    ["endorsements that differ", new LedgerError("MISMATCH", "differ"), { kind: "behind" }],
    ["a conflict", new LedgerError("CONFLICT", "mvcc", { txId: "t" }), { kind: "conflict", txId: "t" }],
    ["a policy", new LedgerError("POLICY", "policy"), { kind: "policy" }],
    ["no outcome", new LedgerError("UNKNOWN", "?", { txId: "t" }), { kind: "unknown", txId: "t" }],
    ["no ledger", new LedgerError("UNAVAILABLE", "down"), { kind: "unavailable" }],
    ["what is no fault of the port", new TypeError("bug"), { kind: "unknown", txId: undefined }],
  ];
  for (const [name, error, outcome] of cases) {
    it(`${name} is told`, () => expect(outcomeOf(error, 8)).to.deep.equal(outcome));
  }
});

describe("what follows a failure", () => {
  const step = (failure: Failure, now: Partial<Standing> = {}) => stepAfter(failure, { ...first, ...now });
  const error = new QuanjiError("MALFORMED", "bad");

  it("a refused record is dropped; after some, its requester's records go apart", () => {
    const failure = { kind: "record", record: 3, error } as const;
    expect(step(failure, { refusals: REFUSALS_TOLERATED })).to.deep.equal({
      step: "drop",
      record: 3,
      error,
      apart: false,
    });
    expect(step(failure, { refusals: REFUSALS_TOLERATED + 1 })).to.include({ step: "drop", apart: true });
  });

  it("who lags is asked again in milliseconds, longer each time, and not for ever", () => {
    const waits = [1, 2, 3, 4, 5, 6, 7, 50].map((tries) => step({ kind: "behind" }, { tries }));
    expect(waits.map((wait) => ("waitMs" in wait ? wait.waitMs : -1))).to.deep.equal([
      5, 10, 20, 40, 80, 160, 160, 160,
    ]);
    expect(step({ kind: "behind" }, { lastedMs: LAG_MS - 1 })).to.include({ step: "again" });
    expect(step({ kind: "behind" }, { lastedMs: LAG_MS })).to.deep.equal({ step: "giveUp", reason: "LAG" });
  });

  it("a refused batch is halved until one record is left, or nothing gets through any more", () => {
    const failure = { kind: "refused", error } as const;
    expect(step(failure, { refusedInARow: REFUSALS_IN_A_ROW - 1 })).to.deep.equal({ step: "halve" });
    const givenUp = { step: "giveUp", reason: "REFUSED", cause: error };
    expect(step(failure, { refusedInARow: REFUSALS_IN_A_ROW })).to.deep.equal(givenUp);
    expect(step(failure, { records: 1, refusedInARow: 1 })).to.deep.equal(givenUp);
  });

  it("the first conflict endorses the whole again, the second parts it", () => {
    expect(step({ kind: "conflict", txId: "t" }, { conflicts: 1 })).to.deep.equal({ step: "whole", txId: "t" });
    expect(step({ kind: "conflict", txId: "t" }, { conflicts: 2 })).to.deep.equal({ step: "part", txId: "t" });
  });

  it("a policy failure is given up; an unavailable ledger is asked until the records are too old", () => {
    expect(step({ kind: "policy" })).to.deep.equal({ step: "giveUp", reason: "POLICY" });
    expect(step({ kind: "unavailable" })).to.deep.equal({ step: "again", waitMs: 20 });
    expect(step({ kind: "unavailable" }, { tries: 99, lastedMs: 29_000 })).to.deep.equal({
      step: "again",
      waitMs: 500,
    });
  });
});
