/**
 * decide: may this access happen? One pure function: the chaincode's answer counts, the verifier runs it again over the
 * replayed command chains. Deny wins; the first rule that denies is named. Rules 9 to 11 (consent, licence, duty) come with
 * the terms that they enforce; until then a grant that names such a term is refused when it is made.
 */
import type { AccessRequest } from "./access.js";
import { quotaShare, rateShare } from "./allotment.js";
import { boundaryCode, type Cell } from "./boundary.js";
import type { Rule } from "./codes.js";
import { isQuanjiError } from "./errors.js";
import { type Grant, obligationText, type StopState, stopDigest, type Terms } from "./grant.js";
import { assertNarrower } from "./narrow.js";
import { freezeOn, type Order } from "./order.js";
import { keyIsValid, keyOf, type Party } from "./party.js";
import type { Resource } from "./resource.js";
import { addMonths, msOf, msOfDayOrInstant, offsetMs, windowNumber } from "./time.js";

/** A grant with the value of its stop key, read at the same height. */
export interface GrantView {
  readonly grant: Grant;
  readonly stop: StopState | undefined;
}

/** Uses of a grant in one log: `window` is the number of the quota's or rate's fixed window that `used` counts. */
export interface Counter {
  readonly quota: { readonly window: number; readonly used: number };
  readonly rate: { readonly window: number; readonly used: number };
}
export const NO_USES: Counter = { quota: { window: 0, used: 0 }, rate: { window: 0, used: 0 } };

export interface DecisionState {
  /** The record's time. */
  readonly timeMs: number;
  readonly timeZone: string;
  readonly requester: Party;
  /** Thumbprint of the key that signed. */
  readonly key: string;
  readonly orders: readonly Order[];
  readonly resource: Resource;
  /** Cells of the lists in force in the resource's buckets. */
  readonly cells: readonly Cell[];
  /** Undefined: none named, or none of that id for this resource and log. */
  readonly grant: GrantView | undefined;
  /** Nearest first. */
  readonly ancestors: readonly GrantView[];
  /** Uses so far in this log: of the grant, then of each ancestor. */
  readonly counters: readonly Counter[];
}

export interface Decision {
  readonly decision: "permit" | "deny";
  readonly rule: "permit" | Rule;
  /** A short fact for the requester: which ancestor, which field. Never a term that the requester may not know. */
  readonly detail?: string;
  /** What the gateway must do to the data, in the form that records use. */
  readonly obligations: readonly string[];
  /** Uses of the grant in its quota's window before this decision; 0 without a grant. */
  readonly used: number;
  /** Counters after the decision, in the order of `counters`; unchanged by a denial. */
  readonly counters: readonly Counter[];
  /** The stop that decided, if it is not folded into the grant yet: its command's request hash. */
  readonly stop?: string;
}

interface Denial {
  readonly rule: Rule;
  readonly detail?: string;
  readonly stop?: string;
}
type Verdict = Denial | undefined;

const deny = (rule: Rule, detail?: string): Denial => (detail === undefined ? { rule } : { rule, detail });

/** The order of the rules is part of the protocol: it tells strangers as little as possible. */
export function decide(request: AccessRequest, state: DecisionState): Decision {
  const current = currentCounters(state);
  const used = state.grant === undefined ? 0 : (current[0]?.quota.used ?? 0);
  const denial =
    requesterAndKey(state) ??
    orders(request, state) ??
    (state.resource.state === "suspended" ? deny("RESOURCE_SUSPENDED") : undefined) ??
    boundary(request, state) ??
    granted(state) ??
    (state.grant === undefined ? undefined : inForce(state.grant, state.timeMs)) ??
    ancestors(state) ??
    terms(request, state) ??
    limits(request, state, current);
  if (denial !== undefined) return { decision: "deny", obligations: [], used, counters: state.counters, ...denial };
  return {
    decision: "permit",
    rule: "permit",
    obligations: obligationsOn(request, state),
    used,
    counters: current.map((counter, i) => charge(counter, viewsOf(state)[i]?.grant.terms, request)),
  };
}

const viewsOf = (state: DecisionState): readonly GrantView[] =>
  state.grant === undefined ? [] : [state.grant, ...state.ancestors];

