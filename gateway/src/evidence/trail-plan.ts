/**
 * What a trail will hold, decided before its first line: which chains and how far each, all from one look at the ledger.
 * Commands and records that commit while the trail is written lie beyond the ends that are fixed here.
 */
import {
  type LogState,
  msOf,
  QuanjiError,
  type Resource,
  splitVersion,
  type TrailKind,
} from "@quanji/chaincode/domain";
import { type ChainKey, fromBase64url, fromUtf8, partyOf, parseHash, type TreeHead } from "@quanji/chaincode/log";
import { collectionOf } from "@quanji/chaincode/world";
import type { LedgerIndex } from "../readmodel/ledger-index.js";
import type { KnownRecord } from "../readmodel/readmodel.js";
import type { HeadWitness, StatedHead } from "../witness/heads.js";
import { readLog } from "../witness/heads.js";
import { collectionChain, grantChain, openingsChain, publicChain, type Sighting } from "../witness/sighting.js";
import type { Audience } from "./context.js";
import { hiddenSeen } from "./hidden.js";
import { signersOf } from "./signers.js";

export interface TrailQuery {
  readonly kind: TrailKind;
  readonly id: string;
  /** Instants; a trail holds the records with from ≤ time < to. */
  readonly from?: string;
  readonly to?: string;
  /** Of a grant: the contract that bills it, and its offers, whose chains stand in the file too. */
  readonly billed?: Billed;
}

export interface Billed {
  readonly contract: string;
  readonly offers: readonly string[];
  /** Commands on other months of the contract are counted and not shown. Absent: all are shown. */
  readonly month?: string;
}

/** A command chain up to the head that its note states. */
export interface PlannedChain extends StatedHead {
  readonly key: ChainKey;
  /** Of a contract: the only month whose commands are shown. Absent: all are. */
  readonly month?: string;
}

/** The part of a log that belongs to the trail's key: positions `start` … `end` − 1 of that key's chain. */
export interface PlannedLog extends StatedHead {
  readonly key: ChainKey;
  readonly start: number;
  readonly end: number;
  /** Entries of the chain in all. */
  readonly length: number;
  /** Head of the log in the same look: what proofs lead to. */
  readonly tree: TreeHead;
  /** Indexes of records that an order hides from this audience. */
  readonly hidden: ReadonlySet<number>;
}

export interface TrailPlan {
  readonly net: string;
  /**
   * How many commands on what is opened of a resource's records the trail shows, by resource; undefined where it opens nothing but
   * links, and so misses nothing.
   */
  readonly opens: ReadonlyMap<string, number> | undefined;
  readonly chains: readonly PlannedChain[];
  readonly logs: readonly PlannedLog[];
}

export interface PlanContext {
  readonly index: LedgerIndex;
  readonly witness: HeadWitness;
}

/** Errors: NOT_FOUND (no such key here), MALFORMED (to before from), STOP_PENDING: look again in a moment. */
export async function planTrail(
  context: PlanContext,
  query: TrailQuery,
  audience: Audience,
  sighting: Sighting,
): Promise<TrailPlan> {
  const { index } = context;
  if (query.from !== undefined && query.to !== undefined && msOf(query.to) < msOf(query.from)) {
    throw new QuanjiError("MALFORMED", "the period ends before it begins", { field: "to" });
  }
  const net = (await index.network())?.net;
  if (net === undefined) throw new QuanjiError("NOT_FOUND", "the network has not been initialised");
  const logs: PlannedLog[] = [];
  for (const state of await logsOf(index, query, sighting)) {
    const hidden = await hiddenFrom(index, query, state.origin, audience, sighting);
    logs.push(await planLog(context, query, state, sighting, hidden));
  }
  const touched = await touchedBy(index, query, logs);
  const isOpened = audience.regulator || logs.some(({ hidden }) => hidden.size > 0);
  const openings = isOpened ? await planOpenings(context, net, touched.resources, sighting) : [];
  await withLineage(index, net, touched, query, audience);
  const own = query.kind === "grant" ? query.id : undefined;
  const market = marketKeys(net, index.collection, query);
  const shown = query.billed?.month === undefined ? {} : { month: query.billed.month };
  const keys = await chainKeys(index, net, touched, audience, openings, { own, market, ...shown });
  const chains: PlannedChain[] = [];
  for (const key of keys) chains.push({ key, ...(await context.witness.state(sighting, key)), ...shown });
  chains.push(...openings);
  const opens = new Map(openings.map(({ key, head }) => [key.id, head?.n ?? 0]));
  return { net, opens: audience.regulator ? opens : undefined, chains, logs };
}

