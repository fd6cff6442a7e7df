/** Trails: all uses of a grant, resource or party over a period, with all commands that decided them. NDJSON. */
import { createHash } from "node:crypto";
import {
  COMMAND_LINE_LIMITS,
  type Erasable,
  EVIDENCE_LIMITS,
  QuanjiError,
  recordText,
  splitVersion,
  type TrailLine,
  type TrailLineOf,
} from "@quanji/chaincode/domain";
import { canonical, emptyHead, type Limits, PUBLIC_SALT, sha256Text, type TreeHead } from "@quanji/chaincode/log";
import type { Ledger } from "../ledger/ledger.js";
import type { KnownRecord } from "../readmodel/readmodel.js";
import type { HeadWitness, StatedHead } from "../witness/heads.js";
import { look } from "../witness/sighting.js";
import { type Audience, type EvidenceContext, proofOf } from "./context.js";
import { type PlannedChain, type PlannedLog, planTrail, type TrailPlan, type TrailQuery } from "./trail-plan.js";
import { isShown } from "./withheld.js";

export interface TrailContext extends Pick<EvidenceContext, "index" | "logs" | "cosigned"> {
  readonly ledger: Pick<Ledger, "view">;
  readonly witness: HeadWitness;
  /** This machine's clock, ms since 1970. */
  readonly clock: () => number;
  /** Asks witnesses for their signatures under head notes. Absent where there are none. */
  readonly gather?: (heads: readonly StatedHead[]) => Promise<readonly string[]>;
}

/**
 * How long a trail waits for its last records to be cosigned. Witnesses take tens of milliseconds; after this the trail is what
 * it is, and the verifier says what it lacks.
 */
export const COSIGNED_WAIT_MS = 5_000;

/**
 * Lines of a trail, each with its line feed. Whatever is refused is refused before the first line. Memory is bounded by the
 * number of distinct keys in the trail, never by that of its records. Whether the audience may have the trail is the
 * caller's to decide; which grants' terms and which openings go in is decided here.
 * Errors: NOT_FOUND, MALFORMED (period), STOP_PENDING, BEHIND (the signal aborted before the index was up to date).
 */
