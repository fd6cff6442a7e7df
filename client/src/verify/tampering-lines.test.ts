/** Line by line: each case is refused with the code that owns it. */
import { expect } from "chai";
import { ON_LINES } from "./attacks-lines.support.test.js";
import { lines, prepare, table, verdictOf } from "./tampering.support.test.js";

describe("a trail that was tampered with", () => {
  before(prepare);

  it("untouched it verifies", async () => expect(await verdictOf(lines)).to.equal("ok"));

  describe("line by line", () => table(ON_LINES));
});
