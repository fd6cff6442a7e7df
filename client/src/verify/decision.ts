/**
 * Decides every access again over the replayed states. What has no chain in the file is replaced by something that denies
 * nothing; the rules that it could have denied by are then attested, not replayed, and are named so.
 */
import {
  type Cell,
  CODES,
  type Code,
  type CodeRow,
  type Counter,
  decide,
  type Decision,
  type DecisionState,
  giveBack,
  type Grant,
  type GrantView,
  isCode,
  msOf,
  NO_USES,
  type QuanjiRecord,
  type Resource,
  type Rule,
  splitVersion,
  type StopState,
  versionedId,
  windowNumber,
} from "@quanji/chaincode/domain";
import { thumbprintOf } from "@quanji/chaincode/log";
import { grantOf, type OpenedRecord } from "./record.js";
import type { Replayed } from "./replay.js";
import type { OpenedRequest } from "./requester.js";
import { COMMIT_TOLERANCE_MS, isStop, type Timeline } from "./timeline.js";
import { refuse } from "./verdict.js";

export type AccessRecord = Extract<QuanjiRecord, { readonly type: "access" }>;
export type AccessOf = Extract<OpenedRequest, { readonly type: "access" }>;

/** Names of the rules by their order in `decide`. */
const RULES: ReadonlyMap<number, string> = new Map([
  [1, "requester"],
  [2, "orders"],
  [3, "resource"],
  [4, "boundary"],
  [5, "grantee"],
  [6, "state"],
  [7, "ancestors"],
  [8, "terms"],
  [12, "quota"],
]);
const rulesOf = (...orders: readonly number[]): readonly Rule[] =>
  (Object.keys(CODES) as Code[]).filter((code): code is Rule => orders.includes(orderOf(code)));
function orderOf(code: string): number {
  const row: CodeRow | undefined = isCode(code) ? CODES[code] : undefined;
  return row?.rule ?? Infinity;
}

const NEEDS_ORDERS = rulesOf(2);
const NEEDS_BOUNDARY = rulesOf(4);
const LIMITS = rulesOf(12);
const NEEDS_RESOURCE = ["RESOURCE_SUSPENDED", "FIELDS_OUTSIDE_GRANT", "RANGE_OUTSIDE_GRANT"] as const;
const NEEDS_GRANT = ["ORDER_FROZEN", "BOUNDARY_APPROVAL", "NOT_GRANTEE", ...rulesOf(6, 7, 8, 12)] as const;
const NEEDS_ANCESTORS = ["ORDER_FROZEN", "BOUNDARY_APPROVAL", ...rulesOf(7, 12)] as const;

/** One record on its way through the replay. */
interface Case {
  readonly record: AccessRecord;
  readonly request: AccessOf;
  readonly timeMs: number;
  readonly basis: Basis;
  /** Rules that this file cannot decide. */
  readonly unknown: Set<Rule>;
}

/** How many commands on each object the records of a log so far have rested on, by kind and id. */
type Basis = Readonly<Record<"party" | "resource" | "grant" | "network", Map<string, number>>>;

const BOUNDARY = ["network", "boundary"] as const;
const ORDERS = ["network", "orders"] as const;

export class DecisionReplay {
  readonly #world: Replayed;
  /** Grant whose every use is in the trail. */
  readonly #own: string | undefined;
  /** Uses of that grant by log; absent for logs whose start is not the chain's. */
  readonly #uses = new Map<string, Counter>();
  /** Uses of that grant in all these logs together, by the number of the quota's window. */
  readonly #drawn = new Map<number, number>();
  /** Of each log, the newest state of each object that a record has rested on. */
  readonly #basis = new Map<string, Basis>();
  readonly #attested = new Set<string>();
  #decided = false;

  constructor(world: Replayed, ownGrant: string | undefined) {
    this.#world = world;
    this.#own = ownGrant;
  }

  /** The trail shows this log from its first record of the key: uses can be counted. */
  beginLog(log: string): void {
    this.#uses.set(log, NO_USES);
  }

  /** Something of this log is sealed from here on, and may have used the grant: uses cannot be counted any more. */
  blur(log: string): void {
    this.#uses.delete(log);
  }

  get replayed(): readonly string[] {
    return this.#decided ? [...RULES.values()].filter((name) => !this.#attested.has(name)) : [];
  }

