/** Attacks on what is shown of an outside chain, beside a receipt and in a trail. Holds no test itself. */
import { keccak_256 } from "@noble/hashes/sha3.js";
import type { AnchoredHead, AnchorProof, Trust } from "@quanji/chaincode/domain";
import {
  canonical,
  consistencyProof,
  fromBase64url,
  type FlattenedJws,
  type Hash,
  hashText,
  toBase64url,
} from "@quanji/chaincode/log";
import { toHex, word } from "./anchor/event.js";
import { bigEndian } from "./anchor/rlp.js";
import { anchoredEvent, anchorOf, CHAIN, CONTRACT, type Made, receiptOf } from "./chain.support.test.js";
import { leavesOf, treeOf } from "./static.support.test.js";
import { LOG, OTHER_LOG, SmallWorld, sealed } from "./support.test.js";

export let world: SmallWorld;
export let index: number;
export let leaves: readonly Hash[];
export let grant: string;
let receipt: FlattenedJws;
let proof: string;
let made: Promise<void> | undefined;
export const prepareAnchored = (): Promise<void> => (made ??= make());

/** The record is the third of eight; its proof is under all eight. */
async function make(): Promise<void> {
  world = await new SmallWorld().begin();
  await world.resource();
  grant = await world.grant();
  const receipts: number[] = [];
  for (let i = 0; i < 8; i++) receipts.push(await world.access(grant));
  index = receipts[2] ?? 0;
  leaves = leavesOf(world);
  receipt = await world.receipt(LOG, index);
  proof = await world.proof(LOG, index);
}

export const headAt = (size: number, of: readonly Hash[] = leaves, log = LOG) => ({
  log,
  size,
  root: treeOf(of.slice(0, size)).head.root,
});

/** What is needed for the head at that size, in a block as it is said; the proof beside it is under all leaves. */
export async function anchoredAt(
  size: number,
  more: Partial<Made> = {},
  change: (proof: AnchorProof) => Partial<AnchorProof> = () => ({}),
): Promise<AnchoredHead> {
  const anchor = anchorOf(headAt(size), { seconds: world.time, ...more });
  const hashes = await consistencyProof(size, leaves.length, treeOf(leaves).read);
  return { anchor: { ...anchor, ...change(anchor) }, consistency: hashes.map(hashText) };
}

const LIMITS = { maxBytes: 1 << 18, maxDepth: 5 };
export const fileWith = (anchored: unknown, over: FlattenedJws = receipt): string =>
  canonical({ v: "quanji.upgraded.v1", receipt: over, proof, ...(anchored !== undefined && { anchored }) }, LIMITS);

/** A trust file's payload that names the contract, and the blocks of these. */
export const trustPayload = (...anchored: readonly AnchoredHead[]): Trust =>
  world.trustPayload({
    anchors: [{ chain: CHAIN, contract: CONTRACT, blocks: anchored.map(({ anchor }) => anchor.block) }],
  });

/** Name, finer code, the anchored head; and what else is pinned than its own block. */
type AnchorAttack = readonly [
  name: string,
  detail: string,
  anchored: () => Promise<AnchoredHead>,
  trust?: (payload: Trust) => Partial<Trust>,
];

/** The header made anew, with the hash that it then has. */
const rehashed = (header: Uint8Array): Partial<AnchorProof> => ({
  header: toBase64url(header),
  block: toHex(keccak_256(header)),
});
const flipped = (text: string, at: number): string => {
  const bytes = fromBase64url(text);
  bytes[at < 0 ? bytes.length + at : at]! ^= 1;
  return toBase64url(bytes);
};
const event = (...args: Parameters<typeof anchoredEvent>) => ({
  events: [anchoredEvent(...args), anchoredEvent(...args)],
});
const OTHER = `0x${"0d".repeat(20)}`;

