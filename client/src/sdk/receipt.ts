/** A receipt is taken only if it is the receipt of *this* request, from *this* gateway; with a trust file, only if it verifies. */
import {
  defined,
  parseRecord,
  parseWith,
  type QuanjiRecord,
  Receipt,
  RECEIPT_TYP,
  splitRecordText,
} from "@quanji/chaincode/domain";
import { canonical, type FlattenedJws, parsePublicJwk, type VerifySignature } from "@quanji/chaincode/log";
import { type Level, type OpenedTrust, verifyReceipt } from "../verify/index.js";
import { type GatewayKey, mismatch, openSigned } from "./answer.js";

export interface CheckedReceipt {
  readonly jws: FlattenedJws;
  readonly receipt: Receipt;
  readonly record: QuanjiRecord;
  /** Level that was verified against the trust file; undefined without one, for then the receipt's own word is all there is. */
  readonly level: Level | undefined;
}

export interface ReceiptExpectation {
  /** Hash of the request that was sent, and its JWS, if it was sent by this process. Absent where it is not known. */
  readonly request?: string;
  readonly jws?: FlattenedJws;
  readonly type: QuanjiRecord["type"];
  readonly gateway: GatewayKey;
  readonly verify: VerifySignature;
  /** Then the whole of the receipt is verified, as `quanji verify` would. */
  readonly trust?: OpenedTrust;
  readonly nowMs: number;
}

/** Errors: ANSWER_MISMATCH · REQUEST_MISMATCH, KEY_UNKNOWN, TYP_MISMATCH, SIGNATURE_INVALID, or the verifier's finer code. */
export async function checkReceipt(input: unknown, expected: ReceiptExpectation): Promise<CheckedReceipt> {
  const { gateway, verify, trust } = expected;
  const { payload, jws } = await openSigned(input, RECEIPT_TYP, gateway, verify);
  const receipt = parseWith(Receipt, payload);
  const record = parseRecord(splitRecordText(receipt.record));
  if (expected.request !== undefined && record.body.request !== expected.request)
    throw mismatch("this is the receipt of another request", "REQUEST_MISMATCH");
  if (record.type !== expected.type)
    throw mismatch(`this is the receipt of a record of type ${record.type}`, "TYP_MISMATCH");
  const sent = expected.jws;
  if (
    sent !== undefined &&
    (receipt.request.payload !== sent.payload || receipt.request.protected !== sent.protected)
  ) {
    throw mismatch("the receipt shows another request than the one that was sent", "REQUEST_MISMATCH");
  }
  if (canonical(parsePublicJwk(defined(receipt.keys.gateway))) !== canonical(gateway.jwk)) {
    throw mismatch("the receipt names another gateway's key", "KEY_UNKNOWN");
  }
  const level =
    trust === undefined ? undefined : await verifiedLevel(jws, receipt, { ...trust, nowMs: expected.nowMs });
  return { jws, receipt, record, level };
}

/**
 * A receipt is given at `committed` and cosigned a moment later, so too few cosignatures are no fault here: it is the last thing
 * that is checked, and whoever keeps the receipt sees its level.
 */
async function verifiedLevel(jws: FlattenedJws, receipt: Receipt, trust: OpenedTrust): Promise<Level> {
  const { ok, detail, message, level } = await verifyReceipt(jws, trust);
  if (ok) return level;
  if (detail === "WITNESS_QUORUM" && receipt.level === "committed") return receipt.level;
  throw mismatch(`the receipt does not verify: ${message ?? "no reason given"}`, detail ?? "PROOF_INVALID");
}
