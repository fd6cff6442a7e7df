/** Evidence: the files that users keep. Receipt, trail, trust file; written by the gateway, read by the offline verifier. */
import { z } from "zod";
import type { Limits } from "../log/canonical.js";
import { Digest, GatewayName, LogOrigin, NetworkId, PartyId } from "./ids.js";
import { ERASABLE } from "./openings.js";
import { Jwk, PartyJwk, setOf } from "./shared.js";
import { Quarter, Tag, Tags } from "./subject.js";
import { Instant } from "./time.js";

const count = z.int().min(0);
const Jws = z.strictObject({ payload: z.string(), protected: z.string(), signature: z.string() });
const Opening = z.strictObject({ salt: Digest, value: z.json() });
export const OpeningsSchema = z.record(z.string().regex(/^[a-z][A-Za-z0-9.]{0,63}$/), Opening);

/** Evidence holds records and proofs, so it may be larger than a command. */
export const EVIDENCE_LIMITS: Limits = { maxBytes: 64 * 1024, maxDepth: 12 };
/** A trail's `command` lines may hold a list of cells. */
export const COMMAND_LINE_LIMITS: Limits = { maxBytes: 3 * 1024 * 1024, maxDepth: 12 };
export const TRUST_LIMITS: Limits = { maxBytes: 1024 * 1024, maxDepth: 12 };

export const LEVELS = ["committed", "cosigned", "anchored"] as const;

/** Payload of a receipt, `typ` quanji-receipt+jws, signed by the gateway. No receipt exists before VALID. */
export const Receipt = z.strictObject({
  v: z.literal("quanji.receipt.v1"),
  block: count,
  /** Position of the transaction in the block. */
  index: count,
  txId: z.string().regex(/^[0-9a-f]{64}$/),
  level: z.enum(LEVELS),
  /** HTTP status of the decision: 200, or the code's. */
  status: z.int().min(200).max(599),
  /** Keys that signed the request and this receipt; thumbprints equal the kids. */
  keys: z.strictObject({ gateway: Jwk, requester: Jwk }),
  /** Record bytes: face, line feed, body. */
  record: z.string(),
  openings: OpeningsSchema,
  /** What is not opened because a command erased it: the command's entry, the command, and the key that signed it. Absent: none. */
  erased: z
    .array(z.strictObject({ field: z.enum(ERASABLE), entry: z.string(), request: Jws, key: PartyJwk }))
    .min(1)
    .max(ERASABLE.length)
    .optional(),
  /** The requester's own JWS: an access, also in the receipt of its delivery. */
  request: Jws,
  /** A C2SP tlog-proof, verbatim. */
  proof: z.string(),
});
export type Receipt = z.infer<typeof Receipt>;
/** Of an EVM's words: lower case, so that one value has one spelling. */
const EvmAddress = z.string().regex(/^0x[0-9a-f]{40}$/);
const EvmHash = z.string().regex(/^0x[0-9a-f]{64}$/);
/** Bytes in base64url. A block's header has some 600, an entry of its trie of receipts a few thousand. */
const bytes = (max: number) => z.string().regex(new RegExp(`^[A-Za-z0-9_-]{1,${max}}$`));
/** Ids of chains are integers of any size in Ethereum; none in use is larger than this. */
const ChainId = z.int().min(1);

/**
 * That a head of a log stands in an anchor contract: the event by which the contract took it, proven to be in a block. A static
 * file beside the log's tiles; whoever made it need not be trusted.
 */
