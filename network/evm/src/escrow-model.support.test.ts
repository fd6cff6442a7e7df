/** The escrow's rules once more, without a chain: what each call must come to, and what must stand there afterwards. */
import type { Claim, Portion, Resolution, Terms } from "./escrow.js";
import { dealOf, totalOf } from "./escrow.js";
import type { ClaimState } from "./escrow-refusals.js";

/** How a list of signatures is made; all but `good` are refused. */
export type Signing = "good" | "few" | "twice" | "stranger" | "other";

interface DealModel {
  readonly terms: Terms;
  free: bigint;
  arrived: bigint;
  cancelled: boolean;
}

interface ClaimModel {
  readonly claim: Claim;
  readonly total: bigint;
  state: ClaimState;
  end: number;
  reason: string;
}

/** Signatures of something else come from addresses that nobody knows, in an order that nobody knows. */
const SIGNING: Readonly<Record<Signing, readonly string[]>> = {
  good: ["taken"],
  few: ["SignaturesMissing"],
  twice: ["SignerOrder"],
  stranger: ["NotSigner"],
  other: ["NotSigner", "SignerOrder"],
};

const NONE = `0x${"00".repeat(32)}`;
const sum = (amounts: Iterable<bigint>): bigint => [...amounts].reduce((a, b) => a + b, 0n);

export class Model {
  readonly deals = new Map<string, DealModel>();
  readonly claims = new Map<string, ClaimModel>();
  readonly revisions = new Map<string, number>();
  readonly balances = new Map<string, bigint>();
  readonly held = new Map<string, bigint>();
  readonly donated = new Map<string, bigint>();
  readonly #arrives: (token: string, amount: bigint) => bigint;

  /** `arrives`: what a token lets arrive of an amount. */
  constructor(arrives: (token: string, amount: bigint) => bigint) {
    this.#arrives = arrives;
  }

  open(now: number, who: string, terms: Terms): readonly string[] {
    const deal = dealOf(terms);
    if (who !== terms.payer) return ["NotPayer"];
    if (terms.limit === 0n || terms.unit === 0n) return ["AmountMissing"];
    if (terms.expires <= now) return ["TimeInvalid"];
    if (this.deals.has(deal)) return ["DealKnown"];
    this.deals.set(deal, { terms, free: 0n, arrived: 0n, cancelled: false });
    return ["taken"];
  }

  lock(now: number, who: string, deal: string, amount: bigint): readonly string[] {
    const row = this.#live(now, deal);
    if (typeof row === "string") return [row];
    const { token, limit, payer } = row.terms;
    if (who !== payer) return ["NotPayer"];
    if (amount > limit - row.arrived) return ["OverLimit"];
    const arrived = this.#arrives(token, amount);
    if (arrived === 0n) return ["NothingArrived"];
    row.arrived += arrived;
    row.free += arrived;
    add(this.held, token, arrived);
    return ["taken"];
  }

  claim(now: number, claim: Claim, signing: Signing): readonly string[] {
    const row = this.#live(now, claim.deal);
    if (typeof row === "string") return [row];
    const [key, period] = [keyOf(claim), `${claim.deal}/${claim.period}`];
    if (this.claims.has(key)) return ["StatementKnown"];
    if (claim.revision < (this.revisions.get(period) ?? 0)) return ["RevisionKnown"];
    if (claim.portions.length === 0) return ["PortionCount"];
    const total = totalOf(claim.portions);
    if (total > row.free) return ["OverFree"];
    if (signing !== "good") return SIGNING[signing];
    this.revisions.set(period, claim.revision + 1);
    row.free -= total;
    const end = now + row.terms.disputeSeconds;
    this.claims.set(key, { claim, total, state: "pending", end, reason: NONE });
    return ["taken"];
  }

  dispute(now: number, who: string, deal: string, root: string, reason: string): readonly string[] {
    const found = this.#inState(deal, root, "pending");
    if (typeof found === "string") return [found];
    const { row, claim } = found;
    if (who !== row.terms.payer) return ["NotPayer"];
    if (now >= claim.end) return ["WindowOver"];
    if (reason === NONE) return ["ReasonMissing"];
    claim.state = "disputed";
    claim.end = Math.max(row.terms.expires, now) + row.terms.disputeSeconds;
    claim.reason = reason;
    return ["taken"];
  }

