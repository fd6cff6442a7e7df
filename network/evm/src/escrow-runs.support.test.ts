/**
 * Random sequences of all calls of the escrow, by anybody, on a real EVM; after each call what stands there is compared
 * with a model, and what must hold whatever the model says is looked at by itself.
 */
import { expect } from "chai";
import fc from "fast-check";
import { type Claim, dealOf, type Portion, type Terms } from "./escrow.js";
import { keyOf, Model, type Signing } from "./escrow-model.support.test.js";
import { type ClaimState, STATES } from "./escrow-refusals.js";
import {
  addressOf,
  claimArgs,
  hash,
  type Outcome,
  resolveArgs,
  signaturesOf,
  SIGNERS,
  type Stage,
  termsOf,
  type TokenName,
} from "./escrow.support.test.js";

const NAMES = ["GoodToken", "SilentToken", "FeeToken", "HookToken"] as const satisfies readonly TokenName[];
const PEOPLE = ["payer", "seller", "exchange", "stranger"].map(addressOf);
const DEALS = 3;
/** Names of deals, since making one takes longer than a call. */
const deals = new WeakMap<Terms, string>();
function idOf(terms: Terms): string {
  const id = deals.get(terms) ?? dealOf(terms);
  deals.set(terms, id);
  return id;
}
const NONE = `0x${"00".repeat(32)}`;

const signing = fc.oneof(
  { weight: 9, arbitrary: fc.constant<Signing>("good") },
  { weight: 2, arbitrary: fc.constantFrom<Signing>("few", "twice", "stranger", "other") },
);
const signers = fc.constantFrom([0, 1], [0, 2], [1, 2], [0, 1, 2]);
const portion = fc.record({ payee: fc.nat(4), units: fc.integer({ min: 1, max: 12 }) });
const portions = fc.oneof(
  { weight: 8, arbitrary: fc.array(portion, { minLength: 1, maxLength: 3 }) },
  { weight: 1, arbitrary: fc.constant([]) },
);
/** Place of a deal; the last is one that was never opened. */
const deal = fc.oneof({ weight: 12, arbitrary: fc.nat(DEALS - 1) }, { weight: 1, arbitrary: fc.constant(DEALS) });
/** Which of those that fit, if any does; and seldom one that does not. */
const which = fc.nat(5);
const right = fc.oneof({ weight: 6, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) });

const step = fc.oneof(
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("open" as const), deal, right }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("lock" as const), deal, right, amount: fc.nat(900) }) },
  {
    weight: 7,
    arbitrary: fc.record({
      kind: fc.constant("claim" as const),
      deal,
      which,
      fresh: right,
      period: fc.nat(2),
      later: fc.constantFrom(0, 0, 0, 0, 1, -1),
      portions,
      signing,
      signers,
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("dispute" as const), which, fits: right, right }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("resolve" as const),
      which,
      fits: right,
      portions,
      signing,
      signers,
      right,
    }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("settle" as const), which, fits: right, right, ripe: right }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("lapse" as const), which, fits: right, ripe: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("cancel" as const), deal, ripe: fc.nat(4) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("withdraw" as const),
      which,
      who: fc.nat(4),
      token: fc.nat(3),
      fits: right,
      part: fc.constantFrom(0, 1, 2, 2, 3),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("donate" as const), token: fc.nat(3), amount: fc.nat(50) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("arm" as const),
      what: fc.constantFrom("withdraw", "lock", "settle", "cancel", "open" as const),
      deal,
      late: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("wait" as const), seconds: fc.constantFrom(5, 30, 100) }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const plan = fc.record({
  deals: fc.array(
    fc.record({
      token: fc.constantFrom(0, 1, 2, 3, 3),
      hooked: fc.boolean(),
      threshold: fc.constantFrom(1, 2, 2),
      disputeSeconds: fc.constantFrom(0, 25, 90),
      lasts: fc.constantFrom(200, 700, 1500),
      locked: fc.integer({ min: 500, max: 2500 }),
    }),
    { minLength: DEALS, maxLength: DEALS },
  ),
  steps: fc.array(step, { minLength: 30, maxLength: 50, size: "max" }),
});
type Plan = typeof plan extends fc.Arbitrary<infer T> ? T : never;