export const AnchorProof = z.strictObject({
  v: z.literal("quanji.anchor.v1"),
  /** EIP-155 id of the chain. */
  chain: ChainId,
  contract: EvmAddress,
  log: LogOrigin,
  size: z.int().min(1),
  root: Digest,
  /** Hash of the block. */
  block: EvmHash,
  /** Its header: RLP, whose Keccak-256 is the hash. */
  header: bytes(4096),
  /** Position of the transaction in the block. */
  transaction: count,
  /** Position of the event among those of the transaction. */
  event: count,
  /** Nodes of the block's trie of receipts from its root to the transaction's, each in RLP. */
  proof: z.array(bytes(24_576)).min(1).max(16),
});
export type AnchorProof = z.infer<typeof AnchorProof>;
export const ANCHOR_LIMITS: Limits = { maxBytes: 48 * 1024, maxDepth: 3 };

/** An anchored head, and the consistency proof between it and the checkpoint that it is shown for: the smaller one's tree in the larger's. */
export const AnchoredHead = z.strictObject({ anchor: AnchorProof, consistency: z.array(Digest).max(63) });
export type AnchoredHead = z.infer<typeof AnchoredHead>;

/**
 * A receipt with a later proof of the same record beside it, made from static files by whoever holds it: the gateway's
 * signature covers the receipt alone, and the proof speaks for itself.
 */
export const UpgradedReceipt = z.strictObject({
  v: z.literal("quanji.upgraded.v1"),
  receipt: Jws,
  /** A C2SP tlog-proof, verbatim. */
  proof: z.string(),
  /** That the log of that proof stands in an outside chain. Absent: it is not shown. */
  anchored: AnchoredHead.optional(),
});
export type UpgradedReceipt = z.infer<typeof UpgradedReceipt>;
/** A receipt's file, upgraded or not. */
export const RECEIPT_FILE_LIMITS: Limits = { maxBytes: 256 * 1024, maxDepth: 4 };
export const RECEIPT_TYP = "quanji-receipt+jws";
export const ANSWER_TYP = "quanji-answer+jws";

/** Payload of an answer: bound to one request, so that an answer can never be shown as another's. */
export const Answer = z.strictObject({
  request: Digest,
  status: z.int().min(200).max(599),
  body: z.json(),
});
export type Answer = z.infer<typeof Answer>;

export const TRAIL_KINDS = ["grant", "resource", "party"] as const;
export type TrailKind = (typeof TRAIL_KINDS)[number];

/** Tags of one person by quarter, in order. */
export const SubjectTags = z
  .array(z.strictObject({ quarter: Quarter, tag: Tag }))
  .min(1)
  .max(64);
export type SubjectTags = z.infer<typeof SubjectTags>;

/** Command chains that a trail may show. */
export const COMMAND_CHAINS = [
  "directory",
  "boundary",
  "orders",
  "party",
  "resource",
  "grant",
  "acts",
  "openings",
  "attestation",
  "cap",
  "offer",
  "contract",
  "books",
  "disclosures",
] as const;
export type CommandChainKind = (typeof COMMAND_CHAINS)[number];

const SealedHead = z.strictObject({ h: Digest, n: count, salt: Digest });

