/**
 * Re-reads the ledger from block 0: hash chain, the orderer's and everybody's signatures, policies, MVCC, commit hashes and
 * private values are derived again, the state is rebuilt in memory and compared with the stored one. What was stored is
 * compared, never believed.
 */
import { hash } from "node:crypto";
import { common } from "@hyperledger/fabric-protos";
import { equalBytes } from "@quanji/chaincode/log";
import { ORDERER_MSP } from "../topology.js";
import {
  type BlockParts,
  dataHashOf,
  decodeBlock,
  encodeBlock,
  headerHash,
  newOrdererMetadata,
  sealInput,
} from "./block.js";
import { nextCommitHash } from "./commit-hash.js";
import { type CollectionSet, encodePrivateWrites, isAfter, keyHashOf, type Version } from "./rwset.js";
import {
  encodeHashedEntry,
  encodePublicEntry,
  encodePurge,
  type HashedEntry,
  KEYS,
  type PrivateValue,
  type PublicEntry,
  type StateReader,
  type StateView,
  type Tip,
} from "./store.js";
import { parseTransaction, type Transaction } from "./transaction.js";
import { CODE, codeName, type Rules, type Updates, validateBlock } from "./validator.js";

export const FSCK_CODES = [
  "BLOCK_MISSING",
  "BLOCK_MALFORMED",
  "BLOCK_CHAIN",
  "BLOCK_DATA_HASH",
  "ORDERER_QUORUM",
  "TX_NOT_WELL_FORMED",
  "TX_FILTER",
  "COMMIT_HASH",
  "PRIVATE_DATA",
  "TX_INDEX",
  "STATE",
  "TIP",
] as const;
export type FsckCode = (typeof FSCK_CODES)[number];

/** The first difference between what is stored and what follows from the blocks. */
export interface FsckFault {
  readonly code: FsckCode;
  readonly message: string;
  readonly block?: number;
  /** Position of the transaction in its block. */
  readonly index?: number;
}

export interface FsckReport {
  readonly ok: boolean;
  readonly blocks: number;
  readonly transactions: number;
  /** Public keys and private key hashes in the state. */
  readonly keys: number;
  readonly fault?: FsckFault;
}

class Difference extends Error {
  readonly fault: FsckFault;

  constructor(code: FsckCode, message: string, at: { block?: number; index?: number } = {}) {
    super(message);
    this.fault = { code, message, ...at };
  }
}

/** State as the blocks so far make it. */
class Rebuilt implements StateReader {
  readonly publicKeys = new Map<string, PublicEntry>();
  /** By {@link KEYS.hashedKey}. */
  readonly hashedKeys = new Map<string, HashedEntry>();
  /** Last purge of each key, encoded, by {@link KEYS.purge}. */
  readonly purges = new Map<string, Buffer>();
  readonly transactions = new Set<string>();

  getPublic(key: string): PublicEntry | undefined {
    return this.publicKeys.get(key);
  }

  getHashed(collection: string, keyHash: string): HashedEntry | undefined {
    return this.hashedKeys.get(KEYS.hashedKey(collection, keyHash));
  }

  apply({ publicKeys, hashedKeys }: Updates): void {
    for (const [key, entry] of publicKeys) this.publicKeys.set(key, entry);
    for (const [collection, entries] of hashedKeys) {
      for (const [keyHash, { version, valueHash }] of entries) {
        const name = KEYS.hashedKey(collection, keyHash);
        if (valueHash === undefined) this.hashedKeys.delete(name);
        else this.hashedKeys.set(name, { version, valueHash });
      }
    }
  }
}

/** Told after each block how many are done, of how many. */
export type FsckProgress = (blocks: number, of: number) => void;