function marketKeys(net: string, collection: string, { billed }: TrailQuery): readonly ChainKey[] {
  if (billed === undefined) return [];
  const offers = billed.offers.map((id) => collectionChain(net, collection, "offer", id));
  return [...offers, collectionChain(net, collection, "contract", billed.contract)];
}

/** A party's own trail is its own and the regulator's: nothing of it is hidden from either. */
const hiddenFrom = (
  index: LedgerIndex,
  { kind }: TrailQuery,
  log: string,
  audience: Audience,
  sighting: Sighting,
): Promise<ReadonlySet<number>> =>
  kind === "party" ? Promise.resolve(new Set<number>()) : hiddenSeen(index, log, audience, sighting);

/** Chains of what was erased or sealed of the resources' records, where anything was. */
export async function planOpenings(
  { index, witness }: PlanContext,
  net: string,
  resources: ReadonlySet<string>,
  sighting: Sighting,
): Promise<readonly PlannedChain[]> {
  const planned: PlannedChain[] = [];
  for (const id of [...resources].sort()) {
    const key = openingsChain(net, index.collection, id);
    if ((await index.headAt(key, sighting.view.block)) === undefined) continue;
    planned.push({ key, ...(await witness.state(sighting, key)) });
  }
  return planned;
}

const absent = (): QuanjiError => new QuanjiError("NOT_FOUND", "there is nothing here that you may see");

/** Logs that may hold records of the key: those that the grant or resource names; for a party, all of this organisation. */
async function logsOf(index: LedgerIndex, { kind, id }: TrailQuery, { view }: Sighting): Promise<readonly LogState[]> {
  const named =
    kind === "party" ? await index.party(id) : kind === "grant" ? await index.grant(id) : await index.resource(id);
  if (named === undefined) throw absent();
  const origins = "logs" in named ? named.logs : (await index.logs()).map(({ origin }) => origin);
  const states = await Promise.all(origins.map((origin) => readLog(view, origin)));
  const own = states.filter((state) => state !== undefined && collectionOf(state.msp) === index.collection);
  // Another organisation's heads cannot be opened here, and an incomplete set of logs would look like a complete one.
  if (kind !== "party" && own.length !== origins.length) throw absent();
  return own.filter((state) => state !== undefined);
}

async function planLog(
  { index, witness }: PlanContext,
  { kind, id, from, to }: TrailQuery,
  state: LogState,
  sighting: Sighting,
  hidden: ReadonlySet<number>,
): Promise<PlannedLog> {
  const key: ChainKey = { scope: state.origin, kind, id };
  const stated = await witness.state(sighting, key);
  const length = stated.head?.n ?? 0;
  const at = async (time: string): Promise<number> => Math.min(length, await index.chainPositionAt(key, msOf(time)));
  const isHidden = async (n: number): Promise<boolean> => {
    if (hidden.size === 0) return false;
    for await (const { record } of index.chainRecords(key, n)) return hidden.has(record);
    return false;
  };
  let start = from === undefined ? 0 : await at(from);
  let end = to === undefined ? length : await at(to);
  // What stands before and after the period proves it, and cannot do so hidden: the next record that can is taken.
  while (start > 0 && (await isHidden(start - 1))) start--;
  while (end < length && (await isHidden(end))) end++;
  return { key, ...stated, start, end, length, tree: { size: state.size, root: parseHash(state.root) }, hidden };
}

/** Whose chains the decisions in a trail rest on. Grows with the number of distinct keys, not of records. */
export interface Touched {
  readonly parties: Set<string>;
  readonly resources: Set<string>;
  readonly grants: Set<string>;
}

async function touchedBy(index: LedgerIndex, { kind, id }: TrailQuery, logs: readonly PlannedLog[]): Promise<Touched> {
  const of = (wanted: TrailKind): Set<string> => new Set(kind === wanted ? [id] : []);
  const touched: Touched = { parties: of("party"), resources: of("resource"), grants: of("grant") };
  for (const { key, start, end, hidden } of logs) {
    let left = end - start;
    if (left === 0) continue;
    for await (const record of index.chainRecords(key, start)) {
      if (hidden.has(record.record)) touched.resources.add(resourceOf(record));
      else touch(touched, record);
      if (--left === 0) break;
    }
  }
  return withResources(index, touched);
}

