/** A receipt, alone: one record, who asked for it, and that it is in the log. Sixty-four kilobytes, no network. */
import {
  CODES,
  defined,
  EVIDENCE_LIMITS,
  isCode,
  parseWith,
  type QuanjiRecord,
  Receipt,
  RECEIPT_TYP,
} from "@quanji/chaincode/domain";
import {
  type AnswerHeader,
  canonical,
  type FlattenedJws,
  type JsonObject,
  type Limits,
  type Openings,
  parseAnswerJws,
  parseCanonical,
  type ParsedJws,
  parsePublicJwk,
} from "@quanji/chaincode/log";
import { assertLevel, requiredLevel } from "./checkpoint.js";
import { verifyIncluded } from "./inclusion.js";
import { verifyOpenings } from "./openings.js";
import { openRecord } from "./record.js";
import { assertAddressed, assertContent, openRequest, signerCheck, verifyJws } from "./requester.js";
import { assertWithin, type OpenedTrust, type TrustedGateway, withoutFinalNewline } from "./trust.js";
import { type Level, levelRank, type RecordKey, refusalOf, refuse, trustFacts, type Verdict } from "./verdict.js";

export interface ReceiptOptions {
  /** Raises the level that the trust file asks for; never lowers it. */
  readonly level?: Level;
}

/** The payload in base64url, and a little. */
const FILE_LIMITS: Limits = { maxBytes: EVIDENCE_LIMITS.maxBytes * 2, maxDepth: 2 };

/**
 * Verifies a receipt (file or flattened JWS) against an opened trust file. Never throws for bad evidence: whatever is not
 * proven is refused, with its code.
 */
export async function verifyReceipt(
  receipt: string | Uint8Array | FlattenedJws,
  trust: OpenedTrust,
  options: ReceiptOptions = {},
): Promise<Verdict> {
  const common = { kind: "receipt" as const, replayed: [], attested: [], ...trustFacts(trust) };
  try {
    const { record, level } = await check(receipt, trust, options);
    const permitted = record.type === "access" && record.face.decision === "permit" ? 1 : 0;
    const denied = record.type === "access" ? 1 - permitted : 0;
    const attested = ["decision", "party keys"];
    return { ok: true, ...common, of: keyOf(record), level, records: 1, permitted, denied, attested };
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

async function check(
  input: string | Uint8Array | FlattenedJws,
  trust: OpenedTrust,
  options: ReceiptOptions,
): Promise<{ readonly record: QuanjiRecord; readonly level: Level }> {
  // 1. The receipt has the one form, and names a gateway that the trust file knows; that gateway signed it.
  const { jws, receipt } = openReceipt(input);
  const gateway = gatewayOf(trust, jws, receipt);
  await verifyJws(jws, gateway.jwk);

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
  await verifyJws(request.jws, requester);
  assertAddressed(request, { net: trust.trust.net, log, urls: [row.publicUrl] });

  // 4. The record says what was asked, and the status what was decided.
  assertContent(request, record);
  if (receipt.status !== statusOf(record)) refuse("STATUS_MISMATCH", "the status is not that of the decision");

  // 5. Everything that is opened was committed to.
  verifyOpenings(receipt.openings as Openings, record, request);

  // 6. The record is in the log, under a checkpoint that the log signed with a key good at that size.
  const { level, size } = await verifyIncluded(opened, receipt.proof, trust);
  assertWithin(row, size);

  // 7. The level is what the cosignatures reach, and as high as was asked for.
  if (levelRank(receipt.level) > levelRank(level))
    refuse("LEVEL_FALSE", `the receipt says ${receipt.level}, but is ${level}`);
  assertLevel(level, requiredLevel(trust, options.level));
  return { record, level };
}

function openReceipt(input: string | Uint8Array | FlattenedJws): {
  readonly jws: ParsedJws<AnswerHeader>;
  readonly receipt: Receipt;
} {
  const isFile = typeof input === "string" || input instanceof Uint8Array;
  const json = isFile ? parseCanonical(withoutFinalNewline(input), FILE_LIMITS) : input;
  const jws = parseAnswerJws(json, EVIDENCE_LIMITS);
  if (jws.header.typ !== RECEIPT_TYP) refuse("TYP_MISMATCH", `typ must be ${RECEIPT_TYP}`);
  return { jws, receipt: parseReceipt(jws.payload) };
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
