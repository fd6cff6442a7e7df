import { expect } from "chai";
import {
  hiding,
  later,
  lines,
  NOBODY,
  nothing,
  omitted,
  omittedAt,
  ON_SUBJECTS,
  order,
  prepareSubjects,
  shown,
  TAGS,
  until,
  withBulk,
  world,
} from "./attacks-subject.support.test.js";
import { verifyTrail } from "./index.js";
import { LOG, PARTIES, sealed } from "./support.test.js";

describe("a data subject's trail over two quarters", () => {
  before(prepareSubjects);
  const trust = () => world.trust({}, world.nowMs + 10 * 86_400_000);
  const verdictOn = async (text: readonly unknown[]) => verifyTrail(sealed(text), await trust());

  it("is whole, and says whose tags it is of and through when", async () => {
    const verdict = await verdictOn(lines);
    expect(verdict, JSON.stringify(verdict)).to.include({ ok: true, records: 7, permitted: 3, denied: 1 });
    expect(verdict.of).to.deep.equal({ kind: "subject", id: PARTIES.bureau.id, tags: TAGS, bulk: false });
    expect(verdict.completeThrough).to.be.a("string");
  });

  it("has bulk uses where they are asked for", async () => {
    expect(await verdictOn(withBulk)).to.include({ ok: true, records: 8, permitted: 4 });
  });

  it("proves that there is nothing", async () => {
    const verdict = await verdictOn(nothing);
    expect(verdict, JSON.stringify(verdict)).to.include({ ok: true, records: 0 });
    expect(verdict.of).to.deep.include({ tags: NOBODY });
  });

  it("begins on a later day with the index before it, and shows nothing of what that one is of", async () => {
    const verdict = await verdictOn(later);
    expect(verdict, JSON.stringify(verdict)).to.include({ ok: true, records: 2, permitted: 1 });
  });

  it("counts what an order seals, and shows it when the order is lifted", async () => {
    const verdict = await verdictOn(hiding);
    expect(verdict, JSON.stringify(verdict)).to.include({ ok: true, records: 10, permitted: 3 });
    const facts = { order, authority: "inspectorate", by: PARTIES.regulator.id, until, entries: 3 };
    expect(verdict.sealed).to.deep.equal([facts]);
    expect(await verdictOn(shown))
      .to.include({ ok: true, records: 10, permitted: 4 })
      .and.not.to.have.property("sealed");
  });

  it("an index that leaves a record out is true to itself, and refused beside the receipt", async () => {
    expect(await verdictOn(omitted)).to.include({ ok: true });
    const receipts = [await world.receiptPayload(LOG, omittedAt)];
    const verdict = await verifyTrail(sealed(omitted), await trust(), { receipts });
    expect(verdict).to.include({ ok: false, detail: "RECEIPT_NOT_IN_TRAIL" });
  });

  for (const [name, detail, make] of ON_SUBJECTS) {
    it(`${name} → ${detail}`, async () => {
      expect(await verifyTrail(await make(), await trust())).to.include({ ok: false, detail });
    });
  }
});
