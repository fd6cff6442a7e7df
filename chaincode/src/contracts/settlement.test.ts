import { createHash, randomUUID } from "node:crypto";
import { expect } from "chai";
import fc from "fast-check";
import {
  type AccountState,
  allowancesOf,
  applyStatement,
  type BooksState,
  type Contract,
  contractMonth,
  type ContractTerms,
  divide,
  dividedFor,
  grantsOf,
  type Metered,
  monthAfter,
  type Offer,
  payableOf,
  type Posted,
  priceLines,
  type PublicDocument,
  reckon,
  type Revenues,
  splitOf,
  type Statement,
  type StatementLine,
  type Tariff,
  weightsFor,
} from "../domain/index.js";
import { hashText } from "../log/index.js";
import { expectRefusal } from "../testing/expect.js";
import { IDS, LOG, type Name, NET, TestNetwork } from "../testing/test-network.js";
import { privateKeys, publicKeys, type Sealed } from "../world/index.js";

const ZONE = "+08:00";
const MSP = "HolderMSP";
const leafAt = (index: number) =>
  new Uint8Array(createHash("sha256").update(`leaf ${index}`).digest()) as Metered["leaf"];
const digestOf = (text: string): string => createHash("sha256").update(text).digest("base64url");

const CODE = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const newCode = (): string =>
  Array.from(randomUUID().replaceAll("-", "").slice(0, 26), (c) => CODE[parseInt(c, 16)]).join("");

const TARIFF: Tariff = {
  unit: "call",
  currency: "CNY",
  tiers: [
    { upTo: 500, amount: "80", per: 10 },
    { amount: "50", per: 10 },
  ],
  from: "2026-03-01T00:00:00.000Z",
};

interface Story {
  readonly tariff?: Tariff;
  readonly terms?: Partial<ContractTerms>;
  /** When all had signed. */
  readonly from?: string;
  readonly tariffs?: readonly Tariff[];
  readonly offer?: string;
}

/** A network with an exchange, and contracts as `contract.sign` leaves them. */
class Market {
  readonly network: TestNetwork;
  /** Deliveries by contract and month. */
  readonly deliveries = new Map<string, Metered[]>();

  private constructor(network: TestNetwork) {
    this.network = network;
  }

  static async begin(): Promise<Market> {
    const network = new TestNetwork();
    await network.found();
    const key = publicKeys.party(IDS.legal);
    network.state.values.set(key, JSON.stringify({ ...network.party("legal"), roles: ["exchange"] }));
    network.nowMs = Date.parse("2026-04-02T01:00:00.000Z");
    return new Market(network);
  }

  /** Seller `bureau`, buyer `insurer`, exchange `legal`, split 4:3:3 among bureau, operator, legal. */
  contract({
    tariff = TARIFF,
    tariffs = [tariff],
    terms = {},
    from = "2026-03-02T02:00:00.000Z",
    offer = randomUUID(),
  }: Story = {}): string {
    const id = randomUUID();
    const at = { time: from, tx: "00" };
    const sold: Offer = {
      v: "quanji.offer.v1",
      id: offer,
      state: "listed",
      resource: "prd/route.eta@1",
      seller: IDS.bureau,
      exchange: IDS.legal,
      purposes: ["navigation"],
      attestations: [],
      tariffs: tariffs.map((each, i) => ({ version: i + 1, tariff: each, published: at })),
      version: 1,
      n: 1,
      at,
    };
    const signed: Contract = {
      v: "quanji.contract.v1",
      id,
      state: "active",
      versions: [
        {
          version: 1,
          from,
          signatures: [],
          terms: {
            offer,
            seller: IDS.bureau,
            buyer: IDS.insurer,
            exchange: IDS.legal,
            grant: randomUUID(),
            until: "2027-03-01T00:00:00.000Z",
            disputeDays: 10,
            counterparts: [],
            payees: {
              shares: [
                { weight: 4, to: IDS.bureau },
                { weight: 3, to: IDS.operator },
                { weight: 3, to: IDS.legal },
              ],
            },
            ...terms,
          },
        },
      ],
      version: 1,
      n: 1,
      at,
    };
    this.plant(privateKeys.offer(offer), sold);
    this.plant(privateKeys.contract(id), signed);
    return id;
  }

  plant(key: string, value: unknown): void {
    this.network.state.values.set(`org-${MSP}\u0000${key}`, JSON.stringify({ salt: "x", value }));
  }

  value(key: string): unknown {
    return (this.network.private(key) as Sealed<unknown> | undefined)?.value;
  }

  secret = () => (this.value(privateKeys.secret) as string | undefined) ?? "";
  statement = (contract: string, period = "2026-03") =>
    this.value(privateKeys.statement(contract, period)) as Statement | undefined;
  posted = (contract: string, period = "2026-03") =>
    this.value(privateKeys.posted(contract, period)) as Posted | undefined;
  books = (period = "2026-03", currency = "CNY") =>
    this.value(privateKeys.books(this.secret(), period, currency)) as BooksState | undefined;
  balance = (party: string, period = "2026-03", currency = "CNY") =>
    (this.value(privateKeys.account(this.secret(), period, currency, party)) as AccountState | undefined)?.balance ??
    "0";
  document = (code: string) => this.network.get(publicKeys.document(code)) as PublicDocument | undefined;
  contractOf = (id: string) => this.value(privateKeys.contract(id)) as Contract;
  offerOf = (id: string) => this.value(privateKeys.offer(this.contractOf(id).versions[0]!.terms.offer)) as Offer;

  /** All accounts of books that are not at 0. */
  open(period = "2026-03", currency = "CNY"): { party: string; amount: string }[] {
    const prefix = `org-${MSP}\u0000${privateKeys.accounts(this.secret(), period, currency)}`;
    return [...this.network.state.values]
      .filter(([key]) => key.startsWith(prefix))
      .map(([, text]) => (JSON.parse(text) as Sealed<AccountState>).value)
      .filter(({ balance }) => balance !== "0")
      .map(({ party, balance }) => ({ party, amount: balance }));
  }

  /** Sum of all accounts of the books, suspense and clearing too. */
  sum(period = "2026-03", currency = "CNY"): bigint {
    const books = this.books(period, currency);
    const parties = this.open(period, currency).reduce((sum, { amount }) => sum + BigInt(amount), 0n);
    const suspense = (books?.suspense ?? []).reduce((sum, { amount }) => sum + BigInt(amount), 0n);
    return parties + suspense + BigInt(books?.clearing ?? "0");
  }

  /** Payload of a closing of so many deliveries. */
  closing(contract: string, counts: Readonly<Record<string, number>>, change: object = {}, period = "2026-03") {
    const { terms } = contractMonth(this.contractOf(contract), period, ZONE).version;
    const { isFirst } = contractMonth(this.contractOf(contract), period, ZONE);
    const { fromMs } = contractMonth(this.contractOf(contract), period, ZONE);
    const found = this.offerOf(contract)
      .tariffs.filter(({ tariff }) => Date.parse(tariff.from) <= fromMs)
      .at(-1)!;
    let index = 0;
    const deliveries = Object.entries(counts).flatMap(([purpose, n]) =>
      Array.from({ length: n }, (): Metered => ({
        log: LOG,
        index: index++,
        leaf: leafAt(index),
        purpose,
        quantity: 1n,
      })),
    );
    this.deliveries.set(`${contract} ${period}`, deliveries);
    const { lines, total } = reckon(found.tariff, deliveries, { isFirst });
    const payload = {
      net: NET,
      contract,
      period,
      tariff: found.version,
      logs: [{ log: LOG, from: 0, to: index }],
      lines,
      held: [],
      measured: [],
      total: String(total),
      ...change,
    };
    return { payload, lines, total, terms };
  }

