/** Attacks on whole files: bytes, envelopes, ends, other trust, and what needs more than one edited member. Holds no test itself. */
import { instant, type TrailLineOf } from "@quanji/chaincode/domain";
import {
  canonical,
  type FlattenedJws,
  formatCheckpoint,
  formatNote,
  fromBase64url,
  parseTlogProof,
  sha256,
  toBase64url,
  utf8,
} from "@quanji/chaincode/log";
import * as receipts from "./attacks-receipt.support.test.js";
import {
  collude,
  HEADS,
  LOG,
  LOG_KEYS,
  NET,
  OTHER_LOG,
  PARTIES,
  sealed,
  sealedText,
  signReceipt,
  URLS,
} from "./support.test.js";
import { at, DAY, edit, grant, lines, recordsOf, swap, world } from "./tampering.support.test.js";

/** Text of the file to verify. */
export type FileAttack = readonly [name: string, detail: string, file: () => string | Promise<string>];

const RECEIPT_LIMITS = { maxBytes: 1 << 18, maxDepth: 4 };
const textOf = (jws: object): string => canonical(jws, RECEIPT_LIMITS);
const plain = async (): Promise<FlattenedJws> => receipts.world.receipt(LOG, receipts.at.permit);
/** The permit's receipt with members of its payload changed, signed by the gateway. */
const signed = async (
  change: (payload: Awaited<ReturnType<typeof receipts.world.receiptPayload>>) => object | Promise<object>,
): Promise<string> => {
  const payload = await receipts.world.receiptPayload(LOG, receipts.at.permit);
  const changed: Record<string, unknown> = { ...payload, ...(await change(payload)) };
  return textOf(
    await signReceipt(Object.fromEntries(Object.entries(changed).filter(([, value]) => value !== undefined))),
  );
};
/** The permit's receipt with the requester's own request made anew. */
const asked = (change: object, options: { url?: string } = {}): Promise<string> =>
  signed(async ({ request }) => {
    const payload = JSON.parse(Buffer.from(request.payload, "base64url").toString()) as object;
    return { request: await receipts.world.signed("access", { ...payload, ...change }, "insurer", options) };
  });
/** The note of a proof, made anew by the log's own key for another size. */
const underSize = async (proof: string, size: number): Promise<string> => {
  const [head = ""] = proof.split("\n\n");
  const { checkpoint } = parseTlogProof(proof);
  const text = formatCheckpoint({ origin: LOG, size, root: checkpoint.root });
  return `${head}\n\n${formatNote({ text, signatures: [await LOG_KEYS[LOG]!.note(text)] })}`;
};
/** S + L: the same equation holds, RFC 8032 §5.1.7 refuses it. */
function beyondOrder(signature: string): string {
  const bytes = fromBase64url(signature);
  const order = 2n ** 252n + 27742317777372353535851937790883648493n;
  let s = 0n;
  for (let i = 63; i >= 32; i--) s = s * 256n + BigInt(bytes[i] ?? 0);
  s += order;
  for (let i = 32; i < 64; i++, s /= 256n) bytes[i] = Number(s % 256n);
  return toBase64url(bytes);
}

/** The permit's receipt with a later proof beside it. */
const upgraded = async (change: object = {}): Promise<string> => {
  const { proof } = await receipts.world.receiptPayload(LOG, receipts.at.permit);
  return textOf({ v: "quanji.upgraded.v1", receipt: await plain(), proof, ...change });
};
const proofAt = (index: number, log = LOG): Promise<string> => receipts.world.proof(log, index);

