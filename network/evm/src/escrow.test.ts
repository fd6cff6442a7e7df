/** The escrow contract on a real EVM: every way through it, every refusal, and what each costs. */
import { expect } from "chai";
import { AbiCoder, type Result, toBeHex, type Wallet } from "ethers";
import { artifactText, compile, readArtifact } from "./compile.js";
import { type Claim, dealOf, type Portion, type Terms } from "./escrow.js";
import { REFUSAL_NAMES } from "./escrow-refusals.js";
import {
  addressOf,
  claimArgs,
  claimFor,
  hash,
  resolveArgs,
  signaturesOf,
  SIGNERS,
  Stage,
  termsOf,
  type TokenName,
  walletOf,
} from "./escrow.support.test.js";

const [PAYER, SELLER, EXCHANGE, STRANGER] = ["payer", "seller", "exchange", "stranger"].map(addressOf) as [
  string,
  string,
  string,
  string,
];
const ZERO = `0x${"00".repeat(20)}`;
const PORTIONS: readonly Portion[] = [
  { payee: SELLER, amount: 900n },
  { payee: EXCHANGE, amount: 100n },
];

describe("the escrow contract", () => {
  let stage: Stage;
  /** Of the next block, in seconds: each test says itself how much time passes. */
  let now: number;
  let made = 0;
  const met = new Set<string>();

  before(async () => {
    stage = await Stage.open();
    await stage.fund([PAYER, SELLER, EXCHANGE, STRANGER, ...SIGNERS.map(({ address }) => address)]);
    for (const name of ["GoodToken", "SilentToken", "FalseToken", "FeeToken", "HookToken"] as const) {
      await stage.provide(name, PAYER, 10n ** 18n);
    }
    now = (await stage.now()) + 1000;
  });
  after(async () => stage.close());

  /** `taken`, or what it was refused with. A second passes. */
  const call = async (from: string, method: string, ...args: readonly unknown[]): Promise<string> => {
    const { result } = await stage.call(from, method, args, ++now);
    met.add(result);
    return result;
  };
  const dealRow = async (deal: string): Promise<Record<string, unknown>> =>
    ((await stage.read("dealOf", [deal])) as Result).toObject();
  const stateOf = async ({ deal, root }: Claim): Promise<number> =>
    Number(((await stage.read("claimOf", [deal, root])) as { state: bigint }).state);
  const balanceOf = (token: string, account: string) => stage.read("balances", [token, account]) as Promise<bigint>;
  const heldAt = (name: TokenName, account: string): Promise<bigint> => {
    const { address, abi } = stage.tokens[name];
    return stage.read("balanceOf", [account], address, abi) as Promise<bigint>;
  };
  const newTerms = (more: Partial<Terms> = {}): Terms => termsOf(stage, `contract ${made++}`, now, more);
  /** An open deal with `locked` in it. */
  const newDeal = async (locked = 5000n, more: Partial<Terms> = {}): Promise<Terms> => {
    const terms = newTerms(more);
    expect(await call(PAYER, "open", terms)).to.equal("taken");
    if (locked > 0n) expect(await call(PAYER, "lock", dealOf(terms), locked)).to.equal("taken");
    return terms;
  };
  const signedBy = (claim: Claim, ...places: readonly number[]) =>
    claimArgs(
      claim,
      signaturesOf(
        stage.place,
        claim,
        places.map((i) => SIGNERS[i]!),
      ),
    );
  const claimed = async (terms: Terms, portions = PORTIONS, more: Partial<Claim> = {}): Promise<Claim> => {
    const claim = claimFor(terms, `statement ${made++}`, portions, more);
    expect(await call(STRANGER, "claim", ...signedBy(claim, 0, 2))).to.equal("taken");
    return claim;
  };
  const answer = ({ deal, root }: Claim, reason: string, portions: readonly Portion[]) => ({
    deal,
    root,
    reason,
    portions,
  });
  const signedAnswer = (what: ReturnType<typeof answer>, ...places: readonly number[]) =>
    resolveArgs(
      what,
      signaturesOf(
        stage.place,
        what,
        places.map((i) => SIGNERS[i]!),
      ),
    );

  it("is what its source compiles to", async () => {
    expect(artifactText(await compile("Escrow"))).to.equal(artifactText(await readArtifact("Escrow")));
  });

  describe("opening", () => {
    it("fixes terms under their hash, by the payer, once", async () => {
      const terms = newTerms();
      expect(await call(STRANGER, "open", terms)).to.equal("NotPayer");
      expect(await call(PAYER, "open", terms)).to.equal("taken");
      expect(await dealRow(dealOf(terms))).to.include({ free: 0n, arrived: 0n, cancelled: false });
      expect(await call(PAYER, "open", terms)).to.equal("DealKnown");
      expect(await call(PAYER, "open", { ...terms, unit: 1n })).to.equal("taken");
    });

    it("refuses terms that cannot work", async () => {
      const [a, b, c] = newTerms().signers as [string, string, string];
      const ten = 3660 * 86_400;
      const bad: readonly (readonly [string, Partial<Terms>])[] = [
        ["TokenMissing", { token: STRANGER }],
        ["AmountMissing", { limit: 0n }],
        ["AmountMissing", { unit: 0n }],
        ["ThresholdInvalid", { threshold: 0 }],
        ["ThresholdInvalid", { threshold: 4 }],
        ["ThresholdInvalid", { signers: [], threshold: 1 }],
        ["ThresholdInvalid", { signers: Array.from({ length: 17 }, (_, i) => toBeHex(i + 1, 20)) }],
        ["SignersUnordered", { signers: [a, c, b] }],
        ["SignersUnordered", { signers: [a, a, b] }],
        ["SignersUnordered", { signers: [ZERO, a, b] }],
        ["TimeInvalid", { expires: now }],
        ["TimeInvalid", { expires: now + ten + 60 }],
        ["TimeInvalid", { expires: now * 1000 }],
        ["TimeInvalid", { disputeSeconds: ten + 1 }],
      ];
      for (const [refusal, more] of bad) {
        expect(await call(PAYER, "open", newTerms(more)), JSON.stringify(Object.keys(more))).to.equal(refusal);
      }
      const signers = Array.from({ length: 16 }, (_, i) => toBeHex(i + 1, 20));
      expect(await call(PAYER, "open", newTerms({ signers, threshold: 16 }))).to.equal("taken");
    });
  });

  describe("locking", () => {
    it("takes the payer's tokens up to the limit of all that is ever locked", async () => {
      const terms = await newDeal(0n, { limit: 1000n });
      const deal = dealOf(terms);
      const before = await heldAt("GoodToken", stage.place.address);
      expect(await call(PAYER, "lock", hash("nothing"), 1n)).to.equal("DealUnknown");
      expect(await call(STRANGER, "lock", deal, 1n)).to.equal("NotPayer");
      expect(await call(PAYER, "lock", deal, 1001n)).to.equal("OverLimit");
      expect(await call(PAYER, "lock", deal, 0n)).to.equal("NothingArrived");
      expect(await call(PAYER, "lock", deal, 400n)).to.equal("taken");
      expect(await call(PAYER, "lock", deal, 600n)).to.equal("taken");
      expect(await dealRow(deal)).to.include({ free: 1000n, arrived: 1000n });
      expect(await heldAt("GoodToken", stage.place.address)).to.equal(before + 1000n);
      const claim = await claimed(terms);
      now += terms.disputeSeconds;
      expect(await call(STRANGER, "settle", claim.deal, claim.root, claim.portions)).to.equal("taken");
      expect(await call(PAYER, "lock", deal, 1n)).to.equal("OverLimit");
    });

    it("takes nothing without allowance or balance, whether a token fails or says false", async () => {
      for (const name of ["GoodToken", "SilentToken", "FalseToken"] as const) {
        const terms = newTerms({ token: stage.tokens[name].address, payer: STRANGER });
        expect(await call(STRANGER, "open", terms)).to.equal("taken");
        expect(await call(STRANGER, "lock", dealOf(terms), 5n), name).to.equal("TokenFailed");
        await stage.token(name, STRANGER, "approve", [stage.place.address, 5n]);
        expect(await call(STRANGER, "lock", dealOf(terms), 5n), name).to.equal("TokenFailed");
        await stage.token(name, STRANGER, "mint", [STRANGER, 5n]);
        expect(await call(STRANGER, "lock", dealOf(terms), 5n), name).to.equal("taken");
      }
    });

    it("takes a token's `true` or silence for success, and nothing else", async () => {
      const token = stage.tokens.FalseToken.address;
      const deal = dealOf(await newDeal(0n, { token }));
      const coder = AbiCoder.defaultAbiCoder();
      const answers: readonly (readonly [string, string])[] = [
        ["0x", "taken"],
        [coder.encode(["bool"], [true]), "taken"],
        [coder.encode(["bool", "uint256"], [true, 7n]), "taken"],
        [coder.encode(["bool"], [false]), "TokenFailed"],
        [coder.encode(["uint256"], [2n]), "TokenFailed"],
        ["0x01", "TokenFailed"],
      ];
      for (const [words, result] of answers) {
        await stage.token("FalseToken", STRANGER, "say", [words]);
        expect(await call(PAYER, "lock", deal, 10n), words).to.equal(result);
      }
      expect(await dealRow(deal)).to.include({ free: 30n });
      await stage.token("FalseToken", STRANGER, "say", [coder.encode(["bool"], [true])]);
    });

    it("counts what arrived where a token keeps a fee", async () => {
      const token = stage.tokens.FeeToken.address;
      const terms = await newDeal(1000n, { token, limit: 1000n });
      expect(await dealRow(dealOf(terms))).to.include({ free: 900n, arrived: 900n });
      expect(await call(STRANGER, "claim", ...signedBy(claimFor(terms, "all", PORTIONS), 0, 1))).to.equal("OverFree");
      expect(await call(PAYER, "lock", dealOf(terms), 110n)).to.equal("OverLimit");
      expect(await call(PAYER, "lock", dealOf(terms), 100n)).to.equal("taken");
      expect(await dealRow(dealOf(terms))).to.include({ free: 990n, arrived: 990n });
    });

    it("ends when the deal expires", async () => {
      const terms = await newDeal(0n);
      now = terms.expires - 2;
      expect(await call(PAYER, "lock", dealOf(terms), 1n)).to.equal("taken");
      expect(await call(PAYER, "lock", dealOf(terms), 1n)).to.equal("Expired");
    });
  });

  describe("claiming", () => {
    it("needs m of n signatures, and holds the money back until the window is over", async () => {
      const terms = await newDeal(5000n);
      const claim = await claimed(terms);
      const { address: token } = stage.tokens.GoodToken;
      expect(await dealRow(claim.deal)).to.include({ free: 4000n });
      const [seller, exchange] = [await balanceOf(token, SELLER), await balanceOf(token, EXCHANGE)];
      const settle = ["settle", claim.deal, claim.root, claim.portions] as const;
      now += terms.disputeSeconds - 2;
      expect(await call(STRANGER, ...settle)).to.equal("WindowOpen");
      expect(await call(STRANGER, "settle", claim.deal, claim.root, PORTIONS.toReversed())).to.equal("PortionsUnknown");
      expect(await call(STRANGER, ...settle)).to.equal("taken");
      expect(await balanceOf(token, SELLER)).to.equal(seller + 900n);
      expect(await balanceOf(token, EXCHANGE)).to.equal(exchange + 100n);
      expect(await call(STRANGER, ...settle)).to.equal("StateInvalid");
      expect(await stateOf(claim)).to.equal(3);
    });

    it("takes each statement once, and of a period each revision that is higher than the last", async () => {
      const terms = await newDeal(9000n);
      const first = await claimed(terms);
      expect(await call(STRANGER, "claim", ...signedBy(first, 0, 2))).to.equal("StatementKnown");
      expect(await call(STRANGER, "claim", ...signedBy({ ...first, period: "2026-11" }, 0, 2))).to.equal(
        "StatementKnown",
      );
      const other = claimFor(terms, "other", PORTIONS);
      expect(await call(STRANGER, "claim", ...signedBy(other, 0, 2))).to.equal("RevisionKnown");
      await claimed(terms, PORTIONS, { revision: 2 });
      for (const revision of [0, 1, 2]) {
        expect(await call(STRANGER, "claim", ...signedBy({ ...other, revision }, 0, 2))).to.equal("RevisionKnown");
      }
      await claimed(terms, PORTIONS, { revision: 0xffffffff });
      expect(await call(STRANGER, "claim", ...signedBy({ ...other, revision: 0xffffffff }, 0, 2))).to.equal(
        "RevisionKnown",
      );
      await claimed(terms, PORTIONS, { period: "2026-11" });
      // Another deal has the same statement for its own.
      const twin = await newDeal(1000n);
      expect(await call(STRANGER, "claim", ...signedBy({ ...first, deal: dealOf(twin) }, 0, 2))).to.equal("taken");
    });

    it("refuses what the deal does not cover", async () => {
      const terms = await newDeal(1000n);
      const refused = async (portions: readonly Portion[]): Promise<string> =>
        call(STRANGER, "claim", ...signedBy(claimFor(terms, `refused ${made++}`, portions), 0, 1));
      expect(await refused([...PORTIONS, { payee: SELLER, amount: 10n }])).to.equal("OverFree");
      expect(await refused([])).to.equal("PortionCount");
      expect(await refused([{ payee: ZERO, amount: 10n }])).to.equal("PortionInvalid");
      expect(await refused([{ payee: stage.place.address, amount: 10n }])).to.equal("PortionInvalid");
      expect(await refused([{ payee: SELLER, amount: 0n }])).to.equal("PortionInvalid");
      expect(await refused([{ payee: SELLER, amount: 15n }])).to.equal("PortionInvalid");
      const most = ((2n ** 128n - 1n) / 10n) * 10n;
      expect(await refused(Array.from({ length: 64 }, () => ({ payee: SELLER, amount: most })))).to.equal("OverFree");
      expect(await refused(Array.from({ length: 65 }, () => ({ payee: SELLER, amount: 10n })))).to.equal(
        "PortionCount",
      );
      const unknown = { ...claimFor(terms, "unknown", PORTIONS), deal: hash("nothing") };
      expect(await call(STRANGER, "claim", ...signedBy(unknown, 0, 1))).to.equal("DealUnknown");
      expect(await dealRow(dealOf(terms))).to.include({ free: 1000n });
      expect(await refused(PORTIONS)).to.equal("taken");
    });

    it("settles as many portions as it takes", async () => {
      const terms = await newDeal(640n);
      const portions = Array.from({ length: 64 }, (_, i) => ({ payee: toBeHex(0x1000 + i, 20), amount: 10n }));
      const claim = await claimed(terms, portions);
      now += terms.disputeSeconds;
      const { result, gas } = await stage.call(STRANGER, "settle", [claim.deal, claim.root, portions], ++now);
      expect(result).to.equal("taken");
      expect(gas).to.be.lessThan(3_000_000);
    });

    it("ends when the deal expires or is cancelled; what was claimed before goes on", async () => {
      const terms = await newDeal(5000n);
      now = terms.expires - 2;
      const last = await claimed(terms);
      const next = claimFor(terms, "late", PORTIONS, { period: "2026-11" });
      expect(await call(STRANGER, "claim", ...signedBy(next, 0, 1))).to.equal("Expired");
      const before = await balanceOf(terms.token, PAYER);
      expect(await call(STRANGER, "cancel", hash("nothing"))).to.equal("DealUnknown");
      expect(await call(STRANGER, "cancel", last.deal)).to.equal("taken");
      expect(await balanceOf(terms.token, PAYER)).to.equal(before + 4000n);
      expect(await call(STRANGER, "claim", ...signedBy(next, 0, 1))).to.equal("DealCancelled");
      expect(await call(PAYER, "lock", last.deal, 1n)).to.equal("DealCancelled");
      expect(await call(STRANGER, "cancel", last.deal)).to.equal("DealCancelled");
      now += terms.disputeSeconds;
      expect(await call(STRANGER, "settle", last.deal, last.root, PORTIONS)).to.equal("taken");
    });
  });

  describe("signatures", () => {
    let terms: Terms;
    let claim: Claim;
    before(async () => {
      terms = await newDeal(5000n);
      claim = claimFor(terms, "signed", PORTIONS);
    });
    const withSignatures = (signatures: readonly string[]) => call(STRANGER, "claim", ...claimArgs(claim, signatures));
    const of = (what: Claim, ...wallets: readonly Wallet[]) => signaturesOf(stage.place, what, wallets);
    const ours = (...places: readonly number[]) => of(claim, ...places.map((i) => SIGNERS[i]!));

    it("too few, repeated, unordered and strangers' are refused", async () => {
      const [a, b, c] = ours(0, 1, 2) as [string, string, string];
      expect(await withSignatures([])).to.equal("SignaturesMissing");
      expect(await withSignatures([b])).to.equal("SignaturesMissing");
      expect(await withSignatures([b, b])).to.equal("SignerOrder");
      expect(await withSignatures([a, b, b])).to.equal("SignerOrder");
      expect(await withSignatures([b, a])).to.equal("SignerOrder");
      expect(await withSignatures(ours(0, 3))).to.equal("NotSigner");
      expect(await withSignatures(ours(0, 1, 3))).to.equal("NotSigner");
      expect(await withSignatures(of(claim, SIGNERS[0]!, walletOf("payer")))).to.equal("NotSigner");
      expect(await withSignatures([a, b, c, c])).to.equal("SignerOrder");
    });

    it("the other form of a signature (high s), other lengths, other v and none at all are refused", async () => {
      const [a, b] = ours(0, 1) as [string, string];
      const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
      const s = order - BigInt(`0x${b.slice(66, 130)}`);
      const v = b.slice(130) === "1b" ? "1c" : "1b";
      const twin = `${b.slice(0, 66)}${s.toString(16).padStart(64, "0")}${v}`;
      expect(await withSignatures([a, twin])).to.equal("SignatureInvalid");
      expect(await withSignatures([a, b.slice(0, -2)])).to.equal("SignatureInvalid");
      expect(await withSignatures([a, `${b}00`])).to.equal("SignatureInvalid");
      expect(await withSignatures([a, `${b.slice(0, 130)}00`])).to.equal("SignatureInvalid");
      expect(await withSignatures([a, "0x"])).to.equal("SignatureInvalid");
      expect(await withSignatures([`0x${"00".repeat(65)}`, b])).to.equal("SignatureInvalid");
      // Compact form (EIP-2098): one way to write a signature is enough.
      expect(await withSignatures([a, b.slice(0, 130)])).to.equal("SignatureInvalid");
    });

    it("of another contract, chain, deal, statement, period, revision or split are refused", async () => {
      const two = [SIGNERS[0]!, SIGNERS[1]!];
      const { chain, address } = stage.place;
      for (const place of [
        { chain: chain + 1, address },
        { chain: 1, address },
        { chain, address: STRANGER },
      ]) {
        expect(await withSignatures(signaturesOf(place, claim, two)), JSON.stringify(place)).to.not.equal("taken");
      }
      const twin = await newDeal(0n);
      const others: readonly Partial<Claim>[] = [
        { deal: dealOf(twin) },
        { root: hash("another") },
        { period: "2026-11" },
        { revision: 1 },
        { portions: PORTIONS.toReversed() },
        { portions: [{ payee: STRANGER, amount: 900n }, PORTIONS[1]!] },
        {
          portions: [
            { payee: SELLER, amount: 910n },
            { payee: EXCHANGE, amount: 90n },
          ],
        },
        { portions: PORTIONS.slice(0, 1) },
      ];
      for (const more of others) {
        const result = await withSignatures(of({ ...claim, ...more }, ...two));
        expect(["NotSigner", "SignerOrder"], JSON.stringify(Object.keys(more))).to.include(result);
      }
    });

    it("are one as wallets make them (EIP-712), and count for any m of the n or more", async () => {
      const fresh = await newDeal(5000n);
      for (const [i, places] of [
        [0, 1],
        [0, 2],
        [1, 2],
        [0, 1, 2],
      ].entries()) {
        const what = claimFor(fresh, `any ${i}`, PORTIONS, { revision: i });
        expect(await call(STRANGER, "claim", ...signedBy(what, ...places))).to.equal("taken");
      }
    });

    it("on a claim are none on an answer to a dispute, and the other way round", async () => {
      const mine = await claimed(terms, PORTIONS, { period: "2027-01" });
      const reason = hash("objection");
      expect(await call(PAYER, "dispute", mine.deal, mine.root, reason)).to.equal("taken");
      const what = answer(mine, reason, PORTIONS);
      const onClaim = of(mine, SIGNERS[0]!, SIGNERS[1]!);
      expect(["NotSigner", "SignerOrder"]).to.include(await call(STRANGER, "resolve", ...resolveArgs(what, onClaim)));
      const next = claimFor(terms, "next", PORTIONS, { period: "2027-02" });
      const onAnswer = signaturesOf(stage.place, answer(next, reason, PORTIONS), [SIGNERS[0]!, SIGNERS[1]!]);
      expect(["NotSigner", "SignerOrder"]).to.include(await call(STRANGER, "claim", ...claimArgs(next, onAnswer)));
      expect(await call(STRANGER, "resolve", ...signedAnswer(what, 0, 1))).to.equal("taken");
    });
  });

  describe("disputes", () => {
    const reason = hash("the payer's objection");

    it("are the payer's, with a reason, within the window", async () => {
      const terms = await newDeal(5000n);
      const claim = await claimed(terms);
      const { deal, root } = claim;
      const start = now;
      expect(await call(STRANGER, "dispute", deal, root, reason)).to.equal("NotPayer");
      expect(await call(PAYER, "dispute", deal, hash("nothing"), reason)).to.equal("StateInvalid");
      expect(await call(PAYER, "dispute", hash("nothing"), root, reason)).to.equal("DealUnknown");
      expect(await call(PAYER, "dispute", deal, root, `0x${"00".repeat(32)}`)).to.equal("ReasonMissing");
      now = start + terms.disputeSeconds - 1;
      expect(await call(PAYER, "dispute", deal, root, reason)).to.equal("WindowOver");
      const next = await claimed(terms, PORTIONS, { period: "2026-11" });
      now += terms.disputeSeconds - 2;
      expect(await call(PAYER, "dispute", next.deal, next.root, reason)).to.equal("taken");
      expect(await call(PAYER, "dispute", next.deal, next.root, reason)).to.equal("StateInvalid");
      expect(await call(STRANGER, "settle", next.deal, next.root, PORTIONS)).to.equal("StateInvalid");
    });

    it("end with a split that signers sign anew, the rest going back to the payer", async () => {
      const terms = await newDeal(5000n);
      const claim = await claimed(terms);
      const less = [{ payee: SELLER, amount: 500n }];
      expect(await call(STRANGER, "resolve", ...signedAnswer(answer(claim, reason, less), 0, 1))).to.equal(
        "StateInvalid",
      );
      expect(await call(PAYER, "dispute", claim.deal, claim.root, reason)).to.equal("taken");
      const more = [...PORTIONS, { payee: SELLER, amount: 10n }];
      expect(await call(STRANGER, "resolve", ...signedAnswer(answer(claim, reason, more), 0, 1))).to.equal("OverClaim");
      // Signed before the dispute, without its reason.
      const early = answer(claim, hash("guessed"), less);
      const result = await call(STRANGER, "resolve", ...signedAnswer(early, 0, 1));
      expect(["NotSigner", "SignerOrder"]).to.include(result);
      expect(await call(STRANGER, "resolve", ...signedAnswer(answer(claim, reason, less), 0))).to.equal(
        "SignaturesMissing",
      );
      const [payer, seller] = [await balanceOf(terms.token, PAYER), await balanceOf(terms.token, SELLER)];
      expect(await call(STRANGER, "resolve", ...signedAnswer(answer(claim, reason, less), 0, 1))).to.equal("taken");
      expect(await balanceOf(terms.token, PAYER)).to.equal(payer + 500n);
      expect(await balanceOf(terms.token, SELLER)).to.equal(seller + 500n);
      expect(await call(STRANGER, "resolve", ...signedAnswer(answer(claim, reason, less), 0, 1))).to.equal(
        "StateInvalid",
      );
      expect(await call(STRANGER, "claim", ...signedBy(claim, 0, 1))).to.equal("StatementKnown");
    });

    it("may end with nothing for anybody but the payer, or with all for the payees", async () => {
      const terms = await newDeal(5000n);
      for (const [period, portions, back] of [
        ["2026-10", [], 1000n],
        ["2026-11", PORTIONS, 0n],
      ] as const) {
        const claim = await claimed(terms, PORTIONS, { period });
        expect(await call(PAYER, "dispute", claim.deal, claim.root, reason)).to.equal("taken");
        const before = await balanceOf(terms.token, PAYER);
        expect(await call(STRANGER, "resolve", ...signedAnswer(answer(claim, reason, portions), 1, 2))).to.equal(
          "taken",
        );
        expect(await balanceOf(terms.token, PAYER)).to.equal(before + back);
      }
    });

    it("that nobody answers lapse when the deal expired and a window passed, not earlier", async () => {
      const terms = await newDeal(5000n);
      const claim = await claimed(terms);
      expect(await call(PAYER, "dispute", claim.deal, claim.root, reason)).to.equal("taken");
      expect(await call(STRANGER, "lapse", claim.deal, hash("nothing"))).to.equal("StateInvalid");
      now = terms.expires + terms.disputeSeconds - 2;
      const before = await balanceOf(terms.token, PAYER);
      expect(await call(STRANGER, "lapse", claim.deal, claim.root)).to.equal("WindowOpen");
      const late = signedAnswer(answer(claim, reason, PORTIONS), 0, 1);
      now++;
      expect(await call(STRANGER, "resolve", ...late)).to.equal("WindowOver");
      expect(await call(STRANGER, "lapse", claim.deal, claim.root)).to.equal("taken");
      expect(await balanceOf(terms.token, PAYER)).to.equal(before + 1000n);
      expect(await call(STRANGER, "lapse", claim.deal, claim.root)).to.equal("StateInvalid");
      expect(await stateOf(claim)).to.equal(5);
    });

    it("in the last second of a last claim leave signers a whole window to answer", async () => {
      const terms = await newDeal(5000n);
      now = terms.expires - 2;
      const claim = await claimed(terms);
      now += terms.disputeSeconds - 2;
      expect(await call(PAYER, "dispute", claim.deal, claim.root, reason)).to.equal("taken");
      now += terms.disputeSeconds - 3;
      expect(await call(STRANGER, "lapse", claim.deal, claim.root)).to.equal("WindowOpen");
      expect(await call(STRANGER, "resolve", ...signedAnswer(answer(claim, reason, PORTIONS), 0, 1))).to.equal("taken");
    });

    it("have no window in a deal that gives none", async () => {
      const terms = await newDeal(5000n, { disputeSeconds: 0 });
      const claim = await claimed(terms);
      expect(await call(PAYER, "dispute", claim.deal, claim.root, reason)).to.equal("WindowOver");
      expect(await call(STRANGER, "settle", claim.deal, claim.root, PORTIONS)).to.equal("taken");
    });
  });

  describe("cancelling", () => {
    it("waits for the expiry, gives back what is free, once", async () => {
      const terms = await newDeal(5000n);
      const deal = dealOf(terms);
      now = terms.expires - 2;
      for (const who of [PAYER, STRANGER]) {
        expect(await call(who, "cancel", deal)).to.equal(who === PAYER ? "NotExpired" : "taken");
      }
      expect(await call(PAYER, "cancel", deal)).to.equal("DealCancelled");
      expect(await dealRow(deal)).to.include({ free: 0n, cancelled: true });
    });
  });

  describe("withdrawing", () => {
    const owed = async (name: TokenName, amount = 1000n): Promise<string> => {
      const token = stage.tokens[name].address;
      const terms = await newDeal(amount * 2n, { token, disputeSeconds: 0 });
      const claim = await claimed(terms, [{ payee: SELLER, amount }]);
      expect(await call(STRANGER, "settle", claim.deal, claim.root, claim.portions)).to.equal("taken");
      return token;
    };

    it("takes out what is one's own, at once or in parts, to any account", async () => {
      const token = await owed("GoodToken");
      const balance = await balanceOf(token, SELLER);
      const target = toBeHex(0x77, 20);
      expect(await call(STRANGER, "withdraw", token, STRANGER, 1n)).to.equal("OverBalance");
      expect(await call(SELLER, "withdraw", token, ZERO, 1n)).to.equal("PayeeInvalid");
      expect(await call(SELLER, "withdraw", token, stage.place.address, 1n)).to.equal("PayeeInvalid");
      expect(await call(SELLER, "withdraw", token, SELLER, 0n)).to.equal("AmountMissing");
      expect(await call(SELLER, "withdraw", token, SELLER, balance + 1n)).to.equal("OverBalance");
      expect(await call(SELLER, "withdraw", token, SELLER, balance - 10n)).to.equal("taken");
      expect(await call(SELLER, "withdraw", token, target, 10n)).to.equal("taken");
      expect([await heldAt("GoodToken", SELLER), await heldAt("GoodToken", target)]).to.deep.equal([
        balance - 10n,
        10n,
      ]);
      expect(await call(SELLER, "withdraw", token, SELLER, 1n)).to.equal("OverBalance");
    });

    it("works with tokens that answer nothing, and leaves the balance where a token refuses", async () => {
      const silent = await owed("SilentToken");
      expect(await call(SELLER, "withdraw", silent, SELLER, await balanceOf(silent, SELLER))).to.equal("taken");
      const token = await owed("FalseToken");
      await stage.token("FalseToken", STRANGER, "say", [toBeHex(0, 32)]);
      expect(await call(SELLER, "withdraw", token, SELLER, 1000n)).to.equal("TokenFailed");
      expect(await balanceOf(token, SELLER)).to.equal(1000n);
      await stage.token("FalseToken", STRANGER, "say", [toBeHex(1, 32)]);
      expect(await call(SELLER, "withdraw", token, SELLER, 1000n)).to.equal("taken");
    });

    it("gives nobody what a token takes on top: that would be others'", async () => {
      const token = await owed("FeeToken");
      await stage.token("FeeToken", STRANGER, "setOnTop", [true]);
      expect(await call(SELLER, "withdraw", token, SELLER, 1000n)).to.equal("TokenTookMore");
      await stage.token("FeeToken", STRANGER, "setOnTop", [false]);
      expect(await call(SELLER, "withdraw", token, SELLER, 1000n)).to.equal("taken");
    });

    it("is not in the way of others when one token fails for good", async () => {
      const [good, broken] = [await owed("GoodToken"), await owed("FalseToken")];
      await stage.send("anvil_setCode", [broken, "0x"]);
      expect(await call(SELLER, "withdraw", good, SELLER, 1000n)).to.equal("taken");
      const { result } = await stage.call(SELLER, "withdraw", [broken, SELLER, 1000n], ++now);
      expect(result).to.not.equal("taken");
    });
  });

  describe("a token that calls back", () => {
    it("finds every door shut, from within lock and withdraw, before and after it moves", async () => {
      const { address: hook, abi } = stage.tokens.HookToken;
      const terms = newTerms({ token: hook, payer: hook, disputeSeconds: 0 });
      const deal = dealOf(terms);
      await stage.fund([hook]);
      await stage.token("HookToken", STRANGER, "mint", [hook, 10_000n]);
      await stage.by(hook, hook, abi.encodeFunctionData("approve", [stage.place.address, 10_000n]));
      expect(await call(hook, "open", terms)).to.equal("taken");
      expect(await call(hook, "lock", deal, 5000n)).to.equal("taken");
      const [first, next] = ["2026-10", "2026-11"].map((period) =>
        claimFor(terms, `hook ${period}`, [{ payee: hook, amount: 1000n }], { period }),
      ) as [Claim, Claim];
      expect(await call(hook, "claim", ...signedBy(first, 0, 1))).to.equal("taken");
      expect(await call(hook, "settle", deal, first.root, first.portions)).to.equal("taken");
      // It is payer and payee itself: outside of a move the first four would be taken.
      const doors: readonly (readonly [string, ...unknown[]])[] = [
        ["open", { ...terms, unit: 1n }],
        ["lock", deal, 100n],
        ["claim", ...signedBy(next, 0, 1)],
        ["withdraw", hook, hook, 1n],
        ["settle", deal, first.root, first.portions],
        ["dispute", deal, first.root, hash("reason")],
        ["resolve", ...signedAnswer(answer(first, hash("reason"), []), 0, 1)],
        ["lapse", deal, first.root],
        ["cancel", deal],
      ];
      const selector = stage.escrow.getError("Reentered")!.selector;
      for (const [method, ...args] of doors) {
        const data = stage.escrow.encodeFunctionData(method, args);
        for (const late of [false, true]) {
          for (const outer of [["lock", deal, 10n] as const, ["withdraw", hook, hook, 1n] as const]) {
            await stage.token("HookToken", STRANGER, "rest", []);
            await stage.token("HookToken", STRANGER, "arm", [stage.place.address, data, late]);
            now += 10;
            const [name, ...rest] = outer;
            expect(await call(hook, name, ...rest), `${name}, ${method}`).to.equal("taken");
            const [tried, through, refusal] = await Promise.all(
              ["tried", "through", "refusal"].map((field) => stage.read(field, [], hook, abi)),
            );
            expect([tried, through, refusal], `${name}, ${method}`).to.deep.equal([1n, 0n, selector]);
          }
        }
      }
      met.add("Reentered");
      expect(await balanceOf(hook, hook)).to.equal(1000n - 18n);
      expect((await dealRow(deal))["free"]).to.equal(4000n + 180n);
    });
  });

  describe("as a whole", () => {
    it("takes no ether from anybody", async () => {
      const { result } = await stage.act(STRANGER, stage.place.address, "0x", ++now);
      expect(result).to.not.equal("taken");
      const { abi } = await readArtifact("Escrow");
      expect(JSON.stringify(abi)).to.not.include('"payable"');
    });

    it("has a sentence for each of its refusals, and these tests met them all", () => {
      const names = stage.escrow.fragments
        .filter(({ type }) => type === "error")
        .map((fragment) => fragment.format("sighash"));
      const known = names.map((name) => name.slice(0, name.indexOf("("))).sort();
      expect([...REFUSAL_NAMES].sort()).to.deep.equal(known);
      expect(known.filter((name) => !met.has(name))).to.deep.equal([]);
    });

    it("costs what it is said to cost", async () => {
      const spent: Record<string, number> = {};
      const measure = async (
        what: string,
        from: string,
        method: string,
        ...args: readonly unknown[]
      ): Promise<void> => {
        const { result, gas } = await stage.call(from, method, args, ++now);
        expect(result, what).to.equal("taken");
        spent[what] = gas;
      };
      const terms = newTerms({ payer: addressOf("thrifty") });
      await stage.fund([terms.payer]);
      await stage.provide("GoodToken", terms.payer, 10n ** 18n);
      const deal = dealOf(terms);
      const portions = ["one", "two"].map((name) => ({ payee: addressOf(name), amount: 500n }));
      const [first, next, last] = ["2026-10", "2026-11", "2026-12"].map((period) =>
        claimFor(terms, `gas ${period}`, portions, { period }),
      ) as [Claim, Claim, Claim];
      await measure("open (3 signers)", terms.payer, "open", terms);
      await measure("lock", terms.payer, "lock", deal, 3010n);
      await measure("claim (2 of 3, 2 portions)", STRANGER, "claim", ...signedBy(first, 0, 2));
      await measure("dispute", terms.payer, "dispute", deal, first.root, hash("gas"));
      const what = answer(first, hash("gas"), portions);
      await measure("resolve", STRANGER, "resolve", ...signedAnswer(what, 0, 1));
      await measure("claim again", STRANGER, "claim", ...signedBy(next, 0, 1));
      now += terms.disputeSeconds;
      await measure("settle", STRANGER, "settle", deal, next.root, portions);
      await stage.fund([addressOf("one")]);
      await measure("withdraw", addressOf("one"), "withdraw", terms.token, addressOf("one"), 1000n);
      await measure("claim a third time", STRANGER, "claim", ...signedBy(last, 1, 2));
      await measure("dispute again", terms.payer, "dispute", deal, last.root, hash("gas"));
      now = terms.expires + terms.disputeSeconds;
      await measure("cancel", STRANGER, "cancel", deal);
      await measure("lapse", STRANGER, "lapse", deal, last.root);
      process.stdout.write(
        `        gas: ${Object.entries(spent)
          .map(([method, used]) => `${method} ${used}`)
          .join(", ")}\n`,
      );
      for (const [method, used] of Object.entries(spent)) expect(used, method).to.be.lessThan(300_000);
    });
  });
});
