/** What the routes work with: made by the service, replaced by fakes in tests. */
import type { Party, Resource, SubjectTags } from "@quanji/chaincode/domain";
import type { CommandHeader, FlattenedJws, ParsedJws, PublicJwk } from "@quanji/chaincode/log";
import type { KeptQuery, KeptRecord } from "../evidence/kept.js";
import type { KnownRecord, Page, ReadModel } from "../readmodel/readmodel.js";
import type { Accesses } from "../service/accesses.js";
import type { Commands } from "../service/commands.js";
import type { Answers } from "./answers.js";
import type { AtOnce } from "./at-once.js";
import type { RequestLog } from "./log.js";
import type { Metrics } from "./metrics.js";
import type { RateLimiter } from "./rate.js";
import type { Replays } from "./replays.js";

export interface EdgeSettings {
  readonly net: string;
  /** Name of this gateway, the middle part of its logs' origins. */
  readonly gateway: string;
  /** As registered. What commands are compared with: never the Host header or what a proxy adds. */
  readonly publicUrl: string;
  /** For a request's body to arrive. */
  readonly bodyTimeoutMs: number;
  /** How long an `atLeast` may wait for the read model. */
  readonly atLeastMs: number;
}

/** The half of evidence that the routes hand out. */
export interface EvidenceFor {
  /** Receipt of a record as `viewer` may have it: the openings that are its own, and no others. */
  receipt(record: KnownRecord, viewer: Party): Promise<FlattenedJws>;
  /** Waits, at most that long, for witnesses to cosign a checkpoint that holds the record; answers whether one is there. */
  cosigned(record: KnownRecord, waitMs: number, signal: AbortSignal): Promise<boolean>;
  /** Signed checkpoint of the newest committed head of a log of this gateway. Errors: NOT_FOUND, PROOF_INVALID. */
  checkpoint(log: string): Promise<string>;
  /** The checkpoint that caches, copies and monitors are shown: where witnesses are asked, the largest with the quorum's cosignatures. */
  published(log: string): Promise<string>;
  /** Until when an order hides a record from that viewer; undefined: it may be shown. */
  hiddenUntil(record: KnownRecord, viewer: Party): Promise<string | undefined>;
  /** Of which records of a resource something is kept that can be erased. Errors: MALFORMED (cursor). */
  kept(resource: Resource, query: KeptQuery, viewer: Party): Promise<Page<KeptRecord>>;
  /** Lines of a trail, each with its line feed, with the openings that are the viewer's. Refuses before the first line. */
  trail(query: TrailQuery, viewer: Party, signal: AbortSignal): AsyncIterable<string>;
  /** The same for a data subject: shows no grant's terms, whoever asks. */
  subjectTrail(query: SubjectTrailQuery, signal: AbortSignal): AsyncIterable<string>;
  /** What proves a yearly disclosure, as lines. Shows terms and statements: for the discloser and the regulator. */
  year(query: { readonly party: string; readonly year: number }, signal: AbortSignal): AsyncIterable<string>;
}

export interface TrailQuery {
  readonly kind: "grant" | "resource" | "party";
  readonly id: string;
  readonly from?: string;
  readonly to?: string;
  /**
   * Of a grant: the contract that bills it, and its offers, whose chains stand in the file too. `month`: commands on other months of
   * the contract are counted and not shown.
   */
  readonly billed?: { readonly contract: string; readonly offers: readonly string[]; readonly month?: string };
}

export interface SubjectTrailQuery {
  readonly steward: string;
  readonly tags: SubjectTags;
  readonly bulk: boolean;
  readonly from?: string;
  readonly to?: string;
}

export interface Edge {
  readonly settings: EdgeSettings;
  readonly readModel: ReadModel;
  readonly ledgerHeight: () => Promise<number>;
  /** A block as the ledger keeps it; undefined if there is none yet. Absent: this gateway shows none. */
  readonly block?: (number: number) => Promise<Uint8Array | undefined>;
  readonly commands: Commands;
  readonly accesses: Accesses;
  readonly evidence: EvidenceFor;
  /** An anchor proof of a log of this gateway: `newest`, or a block's hash in hex. Undefined: there is none. */
  readonly anchor: (log: string, name: string) => Promise<Uint8Array | undefined>;
  /** Indexes this gateway's logs up to now. Errors: NOT_RECORDED. */
  readonly refreshIndexes: () => Promise<void>;
  readonly answers: Answers;
  /** Whether a command was signed with that key. */
  readonly verify: (jwk: PublicJwk, command: ParsedJws<CommandHeader>) => Promise<boolean>;
  readonly replays: Replays;
  readonly limiter: RateLimiter;
  readonly subjectTrails: AtOnce;
  /** Exact text of the newest trust file. */
  readonly trustText: () => string;
  /** Exact text of a version before it. */
  readonly earlierTrust: (version: number) => string | undefined;
  /** This machine's clock, ms since 1970. */
  readonly clock: () => number;
  readonly metrics: Metrics;
  readonly log: RequestLog;
}

/** Ledger time: this machine's clock, moved by a test network's offset. */
export const ledgerNow = async ({ clock, readModel }: Pick<Edge, "clock" | "readModel">): Promise<number> =>
  clock() + (await readModel.clockOffsetMs());