export const ON_RECEIPT_FILES: readonly FileAttack[] = [
  ["8 another version around it", "VERSION_UNKNOWN", () => upgraded({ v: "quanji.upgraded.v2" })],
  ["own: a member more beside a later proof", "FIELD_UNKNOWN", () => upgraded({ more: "x" })],
  ["own: no later proof", "MALFORMED", () => upgraded({ proof: 0 })],
  [
    "10 a later proof of another size",
    "PROOF_LENGTH",
    async () => upgraded({ proof: await underSize(await proofAt(receipts.at.permit), 9_999) }),
  ],
  [
    "13 a later proof of another record",
    "INDEX_MISMATCH",
    async () => upgraded({ proof: await proofAt(receipts.at.delivery) }),
  ],
  ["14 a later proof of another log", "LOG_MISMATCH", async () => upgraded({ proof: await proofAt(0, OTHER_LOG) })],
  [
    "23 a later proof that the log did not sign",
    "LOG_SIGNATURE_INVALID",
    async () => upgraded({ proof: (await proofAt(receipts.at.permit)).replace(/\n(\d+)\n/, "\n7$1\n") }),
  ],
  [
    "68 a level that nobody cosigned, and a later proof",
    "LEVEL_FALSE",
    async () => {
      const payload = await receipts.world.receiptPayload(LOG, receipts.at.permit);
      return upgraded({ receipt: await signReceipt({ ...payload, level: "cosigned" }) });
    },
  ],
  [
    "12 an index beyond the size",
    "INDEX_RANGE",
    async () => {
      const payload = await receipts.world.receiptPayload(LOG, receipts.at.delivery);
      return textOf(await signReceipt({ ...payload, proof: await underSize(payload.proof, receipts.at.delivery) }));
    },
  ],
  ["14 a request for another log", "LOG_MISMATCH", () => asked({ log: `${NET}/gw/1` })],
  ["61 a request for more", "REQUEST_MISMATCH", () => asked({ quantity: 2 })],
  ["62 a request for another gateway", "URL_MISMATCH", () => asked({}, { url: `${URLS.gx}/v1/access` })],
  ["62 a request with a query in its URL", "URL_MISMATCH", () => asked({}, { url: `${URLS.gw}/v1/access?x=1` })],
  ["63 a request for another network", "NETWORK_MISMATCH", () => asked({ net: "quanji.test/town" })],
  ["68 a level that nobody cosigned", "LEVEL_FALSE", () => signed(() => ({ level: "cosigned" }))],
  ["own: nothing", "NOT_CANONICAL", () => ""],
  ["own: a list", "NOT_CANONICAL", async () => `[${textOf(await plain())}]`],
  ["own: white space before it", "NOT_CANONICAL", async () => ` ${textOf(await plain())}`],
  ["own: two final line feeds", "NOT_CANONICAL", async () => `${textOf(await plain())}\n\n`],
  [
    "own: an answer's signature",
    "SIGNATURE_INVALID",
    async () => textOf({ ...(await plain()), signature: "A".repeat(86) }),
  ],
  ["own: a member more around it", "JWS_SHAPE", async () => textOf({ ...(await plain()), header: "x" })],
  ["own: no signature", "JWS_SHAPE", async () => textOf({ ...(await plain()), signature: "" })],
  ["own: a level of no kind", "MALFORMED", () => signed(() => ({ level: "sealed" }))],
  ["own: a member less", "MALFORMED", () => signed(() => ({ openings: undefined }))],
  ["own: a member more", "FIELD_UNKNOWN", () => signed(() => ({ note: "trust me" }))],
  ["own: a transaction id in capitals", "MALFORMED", () => signed(() => ({ txId: "AB".repeat(32) }))],
  ["own: three lines of record", "NOT_CANONICAL", () => signed(({ record }) => ({ record: `${record}\n{}` }))],
  [
    "own: face and body exchanged",
    "VERSION_UNKNOWN",
    () => signed(({ record }) => ({ record: record.split("\n").reverse().join("\n") })),
  ],
  [
    "own: an index in quotes",
    "FIELD_UNKNOWN",
    () => signed(({ record }) => ({ record: record.replace(/"index":(\d+)/, '"index":"$1"') })),
  ],
  [
    "own: a string that is not ASCII",
    "NOT_CANONICAL",
    () => signed(({ record }) => ({ record: record.replace("insurance.pricing", "іnsurance.pricing") })),
  ],
  [
    "own: an Ed25519 signature with S beyond the order",
    "SIGNATURE_INVALID",
    () => signed(({ request }) => ({ request: { ...request, signature: beyondOrder(request.signature) } })),
  ],
  [
    "own: a signature of 63 bytes",
    "JWS_SHAPE",
    () => signed(({ request }) => ({ request: { ...request, signature: toBase64url(new Uint8Array(63)) } })),
  ],
  [
    "own: a proof of another version",
    "PROOF_MALFORMED",
    () => signed(({ proof }) => ({ proof: proof.replace("@v1", "@v2") })),
  ],
  [
    "own: an index with a leading zero",
    "PROOF_MALFORMED",
    () => signed(({ proof }) => ({ proof: proof.replace(/index (\d+)/, "index 0$1") })),
  ],
  [
    "own: a dash for the note's long dash",
    "NOTE_MALFORMED",
    () => signed(({ proof }) => ({ proof: proof.replace("\n— ", "\n- ") })),
  ],
  [
    "74 sixty-five signatures",
    "LIMIT_EXCEEDED",
    () => signed(({ proof }) => ({ proof: proof + `${proof.trimEnd().split("\n").at(-1) ?? ""}\n`.repeat(64) })),
  ],
  [
    "74 sixty-four hashes",
    "LIMIT_EXCEEDED",
    () =>
      signed(({ proof }) => ({
        proof: proof.replace(/(index \d+\n)/, `$1${`${Buffer.alloc(32).toString("base64")}\n`.repeat(61)}`),
      })),
  ],
];

