import { expect } from "chai";
import fc from "fast-check";
import { createHash } from "node:crypto";
import type { PublicJwk } from "../log/index.js";
import { expectThrow } from "../testing/expect.js";
import {
  type AccessRequest,
  assertNarrower,
  type Cell,
  type Counter,
  decide,
  type DecisionState,
  type Grant,
  type GrantView,
  NO_USES,
  type Obligation,
  type Order,
  type Party,
  type Resource,
  type Rule,
  type StopState,
  stopDigest,
  type Terms,
} from "./index.js";

const NOW = Date.parse("2026-06-15T00:00:00.000Z");
const STEWARD = "11510100MBQJ006115";
const USER = "91510100MAQJ006421";
const LOG = "quanji.test/demo/holder/0";
const at = { time: "2026-01-01T00:00:00.000Z", tx: "00" };
const KEY = "k".repeat(43);
const jwk: PublicJwk = { kty: "OKP", crv: "Ed25519", x: "A".repeat(43) };

const party: Party = {
  v: "quanji.party.v1",
  id: USER,
  state: "active",
  kind: "org",
  roles: ["user"],
  jurisdiction: "CN",
  home: "HolderMSP",
  keys: [{ thumbprint: KEY, jwk, purpose: "act", custody: "self", from: at.time }],
  version: 1,
  n: 2,
  at,
};
const field = (name: string) => ({ name, type: "string" as const, grade: "general-1" as const });
const resource: Resource = {
  v: "quanji.resource.v1",
  id: "res/weather.daily",
  state: "registered",
  kind: "dataset",
  title: "Weather",
  class: "weather.daily",
  steward: STEWARD,
  servedBy: "HolderMSP",
  logs: [LOG],
  grade: { standard: "GB/T 43697-2024", level: "general-1" },
  sharing: "conditional",
  subjectKind: "none",
  fields: ["day", "rain", "wind"].map(field),
  rangeField: "day",
  rights: [{ kind: "holding", holder: STEWARD, basis: "duty" }],
  version: 1,
  n: 1,
  at,
};
const terms: Terms = {
  actions: ["query", "export"],
  purposes: ["risk", "research"],
  fields: ["day", "rain"],
  window: { from: "2026-01-01T00:00:00.000Z", until: "2027-01-01T00:00:00.000Z" },
  environments: ["api"],
  jurisdictions: ["CN"],
  lawfulBasis: "contract",
  onStop: "stop",
};
const uuid = (n: number): string => `00000000-0000-4000-8000-${n.toString(16).padStart(12, "0")}`;
const grantOf = (change: Partial<Grant> = {}, id = uuid(1)): Grant => ({
  v: "quanji.grant.v1",
  id,
  state: "active",
  resource: "res/weather.daily@1",
  grantor: STEWARD,
  grantee: USER,
  right: "holding",
  ancestors: [],
  depth: 0,
  logs: [LOG],
  terms,
  steps: [{ stage: 1, party: STEWARD, kind: "approve" }],
  epoch: 1,
  version: 1,
  n: 2,
  at,
  ...change,
});
const live: StopState = { v: "quanji.stop.v1", epoch: 1, grantor: "g" };
const view = (grant: Grant, stop: StopState | undefined = live): GrantView => ({ grant, stop });
const stopped = (verb: "grant.suspend" | "grant.revoke", signer = STEWARD, epoch = 1): StopState => ({
  ...live,
  epoch,
  stop: { verb, request: "r", signer, command: { payload: "", protected: "", signature: "" } },
});
const request: AccessRequest = {
  net: "quanji.test/demo",
  log: LOG,
  seq: 0,
  resource: "res/weather.daily",
  grant: uuid(1),
  action: "query",
  purpose: "risk",
  fields: ["day"],
  environment: { kind: "api", jurisdiction: "CN" },
  operator: "o",
  mode: "normal",
  quantity: 1,
};
const state = (change: Partial<DecisionState> = {}): DecisionState => ({
  timeMs: NOW,
  timeZone: "+08:00",
  requester: party,
  key: KEY,
  orders: [],
  resource,
  cells: [],
  grant: view(grantOf()),
  ancestors: [],
  counters: [NO_USES],
  ...change,
});
const withTerms = (change: Partial<Terms>) => state({ grant: view(grantOf({ terms: { ...terms, ...change } })) });
const cell = (change: Partial<Cell>): Cell => ({
  from: "any",
  to: "any",
  class: "any",
  purpose: "any",
  action: "any",
  effect: "forbid",
  ...change,
});
const freeze = (target: Order["target"]): Order => ({ id: uuid(9), target, issuer: "R", since: at.time });
const used = (n: number): Counter => ({ quota: { window: 0, used: n }, rate: { window: 0, used: 0 } });

