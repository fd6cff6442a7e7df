import { expect } from "chai";
import fc from "fast-check";
import { byParty, divide } from "../money/split.js";
import type { Contract, Payees } from "./contract.js";
import type { Adjustment, Statement, Weights } from "./settlement.js";
import { assignment, dividedFor, splitOf, weightsFor } from "./weights.js";

const GRANTS = ["a", "b", "c"];
const MONTHS = ["2026-02", "2026-03", "2026-04", "2026-05", "2026-06"];
const OF = "2026-03";

/** A contract of which only its end matters here: it runs out with the last of {@link MONTHS}, or long after. */
const contractUntil = (until: string): Contract =>
  ({ versions: [{ version: 1, from: "2026-02-01T00:00:00.000Z", terms: { until } }] }) as unknown as Contract;
const ENDING = contractUntil("2026-06-20T00:00:00.000Z");
const RUNNING = contractUntil("2030-01-01T00:00:00.000Z");

const party = fc.constantFrom("p", "q", "r", "s");
const grant = fc.constantFrom(...GRANTS).map((id) => ({ grant: id }));
const leaf: fc.Arbitrary<Payees> = fc.record({
  shares: fc.array(fc.record({ weight: grant, to: party }), { minLength: 1, maxLength: 3 }),
});
const payees: fc.Arbitrary<Payees> = fc.record({
  carveOuts: fc.constantFrom(undefined, [{ party: "city", bps: 333 }]),
  shares: fc.array(fc.record({ weight: fc.oneof(fc.integer({ min: 1, max: 9 }), grant), to: fc.oneof(party, leaf) }), {
    minLength: 1,
    maxLength: 4,
  }),
});
const counts = fc.array(fc.nat(3), { minLength: 3, maxLength: 3 });
const measuredOf = (deliveries: readonly number[]): Statement["measured"] =>
  GRANTS.map((id, at) => ({ grant: id, deliveries: deliveries[at] ?? 0, root: "" }));

const statementOf = (period: string, deliveries: readonly number[]): Statement =>
  ({ period, measured: measuredOf(deliveries), amount: "0", portions: [], suspense: "0", adjustments: [] }) as never;

interface Step {
  readonly assigns: boolean;
  readonly amount: bigint;
  /** How many months are closed by then. */
  readonly closed: number;
}

/** As the ledger does it, and nothing where it refuses. */
function play(split: Payees, first: Statement, months: readonly Statement[], steps: readonly Step[], of: Contract) {
  let statement = first;
  const add = (made: Partial<Adjustment>): void => {
    statement = { ...statement, adjustments: [...statement.adjustments, made as Adjustment] };
  };
  for (const { assigns, amount, closed } of steps) {
    if (!assigns) {
      add(dividedFor(statement, split, amount));
      continue;
    }
    const others = months.slice(0, closed).filter(({ period }) => period !== OF);
    let weights: readonly Weights[];
    try {
      weights = weightsFor(statement, split, { contract: of, others, timeZone: "+08:00" });
    } catch (error) {
      expect((error as { code?: string }).code).to.be.oneOf(["STATE_CONFLICT", "EVIDENCE_MISSING"]);
      continue;
    }
    const made = assignment(statement, split, weights);
    expect(made.portions.reduce((sum, each) => sum + BigInt(each.amount), BigInt(made.suspense))).to.equal(0n);
    add({ ...made, weights });
  }
  return statement;
}

const sumsOf = (statement: Statement): readonly (readonly [string, bigint])[] =>
  [
    ...byParty(
      [statement, ...statement.adjustments].flatMap(({ portions, suspense }) => [
        ...portions.map((each) => ({ party: each.party, amount: BigInt(each.amount) })),
        { party: "suspense", amount: BigInt(suspense) },
      ]),
    ),
  ]
    .filter(([, amount]) => amount !== 0n)
    .sort(([a], [b]) => (a < b ? -1 : 1));

describe("weights that are assigned", () => {
  const month = fc.record({
    split: payees,
    counts: fc.array(counts, { minLength: 5, maxLength: 5 }),
    amount: fc.bigInt({ min: -10_000n, max: 10_000n }),
    steps: fc.array(
      fc.record({ assigns: fc.boolean(), amount: fc.bigInt({ min: -50n, max: 50n }), closed: fc.nat(5) }),
      { maxLength: 8 },
    ),
    isEnding: fc.boolean(),
  });
  const begun = ({ split, counts: given, amount }: { split: Payees; counts: number[][]; amount: bigint }) => {
    const months = MONTHS.map((period, at) => statementOf(period, given[at] ?? []));
    const own = months[1]!;
    return { months, first: { ...own, ...dividedFor(own, split, amount) } };
  };
  /** Months close in order, and never fewer of them. */
  const inTime = (steps: readonly Step[]): Step[] => {
    let closed = 2;
    return steps.map((step) => ({ ...step, closed: (closed = Math.max(closed, step.closed)) }));
  };
  const LAST: Step = { assigns: true, amount: 0n, closed: 5 };

  it("when and in how many steps makes no difference: all is as if they had been known from the first", () => {
    let assigned = 0;
    fc.assert(
      fc.property(month, ({ split, steps, isEnding, ...given }) => {
        const { months, first } = begun({ split, ...given });
        const contract = isEnding ? ENDING : RUNNING;
        const stepwise = play(split, first, months, [...inTime(steps), LAST], contract);
        const atOnce = play(split, first, months, [...steps.filter(({ assigns }) => !assigns), LAST], contract);
        expect(sumsOf(stepwise)).to.deep.equal(sumsOf(atOnce));
        const weights = stepwise.adjustments.flatMap((each) => each.weights ?? []);
        if (weights.length > 0) assigned++;
        const ordered = splitOf(
          split,
          first.measured,
          atOnce.adjustments.flatMap((each) => each.weights ?? []),
        );
        const known = [first, ...stepwise.adjustments].flatMap(({ amount = "0" }) => {
          const { portions, suspense } = divide(BigInt(amount), ordered);
          return [...portions, { party: "suspense", amount: suspense }];
        });
        expect(sumsOf(stepwise)).to.deep.equal(
          [...byParty(known)].filter(([, sum]) => sum !== 0n).sort(([a], [b]) => (a < b ? -1 : 1)),
        );
        // A contract that is over leaves nothing waiting.
        if (isEnding) expect(sumsOf(stepwise).some(([name]) => name === "suspense")).to.equal(false);
      }),
      { numRuns: 2_000 },
    );
    expect(assigned).to.be.greaterThan(200);
  });

  it("each node takes the first later month that tells it, and keeps what it had", () => {
    const node = (...of: string[]): Payees => ({ shares: of.map((id) => ({ weight: { grant: id }, to: id })) });
    const split: Payees = {
      shares: [
        { weight: 1, to: node("a", "b") },
        { weight: 1, to: node("b", "c") },
      ],
    };
    const months = [
      [9, 9, 9],
      [0, 0, 4],
      [0, 0, 7],
      [0, 2, 0],
      [5, 5, 5],
    ].map((deliveries, at) => statementOf(MONTHS[at]!, deliveries));
    const first = months[1]!;
    const taken = weightsFor(first, split, { contract: RUNNING, others: months, timeZone: "+08:00" });
    expect(taken.map(({ period }) => period)).to.deep.equal(["2026-05"]);
    const now = splitOf(split, first.measured, taken);
    expect(now.shares.map(({ to }) => (to as typeof now).shares.map(({ weight }) => weight))).to.deep.equal([
      [0n, 2n],
      [0n, 4n],
    ]);
  });
});
