import { expect } from "chai";
import fc from "fast-check";
import { candidatesOf } from "./logs.js";

const own = [0, 1, 2].map((n) => `quanji.test/city/gw/${n}`);
const [A = "", B = "", C = ""] = own;
const FOREIGN = "quanji.test/city/other/0";
type Grant = Parameters<typeof candidatesOf>[0];
const grant = (id: string, logs: readonly string[], quota?: Grant["terms"]["quota"]): Grant => ({
  id,
  logs,
  terms: {
    actions: ["query"],
    purposes: ["p.q"],
    fields: ["day"],
    window: { from: "2026-01-01T00:00:00.000Z", until: "2027-01-01T00:00:00.000Z" },
    environments: ["api"],
    jurisdictions: ["CN"],
    lawfulBasis: "contract",
    onStop: "stop",
    ...(quota !== undefined && { quota }),
  },
});
const quota = (...shares: readonly (readonly [string, number])[]): NonNullable<Grant["terms"]["quota"]> => ({
  unit: "call",
  n: 10,
  per: "P1D",
  ...(shares.length > 0 && { allotted: shares.map(([log, n]) => ({ log, n })) }),
});

describe("which log an access goes into", () => {
  it("one of the grant's, always the same, if it has no quota; many grants spread over all", () => {
    fc.assert(
      fc.property(fc.uuid(), (id) => {
        const chosen = candidatesOf(grant(id, own), own);
        expect(chosen).to.have.length(1);
        expect(candidatesOf(grant(id, own), own)).to.deep.equal(chosen);
      }),
    );
    const ids = Array.from({ length: 200 }, (_, i) => `0b0f2c52-6d0e-4a4e-9b0a-${String(i).padStart(12, "0")}`);
    expect(new Set(ids.flatMap((id) => candidatesOf(grant(id, own), own)))).to.deep.equal(new Set(own));
  });

  it("those in which its quota has a share, and the first alone without an allotment", () => {
    expect(candidatesOf(grant("g", [B, A], quota()), own)).to.deep.equal([B]);
    expect(candidatesOf(grant("g", own, quota([A, 3], [C, 1], [B, 0])), own)).to.deep.equal([A, C]);
  });

  it("never another gateway's, and one of its own where only others have a share: the denial is recorded", () => {
    expect(candidatesOf(grant("g", [FOREIGN, B]), own)).to.deep.equal([B]);
    expect(candidatesOf(grant("g", [FOREIGN, B], quota([FOREIGN, 10])), own)).to.deep.equal([B]);
    expect(candidatesOf(grant("g", [FOREIGN]), own)).to.deep.equal([]);
  });
});
