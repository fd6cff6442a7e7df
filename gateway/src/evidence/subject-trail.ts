/**
 * The trail of a person or organisation: every use that names one of its tags, from the indexes of all logs here, with the proof that
 * each index has no other. NDJSON. Records may be of any number; what is planned before the first line is whose chains they rest on.
 */
import { createHash } from "node:crypto";
import {
  type LogState,
  QuanjiError,
  quarterBounds,
  recordText,
  type SubjectTags,
  type TrailLine,
} from "@quanji/chaincode/domain";
import { bulkTag, canonical, hashText, inclusionProof, parseTlogProof, sha256Text } from "@quanji/chaincode/log";
import { collectionOf } from "@quanji/chaincode/world";
import type { KnownRecord } from "../readmodel/readmodel.js";
import { readLog } from "../witness/heads.js";
import { look, type Sighting } from "../witness/sighting.js";
import { proofOf } from "./context.js";
import { hiddenSeen } from "./hidden.js";
import { indexBodyOf, type Leaf, type SubjectTrees } from "./subject-tree.js";
import { COSIGNED_WAIT_MS, commandLines, limitsOf, type TrailContext } from "./trail.js";
import {
  chainKeys,
  planOpenings,
  type PlannedChain,
  resourceOf,
  touch,
  type Touched,
  withResources,
} from "./trail-plan.js";

export interface SubjectTrailContext extends TrailContext {
  readonly trees: SubjectTrees;
}

export interface SubjectTrailQuery {
  readonly steward: string;
  readonly tags: SubjectTags;
  readonly bulk: boolean;
  readonly from?: string;
  readonly to?: string;
}

/** Part of a log: its indexes, the first of which may only say where the period begins. */
interface PlannedIndexes {
  readonly log: string;
  readonly indexes: readonly KnownRecord[];
  readonly proof: string;
  readonly size: number;
  /** Indexes of records that an order hides. */
  readonly hidden: ReadonlySet<number>;
}

interface Day {
  /** Each place once. */
  readonly leaves: readonly Leaf[];
  readonly records: readonly {
    readonly at: number;
    /** Of a record that is hidden: under which it stands. */
    readonly tags?: readonly string[];
  }[];
}

interface PlannedLog extends PlannedIndexes {
  /** By index; undefined: to be looked up again. */
  readonly days: readonly (Day | undefined)[];
}

/** Records that a plan remembers: a person has far fewer, bulk uses may have any number. */
const KEPT_RECORDS = 100_000;

interface SubjectPlan {
  readonly net: string;
  readonly timeZone: string;
  readonly chains: readonly PlannedChain[];
  readonly logs: readonly PlannedLog[];
}

/** How long before and after its quarter a tag may be used: what clocks may differ by. */
const GRACE_MS = 120_000;

/** Nobody's: what the subject gets shows no grant's terms, and nothing that an order hides, whoever fetches it for her. */
const SUBJECT = { party: "", regulator: false } as const;

/** Lines of the trail. Errors: as of any trail; STATE_CONFLICT · INDEX_MISSING: a log has no index yet. */
export async function* makeSubjectTrail(
  context: SubjectTrailContext,
  query: SubjectTrailQuery,
  signal?: AbortSignal,
): AsyncGenerator<string, void> {
  const plan = await planSubjectTrail(context, query, signal);
  const hash = createHash("sha256");
  let count = 0;
  for await (const line of linesOf(context, query, plan)) {
    const text = `${canonical(line, limitsOf(line))}\n`;
    hash.update(text);
    if (line.t === "record" || line.t === "sealed") count++;
    yield text;
  }
  yield `${canonical({ t: "end", count, digest: hash.digest("base64url") })}\n`;
}

