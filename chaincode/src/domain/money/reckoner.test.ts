import { createHash, randomUUID } from "node:crypto";
import { expect } from "chai";
import fc from "fast-check";
import type { Hash } from "../../log/hash.js";
import { expectThrow } from "../../testing/expect.js";
import type { QuanjiRecord } from "../record.js";
import { instant } from "../time.js";
import {
  Contribution,
  type Metered,
  priceLines,
  reckon,
  Reckoner,
  type ReckonerOptions,
  type StatementLine,
  TallyReview,
  type Tariff,
  totalOf,
} from "./index.js";

const LOG = "quanji.test/demo/holder/0";
const GRANT = randomUUID();
const START = Date.parse("2026-02-28T16:00:00.000Z");
const END = Date.parse("2026-03-31T16:00:00.000Z");
const SPAN = { fromMs: START, toMs: END };
const leafOf = (index: number): Hash => new Uint8Array(createHash("sha256").update(String(index)).digest()) as Hash;

const TARIFF: Tariff = {
  unit: "call",
  currency: "CNY",
  tiers: [
    { upTo: 3, amount: "80", per: 10 },
    { amount: "50", per: 10 },
  ],
  from: "2026-01-01T00:00:00.000Z",
};

interface Told {
  readonly index: number;
  readonly access?: number;
  readonly outcome?: string;
  readonly grant?: string;
  readonly timeMs?: number;
  readonly rows?: number;
  readonly bytes?: number;
  readonly purpose?: string;
  readonly log?: string;
}

const delivery = ({ index, access = index - 1, outcome = "delivered", grant = GRANT, ...rest }: Told): QuanjiRecord => {
  const { timeMs = START, rows = 1, bytes = 1, purpose = "navigation", log = LOG } = rest;
  return {
    type: "delivery",
    face: { log, index, purpose },
    body: { access, outcome, grant: `${grant}@1`, time: instant(timeMs), rows, bytes },
  } as unknown as QuanjiRecord;
};
const acceptance = (index: number, of: number, timeMs = START): QuanjiRecord =>
  ({
    type: "acceptance",
    face: { log: LOG, index },
    body: { delivery: of, time: instant(timeMs) },
  }) as unknown as QuanjiRecord;
const tally = (index: number, from: number, to: number, served: number): QuanjiRecord =>
  ({ type: "tally", face: { log: LOG, index }, body: { from, to, served } }) as unknown as QuanjiRecord;

function reckoned(records: readonly QuanjiRecord[], change: Partial<ReckonerOptions> = {}) {
  const options = { tariff: TARIFF, grant: GRANT, span: SPAN, acceptance: false, untallied: [], ...change };
  const reckoner = new Reckoner(options);
  for (const record of records) reckoner.add(record, leafOf(record.face.index));
  return reckoner.close({ isFirst: true });
}

const metered = (index: number, change: Partial<Metered> = {}): Metered => ({
  log: LOG,
  index,
  leaf: leafOf(index),
  purpose: "navigation",
  quantity: 1n,
  ...change,
});

