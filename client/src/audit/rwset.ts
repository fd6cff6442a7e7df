/**
 * What a transaction read, with versions, and would write. Values are kept where the audit needs them.
 * @see fabric-protos ledger/rwset/rwset.proto, ledger/rwset/kvrwset/kv_rwset.proto
 */
import { ledger } from "@hyperledger/fabric-protos";

const { kvrwset } = ledger.rwset;

/** Name of the metadata entry that holds a key-level endorsement policy. */
const POLICY_ENTRY = "VALIDATION_PARAMETER";

/** Position of the transaction that wrote a key last. */
export interface Version {
  readonly block: number;
  readonly tx: number;
}
export interface Read {
  /** Private: SHA-256 of the key, hexadecimal. */
  readonly key: string;
  /** Undefined: the key was absent. */
  readonly version: Version | undefined;
}
export interface Write {
  readonly key: string;
  /** Undefined: deleted. Private: SHA-256 of the value. */
  readonly value: Uint8Array | undefined;
}
export interface PolicyWrite {
  readonly key: string;
  /** Undefined: the key's own policy is taken away. */
  readonly policy: Uint8Array | undefined;
}
export interface RangeRead {
  readonly start: string;
  /** Empty: to the end of the namespace. */
  readonly end: string;
  /** False: the reader stopped early, so that the last read is the end of the range and belongs to it. */
  readonly exhausted: boolean;
  /** Undefined: only hashes of the reads are given. */
  readonly reads: readonly Read[] | undefined;
}

/** Of public state, or of one collection. */
export interface KeySet {
  readonly reads: readonly Read[];
  readonly writes: readonly Write[];
  readonly policies: readonly PolicyWrite[];
}
export interface CollectionSet extends KeySet {
  readonly name: string;
}
export interface NamespaceSet extends KeySet {
  readonly namespace: string;
  readonly ranges: readonly RangeRead[];
  readonly collections: readonly CollectionSet[];
}

const versionOf = (version: ledger.rwset.kvrwset.Version | undefined): Version | undefined =>
  version && { block: version.getBlockNum(), tx: version.getTxNum() };

const hex = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");

const policyIn = (entries: readonly ledger.rwset.kvrwset.KVMetadataEntry[]): Uint8Array | undefined =>
  entries.find((entry) => entry.getName() === POLICY_ENTRY)?.getValue_asU8();

const readOf = (read: ledger.rwset.kvrwset.KVRead): Read => ({
  key: read.getKey(),
  version: versionOf(read.getVersion()),
});

/** Throws what is not protobuf. @param bytes `TxReadWriteSet`. */
export function parseReadWriteSet(bytes: Uint8Array): readonly NamespaceSet[] {
  return ledger.rwset.TxReadWriteSet.deserializeBinary(bytes)
    .getNsRwsetList()
    .map((one) => {
      const set = kvrwset.KVRWSet.deserializeBinary(one.getRwset_asU8());
      return {
        namespace: one.getNamespace(),
        reads: set.getReadsList().map(readOf),
        ranges: set.getRangeQueriesInfoList().map(rangeOf),
        writes: set.getWritesList().map((write) => ({
          key: write.getKey(),
          value: write.getIsDelete() ? undefined : write.getValue_asU8(),
        })),
        policies: set.getMetadataWritesList().map((write) => ({
          key: write.getKey(),
          policy: policyIn(write.getEntriesList()),
        })),
        collections: one.getCollectionHashedRwsetList().map(collectionOf),
      };
    });
}

function rangeOf(range: ledger.rwset.kvrwset.RangeQueryInfo): RangeRead {
  const summary = range.getReadsMerkleHashes();
  return {
    start: range.getStartKey(),
    end: range.getEndKey(),
    exhausted: range.getItrExhausted(),
    reads: summary === undefined ? (range.getRawReads()?.getKvReadsList() ?? []).map(readOf) : undefined,
  };
}

function collectionOf(message: ledger.rwset.CollectionHashedReadWriteSet): CollectionSet {
  const set = kvrwset.HashedRWSet.deserializeBinary(message.getHashedRwset_asU8());
  return {
    name: message.getCollectionName(),
    reads: set.getHashedReadsList().map((read) => ({
      key: hex(read.getKeyHash_asU8()),
      version: versionOf(read.getVersion()),
    })),
    writes: set.getHashedWritesList().map((write) => ({
      key: hex(write.getKeyHash_asU8()),
      value: write.getIsDelete() || write.getIsPurge() ? undefined : write.getValueHash_asU8(),
    })),
    policies: set.getMetadataWritesList().map((write) => ({
      key: hex(write.getKeyHash_asU8()),
      policy: policyIn(write.getEntriesList()),
    })),
  };
}

export const writesAnything = ({ writes, policies, collections }: NamespaceSet): boolean =>
  writes.length + policies.length > 0 || collections.some((one) => one.writes.length + one.policies.length > 0);
