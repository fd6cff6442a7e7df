/**
 * Every finer code that a verdict can give, once: which of the verifier's codes it stands under, what it means, and what its
 * reader should do. `docs/protocol.md` lists the same rows. A code is never renamed or used again for something else.
 */
import type { Code } from "@quanji/chaincode/domain";

export type VerifierCode = Extract<Code, "PROOF_INVALID" | "TRAIL_INCOMPLETE" | "UNDERWITNESSED" | "TOTAL_MISMATCH">;

/** What a reader should do. */
export const ADVICE = {
  again:
    "the file was damaged or altered on its way: get it again; if a fresh one says the same, do not rely on it and tell the regulator",
  distrust:
    "do not rely on the file; get it again from the gateway that signed it, and if that one says the same, keep both and tell the regulator",
  breach:
    "keep the file and take it to the regulator: somebody signed or recorded what the rules forbid, and this is the evidence",
  missing:
    "do not take the list for complete; get the trail again, then from the regulator's gateway, and treat a gap that remains as an access that is kept from you",
  wait: "what is shown may be right and is not yet proven up to the end that was asked for: get it again later, or for a period that ends earlier",
  witness:
    "get the evidence again when more witnesses have signed, or say with --level what is enough for you; never weaken the trust file for the sake of one file",
  anchor:
    "upgrade the file when the log has been anchored again (quanji receipt upgrade, quanji trail upgrade), or ask for no more than cosigned",
  block:
    "ask a node of that chain that you trust whether the block is in it and final, and say so with --block-hash, or take the trust file's next version",
  trust:
    "compare the trust file's digest with the one that the network's regulator gave you by another channel, and fetch the versions between",
  update: "use the version of Quanji that wrote the file, or a newer one",
} as const;
export type Advice = keyof typeof ADVICE;

export interface FindingRow {
  readonly code: VerifierCode;
  readonly advice: Advice;
  readonly meaning: string;
}

const row =
  <C extends VerifierCode>(code: C) =>
  (advice: Advice, meaning: string) =>
    ({ code, advice, meaning }) as const;
const invalid = row("PROOF_INVALID");
const incomplete = row("TRAIL_INCOMPLETE");
const underwitnessed = row("UNDERWITNESSED");
const mismatched = row("TOTAL_MISMATCH");