/** All of these are refused whatever level is asked for: the file says what is not so. */
export const ON_ANCHORS: readonly AnchorAttack[] = [
  ["own: an anchor of another contract", "ANCHOR_CONTRACT", () => anchoredAt(5, event(headAt(5), CHAIN, OTHER))],
  [
    "own: an anchor that names another contract",
    "ANCHOR_CONTRACT",
    () => anchoredAt(5, {}, () => ({ contract: OTHER })),
  ],
  [
    "own: an anchor of a contract that nobody trusts",
    "ANCHOR_CONTRACT",
    () => anchoredAt(5, event(headAt(5), CHAIN, OTHER), () => ({ contract: OTHER })),
  ],
  ["own: an anchor on another chain", "ANCHOR_CHAIN", () => anchoredAt(5, event(headAt(5), 1))],
  ["own: an anchor that names another chain", "ANCHOR_CHAIN", () => anchoredAt(5, {}, () => ({ chain: 1 }))],
  [
    "own: an anchor on a chain that nobody trusts",
    "ANCHOR_CHAIN",
    () => anchoredAt(5, event(headAt(5), 1), () => ({ chain: 1 })),
  ],
  [
    "14 an anchor of another log",
    "LOG_MISMATCH",
    () => anchoredAt(5, event(headAt(5, leaves, OTHER_LOG)), () => ({ log: OTHER_LOG })),
  ],
  [
    "14 an anchor whose event is of another log",
    "LOG_MISMATCH",
    () => anchoredAt(5, event(headAt(5, leaves, OTHER_LOG))),
  ],
  ["own: an anchored head before the record", "ANCHOR_SHORT", () => anchoredAt(2)],
  ["own: an anchored head that ends at the record", "ANCHOR_SHORT", () => anchoredAt(index)],
  ["own: an event of another size", "ANCHOR_EVENT", () => anchoredAt(5, event(headAt(6)))],
  ["own: an event of another root", "ANCHOR_EVENT", () => anchoredAt(5, event({ ...headAt(5), root: headAt(6).root }))],
  [
    "own: an event of another kind",
    "ANCHOR_EVENT",
    () =>
      anchoredAt(5, {
        events: [0, 1].map(() => ({ ...anchoredEvent(headAt(5)), topics: [word(1), word(2), word(3)] })),
      }),
  ],
  [
    "own: an event without topics",
    "ANCHOR_EVENT",
    () => anchoredAt(5, { events: [0, 1].map(() => ({ ...anchoredEvent(headAt(5)), topics: [] })) }),
  ],
  [
    "own: another contract's event of the same transaction",
    "ANCHOR_CONTRACT",
    () => anchoredAt(5, {}, () => ({ event: 0 })),
  ],
  ["own: an event that is not there", "ANCHOR_EVENT", () => anchoredAt(5, {}, () => ({ event: 2 }))],
  ["own: a transaction that failed", "ANCHOR_FAILED", () => anchoredAt(5, { status: 0 })],
  ["own: another transaction's place", "ANCHOR_PROOF", () => anchoredAt(5, {}, () => ({ transaction: 0 }))],
  ["own: a transaction beyond the block", "ANCHOR_PROOF", () => anchoredAt(5, {}, () => ({ transaction: 3 }))],
  [
    "own: a node altered",
    "ANCHOR_PROOF",
    () => anchoredAt(5, {}, ({ proof }) => ({ proof: [...proof.slice(0, -1), flipped(proof.at(-1)!, -1)] })),
  ],
  [
    "own: the root's node altered",
    "ANCHOR_PROOF",
    () => anchoredAt(5, {}, ({ proof }) => ({ proof: [flipped(proof[0]!, 40), ...proof.slice(1)] })),
  ],
  ["own: a node less", "ANCHOR_PROOF", () => anchoredAt(5, {}, ({ proof }) => ({ proof: proof.slice(0, -1) }))],
  ["own: a node more", "ANCHOR_PROOF", () => anchoredAt(5, {}, ({ proof }) => ({ proof: [...proof, proof.at(-1)!] }))],
  ["own: nodes exchanged", "ANCHOR_PROOF", () => anchoredAt(5, {}, ({ proof }) => ({ proof: proof.toReversed() }))],
  [
    "own: a header altered",
    "ANCHOR_HEADER",
    () => anchoredAt(5, {}, ({ header }) => ({ header: flipped(header, 100) })),
  ],
  ["own: another block's hash", "ANCHOR_HEADER", () => anchoredAt(5, {}, () => ({ block: `0x${"ab".repeat(32)}` }))],
  [
    "own: a header with another trie of receipts",
    "ANCHOR_PROOF",
    () => anchoredAt(5, { header: (fields) => fields.toSpliced(5, 1, new Uint8Array(32).fill(9)) }),
  ],
  [
    "own: a header that lacks fields",
    "ANCHOR_MALFORMED",
    () => anchoredAt(5, { header: (fields) => fields.slice(0, 14) }),
  ],
  [
    "own: a header with something after it",
    "ANCHOR_MALFORMED",
    () => anchoredAt(5, {}, ({ header }) => rehashed(Uint8Array.of(...fromBase64url(header), 0))),
  ],
  [
    "own: a header cut off",
    "ANCHOR_MALFORMED",
    () => anchoredAt(5, {}, ({ header }) => rehashed(fromBase64url(header).slice(0, -1))),
  ],
  [
    "own: a header whose length is spelled too long",
    "ANCHOR_MALFORMED",
    () => anchoredAt(5, {}, ({ header }) => rehashed(longer(fromBase64url(header)))),
  ],
  ["own: a header that is no list", "ANCHOR_MALFORMED", () => anchoredAt(5, {}, () => rehashed(Uint8Array.of(0x80)))],
  ["own: a time beyond every calendar", "ANCHOR_MALFORMED", () => anchoredAt(5, { seconds: 2 ** 52 })],
  [
    "own: a receipt with a field less",
    "ANCHOR_MALFORMED",
    () => anchoredAt(5, { receipts: [receiptOf([]), Uint8Array.of(2, 0xc1, 1, ...[]), receiptOf([])] }),
  ],
  [
    "16 an anchored head of another history",
    "CONSISTENCY_INVALID",
    async () => {
      const other = anchorOf(headAt(5, [...leaves].reverse()), { seconds: world.time });
      return { ...(await anchoredAt(5)), anchor: other };
    },
  ],
  [
    "16 a consistency proof altered",
    "CONSISTENCY_INVALID",
    async () => {
      const good = await anchoredAt(5);
      return { ...good, consistency: [hashText(headAt(3).root), ...good.consistency.slice(1)] };
    },
  ],
  [
    "11 a consistency proof cut off",
    "PROOF_LENGTH",
    async () => {
      const good = await anchoredAt(5);
      return { ...good, consistency: good.consistency.slice(1) };
    },
  ],
  [
    "17 another root at the proof's own size",
    "FORK",
    async () => ({
      ...(await anchoredAt(8)),
      anchor: anchorOf(headAt(8, [...leaves].reverse()), { seconds: world.time }),
    }),
  ],
  [
    "44 a record later than the block that holds it",
    "TIME_BRACKET",
    () => anchoredAt(5, { seconds: world.time - 86_400 }),
  ],
  ["8 another version of the anchor", "MALFORMED", () => anchoredAt(5, {}, () => ({ v: "quanji.anchor.v2" }) as never)],
  ["own: an anchor with a member more", "FIELD_UNKNOWN", () => anchoredAt(5, {}, () => ({ more: 1 }) as never)],
  [
    "own: a contract in capitals",
    "MALFORMED",
    () => anchoredAt(5, {}, ({ contract }) => ({ contract: contract.toUpperCase() })),
  ],
  [
    "19 a header in another spelling",
    "BASE64_INVALID",
    () => anchoredAt(5, {}, ({ header }) => ({ header: `${header}${"A".repeat((5 - (header.length % 4)) % 4 || 4)}` })),
  ],
];