type Row = readonly [name: string, rule: Rule | "permit", state: DecisionState, request?: Partial<AccessRequest>];

const key = (change: object) => state({ requester: { ...party, keys: [{ ...party.keys[0]!, ...change }] } });
const ROWS: readonly Row[] = [
  ["all in order", "permit", state()],
  ["suspended party", "PARTY_INACTIVE", state({ requester: { ...party, state: "suspended" } })],
  ["pending party", "PARTY_INACTIVE", state({ requester: { ...party, state: "pending" } })],
  ["unknown key", "KEY_INVALID", state({ key: "x" })],
  ["compromised key", "KEY_INVALID", key({ compromisedSince: at.time })],
  ["recovery key", "KEY_INVALID", key({ purpose: "recovery" })],
  ["key ended", "KEY_INVALID", key({ until: "2026-06-15T00:00:00.000Z" })],
  ["key ends later", "permit", key({ until: "2026-06-15T00:00:00.001Z" })],
  ["key not begun", "KEY_INVALID", key({ from: "2026-06-15T00:00:00.001Z" })],
  ["frozen resource", "ORDER_FROZEN", state({ orders: [freeze({ kind: "resource", id: resource.id })] })],
  ["frozen party", "ORDER_FROZEN", state({ orders: [freeze({ kind: "party", id: USER })] })],
  ["frozen grant", "ORDER_FROZEN", state({ orders: [freeze({ kind: "grant", id: stopDigest(uuid(1)) })] })],
  ["another party frozen", "permit", state({ orders: [freeze({ kind: "party", id: STEWARD })] })],
  ["lifted", "permit", state({ orders: [{ ...freeze({ kind: "party", id: USER }), lifted: at.time }] })],
  ["suspended resource", "RESOURCE_SUSPENDED", state({ resource: { ...resource, state: "suspended" } })],
  ["forbidden", "BOUNDARY_FORBIDS", state({ cells: [cell({})] })],
  ["forbidden to another", "permit", state({ cells: [cell({ to: STEWARD })] })],
  [
    "forbidden before grants are looked at",
    "BOUNDARY_FORBIDS",
    state({ cells: [cell({})], grant: undefined, counters: [] }),
  ],
  ["approval lacking", "BOUNDARY_APPROVAL", state({ cells: [cell({ effect: "require", approver: USER })] })],
  ["approval in the route", "permit", state({ cells: [cell({ effect: "require", approver: STEWARD })] })],
  [
    "approval asked, no grant",
    "GRANT_MISSING",
    state({ cells: [cell({ effect: "require", approver: USER })], grant: undefined, counters: [] }),
  ],
  ["must share changes no decision", "permit", state({ cells: [cell({ effect: "mustShare" })] })],
  ["no grant", "GRANT_MISSING", state({ grant: undefined, counters: [] })],
  ["another's grant", "NOT_GRANTEE", state({ grant: view(grantOf({ grantee: STEWARD })) })],
  [
    "another's grant, revoked: still NOT_GRANTEE",
    "NOT_GRANTEE",
    state({ grant: view(grantOf({ grantee: STEWARD, state: "revoked" })) }),
  ],
  ["revoked", "GRANT_REVOKED", state({ grant: view(grantOf({ state: "revoked" })) })],
  ["refused", "GRANT_REVOKED", state({ grant: view(grantOf({ state: "refused" })) })],
  ["withdrawn", "GRANT_REVOKED", state({ grant: view(grantOf({ state: "withdrawn" })) })],
  ["suspended", "GRANT_SUSPENDED", state({ grant: view(grantOf({ state: "suspended" })) })],
  ["pending", "GRANT_PENDING", state({ grant: { grant: grantOf({ state: "pending" }), stop: undefined } })],
  ["stop: revoke", "GRANT_REVOKED", state({ grant: view(grantOf(), stopped("grant.revoke")) })],
  ["stop: suspend", "GRANT_SUSPENDED", state({ grant: view(grantOf(), stopped("grant.suspend")) })],
  [
    "stop: revoke of a suspended grant",
    "GRANT_REVOKED",
    state({ grant: view(grantOf({ state: "suspended" }), stopped("grant.revoke")) }),
  ],
  ["stop by somebody else is noise", "permit", state({ grant: view(grantOf(), stopped("grant.revoke", USER)) })],
  ["stop key absent", "GRANT_SUSPENDED", state({ grant: { grant: grantOf(), stop: undefined } })],
  [
    "stop key of an old epoch",
    "GRANT_SUSPENDED",
    state({ grant: view(grantOf({ epoch: 2 }), stopped("grant.suspend", STEWARD, 1)) }),
  ],
  [
    "before the window",
    "GRANT_NOT_YET",
    withTerms({ window: { from: "2026-06-15T00:00:00.001Z", until: "2027-01-01T00:00:00.000Z" } }),
  ],
  [
    "at the window's first instant",
    "permit",
    withTerms({ window: { from: "2026-06-15T00:00:00.000Z", until: "2027-01-01T00:00:00.000Z" } }),
  ],
  [
    "at the window's end",
    "GRANT_EXPIRED",
    withTerms({ window: { from: "2026-01-01T00:00:00.000Z", until: "2026-06-15T00:00:00.000Z" } }),
  ],
  ["action", "ACTION_OUTSIDE_GRANT", state(), { action: "derive" }],
  ["purpose", "PURPOSE_OUTSIDE_GRANT", state(), { purpose: "marketing" }],
  ["field", "FIELDS_OUTSIDE_GRANT", state(), { fields: ["day", "wind"] }],
  [
    "field that the resource no longer has",
    "FIELDS_OUTSIDE_GRANT",
    state({ resource: { ...resource, fields: [field("rain")] } }),
  ],
  [
    "range without a range field",
    "RANGE_OUTSIDE_GRANT",
    state({ resource: without(resource) }),
    { range: { from: "2026-01-01", to: "2026-02-01" } },
  ],
  ["range asked, none granted", "permit", state(), { range: { from: "2026-01-01", to: "2026-02-01" } }],
  ["empty range", "RANGE_OUTSIDE_GRANT", state(), { range: { from: "2026-02-01", to: "2026-02-01" } }],
  ["range granted, none asked", "RANGE_OUTSIDE_GRANT", withTerms({ dataRange: { months: 3 } })],
  [
    "within the look-back",
    "permit",
    withTerms({ dataRange: { months: 3 } }),
    { range: { from: "2026-03-16", to: "2026-04-01" } },
  ],
  [
    "beyond the look-back",
    "RANGE_OUTSIDE_GRANT",
    withTerms({ dataRange: { months: 3 } }),
    { range: { from: "2026-03-14", to: "2026-04-01" } },
  ],
  [
    "within a fixed range",
    "permit",
    withTerms({ dataRange: { from: "2026-01-01", to: "2026-02-01" } }),
    { range: { from: "2026-01-01", to: "2026-02-01" } },
  ],
  [
    "a day too far",
    "RANGE_OUTSIDE_GRANT",
    withTerms({ dataRange: { from: "2026-01-01", to: "2026-02-01" } }),
    { range: { from: "2026-01-01", to: "2026-02-02" } },
  ],
  ["environment", "ENVIRONMENT_OUTSIDE_GRANT", state(), { environment: { kind: "tee", jurisdiction: "CN" } }],
  ["jurisdiction", "JURISDICTION_OUTSIDE_GRANT", state(), { environment: { kind: "api", jurisdiction: "DE" } }],
  ["rate", "RATE_EXCEEDED", rated(1), {}],
  ["rate in another second", "permit", rated(0), {}],
  ["last call of a quota", "permit", quota(4, { n: 5 })],
  ["quota", "QUOTA_EXCEEDED", quota(5, { n: 5 })],
  ["rows count by quantity", "QUOTA_EXCEEDED", quota(0, { unit: "row", n: 5 }), { quantity: 6 }],
  ["rows fit", "permit", quota(0, { unit: "row", n: 5 }), { quantity: 5 }],
  ["allotted to this log", "QUOTA_EXCEEDED", quota(2, { n: 5, allotted: [{ log: LOG, n: 2 }] })],
  ["allotted elsewhere", "QUOTA_EXCEEDED", quota(0, { n: 5, allotted: [{ log: `${LOG}0`, n: 5 }] })],
  ["without an allotment all lies in the first log", "permit", inLogs(quota(4, { n: 5 }), LOG, `${LOG}0`)],
  ["and nothing in the second", "QUOTA_EXCEEDED", inLogs(quota(0, { n: 5 }), `${LOG}0`, LOG)],
  ["a rate is divided, the first log takes the rest", "permit", inLogs(rated(0), LOG, `${LOG}0`)],
  ["a rate of one leaves nothing for the second log", "RATE_EXCEEDED", inLogs(rated(0), `${LOG}0`, LOG)],
  ["quota of a window that is over", "permit", quota(5, { n: 5, per: "P1D" })],
];

