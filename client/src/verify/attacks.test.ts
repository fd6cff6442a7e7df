import { expect } from "chai";
import { ATTACKS, prepareAttacks, untouched, verdictOn } from "./attacks.support.test.js";

describe("attacks as files", () => {
  before(prepareAttacks);

  it("what they begin from verifies", async () => {
    for (const [name, exhibit] of await untouched()) expect(await verdictOn(exhibit), name).to.equal("ok");
  });

  it("have names of their own", () => {
    const names = ATTACKS.map(({ name, on }) => `${on} ${name}`);
    expect(names.filter((name, i) => names.indexOf(name) !== i)).to.deep.equal([]);
  });

  for (const { name, on, expected, exhibit } of ATTACKS) {
    it(`${on}: ${name}: ${expected}`, async () => expect(await verdictOn(await exhibit())).to.equal(expected));
  }
});
