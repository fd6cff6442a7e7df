/** Forms of what the chaincode stores, beyond the objects of domain/. Only the chaincode writes them; readers trust them. */
import type { Outcome } from "../domain/index.js";
import type { ChainKey, FlattenedJws, Openings } from "../log/index.js";

/**
 * Form of the objects in private collections (grant, counter, seen, secret, opening): public blocks hold SHA-256 of the
 * value, and a salt keeps small values from being guessed. Heads are sealed by log/chain.ts; commands and batches have a
 * `salt` of their own.
 */
export interface Sealed<T> {
  readonly salt: string;
  readonly value: T;
}

/** SeqWindow in state: `seen` is 128 bytes in base64url. */
export interface StoredSeqWindow {
  readonly next: number;
  readonly seen: string;
}

/** A command as kept: its entry's exact bytes, and its position in every chain that it extended. */
export interface StoredCommand {
  readonly v: "quanji.command.v1";
  readonly entry: string;
  readonly command: FlattenedJws;
  readonly chains: readonly (ChainKey & { readonly n: number })[];
  /** Only in private collections. */
  readonly openings?: Openings;
  readonly salt?: string;
}

export interface StoredRecord {
  /** Exact bytes of face and body. */
  readonly face: string;
  readonly body: string;
  /** Openings of the record's links, by path (`links.grant`). */
  readonly links: Openings;
  /** The signed command: access, void, acceptance or tally; absent for deliveries. */
  readonly request?: FlattenedJws;
  /** Of an index: what the salts of its heads derive from, 32 bytes. */
  readonly seed?: string;
}

/**
 * Value of `said/<log>/<first>/<generation>`: openings of what the requests of a batch committed to (`operator`, `query`), by the
 * record's index in the log. Only of requests that came with any.
 */
export interface StoredOpenings {
  readonly salt: string;
  readonly value: Readonly<Record<string, Openings>>;
}

/** Value of `batch/<log>/<first>`. */
export interface StoredBatch {
  readonly v: "quanji.batch.v1";
  readonly log: string;
  readonly first: number;
  readonly records: readonly StoredRecord[];
  readonly salt: string;
}

/** Payload of the event `leaves`: public, so hashes only. */
export interface LeavesEvent {
  readonly log: string;
  readonly first: number;
  /** Leaf hashes, base64url. */
  readonly leaves: readonly string[];
}
export const LEAVES_EVENT = "leaves";

interface BatchItem {
  /** UUIDv7 made by the recorder. */
  readonly id: string;
  /** When the recorder admitted the request. */
  readonly time: string;
  /** 16 random bytes. */
  readonly nonce: string;
  /** One random salt of 32 bytes for each link. */
  readonly salts: { readonly grant: string; readonly party: string; readonly resource: string };
}

/** What the recorder asks to record. */
export type BatchRecord =
  | (BatchItem & { readonly type: "access"; readonly request: FlattenedJws; readonly openings?: Openings })
  | (BatchItem & { readonly type: "void" | "tally"; readonly request: FlattenedJws })
  | (BatchItem & {
      readonly type: "delivery";
      /** Index of the access, and first index of the batch that holds it. */
      readonly access: number;
      readonly first: number;
      readonly bytes: number;
      readonly digest: string;
      readonly masked: readonly string[];
      readonly outcome: Outcome;
      readonly rows: number;
    })
  | (BatchItem & {
      readonly type: "acceptance";
      readonly request: FlattenedJws;
      /** Index of the delivery, and first index of the batch that holds it. */
      readonly delivery: number;
      readonly first: number;
    })
  | (BatchItem & {
      readonly type: "index";
      /** It is of records below this index, from where the last one ended. `first`: of the batch that holds the last of them. */
      readonly before: number;
      readonly first: number;
      readonly root: string;
      readonly size: number;
      /** 32 random bytes. */
      readonly seed: string;
    });

/** Transient `batch` of `accesses:recordBatch`. */
export interface BatchInput {
  /** 32 random bytes: next salts derive from it, so that endorsers agree. */
  readonly nonce: string;
  readonly records: readonly BatchRecord[];
}

/** The one argument of `accesses:recordBatch`, canonical JSON: nothing in it is confidential. */
export interface BatchArguments {
  readonly log: string;
  /** Expected head; another one → HEAD_MOVED. */
  readonly size: number;
  readonly root: string;
  /** SHA-256 of the exact bytes of transient `batch`. */
  readonly digest: string;
}

/** Result of `accesses:recordBatch`. */
export interface BatchResult {
  readonly size: number;
  readonly root: string;
}

/** Names of transactions. `submit` takes the argument {gateway} and transient `command` (JWS), `openings`. */
export const TRANSACTIONS = {
  network: "network:submit",
  parties: "parties:submit",
  resources: "resources:submit",
  attestations: "attestations:submit",
  boundaries: "boundaries:submit",
  /** Endorsed by the regulator alone. */
  orders: "orders:submit",
  /** Transient also `grant` (id) for the regulator's suspend and revoke. */
  grants: "grants:submit",
  /** A grantor's own suspend or revoke: writes `stop/<digest>` alone, endorsed by the grantor's home alone. Transient `grant`. */
  stop: "grants:stop",
  /** Folds a stop into grant and chain. Transient `grant`. */
  fold: "grants:fold",
  /** Transient also `firsts`: for each record named, the first index of the batch that holds it. */
  openings: "openings:submit",
  settlement: "settlement:submit",
  /** Offers and contracts: in the collection of the organisation that serves the resource, as grants are. */
  market: "market:submit",
  recordBatch: "accesses:recordBatch",
} as const;