  resolve(now: number, what: Resolution, signing: Signing): readonly string[] {
    const found = this.#inState(what.deal, what.root, "disputed");
    if (typeof found === "string") return [found];
    const { row, claim } = found;
    if (now >= claim.end) return ["WindowOver"];
    const paid = totalOf(what.portions);
    if (paid > claim.total) return ["OverClaim"];
    // Signatures for another reason are of something else, however they were put together; only their number shows first.
    if (what.reason !== claim.reason) return SIGNING[signing === "few" ? "few" : "other"];
    if (signing !== "good") return SIGNING[signing];
    claim.state = "resolved";
    for (const { payee, amount } of what.portions) this.#credit(row, payee, amount);
    this.#credit(row, row.terms.payer, claim.total - paid);
    return ["taken"];
  }

  lapse(now: number, deal: string, root: string): readonly string[] {
    const found = this.#inState(deal, root, "disputed");
    if (typeof found === "string") return [found];
    const { row, claim } = found;
    if (now < claim.end) return ["WindowOpen"];
    claim.state = "lapsed";
    this.#credit(row, row.terms.payer, claim.total);
    return ["taken"];
  }

  settle(now: number, deal: string, root: string, portions: readonly Portion[]): readonly string[] {
    const found = this.#inState(deal, root, "pending");
    if (typeof found === "string") return [found];
    const { row, claim } = found;
    if (now < claim.end) return ["WindowOpen"];
    if (!same(portions, claim.claim.portions)) return ["PortionsUnknown"];
    claim.state = "settled";
    for (const { payee, amount } of portions) this.#credit(row, payee, amount);
    return ["taken"];
  }

  cancel(now: number, deal: string): readonly string[] {
    const row = this.deals.get(deal);
    if (row === undefined) return ["DealUnknown"];
    if (row.cancelled) return ["DealCancelled"];
    if (now < row.terms.expires) return ["NotExpired"];
    this.#credit(row, row.terms.payer, row.free);
    row.free = 0n;
    row.cancelled = true;
    return ["taken"];
  }

  withdraw(who: string, token: string, amount: bigint): readonly string[] {
    const balance = this.balances.get(`${token}/${who}`) ?? 0n;
    if (amount === 0n) return ["AmountMissing"];
    if (amount > balance) return ["OverBalance"];
    this.balances.set(`${token}/${who}`, balance - amount);
    add(this.held, token, -amount);
    return ["taken"];
  }

  donate(token: string, amount: bigint): void {
    add(this.donated, token, this.#arrives(token, amount));
  }

  /** What the books of a token must come to: free, claimed and in balances. */
  booked(token: string): bigint {
    const deals = [...this.deals.values()].filter(({ terms }) => terms.token === token);
    const claims = [...this.claims.values()].filter(
      ({ claim, state }) =>
        this.deals.get(claim.deal)?.terms.token === token && (state === "pending" || state === "disputed"),
    );
    const balances = [...this.balances].filter(([key]) => key.startsWith(token)).map(([, amount]) => amount);
    return sum(deals.map(({ free }) => free)) + sum(claims.map(({ total }) => total)) + sum(balances);
  }

  #live(now: number, deal: string): DealModel | string {
    const row = this.deals.get(deal);
    if (row === undefined) return "DealUnknown";
    if (row.cancelled) return "DealCancelled";
    return now >= row.terms.expires ? "Expired" : row;
  }

  #inState(deal: string, root: string, state: ClaimState): { row: DealModel; claim: ClaimModel } | string {
    const row = this.deals.get(deal);
    if (row === undefined) return "DealUnknown";
    const claim = this.claims.get(keyOf({ deal, root }));
    return claim?.state === state ? { row, claim } : "StateInvalid";
  }

  #credit({ terms }: DealModel, account: string, amount: bigint): void {
    add(this.balances, `${terms.token}/${account}`, amount);
  }
}

export const keyOf = ({ deal, root }: { readonly deal: string; readonly root: string }): string => `${deal}/${root}`;

const same = (a: readonly Portion[], b: readonly Portion[]): boolean =>
  a.length === b.length && a.every(({ payee, amount }, i) => payee === b[i]?.payee && amount === b[i].amount);

function add(map: Map<string, bigint>, key: string, amount: bigint): void {
  map.set(key, (map.get(key) ?? 0n) + amount);
}
