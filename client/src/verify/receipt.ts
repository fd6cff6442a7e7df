/** A receipt, alone: one record, who asked for it, and that it is in the log. Sixty-four kilobytes, no network. */
import {
  type AnchorProof,
  CODES,
  defined,
  type Erasable,
  EVIDENCE_LIMITS,
  isCode,
  parseWith,
  type QuanjiRecord,
  Receipt,
  RECEIPT_FILE_LIMITS,
  RECEIPT_TYP,
  UpgradedReceipt,
} from "@quanji/chaincode/domain";
import {
  type AnswerHeader,
  canonical,
  equalBytes,
  type FlattenedJws,
  type JsonObject,
  type Openings,
  parseAnswerJws,
  parseCanonical,
  type ParsedJws,
  parsePublicJwk,
  partyOf,
  thumbprint,
  thumbprintOf,
} from "@quanji/chaincode/log";
import { type Anchoring, raised, verifyAnchored } from "./anchor/index.js";
import { assertLevel, requiredLevel } from "./checkpoint.js";
import { openCommand } from "./commands.js";
import { type ErasedBy, Erasures } from "./erasures.js";
import { type Included, verifyIncluded } from "./inclusion.js";
import { verifyOpenings } from "./openings.js";
import { type OpenedRecord, openRecord } from "./record.js";
import { factsOf } from "./signers.js";
import { assertAddressed, assertContent, openRequest, signerCheck, verifyJws } from "./requester.js";
import { assertWithin, type OpenedTrust, type TrustedGateway, withoutFinalNewline } from "./trust.js";
import { type Level, levelRank, type RecordKey, refusalOf, refuse, trustFacts, type Verdict } from "./verdict.js";

export interface ReceiptOptions {
  /** Raises the level that the trust file asks for; never lowers it. */
  readonly level?: Level;
}

/** A file, or what it holds. */
export type ReceiptInput = string | Uint8Array | FlattenedJws | UpgradedReceipt;

/**
 * Verifies a receipt (file or flattened JWS, upgraded or not) against an opened trust file. Never throws for bad evidence:
 * whatever is not proven is refused, with its code.
 */
export async function verifyReceipt(
  receipt: ReceiptInput,
  trust: OpenedTrust,
  options: ReceiptOptions = {},
): Promise<Verdict> {
  const common = { kind: "receipt" as const, replayed: [], attested: [], ...trustFacts(trust) };
  try {
    const required = requiredLevel(trust, options.level);
    const { record, level, erased, anchoring } = await checkReceiptFile(receipt, trust, required);
    const permitted = record.type === "access" && record.face.decision === "permit" ? 1 : 0;
    const denied = record.type === "access" ? 1 - permitted : 0;
    const attested = ["decision", "party keys"];
    return {
      ok: true,
      ...common,
      of: keyOf(record),
      level,
      records: 1,
      permitted,
      denied,
      attested,
      ...(erased.length > 0 && { erased }),
      ...(anchoring !== undefined && { anchors: [anchoring] }),
    };
  } catch (error) {
    return { ok: false, ...common, level: "committed", ...refusalOf(error) };
  }
}

const keyOf = ({ type, face, body }: QuanjiRecord): RecordKey => ({
  kind: type,
  id: body.id,
  request: body.request,
  log: face.log,
  index: face.index,
  time: body.time,
});

/** Throws what {@link verifyReceipt} answers. @param required level that the cosignatures have to reach */
export async function checkReceiptFile(
  input: ReceiptInput,
  trust: OpenedTrust,
  required: Level,
): Promise<{ readonly record: QuanjiRecord } & Pick<ExaminedReceipt, "level" | "erased" | "anchoring">> {
  const { opened, level, erased, anchoring } = await examineReceipt(input, trust);
  assertLevel(level, required, trust, anchoring);
  return { record: opened.record, level, erased, anchoring };
}

export interface ExaminedReceipt {
  readonly jws: FlattenedJws;
  readonly opened: OpenedRecord;
  /** The proof that counts: the one beside the receipt, if there is one. */
  readonly proof: string;
  readonly level: Level;
  readonly erased: readonly ErasedBy[];
  /** Where the log stands outside; undefined: nowhere that counts. */
  readonly anchoring: Anchoring | undefined;
  /** The file that says so. */
  readonly anchor: AnchorProof | undefined;
}

