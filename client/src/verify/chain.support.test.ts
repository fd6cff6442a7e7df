/** An outside chain for tests, made by hand: blocks, receipts and events as a real one has them. Holds no test itself. */
import { keccak_256 } from "@noble/hashes/sha3.js";
import type { AnchorProof } from "@quanji/chaincode/domain";
import { concat, type Hash, hashText, toBase64url } from "@quanji/chaincode/log";
import { ANCHORED_TOPIC, fromHex, logTopic, toHex, word } from "./anchor/event.js";
import { bigEndian, encodeRlp, type Rlp } from "./anchor/rlp.js";
import { proofOf, typed } from "./anchor/trie.js";

export const CHAIN = 4242;
export const CONTRACT = `0x${"c0".repeat(20)}`;
const NONE = new Uint8Array(0);

export interface Event {
  readonly contract: string;
  readonly topics: readonly Uint8Array[];
  readonly data: Uint8Array;
}
export interface Head {
  readonly log: string;
  readonly size: number;
  readonly root: Hash;
}

export const anchoredEvent = ({ log, size, root }: Head, chain = CHAIN, contract = CONTRACT): Event => ({
  contract,
  topics: [ANCHORED_TOPIC, logTopic(log), word(size)],
  data: concat(root, word(chain)),
});

export const receiptOf = (events: readonly Event[], { status = 1, type = 2 } = {}): Uint8Array =>
  typed(
    type,
    encodeRlp([
      bigEndian(status),
      bigEndian(72_348),
      new Uint8Array(256),
      events.map(({ contract, topics, data }): Rlp => [fromHex(contract), topics, data]),
    ]),
  );

export const headerOf = (receiptsRoot: Uint8Array, seconds: number, number = 17): Rlp[] => [
  ...[1, 2].map((byte) => new Uint8Array(32).fill(byte)),
  new Uint8Array(20),
  ...[3, 4].map((byte) => new Uint8Array(32).fill(byte)),
  receiptsRoot,
  new Uint8Array(256),
  NONE,
  bigEndian(number),
  bigEndian(30_000_000),
  bigEndian(72_348),
  bigEndian(seconds),
  NONE,
  new Uint8Array(32),
  new Uint8Array(8),
  bigEndian(1_000_000_000),
];

export interface Made {
  readonly seconds: number;
  /** Receipts of the block; the head's transaction is the second. */
  readonly receipts?: readonly Uint8Array[];
  readonly events?: readonly Event[];
  readonly status?: number;
  readonly type?: number;
  readonly header?: (header: Rlp[]) => Rlp[];
}

/** An anchor proof of this head, in a block made as it is said. */
export function anchorOf(head: Head, { seconds, status = 1, type = 2, ...made }: Made): AnchorProof {
  const other: Event = { contract: `0x${"0e".repeat(20)}`, topics: [], data: Uint8Array.of(7) };
  const events = made.events ?? [other, anchoredEvent(head)];
  const receipts = made.receipts ?? [
    receiptOf([other]),
    receiptOf(events, { status, type }),
    receiptOf([], { type: 0 }),
  ];
  const { root, nodes } = proofOf(receipts, 1);
  const header = encodeRlp((made.header ?? ((same) => same))(headerOf(root, seconds)));
  return {
    v: "quanji.anchor.v1",
    chain: CHAIN,
    contract: CONTRACT,
    log: head.log,
    size: head.size,
    root: hashText(head.root),
    block: toHex(keccak_256(header)),
    header: toBase64url(header),
    transaction: 1,
    event: 1,
    proof: nodes.map((node) => toBase64url(node)),
  };
}