export interface Tally {
  runs: number;
  calls: number;
  readonly taken: Map<string, number>;
  refused: number;
  /** Calls that a token made from within a move. */
  reentries: number;
}
export const newTally = (): Tally => ({ runs: 0, calls: 0, taken: new Map(), refused: 0, reentries: 0 });

/** A contract of this code, and payers that have tokens and have approved them to it. Returns where it stands. */
export async function furnish(stage: Stage, bytecode: string): Promise<string> {
  const escrow = await stage.create(bytecode);
  await stage.fund(PEOPLE);
  for (const name of NAMES) {
    for (const payer of [addressOf("payer"), stage.tokens.HookToken.address]) {
      const { address, abi } = stage.tokens[name];
      await stage.token(name, stage.deployer.address, "mint", [payer, 10n ** 24n]);
      await stage.by(payer, address, abi.encodeFunctionData("approve", [escrow, 10n ** 20n]));
    }
  }
  await stage.token("HookToken", stage.deployer.address, "rest", []);
  await stage.audit([escrow, [], [], [], []]);
  return escrow;
}

/** `escrow`: the contract to drive. Each run begins with the chain as it was before the first. */
export const invariants = (stage: Stage, escrow: string, tally: Tally) => {
  let snapshot: unknown;
  return fc.asyncProperty(plan, async (drawn) => {
    if (snapshot !== undefined) await stage.send("evm_revert", [snapshot]);
    snapshot = await stage.send("evm_snapshot", []);
    tally.runs++;
    const run = await Run.begin(stage, escrow, tally, drawn);
    for (const one of drawn.steps) await run.step(one);
    await run.end();
  });
};

class Run {
  readonly #stage: Stage;
  readonly #escrow: string;
  readonly #tally: Tally;
  readonly #terms: Terms[] = [];
  readonly #model: Model;
  readonly #accounts: readonly string[];
  readonly #tokens: readonly string[];
  readonly #history: { name: string; args: Readonly<Record<string, unknown>> }[] = [];
  #now: number;

  private constructor(stage: Stage, escrow: string, tally: Tally, now: number) {
    this.#stage = stage;
    this.#escrow = escrow;
    this.#tally = tally;
    this.#now = now;
    this.#accounts = [...PEOPLE, stage.tokens.HookToken.address];
    this.#tokens = NAMES.map((name) => stage.tokens[name].address);
    const fee = stage.tokens.FeeToken.address;
    this.#model = new Model((token, amount) => (token === fee ? amount - amount / 10n : amount));
  }

