/**
 * Which transactions of a block count, and what state follows. Two passes, as in Fabric: form, signatures and policies of
 * every transaction first, against the state before the block; then MVCC, one after another. Nothing is written here.
 * @see fabric core/common/validation/statebased/v20.go, core/ledger/kvledger/txmgmt/validation
 */
import { peer } from "@hyperledger/fabric-protos";
import type { Membership } from "./identity.js";
import { decodePolicy, isSatisfied, type NetworkPolicies } from "./policy.js";
import { type CollectionSet, sameVersion, type Version } from "./rwset.js";
import type { PublicEntry, StateReader } from "./store.js";
import type { FormFault, Transaction } from "./transaction.js";

export const CODE = peer.TxValidationCode;
export type ValidationCode = (typeof CODE)[keyof typeof CODE];

const NAMES = new Map<number, string>(Object.entries(CODE).map(([name, code]) => [code as number, name]));
/** Name of a TxValidationCode, e.g. `MVCC_READ_CONFLICT`. */
export const codeName = (code: number): string => NAMES.get(code) ?? "INVALID_OTHER_REASON";

/** State that a block changes: new entries, by key. */
export interface Updates {
  readonly publicKeys: Map<string, PublicEntry>;
  /** By collection, then by key hash. */
  readonly hashedKeys: Map<string, Map<string, HashedUpdate>>;
}

/** A private key's new hash, or that it is gone. */
export interface HashedUpdate {
  readonly version: Version;
  /** Undefined: purged. */
  readonly valueHash: Uint8Array | undefined;
}

export interface Validated {
  readonly codes: Uint8Array;
  readonly updates: Updates;
}

export interface Rules {
  readonly channel: string;
  readonly policies: NetworkPolicies;
  readonly membership: Membership;
  /** Whether an earlier block holds that transaction. */
  readonly isKnown: (txId: string) => boolean;
}

/** @param block its transactions, or why an envelope is none. @param state before the block. */
export function validateBlock(
  number: number,
  block: readonly (Transaction | FormFault)[],
  state: StateReader,
  rules: Rules,
): Validated {
  const codes = new Uint8Array(block.length);
  const ids = new Set<string>();
  const movedPolicies = new Set<string>();
  const cached = cacheOf(state);
  block.forEach((transaction, index) => {
    codes[index] =
      typeof transaction === "string" ? CODE[transaction] : checkAlone(transaction, ids, movedPolicies, cached, rules);
  });
  const updates: Updates = { publicKeys: new Map(), hashedKeys: new Map() };
  block.forEach((transaction, index) => {
    if (typeof transaction === "string" || codes[index] !== CODE.VALID) return;
    if (conflicts(transaction, updates, cached)) codes[index] = CODE.MVCC_READ_CONFLICT;
    else apply(transaction, { block: number, tx: index }, updates, cached);
  });
  return { codes, updates };
}

/** Reads each public key of a block once: policies and versions of a key stand in one entry. */
function cacheOf(state: StateReader): StateReader {
  const entries = new Map<string, PublicEntry | undefined>();
  return {
    getPublic(key) {
      if (!entries.has(key)) entries.set(key, state.getPublic(key));
      return entries.get(key);
    },
    getHashed: (collection, keyHash) => state.getHashed(collection, keyHash),
  };
}

function checkAlone(
  transaction: Transaction,
  ids: Set<string>,
  movedPolicies: Set<string>,
  state: StateReader,
  rules: Rules,
): ValidationCode {
  const { txId, channel, creator, payload, signature } = transaction;
  if (channel !== rules.channel) return CODE.TARGET_CHAIN_NOT_FOUND;
  if (rules.membership.verify(creator, "client", payload, signature) === undefined) return CODE.BAD_CREATOR_SIGNATURE;
  if (ids.has(txId) || rules.isKnown(txId)) return CODE.DUPLICATE_TXID;
  ids.add(txId);
  const endorsers = endorsersOf(transaction, rules.membership);
  if (!isEndorsed(transaction, endorsers, movedPolicies, state, rules)) return CODE.ENDORSEMENT_POLICY_FAILURE;
  // Whether or not it survives MVCC, as in Fabric: later transactions of the block cannot know the policy in force.
  for (const { key } of transaction.rwset.policies) movedPolicies.add(key);
  return CODE.VALID;
}

/** Organisations of which a peer signed these very bytes. A signature that does not verify counts for nothing. */
function endorsersOf({ response, endorsements }: Transaction, membership: Membership): ReadonlySet<string> {
  const msps = new Set<string>();
  for (const { endorser, signature } of endorsements) {
    const identity = membership.verify(endorser, "peer", Buffer.concat([response, endorser]), signature);
    if (identity !== undefined) msps.add(identity.msp);
  }
  return msps;
}

/**
 * A key's own policy replaces the chaincode's; a collection has its own; the chaincode's is checked for the other keys, and
 * where no other policy was.
 */
function isEndorsed(
  { rwset }: Transaction,
  endorsers: ReadonlySet<string>,
  movedPolicies: ReadonlySet<string>,
  state: StateReader,
  { policies }: Rules,
): boolean {
  let chaincodeCounts = true;
  for (const { key } of [...rwset.writes, ...rwset.policies]) {
    if (movedPolicies.has(key)) return false;
    const own = state.getPublic(key)?.policy;
    if (!isSatisfied(own === undefined ? policies.chaincode : decodePolicy(own), endorsers)) return false;
    chaincodeCounts = false;
  }
  for (const { name, writes } of rwset.collections) {
    if (writes.length === 0) continue;
    const policy = policies.collections.get(name);
    if (policy === undefined || !isSatisfied(policy, endorsers)) return false;
    chaincodeCounts = false;
  }
  return !chaincodeCounts || isSatisfied(policies.chaincode, endorsers);
}

/** Whether something that was read has been written since: in an earlier block, or earlier in this one. */
function conflicts({ rwset }: Transaction, updates: Updates, state: StateReader): boolean {
  return (
    rwset.reads.some(
      ({ key, version }) => updates.publicKeys.has(key) || !sameVersion(state.getPublic(key)?.version, version),
    ) || rwset.collections.some((collection) => collectionConflicts(collection, updates, state))
  );
}

function collectionConflicts({ name, reads }: CollectionSet, { hashedKeys }: Updates, state: StateReader): boolean {
  const written = hashedKeys.get(name);
  return reads.some(
    ({ keyHash, version }) =>
      written?.has(keyHash) === true || !sameVersion(state.getHashed(name, keyHash)?.version, version),
  );
}

function apply({ rwset }: Transaction, version: Version, updates: Updates, state: StateReader): void {
  const { publicKeys, hashedKeys } = updates;
  const latest = (key: string): PublicEntry | undefined => publicKeys.get(key) ?? state.getPublic(key);
  for (const { key, value } of rwset.writes) publicKeys.set(key, { version, value, policy: latest(key)?.policy });
  for (const { key, policy } of rwset.policies) {
    const entry = latest(key);
    // A policy for a key that does not exist, and is not written in the same transaction, has no effect.
    if (entry !== undefined) publicKeys.set(key, { version, value: entry.value, policy });
  }
  for (const { name, writes } of rwset.collections) {
    const entries = hashedKeys.get(name) ?? new Map<string, HashedUpdate>();
    for (const { keyHash, valueHash } of writes) entries.set(keyHash, { version, valueHash });
    if (entries.size > 0) hashedKeys.set(name, entries);
  }
}