/** Lines of a trail, one JSON object a line in canonical form, in this order. */
export const TrailLine = z.discriminatedUnion("t", [
  z.strictObject({
    t: z.literal("trail"),
    v: z.literal("quanji.trail.v1"),
    net: NetworkId,
    /** Of a subject, `id` is the steward whose tags these are. */
    key: z.strictObject({ kind: z.enum([...TRAIL_KINDS, "subject"]), id: z.string() }),
    /** Of a subject: its tags, by quarters that follow on each other. */
    tags: SubjectTags.optional(),
    /** Of a subject: whether uses of the steward's data that name nobody are in the file too. */
    bulk: z.boolean().optional(),
    from: Instant.optional(),
    to: Instant.optional(),
  }),
  /** Begins a command chain; its commands follow in order, then its end. */
  z.strictObject({
    t: z.literal("chain"),
    scope: z.string(),
    kind: z.enum(COMMAND_CHAINS),
    id: z.string(),
  }),
  z.strictObject({ t: z.literal("command"), entry: z.string(), request: Jws }),
  /** A command on another month of a contract, in its place in the contract's chain: counted, and not shown. */
  z.strictObject({ t: z.literal("withheld"), entry: z.string() }),
  z.strictObject({ t: z.literal("chainEnd"), note: z.string(), opening: SealedHead }),
  /** Begins a log: from h₀ (`n` 0), or from the last record before `from`. */
  z.strictObject({
    t: z.literal("log"),
    log: LogOrigin,
    start: z.union([z.strictObject({ n: z.literal(0) }), z.strictObject({ record: z.string(), opening: Opening })]),
    /** Of a subject: size of the tree that the proofs of this section lead to. */
    size: count.optional(),
  }),
  /**
   * Of a subject: an index of the log, and for each tag its leaf, opened (`o`), or the neighbours between which it would stand. The
   * records of these tags in it follow.
   */
  z.strictObject({
    t: z.literal("day"),
    r: z.string(),
    leaves: z
      .array(
        z.strictObject({
          i: count,
          tag: Tag,
          state: Digest,
          path: z.array(Digest).max(63),
          o: SealedHead.optional(),
        }),
      )
      .max(256),
  }),
  /**
   * `o` opens the links of the trail's key only, and what the request committed to; `e` names what a command in the chain
   * `openings` of the record's resource erased; `q` is the requester's JWS (absent for deliveries: the access has it).
   */
  z.strictObject({
    t: z.literal("record"),
    r: z.string(),
    o: OpeningsSchema,
    e: setOf(z.enum(ERASABLE), ERASABLE.length).optional(),
    q: Jws.optional(),
    /** Of a subject: audit path to the root of the tree of `size` leaves. */
    p: z.array(Digest).max(63).optional(),
  }),
  /**
   * A record that an order seals until its date: SHA-256 of its face and of its body. Which order, the chain `openings` of the
   * resource says, by the leaf. It opens nothing.
   */
  z.strictObject({
    t: z.literal("sealed"),
    f: Digest,
    b: Digest,
    o: OpeningsSchema.optional(),
    /** Of a subject: under which of the tags asked for it counts; and its audit path, as of a record. */
    tags: Tags.optional(),
    p: z.array(Digest).max(63).optional(),
  }),
  /** Ends a log: head note with its opening and a proof of the last record; or the next record after `to` with its proof. */
  z.strictObject({
    t: z.literal("logEnd"),
    log: LogOrigin,
    note: z.string().optional(),
    /** Absent if the note says `state none`. */
    opening: SealedHead.optional(),
    /** Absent if the log holds no record of this key. */
    proof: z.string().optional(),
    next: z.strictObject({ record: z.string(), opening: Opening, proof: z.string() }).optional(),
    /** That the log of that proof, or of `next`'s, stands in an outside chain. Absent: it is not shown. */
    anchored: AnchoredHead.optional(),
  }),
  /** `digest`: SHA-256 of all bytes before this line. `count`: records, sealed ones too. */
  z.strictObject({ t: z.literal("end"), count, digest: Digest }),
]);
export type TrailLine = z.infer<typeof TrailLine>;
export type TrailLineOf<T extends TrailLine["t"]> = Extract<TrailLine, { t: T }>;

const orgName = z.string().regex(/^[a-z][A-Za-z0-9]{0,31}$/);
const bounds = { from: count, to: count.optional() };

