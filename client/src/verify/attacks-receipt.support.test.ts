/** Attacks on a receipt's payload, signed by its gateway all the same. Holds no test itself. */
import type { Receipt } from "@quanji/chaincode/domain";
import { canonical, type FlattenedJws, fromBase64url, fromUtf8, toBase64url, utf8 } from "@quanji/chaincode/log";
import type { OpenedTrust } from "./index.js";
import { GATEWAY, LOG, noteSigner, OTHER_LOG, PARTIES, signer, SmallWorld } from "./support.test.js";

export let world: SmallWorld;
export let trust: OpenedTrust;
export let grant: string;
export const at = { permit: 0, delivery: 0, denial: 0, void: 0, other: 0 };

let made: Promise<void> | undefined;
/** For `before`: the records are made once. */
export const prepareReceipts = (): Promise<void> => (made ??= make());

async function make(): Promise<void> {
  world = await new SmallWorld().begin();
  await world.resource({ logs: [LOG, OTHER_LOG] });
  grant = await world.grant({}, { logs: [LOG, OTHER_LOG] });
  at.permit = await world.access(grant);
  at.delivery = await world.deliver(at.permit);
  at.denial = await world.access(grant, { purpose: "marketing" }, "insurer");
  at.void = await world.void(world.seq(LOG, `${PARTIES.insurer.id}#${PARTIES.insurer.key.print}`));
  at.other = await world.access(undefined, {}, "bureau");
  await world.access(grant, { log: OTHER_LOG });
  trust = await world.trust();
}

/** `edit` answers the payload's members that change. */
export type ReceiptAttack = readonly [
  name: string,
  detail: string,
  edit: (receipt: Receipt) => object | Promise<object>,
];

const body = (receipt: Receipt, edit: (text: string) => string): object => {
  const [face = "", text = ""] = receipt.record.split("\n");
  return { record: `${face}\n${edit(text)}` };
};
const face = (receipt: Receipt, edit: (text: string) => string): object => {
  const [text = "", rest = ""] = receipt.record.split("\n");
  return { record: `${edit(text)}\n${rest}` };
};

const proofOf = (receipt: Receipt, edit: (lines: string[]) => void): object => {
  const lines = receipt.proof.split("\n");
  edit(lines);
  return { proof: lines.join("\n") };
};
const header = (jws: FlattenedJws, change: object): FlattenedJws => ({
  ...jws,
  protected: toBase64url(
    utf8(canonical({ ...(JSON.parse(fromUtf8(fromBase64url(jws.protected))) as object), ...change })),
  ),
});

