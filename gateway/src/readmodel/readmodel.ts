/**
 * The read model's port: an index over blocks and this organisation's private data, rebuilt from them at any time. It is
 * never asked what is *true* of an access (the chaincode decides); it answers reads, finds earlier answers, and feeds proofs.
 */
import type {
  AccountState,
  Attestation,
  BooksState,
  Boundaries,
  Caps,
  Contract,
  Counter,
  GatewayEntry,
  Grant,
  IndexTip,
  LogState,
  Network,
  Offer,
  Orders,
  Party,
  Posted,
  PublicDocument,
  RecordType,
  Resource,
  Revenues,
  SeqWindow,
  Statement,
  StopState,
} from "@quanji/chaincode/domain";
import type { ChainHead, ChainKey, Hash, Openings } from "@quanji/chaincode/log";
import type { StoredCommand, StoredRecord } from "@quanji/chaincode/world";

/** Position of a committed, valid transaction. */
export interface Position {
  readonly block: number;
  readonly index: number;
  readonly txId: string;
}

export interface KnownCommand extends Position {
  readonly stored: StoredCommand;
}

/** A record with its place in log and ledger. */
export interface KnownRecord extends Position {
  readonly log: string;
  /** Index in the log. */
  readonly record: number;
  /** First index of the batch that holds it. */
  readonly first: number;
  readonly type: RecordType;
  readonly stored: StoredRecord;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Cursor of the next page; absent on the last. */
  readonly next?: string;
}

export interface KnownBooks {
  readonly books: BooksState;
  readonly accounts: readonly AccountState[];
}

export interface ReadModel {
  /** This organisation's private collection, `org-<MSP>`. */
  readonly collection: string;
  /** Blocks applied so far. */
  height(): number;
  /** Resolves once block number `block` is applied. Errors: BEHIND when the signal aborts. */
  reached(block: number, signal?: AbortSignal): Promise<void>;

  network(): Promise<Network | undefined>;
  clockOffsetMs(): Promise<number>;
  gateway(name: string): Promise<GatewayEntry | undefined>;
  gateways(): Promise<readonly GatewayEntry[]>;
  log(origin: string): Promise<LogState | undefined>;
  logs(): Promise<readonly LogState[]>;
  party(id: string): Promise<Party | undefined>;
  resource(id: string): Promise<Resource | undefined>;
  grant(id: string): Promise<Grant | undefined>;
  /** The grant whose {@link stopDigest} this is. */
  grantByDigest(digest: string): Promise<Grant | undefined>;
  attestation(id: string): Promise<Attestation | undefined>;
  /** Price caps of a resource. */
  caps(resource: string): Promise<Caps | undefined>;
  offer(id: string): Promise<Offer | undefined>;
  contract(id: string): Promise<Contract | undefined>;
  stop(digest: string): Promise<StopState | undefined>;
  orders(): Promise<Orders | undefined>;
  boundaries(): Promise<Boundaries>;
  counter(log: string, grant: string): Promise<Counter | undefined>;
  seen(log: string, kid: string): Promise<SeqWindow>;
  /** Where the newest index of subjects of a log ends. */
  indexTip(log: string): Promise<IndexTip | undefined>;

  statement(contract: string, period: string): Promise<Statement | undefined>;
  /** What a statement did to books and allowance. */
  posted(contract: string, period: string): Promise<Posted | undefined>;
  /** Books of a month and currency, and the accounts in them that are not at 0, by party. */
  books(period: string, currency: string): Promise<KnownBooks | undefined>;
  revenues(offer: string): Promise<Revenues | undefined>;
  document(code: string): Promise<PublicDocument | undefined>;
  /** The next place of an issuer's status list. */
  statuses(issuer: string): Promise<number>;

  /** In order of id; `after` is a cursor of an earlier page. */
  listStatements(contract: string, limit: number, after?: string): Promise<Page<Statement>>;
  listParties(limit: number, after?: string): Promise<Page<Party>>;
  listResources(limit: number, after?: string): Promise<Page<Resource>>;
  /** Grants that concern `party`: as grantor, grantee or party of a step. Undefined: all (for the regulator). */
  listGrants(party: string | undefined, limit: number, after?: string): Promise<Page<Grant>>;

  /** Of a resource, or of one version of it. Undefined: all. */
  listAttestations(subject: string | undefined, limit: number, after?: string): Promise<Page<Attestation>>;
  /** Listed ones, of a resource. A page may hold fewer than asked for although another follows. */
  listOffers(resource: string | undefined, limit: number, after?: string): Promise<Page<Offer>>;
  /** Those that name `party`. Undefined: all (for the regulator). */
  listContracts(party: string | undefined, limit: number, after?: string): Promise<Page<Contract>>;
  /** Resources that name this one as a parent, or did in an earlier version. */
  derivedFrom(resource: string): Promise<readonly Resource[]>;
  /** Grants on any version of a resource, if this organisation serves it. */
  grantsOn(resource: string): Promise<readonly Grant[]>;

  command(request: string): Promise<KnownCommand | undefined>;
  /** What a command on a public object committed to, if it came through this organisation. */
  openings(request: string): Promise<Openings | undefined>;
  /** The access, void or acceptance record of a request. */
  recordOf(request: string): Promise<KnownRecord | undefined>;
  deliveryOf(request: string): Promise<KnownRecord | undefined>;
  /** The acceptance of the access at that index. */
  acceptanceOf(log: string, access: number): Promise<KnownRecord | undefined>;
  record(log: string, index: number): Promise<KnownRecord | undefined>;
  /** Permits of a log, from index `from` on, whose delivery is not recorded, oldest first. */
  undelivered(log: string, from?: number): AsyncIterable<KnownRecord>;

  /** Commands of a chain in order. */
  commands(key: ChainKey): AsyncIterable<KnownCommand>;
  /** Records of a chain from position `n` on, in order. */
  chainRecords(key: ChainKey, n: number): AsyncIterable<KnownRecord>;
  /** Position of the first record of a chain with time ≥ `timeMs`, or the chain's length. */
  chainPositionAt(key: ChainKey, timeMs: number): Promise<number>;
  /** Head with the salt under which it is stored; undefined if the key was never touched. */
  head(key: ChainKey): Promise<(ChainHead & { readonly salt: string }) | undefined>;

  /** Hash of a full subtree of a log's tree (level 0: leaves), for proofs. */
  node(log: string, level: number, index: number): Promise<Hash>;
  close(): Promise<void>;
}
