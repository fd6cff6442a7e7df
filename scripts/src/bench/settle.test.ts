import { parseRecord } from "@quanji/chaincode/domain";
import { expect } from "chai";
import { bookAll, mismatches } from "./settle/compare.js";
import { Month } from "./settle/month.js";
import { plainTotals } from "./settle/plain.js";
import { type Closed, exchangeSide, payerSide, type Side } from "./settle/sides.js";

const WHOLE = { nth: 0, of: 1 };
const ours = (month: Month): readonly Closed[] => exchangeSide(month, WHOLE).statements;

describe("a month of deliveries, settled", () => {
  const month = new Month(20_000, 60);

  it("is made of records that the strict decoder takes, the same from whatever end one begins", () => {
    const again = new Month(20_000, 60);
    for (let index = 0; index < 500; index++) {
      const record = parseRecord(month.record(index));
      expect(record.type).to.equal("delivery");
      expect(record.face.index).to.equal(index);
      expect(month.record(index)).to.deep.equal(again.record(index));
    }
  });

  it("agrees on both sides, in parts too, and with a count that knows of no record; the books sum to 0", () => {
    const exchange = ours(month);
    const parts: Side[] = [0, 1, 2].map((nth) => payerSide(month, { nth, of: 3 }));
    const payer = parts.flatMap(({ statements }) => statements);
    expect(exchange).to.have.length(60);
    expect(mismatches(exchange, payer, plainTotals(month))).to.equal(0);
    expect(bookAll(exchange, month.contracts).left).to.equal(0n);
    const kinds = new Set(exchange.flatMap(({ lines }) => lines.map(({ kind }) => kind)));
    expect([...kinds].sort()).to.deep.equal(["discount", "free", "minimum", "tier"]);
    expect(exchange.some(({ suspense }) => suspense > 0n)).to.equal(true);
  });

  it("does not agree where one side has a delivery less, another price, or another share", () => {
    const exchange = ours(month);
    const plain = plainTotals(month);
    const changed = (change: (closed: Closed) => Closed): number =>
      mismatches(
        exchange,
        exchange.map((closed) => (closed.contract === 7 ? change(closed) : closed)),
        plain,
      );
    expect(changed((closed) => closed)).to.equal(0);
    expect(changed((closed) => ({ ...closed, total: closed.total + 1n }))).to.equal(1);
    expect(changed((closed) => ({ ...closed, lines: closed.lines.slice(1) }))).to.be.greaterThan(0);
    expect(changed((closed) => ({ ...closed, portions: closed.portions.toReversed() }))).to.equal(1);
    expect(mismatches(exchange, exchange.slice(1), plain)).to.be.greaterThan(0);
    expect(mismatches(exchange, exchange, plain.with(3, 0n))).to.equal(1);
    expect(mismatches(exchange, ours(new Month(19_999, 60)), plain)).to.be.greaterThan(0);
  });
});