// rule 1
function requesterAndKey({ requester, key, timeMs }: DecisionState): Verdict {
  if (requester.state !== "active") return deny("PARTY_INACTIVE");
  const registered = keyOf(requester, key);
  return registered !== undefined && keyIsValid(registered, timeMs) ? undefined : deny("KEY_INVALID");
}

// rule 2
function orders(request: AccessRequest, state: DecisionState): Verdict {
  if (state.orders.length === 0) return undefined; // spares the digests of the grants, for there are seldom any orders
  const order = freezeOn(state.orders, {
    resource: request.resource,
    parties: [state.requester.id],
    grants: viewsOf(state).map(({ grant }) => stopDigest(grant.id)),
  });
  return order === undefined ? undefined : deny("ORDER_FROZEN", `order ${order.id}`);
}

// rule 4
function boundary(request: AccessRequest, state: DecisionState): Verdict {
  const approvers =
    state.grant === undefined
      ? undefined
      : viewsOf(state).flatMap(({ grant }) => grant.steps.map((step) => step.party));
  const query = {
    from: state.resource.steward,
    to: state.requester.id,
    class: state.resource.class,
    purpose: request.purpose,
    action: request.action,
  };
  const code = boundaryCode(state.cells, query, approvers);
  return code === undefined ? undefined : deny(code);
}

// rule 5
function granted({ grant, requester }: DecisionState): Verdict {
  if (grant === undefined) return deny("GRANT_MISSING");
  return grant.grant.grantee === requester.id ? undefined : deny("NOT_GRANTEE");
}

// rule 6
function inForce({ grant, stop }: GrantView, timeMs: number): Verdict {
  const live = stopFor(grant, stop);
  if (["revoked", "refused", "withdrawn"].includes(grant.state)) return deny("GRANT_REVOKED");
  if (live?.verb === "grant.revoke") return { rule: "GRANT_REVOKED", stop: live.request };
  if (grant.state === "suspended") return deny("GRANT_SUSPENDED");
  if (live?.verb === "grant.suspend") return { rule: "GRANT_SUSPENDED", stop: live.request };
  if (grant.state === "pending") return deny("GRANT_PENDING");
  if (stop?.epoch !== grant.epoch) return deny("GRANT_SUSPENDED", "stop key absent");
  if (timeMs < msOf(grant.terms.window.from)) return deny("GRANT_NOT_YET");
  return timeMs < msOf(grant.terms.window.until) ? undefined : deny("GRANT_EXPIRED");
}

/** A stop binds only if the grantor gave it for the present epoch: anything else in that key is somebody's noise. */
function stopFor(grant: Grant, stop: StopState | undefined): NonNullable<StopState["stop"]> | undefined {
  const given = stop?.stop;
  return given !== undefined && given.signer === grant.grantor && stop?.epoch === grant.epoch ? given : undefined;
}

// rule 7
function ancestors(state: DecisionState): Verdict {
  let child = state.grant;
  for (const parent of state.ancestors) {
    const verdict = inForce(parent, state.timeMs);
    if (verdict !== undefined) {
      const found = deny("ANCESTOR_NOT_IN_FORCE", `${parent.grant.id} ${verdict.rule}`);
      return verdict.stop === undefined ? found : { ...found, stop: verdict.stop };
    }
    if (child !== undefined && !isWithin(child.grant, parent.grant, state.timeZone)) {
      return deny("ANCESTOR_NOT_IN_FORCE", `${parent.grant.id} EXCEEDS_PARENT`);
    }
    child = parent;
  }
  return undefined;
}

function isWithin(child: Grant, parent: Grant, timeZone: string): boolean {
  try {
    assertNarrower(parent, child, timeZone);
    return true;
  } catch (error) {
    if (isQuanjiError(error, "EXCEEDS_PARENT")) return false;
    throw error;
  }
}

