/** A payload of every command that is right but for what a test makes wrong in it, and values that no parser likes. */
import type { Verb } from "@quanji/chaincode/domain";
import type { JsonObject } from "@quanji/chaincode/log";
import { LOG } from "../support/host.js";
import { IDS, RESOURCE, TERMS } from "../support/stage.js";

/** Texts that were harmful to some program or other. */
export const HOSTILE_TEXTS = [
  "",
  "..",
  "../../etc/passwd",
  "__proto__",
  "constructor",
  "a".repeat(2_000),
  "a#b#c",
  "\u0000",
  "'; drop table parties;--",
  "${7*7}",
  "%00",
  "权迹",
  "2026-13-45",
  "+275760-09-13T00:00:00.001Z",
] as const;

/** Values as they may stand in JSON text. Not all of them are JSON. */
export const HOSTILE_VALUES = [
  ...HOSTILE_TEXTS.map((text) => JSON.stringify(text)),
  "null",
  "true",
  "-1",
  "-0",
  "1.5",
  "1e400",
  "9007199254740993",
  "1e3",
  "[]",
  "{}",
  "[[[[[[[[[[[[]]]]]]]]]]]]",
  '{"__proto__":{"admin":true}}',
  '{"a":1,"a":2}',
  '"\\ud800"',
  "NaN",
  " 1",
  `[${'"x",'.repeat(300)}"x"]`,
] as const;

/** What a template may refer to. */
export interface Names {
  readonly grant: string;
  /** The grant's public name. */
  readonly target: string;
  /** An id that nothing has yet. */
  readonly id: string;
}