describe("money: a month reckoned from records", () => {
  it("only what was delivered whole, under the grant, within the span", () => {
    const others = [
      delivery({ index: 10, outcome: "failed" }),
      delivery({ index: 11, outcome: "partial" }),
      delivery({ index: 12, outcome: "unknown" }),
      delivery({ index: 13, grant: randomUUID() }),
      delivery({ index: 14, timeMs: START - 1 }),
      delivery({ index: 15, timeMs: END }),
    ];
    const { lines, total, held } = reckoned([
      delivery({ index: 1 }),
      ...others,
      delivery({ index: 16, timeMs: END - 1 }),
    ]);
    expect(held).to.deep.equal([]);
    expect({ lines, total }).to.deep.equal(reckon(TARIFF, [metered(1), metered(16)], { isFirst: true }));
  });

  it("rows and bytes are counted by tariffs that count them, and nothing by those that count no use", () => {
    const records = [delivery({ index: 1, rows: 7, bytes: 900 })];
    const unit = (of: Tariff["unit"]) => reckoned(records, { tariff: { ...TARIFF, unit: of } }).lines;
    expect(unit("row").map((line) => "quantity" in line && line.quantity)).to.deep.equal(["3", "4"]);
    expect(unit("byte").map((line) => "quantity" in line && line.quantity)).to.deep.equal(["3", "897"]);
    expect(unit("period").map((line) => "quantity" in line && line.quantity)).to.deep.equal(["1"]);
  });

  it("a delivery without its acceptance in the span is held, and holds nothing else up", () => {
    const records = [
      delivery({ index: 1 }),
      delivery({ index: 3 }),
      delivery({ index: 5 }),
      acceptance(6, 5),
      acceptance(7, 1),
      delivery({ index: 9 }),
      acceptance(10, 9, END),
    ];
    const { lines, total, held } = reckoned(records, { acceptance: true });
    expect({ lines, total }).to.deep.equal(reckon(TARIFF, [metered(1), metered(5)], { isFirst: true }));
    const waiting = reckon({ ...TARIFF, tiers: [{ amount: "1", per: 1 }] }, [metered(3), metered(9)], {
      isFirst: true,
    });
    const [line] = waiting.lines;
    expect(held).to.deep.equal([
      { for: "acceptance", quantity: "2", deliveries: 2, root: line !== undefined && "root" in line ? line.root : "" },
    ]);
  });

  it("acceptances may come in any order, however late: the lines are those of the accepted", () => {
    const story = fc.uniqueArray(fc.nat(200), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(story, fc.infiniteStream(fc.boolean()), (indexes, draws) => {
        const rising = indexes.toSorted((a, b) => a - b);
        const accepted = indexes.filter(() => draws.next().value === true);
        const records = rising.map((index) => delivery({ index }));
        const words = accepted.map((of, i) => acceptance(1000 + i, of));
        const { lines, total, held } = reckoned([...records, ...words], { acceptance: true });
        const billed = rising.filter((index) => accepted.includes(index)).map((index) => metered(index));
        expect({ lines, total }).to.deep.equal(reckon(TARIFF, billed, { isFirst: true }));
        expect(held.reduce((sum, line) => sum + line.deliveries, 0)).to.equal(indexes.length - accepted.length);
      }),
    );
  });

  it("records out of order are refused", () => {
    expectThrow(() => reckoned([delivery({ index: 3 }), delivery({ index: 1 })]), "EVIDENCE_MISSING");
    expectThrow(() => reckoned([delivery({ index: 3 }), delivery({ index: 3 })]), "EVIDENCE_MISSING");
    const other = delivery({ index: 1, log: "quanji.test/demo/holder/1" });
    expectThrow(() => reckoned([other, delivery({ index: 1 })]), "EVIDENCE_MISSING");
    expect(reckoned([delivery({ index: 1 }), other]).total).to.equal(16n);
  });

  it("a grant's deliveries are counted for a weight", () => {
    const contribution = new Contribution(GRANT, SPAN);
    for (const record of [
      delivery({ index: 1 }),
      delivery({ index: 2, outcome: "failed" }),
      delivery({ index: 3, timeMs: END }),
    ]) {
      contribution.add(record, leafOf(record.face.index));
    }
    expect(contribution.measured).to.include({ grant: GRANT, deliveries: 1 });
  });
});

