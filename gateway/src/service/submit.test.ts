import { isQuanjiError, QuanjiError } from "@quanji/chaincode/domain";
import { expect } from "chai";
import { type Committed, type Ledger, LedgerError, type LedgerFault } from "../ledger/ledger.js";
import { submitSurely } from "./submit.js";

const DONE: Committed = { block: 7, index: 2, txId: "ab", result: "{}" };

/** Plays one outcome after the other; `found` answers each look for an unknown transaction. */
function script(
  outcomes: readonly (LedgerFault | "ok")[],
  found: readonly (boolean | "behind" | "broken" | undefined)[] = [],
) {
  const played = { submits: 0, looks: 0, pauses: [] as number[] };
  const ledger: Pick<Ledger, "submit" | "find"> = {
    submit: () => {
      const outcome = outcomes[played.submits++];
      if (outcome === "ok") return Promise.resolve(DONE);
      const cause = outcome === "REFUSED" ? new QuanjiError("STATE_CONFLICT", "no") : undefined;
      return Promise.reject(new LedgerError(outcome ?? "UNAVAILABLE", "scripted", { txId: "ab", cause }));
    },
    find: () => {
      const valid = found[played.looks++];
      if (valid === "behind") return Promise.reject(new LedgerError("UNAVAILABLE", "not read that far"));
      if (valid === "broken") return Promise.reject(new Error("broken"));
      return Promise.resolve(valid === undefined ? undefined : { block: 7, index: 2, valid, result: "{}" });
    },
  };
  const pause = (ms: number): Promise<void> => {
    played.pauses.push(ms);
    return Promise.resolve();
  };
  const run = () => submitSurely(ledger, { name: "x:y", args: [] }, { attempts: 3, looks: 3, pause });
  return { played, run };
}

const failure = async (run: () => Promise<unknown>): Promise<QuanjiError> => {
  const error = await run().then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!isQuanjiError(error)) throw new Error("not refused with a code", { cause: error });
  return error;
};

describe("service: a transaction to its certain end", () => {
  it("is endorsed afresh after a conflict or a mismatch, with growing pauses", async () => {
    const { played, run } = script(["CONFLICT", "MISMATCH", "ok"]);
    expect(await run()).to.deep.equal(DONE);
    expect(played.submits).to.equal(3);
    expect(played.pauses).to.deep.equal([8, 16]);
  });

  it("gives up after so many conflicts: nothing was recorded", async () => {
    const error = await failure(script(["CONFLICT", "CONFLICT", "CONFLICT", "ok"]).run);
    expect([error.code, error.detail]).to.deep.equal(["NOT_RECORDED", "CONFLICT"]);
  });

  it("answers an unknown outcome only from the blocks: committed after all, and never submitted twice", async () => {
    const { played, run } = script(["UNKNOWN", "ok"], [undefined, true]);
    expect(await run()).to.deep.equal(DONE);
    expect(played.submits).to.equal(1);
  });

  it("submits again once the blocks show that the first was invalid", async () => {
    const { played, run } = script(["UNKNOWN", "ok"], [false]);
    expect(await run()).to.deep.equal(DONE);
    expect(played.submits).to.equal(2);
  });

  it("says that nobody knows, if the blocks never show it", async () => {
    const { played, run } = script(["UNKNOWN", "ok"]);
    const error = await failure(run);
    expect([error.code, error.detail, played.submits]).to.deep.equal(["NOT_RECORDED", "UNKNOWN_OUTCOME", 1]);
  });

  it("asks again a ledger that cannot say now, and leaves other faults alone", async () => {
    const { played, run } = script(["UNKNOWN"], ["behind", true]);
    expect(await run()).to.deep.equal(DONE);
    expect(played.looks).to.equal(2);
    const broken = await script(["UNKNOWN"], ["broken"])
      .run()
      .catch((error: unknown) => error);
    expect((broken as Error).message).to.equal("broken");
  });

  it("passes on what the chaincode refuses with, and does not try again", async () => {
    const { played, run } = script(["REFUSED", "ok"]);
    expect((await failure(run)).code).to.equal("STATE_CONFLICT");
    expect(played.submits).to.equal(1);
  });

  it("calls an unreachable ledger NOT_RECORDED and an unmet policy INTERNAL", async () => {
    expect((await failure(script(["UNAVAILABLE"]).run)).code).to.equal("NOT_RECORDED");
    expect((await failure(script(["POLICY"]).run)).code).to.equal("INTERNAL");
  });
});
