import { expect } from "chai";
import fc from "fast-check";
import { sha256Utf8 } from "../../log/hash.js";
import { isQuanjiError } from "../errors.js";
import {
  adjustment,
  apportion,
  Amount,
  Books,
  byContribution,
  byParty,
  defaultSplit,
  divide,
  type Entry,
  entryOf,
  heldBack,
  type Metered,
  nextAllowed,
  reckon,
  reversalOf,
  rounded,
  type Split,
  StatementFold,
  sumOf,
  Tariff,
  tierAmount,
  tiersAboveCap,
} from "./index.js";

const LOG = "quanji.example/city/log/a";
const FROM = "2026-03-01T00:00:00.000Z";

const delivery = (index: number, rest: Partial<Metered> = {}): Metered => ({
  log: LOG,
  index,
  leaf: sha256Utf8(`${rest.log ?? LOG}#${index}`),
  purpose: "navigation",
  quantity: 0n,
  ...rest,
});
const deliveries = (n: number, rest: Partial<Metered> = {}, from = 0): Metered[] =>
  Array.from({ length: n }, (_, at) => delivery(from + at, rest));

const tariff = (rest: Partial<Tariff>): Tariff =>
  Tariff.parse({ unit: "call", currency: "CNY", tiers: [{ amount: "37", per: 1 }], from: FROM, ...rest });

const LATER = { isFirst: false } as const;
const refusal = (code: string, act: () => unknown): void => {
  let thrown: unknown;
  try {
    act();
  } catch (error) {
    thrown = error;
  }
  expect(isQuanjiError(thrown) ? thrown.code : thrown).to.equal(code);
};

/** S1, S5 and S7 of the acceptance stories. */
const ROUTE = tariff({
  tiers: [
    { upTo: 500, amount: "80", per: 10 },
    { amount: "50", per: 10 },
  ],
});
const SCENES = tariff({
  tiers: [
    { upTo: 10, amount: "128888", per: 1 },
    { upTo: 50, amount: "110999", per: 1 },
    { amount: "95001", per: 1 },
  ],
});
const PLOTS = tariff({ freePurposes: ["disaster.warning"] });

describe("money: amounts", () => {
  it("have one spelling each, beyond 2^53 too", () => {
    for (const text of ["0", "1", "-1", "9007199254740993", "-30000000001"]) expect(Amount.parse(text)).to.equal(text);
    for (const text of ["", "-0", "00", "01", "+1", "1.0", "1e3", " 1", "1".repeat(31)]) {
      expect(Amount.safeParse(text).success, text).to.equal(false);
    }
  });

  it("round halves away from zero, so a reversal is exact", () => {
    expect([rounded(5n, 2n), rounded(-5n, 2n), rounded(4n, 3n), rounded(0n, 7n)]).to.deep.equal([3n, -3n, 1n, 0n]);
  });
});

describe("money: apportion", () => {
  it("gives every unit to somebody, ties in listed order", () => {
    expect(apportion(6_515n, [4n, 3n, 3n])).to.deep.equal([2_606n, 1_955n, 1_954n]);
    expect(apportion(6_393_847n, [4n, 3n, 3n])).to.deep.equal([2_557_539n, 1_918_154n, 1_918_154n]);
    expect(apportion(1n, [4n, 3n, 3n])).to.deep.equal([1n, 0n, 0n]);
  });

  it("of a debt is the negated split of its amount", () => {
    expect(apportion(-95_001n, [4n, 3n, 3n])).to.deep.equal([-38_001n, -28_500n, -28_500n]);
  });

  it("lands on the total, is never more than one unit off the exact part, and keeps weightless shares at 0", () => {
    fc.assert(
      fc.property(
        fc.bigInt(-(10n ** 25n), 10n ** 25n),
        fc.array(fc.bigInt(0n, 10n ** 12n), { minLength: 1, maxLength: 12 }).filter((all) => sumOf(all) > 0n),
        (total, weights) => {
          const whole = sumOf(weights);
          const shares = apportion(total, weights);
          expect(sumOf(shares)).to.equal(total);
          for (const [at, share] of shares.entries()) {
            const off = share * whole - total * (weights[at] ?? 0n);
            expect(off < whole && off > -whole, "one unit").to.equal(true);
            if (weights[at] === 0n) expect(share).to.equal(0n);
          }
        },
      ),
    );
  });

  it("refuses weights that say nothing", () => {
    for (const weights of [[], [0n], [0n, 0n], [-1n, 2n]]) refusal("MALFORMED", () => apportion(1n, weights));
  });
});