export async function* makeTrail(
  context: TrailContext,
  query: TrailQuery,
  audience: Audience,
  signal?: AbortSignal,
): AsyncGenerator<string, void> {
  const plan = await lookAndPlan(context, query, audience, signal);
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

export const limitsOf = ({ t }: TrailLine): Limits => (t === "command" ? COMMAND_LINE_LIMITS : EVIDENCE_LIMITS);

async function lookAndPlan(
  { index, ledger, witness, clock, gather }: TrailContext,
  query: TrailQuery,
  audience: Audience,
  signal: AbortSignal | undefined,
): Promise<TrailPlan> {
  const sighting = await look(ledger, clock);
  await using view = sighting.view;
  await index.reached(view.block, signal);
  const plan = await planTrail({ index, witness }, query, audience, sighting);
  return gather === undefined ? plan : await withNotes(plan, gather);
}

/** Notes that the trail will show; where a section ends with the record after the period there is none. */
async function withNotes(plan: TrailPlan, gather: NonNullable<TrailContext["gather"]>): Promise<TrailPlan> {
  const shown: readonly StatedHead[] = [...plan.chains, ...plan.logs.filter(({ end, length }) => end === length)];
  const notes = await gather(shown);
  const noteOf = new Map(shown.map((head, i) => [head, notes[i]]));
  const noted = <T extends StatedHead>(head: T): T => ({ ...head, note: noteOf.get(head) ?? head.note });
  return { ...plan, chains: plan.chains.map(noted), logs: plan.logs.map(noted) };
}

async function* linesOf(context: TrailContext, query: TrailQuery, plan: TrailPlan): AsyncGenerator<TrailLine, void> {
  const { kind, id, from, to } = query;
  yield {
    t: "trail",
    v: "quanji.trail.v1",
    net: plan.net,
    key: { kind, id },
    ...(from !== undefined && { from }),
    ...(to !== undefined && { to }),
  };
  for (const chain of plan.chains) yield* commandLines(context, chain);
  for (const log of plan.logs) yield* logLines(context, log, plan.opens);
}

export async function* commandLines(
  { index }: Pick<TrailContext, "index">,
  { key, note, head, month }: PlannedChain,
): AsyncGenerator<TrailLine, void> {
  yield { t: "chain", ...key };
  let left = head?.n ?? 0;
  if (left > 0) {
    for await (const { stored } of index.commands(key)) {
      const { entry, command: request } = stored;
      yield isShown(key, stored, month) ? { t: "command", entry, request } : { t: "withheld", entry };
      if (--left === 0) break;
    }
  }
  yield { t: "chainEnd", note, opening: { ...(head ?? { ...emptyHead(key), salt: PUBLIC_SALT }) } };
}

async function* logLines(
  context: TrailContext,
  log: PlannedLog,
  opens: TrailPlan["opens"],
): AsyncGenerator<TrailLine, void> {
  const { key, start, end } = log;
  yield { t: "log", log: key.scope, start: await startOf(context, log) };
  let left = end - start;
  if (left > 0) {
    for await (const record of context.index.chainRecords(key, start)) {
      if (log.hidden.has(record.record)) yield sealedLine(record);
      else yield recordLine(log, record, opens === undefined ? {} : await saidOf(context, record, opens));
      if (--left === 0) break;
    }
  }
  yield { t: "logEnd", log: key.scope, ...(await endOf(context, log)) };
}

async function startOf(context: TrailContext, { key, start }: PlannedLog): Promise<TrailLineOf<"log">["start"]> {
  if (start === 0) return { n: 0 };
  const before = await recordAt(context, key, start - 1);
  return { record: recordText(before.stored), opening: linkOf(key, before) };
}

function sealedLine({ stored }: KnownRecord): TrailLine {
  return { t: "sealed", f: sha256Text(stored.face), b: sha256Text(stored.body) };
}

interface Said {
  readonly o?: TrailLineOf<"record">["o"];
  readonly e?: TrailLineOf<"record">["e"];
}

/** What the requester committed to, for who may know all of it; and what of it the commands erased that this trail shows. */
async function saidOf(
  { index }: TrailContext,
  { log, record, type, stored }: KnownRecord,
  opens: ReadonlyMap<string, number>,
): Promise<Said> {
  if (type !== "access") return {};
  const o = (await index.said(log, record)) as Said["o"];
  const { resource } = JSON.parse(stored.body) as { readonly resource: string };
  const shown = opens.get(splitVersion(resource).id) ?? 0;
  const e: Erasable[] = [];
  for (const [field, request] of Object.entries(await index.erased(log, record))) {
    const chains = (await index.command(request))?.stored.chains ?? [];
    // A command that came after the look at the ledger is not in the file: what it erased is not opened, and not said to be erased.
    if (chains.some(({ kind, n }) => kind === "openings" && n <= shown)) e.push(field as Erasable);
  }
  return { ...(o !== undefined && { o }), ...(e.length > 0 && { e }) };
}

function recordLine({ key }: PlannedLog, record: KnownRecord, said: Said): TrailLine {
  const { request } = record.stored;
  return {
    t: "record",
    r: recordText(record.stored),
    o: { [`links.${key.kind}`]: linkOf(key, record), ...said.o },
    ...(said.e !== undefined && { e: said.e }),
    ...(request !== undefined && { q: request }),
  };
}

/** The record that follows the period proves what was before it; without one, the head note does. */
async function endOf(
  context: TrailContext,
  { key, end, length, tree, note, head }: PlannedLog,
): Promise<Omit<TrailLineOf<"logEnd">, "t" | "log">> {
  if (end < length) {
    const next = await recordAt(context, key, end);
    const proof = await provenOf(context, key.scope, next.record, tree);
    return { next: { record: recordText(next.stored), opening: linkOf(key, next), proof } };
  }
  if (head === undefined) return { note };
  const last = await recordAt(context, key, length - 1);
  return { note, opening: { ...head }, proof: await provenOf(context, key.scope, last.record, tree) };
}

async function provenOf(context: TrailContext, log: string, record: number, tree: TreeHead): Promise<string> {
  await context.cosigned?.awaited(log, record, COSIGNED_WAIT_MS);
  return (await proofOf(context, log, record, () => tree)).proof;
}

async function recordAt({ index }: TrailContext, key: PlannedLog["key"], n: number): Promise<KnownRecord> {
  for await (const record of index.chainRecords(key, n)) return record;
  throw new QuanjiError("INTERNAL", `the index has no record at ${n} of a ${key.kind} chain`);
}

function linkOf(
  { kind }: PlannedLog["key"],
  { stored }: KnownRecord,
): { salt: string; value: { n: number; prev: string } } {
  const opening = stored.links[`links.${kind}`];
  if (opening === undefined) throw new QuanjiError("INTERNAL", `a record of a ${kind} chain has no link of it`);
  return { salt: opening.salt, value: opening.value as { n: number; prev: string } };
}
