/**
 * Weights of a split that records tell. A node of the split whose grants had no deliveries in the month takes those of another
 * month, by rule: the first later one that tells them; once the contract is over and none will come any more, the last earlier
 * one; where no month ever told them, equal parts. Nobody chooses, and no order of commands leads to another division.
 */
import { QuanjiError } from "../errors.js";
import { sumOf } from "../money/amount.js";
import { byParty, divide, type Split } from "../money/split.js";
import { type Contract, endOf, type Payees } from "./contract.js";
import { monthOf } from "./period.js";
import { divided, type Divided, type Statement, type Weights } from "./settlement.js";

type Measured = Weights["measured"];

/** Grants that a contract's payees are weighed by, sorted. */
export function grantsOf(payees: Payees): string[] {
  const found = new Set<string>();
  const visit = ({ shares }: Payees): void => {
    for (const { weight, to } of shares) {
      if (typeof weight !== "number") found.add(weight.grant);
      if (typeof to !== "string") visit(to);
    }
  };
  visit(payees);
  return [...found].sort();
}

const weigh = ({ shares }: Payees, measured: Measured): bigint[] =>
  shares.map(({ weight }) =>
    BigInt(
      typeof weight === "number" ? weight : (measured.find(({ grant }) => grant === weight.grant)?.deliveries ?? 0),
    ),
  );

/** Whether all grants of the node were measured, and one of them weighs: what a month says of some is not said of all. */
const tells = (node: Payees, measured: Measured): boolean =>
  node.shares.every(
    ({ weight }) => typeof weight === "number" || measured.some(({ grant }) => grant === weight.grant),
  ) && sumOf(weigh(node, measured)) > 0n;

/**
 * The split of a month, its weights known: each node's are those of the first that tells them, of the month's own and what was
 * assigned.
 */
export function splitOf(payees: Payees, measured: Measured, assigned: readonly Weights[] = []): Split {
  const { carveOuts, shares } = payees;
  const found = assigned.find((each) => tells(payees, each.measured));
  const weights = weigh(payees, found === undefined || tells(payees, measured) ? measured : found.measured);
  return {
    ...(carveOuts !== undefined && { carveOuts }),
    shares: shares.map(({ to }, at) => ({
      weight: weights[at] ?? 0n,
      to: typeof to === "string" ? to : splitOf(to, measured, assigned),
    })),
  };
}

type Weighed = Pick<Statement, "period" | "measured" | "adjustments">;

/** An amount of the month, divided by its weights and by those that were assigned so far. */
export function dividedFor(statement: Weighed, payees: Payees, amount: bigint): Divided {
  const { portions, suspense } = divide(amount, splitOf(payees, statement.measured, assignedOf(statement)));
  return divided(amount, portions, suspense);
}

const assignedOf = ({ period, adjustments }: Pick<Weighed, "period" | "adjustments">): readonly Weights[] =>
  inOrder(
    period,
    adjustments.flatMap(({ weights = [] }) => weights),
  );

/** Later months first, the nearest first; then earlier ones, the nearest first; then equal parts. */
function inOrder(month: string, all: readonly Weights[]): readonly Weights[] {
  const rank = ({ period }: Weights): number => (period === undefined ? 2 : period > month ? 0 : 1);
  return [...all].sort((a, b) => {
    const [first = "", second = ""] = [a.period, b.period];
    if (rank(a) !== rank(b)) return rank(a) - rank(b);
    return first === second ? 0 : first > second === (rank(a) === 0) ? 1 : -1;
  });
}

/**
 * What the idle nodes of a month's split take, and what was not taken before.
 * @param others the contract's other closed statements
 * Errors: STATE_CONFLICT: no node is without weights; EVIDENCE_MISSING: none that is is told its weights yet.
 */
export function weightsFor(
  statement: Weighed,
  payees: Payees,
  {
    contract,
    others,
    timeZone,
  }: { readonly contract: Contract; readonly others: readonly Weighed[]; readonly timeZone: string },
): readonly Weights[] {
  const { period } = statement;
  const grants = grantsOf(payees);
  const end = endOf(contract);
  const last = end === undefined ? undefined : monthOf(end - 1, timeZone);
  const isOver = [statement, ...others].some((each) => each.period === last);
  const months = others
    .filter((each) => isOver || each.period > period)
    .map(({ period: of, measured }) => ({
      period: of,
      measured: measured
        .filter(({ grant }) => grants.includes(grant))
        .map(({ grant, deliveries }) => ({ grant, deliveries })),
    }));
  const equal: Weights = { measured: grants.map((grant) => ({ grant, deliveries: 1 })) };
  const taken = new Set<Weights>();
  const isIdle = take(payees, statement.measured, inOrder(period, isOver ? [...months, equal] : months), taken);
  const before = assignedOf(statement).map((each) => each.period);
  const added = [...taken].filter((each) => !before.includes(each.period));
  if (added.length > 0) return inOrder(period, added);
  throw isIdle
    ? new QuanjiError(
        "EVIDENCE_MISSING",
        "no month closed after it has deliveries under the grants that weigh here: wait for one, or for the contract's end",
        { field: "weights" },
      )
    : new QuanjiError("STATE_CONFLICT", "nothing of the statement waits for weights", { field: "weights" });
}

/** Collects which of the candidates the nodes take that money reaches. True: a node is left that none tells. */
function take(node: Payees, own: Measured, candidates: readonly Weights[], taken: Set<Weights>): boolean {
  const found = tells(node, own) ? undefined : candidates.find(({ measured }) => tells(node, measured));
  const weights = weigh(node, found?.measured ?? own);
  if (sumOf(weights) === 0n) return true;
  if (found !== undefined) taken.add(found);
  return node.shares
    .map(({ to }, at) => typeof to !== "string" && weights[at] !== 0n && take(to, own, candidates, taken))
    .includes(true);
}

/**
 * What new weights make of the statement's amount and of each adjustment by itself, less what these were divided into: portions of
 * the nodes that had none, against suspense. Sums to 0.
 */
export function assignment(statement: Statement, payees: Payees, added: readonly Weights[]): Divided {
  const { measured, period } = statement;
  const before = assignedOf(statement);
  const [old, now] = [
    splitOf(payees, measured, before),
    splitOf(payees, measured, inOrder(period, [...before, ...added])),
  ];
  const sums = new Map<string, bigint>();
  let suspense = 0n;
  const add = (split: Split, amount: bigint, sign: bigint): void => {
    const made = divide(amount, split);
    for (const [party, part] of byParty(made.portions)) sums.set(party, (sums.get(party) ?? 0n) + sign * part);
    suspense += sign * made.suspense;
  };
  for (const amount of [statement, ...statement.adjustments].map((each) => BigInt(each.amount))) {
    add(now, amount, 1n);
    add(old, amount, -1n);
  }
  const portions = [...sums].flatMap(([party, amount]) => (amount === 0n ? [] : [{ party, amount }]));
  return divided(0n, portions, suspense);
}