  async close(
    contract: string,
    counts: Readonly<Record<string, number>>,
    change: object = {},
    period = "2026-03",
  ): Promise<Statement> {
    await this.network.send("legal", "statement.close", this.closing(contract, counts, change, period).payload);
    return this.statement(contract, period)!;
  }

  places(from: number, to: number) {
    return Array.from({ length: to - from }, (_, i) => ({
      log: LOG,
      index: from + i,
      leaf: hashText(leafAt(from + i + 1)),
    }));
  }

  async dispute(by: Name, contract: string, from: number, to: number, change: object = {}): Promise<string> {
    const dispute = randomUUID();
    await this.network.send(by, "statement.dispute", {
      net: NET,
      contract,
      period: "2026-03",
      dispute,
      deliveries: this.places(from, to),
      evidence: [digestOf("received"), digestOf("catalogue")],
      ...change,
    });
    return dispute;
  }

  adjust(contract: string, change: object, by: Name = "legal"): Promise<void> {
    return this.network.send(by, "statement.adjust", {
      net: NET,
      contract,
      period: "2026-03",
      adjustment: randomUUID(),
      kind: "withdraw",
      quantity: "0",
      free: "0",
      amount: "0",
      ...change,
    });
  }

  assign(contract: string, weights: readonly string[] | undefined, change: object = {}, by: Name = "legal") {
    return this.adjust(contract, { kind: "assign", ...(weights !== undefined && { weights }), ...change }, by);
  }

  invoice(contract: string, change: object = {}, by: Name = "legal"): Promise<void> {
    const payload = {
      net: NET,
      contract,
      period: "2026-03",
      invoice: randomUUID(),
      code: newCode(),
      digest: digestOf("invoice"),
      ...change,
    };
    return this.network.send(by, "invoice.issue", payload);
  }

  settle(by: Name, contract: string, change: object = {}): Promise<void> {
    const statement = this.statement(contract)!;
    return this.network.send(by, "invoice.settle", {
      net: NET,
      contract,
      period: "2026-03",
      invoice: statement.invoice?.id ?? randomUUID(),
      amount: String(payableOf(statement)),
      payment: digestOf("bank"),
      ...change,
    });
  }

  closeBooks(by: Name, change: object = {}, period = "2026-03"): Promise<void> {
    return this.network.send(by, "books.close", {
      net: NET,
      period,
      currency: "CNY",
      transfers: this.open(period),
      ...change,
    });
  }
}

const [A, B, C] = [randomUUID(), randomUUID(), randomUUID()].sort() as [string, string, string];
/** Bureau and operator, by deliveries under two grants. */
const BY_USE: ContractTerms["payees"] = {
  shares: [
    { weight: { grant: A }, to: IDS.bureau },
    { weight: { grant: B }, to: IDS.operator },
  ],
};
/** A fixed half; the other by two grants, of which the second's part is split on by the first and a third. */
const NESTED: ContractTerms["payees"] = {
  carveOuts: [{ party: IDS.stranger, bps: 500 }],
  shares: [
    { weight: 1, to: IDS.legal },
    { weight: 1, to: BY_USE },
    {
      weight: 1,
      to: { shares: [{ weight: { grant: C }, to: { shares: [{ weight: { grant: A }, to: IDS.bureau }] } }] },
    },
  ],
};
const measuredBy = (counts: Readonly<Record<string, number>>): Statement["measured"] =>
  Object.entries(counts)
    .map(([grant, deliveries]) => ({ grant, deliveries, root: digestOf("") }))
    .sort((a, b) => (a.grant < b.grant ? -1 : 1));

const amounts = ({ portions }: Pick<Statement, "portions">): string[] => portions.map(({ amount }) => amount);

describe("contracts: settlement, the stories' figures", () => {
  it("S1: 1,003 calls in two tiers come to 6,515, split 2,606 / 1,955 / 1,954", async () => {
    const market = await Market.begin();
    const contract = market.contract();
    const statement = await market.close(contract, { navigation: 1003 });
    expect(statement.lines.map(({ amount }) => amount)).to.deep.equal(["4000", "2515"]);
    expect(statement.amount).to.equal("6515");
    expect(amounts(statement)).to.deep.equal(["2606", "1955", "1954"]);
    expect(market.balance(IDS.insurer)).to.equal("-6515");
    expect(market.balance(IDS.bureau)).to.equal("2606");
    expect(market.sum()).to.equal(0n);
  });

  it("S5: two statements, a package taken back, an invoice, and every account at 0 in sum", async () => {
    const market = await Market.begin();
    const tariff: Tariff = {
      unit: "call",
      currency: "CNY",
      tiers: [
        { upTo: 10, amount: "128888", per: 1 },
        { upTo: 50, amount: "110999", per: 1 },
        { amount: "95001", per: 1 },
      ],
      from: "2026-03-01T00:00:00.000Z",
    };
    const payees = {
      shares: [
        { weight: 4, to: IDS.regulator },
        { weight: 3, to: IDS.bureau },
        { weight: 3, to: IDS.legal },
      ],
    };
    const one = market.contract({ tariff, terms: { payees } });
    const two = market.contract({ tariff, terms: { payees, buyer: IDS.stranger } });
    const first = await market.close(one, { "train.simulation": 57 });
    expect(first.lines.map(({ amount }) => amount)).to.deep.equal(["1288880", "4439960", "665007"]);
    expect(first.amount).to.equal("6393847");
    expect(amounts(first)).to.deep.equal(["2557539", "1918154", "1918154"]);
    const second = await market.close(two, { "train.simulation": 13 });
    expect(second.amount).to.equal("1621877");
    expect(amounts(second)).to.deep.equal(["648751", "486563", "486563"]);

    const dispute = await market.dispute("insurer", one, 20, 21);
    await expectRefusal(market.invoice(one), "EVIDENCE_MISSING");
    await market.adjust(one, { dispute, deliveries: market.places(20, 21), quantity: "1", amount: "-95001" });
    const adjusted = market.statement(one)!;
    expect(String(payableOf(adjusted))).to.equal("6298846");
    expect(amounts(adjusted.adjustments[0]!)).to.deep.equal(["-38001", "-28500", "-28500"]);
    expect(market.balance(IDS.regulator)).to.equal(String(2519538 + 648751));
    expect(market.balance(IDS.legal)).to.equal(String(1889654 + 486563));
    expect(market.sum()).to.equal(0n);

    const code = newCode();
    await market.invoice(one, { code });
    expect(market.document(code)).to.include({ kind: "invoice", state: "issued", issuer: IDS.legal });
    await expectRefusal(market.invoice(one), "STATE_CONFLICT");
    await market.settle("insurer", one);
    expect(market.document(code)?.state).to.equal("issued");
    await market.settle("legal", one, { voucher: { code: newCode(), digest: digestOf("voucher") } });
    expect(market.document(code)?.state).to.equal("settled");
    // What the payer owed the exchange has now, for those to whom portions fell.
    expect(market.balance(IDS.insurer)).to.equal("0");
    expect(market.balance(IDS.legal)).to.equal(String(1889654 + 486563 - 6298846));
    expect(market.sum()).to.equal(0n);
    await market.closeBooks("legal");
    expect(market.open()).to.deep.equal([]);
    expect(market.books()).to.include({ state: "closed", accounts: 0, clearing: "0" });
  });

  it("S7: carve-out, a free purpose, revenue above what is allowed, and 47 plot-days taken back", async () => {
    const market = await Market.begin();
    const tariff: Tariff = {
      unit: "call",
      currency: "CNY",
      tiers: [{ amount: "37", per: 1 }],
      freePurposes: ["disaster.warning"],
      allowance: "80000",
      from: "2026-03-01T00:00:00.000Z",
    };
    const terms = {
      payees: {
        carveOuts: [{ party: IDS.stranger, bps: 500 }],
        shares: [
          { weight: 4, to: IDS.regulator },
          { weight: 3, to: IDS.bureau },
          { weight: 3, to: IDS.legal },
        ],
      },
    };
    const contract = market.contract({ tariff, terms });
    const statement = await market.close(contract, { "insurance.settle": 2347, "disaster.warning": 411 });
    expect(statement.lines.map(({ amount }) => amount)).to.deep.equal(["86839", "0"]);
    expect(amounts(statement)).to.deep.equal(["4342", "32999", "24749", "24749"]);
    expect(market.posted(contract)?.carried).to.deep.equal([
      { of: "2026-03", from: "2026-03", to: "2026-04", amount: "6839" },
    ]);
    const offer = market.offerOf(contract);
    const allowed = () => {
      const revenues = market.value(privateKeys.allowance(offer.id)) as Revenues;
      return allowancesOf(offer, revenues, "2026-04", ZONE).map((month) => month.allowed);
    };
    expect(allowed()).to.deep.equal(["80000", "73161"]);

    const dispute = await market.dispute("insurer", contract, 0, 47);
    await market.adjust(contract, { dispute, deliveries: market.places(0, 47), quantity: "47", amount: "-1739" });
    expect(amounts(market.statement(contract)!.adjustments[0]!)).to.deep.equal(["-87", "-661", "-496", "-495"]);
    expect(market.balance(IDS.regulator)).to.equal("32338");
    expect(allowed()).to.deep.equal(["80000", "74900"]);
    expect(market.posted(contract)?.carried.at(-1)).to.include({ from: "2026-03", to: "2026-04", amount: "-1739" });
    expect(String(payableOf(market.statement(contract)!))).to.equal("85100");
    expect(market.sum()).to.equal(0n);
    expect(amounts({ portions: dividedBy(terms.payees, 30_000_000_001n) })).to.deep.equal([
      "1500000000",
      "11400000001",
      "8550000000",
      "8550000000",
    ]);
  });
});

