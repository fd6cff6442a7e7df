import { readFileSync } from "node:fs";
import { expect } from "chai";
import { OUR_FILE, ourText } from "./ours.js";

describe("test/vectors/ours.json", () => {
  it("is what this implementation makes today: a difference is a change of format", async () => {
    expect(await ourText()).to.equal(readFileSync(OUR_FILE, "utf8"));
  });
});