/** All checks but the last: whether the level is as high as somebody asks for. Errors: as `verifyReceipt` answers. */
export async function examineReceipt(input: ReceiptInput, trust: OpenedTrust): Promise<ExaminedReceipt> {
  // 1. The receipt has the one form, and names a gateway that the trust file knows; that gateway signed it.
  const { jws, receipt, later } = openReceipt(input);
  const { proof: laterProof, anchored } = later ?? {};
  const gateway = gatewayOf(trust, jws, receipt);
  await verifyJws({ ...jws, signed: jws.signingInput }, gateway.jwk);

  // 2. The record is well formed, and from a log of that gateway.
  const opened = openRecord(receipt.record);
  const { record } = opened;
  const { log } = record.face;
  const row = trust.gateways.find(({ kid, log: own }) => kid === gateway.kid && own === log);
  if (row === undefined) return refuse("LOG_MISMATCH", "the record is from a log that this gateway does not write");

  // 3. The requester signed the request, for this network, gateway and log.
  const request = openRequest(receipt.request);
  const requester = parsePublicJwk(defined(receipt.keys.requester));
  signerCheck(request, record, requester);
  await verifyJws({ ...request.jws, signed: request.jws.signingInput }, requester);
  assertAddressed(request, { net: trust.trust.net, log, urls: [row.publicUrl] });

  // 4. The record says what was asked, and the status what was decided.
  assertContent(request, opened);
  if (receipt.status !== statusOf(record)) refuse("STATUS_MISMATCH", "the status is not that of the decision");

  // 5. Everything that is opened was committed to, and what is not opened because it was erased, a command names.
  verifyOpenings(receipt.openings as Openings, record, request);
  const erased = await verifyErased(receipt, record, trust);

  // 6. The record is in the log, under a checkpoint that the log signed with a key good at that size.
  const own = await verifyIncluded(opened, receipt.proof, trust);
  assertWithin(row, own.size);

  // 7. The level is what the cosignatures reach: the receipt's own word, then that of the proof beside it.
  if (levelRank(receipt.level) > levelRank(own.level))
    refuse("LEVEL_FALSE", `the receipt says ${receipt.level}, but is ${own.level}`);
  const common = { jws: jws.jws, opened, erased, anchor: anchored?.anchor };
  if (laterProof === undefined) return { ...common, proof: receipt.proof, level: own.level, anchoring: undefined };
  const beside = await verifyIncluded(opened, laterProof, trust);
  assertOneTree(own, beside);
  const level = levelRank(beside.level) > levelRank(own.level) ? beside.level : own.level;

  // 8. An outside chain holds the log: what the proof beside it leads to, or a part of that which has the record.
  const covered = { log, index: record.face.index, timeMs: opened.timeMs, size: beside.size, root: beside.root };
  const anchoring = anchored === undefined ? undefined : verifyAnchored(anchored, covered, trust);
  return { ...common, proof: laterProof, level: raised(level, anchoring, trust), anchoring };
}

/**
 * The commands that a receipt names for what it does not open. That they were recorded, and when, the gateway's signature
 * attests, as it does the keys; a trail proves it.
 * Errors: ERASURE_UNPROVEN, ERASURE_UNDONE, ROLE_REQUIRED, NETWORK_MISMATCH, URL_MISMATCH, KEY_THUMBPRINT, SIGNATURE_INVALID.
 */
