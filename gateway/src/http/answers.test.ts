import { QuanjiError } from "@quanji/chaincode/domain";
import { expect } from "chai";
import { LedgerError } from "../ledger/ledger.js";
import { problemOf, toQuanjiError } from "./answers.js";

describe("what a caller is told of an error", () => {
  it("is the error's own code, where it has one", () => {
    const error = new QuanjiError("NOT_FOUND", "no such thing");
    expect(toQuanjiError(error)).to.equal(error);
  });

  it("is to ask again, where the ledger cannot be reached", () => {
    const cause = new LedgerError("UNAVAILABLE", "peer0 at 10.0.0.7 is gone");
    const problem = problemOf(toQuanjiError(cause));
    expect(problem).to.include({ status: 503, code: "BEHIND", reason: "UNAVAILABLE" });
    expect(JSON.stringify(problem)).not.to.include("10.0.0.7");
  });

  it("is nothing of what went wrong inside", () => {
    for (const error of [new LedgerError("POLICY", "secret"), new Error("secret"), "secret"]) {
      const problem = problemOf(toQuanjiError(error));
      expect(problem).to.include({ status: 500, code: "INTERNAL" });
      expect(JSON.stringify(problem)).not.to.include("secret");
    }
  });
});