  get attested(): readonly string[] {
    return [...RULES.values()].filter((name) => this.#attested.has(name));
  }

  /**
   * Errors: BASIS_UNKNOWN, BASIS_STALE, TIME_BRACKET, PERMIT_AFTER_STOP, KEY_REVOKED, DECISION_MISMATCH, LINK_MISSING,
   * CHAIN_MISSING (the requester's).
   */
  check({ timeMs }: OpenedRecord, record: AccessRecord, request: AccessOf): void {
    const item: Case = { record, request, timeMs, basis: this.#basisOf(record.face.log), unknown: new Set() };
    const state = this.#stateOf(item);
    const decision = decide(request.payload, state);
    assertSame(item, decision);
    if (state.grant !== undefined && this.#world.grants.has(state.grant.grant.id)) this.#count(item, state, decision);
    this.#decided = true;
    for (const rule of item.unknown) this.#attested.add(RULES.get(orderOf(rule)) ?? rule);
  }

  #basisOf(log: string): Basis {
    let basis = this.#basis.get(log);
    if (basis === undefined) {
      basis = { party: new Map(), resource: new Map(), grant: new Map(), network: new Map() };
      this.#basis.set(log, basis);
    }
    return basis;
  }

  /** A delivery that failed gives its quota back. */
  giveBack(log: string, grantId: string, quantity: number, takenMs: number): void {
    const uses = this.#uses.get(log);
    const grant = this.#world.grants.get(grantId)?.last;
    if (uses === undefined || grant === undefined || grantId !== this.#own) return;
    this.#setUses(log, uses, giveBack(uses, grant, quantity, takenMs, this.#world.timeZone));
  }

  #setUses(log: string, before: Counter, { quota, rate }: Counter): void {
    this.#uses.set(log, { quota, rate });
    const known = before.quota.window === quota.window ? before.quota.used : 0;
    this.#drawn.set(quota.window, (this.#drawn.get(quota.window) ?? 0) + quota.used - known);
  }

  /**
   * At the end of all logs: none has overdrawn its share, so together they cannot have, unless shares were moved below what
   * a log had used. Errors: QUOTA_OVERDRAWN.
   */
  assertNotOverdrawn(): void {
    const quota = this.#world.grants.get(this.#own ?? "")?.last?.terms.quota;
    if (quota === undefined) return;
    for (const drawn of this.#drawn.values()) {
      if (drawn > quota.n)
        refuse("QUOTA_OVERDRAWN", `the logs together used ${drawn} of a quota of ${quota.n} in one period`);
    }
  }

  #stateOf(item: Case): DecisionState {
    const { record, timeMs } = item;
    const { basis, requester } = record.body;
    const party = this.#world.parties.get(record.face.unit);
    if (party === undefined) return refuse("CHAIN_MISSING", "the chain of a requester is not in the file");
    const { orders, boundaries, resources } = this.#world;
    const id = splitVersion(record.body.resource).id;
    const resource = this.#read(item, resources.get(id), basis.resource, ["resource", id], NEEDS_RESOURCE);
    const lists = this.#read(item, boundaries, basis.boundary, BOUNDARY, NEEDS_BOUNDARY);
    const views = this.#views(item);
    const known = resource ?? standInResource(item);
    if (resource !== undefined) assertFace(record, resource);
    const cells = lists === undefined ? [] : this.#world.cells.for(lists, known.class, timeMs);
    return {
      timeMs,
      timeZone: this.#world.timeZone,
      requester: this.#read(item, party, basis.party, ["party", record.face.unit], []) ?? party.at(basis.party),
      key: thumbprintOf(requester),
      orders: this.#read(item, orders, basis.orders, ORDERS, NEEDS_ORDERS) ?? [],
      resource: known,
      cells: item.unknown.has("BOUNDARY_APPROVAL") ? cells.filter(withoutApproval) : cells,
      grant: views[0],
      ancestors: views.slice(1),
      counters: this.#counters(item, views[0]?.grant),
    };
  }

  /** State at the record's basis; undefined, and the rules that need it unknown, if the chain is not in the file. */
  #read<T>(
    item: Case,
    timeline: Timeline<T> | undefined,
    n: number,
    [kind, id]: readonly [kind: keyof Basis, id: string],
    needed: readonly Rule[],
  ): T | undefined {
    const known = item.basis[kind].get(id) ?? 0;
    if (n < known) refuse("BASIS_STALE", "a later record of the log rests on an earlier state");
    if (n > known) item.basis[kind].set(id, n);
    if (timeline === undefined) {
      for (const rule of needed) item.unknown.add(rule);
      return undefined;
    }
    timeline.assertCurrent(n, item.timeMs, item.record.face.decision === "permit");
    return timeline.at(n);
  }