/** Payload of the trust file, a General JWS. Versioned, signed by its predecessor's signers, pinned by digest. */
export const Trust = z.strictObject({
  v: z.literal("quanji.trust.v1"),
  version: z.int().min(1),
  /** Digest of the version before; absent in version 1. */
  prev: Digest.optional(),
  net: NetworkId,
  expires: Instant,
  /** Says aloud that the network's time was set by a test. */
  testClock: z.boolean(),
  timeZone: z.string(),
  /** Header hash of block 0, and request hash of network.init. */
  genesis: Digest,
  init: Digest,
  configs: z.array(Digest),
  gateways: z.array(
    z.strictObject({ name: GatewayName, kid: z.string(), jwk: Jwk, publicUrl: z.string(), log: LogOrigin, ...bounds }),
  ),
  logs: z.array(z.strictObject({ origin: LogOrigin, org: orgName })),
  /** C2SP vkeys that sign checkpoints, valid for tree sizes from…to. */
  keys: z.array(z.strictObject({ vkey: z.string(), log: LogOrigin, ...bounds })),
  /** C2SP vkeys that sign head notes, by organisation. */
  heads: z.record(orgName, z.string()),
  /** C2SP vkeys of witnesses that sign what blocks their peers have, by organisation. Absent: none do. */
  blocks: z.record(orgName, z.string()).optional(),
  msps: z.record(orgName, z.array(z.string())),
  /** C2SP tlog-policy text. */
  policy: z.string(),
  signers: z.array(z.strictObject({ kid: z.string(), jwk: Jwk })).min(1),
  threshold: z.int().min(1),
  regulator: PartyId,
  /**
   * Anchor contracts that count, and hashes of blocks of their chains that are known to be final: who signs the trust file has
   * looked. Absent: nothing is anchored.
   */
  anchors: z
    .array(z.strictObject({ chain: ChainId, contract: EvmAddress, blocks: z.array(EvmHash).max(4096) }))
    .min(1)
    .max(16)
    .optional(),
});
export type Trust = z.infer<typeof Trust>;
export const TRUST_TYP = "quanji-trust+jws";

/** Protected header of the trust file's signatures: exactly {alg, kid, typ}. */
export const TrustFile = z.strictObject({
  payload: z.string(),
  signatures: z
    .array(z.strictObject({ protected: z.string(), signature: z.string() }))
    .min(1)
    .max(64),
});
export type TrustFile = z.infer<typeof TrustFile>;

/**
 * A fork, portable: two signed checkpoints of one log that cannot both be true. `proof` is a consistency proof between their
 * sizes whose hashes lead to the newer root and to another older one (where the older size is a power of two, with the hash
 * that stands there in front); absent where the sizes are equal.
 */
export const ForkProof = z.strictObject({
  v: z.literal("quanji.evidence.v1"),
  kind: z.literal("fork"),
  /** Signed notes, verbatim: of the smaller size, or of either. */
  older: z.string(),
  newer: z.string(),
  proof: z.array(Digest).max(63).optional(),
});
export type ForkProof = z.infer<typeof ForkProof>;
/** Two notes of 64 KiB and a proof. */
export const FORK_LIMITS: Limits = { maxBytes: 144 * 1024, maxDepth: 3 };

/** A record in its log: bytes, the opening of one of its links, and a C2SP tlog-proof, verbatim. */
const IncludedRecord = z.strictObject({ record: z.string(), opening: Opening, proof: z.string() });

/** Two records of one log that cannot both be where they stand in the chain of the object that `link` names. */
export const ChainForkProof = z.strictObject({
  v: z.literal("quanji.evidence.v1"),
  kind: z.literal("chain-fork"),
  link: z.enum(TRAIL_KINDS),
  /** By their index in the log. */
  earlier: IncludedRecord,
  later: IncludedRecord,
});
export type ChainForkProof = z.infer<typeof ChainForkProof>;

/** A head note, and a record of the very tree that the note names, which the head that it states does not count. */
export const HeadLieProof = z.strictObject({
  v: z.literal("quanji.evidence.v1"),
  kind: z.literal("head-lie"),
  link: z.enum(TRAIL_KINDS),
  /** The signed head note, verbatim, and what it states; absent where it says `state none`. */
  note: z.string(),
  opening: SealedHead.optional(),
  record: z.string(),
  linkOpening: Opening,
  /** Audit path of the record to the note's root, lowest first. */
  path: z.array(Digest).max(63),
});
export type HeadLieProof = z.infer<typeof HeadLieProof>;