export const ON_RECEIPTS: readonly ReceiptAttack[] = [
  ["1 one digit of the record changed", "INCLUSION_INVALID", (r) => body(r, (b) => b.replace('"used":0', '"used":1'))],
  ["2 no record", "NOT_CANONICAL", () => ({ record: "" })],
  ["3 a space in the record", "NOT_CANONICAL", (r) => body(r, (b) => b.replace(":", ": "))],
  ["4 a member twice", "NOT_CANONICAL", (r) => body(r, (b) => b.replace('"used":0', '"used":0,"used":0'))],
  ["5 a byte order mark", "NOT_UTF8", (r) => ({ record: `\ufeff${r.record}` })],
  ["6 __proto__", "FIELD_UNKNOWN", (r) => body(r, (b) => b.replace('"used":0', '"__proto__":0,"used":0'))],
  ["6 an unknown field", "FIELD_UNKNOWN", (r) => body(r, (b) => b.replace('"used":0', '"used":0,"x":1'))],
  ["7 the number 0.0", "NUMBER_FORBIDDEN", (r) => body(r, (b) => b.replace('"used":0', '"used":0.0'))],
  ["7 the number -0", "NUMBER_FORBIDDEN", (r) => body(r, (b) => b.replace('"used":0', '"used":-0'))],
  ["7 the number 2^53", "NUMBER_FORBIDDEN", (r) => body(r, (b) => b.replace('"used":0', '"used":9007199254740992'))],
  ["8 another version of record", "VERSION_UNKNOWN", (r) => face(r, (f) => f.replace("record.v1", "record.v2"))],
  ["8 another version of receipt", "VERSION_UNKNOWN", () => ({ v: "quanji.receipt.v2" })],
  ["9 another type", "TYPE_UNKNOWN", (r) => face(r, (f) => f.replace('"type":"access"', '"type":"index"'))],
  ["face and body that contradict", "RECORD_CONTRADICTS", (r) => face(r, (f) => f.replace('"permit"', '"deny"'))],
  ["10 a hash of the path changed", "INCLUSION_INVALID", (r) => proofOf(r, (l) => (l[2] = l[3]!))],
  ["11 a path too short", "PROOF_LENGTH", (r) => proofOf(r, (l) => l.splice(2, 1))],
  ["11 a path too long", "PROOF_LENGTH", (r) => proofOf(r, (l) => l.splice(2, 0, l[2]!))],
  ["13 the proof of another index", "INDEX_MISMATCH", async () => ({ proof: await world.proof(LOG, at.delivery) })],
  ["14 the proof of another log", "LOG_MISMATCH", async () => ({ proof: await world.proof(OTHER_LOG, 0) })],
  ["18 a note without its last line feed", "NOTE_MALFORMED", (r) => ({ proof: r.proof.slice(0, -1) })],
  ["18 a carriage return", "PROOF_MALFORMED", (r) => ({ proof: r.proof.replace("\n", "\r\n") })],
  ["19 loose base64", "BASE64_INVALID", (r) => proofOf(r, (l) => (l[2] = l[2]!.replace("=", "")))],
  [
    "20 a size with a leading zero",
    "CHECKPOINT_MALFORMED",
    (r) => ({ proof: r.proof.replace(/\n(\d+)\n/, "\n0$1\n") }),
  ],
  ["21 an extension line", "CHECKPOINT_EXTENSION", (r) => ({ proof: r.proof.replace("\n\n— ", "\nmore\n\n— ") })],
  [
    "23 the log's signature over another size",
    "LOG_SIGNATURE_INVALID",
    (r) => ({ proof: r.proof.replace(/\n(\d+)\n/, "\n7$1\n") }),
  ],
  [
    "23 another key under the log's name",
    "LOG_SIGNATURE_INVALID",
    async (r) => {
      const [head = "", text = ""] = r.proof.split(/\n\n/);
      const stranger = await noteSigner(LOG, 1, "stranger").note(`${text}\n`);
      const id = Buffer.alloc(4);
      id.writeUInt32BE(stranger.id);
      return { proof: `${head}\n\n${text}\n\n— ${LOG} ${Buffer.concat([id, stranger.bytes]).toString("base64")}\n` };
    },
  ],
  ["41 a status that was not decided", "STATUS_MISMATCH", () => ({ status: 403 })],
  [
    "42 a link's opening of another record",
    "LINK_OPENING",
    async () => ({
      openings: { "links.party": (await world.receiptPayload(LOG, at.denial)).openings["links.party"] },
    }),
  ],
  [
    "42 a link's opening with another n",
    "LINK_OPENING",
    (r) => ({ openings: { "links.party": { ...r.openings["links.party"], value: { n: 7, prev: "A".repeat(43) } } } }),
  ],
  [
    "45 an opening of another field",
    "COMMITMENT_MISMATCH",
    (r) => ({ openings: { operator: { ...r.openings["operator"], value: "desk 5" } } }),
  ],
  ["45 an opening of nothing", "COMMITMENT_MISMATCH", (r) => ({ openings: { query: r.openings["operator"] } })],
  ["46 a short salt", "SALT_LENGTH", (r) => ({ openings: { operator: { ...r.openings["operator"], salt: "AAAA" } } })],
  [
    "58 another key for the requester",
    "KEY_THUMBPRINT",
    () => ({ keys: { gateway: GATEWAY.jwk, requester: PARTIES.bureau.key.jwk } }),
  ],
  ["58 another key for the gateway", "KEY_THUMBPRINT", (r) => ({ keys: { ...r.keys, gateway: signer("x").jwk } })],
  [
    "66 a small-order key for the requester",
    "KEY_WEAK",
    (r) => ({ keys: { ...r.keys, requester: { kty: "OKP", crv: "Ed25519", x: "A".repeat(43) } } }),
  ],
  [
    "57 the request of another party",
    "KEY_PARTY",
    async () => {
      const { request, keys } = await world.receiptPayload(LOG, at.other);
      return { request, keys };
    },
  ],
  [
    "59 another request of the same party",
    "REQUEST_MISMATCH",
    async () => ({ request: (await world.receiptPayload(LOG, at.denial)).request }),
  ],
  [
    "60 a command for an access",
    "TYP_MISMATCH",
    async () => ({ request: await world.signed("grant.accept", { grant }, "insurer") }),
  ],
  [
    "64 a signature of another request",
    "SIGNATURE_INVALID",
    async (r) => ({
      request: { ...r.request, signature: (await world.receiptPayload(LOG, at.denial)).request.signature },
    }),
  ],
  ["53 another alg", "ALG_FORBIDDEN", (r) => ({ request: header(r.request, { alg: "ES256" }) })],
  ["53 alg none", "ALG_FORBIDDEN", (r) => ({ request: header(r.request, { alg: "none" }) })],
  ["54 an unprotected header", "FIELD_UNKNOWN", (r) => ({ request: { ...r.request, header: {} } })],
  ["56 crit", "HEADER_FORBIDDEN", (r) => ({ request: header(r.request, { crit: ["b64"] }) })],
  ["56 jwk", "HEADER_FORBIDDEN", (r) => ({ request: header(r.request, { jwk: PARTIES.insurer.key.jwk }) })],
  [
    "55 kid twice",
    "NOT_CANONICAL",
    (r) => ({
      request: {
        ...r.request,
        protected: toBase64url(
          utf8(fromUtf8(fromBase64url(r.request.protected)).replace('"kid":', '"kid":"a","kid":')),
        ),
      },
    }),
  ],
  ["19 padded base64", "BASE64_INVALID", (r) => ({ request: { ...r.request, protected: `${r.request.protected}=` } })],
  [
    "74 a payload beyond its limit",
    "LIMIT_EXCEEDED",
    (r) => ({ request: { ...r.request, payload: "A".repeat(40_000) } }),
  ],
];
