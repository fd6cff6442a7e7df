/**
 * The short fact beside a denial: which field, which ancestor, until when. A record holds the rule alone, so the fact is found
 * again on the state as it is now, and left out wherever that gives another rule. Only the requester is told, and only what it
 * may read anyway: its own request, its own grant with the ids of the grants above, public orders.
 */
import {
  type AccessRequest,
  decide,
  type Decision,
  type Grant,
  type GrantView,
  msOf,
  NO_USES,
  type Rule,
  splitVersion,
  stopDigest,
} from "@quanji/chaincode/domain";
import { fromBase64url, fromUtf8, partyOf, thumbprintOf } from "@quanji/chaincode/log";
import type { KnownRecord, ReadModel } from "../readmodel/readmodel.js";
import { accessOf } from "./records.js";

/** Undefined: there is nothing more to say, or nobody can say it any more. */
export async function reasonOf(readModel: ReadModel, record: KnownRecord): Promise<string | undefined> {
  const { rule, request, grant, used } = await situationOf(readModel, record);
  if (rule === "permit" || grant === undefined) return undefined;
  return ownTerms(rule, request, grant, used) ?? (await decidedAgain(readModel, record, request, grant))?.detail;
}

async function situationOf(readModel: ReadModel, record: KnownRecord) {
  const { rule, grant, used } = accessOf(record);
  const request = JSON.parse(fromUtf8(fromBase64url(record.stored.request?.payload ?? "e30"))) as AccessRequest;
  const found = grant === undefined ? undefined : await readModel.grant(splitVersion(grant).id);
  // What others were granted is not the requester's to know, though it may have named their grant.
  const own = found?.grantee === partyOf(accessOf(record).requester) ? found : undefined;
  return { rule, request, grant: own, used };
}

/** What the grant allows instead. */
function ownTerms(rule: Rule, request: AccessRequest, { terms }: Grant, used: number): string | undefined {
  const { window, dataRange, quota, rate } = terms;
  switch (rule) {
    case "GRANT_NOT_YET":
      return `from ${window.from}`;
    case "GRANT_EXPIRED":
      return `until ${window.until}`;
    case "ACTION_OUTSIDE_GRANT":
      return instead(request.action, terms.actions);
    case "PURPOSE_OUTSIDE_GRANT":
      return instead(request.purpose, terms.purposes);
    case "ENVIRONMENT_OUTSIDE_GRANT":
      return instead(request.environment.kind, terms.environments);
    case "JURISDICTION_OUTSIDE_GRANT":
      return instead(request.environment.jurisdiction, terms.jurisdictions);
    case "RANGE_OUTSIDE_GRANT":
      if (dataRange === undefined) return undefined;
      return "months" in dataRange ? `the last ${dataRange.months} months` : `${dataRange.from}/${dataRange.to}`;
    case "QUOTA_EXCEEDED":
      return quota && `${used} ${quota.unit}s used of ${quota.n}, per ${quota.per}`;
    case "RATE_EXCEEDED":
      return rate && `${rate.n} in ${rate.seconds} s`;
    default:
      return undefined;
  }
}

const SHOWN = 8;

/** Undefined where the request fits by now: the grant is another version than the one that denied. */
function instead(asked: string, allowed: readonly string[]): string | undefined {
  if (allowed.includes(asked)) return undefined;
  const more = allowed.length > SHOWN ? ", …" : "";
  return `${asked}; granted: ${allowed.slice(0, SHOWN).join(", ")}${more}`;
}

/** The decision at the record's time on the newest state; undefined if it names another rule by now. */
async function decidedAgain(
  readModel: ReadModel,
  record: KnownRecord,
  request: AccessRequest,
  grant: Grant,
): Promise<Decision | undefined> {
  const { rule, requester: kid, time } = accessOf(record);
  const [requester, resource, orders, network, view, ...ancestors] = await Promise.all([
    readModel.party(partyOf(kid)),
    readModel.resource(request.resource),
    readModel.orders(),
    readModel.network(),
    viewOf(readModel, grant.id),
    ...grant.ancestors.map((id) => viewOf(readModel, id)),
  ]);
  if (requester === undefined || resource === undefined || orders === undefined || network === undefined)
    return undefined;
  const decision = decide(request, {
    timeMs: msOf(time),
    timeZone: network.timeZone,
    requester,
    key: thumbprintOf(kid),
    orders: orders.entries,
    resource,
    cells: [], // no list's rule has a fact to add
    grant: view,
    ancestors: ancestors.filter((above): above is GrantView => above !== undefined),
    counters: grant.ancestors.map(() => NO_USES),
  });
  return decision.rule === rule ? decision : undefined;
}

async function viewOf(readModel: ReadModel, id: string): Promise<GrantView | undefined> {
  const [grant, stop] = await Promise.all([readModel.grant(id), readModel.stop(stopDigest(id))]);
  return grant && { grant, stop };
}