const dividedBy = (payees: ContractTerms["payees"], total: bigint) =>
  divide(total, splitOf(payees, [])).portions.map(({ party, amount }) => ({ party, amount: String(amount) }));

describe("contracts: settlement, what could lie", () => {
  let market: Market;
  let contract: string;
  beforeEach(async () => {
    market = await Market.begin();
    contract = market.contract();
  });
  const closeWith = (change: object, by: Name = "legal", period = "2026-03", id = contract) =>
    market.network.send(by, "statement.close", market.closing(id, { navigation: 1003 }, change, period).payload);
  const linesWith = (at: number, change: object): StatementLine[] =>
    market.closing(contract, { navigation: 1003 }).lines.map((line, i) => (i === at ? { ...line, ...change } : line));

  it("one cent, one unit in another tier, an empty tier, a total: TOTAL_MISMATCH", async () => {
    const attacks = [
      { total: "6516" },
      { total: "-6515" },
      { lines: linesWith(0, { amount: "4001" }), total: "6516" },
      { lines: linesWith(1, { amount: "2514" }), total: "6514" },
      // A call of the first tier, moved to the cheaper one.
      {
        lines: [
          { ...linesWith(0, {})[0], quantity: "499", deliveries: 499, amount: "3992" },
          { ...linesWith(0, {})[1], quantity: "504", deliveries: 504, amount: "2520" },
        ],
        total: "6512",
      },
      // All of them there.
      { lines: [{ ...linesWith(0, {})[1], quantity: "1003", deliveries: 1003, amount: "5015" }], total: "5015" },
      { lines: linesWith(0, {}).toReversed() },
      { lines: linesWith(0, { deliveries: 499 }) },
      { lines: [...linesWith(0, {}), { kind: "discount", bps: 1000, amount: "-651" }], total: "5864" },
      { lines: [...linesWith(0, {}), { kind: "minimum", amount: "1" }], total: "6516" },
      { lines: linesWith(0, {}).slice(0, 1) },
    ];
    for (const attack of attacks) await expectRefusal(closeWith(attack), "TOTAL_MISMATCH");
    for (const quantity of ["-1", "1e3", "01"]) {
      await expectRefusal(closeWith({ lines: linesWith(0, { quantity }) }), "MALFORMED");
    }
    expect(market.statement(contract)).to.equal(undefined);
    await closeWith({});
  });

  it("who closes, when, and in which order", async () => {
    for (const by of ["bureau", "insurer", "regulator", "stranger"] as const)
      await expectRefusal(closeWith({}, by), "ROLE_REQUIRED");
    await expectRefusal(closeWith({ tariff: 2 }), "STATE_CONFLICT");
    await expectRefusal(closeWith({}, "legal", "2026-04"), "STATE_CONFLICT");
    market.network.nowMs = Date.parse("2026-05-02T00:00:00.000Z");
    await expectRefusal(closeWith({}, "legal", "2026-04"), "STATE_CONFLICT");
    await closeWith({});
    await expectRefusal(closeWith({}), "STATE_CONFLICT");
    await closeWith({}, "legal", "2026-04");
    await expectRefusal(
      market.network.send("legal", "statement.close", { ...market.closing(contract, {}).payload, period: "2026-02" }),
      "STATE_CONFLICT",
    );
    await expectRefusal(
      market.network.send("legal", "statement.close", {
        ...market.closing(contract, {}).payload,
        contract: randomUUID(),
      }),
      "NOT_FOUND",
    );
  });

  it("the first instant after a month closes it, the last one before does not", async () => {
    market.network.nowMs = Date.parse("2026-03-31T15:59:59.000Z");
    await expectRefusal(closeWith({}), "STATE_CONFLICT");
    market.network.nowMs = Date.parse("2026-03-31T16:00:00.000Z");
    await closeWith({});
  });

  it("without an exchange the seller closes", async () => {
    const direct = market.contract({ terms: { exchange: undefined } });
    const close = (by: Name) =>
      market.network.send(by, "statement.close", market.closing(direct, { navigation: 1 }).payload);
    await expectRefusal(close("legal"), "ROLE_REQUIRED");
    await close("bureau");
  });

  it("held lines are those that the contract asks for, logs and measures stand once", async () => {
    const root = digestOf("held");
    const held = { for: "acceptance", quantity: "3", deliveries: 3, root };
    await expectRefusal(closeWith({ held: [held] }), "MALFORMED");
    await expectRefusal(closeWith({ logs: [] }), "MALFORMED");
    const range = { log: LOG, from: 0, to: 1 };
    await expectRefusal(closeWith({ logs: [range, range] }), "MALFORMED");
    await expectRefusal(closeWith({ measured: [{ grant: randomUUID(), deliveries: 1, root }] }), "MALFORMED");
    const asking = market.contract({ terms: { counterparts: ["acceptance"] } });
    await expectRefusal(closeWith({ held: [held, held] }, "legal", "2026-03", asking), "MALFORMED");
    await closeWith({ held: [held] }, "legal", "2026-03", asking);
  });

  it("weights that are measured are given, all of them; without any the money waits in suspense", async () => {
    const [a, b] = [randomUUID(), randomUUID()].sort() as [string, string];
    const payees = {
      shares: [
        { weight: { grant: a }, to: IDS.bureau },
        { weight: { grant: b }, to: IDS.operator },
      ],
    };
    const measuring = market.contract({ terms: { payees } });
    const measure = (grant: string, deliveries: number) => ({ grant, deliveries, root: digestOf("") });
    const close = (measured: object[], id = measuring) => closeWith({ measured }, "legal", "2026-03", id);
    await expectRefusal(close([]), "MALFORMED");
    await expectRefusal(close([measure(a, 2)]), "MALFORMED");
    await expectRefusal(close([measure(b, 1), measure(a, 2)]), "MALFORMED");
    await close([measure(a, 2), measure(b, 1)]);
    expect(amounts(market.statement(measuring)!)).to.deep.equal(["4343", "2172"]);
    const idle = market.contract({ terms: { payees } });
    await close([measure(a, 0), measure(b, 0)], idle);
    expect(market.statement(idle)?.suspense).to.equal("6515");
    expect(market.books()?.suspense).to.deep.equal([{ contract: idle, amount: "6515" }]);
    expect(market.sum()).to.equal(0n);
  });

  it("a dispute comes from who is concerned, within its days", async () => {
    await closeWith({});
    for (const by of ["stranger", "regulator"] as const)
      await expectRefusal(market.dispute(by, contract, 0, 1), "ROLE_REQUIRED");
    await expectRefusal(market.dispute("insurer", contract, 0, 1, { evidence: [] }), "MALFORMED");
    await expectRefusal(
      market.dispute("insurer", contract, 0, 1, { deliveries: market.places(0, 2).toReversed() }),
      "MALFORMED",
    );
    await expectRefusal(
      market.dispute("insurer", contract, 0, 1, { deliveries: [...market.places(0, 1), ...market.places(0, 1)] }),
      "MALFORMED",
    );
    await market.dispute("operator", contract, 0, 1);
    market.network.nowMs = Date.parse(market.statement(contract)!.disputeUntil) + 1;
    await expectRefusal(market.dispute("insurer", contract, 0, 1), "STATE_CONFLICT");
    market.network.nowMs -= 1;
    await market.dispute("insurer", contract, 0, 1);
  });

  it("an adjustment is recomputed, answers one dispute once, and takes nothing twice", async () => {
    await closeWith({});
    const dispute = await market.dispute("insurer", contract, 10, 12);
    const take = { dispute, deliveries: market.places(10, 12), quantity: "2", amount: "-10" };
    await expectRefusal(market.adjust(contract, take, "bureau"), "ROLE_REQUIRED");
    await expectRefusal(market.adjust(contract, take, "insurer"), "ROLE_REQUIRED");
    await expectRefusal(market.adjust(contract, { ...take, amount: "-11" }), "TOTAL_MISMATCH");
    await expectRefusal(market.adjust(contract, { ...take, amount: "10" }), "TOTAL_MISMATCH");
    await expectRefusal(market.adjust(contract, { ...take, quantity: "3", amount: "-15" }), "MALFORMED");
    await expectRefusal(market.adjust(contract, { ...take, quantity: "-2" }), "MALFORMED");
    const { deliveries: _deliveries, ...bare } = take;
    await expectRefusal(market.adjust(contract, bare), "MALFORMED");
    await expectRefusal(market.adjust(contract, { ...take, deliveries: market.places(11, 13) }), "EVIDENCE_MISSING");
    await expectRefusal(market.adjust(contract, { ...take, dispute: randomUUID() }), "EVIDENCE_MISSING");
    await expectRefusal(market.adjust(contract, { ...take, kind: "dismiss" }), "MALFORMED");
    await expectRefusal(
      market.adjust(contract, { ...take, quantity: "0", free: "2", amount: "0" }),
      "EVIDENCE_MISSING",
    );
    const creditNote = { code: newCode(), digest: digestOf("note") };
    await expectRefusal(market.adjust(contract, { ...take, creditNote }), "STATE_CONFLICT");
    await market.adjust(contract, take);
    await expectRefusal(market.adjust(contract, take), "STATE_CONFLICT");
    await expectRefusal(
      market.adjust(contract, { deliveries: take.deliveries, quantity: "2", amount: "-10" }),
      "EVIDENCE_MISSING",
    );
    await expectRefusal(market.dispute("insurer", contract, 11, 13), "EVIDENCE_MISSING");
    const other = await market.dispute("insurer", contract, 13, 14);
    await market.adjust(contract, { kind: "dismiss", dispute: other });
    expect(market.statement(contract)?.disputes.map(({ state }) => state)).to.deep.equal(["adjusted", "dismissed"]);
    await expectRefusal(market.adjust(contract, { kind: "dismiss", dispute: other }), "STATE_CONFLICT");
    await expectRefusal(market.adjust(contract, { kind: "dismiss" }), "MALFORMED");
    expect(market.sum()).to.equal(0n);
  });

  it("what was held is billed once its counterpart is there, and never more than that", async () => {
    const asking = market.contract({ terms: { counterparts: ["acceptance"] } });
    await closeWith(
      { held: [{ for: "acceptance", quantity: "3", deliveries: 3, root: digestOf("") }] },
      "legal",
      "2026-03",
      asking,
    );
    const release = (from: number, to: number, amount: string) =>
      market.adjust(asking, {
        kind: "release",
        deliveries: market.places(from, to),
        quantity: String(to - from),
        amount,
      });
    await expectRefusal(release(2000, 2004, "20"), "EVIDENCE_MISSING");
    await release(2000, 2002, "10");
    await expectRefusal(release(2001, 2002, "5"), "EVIDENCE_MISSING");
    await expectRefusal(release(2002, 2004, "10"), "EVIDENCE_MISSING");
    await release(2002, 2003, "5");
    await expectRefusal(release(2003, 2004, "5"), "EVIDENCE_MISSING");
    expect(String(payableOf(market.statement(asking)!))).to.equal("6530");
  });

  it("an invoice: by who closed, once, without an open dispute; later changes bring a credit note", async () => {
    await closeWith({});
    await expectRefusal(market.invoice(contract, {}, "bureau"), "ROLE_REQUIRED");
    await expectRefusal(market.invoice(contract, { code: "0".repeat(25) }), "MALFORMED");
    const code = newCode();
    await market.invoice(contract, { code });
    const other = market.contract();
    await closeWith({}, "legal", "2026-03", other);
    await expectRefusal(market.invoice(other, { code }), "STATE_CONFLICT");
    const dispute = await market.dispute("insurer", contract, 600, 601);
    const take = { dispute, deliveries: market.places(600, 601), quantity: "1", amount: "-5" };
    await expectRefusal(market.settle("insurer", contract), "EVIDENCE_MISSING");
    await expectRefusal(market.adjust(contract, take), "STATE_CONFLICT");
    const creditNote = { code: newCode(), digest: digestOf("note") };
    await market.adjust(contract, { ...take, creditNote });
    expect(market.document(creditNote.code)).to.include({ kind: "creditNote", state: "issued" });
    expect(market.document(code)).to.include({ state: "credited" });
  });

  it("a settlement takes both sides, once, of the amount that is due; a credit note asks both again", async () => {
    await closeWith({});
    await expectRefusal(market.settle("insurer", contract), "EVIDENCE_MISSING");
    await market.invoice(contract);
    const voucher = { code: newCode(), digest: digestOf("voucher") };
    await expectRefusal(market.settle("bureau", contract), "ROLE_REQUIRED");
    await expectRefusal(market.settle("insurer", contract, { amount: "6514" }), "TOTAL_MISMATCH");
    await expectRefusal(market.settle("insurer", contract, { voucher }), "STATE_CONFLICT");
    await market.settle("insurer", contract);
    await expectRefusal(market.settle("insurer", contract), "STATE_CONFLICT");
    await expectRefusal(market.settle("insurer", contract, { voucher }), "STATE_CONFLICT");
    expect(market.balance(IDS.insurer)).to.equal("-6515");
    const dispute = await market.dispute("operator", contract, 600, 601);
    const creditNote = { code: newCode(), digest: digestOf("note") };
    await market.adjust(contract, {
      dispute,
      deliveries: market.places(600, 601),
      quantity: "1",
      amount: "-5",
      creditNote,
    });
    await expectRefusal(market.settle("legal", contract, { voucher }), "STATE_CONFLICT");
    await market.settle("legal", contract);
    await expectRefusal(market.settle("insurer", contract, { voucher, payment: digestOf("other") }), "STATE_CONFLICT");
    await expectRefusal(market.settle("insurer", contract), "STATE_CONFLICT");
    await market.settle("insurer", contract, { voucher });
    expect(market.statement(contract)?.invoice?.settled).to.not.equal(undefined);
    await expectRefusal(market.settle("insurer", contract, { voucher }), "STATE_CONFLICT");
    expect(market.balance(IDS.insurer)).to.equal("0");
    expect(market.sum()).to.equal(0n);
  });

  it("a settled statement that was netted is not paid twice", async () => {
    await closeWith({});
    await market.invoice(contract);
    await market.closeBooks("regulator");
    expect(market.sum()).to.equal(0n);
    await market.settle("insurer", contract);
    await market.settle("legal", contract, { voucher: { code: newCode(), digest: digestOf("v") } });
    expect(market.open("2026-03")).to.deep.equal([]);
    expect(market.open("2026-04")).to.deep.equal([]);
  });

  it("certificates take the next places of the issuer's list, and are revoked once", async () => {
    await closeWith({});
    const issue = (statusIndex: number, change: object = {}, by: Name = "legal") =>
      market.network.send(by, "certificate.issue", {
        net: NET,
        contract,
        period: "2026-03",
        certificate: randomUUID(),
        code: newCode(),
        digest: digestOf("vc"),
        statusIndex,
        ...change,
      });
    await expectRefusal(issue(0, {}, "bureau"), "ROLE_REQUIRED");
    await expectRefusal(issue(1), "STATE_CONFLICT", "0");
    const [certificate, code] = [randomUUID(), newCode()];
    await issue(0, { certificate, code });
    await expectRefusal(issue(0), "STATE_CONFLICT", "1");
    await expectRefusal(issue(1, { certificate }), "STATE_CONFLICT");
    await issue(1);
    const revoke = (by: Name, id = certificate) =>
      market.network.send(by, "certificate.revoke", { net: NET, contract, period: "2026-03", certificate: id });
    await expectRefusal(revoke("insurer"), "ROLE_REQUIRED");
    await expectRefusal(revoke("legal", randomUUID()), "EVIDENCE_MISSING");
    await revoke("regulator");
    await expectRefusal(revoke("legal"), "STATE_CONFLICT");
    expect(market.document(code)).to.include({ kind: "certificate", state: "revoked", statusIndex: 0 });
    const dispute = await market.dispute("insurer", contract, 0, 1);
    await expectRefusal(issue(2), "EVIDENCE_MISSING");
    await market.adjust(contract, { kind: "dismiss", dispute });
    await issue(2);
  });

  it("books close when all accounts that are not at 0 are named, each with what it stands at", async () => {
    await closeWith({});
    const all = market.open();
    expect(all).to.have.length(4);
    for (const by of ["bureau", "insurer", "stranger"] as const)
      await expectRefusal(market.closeBooks(by), "ROLE_REQUIRED");
    await expectRefusal(market.closeBooks("legal", { transfers: [] }), "EVIDENCE_MISSING");
    await expectRefusal(market.closeBooks("legal", { transfers: all.slice(1) }), "EVIDENCE_MISSING");
    await expectRefusal(market.closeBooks("legal", { transfers: [...all, all[0]] }), "EVIDENCE_MISSING");
    await expectRefusal(market.closeBooks("legal", { transfers: [...all.slice(1), all[1]] }), "EVIDENCE_MISSING");
    await expectRefusal(
      market.closeBooks("legal", { transfers: [...all, { party: IDS.stranger, amount: "0" }] }),
      "EVIDENCE_MISSING",
    );
    await expectRefusal(
      market.closeBooks("legal", { transfers: [...all, { party: IDS.stranger, amount: "1" }] }),
      "TOTAL_MISMATCH",
    );
    const wrong = all.map((each, i) => (i === 0 ? { ...each, amount: String(BigInt(each.amount) + 1n) } : each));
    await expectRefusal(market.closeBooks("legal", { transfers: wrong }), "TOTAL_MISMATCH");
    await expectRefusal(market.closeBooks("legal", {}, "2026-04"), "STATE_CONFLICT");
    await market.closeBooks("legal");
    await expectRefusal(market.closeBooks("legal"), "STATE_CONFLICT");
    expect(market.books()).to.include({ state: "closed", accounts: 0, clearing: "0" });
  });

  it("what concerns a closed month is posted in the next open one, and suspense goes on to it", async () => {
    const idle = market.contract({
      terms: { payees: { shares: [{ weight: { grant: randomUUID() }, to: IDS.bureau }] } },
    });
    const [grant] = contractMonth(market.contractOf(idle), "2026-03", ZONE).version.terms.payees.shares.map(
      ({ weight }) => (typeof weight === "number" ? "" : weight.grant),
    );
    await closeWith({});
    await closeWith({ measured: [{ grant, deliveries: 0, root: digestOf("") }] }, "legal", "2026-03", idle);
    await market.closeBooks("legal");
    expect(market.books("2026-03")).to.deep.include({ suspense: [], clearing: "0" });
    expect(market.books("2026-04")).to.deep.include({
      suspense: [{ contract: idle, amount: "6515" }],
      clearing: "-6515",
    });
    const dispute = await market.dispute("insurer", contract, 0, 1);
    await market.adjust(contract, { dispute, deliveries: market.places(0, 1), quantity: "1", amount: "-5" });
    expect(market.posted(contract)?.entries.map(({ period }) => period)).to.deep.equal(["2026-03", "2026-04"]);
    expect(market.open("2026-03")).to.deep.equal([]);
    expect(market.balance(IDS.insurer, "2026-04")).to.equal("5");
    expect(market.sum("2026-04")).to.equal(0n);
    market.network.nowMs = Date.parse("2026-05-03T00:00:00.000Z");
    await market.closeBooks("legal", {}, "2026-04");
    expect(market.books("2026-05")).to.deep.include({
      suspense: [{ contract: idle, amount: "6515" }],
      clearing: "-6515",
    });
  });

  describe("what waits in suspense is assigned", () => {
    let waiting: string;
    const closeMonth = (period: string, counts: Readonly<Record<string, number>>) =>
      closeWith({ measured: measuredBy(counts) }, "legal", period, waiting);
    const partsOf = ({ portions }: Pick<Statement, "portions">) =>
      Object.fromEntries(portions.map(({ party, amount }) => [party, amount]));
    const last = (period = "2026-03") => market.statement(waiting, period)!.adjustments.at(-1)!;
    beforeEach(() => {
      waiting = market.contract({ terms: { payees: BY_USE } });
      market.network.nowMs = Date.parse("2026-06-02T00:00:00.000Z");
    });

    it("by the first later month that tells, and no month that the closer likes better", async () => {
      await closeMonth("2026-03", { [A]: 0, [B]: 0 });
      await closeMonth("2026-04", { [A]: 0, [B]: 0 });
      for (const weights of [[], ["2026-03"], ["2026-04"], ["2026-05"]])
        await expectRefusal(market.assign(waiting, weights), "EVIDENCE_MISSING");
      await closeMonth("2026-05", { [A]: 2, [B]: 1 });
      market.network.nowMs = Date.parse("2026-07-02T00:00:00.000Z");
      await closeMonth("2026-06", { [A]: 0, [B]: 9 });
      for (const weights of [[], ["2026-03"], ["2026-04"], ["2026-06"], ["2026-05", "2026-06"]])
        await expectRefusal(market.assign(waiting, weights), "STATE_CONFLICT", "2026-05");
      await market.assign(waiting, ["2026-05"]);
      expect(last()).to.deep.include({ kind: "assign", amount: "0", suspense: "-6515" });
      expect(partsOf(last())).to.deep.equal({ [IDS.bureau]: "4343", [IDS.operator]: "2172" });
      expect(String(payableOf(market.statement(waiting)!))).to.equal("6515");
      expect(market.books()?.suspense).to.deep.equal([]);
      expect(market.balance(IDS.operator)).to.equal("2172");
      expect(market.balance(IDS.insurer)).to.equal("-6515");
      expect(market.sum()).to.equal(0n);
      for (const weights of [["2026-05"], ["2026-06"], []])
        await expectRefusal(market.assign(waiting, weights), "STATE_CONFLICT");
      // The month between waits for the same one.
      await market.assign(waiting, ["2026-05"], { period: "2026-04" });
      expect(last("2026-04").suspense).to.equal("-6515");
    });

    it("names nothing at will: no amount, delivery, dispute, party or note, and by no one but who closed", async () => {
      await closeMonth("2026-03", { [A]: 0, [B]: 0 });
      await closeMonth("2026-04", { [A]: 2, [B]: 1 });
      for (const by of ["bureau", "insurer", "operator", "regulator", "stranger"] as const)
        await expectRefusal(market.assign(waiting, ["2026-04"], {}, by), "ROLE_REQUIRED");
      const dispute = await market.dispute("insurer", waiting, 0, 1);
      for (const amount of ["1", "-6515", "6515"])
        await expectRefusal(market.assign(waiting, ["2026-04"], { amount }), "TOTAL_MISMATCH");
      for (const change of [
        { deliveries: market.places(0, 1) },
        { quantity: "1" },
        { free: "1" },
        { dispute },
        { portions: [{ party: IDS.legal, amount: "6515" }] },
        { weights: ["2026-04", 7] },
        { weights: [{ period: "2026-04", measured: [] }] },
      ])
        await expectRefusal(market.assign(waiting, ["2026-04"], change), "MALFORMED");
      await expectRefusal(market.assign(waiting, undefined), "MALFORMED");
      await expectRefusal(market.adjust(waiting, { kind: "dismiss", dispute, weights: ["2026-04"] }), "MALFORMED");
      const creditNote = { code: newCode(), digest: digestOf("note") };
      await expectRefusal(market.assign(waiting, ["2026-04"], { creditNote }), "STATE_CONFLICT");
      // What is disputed stays so; whose it is has nothing to do with it.
      await market.assign(waiting, ["2026-04"]);
      expect(market.statement(waiting)?.disputes[0]?.state).to.equal("open");
      await closeWith({});
      await expectRefusal(market.assign(contract, ["2026-04"]), "STATE_CONFLICT");
    });

    it("the statement and each adjustment by itself, and what comes later at once", async () => {
      await closeMonth("2026-03", { [A]: 0, [B]: 0 });
      const take = (from: number) =>
        market.adjust(waiting, { deliveries: market.places(from, from + 1), quantity: "1", amount: "-5" });
      await take(600);
      await take(601);
      expect(market.books()?.suspense).to.deep.equal([{ contract: waiting, amount: "6505" }]);
      await closeMonth("2026-04", { [A]: 2, [B]: 1 });
      await market.assign(waiting, ["2026-04"]);
      // 4,343 − 3 − 3 and 2,172 − 2 − 2; 6,505 at once would be 4,337 and 2,168 too, 5 are 3 and 2.
      expect(partsOf(last())).to.deep.equal({ [IDS.bureau]: "4337", [IDS.operator]: "2168" });
      expect(last().suspense).to.equal("-6505");
      await take(602);
      expect(partsOf(last())).to.deep.equal({ [IDS.bureau]: "-3", [IDS.operator]: "-2" });
      expect(market.books()?.suspense).to.deep.equal([]);
      expect(market.sum()).to.equal(0n);
    });

    it("node by node: one has weights in a month, another in a later one, and what was divided stays", async () => {
      waiting = market.contract({ terms: { payees: NESTED } });
      await closeMonth("2026-03", { [A]: 0, [B]: 0, [C]: 0 });
      expect(market.statement(waiting)?.suspense).to.equal("4126");
      await closeMonth("2026-04", { [A]: 3, [B]: 0, [C]: 0 });
      await market.assign(waiting, ["2026-04"]);
      expect(partsOf(last())).to.deep.equal({ [IDS.bureau]: "2063" });
      await expectRefusal(market.assign(waiting, ["2026-04"]), "EVIDENCE_MISSING");
      await closeMonth("2026-05", { [A]: 0, [B]: 8, [C]: 1 });
      await expectRefusal(market.assign(waiting, ["2026-04"]), "STATE_CONFLICT", "2026-05");
      // The node below the third share had its weights in April.
      await market.assign(waiting, ["2026-05"]);
      expect(partsOf(last())).to.deep.equal({ [IDS.bureau]: "2063" });
      expect(market.books()?.suspense.map(({ contract: of }) => of)).to.deep.equal([]);
      expect(market.statement(waiting)!.portions).to.deep.equal([
        { party: IDS.stranger, amount: "326" },
        { party: IDS.legal, amount: "2063" },
      ]);
    });

    it("several months at once are named in the rule's order", async () => {
      waiting = market.contract({ terms: { payees: NESTED } });
      await closeMonth("2026-03", { [A]: 0, [B]: 0, [C]: 0 });
      await closeMonth("2026-04", { [A]: 3, [B]: 0, [C]: 0 });
      await closeMonth("2026-05", { [A]: 0, [B]: 8, [C]: 1 });
      for (const weights of [["2026-04"], ["2026-05"], ["2026-05", "2026-04"]])
        await expectRefusal(market.assign(waiting, weights), "STATE_CONFLICT");
      await market.assign(waiting, ["2026-04", "2026-05"]);
      expect(partsOf(last())).to.deep.equal({ [IDS.bureau]: "4126" });
      expect(last().suspense).to.equal("-4126");
    });

    it("a contract that is over: the last month before that tells, or else equal parts", async () => {
      const terms = { payees: BY_USE, until: "2026-05-15T00:00:00.000Z" };
      waiting = market.contract({ terms });
      await closeMonth("2026-03", { [A]: 5, [B]: 1 });
      await closeMonth("2026-04", { [A]: 0, [B]: 0 });
      // It is over, and its last month is not closed: that may tell yet.
      const april = { period: "2026-04" };
      await expectRefusal(market.assign(waiting, ["2026-03"], april), "EVIDENCE_MISSING");
      await closeMonth("2026-05", { [A]: 0, [B]: 0 });
      await expectRefusal(market.assign(waiting, [], april), "STATE_CONFLICT", "2026-03");
      await market.assign(waiting, ["2026-03"], april);
      expect(partsOf(last("2026-04"))).to.deep.equal({ [IDS.bureau]: "5429", [IDS.operator]: "1086" });
      const never = market.contract({ terms });
      waiting = never;
      for (const month of ["2026-03", "2026-04", "2026-05"]) await closeMonth(month, { [A]: 0, [B]: 0 });
      await expectRefusal(market.assign(never, ["2026-04"]), "STATE_CONFLICT", "equal parts");
      await market.assign(never, []);
      expect(partsOf(last())).to.deep.equal({ [IDS.bureau]: "3258", [IDS.operator]: "3257" });
      await expectRefusal(market.assign(never, []), "STATE_CONFLICT");
    });

    it("a version that measures other grants tells nothing of those that it leaves out", async () => {
      await closeMonth("2026-03", { [A]: 0, [B]: 0 });
      const signed = market.contractOf(waiting);
      const [first] = signed.versions;
      const payees = { shares: [{ weight: { grant: A }, to: IDS.bureau }] };
      market.plant(privateKeys.contract(waiting), {
        ...signed,
        version: 2,
        versions: [
          first,
          { ...first, version: 2, from: "2026-03-31T16:00:00.000Z", terms: { ...first!.terms, payees } },
        ],
      });
      await closeMonth("2026-04", { [A]: 9 });
      await expectRefusal(market.assign(waiting, ["2026-04"]), "EVIDENCE_MISSING");
    });

    it("in a month whose books are closed: into the first open one, where its suspense went", async () => {
      await closeMonth("2026-03", { [A]: 0, [B]: 0 });
      await market.closeBooks("legal");
      await market.closeBooks("legal", {}, "2026-04");
      await closeMonth("2026-04", { [A]: 2, [B]: 1 });
      await market.assign(waiting, ["2026-04"]);
      expect(market.posted(waiting)?.entries.map(({ period, amount }) => [period, amount])).to.deep.equal([
        ["2026-03", "6515"],
        ["2026-05", "0"],
      ]);
      expect(market.books("2026-05")).to.deep.include({ suspense: [] });
      expect(market.balance(IDS.operator, "2026-05")).to.equal(String(2172 + 2172));
      await market.closeBooks("legal", {}, "2026-05");
      for (const month of ["2026-03", "2026-04", "2026-05", "2026-06"]) {
        expect(market.sum(month)).to.equal(0n);
        expect(market.open(month)).to.deep.equal([]);
      }
      expect(market.books("2026-05")).to.include({ clearing: "0" });
    });

    it("an invoice that stands, or is settled, needs no note for it, and asks nobody anew", async () => {
      await closeMonth("2026-03", { [A]: 0, [B]: 0 });
      await market.invoice(waiting);
      await market.settle("insurer", waiting);
      await closeMonth("2026-04", { [A]: 2, [B]: 1 });
      await market.assign(waiting, ["2026-04"]);
      expect(market.statement(waiting)?.invoice?.settledBy).to.deep.equal([IDS.insurer]);
      await market.settle("legal", waiting, { voucher: { code: newCode(), digest: digestOf("voucher") } });
      expect(market.balance(IDS.insurer)).to.equal("0");
      expect(market.balance(IDS.operator)).to.equal("2172");
      expect(market.sum()).to.equal(0n);
    });
  });

  it("a figure is signed by the measurer, once, after the month and before its statement", async () => {
    const tariff: Tariff = { ...TARIFF, performance: { indicator: "uptime", none: 900, full: 1000, heldBps: 2000 } };
    const measured = market.contract({ tariff, terms: { measurer: IDS.operator } });
    const sign = (by: Name, change: object = {}, id = measured) =>
      market.network.send(by, "indicator.sign", {
        net: NET,
        contract: id,
        period: "2026-03",
        indicator: { indicator: "uptime", value: "950" },
        ...change,
      });
    const lines = priceLines(
      tariff,
      { charged: 1003n, free: 0n },
      { isFirst: true, indicator: { indicator: "uptime", value: "950" } },
    );
    expect(String(lines.total)).to.equal("5863");
    const payload = { ...market.closing(contract, { navigation: 1003 }).payload, contract: measured };
    const performance = lines.lines.at(-1)!;
    const honest = { ...payload, lines: [...payload.lines, performance], total: "5863" };
    await expectRefusal(market.network.send("legal", "statement.close", honest), "EVIDENCE_MISSING");
    await expectRefusal(sign("legal"), "ROLE_REQUIRED");
    await expectRefusal(sign("operator", { indicator: { indicator: "speed", value: "1" } }), "MALFORMED");
    await expectRefusal(sign("operator", { period: "2026-04" }), "STATE_CONFLICT");
    await expectRefusal(sign("operator", {}, contract), "ROLE_REQUIRED");
    await sign("operator");
    await expectRefusal(sign("operator"), "STATE_CONFLICT");
    await expectRefusal(market.network.send("legal", "statement.close", payload), "TOTAL_MISMATCH");
    await market.network.send("legal", "statement.close", honest);
    expect(market.statement(measured)?.indicator).to.include({ value: "950", by: IDS.operator });
  });

  it("a yearly account is published once, by whom it is of, when the year is over", async () => {
    const publish = (by: Name, year: number) =>
      market.network.send(by, "disclosure.publish", { net: NET, year, code: newCode(), digest: digestOf("account") });
    await expectRefusal(publish("legal", 2026), "STATE_CONFLICT");
    await expectRefusal(publish("regulator", 2025), "ROLE_REQUIRED");
    await publish("legal", 2025);
    await expectRefusal(publish("legal", 2025), "STATE_CONFLICT");
    await publish("bureau", 2025);
  });

  it("G8 nothing that is public says what was bought, by whom, or for how much", async () => {
    await closeWith({});
    const writes = [...(market.network.lastEffects?.writes ?? [])].filter(([key]) => !key.includes("\u0000"));
    expect(writes.map(([key]) => key.split("/")[0])).to.deep.equal(["jti"]);
    await market.invoice(contract);
    const shown = [...(market.network.lastEffects?.writes ?? [])]
      .filter(([key]) => !key.includes("\u0000"))
      .map(([key, value]) => `${key} ${value ?? ""}`)
      .join("\n");
    expect(shown).to.include("document/");
    for (const secret of ["6515", IDS.insurer, IDS.bureau, contract, '2026-03"']) expect(shown).to.not.include(secret);
    expect(market.network.lastEffects?.event).to.equal(undefined);
    const names = [...market.network.state.values.keys()].filter((key) => key.startsWith(`org-${MSP}\u0000`));
    const guessable = names.filter(
      (key) => /(books|account|disclosure)\//.test(key) && (key.includes("2026-") || key.includes(IDS.insurer)),
    );
    expect(guessable).to.deep.equal([]);
  });
});