/** What a gateway signed when it refused: the command that was sent, and its answer. */
export const RefusalProof = z.strictObject({
  v: z.literal("quanji.evidence.v1"),
  kind: z.literal("refusal"),
  command: Jws,
  answer: Jws,
});
export type RefusalProof = z.infer<typeof RefusalProof>;

/**
 * Two block notes of one ledger and one number that differ. Under one key: that witness told two stories. Under two: one of
 * them, or one of the peers behind them, has another ledger.
 */
export const BlockForkProof = z.strictObject({
  v: z.literal("quanji.evidence.v1"),
  kind: z.literal("block-fork"),
  /** Signed block notes, verbatim. */
  one: z.string(),
  other: z.string(),
});
export type BlockForkProof = z.infer<typeof BlockForkProof>;

/**
 * Two blocks of one number that orderers signed under one configuration. Serialised Fabric `Block`s in base64url; the two need
 * no transactions, for their headers name them.
 */
export const LedgerForkProof = z.strictObject({
  v: z.literal("quanji.evidence.v1"),
  kind: z.literal("ledger-fork"),
  /** The configuration that both name, whole. */
  config: z.string(),
  one: z.string(),
  other: z.string(),
});
export type LedgerForkProof = z.infer<typeof LedgerForkProof>;
/** A configuration has the certificates of all organisations. */
export const LEDGER_FORK_LIMITS: Limits = { maxBytes: 4 * 1024 * 1024, maxDepth: 2 };

/**
 * A checkpoint, and what the ledger has instead: a block in which the log came to that size with another root, and a later one in
 * which peers of several organisations have read it so. Serialised Fabric `Block`s in base64url, whole.
 */
export const LogVsLedgerProof = z.strictObject({
  v: z.literal("quanji.evidence.v1"),
  kind: z.literal("log-vs-ledger"),
  /** Signed note, verbatim. */
  checkpoint: z.string(),
  /** The configuration that both blocks name. */
  config: z.string(),
  block: z.string(),
  later: z.string(),
});
export type LogVsLedgerProof = z.infer<typeof LogVsLedgerProof>;
/** Two blocks full of records. */
export const LOG_VS_LEDGER_LIMITS: Limits = { maxBytes: 64 * 1024 * 1024, maxDepth: 2 };

/** A command chain as a trail shows it: every command up to the head that a note states. */
const ShownChain = z.strictObject({
  scope: z.string(),
  kind: z.enum(["directory", "party", "resource", "grant"]),
  id: z.string(),
  commands: z.array(z.strictObject({ entry: z.string(), request: Jws })).min(1),
  /** Signed head note, verbatim, and what it states. */
  note: z.string(),
  opening: SealedHead,
});

/**
 * A permit in a log, and the chain of its grant, in which a stop was in force: with the directory, the chain of the grant's
 * resource, and those of all who signed commands in any of them. Shows the grant's terms.
 */
export const IgnoredStopProof = z.strictObject({
  v: z.literal("quanji.evidence.v1"),
  kind: z.literal("ignored-stop"),
  record: z.string(),
  /** C2SP tlog-proof, verbatim. */
  proof: z.string(),
  chains: z.array(ShownChain).min(4).max(256),
});
export type IgnoredStopProof = z.infer<typeof IgnoredStopProof>;

/** What the verifier takes. What shows blocks is not among them: checking those takes Fabric's messages and X.509, so it is in `audit`. */
export const Evidence = z.discriminatedUnion("kind", [
  ForkProof,
  ChainForkProof,
  HeadLieProof,
  BlockForkProof,
  RefusalProof,
  IgnoredStopProof,
]);
export type Evidence = z.infer<typeof Evidence>;
/** Command chains, or two records with their proofs, each under a note of 64 KiB. */
export const PROOF_LIMITS: Limits = { maxBytes: 4 * 1024 * 1024, maxDepth: 12 };
