/** Offline verification of receipts and trails. Browser-safe: no network, no files, no clock of its own. */
export { verifyCheckpoint } from "./checkpoint.js";
export {
  type Accused,
  ChainGatherer,
  contradictions,
  type EvidenceVerdict,
  heldInReceipt,
  heldInTrail,
  type HeldRecord,
  ignoredStops,
  readShownChains,
  type ShownChains,
  verifyEvidence,
} from "./evidence/index.js";
export { type ErasedBy } from "./erasures.js";
export { type SealedBy } from "./seals.js";
export { isQuorum, parsePolicy, type Policy } from "./policy.js";
export { type ReceiptInput, type ReceiptOptions, verifyReceipt } from "./receipt.js";
export { signatureVerifier, verifySignature } from "./signatures.js";
export { forkBetween, forkOfOneSize, openSeen, readCheckpoint, readLog, type SeenCheckpoint, type StaticLog } from "./static-log.js";
export { type TileSource, TileTree } from "./tiles.js";
export { type VerifiedTicket, verifyTicket } from "./ticket.js";
export { type TrailObserver, type TrailOptions, verifyTrail } from "./trail.js";
export { type TrailSource } from "./lines.js";
export { type OpenedTrust, openTrust, type TrustOptions } from "./trust.js";
export { ADVICE, type Advice, codeOf, type Finding, type FindingRow, FINDINGS, isFinding } from "./findings.js";
export { type SourcesOf, type Upgraded, upgradeReceipt } from "./upgrade.js";
export { type Level, type Place, type RecordKey, type TrailKey, type Verdict } from "./verdict.js";
