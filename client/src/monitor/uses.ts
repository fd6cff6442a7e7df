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
import { StopWatch } from "./stops.js";

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
  client: Pick<Client, "trail" | "receipt">,
  key: WatchedKey,
  cursor: Cursor,
  trust: OpenedTrust,
): Promise<Seen> {
  const reading = new Reading(key, cursor);
  const verdict = await verifyTrail(reading.through(client.trail(key.kind, key.id, { from: cursor.from })), trust);
  const troubles: Trouble[] = [];
  if (!verdict.ok) {
    const { code = "PROOF_INVALID", detail = code, message = "it does not verify" } = verdict;
    const evidence = detail === "PERMIT_AFTER_STOP" ? await reading.proveStop(client, trust) : undefined;
    const trouble = { code: "TRAIL_REFUSED", message: `the trail of ${nameOf(key)}: ${message}`, detail } as const;
    troubles.push({ ...trouble, ...(evidence !== undefined && { evidence }) });
    if (code !== "UNDERWITNESSED") return { uses: [], newest: {}, heads: [], whole: false, cursor, troubles };
  }
  const uses = reading.uses.map((use) => ({ ...use, verified: verdict.ok }));
  return { uses, newest: reading.newest, heads: reading.heads, whole: true, cursor: reading.cursor, troubles };
}

/** What is new in a trail, gathered while the verifier reads it: nothing of it counts before the verdict. */
class Reading {
  readonly uses: Omit<Use, "verified">[] = [];
  readonly heads: { readonly log: string; readonly note: string }[] = [];
  readonly newest: Record<string, Place> = {};
  readonly #key: WatchedKey;
  readonly #next: Record<string, number>;
  readonly #stops = new StopWatch();
  /** Of the newest record that the verifier was given: where it stopped, if it did at a record. */
  #request: string | undefined;
  #fromMs: number;

  constructor(key: WatchedKey, cursor: Cursor) {
    this.#key = key;
    this.#next = { ...cursor.next };
    this.#fromMs = msOf(cursor.from);
  }

  get cursor(): Cursor {
    return { from: instant(this.#fromMs), next: this.#next };
  }

  /** The lines for the verifier, each looked at first. */
  async *through(lines: AsyncIterable<string>): AsyncGenerator<string, void, void> {
    for await (const line of lines) {
      // Refused lines are the verifier's to judge: it stops at them.
      if (line.includes('"t":"record"')) this.#record(line);
      else if (line.includes('"t":"logEnd"')) this.#end(line);
      else this.#stops.see(line);
      yield `${line}\n`;
    }
  }

  /** After the verdict that the last record permits what a stop forbids. Errors: UNREACHABLE. */
  proveStop(client: Pick<Client, "receipt">, trust: OpenedTrust): Promise<string | undefined> {
    return this.#request === undefined ? Promise.resolve(undefined) : this.#stops.prove(client, this.#request, trust);
  }

  #record(line: string): void {
    const parsed = lenient(() => {
      const { r, o } = JSON.parse(line) as TrailLineOf<"record">;
      const { n } = o[`links.${this.#key.kind}`]?.value as { readonly n: number };
      return { record: parseRecord(splitRecordText(r)), n };
    });
    if (parsed === undefined) return;
    const { record, n } = parsed;
    const { log, index } = record.face;
    const timeMs = msOf(record.body.time);
    this.#request = record.body.request;
    this.newest[log] = { index, timeMs };
    if (n < (this.#next[log] ?? 0)) return;
    this.#next[log] = n + 1;
    this.#fromMs = Math.max(this.#fromMs, timeMs - OVERLAP_MS);
    const use = useOf(record, nameOf(this.#key));
    if (use !== undefined) this.uses.push(use);
  }

  #end(line: string): void {
    const ends = lenient(() => {
      const { log, proof, next } = JSON.parse(line) as TrailLineOf<"logEnd">;
      return [proof, next?.proof].filter((text) => text !== undefined).map((text) => ({ log, note: headOf(text) }));
    });
    this.heads.push(...(ends ?? []));
  }
}

/** Undefined for a line that no honest gateway writes. */
function lenient<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch {
    return undefined;
  }
}

/** Undefined for a record that is no use. */
function useOf(record: QuanjiRecord, concerns: string): Omit<Use, "verified"> | undefined {
  if (record.type !== "access" && record.type !== "delivery") return undefined;
  const { face, body } = record;
  const common = {
    kind: "use" as const,
    log: face.log,
    index: face.index,
    time: body.time,
    requester: body.requester,
    resource: body.resource,
    ...(body.grant !== undefined && { grant: body.grant }),
    purpose: face.purpose,
    request: body.request,
    concerns,
  };
  return record.type === "access"
    ? { ...common, type: "access", rule: record.body.rule, quantity: record.body.quantity }
    : { ...common, type: "delivery", outcome: record.body.outcome };
}
