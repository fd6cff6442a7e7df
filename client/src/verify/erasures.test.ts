import { canonical } from "@quanji/chaincode/log";
import { expect } from "chai";
import {
  at,
  lines,
  ON_ERASED,
  ON_ERASED_RECEIPTS,
  prepareErasures,
  receiptOf,
  world,
} from "./attacks-erasure.support.test.js";
import { verifyReceipt, verifyTrail } from "./index.js";
import { LOG, PARTIES, RESOURCE, sealed } from "./support.test.js";

describe("G8 what was erased", () => {
  before(prepareErasures);

  it("leaves the trail whole; the verdict names the commands, who gave them and when", async () => {
    const verdict = await verifyTrail(sealed(lines), await world.trust());
    expect(verdict).to.include({ ok: true, records: 4, permitted: 3 });
    expect(verdict.erased?.map(({ by, fields, basis }) => [by, fields, basis])).to.deep.equal([
      [PARTIES.insurer.id, 1, "retention"],
      [PARTIES.bureau.id, 1, "retention"],
    ]);
  });

  it("is not asked for where the trail opens no more than its own links", async () => {
    const plain = await world.trail("resource", RESOURCE);
    expect(await verifyTrail(plain, await world.trust()))
      .to.include({ ok: true })
      .and.not.to.have.property("erased");
  });

  it("leaves a receipt whole, old or new", async () => {
    const verdict = await verifyReceipt(await receiptOf(), await world.trust());
    expect(verdict).to.include({ ok: true });
    expect(verdict.erased).to.have.length(1);
    const old = canonical(await world.receipt(LOG, at.whole), { maxBytes: 1 << 18, maxDepth: 4 });
    expect(await verifyReceipt(old, await world.trust()))
      .to.include({ ok: true })
      .and.not.to.have.property("erased");
  });

  for (const [name, detail, make] of ON_ERASED) {
    it(`trail: ${name} → ${detail}`, async () => {
      expect(await verifyTrail(await make(), await world.trust())).to.include({ ok: false, detail });
    });
  }
  for (const [name, detail, make] of ON_ERASED_RECEIPTS) {
    it(`receipt: ${name} → ${detail}`, async () => {
      expect(await verifyReceipt(await make(), await world.trust())).to.include({ ok: false, detail });
    });
  }
});