/** @param view everything is read at this one height, so a running ledger can be checked. */
export async function check(
  view: StateView,
  network: Omit<Rules, "isKnown">,
  progress: FsckProgress = () => undefined,
): Promise<FsckReport> {
  const rebuilt = new Rebuilt();
  const rules: Rules = { ...network, isKnown: (txId) => rebuilt.transactions.has(txId) };
  let number = 0;
  let transactions = 0;
  const done = (): Omit<FsckReport, "ok"> => ({
    blocks: number,
    transactions,
    keys: rebuilt.publicKeys.size + rebuilt.hashedKeys.size,
  });
  try {
    const tip = await readTip(view);
    let previous: Omit<Tip, "number"> = { hash: new Uint8Array(), commitHash: new Uint8Array() };
    for (; number <= tip.number; number++) {
      const block = readBlock(view, number);
      checkHeader(block, number, previous.hash, rules);
      const commitHash =
        number === 0 ? new Uint8Array() : await checkContent(view, block, previous.commitHash, rebuilt, rules);
      previous = { hash: headerHash(block.header), commitHash };
      transactions += number === 0 ? 0 : block.envelopes.length;
      progress(number + 1, tip.number + 1);
    }
    if (!equalBytes(previous.hash, tip.hash) || !equalBytes(previous.commitHash, tip.commitHash)) {
      throw new Difference("TIP", "the tip does not name the last block", { block: tip.number });
    }
    await checkState(view, rebuilt);
    return { ok: true, ...done() };
  } catch (error) {
    if (error instanceof Difference) return { ok: false, ...done(), fault: error.fault };
    throw error;
  }
}

async function readTip(view: StateView): Promise<Tip> {
  const tip = view.getTip();
  if (tip === undefined) throw new Difference("TIP", "there is no tip");
  if (await view.hasBlocksAfter(tip.number)) throw new Difference("TIP", "there is a block beyond the tip");
  return tip;
}

function readBlock(view: StateView, block: number): BlockParts {
  const bytes = view.getBlock(block);
  if (bytes === undefined) throw new Difference("BLOCK_MISSING", "the block is not there", { block });
  try {
    const parts = decodeBlock(bytes);
    if (equalBytes(encodeBlock(parts), bytes)) return parts;
  } catch {
    // not protobuf: the same fault as bytes that do not encode back
  }
  throw new Difference("BLOCK_MALFORMED", "the block's bytes are not those of a block", { block });
}

function checkHeader(
  { header, envelopes, ordererMetadata, seal }: BlockParts,
  block: number,
  previous: Uint8Array,
  rules: Rules,
): void {
  if (header.number !== block || !equalBytes(header.previousHash, previous)) {
    throw new Difference("BLOCK_CHAIN", "the block does not follow the one before", { block });
  }
  if (!equalBytes(dataHashOf(envelopes), header.dataHash)) {
    throw new Difference("BLOCK_DATA_HASH", "the transactions are not those that the header hashes", { block });
  }
  if (block === 0) return;
  const signatureHeader = seal?.signatureHeader ?? new Uint8Array();
  const creator = common.SignatureHeader.deserializeBinary(signatureHeader).getCreator_asU8();
  const input = sealInput(header, ordererMetadata, signatureHeader);
  const signer = rules.membership.verify(creator, "orderer", input, seal?.signature ?? new Uint8Array());
  if (signer?.msp !== ORDERER_MSP || !equalBytes(ordererMetadata, newOrdererMetadata())) {
    throw new Difference("ORDERER_QUORUM", "no orderer signed the header", { block });
  }
}

/** Answers the commit hash. */
async function checkContent(
  view: StateView,
  { header, envelopes, codes, commitHash }: BlockParts,
  previousCommitHash: Uint8Array,
  rebuilt: Rebuilt,
  rules: Rules,
): Promise<Uint8Array> {
  const block = header.number;
  const transactions = envelopes.map((envelope, index): Transaction => {
    const transaction = parseTransaction(envelope);
    if (typeof transaction !== "string") return transaction;
    throw new Difference("TX_NOT_WELL_FORMED", `the envelope is no transaction: ${transaction}`, { block, index });
  });
  const validated = validateBlock(block, transactions, rebuilt, rules);
  const index = validated.codes.findIndex((code, at) => code !== codes[at]);
  if (index >= 0 || codes.length !== envelopes.length) {
    const message = `validation gives ${codeName(validated.codes[index] ?? CODE.NOT_VALIDATED)}, not what is stored`;
    throw new Difference("TX_FILTER", message, { block, index });
  }
  const derived = nextCommitHash(previousCommitHash, validated);
  if (!equalBytes(derived, commitHash)) throw new Difference("COMMIT_HASH", "the commit hash differs", { block });
  checkPrivate(view, block, transactions, codes, await view.privateValues(block), rebuilt);
  checkIndex(view, block, transactions, codes, rebuilt);
  rebuilt.apply(validated.updates);
  return derived;
}