function without({ rangeField: _rangeField, ...rest }: Resource): Resource {
  return rest;
}
function rated(usedNow: number): DecisionState {
  const window = Math.floor((NOW - Date.parse(terms.window.from)) / 1000);
  const counter = { quota: { window: 0, used: 0 }, rate: { window: window - (usedNow === 0 ? 1 : 0), used: 1 } };
  return { ...withTerms({ rate: { n: 1, seconds: 1 } }), counters: [counter] };
}
function inLogs(situation: DecisionState, ...logs: readonly string[]): DecisionState {
  const { grant } = situation;
  return grant === undefined ? situation : { ...situation, grant: { ...grant, grant: { ...grant.grant, logs } } };
}
function quota(soFar: number, change: Partial<NonNullable<Terms["quota"]>>): DecisionState {
  return { ...withTerms({ quota: { unit: "call", n: 5, per: "window", ...change } }), counters: [used(soFar)] };
}

describe("decide", () => {
  for (const [name, rule, situation, change] of ROWS) {
    it(`${name} → ${rule}`, () => {
      const decision = decide({ ...request, ...change }, situation);
      expect(decision.rule).to.equal(rule);
      expect(decision.decision).to.equal(rule === "permit" ? "permit" : "deny");
      if (rule !== "permit") expect(decision.counters).to.equal(situation.counters);
    });
  }

  it("names the first rule that denies", () => {
    const everything = state({
      requester: { ...party, state: "suspended" },
      orders: [freeze({ kind: "party", id: USER })],
      resource: { ...resource, state: "suspended" },
      cells: [cell({})],
      grant: view(grantOf({ state: "revoked", grantee: STEWARD })),
    });
    expect(decide(request, everything).rule).to.equal("PARTY_INACTIVE");
    expect(decide(request, { ...everything, requester: party }).rule).to.equal("ORDER_FROZEN");
    expect(decide(request, { ...everything, requester: party, orders: [] }).rule).to.equal("RESOURCE_SUSPENDED");
  });

  it("an unfolded stop that decides is named, also when it stops an ancestor", () => {
    expect(decide(request, state({ grant: view(grantOf(), stopped("grant.revoke")) })).stop).to.equal("r");
    const parent = view(grantOf({ grantee: "P", depth: 1 }, uuid(2)), stopped("grant.suspend"));
    const child = view(grantOf({ grantor: "P", ancestors: [uuid(2)] }));
    const decision = decide(request, state({ grant: child, ancestors: [parent], counters: [NO_USES, NO_USES] }));
    expect(decision).to.include({ rule: "ANCESTOR_NOT_IN_FORCE", stop: "r" });
  });

  it("a child that is wider than its parent is not believed, whatever state says", () => {
    const parent = view(grantOf({ grantee: "P", depth: 1, terms: { ...terms, purposes: ["research"] } }, uuid(2)));
    const child = view(grantOf({ grantor: "P", ancestors: [uuid(2)] }));
    const decision = decide(request, state({ grant: child, ancestors: [parent], counters: [NO_USES, NO_USES] }));
    expect(decision.detail).to.equal(`${uuid(2)} EXCEEDS_PARENT`);
  });

  it("a permit charges the grant and every ancestor; obligations bind the fields asked for", () => {
    const obligations: Obligation[] = [
      { op: "mask", field: "day", arg: "4,0" },
      { op: "drop", field: "rain" },
    ];
    const own = { ...terms, obligations };
    const parent = view(grantOf({ grantee: "P", depth: 1, terms: own }, uuid(2)));
    const child = view(grantOf({ grantor: "P", ancestors: [uuid(2)], terms: own }));
    const decision = decide(request, state({ grant: child, ancestors: [parent], counters: [NO_USES, NO_USES] }));
    expect(decision.obligations).to.deep.equal(["mask:day:4,0"]);
    expect(decision.counters.map((counter) => counter.quota.used)).to.deep.equal([1, 1]);
  });
});