async function planSubjectTrail(
  context: SubjectTrailContext,
  query: SubjectTrailQuery,
  signal: AbortSignal | undefined,
): Promise<SubjectPlan> {
  const { index, ledger, witness, clock, gather } = context;
  const sighting = await look(ledger, clock);
  await using view = sighting.view;
  await index.reached(view.block, signal);
  const network = await index.network();
  if (network === undefined) throw new QuanjiError("NOT_FOUND", "the network has not been initialised");
  const { net, timeZone } = network;
  const touched: Touched = { parties: new Set([query.steward]), resources: new Set(), grants: new Set() };
  const sealing = new Set<string>();
  const logs: PlannedLog[] = [];
  let left = KEPT_RECORDS;
  for (const state of await ownLogs(context, sighting)) {
    const log = await planIndexes(context, query, timeZone, state, sighting);
    const days: (Day | undefined)[] = [];
    for (const i of log.indexes.keys()) {
      const day = await dayOf(context, query, timeZone, log, i);
      for (const { at } of day.records) {
        const record = await recordAt(context, log.log, at);
        if (log.hidden.has(at)) sealing.add(resourceOf(record));
        else touch(touched, record);
      }
      left -= day.records.length;
      days.push(left >= 0 ? day : undefined);
    }
    logs.push({ ...log, days });
  }
  for (const resource of sealing) touched.resources.add(resource);
  const openings = await planOpenings(context, net, sealing, sighting);
  const chains: PlannedChain[] = [];
  for (const key of await chainKeys(index, net, await withResources(index, touched), SUBJECT, openings)) {
    chains.push({ key, ...(await witness.state(sighting, key)) });
  }
  chains.push(...openings);
  const notes = gather === undefined ? [] : await gather(chains);
  return { net, timeZone, logs, chains: chains.map((chain, i) => ({ ...chain, note: notes[i] ?? chain.note })) };
}

/** As for a party: every log of this organisation. */
async function ownLogs({ index }: SubjectTrailContext, { view }: Sighting): Promise<readonly LogState[]> {
  const states = await Promise.all((await index.logs()).map(({ origin }) => readLog(view, origin)));
  return states.filter((state) => state !== undefined).filter((state) => collectionOf(state.msp) === index.collection);
}

async function planIndexes(
  context: SubjectTrailContext,
  { tags, from, to }: SubjectTrailQuery,
  timeZone: string,
  { origin: log, size }: LogState,
  sighting: Sighting,
): Promise<PlannedIndexes> {
  const fromMs = Math.max(
    from === undefined ? 0 : Date.parse(from),
    quarterBounds(tags[0]?.quarter ?? "", timeZone).fromMs,
  );
  const indexes: KnownRecord[] = [];
  for await (const known of context.index.indexes(log)) {
    if (known.record >= size) break;
    const through = Date.parse(indexBodyOf(known).through);
    // Of those that end before the period, the last: it shows that the next begins where it must.
    if (through <= fromMs - GRACE_MS) indexes.length = 0;
    indexes.push(known);
    if (to !== undefined && through >= Date.parse(to)) break;
  }
  const last = indexes.at(-1);
  if (last === undefined) {
    throw new QuanjiError("STATE_CONFLICT", `${log} has no index of subjects yet: ask for a fresh one`, {
      detail: "INDEX_MISSING",
    });
  }
  await context.cosigned?.awaited(log, last.record, COSIGNED_WAIT_MS);
  const { proof } = await proofOf(context, log, last.record, () => context.index.batchHead(log, last.first));
  const hidden = await hiddenSeen(context.index, log, SUBJECT, sighting);
  return { log, indexes, proof, size: parseTlogProof(proof).checkpoint.size, hidden };
}

/** Tags that an index is asked for: those whose quarter it touches, and that of bulk uses. None of the one before the period. */
function askedAt(
  { tags, bulk, steward }: SubjectTrailQuery,
  timeZone: string,
  indexes: readonly KnownRecord[],
  i: number,
): readonly string[] {
  const [before, known] = [indexes[i - 1], indexes[i]];
  if (known === undefined) return [];
  const { prev, through } = indexBodyOf(known);
  if (before === undefined && prev !== undefined) return [];
  const sinceMs = before === undefined ? 0 : Date.parse(indexBodyOf(before).through);
  const near = tags.filter(({ quarter }) => {
    const { fromMs, toMs } = quarterBounds(quarter, timeZone);
    return Date.parse(through) >= fromMs - GRACE_MS && sinceMs < toMs + GRACE_MS;
  });
  return [...near.map(({ tag }) => tag), ...(bulk ? [bulkTag(steward)] : [])];
}