/**
 * What the block promises by hash, in the order in which values are stored, without what a later transaction purges; and
 * nothing else is stored. That each purge which the store names was made, and no other, {@link checkState} says.
 */
function checkPrivate(
  view: StateView,
  block: number,
  transactions: readonly Transaction[],
  codes: Uint8Array,
  stored: readonly PrivateValue[],
  rebuilt: Rebuilt,
): void {
  let at = 0;
  transactions.forEach(({ rwset }, index) => {
    if (codes[index] !== CODE.VALID) return;
    const version = { block, tx: index };
    for (const set of rwset.collections) {
      const kept = keptOf(view, set, version);
      const values = stored.slice(at, (at += kept.length));
      const matches =
        values.every(({ tx, collection }) => tx === index && collection === set.name) && areThose(values, kept, set);
      if (!matches)
        throw new Difference("PRIVATE_DATA", `the values of ${set.name} are not those hashed`, { block, index });
      for (const { keyHash, valueHash } of set.writes) {
        if (valueHash === undefined) rebuilt.purges.set(KEYS.purge(set.name, keyHash), encodePurge(version));
      }
    }
  });
  if (at !== stored.length)
    throw new Difference("PRIVATE_DATA", "there are values that no transaction wrote, or that one purged", { block });
}

/** Writes of a transaction that nothing has purged since. */
const keptOf = (view: StateView, { name, writes }: CollectionSet, version: Version): CollectionSet["writes"] =>
  writes.filter(({ keyHash, valueHash }) => {
    if (valueHash === undefined) return false;
    const purge = view.getPurge(name, keyHash);
    return purge === undefined || !isAfter(purge, version);
  });

/** One by one; and all together, which only the whole set can show. */
function areThose(
  values: readonly PrivateValue[],
  kept: CollectionSet["writes"],
  { writes, privateHash }: CollectionSet,
): boolean {
  const isWhole = kept.length === writes.length && writes.length > 0;
  return (
    (!isWhole || equalBytes(hash("sha256", encodePrivateWrites(values), "buffer"), privateHash ?? new Uint8Array())) &&
    kept.every(({ keyHash, valueHash }, n) => {
      const value = values[n];
      return (
        value !== undefined &&
        keyHashOf(value.key) === keyHash &&
        equalBytes(hash("sha256", value.value, "buffer"), valueHash ?? new Uint8Array())
      );
    })
  );
}

function checkIndex(
  view: StateView,
  block: number,
  transactions: readonly Transaction[],
  codes: Uint8Array,
  rebuilt: Rebuilt,
): void {
  transactions.forEach(({ txId }, index) => {
    const code = codes[index];
    if (code === CODE.DUPLICATE_TXID) return;
    const place = view.getPlace(txId);
    if (place?.block !== block || place.index !== index || place.code !== code) {
      throw new Difference("TX_INDEX", "the index does not lead to the transaction", { block, index });
    }
    rebuilt.transactions.add(txId);
  });
}

async function checkState(view: StateView, rebuilt: Rebuilt): Promise<void> {
  const expected = new Map<string, Buffer>();
  for (const [key, entry] of rebuilt.publicKeys) expected.set(KEYS.publicKey(key), encodePublicEntry(entry));
  for (const [key, entry] of rebuilt.hashedKeys) expected.set(key, encodeHashedEntry(entry));
  for (const [key, purge] of rebuilt.purges) expected.set(key, purge);
  for (const kind of ["h", "p", "s"]) {
    for await (const [key, bytes] of view.entries(kind)) {
      const entry = expected.get(key);
      const name = JSON.stringify(key.slice(1));
      if (entry === undefined) throw new Difference("STATE", `key ${name} follows from no block`);
      if (!entry.equals(bytes)) throw new Difference("STATE", `key ${name} is not what the blocks make it`);
      expected.delete(key);
    }
  }
  const [missing] = expected.keys();
  if (missing !== undefined) throw new Difference("STATE", `key ${JSON.stringify(missing.slice(1))} is missing`);
  for await (const [key] of view.entries("t")) {
    if (!rebuilt.transactions.has(key.slice(1)))
      throw new Difference("TX_INDEX", "the index names a transaction in no block");
  }
}