describe("contracts: settlement, conservation", () => {
  it("random closings, disputes, adjustments, payments and nettings leave all accounts at 0 in sum", async function () {
    this.timeout(0);
    const step = fc.record({ what: fc.nat(11), which: fc.nat(3), n: fc.nat(60), month: fc.nat(2) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 30, maxLength: 60 }), async (steps) => {
        const market = await Market.begin();
        const offer = randomUUID();
        const tariff: Tariff = { ...TARIFF, allowance: "100" };
        const contracts = [
          market.contract({ tariff, offer }),
          market.contract({ tariff, offer, terms: { counterparts: ["acceptance"] } }),
          market.contract({ terms: { payees: BY_USE } }),
          market.contract({ terms: { payees: NESTED, until: "2026-05-20T00:00:00.000Z" } }),
        ];
        market.network.nowMs = Date.parse("2026-06-02T00:00:00.000Z");
        const periods = ["2026-03", "2026-04", "2026-05"];
        for (const { what, which, n, month } of steps) {
          await attempt(market, contracts[which]!, periods[month]!, what, n);
          for (const period of [...periods, "2026-06"]) expect(market.sum(period)).to.equal(0n);
        }
        for (const contract of contracts) {
          assertReplays(market, contract);
          for (const period of periods) assertDivided(market, contract, period);
        }
        assertSuspense(market, contracts, [...periods, "2026-06"]);
      }),
      { numRuns: 50 },
    );
  });
});

