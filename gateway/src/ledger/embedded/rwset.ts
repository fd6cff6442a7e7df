/**
 * Read/write sets: what a simulation read (with versions) and would write. The public set stands in the block; of private
 * data it holds only SHA-256 of keys and values. Encoded as Fabric's `TxReadWriteSet`.
 * @see fabric-protos ledger/rwset/rwset.proto, ledger/rwset/kvrwset/kv_rwset.proto
 */
import { hash } from "node:crypto";
import { ledger } from "@hyperledger/fabric-protos";
import { equalBytes } from "@quanji/chaincode/log";
import { Writer } from "./wire.js";

/** Namespace of all state: the one chaincode of the channel. */
export const CHAINCODE = "quanji";

/** Name of the metadata entry that holds a key-level endorsement policy. */
const POLICY_ENTRY = "VALIDATION_PARAMETER";

/** Position of the transaction that wrote a key last. */
export interface Version {
  readonly block: number;
  readonly tx: number;
}

export const sameVersion = (a: Version | undefined, b: Version | undefined): boolean =>
  a?.block === b?.block && a?.tx === b?.tx;

/** Whether `a` stands after `b` in the order of the ledger. */
export const isAfter = (a: Version, b: Version): boolean => a.block > b.block || (a.block === b.block && a.tx > b.tx);

/** SHA-256 of a private key, lower-case hex: hashes of keys are looked up far more often than they are written out. */
export type KeyHash = string;
export const keyHashOf = (key: string): KeyHash => hash("sha256", key, "hex");

export interface Read {
  readonly key: string;
  /** Undefined: the key was absent. */
  readonly version: Version | undefined;
}
export interface StateWrite {
  readonly key: string;
  readonly value: Uint8Array;
}
export interface PolicyWrite {
  readonly key: string;
  /** Encoded policy (see policy.ts); undefined takes the key's policy away. */
  readonly policy: Uint8Array | undefined;
}
export interface HashedRead {
  readonly keyHash: KeyHash;
  readonly version: Version | undefined;
}
export interface HashedWrite {
  readonly keyHash: KeyHash;
  /** Undefined: the key is purged. */
  readonly valueHash: Uint8Array | undefined;
}
export interface CollectionSet {
  readonly name: string;
  readonly reads: readonly HashedRead[];
  readonly writes: readonly HashedWrite[];
  /** SHA-256 of {@link encodePrivateWrites}; undefined if nothing was written to the collection. */
  readonly privateHash: Uint8Array | undefined;
}

/** Lists are sorted by the UTF-8 of the (plain) key, collections by name, so equal simulations give equal bytes. */
export interface ReadWriteSet {
  readonly reads: readonly Read[];
  readonly writes: readonly StateWrite[];
  readonly policies: readonly PolicyWrite[];
  readonly collections: readonly CollectionSet[];
}

export interface PrivateWrite {
  readonly key: string;
  /** Undefined: the key is purged. */
  readonly value: Uint8Array | undefined;
}

/** The plain keys and values of one collection: never in a block. Sorted by key. */
export interface PrivateWrites {
  readonly collection: string;
  readonly writes: readonly PrivateWrite[];
}

function writeVersion(out: Writer, field: number, version: Version | undefined): void {
  if (version === undefined) return;
  out.message(field, () => {
    out.uint(1, version.block);
    out.uint(2, version.tx);
  });
}

function writeState(out: Writer, writes: readonly PrivateWrite[]): void {
  for (const { key, value } of writes) {
    out.message(3, () => {
      out.text(1, key);
      if (value === undefined) out.flag(2, true);
      else out.bytes(3, value);
    });
  }
}

function encodePublic(set: ReadWriteSet): Uint8Array {
  const out = new Writer();
  for (const { key, version } of set.reads) {
    out.message(1, () => {
      out.text(1, key);
      writeVersion(out, 2, version);
    });
  }
  writeState(out, set.writes);
  for (const { key, policy } of set.policies) {
    out.message(4, () => {
      out.text(1, key);
      if (policy === undefined) return;
      out.message(2, () => {
        out.text(1, POLICY_ENTRY);
        out.bytes(2, policy);
      });
    });
  }
  return out.finish();
}