const arbitraryTerms: fc.Arbitrary<Terms> = fc
  .record({
    actions: fc.subarray(["query", "verify", "export", "subgrant"] as const, { minLength: 1 }),
    purposes: fc.subarray(["risk", "research", "marketing"], { minLength: 1 }),
    fields: fc.subarray(["day", "rain", "wind"], { minLength: 1 }),
    jurisdictions: fc.subarray(["CN", "DE"], { minLength: 1 }),
    environments: fc.subarray(["api", "tee"] as const, { minLength: 1 }),
    onStop: fc.constantFrom("stop" as const, "complete" as const),
    from: fc.integer({ min: -3, max: 3 }),
    length: fc.integer({ min: 1, max: 6 }),
    range: fc.option(
      fc.oneof(
        fc.constant({ months: 3 }),
        fc.constant({ months: 6 }),
        fc.constant({ from: "2026-01-01", to: "2026-05-01" }),
      ),
      { nil: undefined },
    ),
    quota: fc.option(
      fc.record({
        unit: fc.constantFrom("call" as const, "row" as const),
        n: fc.integer({ min: 1, max: 3 }),
        per: fc.constantFrom("P1D" as const, "window" as const),
      }),
      { nil: undefined },
    ),
    masked: fc.boolean(),
  })
  .map(({ from, length, range, quota: limit, masked, ...rest }) => ({
    ...rest,
    lawfulBasis: "contract",
    window: {
      from: new Date(NOW + from * 86_400_000).toISOString(),
      until: new Date(NOW + (from + length) * 86_400_000).toISOString(),
    },
    ...(range !== undefined && { dataRange: range }),
    ...(limit !== undefined && { quota: limit }),
    ...(masked && rest.fields.includes("day") && { obligations: [{ op: "drop" as const, field: "day" }] }),
  }));