describe("money: tariffs", () => {
  it("price each bracket by itself", () => {
    const { lines, total } = reckon(ROUTE, deliveries(1_003), LATER);
    expect(lines.map(({ amount }) => amount)).to.deep.equal(["4000", "2515"]);
    expect(total).to.equal(6_515n);
    expect(reckon(SCENES, deliveries(57), LATER).lines.map(({ amount }) => amount)).to.deep.equal([
      "1288880",
      "4439960",
      "665007",
    ]);
    expect(reckon(SCENES, deliveries(13), LATER).total).to.equal(1_621_877n);
  });

  it("cross a tier at the right unit", () => {
    for (const [n, total] of [
      [10, 1_288_880n],
      [11, 1_399_879n],
      [50, 5_728_840n],
      [51, 5_823_841n],
    ] as const) {
      expect(reckon(SCENES, deliveries(n), LATER).total, String(n)).to.equal(total);
    }
  });

  it("list free purposes at 0, outside the tiers' counts", () => {
    const use = [...deliveries(2_347), ...deliveries(411, { purpose: "disaster.warning" }, 2_347)];
    const { lines, total } = reckon(PLOTS, use, LATER);
    expect(total).to.equal(86_839n);
    expect(lines[1]).to.include({ kind: "free", quantity: "411", amount: "0", deliveries: 411 });
  });

  it("split a delivery whose rows cross a tier, and name it under both", () => {
    const rows = tariff({
      unit: "row",
      tiers: [
        { upTo: 100, amount: "3", per: 1 },
        { amount: "1", per: 1 },
      ],
    });
    const use = [delivery(0, { quantity: 90n }), delivery(1, { quantity: 30n }), delivery(2, { quantity: 0n })];
    const { lines, total } = reckon(rows, use, LATER);
    expect(lines.map((line) => "quantity" in line && [line.quantity, line.deliveries])).to.deep.equal([
      ["100", 2],
      ["20", 2],
    ]);
    expect(total).to.equal(320n);
  });

  it("by period and by product ask once, and name the use all the same", () => {
    const period = tariff({ unit: "period", tiers: [{ amount: "500000", per: 1 }] });
    expect(reckon(period, deliveries(3), LATER)).to.deep.include({ total: 500_000n });
    expect(reckon(period, [], LATER).total).to.equal(500_000n);
    const product = tariff({ unit: "product", tiers: [{ amount: "500000", per: 1 }] });
    expect(reckon(product, deliveries(3), { isFirst: true }).total).to.equal(500_000n);
    const later = reckon(product, deliveries(3), LATER);
    expect(later.total).to.equal(0n);
    expect(later.lines[0]).to.include({ quantity: "0", deliveries: 3 });
  });

  it("take a discount, then a minimum, then what performance holds back", () => {
    const all = tariff({
      tiers: [{ amount: "100", per: 1 }],
      discountBps: 1_000,
      minimum: "1000",
      performance: { indicator: "uptime.bps", none: 9_000, full: 10_000, heldBps: 2_000 },
    });
    const measured = { isFirst: false, indicator: { indicator: "uptime.bps", value: "9750" } };
    const { lines, total } = reckon(all, deliveries(10), measured);
    expect(lines.map(({ kind, amount }) => [kind, amount])).to.deep.equal([
      ["tier", "1000"],
      ["discount", "-100"],
      ["minimum", "100"],
      ["performance", "-50"],
    ]);
    expect(total).to.equal(950n);
    refusal("EVIDENCE_MISSING", () => reckon(all, [], LATER));
    refusal("EVIDENCE_MISSING", () => reckon(all, [], { ...LATER, indicator: { indicator: "other", value: "1" } }));
  });

  it("hold back all at `none` and below, nothing at `full` and above", () => {
    const terms = { indicator: "uptime", none: -5, full: 5, heldBps: 10_000 };
    expect([-9n, -5n, 0n, 5n, 9n].map((value) => heldBack(terms, value, 100n))).to.deep.equal([
      100n,
      100n,
      50n,
      0n,
      0n,
    ]);
  });

  it("are refused where tiers do not rise, or the last one ends", () => {
    const tier = (upTo?: number) => ({ ...(upTo === undefined ? {} : { upTo }), amount: "1", per: 1 });
    for (const tiers of [[], [tier(5)], [tier(), tier()], [tier(5), tier(5), tier()], [tier(9), tier(5), tier()]]) {
      expect(Tariff.safeParse({ ...PLOTS, tiers }).success, JSON.stringify(tiers)).to.equal(false);
    }
  });

  it("are compared with a cap exactly", () => {
    expect(tiersAboveCap(SCENES, "128888")).to.deep.equal([]);
    expect(tiersAboveCap(SCENES, "128887")).to.deep.equal([0]);
    expect(tiersAboveCap(ROUTE, "7")).to.deep.equal([0]); // 80 for 10 is 8 each
    expect(tiersAboveCap(ROUTE, "8")).to.deep.equal([]);
  });

  it("cost q·amount/per rounded, whatever the size", () => {
    fc.assert(
      fc.property(
        fc.bigInt(0n, 10n ** 20n),
        fc.bigInt(0n, 10n ** 9n),
        fc.integer({ min: 1, max: 10 ** 6 }),
        (q, a, per) => {
          const off = tierAmount({ amount: String(a), per }, q) * BigInt(per) - q * a;
          expect(2n * off <= BigInt(per) && 2n * off > -BigInt(per)).to.equal(true);
        },
      ),
    );
  });
});