  /** Opens the deals that are drawn and locks something in each. */
  static async begin(stage: Stage, escrow: string, tally: Tally, { deals }: Plan): Promise<Run> {
    const run = new Run(stage, escrow, tally, (await stage.now()) + 10);
    for (const [i, { token, hooked, threshold, disputeSeconds, lasts, locked }] of deals.entries()) {
      const payer = hooked ? stage.tokens.HookToken.address : addressOf("payer");
      const more = {
        payer,
        token: run.#tokens[token]!,
        threshold,
        disputeSeconds,
        limit: 5000n,
        unit: i === 1 ? 1n : 10n,
      };
      const terms = termsOf(stage, `deal ${i}`, run.#now, { ...more, expires: run.#now + lasts });
      run.#terms.push(terms);
      await run.#call("open", payer, [terms], (now) => run.#model.open(now, payer, terms));
      const [of, amount] = [idOf(terms), BigInt(locked)];
      await run.#call("lock", payer, [of, amount], (now) => run.#model.lock(now, payer, of, amount));
    }
    await run.#look();
    return run;
  }

  async step(one: Step): Promise<void> {
    const model = this.#model;
    const before = this.#history.length;
    switch (one.kind) {
      case "wait":
        this.#now += one.seconds;
        return;
      case "open": {
        const terms = this.#terms[one.deal] ?? { ...this.#terms[0]!, limit: 0n };
        const who = this.#payer(terms, one.right);
        await this.#call("open", who, [terms], (now) => model.open(now, who, terms));
        break;
      }
      case "lock": {
        const [terms, of] = this.#deal(one.deal);
        const [who, amount] = [this.#payer(terms, one.right), BigInt(one.amount)];
        await this.#call("lock", who, [of, amount], (now) => model.lock(now, who, of, amount));
        break;
      }
      case "claim": {
        const [terms, of] = this.#deal(one.deal);
        const period = `2026-1${one.period}`;
        const revision = Math.max(0, (model.revisions.get(`${of}/${period}`) ?? 0) + one.later);
        const known = [...model.claims.values()].filter((row) => row.claim.deal === of);
        const again = one.fresh ? undefined : known[one.which % known.length]?.claim.root;
        const root = again ?? hash(`statement ${model.claims.size + 6}`);
        const claim: Claim = { deal: of, root, period, revision, portions: this.#portions(terms, one.portions) };
        // Where fewer than two must sign, one signature is not too few.
        const style = one.signing === "few" && terms.threshold === 1 ? "good" : one.signing;
        const signatures = this.#sign(claim, terms, style, one.signers);
        const args = claimArgs(claim, signatures);
        await this.#call("claim", PEOPLE[3]!, args, (now) => model.claim(now, claim, style));
        break;
      }
      case "dispute": {
        const { terms, of, root } = this.#claim("pending", one);
        const [who, reason] = [this.#payer(terms, one.right), hash("reason")];
        await this.#call("dispute", who, [of, root, reason], (now) => model.dispute(now, who, of, root, reason));
        break;
      }
      case "resolve": {
        const { terms, of, root } = this.#claim("disputed", one);
        const reason = hash(one.right ? "reason" : "another reason");
        const what = { deal: of, root, reason, portions: this.#portions(terms, one.portions) };
        const style = one.signing === "few" && terms.threshold === 1 ? "good" : one.signing;
        const args = resolveArgs(what, this.#sign(what, terms, style, one.signers));
        await this.#call("resolve", PEOPLE[3]!, args, (now) => model.resolve(now, what, style));
        break;
      }
      case "settle": {
        const { of, root, portions: known, end } = this.#claim("pending", one);
        if (one.ripe) this.#waitUntil(end);
        const given = one.right ? known : known.slice(1);
        await this.#call("settle", PEOPLE[3]!, [of, root, given], (now) => model.settle(now, of, root, given));
        break;
      }
      case "lapse": {
        const { of, root, end } = this.#claim("disputed", one);
        if (one.ripe) this.#waitUntil(end);
        await this.#call("lapse", PEOPLE[3]!, [of, root], (now) => model.lapse(now, of, root));
        break;
      }
      case "cancel": {
        const [terms, of] = this.#deal(one.deal);
        if (one.ripe === 0) this.#waitUntil(terms.expires);
        await this.#call("cancel", PEOPLE[3]!, [of], (now) => model.cancel(now, of));
        break;
      }
      case "withdraw": {
        const rich = [...model.balances].filter(([, amount]) => amount > 0n).map(([key]) => key.split("/"));
        const found = one.fits ? rich[one.which % rich.length] : undefined;
        const [token, who] = (found ?? [this.#tokens[one.token], this.#accounts[one.who]]) as [string, string];
        const balance = model.balances.get(`${token}/${who}`) ?? 0n;
        const amount = [0n, balance / 2n, balance, balance + 1n][one.part]!;
        await this.#call("withdraw", who, [token, who, amount], () => model.withdraw(who, token, amount));
        break;
      }
      case "donate":
        await this.#donate(one.token, BigInt(one.amount));
        await this.#look();
        return;
      case "arm":
        await this.#arm(one);
        return;
    }
    // A call that is refused leaves nothing behind: that is the chain's own rule.
    if (this.#history.length > before) await this.#look();
  }

  /** What the events of the whole run say. */
  async end(): Promise<void> {
    const [claimed, ended, cancelled] = [new Set<string>(), new Set<string>(), new Set<string>()];
    const revisions = new Map<string, bigint>();
    for (const { name, args } of this.#history) {
      const [of, root, period] = [args["deal"], args["root"], args["period"]].map(String) as [string, string, string];
      const key = keyOf({ deal: of, root });
      if (name === "Claimed") {
        expect(claimed.has(key), "claimed twice").to.equal(false);
        expect(cancelled.has(of), "claimed after it was cancelled").to.equal(false);
        const last = revisions.get(`${of}/${period}`) ?? -1n;
        expect(BigInt(String(args["revision"])) > last, "a period's revision twice").to.equal(true);
        revisions.set(`${of}/${period}`, BigInt(String(args["revision"])));
        claimed.add(key);
      }
      if (name === "Locked") expect(cancelled.has(of), "locked after it was cancelled").to.equal(false);
      if (["Settled", "Resolved", "Lapsed"].includes(name)) {
        expect(claimed.has(key) && !ended.has(key), "paid out twice, or without a claim").to.equal(true);
        ended.add(key);
      }
      if (name === "Cancelled") cancelled.add(of);
    }
    await this.#drain();
    const { address, abi } = this.#stage.tokens.HookToken;
    const [tried, through] = [
      await this.#stage.read("tried", [], address, abi),
      await this.#stage.read("through", [], address, abi),
    ];
    this.#tally.reentries += Number(tried);
    expect(through, "a call from within a token's move went through").to.equal(0n);
  }

  /** Everybody takes out everything: nobody is kept from it, and what stays is what nobody has yet. */
  async #drain(): Promise<void> {
    for (const [key, balance] of [...this.#model.balances]) {
      if (balance === 0n) continue;
      const [token, who] = key.split("/") as [string, string];
      await this.#call("withdraw", who, [token, who, balance], () => this.#model.withdraw(who, token, balance));
    }
    await this.#look();
  }

  async #call(
    method: string,
    who: string,
    args: readonly unknown[],
    expected: (now: number) => readonly string[],
  ): Promise<Outcome> {
    const now = ++this.#now;
    const outcome = await this.#stage.call(who, method, args, now, this.#escrow);
    this.#tally.calls++;
    expect(expected(now), `${method}: ${outcome.result}`).to.include(outcome.result);
    if (outcome.result === "taken") this.#tally.taken.set(method, (this.#tally.taken.get(method) ?? 0) + 1);
    else this.#tally.refused++;
    this.#history.push(...outcome.events);
    return outcome;
  }

  /** Reads all there is and compares. */
  async #look(): Promise<void> {
    const model = this.#model;
    const [deals, claims] = [[...model.deals], [...model.claims.values()]];
    const words = await this.#stage.audit([
      this.#escrow,
      this.#tokens,
      this.#accounts,
      deals.map(([id]) => id),
      claims.map(({ claim }) => claim),
    ]);
    const take = (): bigint => words.shift()!;
    const booked = new Map<string, bigint>();
    const add = (token: string, amount: bigint) => booked.set(token, (booked.get(token) ?? 0n) + amount);
    const rows = this.#tokens.map((token) => {
      const [real, held] = [take(), take()];
      for (const account of this.#accounts) {
        const balance = take();
        expect(balance, "balance").to.equal(model.balances.get(`${token}/${account}`) ?? 0n);
        add(token, balance);
      }
      return { token, real, held };
    });
    for (const [, { terms, ...row }] of deals) {
      const [free, arrived, cancelled] = [take(), take(), take() === 1n];
      expect([free, arrived, cancelled]).to.deep.equal([row.free, row.arrived, row.cancelled]);
      expect(arrived <= terms.limit).to.equal(true);
      add(terms.token, free);
    }
    for (const row of claims) {
      const [state, total, end] = [STATES[Number(take())]!, take(), Number(take())];
      expect([state, total, end]).to.deep.equal([row.state, row.total, row.end]);
      if (["pending", "disputed"].includes(state)) add(model.deals.get(row.claim.deal)!.terms.token, total);
    }
    // As the chain has it, whatever the model says: nothing appears, nothing is lost.
    for (const { token, real, held } of rows) {
      expect(held, "books").to.equal(booked.get(token));
      expect(real - (model.donated.get(token) ?? 0n), "tokens").to.equal(held);
      expect(model.held.get(token) ?? 0n).to.equal(held);
    }
  }

  #deal(place: number): readonly [Terms, string] {
    const terms = this.#terms[place];
    return terms === undefined ? [this.#terms[0]!, hash("never opened")] : [terms, idOf(terms)];
  }

  /** A claim in that state, if there is one and one is wanted. */
  #claim(state: ClaimState, { which: place, fits }: { readonly which: number; readonly fits: boolean }) {
    const all = [...this.#model.claims.values()];
    const fitting = fits ? all.filter((row) => row.state === state) : all;
    const row = fitting[place % fitting.length];
    const found = row?.claim;
    const terms = this.#terms.find((one) => idOf(one) === found?.deal) ?? this.#terms[place % DEALS]!;
    return {
      terms,
      of: found?.deal ?? idOf(terms),
      root: found?.root ?? hash(`statement ${place}`),
      portions: found?.portions ?? [],
      end: row?.end ?? 0,
    };
  }

  /** So that the next call comes at that time, or now if it is past. */
  #waitUntil(time: number): void {
    this.#now = Math.max(this.#now, time - 1);
  }

  #payer(terms: Terms, right: boolean): string {
    return right ? terms.payer : PEOPLE[3]!;
  }

  #portions(terms: Terms, drawn: readonly { payee: number; units: number }[]): Portion[] {
    return drawn.map(({ payee, units }) => ({ payee: this.#accounts[payee]!, amount: BigInt(units) * terms.unit }));
  }

  #sign(what: Claim | Parameters<Model["resolve"]>[1], terms: Terms, style: Signing, by: readonly number[]): string[] {
    const place = { chain: this.#stage.place.chain, address: this.#escrow };
    const of = (places: readonly number[], about = what): string[] =>
      signaturesOf(
        place,
        about,
        places.map((i) => SIGNERS[i]!),
      );
    switch (style) {
      case "good":
        return of(by);
      case "few":
        return of(by.slice(0, terms.threshold - 1));
      case "twice":
        return of([...by, by.at(-1)!]);
      case "stranger":
        return of([...by.slice(0, -1), 3]);
      case "other":
        return of(by, { ...what, root: hash("something else") });
    }
  }

  /** Tokens that come without the escrow being asked: they are nobody's. */
  async #donate(place: number, amount: bigint): Promise<void> {
    const [name, token] = [NAMES[place]!, this.#tokens[place]!];
    // A hook that is armed would be called by this too, and rightly go through.
    if (name === "HookToken") return;
    await this.#stage.token(name, PEOPLE[0]!, "transfer", [this.#escrow, amount]);
    this.#model.donate(token, amount);
  }

  /** The token that calls back will do this in its next move, as the payer and payee that it is. */
  async #arm({ what, deal: place, late }: Extract<Step, { kind: "arm" }>): Promise<void> {
    const { HookToken } = this.#stage.tokens;
    const [terms, of] = this.#deal(place);
    const claim = [...this.#model.claims.values()].find(({ state }) => state === "pending")?.claim;
    const args: Readonly<Record<typeof what, readonly unknown[]>> = {
      withdraw: [HookToken.address, HookToken.address, 1n],
      lock: [of, 10n],
      settle: [claim?.deal ?? of, claim?.root ?? NONE, claim?.portions ?? []],
      cancel: [of],
      open: [{ ...terms, payer: HookToken.address, unit: 7n }],
    };
    const data = this.#stage.escrow.encodeFunctionData(what, args[what]);
    await this.#stage.token("HookToken", this.#stage.deployer.address, "arm", [this.#escrow, data, late]);
  }
}