  /** The grant and its ancestors, nearest first, each with its stop as the record says; none if the record names none. */
  #views(item: Case): readonly GrantView[] {
    const { record } = item;
    const id = grantOf(record);
    if (id === undefined || record.body.basis.grant === undefined) {
      this.#assertNoGrant(item);
      return [];
    }
    const grant = this.#read(item, this.#world.grants.get(id), record.body.basis.grant, ["grant", id], NEEDS_GRANT);
    if (grant === undefined) return [{ grant: standInGrant(item, id), stop: stopKey(1, undefined) }];
    if (!fits(grant, item) || versionedId(grant) !== record.body.grant) {
      refuse("DECISION_MISMATCH", "the grant is on another resource, of another version, or not for this log");
    }
    const ancestors = this.#ancestors(item, grant);
    const views = [{ grant, n: record.body.basis.grant }, ...ancestors];
    return views.map((view) => ({
      grant: view.grant,
      stop: this.#stopOf(item, view.grant, view.n, view.grant === grant),
    }));
  }

  #ancestors(item: Case, { ancestors }: Grant): readonly { readonly grant: Grant; readonly n: number }[] {
    const positions = item.record.body.basis.ancestors ?? [];
    if (positions.length !== ancestors.length) {
      refuse("BASIS_UNKNOWN", "the record does not name the position of each ancestor");
    }
    const found = ancestors.flatMap((id, i) => {
      const n = positions[i] ?? 0;
      const grant = this.#read(item, this.#world.grants.get(id), n, ["grant", id], NEEDS_ANCESTORS);
      return grant === undefined ? [] : [{ grant, n }];
    });
    // Uses under siblings count against ancestors, and are in no chain of this file.
    if (ancestors.length > 0) for (const rule of LIMITS) item.unknown.add(rule);
    return found.length === ancestors.length ? found : [];
  }

  /** The stop that the record names, where it is this grant's. */
  #stopOf(item: Case, grant: Grant, n: number, own: boolean): StopState {
    const { rule, stop: request } = item.record.body;
    if (request === undefined) return stopKey(grant.epoch, undefined);
    const chain = this.#world.grants.get(grant.id);
    for (let i = n + 1, step = chain?.step(i); step !== undefined; step = chain?.step(++i)) {
      if (step.request === request) return stopKey(grant.epoch, { grant, request, verb: step.verb });
      if (!isStop(step.verb)) break; // a stop is folded in before anything else happens to the grant
    }
    // Not in the chain (yet, or overtaken by another stop): the record's word for it.
    item.unknown.add(own ? "GRANT_REVOKED" : "ANCESTOR_NOT_IN_FORCE");
    if (own && rule === "GRANT_REVOKED") return stopKey(grant.epoch, { grant, request, verb: "grant.revoke" });
    if (own && rule === "GRANT_SUSPENDED") return stopKey(grant.epoch, { grant, request, verb: "grant.suspend" });
    return stopKey(grant.epoch, undefined);
  }

  /** A record that names no grant though there was one would be missing from that grant's trail. Errors: LINK_MISSING. */
  #assertNoGrant(item: Case): void {
    const asked = item.request.payload.grant;
    const chain = asked === undefined ? undefined : this.#world.grants.get(asked);
    const grant = chain?.last;
    const began = chain?.step(1)?.timeMs ?? Infinity;
    if (grant !== undefined && fits(grant, item) && began + COMMIT_TOLERANCE_MS < item.timeMs) {
      refuse("LINK_MISSING", "the request names a grant that existed, and the record does not link to it");
    }
  }

  /** Counters as far as they are known: of quota what the record says was used, of rate what this trail counted. */
  #counters(item: Case, grant: Grant | undefined): readonly Counter[] {
    if (grant === undefined) return [];
    const { terms } = grant;
    const exact = grant.id === this.#own && this.#uses.has(item.record.face.log) && grant.depth === 0;
    const own = grant.id === this.#own ? (this.#uses.get(item.record.face.log) ?? NO_USES) : NO_USES;
    if (!exact && terms.rate !== undefined) item.unknown.add("RATE_EXCEEDED");
    if (!exact && terms.quota !== undefined) this.#attested.add("quota");
    const from = msOf(terms.window.from);
    const window =
      item.timeMs < from ? 0 : windowNumber(from, item.timeMs, terms.quota?.per ?? "window", this.#world.timeZone);
    return [{ quota: { window, used: item.record.body.used }, rate: own.rate }];
  }

  /** What this trail counted agrees with what the record says; then counts the record itself. */
  #count(item: Case, state: DecisionState, decision: Decision): void {
    const { record } = item;
    if (decision.used !== record.body.used) refuse("DECISION_MISMATCH", "the record counts uses before the window");
    const grant = state.grant?.grant;
    const uses = this.#uses.get(record.face.log);
    if (grant === undefined || grant.id !== this.#own || uses === undefined) return;
    const counted = isSame(uses, state.counters[0])
      ? decision
      : decide(item.request.payload, { ...state, counters: [uses, ...state.counters.slice(1)] });
    // Uses under sub-grants count as well and are not in this trail: then the count is a lower bound.
    if (grant.depth === 0 ? counted.used !== record.body.used : counted.used > record.body.used) {
      refuse(
        "DECISION_MISMATCH",
        `the record says that ${record.body.used} were used, the trail shows ${counted.used}`,
      );
    }
    const [next] = counted.counters;
    if (record.face.decision === "permit" && next !== undefined) this.#setUses(record.face.log, uses, next);
  }
}