/** One random command; refused or not, the books must stand. */
async function attempt(market: Market, contract: string, period: string, what: number, n: number): Promise<void> {
  const statement = market.statement(contract, period);
  const base = { net: NET, contract, period };
  const places = market.places(n, n + 1);
  const send = async (by: Name, verb: string, payload: object): Promise<void> => {
    try {
      await market.network.send(by, verb, payload);
    } catch (error) {
      expect((error as Error).message).to.match(/STATE_CONFLICT|EVIDENCE_MISSING|TOTAL_MISMATCH/);
    }
  };
  if (what <= 2 || statement === undefined) {
    const { terms } = contractMonth(market.contractOf(contract), period, ZONE).version;
    const measured = measuredBy(
      Object.fromEntries(grantsOf(terms.payees).map((grant, at) => [grant, Math.max(0, ((n >> at) % 4) - 1)])),
    );
    const held = terms.counterparts.map((side) => ({ for: side, quantity: "2", deliveries: 2, root: digestOf("") }));
    return send(
      "legal",
      "statement.close",
      market.closing(contract, { navigation: n }, { measured, held }, period).payload,
    );
  }
  const tariff = market.offerOf(contract).tariffs[0]!.tariff;
  if (what === 3) {
    const evidence = [digestOf("x")];
    return send("insurer", "statement.dispute", { ...base, dispute: randomUUID(), deliveries: places, evidence });
  }
  if (what <= 6) {
    const dispute = statement.disputes.find(({ state }) => state === "open");
    const kind = what === 6 ? "release" : dispute !== undefined && n % 5 === 0 ? "dismiss" : "withdraw";
    const now = BigInt(
      statement.lines.reduce((sum, line) => sum + (line.kind === "tier" ? Number(line.quantity) : 0), 0) +
        statement.adjustments.reduce(
          (sum, each) => sum + (each.kind === "release" ? 1 : each.kind === "withdraw" ? -1 : 0),
          0,
        ),
    );
    const priced = (charged: bigint) => priceLines(tariff, { charged, free: 0n }, { isFirst: true }).total;
    const then = now + (kind === "release" ? 1n : -1n);
    const amount = kind === "dismiss" || then < 0n ? 0n : priced(then) - priced(now);
    const needsNote = statement.invoice !== undefined && amount !== 0n;
    return send("legal", "statement.adjust", {
      ...base,
      adjustment: randomUUID(),
      kind,
      ...(kind !== "release" && dispute !== undefined && { dispute: dispute.id }),
      ...(kind !== "dismiss" && {
        deliveries: kind === "withdraw" && dispute !== undefined ? dispute.deliveries : places,
      }),
      quantity: kind === "dismiss" ? "0" : "1",
      free: "0",
      amount: String(amount),
      ...(needsNote && { creditNote: { code: newCode(), digest: digestOf("n") } }),
    });
  }
  if (what >= 10) {
    const others = ["2026-03", "2026-04", "2026-05"].flatMap((each) =>
      each === period ? [] : (market.statement(contract, each) ?? []),
    );
    const { terms } = contractMonth(market.contractOf(contract), period, ZONE).version;
    const context = { contract: market.contractOf(contract), others, timeZone: ZONE };
    let weights = ["2026-03", "2026-04", "2026-05"].slice(0, n % 3);
    try {
      if (n % 4 > 0) weights = weightsFor(statement, terms.payees, context).flatMap(({ period: of }) => of ?? []);
    } catch {
      // Nothing waits, or nothing tells: the ledger must say so too.
    }
    const adjustment = { adjustment: randomUUID(), kind: "assign", weights, quantity: "0", free: "0", amount: "0" };
    return send("legal", "statement.adjust", { ...base, ...adjustment });
  }
  if (what === 7 && statement.invoice === undefined) {
    return send("legal", "invoice.issue", { ...base, invoice: randomUUID(), code: newCode(), digest: digestOf("i") });
  }
  if (what <= 8 && statement.invoice !== undefined) {
    const { settledBy, id } = statement.invoice;
    const by = settledBy.includes(IDS.insurer) ? "legal" : "insurer";
    return send(by, "invoice.settle", {
      ...base,
      invoice: id,
      amount: String(payableOf(statement)),
      payment: digestOf("bank"),
      ...(settledBy.length === 1 && { voucher: { code: newCode(), digest: digestOf("v") } }),
    });
  }
  return send("legal", "books.close", { net: NET, period, currency: "CNY", transfers: market.open(period) });
}