// rule 8
function terms(request: AccessRequest, state: DecisionState): Verdict {
  if (state.grant === undefined) return undefined;
  const { terms: granted } = state.grant.grant;
  if (!granted.actions.includes(request.action)) return deny("ACTION_OUTSIDE_GRANT");
  if (!granted.purposes.includes(request.purpose)) return deny("PURPOSE_OUTSIDE_GRANT");
  const outside = request.fields.find(
    (field) => !granted.fields.includes(field) || !state.resource.fields.some(({ name }) => name === field),
  );
  if (outside !== undefined) return deny("FIELDS_OUTSIDE_GRANT", outside);
  if (!rangeAllowed(request, granted, state)) return deny("RANGE_OUTSIDE_GRANT");
  if (!granted.environments.includes(request.environment.kind)) return deny("ENVIRONMENT_OUTSIDE_GRANT");
  if (!granted.jurisdictions.includes(request.environment.jurisdiction)) return deny("JURISDICTION_OUTSIDE_GRANT");
  return undefined;
}

function rangeAllowed({ range }: AccessRequest, { dataRange }: Terms, state: DecisionState): boolean {
  if (range === undefined) return dataRange === undefined;
  if (state.resource.rangeField === undefined) return false;
  const from = msOfDayOrInstant(range.from, state.timeZone);
  const to = msOfDayOrInstant(range.to, state.timeZone);
  if (from >= to) return false;
  if (dataRange === undefined) return true;
  if ("months" in dataRange) {
    const shift = offsetMs(state.timeZone);
    return from >= addMonths(state.timeMs + shift, -dataRange.months) - shift;
  }
  return (
    from >= msOfDayOrInstant(dataRange.from, state.timeZone) && to <= msOfDayOrInstant(dataRange.to, state.timeZone)
  );
}

// rule 12
function limits(request: AccessRequest, state: DecisionState, current: readonly Counter[]): Verdict {
  for (const [i, { grant }] of viewsOf(state).entries()) {
    const { quota, rate } = grant.terms;
    const counter = current[i] ?? NO_USES;
    if (rate !== undefined && counter.rate.used + 1 > rateShare(rate.n, grant.logs, request.log)) {
      return deny("RATE_EXCEEDED");
    }
    if (
      quota !== undefined &&
      counter.quota.used + amount(quota, request) > quotaShare(quota, grant.logs, request.log)
    ) {
      return deny("QUOTA_EXCEEDED");
    }
  }
  return undefined;
}

type Quota = NonNullable<Terms["quota"]>;

const amount = (quota: Quota | undefined, request: Pick<AccessRequest, "quantity">): number =>
  quota?.unit === "row" ? request.quantity : 1;

/** Counters with windows that are over set back to zero. */
function currentCounters(state: DecisionState): readonly Counter[] {
  return viewsOf(state).map(({ grant }, i) => {
    const stored = state.counters[i] ?? NO_USES;
    const { quota, rate, window } = grant.terms;
    const from = msOf(window.from);
    if (state.timeMs < from) return NO_USES;
    const quotaWindow = windowNumber(from, state.timeMs, quota?.per ?? "window", state.timeZone);
    const rateWindow = rate === undefined ? 0 : Math.floor((state.timeMs - from) / (rate.seconds * 1000));
    return {
      quota: { window: quotaWindow, used: stored.quota.window === quotaWindow ? stored.quota.used : 0 },
      rate: { window: rateWindow, used: stored.rate.window === rateWindow ? stored.rate.used : 0 },
    };
  });
}

function charge(counter: Counter, granted: Terms | undefined, request: AccessRequest): Counter {
  return {
    quota: { window: counter.quota.window, used: counter.quota.used + amount(granted?.quota, request) },
    rate: { window: counter.rate.window, used: counter.rate.used + (granted?.rate === undefined ? 0 : 1) },
  };
}

/** Gives back what a permit reserved, when its delivery failed; only within the window that it was taken from. */
export function giveBack(counter: Counter, grant: Grant, quantity: number, takenMs: number, timeZone: string): Counter {
  const { quota, window } = grant.terms;
  const taken = windowNumber(msOf(window.from), takenMs, quota?.per ?? "window", timeZone);
  if (counter.quota.window !== taken) return counter;
  const used = Math.max(0, counter.quota.used - amount(quota, { quantity }));
  return { ...counter, quota: { window: taken, used } };
}

function obligationsOn(request: AccessRequest, state: DecisionState): readonly string[] {
  const granted = state.grant?.grant.terms.obligations ?? [];
  return granted.filter(({ field }) => request.fields.includes(field)).map(obligationText);
}