function encodeHashed(set: CollectionSet): Uint8Array {
  const out = new Writer();
  for (const { keyHash, version } of set.reads) {
    out.message(1, () => {
      out.hex(1, keyHash);
      writeVersion(out, 2, version);
    });
  }
  for (const { keyHash, valueHash } of set.writes) {
    out.message(2, () => {
      out.hex(1, keyHash);
      if (valueHash === undefined) {
        out.flag(2, true);
        out.flag(4, true);
      } else out.bytes(3, valueHash);
    });
  }
  return out.finish();
}

/** Fabric's `KVRWSet` of private writes, whose hash stands in the public set. */
export function encodePrivateWrites(writes: readonly PrivateWrite[]): Uint8Array {
  const out = new Writer();
  writeState(out, writes);
  return out.finish();
}

const isEmpty = (set: ReadWriteSet): boolean =>
  set.reads.length + set.writes.length + set.policies.length + set.collections.length === 0;

/** Fabric's `TxReadWriteSet` with one namespace, or with none if nothing was touched. */
export function encodeReadWriteSet(set: ReadWriteSet): Uint8Array {
  const out = new Writer();
  if (isEmpty(set)) return out.finish();
  out.message(2, () => {
    out.text(1, CHAINCODE);
    out.bytes(2, encodePublic(set));
    for (const collection of set.collections) {
      out.message(3, () => {
        out.text(1, collection.name);
        out.bytes(2, encodeHashed(collection));
        out.bytes(3, collection.privateHash ?? new Uint8Array());
      });
    }
  });
  return out.finish();
}

const { kvrwset } = ledger.rwset;

const readVersion = (version: ledger.rwset.kvrwset.Version | undefined): Version | undefined =>
  version === undefined ? undefined : { block: version.getBlockNum(), tx: version.getTxNum() };

const hex = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");

function decodeCollection(message: ledger.rwset.CollectionHashedReadWriteSet): CollectionSet {
  const hashed = kvrwset.HashedRWSet.deserializeBinary(message.getHashedRwset_asU8());
  const privateHash = message.getPvtRwsetHash_asU8();
  return {
    name: message.getCollectionName(),
    reads: hashed.getHashedReadsList().map((read) => ({
      keyHash: hex(read.getKeyHash_asU8()),
      version: readVersion(read.getVersion()),
    })),
    writes: hashed.getHashedWritesList().map((write) => ({
      keyHash: hex(write.getKeyHash_asU8()),
      valueHash: write.getIsPurge() ? undefined : write.getValueHash_asU8(),
    })),
    privateHash: privateHash.length === 0 ? undefined : privateHash,
  };
}

/**
 * Undefined unless `bytes` are exactly what {@link encodeReadWriteSet} makes: deletes without purge, range queries, foreign namespaces,
 * private metadata and unknown fields do not exist on this ledger, and nothing may hide in what is not understood.
 */
export function decodeReadWriteSet(bytes: Uint8Array): ReadWriteSet | undefined {
  let set: ReadWriteSet;
  try {
    const message = ledger.rwset.TxReadWriteSet.deserializeBinary(bytes);
    const namespace = message.getNsRwsetList()[0];
    const state = kvrwset.KVRWSet.deserializeBinary(namespace?.getRwset_asU8() ?? new Uint8Array());
    set = {
      reads: state.getReadsList().map((read) => ({ key: read.getKey(), version: readVersion(read.getVersion()) })),
      writes: state.getWritesList().map((write) => ({ key: write.getKey(), value: write.getValue_asU8() })),
      policies: state.getMetadataWritesList().map((write) => ({
        key: write.getKey(),
        policy: write.getEntriesList()[0]?.getValue_asU8(),
      })),
      collections: (namespace?.getCollectionHashedRwsetList() ?? []).map(decodeCollection),
    };
  } catch {
    return undefined; // not protobuf at all: the caller has one code for both
  }
  return equalBytes(encodeReadWriteSet(set), bytes) ? set : undefined;
}
