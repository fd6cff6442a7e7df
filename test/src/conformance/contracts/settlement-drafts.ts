/** Commands of settlement, made up at random: most months of most contracts have nothing to settle, and both ledgers say so alike. */
import { randomUUID } from "node:crypto";
import { monthAfter, monthOf } from "@quanji/chaincode/domain";
import { type JsonObject, sha256Text } from "@quanji/chaincode/log";
import { NET } from "@quanji/chaincode/testing";
import type { Draft } from "./drafts.js";
import { type Gateway, gatewayOf, GATEWAYS, type Scene } from "./scene.js";

type Maker = (scene: Scene) => Draft | undefined;
type SettlementVerb =
  | "indicator.sign"
  | "statement.close"
  | "statement.dispute"
  | "statement.adjust"
  | "invoice.issue"
  | "invoice.settle"
  | "certificate.issue"
  | "certificate.revoke"
  | "disclosure.publish"
  | "books.close";

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const code = ({ dice }: Scene): string => Array.from({ length: 26 }, () => ALPHABET[dice.below(32)]).join("");
const anyGateway = ({ dice }: Scene): Gateway => dice.one(Object.values(GATEWAYS));
const digest = sha256Text("document");
const LOG = `${NET}/holder/0`;

/** A command on a month of a contract that is there, by one of its sides. */
const ofMonth =
  (more: (scene: Scene) => JsonObject): Maker =>
  (scene) => {
    const { dice } = scene;
    const one = scene.likely(scene.contracts(), ({ contract: { state } }) => state === "active");
    const terms = one?.contract.versions.at(-1)?.terms;
    if (one === undefined || terms === undefined) return undefined;
    const present = monthOf(scene.network.now(), "+08:00");
    return {
      by: scene.by(dice.one([terms.exchange ?? terms.seller, terms.seller, terms.buyer])),
      payload: {
        net: NET,
        contract: dice.once(12) ? randomUUID() : one.contract.id,
        period: monthAfter(present, -dice.below(2)),
        ...more(scene),
      },
      via: dice.once(12) ? anyGateway(scene) : gatewayOf(one.msp),
    };
  };

export const SETTLEMENT_MAKERS: Readonly<Record<SettlementVerb, Maker>> = {
  "indicator.sign": ofMonth(() => ({ indicator: { indicator: "uptime", value: "950" } })),
  "statement.close": ofMonth(() => ({
    tariff: 1,
    logs: [{ log: LOG, from: 0, to: 1 }],
    lines: [],
    held: [],
    measured: [],
    total: "0",
  })),
  "statement.dispute": ofMonth(() => ({
    dispute: randomUUID(),
    deliveries: [{ log: LOG, index: 1, leaf: digest }],
    evidence: [digest],
  })),
  "statement.adjust": ofMonth(({ dice }) =>
    dice.once(3)
      ? { adjustment: randomUUID(), kind: "assign", weights: [], quantity: "0", free: "0", amount: "0" }
      : {
          adjustment: randomUUID(),
          kind: "withdraw",
          deliveries: [{ log: LOG, index: 1, leaf: digest }],
          quantity: "1",
          free: "0",
          amount: "-1",
        },
  ),
  "invoice.issue": ofMonth((scene) => ({ invoice: randomUUID(), code: code(scene), digest })),
  "invoice.settle": ofMonth(() => ({ invoice: randomUUID(), amount: "0", payment: digest })),
  "certificate.issue": ofMonth((scene) => ({ certificate: randomUUID(), code: code(scene), digest, statusIndex: 0 })),
  "certificate.revoke": ofMonth(() => ({ certificate: randomUUID() })),
  "disclosure.publish": (scene) => ({
    by: scene.named(scene.dice.one(["bureau", "legal"])),
    payload: { net: NET, year: 2000 + scene.dice.below(30), code: code(scene), digest },
    via: anyGateway(scene),
  }),
  "books.close": (scene) => {
    const present = monthOf(scene.network.now(), "+08:00");
    return {
      by: scene.named(scene.dice.one(["regulator", "bureau"])),
      payload: { net: NET, period: monthAfter(present, -scene.dice.below(12)), currency: "CNY", transfers: [] },
      via: anyGateway(scene),
    };
  },
};