async function verifyErased(
  { erased = [], openings }: Receipt,
  record: QuanjiRecord,
  { trust, gateways }: OpenedTrust,
): Promise<readonly ErasedBy[]> {
  const erasures = new Map<string, { readonly erasures: Erasures; readonly fields: Erasable[] }>();
  for (const { field, entry, request, key } of erased) {
    const opened = openCommand(entry, request);
    const { command, jws } = opened;
    if (command.verb !== "record.erase")
      return refuse("ERASURE_UNPROVEN", "the command beside the field erases nothing");
    if (command.payload.net !== trust.net) refuse("NETWORK_MISMATCH", "the command was signed for another network");
    if (!gateways.some(({ publicUrl }) => jws.header.url === `${publicUrl}/v1/commands/record.erase`)) {
      refuse("URL_MISMATCH", "the command was signed for no gateway of this network, or for another route");
    }
    const jwk = parsePublicJwk(defined(key));
    if (thumbprintOf(jws.header.kid) !== thumbprint(jwk))
      refuse("KEY_THUMBPRINT", "kid is not the thumbprint of the key");
    await verifyJws(jws, jwk);
    const known = erasures.get(jws.request) ?? { erasures: new Erasures(), fields: [] };
    if (known.fields.length === 0) {
      const isRegulator = partyOf(jws.header.kid) === trust.regulator;
      known.erasures.add(command.payload, factsOf(opened, isRegulator ? ["regulator"] : []));
    }
    known.fields.push(field);
    erasures.set(jws.request, known);
  }
  for (const { erasures: each, fields } of erasures.values()) {
    each.assertKept(record, Object.keys(openings));
    each.assertErased(record, fields);
  }
  return [...erasures.values()].flatMap(({ erasures: each }) => each.used);
}

/** Errors: FORK. Between different sizes only the log's own tiles can tell. */
function assertOneTree(a: Included, b: Included): void {
  if (a.size === b.size && !equalBytes(a.root, b.root)) refuse("FORK", "the two proofs state two roots for one size");
}

/** The form alone. Errors: those of a receipt's form. */
export function openReceipt(input: ReceiptInput): {
  readonly jws: ParsedJws<AnswerHeader>;
  readonly receipt: Receipt;
  /** What stands beside the receipt. */
  readonly later: UpgradedReceipt | undefined;
} {
  const isFile = typeof input === "string" || input instanceof Uint8Array;
  const json: unknown = isFile ? parseCanonical(withoutFinalNewline(input), RECEIPT_FILE_LIMITS) : input;
  const upgraded = openUpgraded(json);
  const jws = parseAnswerJws(upgraded === undefined ? json : upgraded.receipt, EVIDENCE_LIMITS);
  if (jws.header.typ !== RECEIPT_TYP) refuse("TYP_MISMATCH", `typ must be ${RECEIPT_TYP}`);
  return { jws, receipt: parseReceipt(jws.payload), later: upgraded };
}

/** Undefined for what has no `v`: a JWS has none. Errors: VERSION_UNKNOWN, FIELD_UNKNOWN, MALFORMED. */
function openUpgraded(json: unknown): UpgradedReceipt | undefined {
  if (typeof json !== "object" || json === null || !("v" in json)) return undefined;
  if (json.v !== "quanji.upgraded.v1") refuse("VERSION_UNKNOWN", "the file's version is not quanji.upgraded.v1");
  return parseWith(UpgradedReceipt, json as JsonObject);
}

/** Payload of a receipt. Errors: VERSION_UNKNOWN, FIELD_UNKNOWN, MALFORMED. */
function parseReceipt(json: JsonObject): Receipt {
  if (json["v"] !== "quanji.receipt.v1") refuse("VERSION_UNKNOWN", "the receipt's version is not quanji.receipt.v1");
  return parseWith(Receipt, json);
}

function gatewayOf(trust: OpenedTrust, { header }: ParsedJws<AnswerHeader>, receipt: Receipt): TrustedGateway {
  const row = trust.gateways.find(({ kid }) => kid === header.kid);
  if (row === undefined)
    return refuse("GATEWAY_UNKNOWN", "the receipt is signed by a gateway that the trust file lacks");
  const named = canonical(parsePublicJwk(defined(receipt.keys.gateway)));
  if (named !== canonical(row.jwk)) refuse("KEY_THUMBPRINT", "the gateway's key in the receipt is not the trusted one");
  return row;
}

function statusOf(record: QuanjiRecord): number {
  const rule = record.type === "access" ? record.body.rule : "permit";
  return isCode(rule) ? CODES[rule].status : 200;
}
