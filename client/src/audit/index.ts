/** Deep audit of a ledger's blocks, embedded, Raft or SmartBFT: offline, in Node, without a peer. */
export { type AuditOptions, type AuditTrust, type AuditVerdict, auditBlocks } from "./audit.js";
export { AUDIT_FINDINGS, type AuditFinding, type AuditFindingRow, type AuditPlace } from "./findings.js";
export {
  type AccusedOrderer,
  findLedgerFork,
  type LedgerFork,
  type LedgerForkVerdict,
  verifyLedgerFork,
} from "./fork.js";
export { type BlockFolder, DoubleBlock, openFolder } from "./folder.js";
export { findLogVsLedger, type LogVsLedgerVerdict, type SignedRoot, verifyLogVsLedger } from "./log-vs-ledger.js";
export type { AuditedLog, KnownRoot } from "./logs.js";
export { UNCHECKED, type Unchecked } from "./unchecked.js";