const arbitraryRequest: fc.Arbitrary<AccessRequest> = fc
  .record({
    action: fc.constantFrom("query" as const, "verify" as const, "export" as const),
    purpose: fc.constantFrom("risk", "research", "marketing"),
    fields: fc.subarray(["day", "rain", "wind"], { minLength: 1 }),
    kind: fc.constantFrom("api" as const, "tee" as const),
    jurisdiction: fc.constantFrom("CN", "DE"),
    range: fc.option(
      fc.constantFrom({ from: "2026-04-01", to: "2026-05-01" }, { from: "2025-01-01", to: "2026-01-01" }),
      { nil: undefined },
    ),
    quantity: fc.integer({ min: 1, max: 3 }),
  })
  .map(({ kind, jurisdiction, range, ...rest }) => ({
    ...request,
    ...rest,
    environment: { kind, jurisdiction },
    ...(range !== undefined && { range }),
  }));

describe("decide: properties", () => {
  it("a child never permits what its parent denies", () => {
    let compared = 0;
    fc.assert(
      fc.property(arbitraryTerms, arbitraryTerms, arbitraryRequest, fc.boolean(), (outer, inner, asked, derive) => {
        const parent = grantOf({ depth: 1, terms: outer }, uuid(2));
        const narrowed: Terms = derive ? narrowTo(inner, outer) : inner;
        const child = grantOf({ grantor: "P", ancestors: [uuid(2)], terms: narrowed });
        try {
          assertNarrower(parent, child, "+08:00");
        } catch {
          return; // wider: nothing to compare
        }
        compared++;
        const own = decide(asked, state({ grant: view(parent) }));
        const below = decide(
          asked,
          state({ grant: view(child), ancestors: [view({ ...parent, grantee: "P" })], counters: [NO_USES, NO_USES] }),
        );
        if (below.decision === "permit")
          expect(own.decision, JSON.stringify([outer, narrowed, asked])).to.equal("permit");
        if (below.decision === "permit") expect(below.obligations).to.include.members([...own.obligations]);
      }),
      { numRuns: 2000 },
    );
    expect(compared).to.be.greaterThan(200);
  });

  it("an order or a forbidding cell never turns a denial into a permit", () => {
    const cells = fc.array(
      fc.record({
        purpose: fc.constantFrom("any", "risk"),
        action: fc.constantFrom("any", "query"),
        to: fc.constantFrom("any", USER, STEWARD),
      }),
      { maxLength: 3 },
    );
    fc.assert(
      fc.property(arbitraryTerms, arbitraryRequest, cells, fc.boolean(), (granted, asked, forbidden, frozen) => {
        const before = decide(asked, state({ grant: view(grantOf({ terms: granted })) }));
        const after = decide(
          asked,
          state({
            grant: view(grantOf({ terms: granted })),
            cells: forbidden.map(cell),
            orders: frozen ? [freeze({ kind: "party", id: USER })] : [],
          }),
        );
        if (before.decision === "deny") expect(after.decision).to.equal("deny");
      }),
    );
  });

  it("is a function: the same state gives the same answer, and the state is left alone", () => {
    const digest = (value: unknown) => createHash("sha256").update(JSON.stringify(value)).digest("hex");
    fc.assert(
      fc.property(arbitraryTerms, arbitraryRequest, (granted, asked) => {
        const situation = state({ grant: view(grantOf({ terms: granted })) });
        const before = digest(situation);
        expect(decide(asked, situation)).to.deep.equal(decide(asked, situation));
        expect(digest(situation)).to.equal(before);
      }),
    );
  });

  it("EXCEEDS_PARENT names the limit that is crossed", () => {
    const parent = grantOf({ depth: 1 });
    const child = (change: Partial<Terms>, rest: object = {}) => ({
      ...grantOf({ terms: { ...terms, ...change } }, uuid(3)),
      ...rest,
    });
    const rows: readonly (readonly [string, ReturnType<typeof child>])[] = [
      ["resource", child({}, { resource: "res/other@1" })],
      ["depth", child({}, { depth: 1 })],
      ["logs", child({}, { logs: ["x"] })],
      ["actions", child({ actions: ["derive"] })],
      ["purposes", child({ purposes: ["marketing"] })],
      ["fields", child({ fields: ["wind"] })],
      ["window", child({ window: { ...terms.window, until: "2028-01-01T00:00:00.000Z" } })],
      ["environments", child({ environments: ["tee"] })],
      ["jurisdictions", child({ jurisdictions: ["DE"] })],
      ["onStop", child({ onStop: "complete" })],
    ];
    for (const [limit, wider] of rows)
      expectThrow(() => assertNarrower(parent, wider, "+08:00"), "EXCEEDS_PARENT", limit);
    const limited = grantOf({
      depth: 1,
      terms: {
        ...terms,
        dataRange: { months: 3 },
        quota: { unit: "call", n: 5, per: "P1D" },
        rate: { n: 2, seconds: 1 },
        obligations: [{ op: "drop", field: "day" }],
      },
    });
    const kept = { dataRange: { months: 3 }, obligations: [{ op: "drop" as const, field: "day" }] };
    const more: readonly (readonly [string, Partial<Terms>])[] = [
      ["dataRange", { obligations: kept.obligations }],
      ["dataRange", { ...kept, dataRange: { months: 4 } }],
      ["dataRange", { ...kept, dataRange: { from: "2026-01-01", to: "2026-02-01" } }],
      ["obligations", { dataRange: kept.dataRange }],
      ["quota", { ...kept, quota: { unit: "call", n: 6, per: "P1D" } }],
      ["rate", { ...kept, rate: { n: 3, seconds: 1 } }],
    ];
    for (const [limit, change] of more)
      expectThrow(() => assertNarrower(limited, child(change), "+08:00"), "EXCEEDS_PARENT", limit);
    assertNarrower(limited, child(kept), "+08:00");
  });
});

const narrowTo = (inner: Terms, outer: Terms): Terms => ({
  ...outer,
  actions: outer.actions.slice(0, 1),
  purposes: outer.purposes
    .filter((purpose) => inner.purposes.includes(purpose))
    .slice(0, 2)
    .concat(outer.purposes.slice(0, 1))
    .filter((p, i, all) => all.indexOf(p) === i),
  onStop: "stop",
});
