import { readFileSync } from "node:fs";
import { expect } from "chai";
import { ETHEREUM_FILE, ethereumText } from "./ethereum.js";

describe("test/vectors/ethereum.json", () => {
  it("is what this implementation makes today: a difference is a change of format", async () => {
    expect(await ethereumText()).to.equal(readFileSync(ETHEREUM_FILE, "utf8"));
  });
});