/** All that a trail rests on for an entry that it hides: whose chains it brings along would tell whose entry that is. */
export const resourceOf = ({ stored }: KnownRecord): string =>
  splitVersion((JSON.parse(stored.body) as { readonly resource: string }).resource).id;

export function touch({ parties, resources, grants }: Touched, { stored }: KnownRecord): void {
  const { requester, resource, grant } = JSON.parse(stored.body) as Record<string, string | undefined>;
  if (requester !== undefined) parties.add(partyOf(requester));
  if (resource !== undefined) resources.add(splitVersion(resource).id);
  if (grant !== undefined) grants.add(splitVersion(grant).id);
}

/** With the resources that the grants are on. */
export async function withResources(index: LedgerIndex, touched: Touched): Promise<Touched> {
  for (const grant of touched.grants) {
    const known = await index.grant(grant);
    if (known !== undefined) touched.resources.add(splitVersion(known.resource).id);
  }
  return touched;
}

/** With what a product was made from, and the grants that allowed it, as far as they are here: whose data, on whose word. */
async function withLineage(
  index: LedgerIndex,
  net: string,
  { resources, grants }: Touched,
  { kind, billed }: TrailQuery,
  { regulator }: Audience,
): Promise<void> {
  // A bill names what its product was made from; on whose word that was, the regulator sees.
  const isWhole = billed === undefined && regulator && kind === "resource";
  if (!isWhole && billed === undefined) return;
  for (const id of resources) {
    for (const parent of await parentsOf(index, net, id)) {
      resources.add(splitVersion(parent.resource).id);
      if (isWhole) grants.add(parent.grant);
    }
  }
}

/** Of all its versions: what is sold may be an earlier one. */
async function parentsOf(index: LedgerIndex, net: string, id: string): Promise<NonNullable<Resource["lineage"]>> {
  const parents: NonNullable<Resource["lineage"]>[number][] = [];
  for await (const { stored } of index.commands(publicChain(net, "resource", id))) {
    const payload = JSON.parse(fromUtf8(fromBase64url(stored.command.payload))) as Pick<Resource, "lineage">;
    parents.push(...(payload.lineage ?? []));
  }
  return parents;
}

/**
 * Directory, boundary, orders, resources, parties, grants, offers and contract.
 * @param own the grant whose trail it is: who may have that may see the grant
 * @param month of the contract: the only one whose commands are shown
 */
export async function chainKeys(
  index: LedgerIndex,
  net: string,
  touched: Touched,
  audience: Audience,
  openings: readonly PlannedChain[],
  {
    own,
    market = [],
    month,
  }: { readonly own?: string | undefined; readonly market?: readonly ChainKey[]; readonly month?: string } = {},
): Promise<readonly PlannedChain["key"][]> {
  const common = (["directory", "boundary", "orders"] as const).map((kind) => publicChain(net, kind, net));
  const resources = [...touched.resources].sort().map((id) => publicChain(net, "resource", id));
  const grants = (await readableGrants(index, touched.grants, audience, own)).map((id) =>
    grantChain(net, index.collection, id),
  );
  const signed = [...common, ...resources, ...grants, ...market, ...openings.map(({ key }) => key)];
  const signers = await signersOf(index, signed, month);
  const parties = await closure(index, net, [...touched.parties, ...signers]);
  return [...common, ...resources, ...parties, ...grants, ...market];
}

/** Who signed a party's commands is a party too: all of them, until none is new. */
export async function closure(index: LedgerIndex, net: string, from: readonly string[]): Promise<readonly ChainKey[]> {
  const found = new Set(from);
  for (const party of found) {
    for (const signer of await signersOf(index, [publicChain(net, "party", party)])) found.add(signer);
  }
  return [...found].sort().map((id) => publicChain(net, "party", id));
}

/** The grants among these, and above these, whose terms the audience may know. */
async function readableGrants(
  index: LedgerIndex,
  ids: ReadonlySet<string>,
  { party, regulator }: Audience,
  own: string | undefined,
): Promise<readonly string[]> {
  const readable = new Set<string>();
  const all = new Set(ids);
  for (const id of all) {
    const grant = await index.grant(id);
    if (grant === undefined) continue;
    for (const ancestor of grant.ancestors) all.add(ancestor);
    if (regulator || id === own || grant.grantor === party || grant.grantee === party) readable.add(id);
  }
  return [...readable].sort();
}
