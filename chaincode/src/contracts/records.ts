/**
 * From checked requests to records: decides each on the batch's overlay, builds its bytes, extends its chains. Faces and
 * bodies are written with their members in order, which spares the canonical form a copy of each.
 */
import {
  acceptable,
  type AcceptanceBody,
  accepted,
  type AccessBody,
  type AccessRequest,
  type Basis,
  decide,
  type Decision,
  type DecisionState,
  type DeliveryBody,
  type Face,
  giveBack,
  type GrantView,
  hourOf,
  indexBytes,
  indexRecord,
  instant,
  msOf,
  type Network,
  type QuanjiRecord,
  QuanjiError,
  recordBytes,
  recordLeaf,
  type Resource,
  splitVersion,
  subjectsOf,
  tallied,
  type TallyBody,
  versionedId,
} from "../domain/index.js";
import { type ChainKey, commit, type Hash, hashText, type Opening, type Openings } from "../log/index.js";
import type { State } from "../world/state.js";
import type { BatchInput, BatchRecord, StoredRecord } from "../world/stored.js";
import type { BatchOverlay } from "./batch-overlay.js";
import { type CheckedRequest, naming } from "./requests.js";

/** Data leaves within this time after its record, or never. */
export const DELIVER_WITHIN_MS = 30_000;

export interface AppendedRecord {
  readonly record: StoredRecord;
  readonly leaf: Hash;
  /** What the request committed to, where it came with the openings. */
  readonly said?: Openings;
}

type LinkName = "grant" | "party" | "resource";
type Built = Omit<StoredRecord, "face" | "body" | "links"> & {
  readonly said?: Openings;
  readonly value: QuanjiRecord;
  readonly links: LinkedChains;
};

interface LinkedChains {
  readonly openings: Openings;
  readonly commitments: Readonly<Partial<Record<LinkName, string>>>;
  readonly keys: readonly ChainKey[];
}

export interface Batch {
  readonly state: State;
  readonly overlay: BatchOverlay;
  readonly network: Network;
  /** By place in the batch: the access that a delivery names, the delivery that an acceptance names, if it stands there. */
  readonly named: ReadonlyMap<number, QuanjiRecord>;
  /** By place in the batch: time of the last record that an index is of, if it stands there. */
  readonly lasts: ReadonlyMap<number, string>;
}

/** Errors, with `record`: NOT_FOUND (resource or log), COMMAND_REPLAYED (seq), MALFORMED, those of {@link acceptable}. */
export async function appendRecords(
  batch: Batch,
  input: BatchInput,
  requests: readonly (CheckedRequest | undefined)[],
): Promise<readonly AppendedRecord[]> {
  const { overlay } = batch;
  const appended: AppendedRecord[] = [];
  for (const [i, item] of input.records.entries()) {
    const index = overlay.log.size + i;
    if (item.type === "index") {
      appended.push(await naming(i, () => appendIndex(batch, item, index, batch.lasts.get(i))));
      continue;
    }
    const built = await naming(i, () => build(batch, item, requests[i], index, batch.named.get(i)));
    const bytes = recordBytes(built.value);
    const leaf = recordLeaf(bytes);
    for (const key of built.links.keys) await overlay.extend(key, leaf);
    const { value: _value, links, said, ...rest } = built;
    const record = { ...bytes, links: links.openings, ...rest };
    appended.push({ leaf, record, ...(said !== undefined && Object.keys(said).length > 0 && { said }) });
  }
  return appended;
}

/** An index links to the one before it and to nothing else: whom it is of, only its tree says. */
async function appendIndex(
  { overlay, network }: Batch,
  item: Extract<BatchRecord, { type: "index" }>,
  index: number,
  last: string | undefined,
): Promise<AppendedRecord> {
  const { id, nonce, time, before, root, size, seed } = item;
  const tip = await overlay.indexed();
  const { origin: log } = overlay.log;
  const record = indexRecord({
    log,
    timeZone: network.timeZone,
    id,
    nonce,
    time,
    index,
    to: before,
    root,
    size,
    tip,
    last,
  });
  const bytes = indexBytes(record);
  const leaf = recordLeaf(bytes);
  overlay.setIndexed({ to: before, through: record.body.through, leaf: hashText(leaf) });
  return { leaf, record: { ...bytes, links: {}, seed } };
}

