/** Uses of what is mine: trails of my resources and grants, read as their party, verified, from where the last one ended. */
import {
  type Grant,
  instant,
  msOf,
  parseRecord,
  type QuanjiRecord,
  type Resource,
  splitRecordText,
  splitVersion,
  type TrailLineOf,
} from "@quanji/chaincode/domain";
import type { Client } from "../sdk/index.js";
import { type OpenedTrust, verifyTrail } from "../verify/index.js";
import type { Trouble } from "./follow.js";
import { headOf } from "./heads.js";
import type { Use } from "./notice.js";

/** A key whose records are watched. */
export interface WatchedKey {
  readonly kind: "grant" | "resource";
  readonly id: string;
  readonly logs: readonly string[];
}

export const nameOf = ({ kind, id }: Pick<WatchedKey, "kind" | "id">): string => `${kind} ${id}`;

/** Where a key's trail is to be asked for, and which positions are not news. */
export interface Cursor {
  readonly from: string;
  /** By log: position of the first record that has not been told. */
  readonly next: Readonly<Record<string, number>>;
}

/**
 * Records of one log stand in the order of their times, those of several logs may arrive a batch late: the trail is asked for
 * from a little before, and positions tell what is known.
 */
const OVERLAP_MS = 120_000;

/** Resources of which the client's party is the steward. */
export async function ownResources(client: Client): Promise<readonly WatchedKey[]> {
  const own: WatchedKey[] = [];
  for await (const resource of client.resources.all()) {
    if (resource.steward === client.party) own.push(keyOf(resource));
  }
  return own;
}

const keyOf = ({ id, logs }: Pick<Resource, "id" | "logs">): WatchedKey => ({ kind: "resource", id, logs });

/** Grants that concern the client's party, but for those whose resource is watched already. */
export async function ownGrants(client: Client, resources: readonly WatchedKey[]): Promise<readonly WatchedKey[]> {
  const watched = new Set(resources.map(({ id }) => id));
  const own: WatchedKey[] = [];
  for await (const grant of client.grants.all()) {
    if (!watched.has(resourceOf(grant))) own.push({ kind: "grant", id: grant.id, logs: grant.logs });
  }
  return own;
}

const resourceOf = ({ resource }: Pick<Grant, "resource">): string => splitVersion(resource).id;

export interface Seen {
  readonly uses: readonly Use[];
  /** By log: the newest record that the trail holds. */
  readonly newest: Readonly<Record<string, Place>>;
  /** Checkpoints that the trail rests on, with their logs. */
  readonly heads: readonly { readonly log: string; readonly note: string }[];
  /** Whether there is nothing to be gained by reading the trail again before a log has grown. */
  readonly whole: boolean;
  readonly cursor: Cursor;
  readonly troubles: readonly Trouble[];
}

export interface Place {
  readonly index: number;
  readonly timeMs: number;
}

/**
 * What is new of a key. A trail that does not verify tells nothing and leaves the cursor where it was; one that lacks
 * witnesses alone is told of as not verified. Errors: UNREACHABLE, BEHIND and whatever else the gateway refuses with.
 */
export async function readUses(
  client: Pick<Client, "trail">,
  key: WatchedKey,
  cursor: Cursor,
  trust: OpenedTrust,
): Promise<Seen> {
  const lines: string[] = [];
  for await (const line of client.trail(key.kind, key.id, { from: cursor.from })) lines.push(`${line}\n`);
  const verdict = await verifyTrail(lines.join(""), trust);
  const troubles: Trouble[] = [];
  if (!verdict.ok) {
    const { code = "PROOF_INVALID", detail = code, message = "it does not verify" } = verdict;
    troubles.push({ code: "TRAIL_REFUSED", message: `the trail of ${nameOf(key)}: ${message}`, detail });
    if (code !== "UNDERWITNESSED") return { uses: [], newest: {}, heads: [], whole: false, cursor, troubles };
  }
  return { ...newUses(lines, key, cursor, verdict.ok), heads: headsIn(lines), whole: true, troubles };
}

function headsIn(lines: readonly string[]): Seen["heads"] {
  return lines
    .filter((line) => line.includes('"t":"logEnd"'))
    .flatMap((line) => {
      const { log, proof, next } = JSON.parse(line) as TrailLineOf<"logEnd">;
      return [proof, next?.proof].filter((text) => text !== undefined).map((text) => ({ log, note: headOf(text) }));
    });
}

function newUses(
  lines: readonly string[],
  key: WatchedKey,
  cursor: Cursor,
  verified: boolean,
): Pick<Seen, "uses" | "newest" | "cursor"> {
  const newest: Record<string, Place> = {};
  const next = { ...cursor.next };
  let fromMs = msOf(cursor.from);
  const uses: Use[] = [];
  for (const line of lines) {
    if (!line.includes('"t":"record"')) continue;
    const { r, o } = JSON.parse(line) as TrailLineOf<"record">;
    const record = parseRecord(splitRecordText(r));
    const { log, index } = record.face;
    newest[log] = { index, timeMs: msOf(record.body.time) };
    const { n } = o[`links.${key.kind}`]?.value as { readonly n: number };
    if (n < (next[log] ?? 0)) continue;
    next[log] = n + 1;
    fromMs = Math.max(fromMs, msOf(record.body.time) - OVERLAP_MS);
    const use = useOf(record, nameOf(key), verified);
    if (use !== undefined) uses.push(use);
  }
  return { uses, newest, cursor: { from: instant(fromMs), next } };
}

/** Undefined for a record that is no use. */
function useOf(record: QuanjiRecord, concerns: string, verified: boolean): Use | undefined {
  if (record.type === "void") return undefined;
  const { face, body } = record;
  const common = {
    kind: "use" as const,
    log: face.log,
    index: face.index,
    time: body.time,
    requester: body.requester,
    resource: body.resource,
    ...(body.grant !== undefined && { grant: body.grant }),
    purpose: record.face.purpose,
    request: body.request,
    concerns,
    verified,
  };
  return record.type === "access"
    ? { ...common, type: "access", rule: record.body.rule, quantity: record.body.quantity }
    : { ...common, type: "delivery", outcome: record.body.outcome };
}
