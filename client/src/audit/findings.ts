/**
 * Every finding of the deep audit, once: what it means and what its reader should do. `docs/protocol.md` lists the same rows.
 * All stand under PROOF_INVALID. A code is never renamed or used again for something else.
 */
import type { Advice } from "../verify/index.js";

export interface AuditFindingRow {
  readonly advice: Advice;
  readonly meaning: string;
}

const row = (advice: Advice, meaning: string): AuditFindingRow => ({ advice, meaning });

export const AUDIT_FINDINGS = {
  BLOCK_MALFORMED: row("again", "a file does not hold a block"),
  BLOCK_MISSING: row("again", "a block is missing: numbers begin at 0 and have no holes"),
  GENESIS_HASH: row("trust", "block 0 is not the one that the trust file pins"),
  BLOCK_CHAIN: row("distrust", "a block does not follow the one before: dropped, doubled, swapped or altered"),
  BLOCK_DATA_HASH: row("distrust", "the transactions of a block are not those that its header hashes"),
  TX_NOT_WELL_FORMED: row("distrust", "an envelope is not in its one encoding: bytes could be read in two ways"),
  ORDERER_QUORUM: row("distrust", "too few orderers of the configuration in force signed the block"),
  LAST_CONFIG: row("distrust", "the orderers signed that another configuration was in force"),
  CONFIG_UNKNOWN: row("trust", "a configuration block is not in the trust file"),
  CONFIG_UNSUPPORTED: row("update", "the channel's configuration has a form that this version does not know"),
  TX_UNSUPPORTED: row("update", "a transaction's effect cannot be derived by this version"),
  TX_FORM: row("breach", "a transaction that is stored as valid has not the form of one"),
  TX_CREATOR: row("breach", "a transaction that is stored as valid is not signed by a member that may"),
  TX_DUPLICATE: row("breach", "a transaction that is stored as valid uses the id of an earlier one"),
  ENDORSEMENT_POLICY: row("breach", "a transaction that is stored as valid lacks endorsements that its writes need"),
  TX_CONFLICT: row("breach", "a transaction that is stored as valid read what had been changed before it"),
  TX_FILTER: row("distrust", "a validity byte is not what follows from the blocks; nobody signs these bytes"),
  WRITESET_MISMATCH: row("breach", "a log's head does not follow from the leaves that were recorded with it"),
  LOG_SIZE: row("again", "a checkpoint is of a larger log than these blocks hold"),
  FORK: row("breach", "a signed checkpoint and the blocks state two roots for one size of a log"),
  FORK_UNPROVEN: row("distrust", "two blocks that are said to contradict each other are one"),
} as const satisfies Readonly<Record<string, AuditFindingRow>>;

export type AuditFinding = keyof typeof AUDIT_FINDINGS;

export const isAuditFinding = (text: string): text is AuditFinding => Object.hasOwn(AUDIT_FINDINGS, text);

/** Where in the ledger: a block, and the position of a transaction in it. */
export interface AuditPlace {
  readonly block?: number;
  readonly tx?: number;
}

/** What the audit stops at. */
export class AuditFault extends Error {
  readonly finding: AuditFinding;
  readonly place: AuditPlace;

  constructor(finding: AuditFinding, message: string, place: AuditPlace = {}) {
    super(message);
    this.name = "AuditFault";
    this.finding = finding;
    this.place = place;
  }
}

export function fail(finding: AuditFinding, message: string, place: AuditPlace = {}): never {
  throw new AuditFault(finding, message, place);
}