function build(
  batch: Batch,
  item: Exclude<BatchRecord, { type: "index" }>,
  request: CheckedRequest | undefined,
  index: number,
  named: QuanjiRecord | undefined,
): Promise<Built> {
  if (item.type === "delivery") return buildDelivery(batch, item, index, named);
  if (request?.type === "acceptance") return buildAcceptance(batch, item, request, index, named);
  if (request?.type === "access") return buildAccess(batch, item, request, index);
  if (request?.type === "void") return buildVoid(batch, item, request, index);
  if (request?.type === "tally") return buildTally(batch, item, request, index);
  throw new QuanjiError("MALFORMED", "the record has no request");
}

async function buildAccess(
  batch: Batch,
  item: BatchRecord,
  request: Extract<CheckedRequest, { type: "access" }>,
  index: number,
): Promise<Built> {
  const { overlay, state } = batch;
  const { payload, jws, party } = request;
  const resource = await state.resource(payload.resource);
  if (resource?.logs.includes(overlay.log.origin) !== true) {
    throw new QuanjiError("NOT_FOUND", "no such resource in this log", { field: "resource" });
  }
  await overlay.takeSeq(jws.header.kid, payload.seq);
  const situation = await situationOf(batch, request, resource, msOf(item.time));
  const decision = decide(payload, situation);
  if (decision.decision === "permit") {
    [situation.grant, ...situation.ancestors].forEach((view, i) => {
      const counter = decision.counters[i];
      if (view !== undefined && counter !== undefined) overlay.setCounter(view.grant.id, counter);
    });
  }
  const grant = situation.grant?.grant;
  const links = await linksOf(batch, item, { grant: grant?.id, party: party.id, resource: resource.id });
  const face: Face = {
    class: resource.class,
    count: 1,
    decision: decision.decision,
    hour: hourOf(item.time),
    index,
    log: overlay.log.origin,
    purpose: payload.purpose,
    steward: resource.steward,
    type: "access",
    unit: party.id,
    v: "quanji.record.v1",
  };
  const body = accessBody(item, request, resource, decision, await basisOf(state, situation), links);
  const value: QuanjiRecord = { type: "access", face, body };
  const said = item.type === "access" ? item.openings : undefined;
  return { value, links, request: jws.jws, ...(said !== undefined && { said }) };
}

function accessBody(
  item: BatchRecord,
  { payload, jws }: Extract<CheckedRequest, { type: "access" }>,
  resource: Resource,
  decision: Decision,
  basis: Basis & { readonly grantVersion?: string },
  links: LinkedChains,
): AccessBody {
  const { grantVersion, ...positions } = basis;
  const permitted = decision.decision === "permit";
  const subjects = subjectsOf(resource, payload.subjects);
  return {
    action: payload.action,
    basis: positions,
    ...(permitted && { deliverBefore: instant(msOf(item.time) + DELIVER_WITHIN_MS) }),
    ...(grantVersion !== undefined && { grant: grantVersion }),
    id: item.id,
    links: useLinks(links),
    nonce: item.nonce,
    obligations: [...decision.obligations],
    quantity: payload.quantity,
    request: jws.request,
    requester: jws.header.kid,
    resource: versionedId(resource),
    rule: decision.rule,
    ...(decision.stop !== undefined && { stop: decision.stop }),
    ...(subjects !== undefined && { subjects }),
    time: item.time,
    used: decision.used,
  };
}

