import { expect } from "chai";
import { digestsLast } from "./run.js";

const DIGEST = `-hZ${"A".repeat(40)}`;

describe("cli: digests that begin as an option does", () => {
  it("are operands, wherever they stand", () => {
    expect(digestsLast(["receipt", "get", DIGEST, "--json"])).to.deep.equal(["receipt", "get", "--json", "--", DIGEST]);
    expect(digestsLast(["order", "seal", "a", DIGEST, "--until", "x"])).to.deep.equal([
      "order",
      "seal",
      "a",
      "--until",
      "x",
      "--",
      DIGEST,
    ]);
  });

  it("are values behind an option, and what stands behind -- is left alone", () => {
    for (const argv of [
      ["invoice", "settle", "--payment", DIGEST],
      ["receipt", "get", "--", DIGEST],
      ["receipt", "get", "-x"],
      ["receipt", "get", DIGEST.slice(1)],
    ]) {
      expect(digestsLast(argv)).to.deep.equal(argv);
    }
  });
});