/**
 * What an index says of the tags that it is asked for. Its tree is needed for nothing else, so that a trail has each made once,
 * unless it is of so many records that they cannot be remembered.
 */
async function dayOf(
  context: SubjectTrailContext,
  query: SubjectTrailQuery,
  timeZone: string,
  { indexes, hidden }: PlannedIndexes,
  i: number,
): Promise<Day> {
  const [known, tags] = [indexes[i], askedAt(query, timeZone, indexes, i)];
  if (known === undefined || tags.length === 0) return { leaves: [], records: [] };
  const tree = await context.trees.of(known);
  const leaves = (await Promise.all(tags.map((tag) => tree.leaves(tag)))).flat();
  const byPlace = new Map(leaves.map((leaf) => [leaf.i, leaf] as const));
  for (const leaf of leaves) if (leaf.o !== undefined) byPlace.set(leaf.i, leaf);
  return {
    leaves: [...byPlace.values()].sort((a, b) => a.i - b.i),
    records: tree.records(tags).map((at) => (hidden.has(at) ? { at, tags: tree.tagsOf(at, tags) } : { at })),
  };
}

async function recordAt({ index }: SubjectTrailContext, log: string, at: number): Promise<KnownRecord> {
  const known = await index.record(log, at);
  if (known === undefined) throw new QuanjiError("INTERNAL", `the index has no record ${at} of ${log}`);
  return known;
}

async function* linesOf(
  context: SubjectTrailContext,
  query: SubjectTrailQuery,
  plan: SubjectPlan,
): AsyncGenerator<TrailLine, void> {
  const { steward, tags, bulk, from, to } = query;
  yield {
    t: "trail",
    v: "quanji.trail.v1",
    net: plan.net,
    key: { kind: "subject", id: steward },
    tags: tags.map((one) => ({ ...one })),
    bulk,
    ...(from !== undefined && { from }),
    ...(to !== undefined && { to }),
  };
  for (const chain of plan.chains) yield* commandLines(context, chain);
  for (const log of plan.logs) yield* logLines(context, query, plan.timeZone, log);
}

async function* logLines(
  context: SubjectTrailContext,
  query: SubjectTrailQuery,
  timeZone: string,
  planned: PlannedLog,
): AsyncGenerator<TrailLine, void> {
  const { log, indexes, proof, size, days } = planned;
  yield { t: "log", log, start: { n: 0 }, size };
  for (const [i, known] of indexes.entries()) {
    const { leaves, records } = days[i] ?? (await dayOf(context, query, timeZone, planned, i));
    yield { t: "day", r: recordText(known.stored), leaves: [...leaves] };
    for (const { at, tags } of records) {
      if (tags === undefined) yield await recordLine(context, log, at, size);
      else yield await sealedLine(context, log, at, size, tags);
    }
  }
  yield { t: "logEnd", log, proof };
}

async function recordLine(context: SubjectTrailContext, log: string, at: number, size: number): Promise<TrailLine> {
  const { stored } = await recordAt(context, log, at);
  return {
    t: "record",
    r: recordText(stored),
    o: {},
    ...(stored.request !== undefined && { q: stored.request }),
    p: await pathOf(context, log, at, size),
  };
}

async function sealedLine(
  context: SubjectTrailContext,
  log: string,
  at: number,
  size: number,
  tags: readonly string[],
): Promise<TrailLine> {
  const { stored } = await recordAt(context, log, at);
  const p = await pathOf(context, log, at, size);
  return { t: "sealed", f: sha256Text(stored.face), b: sha256Text(stored.body), tags: [...tags].sort(), p };
}

const pathOf = async ({ index }: SubjectTrailContext, log: string, at: number, size: number): Promise<string[]> =>
  (await inclusionProof(at, size, (level, node) => index.node(log, level, node))).map(hashText);
