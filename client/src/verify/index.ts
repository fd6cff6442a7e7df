/** Offline verification of receipts and trails. Browser-safe: no network, no files, no clock of its own. */
export { verifyCheckpoint } from "./checkpoint.js";
export {
  type Accused,
  contradictions,
  type EvidenceVerdict,
  heldInReceipt,
  heldInTrail,
  type HeldRecord,
  verifyEvidence,
} from "./evidence/index.js";
export { isQuorum, parsePolicy, type Policy } from "./policy.js";
export { type ReceiptOptions, verifyReceipt } from "./receipt.js";
export { signatureVerifier, verifySignature } from "./signatures.js";
export { type TrailObserver, type TrailOptions, verifyTrail } from "./trail.js";
export { type TrailSource } from "./lines.js";
export { type OpenedTrust, openTrust, type TrustOptions } from "./trust.js";
export { ADVICE, type Advice, codeOf, type Finding, type FindingRow, FINDINGS, isFinding } from "./findings.js";
export { type Level, type Place, type RecordKey, type TrailKey, type Verdict } from "./verdict.js";
