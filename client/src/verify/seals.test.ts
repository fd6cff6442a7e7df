import { expect } from "chai";
import {
  grantLines,
  HIDDEN,
  lines,
  ON_SEALS,
  openTrail,
  order,
  prepareSeals,
  until,
  world,
} from "./attacks-seal.support.test.js";
import { verifyTrail } from "./index.js";
import { PARTIES, sealed } from "./support.test.js";

describe("entries that an order seals", () => {
  before(prepareSeals);
  const trust = () => world.trust({}, world.nowMs + 2 * 86_400_000);

  it("are counted, and the verdict says how many, until when and by whose authority", async () => {
    const verdict = await verifyTrail(sealed(lines), await trust());
    expect(verdict, JSON.stringify(verdict)).to.include({ ok: true, records: 6, permitted: 2 });
    const facts = { order, authority: "inspectorate", by: PARTIES.regulator.id, until, entries: HIDDEN.length };
    expect(verdict.sealed).to.deep.equal([facts]);
  });

  it("leave the same trail when they are shown again", async () => {
    const verdict = await verifyTrail(sealed(openTrail()), await trust());
    expect(verdict).to.include({ ok: true, records: 6, permitted: 3 }).and.not.to.have.property("sealed");
  });

  it("make a grant's uses uncountable, which the verdict says", async () => {
    const verdict = await verifyTrail(sealed(grantLines), await trust());
    expect(verdict, JSON.stringify(verdict)).to.include({ ok: true, permitted: 2 });
    expect(verdict.attested).to.include("quota");
  });

  for (const [name, detail, make] of ON_SEALS) {
    it(`${name} → ${detail}`, async () => {
      expect(await verifyTrail(await make(), await trust())).to.include({ ok: false, detail });
    });
  }
});