export const FINDINGS = {
  // Form: bytes that no honest writer makes.
  MALFORMED: invalid("again", "a value does not fit its schema; the message names the field"),
  NOT_CANONICAL: invalid("again", "bytes are not the one canonical form of what they say"),
  NOT_UTF8: invalid("again", "text is not well-formed UTF-8"),
  NUMBER_FORBIDDEN: invalid("again", "a number is not an integer from 0 to 2⁵³−1 in its one spelling"),
  BASE64_INVALID: invalid("again", "a value is not canonical base64 or base64url"),
  FIELD_UNKNOWN: invalid("update", "a member that this version does not know"),
  TYPE_UNKNOWN: invalid("update", "a record or line of a type that this version does not know"),
  VERSION_UNKNOWN: invalid("update", "a format of a version that this verifier does not know"),
  LIMIT_EXCEEDED: invalid("distrust", "a line, proof, note or file is larger than any honest one"),
  JWS_SHAPE: invalid("again", "a signature's envelope is not the one form of a flattened JWS"),
  HEADER_FORBIDDEN: invalid("distrust", "a protected header or key with other members than exactly the known ones"),
  ALG_FORBIDDEN: invalid("distrust", "an algorithm that is not taken there, or not the key's own"),
  KEY_WEAK: invalid("distrust", "a public key that is not on its curve, of small order, or of the wrong length"),
  HASH_LENGTH: invalid("again", "a hash that has not 32 bytes"),
  SALT_LENGTH: invalid("again", "a salt that has not 32 bytes"),
  INDEX_RANGE: invalid("again", "an index or size that no log can have, or an index not below the size"),
  NOTE_MALFORMED: invalid("again", "a signed note is not in C2SP's form"),
  VKEY_MALFORMED: invalid("trust", "a verifier key of the trust file is not in C2SP's form"),
  CHECKPOINT_MALFORMED: invalid("again", "a checkpoint is not in C2SP's form"),
  CHECKPOINT_EXTENSION: invalid("distrust", "a checkpoint has extension lines: they could hide a second meaning"),
  HEAD_NOTE_MALFORMED: invalid("again", "a head note has not its six lines, or a time beyond every calendar"),
  BLOCK_NOTE_MALFORMED: invalid("again", "a block note has not its four lines"),
  PROOF_MALFORMED: invalid("again", "an inclusion proof is not in C2SP's form"),
  PROOF_LENGTH: invalid("distrust", "an inclusion proof has more or fewer hashes than the tree's size asks for"),
  LINE_ORDER: invalid("again", "lines of a trail stand where none of their type may"),
  UNEXPECTED: invalid("distrust", "the evidence has a shape that no check expected; refused for that alone"),

  // Record and request.
  RECORD_CONTRADICTS: invalid("breach", "face and body of a record contradict each other"),
  RECORD_MISSING: invalid("again", "a proof is given for a record that is not in the file"),
  LINK_OPENING: invalid("distrust", "a link's opening is missing, is another's, or does not match its commitment"),
  COMMITMENT_MISMATCH: invalid("distrust", "an opened value is not the one that was committed to"),
  ERASURE_UNPROVEN: invalid(
    "distrust",
    "something is said to be erased, and no command erases that field of that record",
  ),
  ERASURE_UNDONE: invalid("breach", "something is opened that a command erased: somebody kept it"),
  SEAL_OPENED: invalid("distrust", "an entry is sealed, and something of it is opened"),
  SEAL_MISMATCH: invalid("breach", "a record is shown that is not the one which was sealed at its place"),
  REQUEST_MISSING: invalid("missing", "the requester's signed request is not in the file"),
  REQUEST_MISMATCH: invalid("distrust", "the record or entry names another request than the one beside it"),
  REQUEST_CONTENT: invalid("breach", "the record says otherwise than the request that was signed"),
  ACCEPTANCE_MISMATCH: invalid("breach", "an acceptance of something else than the delivery that it names"),
  SIGNATURE_INVALID: invalid("distrust", "a signature does not verify under the key that it names"),
  TYP_MISMATCH: invalid("distrust", "a signature was made for another kind of message"),
  URL_MISMATCH: invalid("breach", "a request was signed for another gateway or route than the one that used it"),
  NETWORK_MISMATCH: invalid("distrust", "something belongs to another network"),
  KEY_PARTY: invalid("breach", "the key that signed is not one of the party that it is used for"),
  KEY_THUMBPRINT: invalid("distrust", "a key's name is not the thumbprint of the key"),
  KEY_REVOKED: invalid("breach", "a key counted that was outside its window or reported compromised by then"),
  TIME_BRACKET: invalid(
    "breach",
    "a record's time does not fit its request's, what it was decided on, or its cosignatures",
  ),
  TIME_ORDER: invalid("breach", "times decrease within a log"),
  STATUS_MISMATCH: invalid("distrust", "a receipt's HTTP status is not that of its decision"),

  // Log, proofs and notes.
  INDEX_MISMATCH: invalid("distrust", "the proof is for another index than the record's"),
  INCLUSION_INVALID: invalid("distrust", "the record and its proof do not lead to the checkpoint's root"),
  LOG_MISMATCH: invalid("distrust", "something belongs to another log than the one it stands under"),
  LOG_UNKNOWN: invalid("trust", "the log is not in the trust file, or not in the directory of the file"),
  LOG_SIGNATURE_INVALID: invalid("distrust", "a checkpoint or head note is not signed by a key of the trust file"),
  WITNESS_SIGNATURE_INVALID: invalid("distrust", "a cosignature names a known witness and does not verify"),
  KEY_PURPOSE: invalid("distrust", "a key signed what it was not made for"),
  KEY_EXPIRED_AT_SIZE: invalid("trust", "the key does not speak for the log at that size"),
  GATEWAY_UNKNOWN: invalid("trust", "the receipt is signed by a gateway that the trust file lacks"),
  TIME_FUTURE: invalid(
    "distrust",
    "a signature's time lies more than five minutes ahead of this clock; check the clock",
  ),
  STATE_OPENING: invalid("distrust", "a head note's state is not opened, or its opening is another state's"),
  PROOF_MISSING: invalid("missing", "the last record of a log has no inclusion proof"),
  LEAF_MISMATCH: invalid(
    "distrust",
    "entries are altered: the ones shown do not lead to the attested head of their chain",
  ),
  TILE_MISSING: invalid("again", "a static file of a log is not where it should be: try another copy of the log"),
  TILE_MISMATCH: invalid("distrust", "a static file of a log does not lead to the root of the log's checkpoint"),
  CHECKPOINT_STALE: invalid("wait", "the newest checkpoint that is served is older than what it is needed for"),
  CONSISTENCY_INVALID: invalid("breach", "a larger tree of the log does not contain a smaller one: two histories"),
  ANCHOR_MALFORMED: invalid("again", "a header, receipt or node of an outside chain is not in that chain's form"),
  ANCHOR_HEADER: invalid("distrust", "the header of an outside block has not the hash that is stated"),
  ANCHOR_PROOF: invalid("distrust", "an outside block does not hold the receipt that is shown, or not at that place"),
  ANCHOR_FAILED: invalid("distrust", "the transaction that should have anchored a log failed"),
  ANCHOR_EVENT: invalid("distrust", "an event does not say that the contract took this size and root"),
  ANCHOR_CONTRACT: invalid("trust", "an event is of another contract than the one that is named or trusted"),
  ANCHOR_CHAIN: invalid("trust", "an event is of another chain than the one that is named or trusted"),
  ANCHOR_SHORT: invalid("wait", "the head that stands in the outside chain is older than the record"),
  FORK: invalid("breach", "two roots are stated for one size of a log: two histories"),
  FORK_UNPROVEN: invalid("distrust", "a portable proof accuses nobody, or shows no contradiction"),
  CHAIN_FORK: invalid("breach", "two entries stand at one position of a chain"),
  SAMPLE_UNPROVEN: invalid("distrust", "a sample is not the one that its plan and its seed draw from that trail"),
  SAMPLE_WITHHELD: invalid("breach", "an access that was drawn is not opened to the regulator"),

  // What was decided.
  GENESIS_MISMATCH: invalid("trust", "the network did not begin with the command that the trust file names"),
  ROLE_REQUIRED: invalid("breach", "a command was accepted from a signer without the office for it"),
  COMMAND_REFUSED: invalid(
    "breach",
    "a chain holds a command that the rules refuse; the message names the rule's code",
  ),
  DECISION_MISMATCH: invalid(
    "breach",
    "deciding again gives another answer than the record, or another count or obligation",
  ),
  QUOTA_OVERDRAWN: invalid("breach", "the logs together used more of a grant's quota in one period than there is"),
  PERMIT_AFTER_STOP: invalid(
    "breach",
    "an access was permitted after the stop, freeze or revocation had been recorded",
  ),
  BASIS_UNKNOWN: invalid("distrust", "a record rests on a position that its chain has not"),
  BASIS_STALE: invalid(
    "breach",
    "a record was decided on a state long overtaken, or older than that of a record before it",
  ),

  // Trust file.
  POLICY_SYNTAX: invalid("trust", "the witness policy does not parse, or names what the trust file lacks"),
  POLICY_DUPLICATE_KEY: invalid("trust", "one witness key stands in the policy twice: it would count twice"),
  TRUST_DIGEST: invalid("trust", "the trust file is not the one that was pinned"),
  TRUST_EXPIRED: invalid("trust", "the trust file is past its end"),
  TRUST_ROLLBACK: invalid("trust", "the trust file is not newer than the one in use"),
  TRUST_CHAIN: invalid("trust", "the trust file does not follow the one in use: a version between is missing"),

  // Completeness.
  TRAIL_GAP: incomplete("missing", "a record is missing between two that are shown"),
  TRAIL_TRUNCATED: incomplete("missing", "records are missing at the end"),
  TRAIL_START: incomplete(
    "missing",
    "the period begins with a hole, or the trail begins after a record that belongs to it",
  ),
  TRAIL_ORDER: incomplete("distrust", "records stand in another order than in their log"),
  TRAIL_FOREIGN: incomplete("distrust", "a record does not concern the trail's key"),
  TRAIL_DUPLICATE: incomplete("distrust", "a record, chain or log stands in the file twice"),
  TRAIL_STALE: incomplete("wait", "a head is attested for a time before the end that was asked for"),
  DIRECTORY_STALE: incomplete(
    "wait",
    "the directory of logs is attested for a time before the end: a log could be missing",
  ),
  CHAIN_KEY: incomplete("distrust", "a chain, command or note is another object's"),
  COMMAND_WITHHELD: incomplete("distrust", "a command is counted and not shown that the file has to show"),
  CHAIN_MISSING: incomplete("missing", "a command chain is not in the file that a decision or a signature rests on"),
  LOG_SET_INCOMPLETE: incomplete(
    "missing",
    "a log that could hold records is not in the file, or the directory itself is not",
  ),
  ABSENCE_UNPROVEN: incomplete("missing", "no record is shown, and it is not proven that there is none"),
  INDEX_GAP: incomplete("missing", "an index of data subjects is missing, at the beginning or between two"),
  TAG_QUARTER: incomplete(
    "missing",
    "a subject's tags do not cover the period without a hole: get those of all its quarters",
  ),
  LINK_MISSING: incomplete("missing", "a record lacks the link of an object that it must count for"),
  REQUEST_REPLAYED: incomplete("breach", "one request, or one sequence number, stands there twice"),
  SEQ_GAP: incomplete(
    "missing",
    "a requester's sequence number is neither recorded nor void: an access may be unrecorded",
  ),
  DELIVERY_UNMATCHED: incomplete("breach", "a delivery without its permit, or a second delivery of one"),
  TALLY_MISMATCH: incomplete("breach", "a source counted other accesses than were permitted and delivered, or twice"),
  ACCEPTANCE_UNMATCHED: incomplete("breach", "an acceptance without its delivery, or a second acceptance of one"),
  SEAL_UNPROVEN: incomplete("missing", "an entry is sealed, and no order names it"),
  SEAL_EXPIRED: incomplete("missing", "an entry is still sealed although its order has ended or was lifted"),
  RECEIPT_NOT_IN_TRAIL: incomplete("missing", "a receipt that you hold is not in the trail that should contain it"),
  FILE_TRUNCATED: incomplete("again", "the file ends before its end line, or counts other lines than it has"),

  // Documents.
  AMOUNT_DIFFERS: mismatched("breach", "an amount is not what records, tariff and adjustments make"),
  TIER_DIFFERS: mismatched("breach", "a tier, its price or the tariff's version is another than the one in force"),
  QUANTITY_DIFFERS: mismatched("breach", "a quantity is not the one that the records bring"),
  DELIVERIES_DIFFER: mismatched("breach", "a line stands on other deliveries than those of the records"),
  SPLIT_DIFFERS: mismatched("breach", "a share is not what the contract's weights make of the amount"),
  DOCUMENT_DIFFERS: invalid(
    "distrust",
    "the document says otherwise than the ledger's objects; the message names where",
  ),
  DOCUMENT_UNKNOWN: invalid("distrust", "the ledger holds no such document, or another one under its code"),
  DOCUMENT_EVIDENCE: invalid("again", "the evidence behind the document is of another contract, grant or month"),
  DOCUMENT_DISPUTED: invalid("wait", "a dispute of the statement that the document stands on is open"),
  DOCUMENT_REVOKED: invalid("distrust", "the certificate was valid when it was issued, and has been revoked since"),
  DOCUMENT_UNPROVEN: incomplete("missing", "no evidence stands behind the document, or not of the kind it needs"),
  KEY_COMPROMISED_UNANCHORED: invalid(
    "distrust",
    "the key was reported compromised, and nothing outside the document says that it is older",
  ),
  STATUS_LIST_MALFORMED: invalid("again", "a status list is not in the form of W3C Bitstring Status List"),
  STATUS_LIST_FOREIGN: invalid("distrust", "a status list is another issuer's, or its gateway is not the one it names"),
  STATUS_LIST_STALE: invalid("wait", "a status list spoke for a time that is over: get it again"),

  // Witnesses.
  WITNESS_QUORUM: underwitnessed("witness", "fewer organisations have signed than the level asks for"),
  ANCHOR_MISSING: underwitnessed("anchor", "the log is not shown to stand in an outside chain"),
  ANCHOR_UNPINNED: underwitnessed("block", "the block that holds the log's head is not known to be final"),
  LEVEL_FALSE: underwitnessed("witness", "the receipt claims a higher level than it proves"),
  POLICY_UNSAFE: underwitnessed(
    "trust",
    "the policy lets two disjoint groups reach the quorum, or counts a log's own organisation",
  ),
} as const satisfies Readonly<Record<string, FindingRow>>;

export type Finding = keyof typeof FINDINGS;

export const isFinding = (text: string): text is Finding => Object.hasOwn(FINDINGS, text);

/** The verifier's code that owns a finer one. */
export const codeOf = (detail: string): VerifierCode => (isFinding(detail) ? FINDINGS[detail].code : "PROOF_INVALID");