const isSame = (a: Counter, b: Counter | undefined): boolean =>
  a.quota.window === b?.quota.window &&
  a.quota.used === b.quota.used &&
  a.rate.window === b.rate.window &&
  a.rate.used === b.rate.used;

const withoutApproval = (cell: Cell): boolean => cell.effect !== "require";

const fits = (grant: Grant, { request, record }: Case): boolean =>
  splitVersion(grant.resource).id === request.payload.resource && grant.logs.includes(record.face.log);

function stopKey(
  epoch: number,
  stop: { readonly grant: Grant; readonly request: string; readonly verb: string } | undefined,
): StopState {
  const base = { v: "quanji.stop.v1" as const, epoch, grantor: "" };
  if (stop === undefined) return base;
  const verb = stop.verb === "grant.revoke" ? "grant.revoke" : "grant.suspend";
  const command = { payload: "", protected: "", signature: "" };
  return { ...base, stop: { verb, request: stop.request, signer: stop.grant.grantor, command } };
}

/** Errors: DECISION_MISMATCH where the face differs from the resource that it stands for. */
function assertFace({ face, body }: AccessRecord, resource: Resource): void {
  const same =
    body.resource === versionedId(resource) &&
    face.steward === resource.steward &&
    face.class === resource.class &&
    face.count === 1 &&
    (body.subjects !== undefined) === (resource.subjectKind !== "none");
  if (!same) refuse("DECISION_MISMATCH", "the record describes the resource otherwise than its chain");
}

function assertSame(item: Case, decision: Decision): void {
  const { body } = item.record;
  if (body.rule !== decision.rule) {
    const attested = item.unknown.has(body.rule as Rule) && orderOf(body.rule) <= orderOf(decision.rule);
    if (!attested) mismatch(item, decision);
    return;
  }
  const replayedStop = decision.stop === body.stop || item.unknown.has("ANCESTOR_NOT_IN_FORCE");
  // Without the grant's chain its obligations are the record's word.
  const obligations = item.unknown.has("NOT_GRANTEE") ? body.obligations : decision.obligations;
  const same =
    obligations.length === body.obligations.length && obligations.every((each, i) => each === body.obligations[i]);
  if (!replayedStop || !same)
    refuse("DECISION_MISMATCH", "the decision's stop or obligations differ from the replayed ones");
}

function mismatch({ record }: Case, { rule }: Decision): never {
  const message = `the record says ${record.body.rule}, the rules say ${rule}`;
  const stops: readonly string[] = ["GRANT_REVOKED", "GRANT_SUSPENDED", "ANCESTOR_NOT_IN_FORCE", "ORDER_FROZEN"];
  if (record.face.decision === "permit" && stops.includes(rule)) return refuse("PERMIT_AFTER_STOP", message);
  if (record.face.decision === "permit" && rule === "KEY_INVALID") return refuse("KEY_REVOKED", message);
  return refuse("DECISION_MISMATCH", message);
}

/** Denies nothing: in the record's own words. */
function standInResource({ record, request }: Case): Resource {
  const { class: resourceClass, steward } = record.face;
  const { id, version } = splitVersion(record.body.resource);
  return {
    v: "quanji.resource.v1",
    id,
    version,
    n: 0,
    at: { time: "", tx: "" },
    state: "registered",
    kind: "dataset",
    steward,
    servedBy: "",
    logs: [],
    title: "",
    class: resourceClass,
    grade: { standard: "GB/T 43697-2024", level: "general-1" },
    sharing: "conditional",
    subjectKind: "none",
    fields: request.payload.fields.map((name) => ({ name, type: "string", grade: "general-1" })),
    rangeField: "range",
    rights: [],
  };
}

/** Permits exactly what was asked. */
function standInGrant({ record, request, timeMs }: Case, id: string): Grant {
  const { payload } = request;
  return {
    v: "quanji.grant.v1",
    id,
    version: 1,
    n: 0,
    at: { time: "", tx: "" },
    state: "active",
    resource: record.body.resource,
    grantor: "",
    grantee: record.face.unit,
    ancestors: [],
    depth: 0,
    logs: [record.face.log],
    terms: {
      actions: [payload.action],
      purposes: [payload.purpose],
      fields: payload.fields,
      window: { from: record.body.time, until: new Date(timeMs + 1).toISOString() },
      environments: [payload.environment.kind],
      jurisdictions: [payload.environment.jurisdiction],
      lawfulBasis: "",
      onStop: "stop",
      ...(payload.range !== undefined && { dataRange: payload.range }),
    },
    steps: [],
    epoch: 1,
  };
}