describe("money: the source's word", () => {
  const review = (...records: readonly QuanjiRecord[]) => {
    const tallies = new TallyReview();
    for (const record of records) tallies.add(record);
    return tallies.held();
  };
  const served = [0, 2, 4, 6].map((access) => delivery({ index: access + 1, access }));

  it("a window whose count is that of its deliveries speaks for them; another holds them, and only them", () => {
    expect(review(...served, tally(20, 0, 8, 4))).to.deep.equal([]);
    expect(review(...served, tally(20, 0, 4, 2), tally(21, 4, 8, 1))).to.deep.equal([{ log: LOG, from: 4, to: 7 }]);
    expect(review(...served, tally(20, 0, 4, 3), tally(21, 4, 8, 2))).to.deep.equal([{ log: LOG, from: 0, to: 4 }]);
  });

  it("what no tally covers is held", () => {
    expect(review(...served)).to.deep.equal([{ log: LOG, from: 0, to: 7 }]);
    expect(review(...served, tally(20, 2, 5, 2))).to.deep.equal([
      { log: LOG, from: 0, to: 2 },
      { log: LOG, from: 5, to: 7 },
    ]);
    expect(review(tally(1, 0, 1, 0))).to.deep.equal([]);
  });

  it("what broke off was served and is not billed; what failed was not served", () => {
    const records = [
      delivery({ index: 1, access: 0, outcome: "partial" }),
      delivery({ index: 3, access: 2, outcome: "failed" }),
    ];
    expect(review(...records, tally(9, 0, 4, 1))).to.deep.equal([]);
    expect(review(...records, tally(9, 0, 4, 2))).to.deep.equal([{ log: LOG, from: 0, to: 1 }]);
  });

  it("held ranges take their deliveries out of the lines", () => {
    const untallied = review(...served, tally(20, 0, 4, 2), tally(21, 4, 8, 1));
    const { lines, total, held } = reckoned(served, { untallied });
    expect({ lines, total }).to.deep.equal(reckon(TARIFF, [metered(1), metered(3)], { isFirst: true }));
    expect(held[0]).to.include({ for: "tally", deliveries: 2, quantity: "2" });
  });
});

describe("money: one price for deliveries and for quantities", () => {
  const tariffs: fc.Arbitrary<Tariff> = fc
    .record({
      unit: fc.constantFrom("call" as const, "row" as const, "byte" as const, "period" as const, "product" as const),
      ends: fc.uniqueArray(fc.integer({ min: 1, max: 40 }), { maxLength: 3 }),
      amounts: fc.array(fc.nat(1000), { minLength: 4, maxLength: 4 }),
      discount: fc.option(fc.integer({ min: 0, max: 10_000 })),
      minimum: fc.option(fc.nat(5000)),
    })
    .map(({ unit, ends, amounts, discount, minimum }) => ({
      unit,
      currency: "CNY",
      tiers: [...ends.toSorted((a, b) => a - b), undefined].map((upTo, at) => ({
        ...(upTo !== undefined && { upTo }),
        amount: String(amounts[at] ?? 1),
        per: at + 1,
      })),
      freePurposes: ["public.good"],
      ...(discount !== null && { discountBps: discount }),
      ...(minimum !== null && { minimum: String(minimum) }),
      from: "2026-01-01T00:00:00.000Z",
    }));
  const uses = fc.array(fc.record({ quantity: fc.nat(9), isFree: fc.boolean() }), { maxLength: 30 });

  it("lines made of deliveries are those that their quantities are priced to; any other amount or quantity is refused", () => {
    fc.assert(
      fc.property(tariffs, uses, fc.boolean(), fc.nat(20), (tariff, all, isFirst, at) => {
        const deliveries = all.map(({ quantity, isFree }, index) =>
          metered(index, { quantity: BigInt(quantity), purpose: isFree ? "public.good" : "navigation" }),
        );
        const { lines, total } = reckon(tariff, deliveries, { isFirst });
        expect(totalOf(tariff, lines, { isFirst })).to.equal(total);
        const charged = lines.reduce((sum, line) => sum + (line.kind === "tier" ? BigInt(line.quantity) : 0n), 0n);
        const counts = tariff.unit !== "period" && tariff.unit !== "product";
        expect(priceLines(tariff, { charged: counts ? charged : 0n, free: 0n }, { isFirst }).total).to.equal(total);
        const victim = lines[at % Math.max(1, lines.length)];
        if (victim === undefined) return;
        const cheaper = lines.map((line) =>
          line === victim ? { ...line, amount: String(BigInt(line.amount) - 1n) } : line,
        );
        expectThrow(() => totalOf(tariff, cheaper as StatementLine[], { isFirst }), "TOTAL_MISMATCH");
        const dropped = lines.filter((line) => line !== victim);
        if (victim.amount !== "0") expect(() => totalOf(tariff, dropped, { isFirst })).to.satisfy(isLess(total));
      }),
    );
  });
});

/** Without a line that costs something, the rest is refused or comes to something else. */
const isLess =
  (total: bigint) =>
  (call: () => bigint): boolean => {
    try {
      return call() !== total;
    } catch {
      return true;
    }
  };
