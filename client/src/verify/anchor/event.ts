/** The event by which an anchor contract says that it took a head, out of the block that holds it. Whether that block counts is asked elsewhere. */
import { keccak_256 } from "@noble/hashes/sha3.js";
import type { AnchorProof } from "@quanji/chaincode/domain";
import { concat, equalBytes, fromBase64url, parseHash, sha256, utf8 } from "@quanji/chaincode/log";
import { refuse } from "../verdict.js";
import { bigEndian, bytesOf, decodeRlpList, listOf, numberOf, type Rlp } from "./rlp.js";
import { provenEntry } from "./trie.js";

/** `Anchored(bytes32 indexed log, uint64 indexed size, bytes32 root, uint256 chain)` */
export const ANCHORED_TOPIC = keccak_256(utf8("Anchored(bytes32,uint64,bytes32,uint256)"));

/** A log's name in the contract. */
export const logTopic = (origin: string): Uint8Array => sha256(utf8(origin));

export const word = (value: number | bigint): Uint8Array => {
  const digits = bigEndian(value);
  return concat(new Uint8Array(32 - digits.length), digits);
};

export const fromHex = (text: string): Uint8Array =>
  Uint8Array.from({ length: (text.length - 2) / 2 }, (_, i) => parseInt(text.slice(2 + 2 * i, 4 + 2 * i), 16));
export const toHex = (bytes: Uint8Array): string =>
  `0x${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;

export interface BlockFacts {
  readonly number: number;
  /** Of the block, by who made it: ms since 1970. */
  readonly timeMs: number;
}

/** Places in a header's list; those after them came with later forks, and are hashed all the same. */
const HEADER = { receipts: 5, number: 8, time: 11, least: 15 } as const;
const RECEIPT_ITEMS = 4;

/**
 * That the block holds the event, and the event says what the file does. Errors: ANCHOR_HEADER, ANCHOR_PROOF, ANCHOR_FAILED, ANCHOR_CONTRACT, ANCHOR_EVENT,
 * LOG_MISMATCH, ANCHOR_CHAIN, ANCHOR_MALFORMED.
 */
export function verifyEvent(proof: AnchorProof): BlockFacts {
  // 1. The header is that of the block, and leads to the transaction's receipt.
  const header = fromBase64url(proof.header);
  if (toHex(keccak_256(header)) !== proof.block) refuse("ANCHOR_HEADER", "the header is not that of the block");
  const fields = decodeRlpList(header);
  if (fields.length < HEADER.least) refuse("ANCHOR_MALFORMED", "the header lacks fields");
  const root = bytesOf(fields[HEADER.receipts], 32);
  const entry = provenEntry(root, proof.transaction, proof.proof.map(fromBase64url));
  // 2. The transaction did what it was meant to, and the event is among what it said.
  const [status, _gas, _bloom, events] = receiptFields(entry);
  if (!equalBytes(bytesOf(status), Uint8Array.of(1))) refuse("ANCHOR_FAILED", "the transaction failed");
  const event = listOf(events)[proof.event];
  if (event === undefined) return refuse("ANCHOR_EVENT", "the transaction has no event at that place");
  // 3. The event is the contract's, and says just this.
  assertSays(listOf(event), proof);
  const timeMs = numberOf(fields[HEADER.time]) * 1000;
  if (timeMs > 8.64e15) refuse("ANCHOR_MALFORMED", "the block's time is beyond every calendar");
  return { number: numberOf(fields[HEADER.number]), timeMs };
}

/** Of whatever kind. @see EIP-2718, EIP-658 */
function receiptFields(entry: Uint8Array): readonly Rlp[] {
  const isTyped = (entry[0] ?? 0xc0) < 0x80;
  const fields = decodeRlpList(isTyped ? entry.subarray(1) : entry);
  return fields.length === RECEIPT_ITEMS ? fields : refuse("ANCHOR_MALFORMED", "a receipt has four fields");
}

function assertSays([address, topics, data]: readonly Rlp[], { contract, log, size, root, chain }: AnchorProof): void {
  if (!equalBytes(bytesOf(address, 20), fromHex(contract))) {
    refuse("ANCHOR_CONTRACT", "the event is another contract's");
  }
  const [kind, name, count] = listOf(topics).map((topic) => bytesOf(topic, 32));
  if (kind === undefined || !equalBytes(kind, ANCHORED_TOPIC)) refuse("ANCHOR_EVENT", "the event is of another kind");
  const said = bytesOf(data, 64);
  if (name === undefined || !equalBytes(name, logTopic(log))) refuse("LOG_MISMATCH", "the event is about another log");
  if (count === undefined || !equalBytes(count, word(size)) || !equalBytes(said.subarray(0, 32), parseHash(root))) {
    refuse("ANCHOR_EVENT", "the event is about another size or root");
  }
  if (!equalBytes(said.subarray(32), word(chain))) refuse("ANCHOR_CHAIN", "the event is of another chain");
}