/** The chain's commands, replayed by the pure function alone, lead to what is stored. */
function assertReplays(market: Market, contract: string): void {
  const replayed = new Map<string, Statement>();
  for (const { verb, payload, facts } of commandsOf(market, contract)) {
    const { period } = payload;
    const after = applyStatement(replayed.get(period), { verb, payload } as never, facts as never, {
      contract: market.contractOf(contract),
      offer: market.offerOf(contract),
      timeZone: ZONE,
      before: replayed.get(monthAfter(period, -1)),
      indicator: undefined,
      others: [...replayed.values()].filter((each) => each.period !== period),
    });
    replayed.set(period, after);
  }
  for (const [period, statement] of replayed) expect(statement).to.deep.equal(market.statement(contract, period));
}

/** However it came about, every amount of a month is divided as if the weights that it has now had been known from the first. */
function assertDivided(market: Market, contract: string, period: string): void {
  const statement = market.statement(contract, period);
  if (statement === undefined) return;
  const { payees } = contractMonth(market.contractOf(contract), period, ZONE).version.terms;
  const entries = [statement, ...statement.adjustments];
  const sumsOf = (all: readonly Pick<Statement, "portions">[]) => {
    const sums = new Map<string, bigint>();
    for (const { party, amount } of all.flatMap(({ portions }) => portions)) {
      sums.set(party, (sums.get(party) ?? 0n) + BigInt(amount));
    }
    return [...sums].filter(([, sum]) => sum !== 0n).sort();
  };
  const atOnce = entries.map(({ amount }) => dividedFor(statement, payees, BigInt(amount)));
  expect(sumsOf(entries)).to.deep.equal(sumsOf(atOnce));
  expect(suspenseIn(entries)).to.equal(suspenseIn(atOnce));
  for (const { amount, portions, suspense } of entries) {
    expect(portions.reduce((sum, each) => sum + BigInt(each.amount), BigInt(suspense))).to.equal(BigInt(amount));
  }
}