async function situationOf(
  { overlay, state, network }: Batch,
  { payload, party, thumbprint }: { payload: AccessRequest } & Pick<CheckedRequest, "party" | "thumbprint">,
  resource: Resource,
  timeMs: number,
): Promise<DecisionState> {
  const grant = payload.grant === undefined ? undefined : await overlay.grantView(payload.grant, resource.id);
  const ancestors = grant === undefined ? [] : await overlay.ancestors(grant.grant);
  const views: readonly GrantView[] = grant === undefined ? [] : [grant, ...ancestors];
  const counters = [];
  for (const view of views) counters.push(await overlay.counter(view.grant.id));
  return {
    timeMs,
    timeZone: network.timeZone,
    requester: party,
    key: thumbprint,
    orders: (await state.orders()).entries,
    resource,
    cells: await overlay.cells(resource, timeMs),
    grant,
    ancestors,
    counters,
  };
}

async function basisOf(
  state: State,
  { requester, resource, grant, ancestors }: DecisionState,
): Promise<Basis & { readonly grantVersion?: string }> {
  return {
    ...(ancestors.length > 0 && { ancestors: ancestors.map((ancestor) => ancestor.grant.n) }),
    boundary: (await state.boundaries()).n,
    ...(grant !== undefined && { grant: grant.grant.n, grantVersion: versionedId(grant.grant) }),
    orders: (await state.orders()).n,
    party: requester.n,
    resource: resource.n,
  };
}

/** A link commits to how many entries the chain had, and to its head then: so each record proves those before it. */
async function linksOf(
  { overlay }: Batch,
  item: BatchRecord,
  ids: { readonly [K in LinkName]?: string | undefined },
): Promise<LinkedChains> {
  const openings: Record<string, Opening> = {};
  const commitments: Partial<Record<LinkName, string>> = {};
  const keys: ChainKey[] = [];
  for (const kind of ["grant", "party", "resource"] as const) {
    const id = ids[kind];
    if (id === undefined) continue;
    const key = overlay.chainKey(kind, id);
    const head = await overlay.head(key);
    const opening: Opening = { salt: item.salts[kind], value: { n: head.n, prev: head.h } };
    openings[`links.${kind}`] = opening;
    commitments[kind] = commit([item.id], `links.${kind}`, opening);
    keys.push(key);
  }
  return { openings, commitments, keys };
}

function useLinks({ commitments: { grant, party, resource } }: LinkedChains): AccessBody["links"] {
  if (party === undefined || resource === undefined)
    throw new QuanjiError("INTERNAL", "a use has links of party and resource");
  return { ...(grant !== undefined && { grant }), party, resource };
}

/** A delivery is believed only about a permit of this log that the batch it names really holds. */
async function buildDelivery(
  batch: Batch,
  item: Extract<BatchRecord, { type: "delivery" }>,
  index: number,
  access: QuanjiRecord | undefined,
): Promise<Built> {
  const { log } = batch.overlay;
  if (access?.type !== "access" || access.face.decision !== "permit" || access.body.grant === undefined) {
    throw new QuanjiError("NOT_FOUND", "a delivery belongs to a recorded permit", { field: "access" });
  }
  const grantId = splitVersion(access.body.grant).id;
  const { id: resource } = splitVersion(access.body.resource);
  const party = access.face.unit;
  if (item.outcome === "failed" || item.outcome === "unknown") await returnQuota(batch, grantId, access.body);
  const links = await linksOf(batch, item, { grant: grantId, party, resource });
  const { purpose, steward } = access.face;
  const face: Face = {
    class: access.face.class,
    count: 1,
    hour: hourOf(item.time),
    index,
    log: log.origin,
    purpose,
    steward,
    type: "delivery",
    unit: party,
    v: "quanji.record.v1",
  };
  const body: DeliveryBody = {
    access: item.access,
    bytes: item.bytes,
    digest: item.digest,
    grant: access.body.grant,
    id: item.id,
    links: useLinks(links),
    masked: [...item.masked],
    nonce: item.nonce,
    outcome: item.outcome,
    request: access.body.request,
    requester: access.body.requester,
    resource: access.body.resource,
    rows: item.rows,
    ...(typeof access.body.subjects === "object" && { subjects: access.body.subjects }),
    time: item.time,
  };
  return { value: { type: "delivery", face, body }, links };
}