describe("money: statements", () => {
  const use = [...deliveries(700, { purpose: "disaster.warning" }), ...deliveries(2_347, {}, 700)].map((each, at) =>
    at % 3 === 0 ? { ...each, log: `${LOG}b` } : each,
  );

  it("are the same bytes in whatever order deliveries come", () => {
    const want = reckon(ROUTE, use, LATER);
    fc.assert(
      fc.property(fc.shuffledSubarray(use, { minLength: use.length }), (shuffled) => {
        expect(reckon(ROUTE, shuffled, LATER)).to.deep.equal(want);
      }),
      { numRuns: 20 },
    );
  });

  it("name other evidence when one record is another one, or is missing, though the total stays", () => {
    const free = tariff({ tiers: [{ amount: "0", per: 1 }] });
    const roots = (list: readonly Metered[]) =>
      reckon(free, list, LATER).lines.map((line) => "root" in line && line.root);
    const [first, ...rest] = use;
    expect(roots([{ ...first!, leaf: sha256Utf8("another") }, ...rest])).to.not.deep.equal(roots(use));
    expect(roots(rest)).to.not.deep.equal(roots(use));
  });

  it("count nothing twice, and nothing behind what is counted", () => {
    const fold = new StatementFold(PLOTS);
    fold.add(delivery(7));
    refusal("EVIDENCE_MISSING", () => {
      fold.add(delivery(7));
    });
    refusal("EVIDENCE_MISSING", () => {
      fold.add(delivery(6));
    });
    refusal("EVIDENCE_MISSING", () => {
      fold.add(delivery(8, { log: "quanji.example/city/log/0" }));
    });
    refusal("EVIDENCE_MISSING", () => reckon(PLOTS, [delivery(1), delivery(1)], LATER));
    refusal("MALFORMED", () => reckon(tariff({ unit: "row" }), [delivery(1, { quantity: -1n })], LATER));
  });

  it("cost the same whether a payer cuts its use into rows or not, but for rounding of none", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 30 }), (rows) => {
        const byRow = tariff({ unit: "row", tiers: ROUTE.tiers });
        const cut = rows.map((n, at) => delivery(at, { quantity: BigInt(n) }));
        const whole = delivery(0, { quantity: sumOf(rows.map(BigInt)) });
        expect(reckon(byRow, cut, LATER).total).to.equal(reckon(byRow, [whole], LATER).total);
      }),
    );
  });

  it("are adjusted by what they would be without the deliveries taken back", () => {
    const packages = deliveries(57);
    expect(adjustment(SCENES, packages, [delivery(3)], LATER)).to.equal(-95_001n);
    expect(adjustment(PLOTS, deliveries(2_347), deliveries(47, {}, 90), LATER)).to.equal(-1_739n);
    refusal("EVIDENCE_MISSING", () => adjustment(SCENES, packages, [delivery(57)], LATER));
  });
});

