import { expect } from "chai";
import fc from "fast-check";
import { decodeBatch, encodeBatch, linesOf, recordOf } from "./batch.js";
import type { StoredBatch } from "./stored.js";

const record = fc.record({ face: fc.string(), body: fc.string({ unit: "binary" }), links: fc.constant({}) });

describe("stored batches", () => {
  it("come back whole, and each record alone", () => {
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 6 }), fc.nat(), (records, first) => {
        const batch: StoredBatch = { v: "quanji.batch.v1", log: "n/g/0", first, records, salt: "s" };
        const text = encodeBatch(batch);
        expect(decodeBatch(text)).to.deep.equal(batch);
        expect(linesOf(text).map(recordOf)).to.deep.equal(records);
      }),
    );
  });
});