const COMMITMENT = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";
const JWK = { crv: "Ed25519", kty: "OKP", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" };
const terms = TERMS as unknown as JsonObject;
const described = {
  title: "x",
  class: "fuzz.class",
  grade: { standard: "GB/T 43697-2024", level: "general-1" },
  sharing: "open",
  subjectKind: "none",
  basis: { law: "x", duty: "x" },
  responsibleHead: COMMITMENT,
  fields: [{ name: "day", type: "date", grade: "general-1" }],
  rights: [{ kind: "holding", holder: IDS.bureau, basis: "x" }],
};
/** A resource of the bureau's that stands for nothing else: what hits it harms no other test. */
export const TARGET = "res/fuzz.target";
const TARIFF = {
  unit: "call",
  currency: "CNY",
  tiers: [
    { upTo: 5, amount: "80", per: 10 },
    { amount: "50", per: 10 },
  ],
  freePurposes: ["disaster.warning"],
  discountBps: 1,
  minimum: "1",
  performance: { indicator: "uptime", none: 0, full: 1, heldBps: 1 },
  cap: "9",
  allowance: "80000",
  from: "2026-01-01T00:00:00.000Z",
};
const month = (contract: string) => ({ contract, period: "2026-01" });
const DOCUMENT = { code: "0".repeat(26), digest: COMMITMENT };
const granted = { resource: `${RESOURCE}@1`, depth: 0, logs: [LOG], terms };

export const TEMPLATES: Readonly<Record<Verb, (names: Names) => JsonObject>> = {
  "network.init": () => ({
    timeZone: "+08:00",
    testClock: false,
    regulator: { party: IDS.regulator, msp: "RegulatorMSP", name: "x", jurisdiction: "CN", jwk: JWK },
    msps: ["HolderMSP", "RegulatorMSP"],
    gateways: [{ name: "other", msp: "HolderMSP", publicUrl: "https://other.test", jwk: JWK }],
  }),
  "gateway.register": () => ({
    gateway: { name: "other", msp: "HolderMSP", publicUrl: "https://other.test", jwk: JWK },
  }),
  "log.create": () => ({ log: LOG, gateway: "gw", vkey: "x" }),
  "clock.set": () => ({ offsetMs: 1 }),
  "party.register": () => ({
    party: "urn:fuzz:somebody",
    kind: "org",
    name: "x",
    roles: ["user"],
    jurisdiction: "CN",
    home: "HolderMSP",
    key: { jwk: JWK, purpose: "act", custody: "self" },
    responsibleHead: COMMITMENT,
  }),
  "party.admit": () => ({ party: IDS.stranger, roles: ["user"] }),
  "party.rotateKey": () => ({
    party: IDS.insurer,
    key: { jwk: JWK, purpose: "act", custody: "self" },
    possession: COMMITMENT + COMMITMENT,
    retire: COMMITMENT,
  }),
  "party.compromiseKey": () => ({
    party: IDS.insurer,
    thumbprint: COMMITMENT,
    since: "2026-01-01T00:00:00.000Z",
  }),
  "party.suspend": () => ({ party: IDS.stranger, ground: COMMITMENT }),
  "party.resume": () => ({ party: IDS.stranger }),
  "party.tagKey": () => ({
    party: IDS.insurer,
    quarter: "2026Q1",
    commitment: COMMITMENT,
    recipient: `${IDS.regulator}#${COMMITMENT}`,
    escrow: COMMITMENT,
  }),
  "party.openTagKey": () => ({ party: IDS.insurer, quarter: "2026Q1", ground: COMMITMENT }),
  "resource.register": () => ({
    ...described,
    resource: "res/fuzz",
    kind: "dataset",
    steward: IDS.insurer,
    servedBy: "HolderMSP",
    logs: [LOG],
  }),
  "resource.amend": () => ({ ...described, resource: TARGET, version: 1 }),
  "resource.suspend": () => ({ resource: TARGET, ground: COMMITMENT }),
  "resource.resume": () => ({ resource: TARGET }),
  "boundary.publish": () => ({
    list: "negative",
    version: 1,
    effectiveFrom: "2099-01-01T00:00:00.000Z",
    cells: [{ from: "any", to: "any", class: "fuzz.class", purpose: "any", action: "any", effect: "forbid" }],
  }),
  "order.freeze": ({ id, target }) => ({ order: id, target: { kind: "grant", id: target }, ground: COMMITMENT }),
  "order.lift": ({ id }) => ({ order: id, ground: COMMITMENT }),
  "grant.request": ({ id }) => ({
    ...granted,
    grant: id,
    grantor: IDS.bureau,
    right: "holding",
    route: [[IDS.bureau]],
  }),
  "grant.offer": ({ id }) => ({
    ...granted,
    grant: id,
    grantee: IDS.adjuster,
    right: "holding",
    route: [[IDS.bureau]],
  }),
  "grant.derive": ({ id, grant }) => ({ ...granted, grant: id, grantee: IDS.adjuster, ancestors: [grant] }),
  "grant.accept": ({ id }) => ({ grant: id }),
  "grant.approve": ({ id }) => ({ grant: id }),
  "grant.refuse": ({ id }) => ({ grant: id, ground: COMMITMENT }),
  "grant.withdraw": ({ id }) => ({ grant: id }),
  "grant.suspend": ({ target }) => ({ target, epoch: 9, ground: COMMITMENT }),
  "grant.revoke": ({ target }) => ({ target, epoch: 9, ground: COMMITMENT }),
  "grant.resume": ({ grant }) => ({ grant, epoch: 9 }),
  "grant.allot": ({ grant }) => ({ grant, allotted: [{ log: LOG, n: 1 }] }),
  "record.erase": ({ id }) => ({
    resource: TARGET,
    log: LOG,
    records: [{ id, index: 0, fields: ["operator"] }],
    basis: "request",
    ground: COMMITMENT,
  }),
  "record.seal": ({ id }) => ({
    resource: TARGET,
    log: LOG,
    order: id,
    authority: "x",
    until: "2026-12-31T00:00:00.000Z",
    ground: COMMITMENT,
    records: [{ index: 0, leaf: COMMITMENT }],
  }),
  "record.unseal": ({ id }) => ({ resource: TARGET, order: id, ground: COMMITMENT }),
  attest: ({ id }) => ({
    attestation: id,
    kind: "deidentification",
    subject: `${TARGET}@1`,
    result: "pass",
    level: "general-1",
    until: "2099-01-01T00:00:00.000Z",
    report: COMMITMENT,
    findings: COMMITMENT,
  }),
  "attestation.withdraw": ({ id }) => ({ attestation: id, ground: COMMITMENT }),
  "price.cap": () => ({
    resource: TARGET,
    version: 1,
    unit: "call",
    currency: "CNY",
    amount: "1",
    from: "2099-01-01T00:00:00.000Z",
  }),
  "offer.list": ({ id }) => ({
    offer: id,
    resource: `${TARGET}@1`,
    exchange: IDS.adjuster,
    purposes: ["risk.assessment"],
    attestations: [id],
    tariff: TARIFF,
  }),
  "offer.delist": ({ id }) => ({ offer: id, ground: COMMITMENT }),
  "tariff.publish": ({ id }) => ({ offer: id, version: 2, tariff: TARIFF }),
  "contract.sign": ({ id, grant }) => ({
    contract: id,
    version: 1,
    terms: {
      offer: id,
      seller: IDS.bureau,
      buyer: IDS.insurer,
      exchange: IDS.adjuster,
      grant,
      until: "2099-01-01T00:00:00.000Z",
      payees: {
        carveOuts: [{ party: IDS.bureau, bps: 500 }],
        shares: [
          { weight: 4, to: IDS.bureau },
          { weight: { grant }, to: { shares: [{ weight: 1, to: IDS.adjuster }] } },
        ],
      },
      disputeDays: 10,
      counterparts: ["acceptance", "tally"],
      measurer: IDS.bureau,
    },
  }),
  "indicator.sign": ({ id }) => ({ ...month(id), indicator: { indicator: "uptime", value: "950" } }),
  "statement.close": ({ id, grant }) => ({
    ...month(id),
    tariff: 1,
    logs: [{ log: LOG, from: 0, to: 1 }],
    lines: [
      { kind: "tier", tier: 1, quantity: "1", amount: "8", deliveries: 1, root: COMMITMENT },
      { kind: "free", quantity: "1", amount: "0", deliveries: 1, root: COMMITMENT },
      { kind: "discount", bps: 1, amount: "-1" },
      { kind: "minimum", amount: "1" },
      { kind: "performance", indicator: "uptime", value: "1", amount: "-1" },
    ],
    held: [
      { for: "acceptance", quantity: "1", deliveries: 1, root: COMMITMENT },
      { for: "tally", quantity: "1", deliveries: 1, root: COMMITMENT, ranges: [{ log: LOG, from: 0, to: 1 }] },
    ],
    measured: [{ grant, deliveries: 1, root: COMMITMENT }],
    total: "7",
  }),
  "statement.dispute": ({ id }) => ({
    ...month(id),
    dispute: id,
    deliveries: [{ log: LOG, index: 1, leaf: COMMITMENT }],
    evidence: [COMMITMENT],
    ground: COMMITMENT,
  }),
  "statement.adjust": ({ id }) => ({
    ...month(id),
    adjustment: id,
    dispute: id,
    kind: "withdraw",
    deliveries: [{ log: LOG, index: 1, leaf: COMMITMENT }],
    quantity: "1",
    free: "0",
    amount: "-8",
    weights: [{ period: "2026-04", measured: [{ grant: id, deliveries: 2 }] }],
    ground: COMMITMENT,
    creditNote: DOCUMENT,
  }),
  "invoice.issue": ({ id }) => ({ ...month(id), invoice: id, ...DOCUMENT }),
  "invoice.settle": ({ id }) => ({
    ...month(id),
    invoice: id,
    amount: "7",
    payment: COMMITMENT,
    voucher: DOCUMENT,
  }),
  "certificate.issue": ({ id }) => ({ ...month(id), certificate: id, ...DOCUMENT, statusIndex: 0 }),
  "certificate.revoke": ({ id }) => ({ ...month(id), certificate: id, ground: COMMITMENT }),
  "disclosure.publish": () => ({ year: 2025, ...DOCUMENT }),
  "books.close": () => ({
    period: "2026-01",
    currency: "CNY",
    transfers: [{ party: IDS.bureau, amount: "-1" }],
  }),
  "contract.terminate": ({ id }) => ({ contract: id, ground: COMMITMENT }),
  access: ({ grant }) => ({
    log: LOG,
    seq: 900,
    resource: RESOURCE,
    grant,
    action: "query",
    purpose: "risk.assessment",
    fields: ["day"],
    range: { from: "2026-01-01", to: "2026-02-01" },
    environment: { kind: "api", jurisdiction: "CN" },
    operator: COMMITMENT,
    mode: "normal",
    quantity: 1,
  }),
  "access.void": () => ({ log: LOG, seq: 1_000 }),
  "tally.sign": () => ({ log: LOG, resource: TARGET, from: 0, to: 1, served: 0 }),
  "access.accept": () => ({ log: LOG, record: 0, digest: COMMITMENT, rows: 1 }),
};
