/** A month of S5 as the ledger would hold it: 57 packages in three tiers, one taken back, split 4 : 3 : 3. Holds no test itself. */
import { divide, divided, type Offer, reckon, splitOf, type Statement, type Tariff } from "@quanji/chaincode/domain";
import { sha256, sha256Text, utf8 } from "@quanji/chaincode/log";

export const NET = "quanji.example/zj";
export const LOG = `${NET}/gw-zj/0`;
export const SELLER = "91330521MAQJ00415Q";
export const BUYER = "91110000MAQJ0044X9";
export const EXCHANGE = "91330000MAQJ004317";
export const PROVIDER = "11330521MBQJ00427A";
export const CONTRACT = "0b0f2c52-6d7e-4f0a-8b1c-2d3e4f5a6b7c";
export const OFFER = "1c1f2c52-6d7e-4f0a-8b1c-2d3e4f5a6b7c";
export const INVOICE = "2d2f2c52-6d7e-4f0a-8b1c-2d3e4f5a6b7c";
export const ADJUSTMENT = "3e3f2c52-6d7e-4f0a-8b1c-2d3e4f5a6b7c";
export const CODE = "0123456789ABCDEFGHJKMNPQRS";
export const AT = { request: sha256Text("request"), time: "2026-04-02T01:00:00.000Z", tx: "ab" };

export const TARIFF: Tariff = {
  unit: "call",
  currency: "CNY",
  tiers: [
    { upTo: 10, amount: "128888", per: 1 },
    { upTo: 50, amount: "110999", per: 1 },
    { amount: "95001", per: 1 },
  ],
  from: "2026-03-01T00:00:00.000Z",
};

const PAYEES = {
  shares: [
    { weight: 4, to: PROVIDER },
    { weight: 3, to: SELLER },
    { weight: 3, to: EXCHANGE },
  ],
};
export const parts = (amount: bigint) => {
  const { portions, suspense } = divide(amount, splitOf(PAYEES, []));
  return divided(amount, portions, suspense);
};

export const leafAt = (index: number) => sha256(utf8(`delivery ${index}`));

export const deliveries = (count: number) =>
  Array.from({ length: count }, (_, index) => ({
    log: LOG,
    index,
    leaf: leafAt(index),
    purpose: "train.simulation",
    quantity: 1n,
  }));

export const OFFERED = {
  v: "quanji.offer.v1",
  id: OFFER,
  n: 1,
  version: 1,
  state: "listed",
  resource: "prd/sim.scene@1",
  seller: SELLER,
  exchange: EXCHANGE,
  purposes: ["train.simulation"],
  attestations: [],
  tariffs: [{ version: 1, tariff: TARIFF, published: AT }],
  at: AT,
} as unknown as Offer;

export function statement(over: Partial<Statement> = {}): Statement {
  const { lines, total } = reckon(TARIFF, deliveries(57), { isFirst: true });
  return {
    v: "quanji.statement.v1",
    contract: CONTRACT,
    contractVersion: 1,
    period: "2026-03",
    tariff: 1,
    currency: "CNY",
    seller: SELLER,
    buyer: BUYER,
    closedBy: EXCHANGE,
    isFirst: true,
    logs: [{ log: LOG, from: 0, to: 57 }],
    lines,
    held: [],
    measured: [],
    ...parts(total),
    disputes: [],
    adjustments: [],
    closed: AT,
    disputeUntil: "2026-04-12T01:00:00.000Z",
    certificates: [],
    ...over,
  };
}

export const taken = (): Statement["adjustments"][number] => ({
  id: ADJUSTMENT,
  kind: "withdraw",
  quantity: "1",
  free: "0",
  at: AT,
  ...parts(-95001n),
});

export const facts = (over: Partial<Statement> = {}) => ({
  net: NET,
  statement: statement(over),
  contract: CONTRACT,
  offer: OFFERED,
  item: { resource: "prd/sim.scene@1", title: "自动驾驶仿真场景库" },
  invoice: INVOICE,
  code: CODE,
  issueDate: "2026-04-02",
  names: new Map([
    [SELLER, "德清车联网科技有限公司"],
    [BUYER, "北京自动驾驶技术有限公司"],
    [EXCHANGE, "浙江大数据交易服务平台"],
  ]),
});