describe("money: allowed revenue", () => {
  it("carries an excess into the next period, and corrects it with the adjustment", () => {
    expect(nextAllowed(80_000n, { allowed: 80_000n, revenue: 86_839n })).to.deep.equal({
      allowed: 73_161n,
      carried: 0n,
    });
    expect(nextAllowed(80_000n, { allowed: 80_000n, revenue: 85_100n }).allowed).to.equal(74_900n);
    expect(nextAllowed(80_000n, { allowed: 80_000n, revenue: 10n }).allowed).to.equal(80_000n);
  });

  it("goes below 0 in no period: what is over goes on", () => {
    const next = nextAllowed(80_000n, { allowed: 80_000n, revenue: 250_000n });
    expect(next).to.deep.equal({ allowed: 0n, carried: 90_000n });
    expect(nextAllowed(80_000n, { allowed: 0n, revenue: 0n }, next.carried)).to.deep.equal({
      allowed: 0n,
      carried: 10_000n,
    });
  });
});

describe("money: splits", () => {
  const CITY: Split = { ...defaultSplit("CDMB", "CDDG", "CDPF"), carveOuts: [{ party: "CDFN", bps: 500 }] };
  const amounts = (total: bigint, split: Split) => divide(total, split).portions.map(({ amount }) => amount);

  it("take carve-outs first", () => {
    expect(amounts(86_839n, CITY)).to.deep.equal([4_342n, 32_999n, 24_749n, 24_749n]);
    expect(amounts(-1_739n, CITY)).to.deep.equal([-87n, -661n, -496n, -495n]);
    expect(amounts(0n, CITY)).to.deep.equal([0n, 0n, 0n, 0n]);
    expect(amounts(1n, CITY)).to.deep.equal([0n, 1n, 0n, 0n]);
    expect(amounts(7n, CITY)).to.deep.equal([0n, 3n, 2n, 2n]);
    expect(amounts(30_000_000_001n, CITY)).to.deep.equal([
      1_500_000_000n,
      11_400_000_001n,
      8_550_000_000n,
      8_550_000_000n,
    ]);
  });

  it("conserve every total from 0 to 10,000", () => {
    for (let total = 0n; total <= 10_000n; total++) expect(sumOf(amounts(total, CITY))).to.equal(total);
  });

  it("go down chains, by measured contribution, and keep in suspense what has no weight", () => {
    const split: Split = {
      shares: [
        {
          weight: 1n,
          to: byContribution(
            new Map([
              ["b", 1n],
              ["a", 2n],
            ]),
          ),
        },
        { weight: 1n, to: { shares: [] } },
      ],
    };
    expect(divide(100n, split)).to.deep.equal({
      portions: [
        { party: "a", amount: 33n },
        { party: "b", amount: 17n },
      ],
      suspense: 50n,
    });
    expect(divide(-3n, { shares: [{ weight: 0n, to: "a" }] })).to.deep.equal({ portions: [], suspense: -3n });
  });

  it("conserve, keep the total's sign, and end, whatever their shape", () => {
    const { split } = fc.letrec<{ split: Split; to: string | Split }>((tie) => ({
      to: fc.oneof({ maxDepth: 4 }, fc.constantFrom("a", "b", "c"), tie("split")),
      split: fc.record({
        carveOuts: fc.array(fc.record({ party: fc.constantFrom("f", "g"), bps: fc.integer({ min: 1, max: 9_999 }) }), {
          maxLength: 2,
        }),
        shares: fc.array(fc.record({ weight: fc.bigInt(0n, 1_000n), to: tie("to") }), { maxLength: 4 }),
      }),
    }));
    fc.assert(
      fc.property(fc.bigInt(-(10n ** 20n), 10n ** 20n), split, (total, shape) => {
        const { portions, suspense } = divide(total, shape);
        expect(sumOf(byParty(portions).values()) + suspense).to.equal(total);
        for (const part of [suspense, ...portions.map(({ amount }) => amount)])
          expect(part * total >= 0n).to.equal(true);
      }),
    );
  });

  it("that never end are refused", () => {
    const shares: { weight: bigint; to: Split }[] = [];
    const loop: Split = { shares };
    shares.push({ weight: 1n, to: loop });
    refusal("MALFORMED", () => divide(1n, loop));
  });
});