function longer(header: Uint8Array): Uint8Array {
  const digits = bigEndian(header.length - 3);
  return Uint8Array.of(0xf7 + digits.length + 1, 0, ...digits, ...header.subarray(3));
}

/** Only refused where `anchored` is asked for: what is proven without it stands. */
export const ON_ANCHORED_LEVEL: readonly AnchorAttack[] = [
  [
    "own: a block that nobody has looked at",
    "ANCHOR_UNPINNED",
    () => anchoredAt(5),
    () => ({ anchors: [{ chain: CHAIN, contract: CONTRACT, blocks: [`0x${"ab".repeat(32)}`] }] }),
  ],
  [
    "own: a block that is pinned for another contract",
    "ANCHOR_UNPINNED",
    () => anchoredAt(5),
    ({ anchors = [] }) => ({
      anchors: [
        { chain: CHAIN, contract: CONTRACT, blocks: [] },
        { chain: 1, contract: OTHER, blocks: anchors.flatMap(({ blocks }) => blocks) },
      ],
    }),
  ],
];

/** A grant's trail whose last section has that beside its proof. */
export async function trailWith(anchored: unknown): Promise<string> {
  const lines = await world.trailLines("grant", grant);
  const more = anchored === undefined ? {} : { anchored };
  return sealed(lines.map((line) => (line.t === "logEnd" ? { ...line, ...more } : line)));
}

/** On a trail whose log has eight records, the last of them the trail's own. */
export const ON_ANCHORED_TRAILS: readonly AnchorAttack[] = [
  ["own: an anchored head before the last record", "ANCHOR_SHORT", () => anchoredAt(5)],
  ["own: an anchor of another contract", "ANCHOR_CONTRACT", () => anchoredAt(8, event(headAt(8), CHAIN, OTHER))],
  ["own: an anchor on another chain", "ANCHOR_CHAIN", () => anchoredAt(8, event(headAt(8), 1))],
  ["14 an anchor of another log", "LOG_MISMATCH", () => anchoredAt(8, event(headAt(8, leaves, OTHER_LOG)))],
  ["own: a transaction that failed", "ANCHOR_FAILED", () => anchoredAt(8, { status: 0 })],
  [
    "own: a header altered",
    "ANCHOR_HEADER",
    () => anchoredAt(8, {}, ({ header }) => ({ header: flipped(header, 100) })),
  ],
  [
    "17 another root at the proof's own size",
    "FORK",
    async () => ({
      ...(await anchoredAt(8)),
      anchor: anchorOf(headAt(8, [...leaves].reverse()), { seconds: world.time }),
    }),
  ],
];