const suspenseIn = (all: readonly Pick<Statement, "suspense">[]): bigint =>
  all.reduce((sum, { suspense }) => sum + BigInt(suspense), 0n);

/** What the books hold of a contract is what its statements say that nobody's weight claims. */
function assertSuspense(market: Market, contracts: readonly string[], periods: readonly string[]): void {
  for (const contract of contracts) {
    const held = periods.flatMap((period) =>
      (market.books(period)?.suspense ?? []).filter((each) => each.contract === contract),
    );
    const stated = periods.flatMap((period) => {
      const statement = market.statement(contract, period);
      return statement === undefined ? [] : [statement, ...statement.adjustments];
    });
    expect(held.reduce((sum, { amount }) => sum + BigInt(amount), 0n)).to.equal(suspenseIn(stated));
  }
}

function commandsOf(market: Market, contract: string) {
  return [...market.network.state.values]
    .filter(([key]) => key.startsWith(`org-${MSP}\u0000command/`))
    .map(
      ([, text]) =>
        JSON.parse(text) as {
          entry: string;
          command: { payload: string; protected: string };
          chains: { kind: string; id: string; n: number }[];
        },
    )
    .flatMap(({ entry, command, chains }) => {
      const chain = chains.find(({ kind, id }) => kind === "contract" && id === contract);
      if (chain === undefined) return [];
      const parse = (text: string) => JSON.parse(Buffer.from(text, "base64url").toString()) as unknown;
      const { time, tx, request, verb } = JSON.parse(entry) as Record<string, string>;
      const { kid } = parse(command.protected) as { kid: string };
      const signer = kid.split("#")[0] ?? "";
      const facts = { time, timeMs: Date.parse(time ?? ""), tx, request, kid, signer, signerRoles: [] };
      return [{ n: chain.n, verb, payload: parse(command.payload) as { readonly period: string }, facts }];
    })
    .sort((a, b) => a.n - b.n);
}