describe("money: books", () => {
  const entry = (id: string, amount: bigint, period = "2026-03"): Entry =>
    entryOf(
      { id, period, of: "statement/1" },
      "CNY",
      "payer",
      new Map([
        ["party/a", amount],
        ["suspense/c", 3n],
      ]),
    );

  it("hold what parties are owed, and net each to one transfer", () => {
    const books = new Books();
    books.post(entry("1", 100n));
    books.post(entryOf({ id: "2", period: "2026-03", of: "statement/2" }, "CNY", "a", new Map([["party/payer", 40n]])));
    expect(books.balances("CNY")).to.deep.equal([
      ["party/a", 60n],
      ["party/payer", -63n],
      ["suspense/c", 3n],
    ]);
    expect(books.transfers("CNY")).to.deep.equal([
      { party: "a", currency: "CNY", amount: 60n },
      { party: "payer", currency: "CNY", amount: -63n },
    ]);
    expect(books.balance("party/a", "EUR")).to.equal(0n);
  });

  it("are brought back to 0 by a reversal", () => {
    const books = new Books();
    const first = entry("1", 100n);
    books.post(first);
    books.post(reversalOf(first, { id: "1r", period: "2026-04", of: "credit/1" }));
    expect(books.balances("CNY")).to.deep.equal([]);
  });

  it("take no entry that does not sum to 0 in each currency, none twice, and none in a closed period", () => {
    const books = new Books();
    const mixed: Entry = {
      id: "1",
      period: "2026-03",
      of: "x",
      postings: [
        { account: "party/a", currency: "CNY", amount: "1" },
        { account: "party/b", currency: "EUR", amount: "-1" },
      ],
    };
    refusal("TOTAL_MISMATCH", () => {
      books.post(mixed);
    });
    expect(books.balances("CNY")).to.deep.equal([]);
    books.post(entry("1", 1n));
    refusal("STATE_CONFLICT", () => {
      books.post(entry("1", 1n));
    });
    books.close("2026-03");
    refusal("STATE_CONFLICT", () => {
      books.post(entry("2", 1n));
    });
    refusal("STATE_CONFLICT", () => {
      books.close("2026-03");
    });
    books.post(entry("3", 1n, "2026-04"));
  });

  it("conserve: after a million random postings all accounts sum to 0, in each currency", () => {
    const books = new Books();
    const currencies = ["CNY", "EUR", "USD"];
    let seed = 1;
    const draw = (below: number): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fff_ffff;
      return (seed >>> 8) % below;
    };
    let postings = 0;
    for (let id = 0; postings < 1_000_000; id++) {
      const currency = currencies[draw(3)] ?? "CNY";
      const total = BigInt(draw(2_000_000) - 1_000_000);
      const shares = apportion(total, [1n + BigInt(draw(9)), BigInt(draw(9)), BigInt(draw(9))]);
      const owed = new Map(shares.map((amount, at) => [`party/p${draw(7) * 3 + at}`, amount]));
      const next = entryOf({ id: String(id), period: "2026-03", of: "x" }, currency, `p${draw(21)}`, owed);
      postings += next.postings.length;
      books.post(next);
    }
    for (const currency of currencies) {
      expect(sumOf(books.balances(currency).map(([, balance]) => balance))).to.equal(0n);
      expect(sumOf(books.transfers(currency).map(({ amount }) => amount))).to.equal(0n);
    }
  });
});
