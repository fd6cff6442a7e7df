/** Offline verification of receipts and trails. Browser-safe: no network, no files, no clock of its own. */
export { verifyCheckpoint } from "./checkpoint.js";
export {
  type Accused,
  contradictions,
  type EvidenceVerdict,
  heldInReceipt,
  heldInTrail,
  type HeldRecord,
  ignoredStops,
  verifyEvidence,
} from "./evidence/index.js";
export { readShownChains, type ShownChains } from "./shown-chains.js";
export { type ErasedBy } from "./erasures.js";
export { type Market, statementName } from "./market.js";
export * from "./money/index.js";
export { type Replayed } from "./replay.js";
export { type OpenedRecord } from "./record.js";
export { type SealedBy } from "./seals.js";
export { isQuorum, parsePolicy, type Policy } from "./policy.js";
export { type ReceiptInput, type ReceiptOptions, verifyReceipt } from "./receipt.js";
export { signatureVerifier, verifySignature } from "./signatures.js";
export {
  forkBetween,
  forkOfOneSize,
  openSeen,
  readCheckpoint,
  readLog,
  type SeenCheckpoint,
  type StaticLog,
} from "./static-log.js";
export { type TileSource, TileTree } from "./tiles.js";
export { type VerifiedTicket, verifyTicket } from "./ticket.js";
export { type TrailObserver, type TrailOptions, verifyTrail } from "./trail.js";
export { type TrailSource } from "./lines.js";
export { type OpenedTrust, openTrust, type TrustOptions } from "./trust.js";
export { ADVICE, type Advice, codeOf, type Finding, type FindingRow, FINDINGS, isFinding } from "./findings.js";
export { commitNonce, drawPositions, seedOf } from "./sample/draw.js";
export { type OpenedPlan, openPlan, planDigest } from "./sample/plan.js";
export { type DrawnSample, drawSample, type SampleVerdict, type TrailFile, verifySample } from "./sample/report.js";
export { type SourcesOf, type Upgraded, upgradeReceipt } from "./upgrade.js";
export { type TrailUpgrade, type UpgradedLog, upgradeTrail } from "./upgrade-trail.js";
export {
  ANCHORED_TOPIC,
  type Anchoring,
  type AnchorPlace,
  anchorPath,
  bigEndian,
  encodeRlp,
  fromHex,
  logTopic,
  knownBlocks,
  openAnchor,
  proofOf,
  readAnchor,
  type Rlp,
  toHex,
  typed,
  verifyEvent,
} from "./anchor/index.js";
export { type Level, type Place, type RecordKey, type TrailKey, type Verdict } from "./verdict.js";