/** Nothing usable arrived, so nothing was used: given back to the grant and to every ancestor. */
async function returnQuota({ state, overlay, network }: Batch, grantId: string, access: AccessBody): Promise<void> {
  const grant = await state.grant(overlay.log.msp, grantId);
  if (grant === undefined) return;
  const ancestors = await overlay.ancestors(grant);
  for (const each of [grant, ...ancestors.map((view) => view.grant)]) {
    const counter = await overlay.counter(each.id);
    const taken = msOf(access.time);
    overlay.setCounter(each.id, giveBack(counter, each, access.quantity, taken, network.timeZone));
  }
}

async function buildAcceptance(
  batch: Batch,
  item: BatchRecord,
  request: Extract<CheckedRequest, { type: "acceptance" }>,
  index: number,
  named: QuanjiRecord | undefined,
): Promise<Built> {
  const { overlay } = batch;
  const { face: told, body: delivery } = acceptable(named, { ...request, timeMs: msOf(item.time) });
  if (!(await overlay.accept(delivery.id, index))) throw accepted();
  const { class: kind, purpose, steward, unit } = told;
  const ids = { grant: splitVersion(delivery.grant).id, party: unit, resource: splitVersion(delivery.resource).id };
  const links = await linksOf(batch, item, ids);
  const face: Face = {
    class: kind,
    count: 1,
    hour: hourOf(item.time),
    index,
    log: overlay.log.origin,
    purpose,
    steward,
    type: "acceptance",
    unit,
    v: "quanji.record.v1",
  };
  const body: AcceptanceBody = {
    access: delivery.access,
    basis: { party: request.party.n },
    delivery: told.index,
    digest: delivery.digest,
    grant: delivery.grant,
    id: item.id,
    links: useLinks(links),
    nonce: item.nonce,
    request: request.jws.request,
    requester: request.jws.header.kid,
    resource: delivery.resource,
    rows: delivery.rows,
    ...(delivery.subjects !== undefined && { subjects: delivery.subjects }),
    time: item.time,
  };
  return { value: { type: "acceptance", face, body }, links, request: request.jws.jws };
}

async function buildTally(
  batch: Batch,
  item: BatchRecord,
  request: Extract<CheckedRequest, { type: "tally" }>,
  index: number,
): Promise<Built> {
  const { overlay, state } = batch;
  const { payload, party, jws } = request;
  const last = await overlay.tallied(payload.resource);
  const claim = { ...request, timeMs: msOf(item.time), index, last };
  const resource = tallied(await state.resource(payload.resource), claim);
  overlay.setTallied(resource.id, payload.to);
  const links = await linksOf(batch, item, { resource: resource.id });
  const face: Face = {
    class: resource.class,
    hour: hourOf(item.time),
    index,
    log: overlay.log.origin,
    type: "tally",
    unit: party.id,
    v: "quanji.record.v1",
  };
  const body: TallyBody = {
    basis: { party: party.n, resource: resource.n },
    from: payload.from,
    id: item.id,
    links: { resource: links.commitments.resource ?? "" },
    nonce: item.nonce,
    request: jws.request,
    requester: jws.header.kid,
    resource: versionedId(resource),
    served: payload.served,
    time: item.time,
    to: payload.to,
  };
  return { value: { type: "tally", face, body }, links, request: jws.jws };
}

async function buildVoid(
  batch: Batch,
  item: BatchRecord,
  { payload, jws, party }: Extract<CheckedRequest, { type: "void" }>,
  index: number,
): Promise<Built> {
  await batch.overlay.takeSeq(jws.header.kid, payload.seq);
  const links = await linksOf(batch, item, { party: party.id });
  const face: Face = {
    v: "quanji.record.v1",
    type: "void",
    log: batch.overlay.log.origin,
    index,
    hour: hourOf(item.time),
    unit: party.id,
  };
  const body = {
    id: item.id,
    time: item.time,
    nonce: item.nonce,
    request: jws.request,
    requester: jws.header.kid,
    seq: payload.seq,
    links: { party: links.commitments.party ?? "" },
  };
  return { value: { type: "void", face, body }, links, request: jws.jws };
}