const whole = (): string => sealed(lines);
/** Without its end line. */
const open = (): string => whole().slice(0, whole().lastIndexOf("\n", whole().length - 2) + 1);
/** The heads key lies: its note with another text. */
const noteAt = async (i: number, change: (text: string) => string, more: object = {}): Promise<string> => {
  const { note } = lines[i] as TrailLineOf<"logEnd">;
  const text = change(`${(note ?? "").split("\n\n")[0] ?? ""}\n`);
  const made = formatNote({ text, signatures: [await HEADS.note(text)] });
  return sealed(edit(i, () => ({ note: made, ...more })));
};
const header = (change: object): string => sealed(edit(0, () => change));

export const ON_TRAIL_FILES: readonly FileAttack[] = [
  ["43 no end", "FILE_TRUNCATED", open],
  ["43 an empty file", "FILE_TRUNCATED", () => ""],
  ["43 another count", "FILE_TRUNCATED", () => sealedText(open(), recordsOf(lines).length + 1)],
  ["43 another digest", "FILE_TRUNCATED", () => whole().replace(/"digest":"./, '"digest":"-')],
  ["43 cut within a line", "NOT_CANONICAL", () => whole().slice(0, -20)],
  ["43 a line after the end", "LINE_ORDER", () => `${whole()}${whole().split("\n")[0] ?? ""}\n`],
  ["43 an empty line after the end", "LINE_ORDER", () => `${whole()}\n`],
  ["5 a byte order mark", "NOT_UTF8", () => `\ufeff${whole()}`],
  ["74 a line of 70 kB", "LIMIT_EXCEEDED", () => `{"t":"${"a".repeat(70_000)}`],
  ["74 a command of 3.2 MB", "LIMIT_EXCEEDED", () => `{"entry":"${"a".repeat(3_200_000)}"}\n`],
  ["74 a bomb of brackets", "LIMIT_EXCEEDED", () => `${"[".repeat(40)}\n`],
  ["7 a number with a fraction", "NUMBER_FORBIDDEN", () => whole().replace(/"count":(\d+)/, '"count":$1.0')],
  ["4 a member twice", "NOT_CANONICAL", () => whole().replace('{"key"', '{"key":{},"key"')],
  ["38 a period beyond the directory's note", "DIRECTORY_STALE", () => header({ to: instant(world.nowMs + DAY) })],
  ["own: lines that end as on Windows", "NOT_CANONICAL", () => whole().replaceAll("\n", "\r\n")],
  ["own: an empty line within", "NOT_CANONICAL", () => whole().replace("\n", "\n\n")],
  ["own: a period that ends before it begins", "TRAIL_START", () => header({ from: instant(2e12), to: instant(1e12) })],
  ["own: another grant's name over it", "TRAIL_FOREIGN", () => header({ key: { kind: "grant", id: world.uuid() } })],
  [
    "own: a resource's trail with a grant's records",
    "TRAIL_FOREIGN",
    () => header({ key: { kind: "resource", id: grant } }),
  ],
  ["own: a kind of key that there is not", "MALFORMED", () => header({ key: { kind: "person", id: grant } })],
  ["own: no command chains", "LOG_SET_INCOMPLETE", () => sealed([...lines.slice(0, 1), ...lines.slice(at("log"))])],
  ["own: no logs", "LOG_SET_INCOMPLETE", () => sealed(lines.slice(0, at("log")))],
  ["own: the first two chains' ends exchanged", "CHAIN_KEY", () => sealed(swap(at("chainEnd"), at("chainEnd", 1)))],
  [
    "own: a bad signature, and after it a gap",
    "SIGNATURE_INVALID",
    () => {
      const q = { ...recordsOf(lines)[0]!.q!, signature: "A".repeat(86) };
      return sealed((edit(at("record"), () => ({ q })) as typeof lines).toSpliced(at("record", 2), 1));
    },
  ],
  [
    "own: a command's signature from another",
    "SIGNATURE_INVALID",
    () => {
      const { signature } = (lines[at("command", 1)] as TrailLineOf<"command">).request;
      return sealed(
        edit(at("command"), (line: TrailLineOf<"command">) => ({ request: { ...line.request, signature } })),
      );
    },
  ],
  [
    "own: a note that says it was never touched, above records",
    "TRAIL_STALE",
    () => noteAt(at("logEnd"), (text) => text.replace(/state .*/, "state none"), { opening: undefined }),
  ],
  [
    "own: a note for fewer records than are shown",
    "TRAIL_STALE",
    () => noteAt(at("logEnd"), (text) => text.replace(/(at \S+) \d+/, "$1 1")),
  ],
  ["own: a note with a line more", "HEAD_NOTE_MALFORMED", () => noteAt(at("logEnd"), (text) => `${text}more\n`)],
  [
    "own: a note of another kind",
    "HEAD_NOTE_MALFORMED",
    () => noteAt(at("logEnd"), (text) => text.replace("/v1", "/v2")),
  ],
  [
    "own: a later time in a note",
    "LOG_SIGNATURE_INVALID",
    () =>
      sealed(
        edit(at("logEnd"), (line: TrailLineOf<"logEnd">) => ({
          note: (line.note ?? "").replace(/time (\d+)/, (_all, time: string) => `time ${Number(time) + 60}`),
        })),
      ),
  ],
  [
    "own: another root under the checkpoint's size",
    "FORK",
    () =>
      noteAt(at("logEnd"), (text) =>
        text.replace(/(at \S+ \d+) \S+/, `$1 ${Buffer.from(sha256(utf8("fork"))).toString("base64")}`),
      ),
  ],
  [
    "own: a hosted key's request beside another's record",
    "REQUEST_MISMATCH",
    async () => {
      const all = recordsOf(await world.trailLines("party", PARTIES.operator.id));
      return sealed(edit(at("record"), () => ({ q: all[0]!.q })));
    },
  ],
  [
    "own: a permit given the number of the next",
    "REQUEST_MISMATCH",
    () => sealed(edit(at("record"), () => ({ q: recordsOf(lines)[3]!.q }))),
  ],
  [
    "own: all records made anew, one an hour off in public",
    "RECORD_CONTRADICTS",
    async () =>
      sealed(
        await collude(lines, (record, i) => {
          if (i === 3) record.face["hour"] = "2026-03-02T00Z";
          return true;
        }),
      ),
  ],
];
