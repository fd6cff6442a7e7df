/**
 * Blocks as a Fabric peer delivers them, read into what the port shows and into what the mirror keeps. Unlike the embedded
 * ledger's own blocks these hold foreign transactions: configuration, the chaincode's lifecycle, and whatever an organisation
 * makes that the validation marks invalid. None of those may stop a reader.
 */
import { common, ledger as ledgerProtos, type peer as peerProtos, peer } from "@hyperledger/fabric-protos";
import { QuanjiError } from "@quanji/chaincode/domain";
import { headerHash, sha256 } from "../embedded/block.js";
import { CODE, codeName } from "../embedded/validator.js";
import { rootsIn } from "./configuration.js";
import type { BlockTransaction, HashedKey, HashedWrite, LedgerBlock, Write } from "../ledger.js";

const { rwset } = ledgerProtos;

/** A key's new value in public state, or its new hash in a collection; undefined where it was deleted. */
export interface StateChange {
  readonly key: string;
  readonly value: string | undefined;
}
export interface HashChange {
  readonly collection: string;
  /** SHA-256, lower-case hex. */
  readonly keyHash: string;
  /** SHA-256, base64url. */
  readonly valueHash: string | undefined;
}

/** A private key that a transaction of this block wrote or purged. */
export interface PlacedKey extends HashedKey {
  readonly index: number;
}

/** Where a transaction stands and what it answered. */
export interface Place {
  readonly txId: string;
  readonly block: number;
  readonly index: number;
  readonly code: number;
  readonly result: string;
}

export interface FabricBlock {
  readonly number: number;
  /** Header hash, base64url. */
  readonly hash: string;
  /** Every transaction with an id of its own: one that repeats another's id says nothing about it. */
  readonly places: readonly Place[];
  /** Of valid transactions, in order. */
  readonly state: readonly StateChange[];
  readonly hashes: readonly HashChange[];
  readonly block: LedgerBlock;
  /** Of a block that holds a configuration. */
  readonly roots?: Readonly<Record<string, readonly string[]>>;
  readonly purges: readonly PlacedKey[];
  /** Of collections of ours, what was written and came without its value: the peer does not have it, or has purged it. */
  readonly missing: readonly PlacedKey[];
}

export interface DecodeOptions {
  readonly chaincode: string;
  /** Collections that this organisation is a member of. */
  readonly isMember: (collection: string) => boolean;
}

const textOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
const base64urlOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64url");

const corrupt = (number: number, index: number, cause?: unknown): QuanjiError =>
  new QuanjiError("INTERNAL", `transaction ${index} of block ${number} is valid and cannot be read`, {
    detail: "LEDGER_CORRUPT",
    cause,
  });

/** Errors: INTERNAL · LEDGER_CORRUPT for a valid transaction that cannot be read. */
export function decodeBlock(message: peerProtos.BlockAndPrivateData, options: DecodeOptions): FabricBlock {
  const block = message.getBlock() ?? new common.Block();
  const header = block.getHeader();
  const number = header?.getNumber() ?? 0;
  const hash = base64urlOf(
    headerHash({
      number,
      previousHash: header?.getPreviousHash_asU8() ?? new Uint8Array(),
      dataHash: header?.getDataHash_asU8() ?? new Uint8Array(),
    }),
  );
  const codes = block.getMetadata()?.getMetadataList_asU8()[common.BlockMetadataIndex.TRANSACTIONS_FILTER];
  const scene = new Scene(options);
  (block.getData()?.getDataList_asU8() ?? []).forEach((envelope, index) => {
    const code = codes?.[index] ?? CODE.NOT_VALIDATED;
    scene.add(number, index, code, envelope, message.getPrivateDataMapMap().get(index));
  });
  return {
    number,
    hash,
    ...scene.gathered,
    ...(scene.roots !== undefined && { roots: scene.roots }),
    block: { number, hash, ...commitHashIn(block), transactions: scene.transactions },
  };
}

/** A peer keeps it beside the block; no orderer signs it. */
function commitHashIn(block: common.Block): Pick<LedgerBlock, "commitHash"> {
  const slot = block.getMetadata()?.getMetadataList_asU8()[common.BlockMetadataIndex.COMMIT_HASH] ?? new Uint8Array();
  const value = common.Metadata.deserializeBinary(slot).getValue_asU8();
  return value.length === 0 ? {} : { commitHash: base64urlOf(value) };
}

/** Gathers the transactions of one block. */
class Scene {
  readonly transactions: BlockTransaction[] = [];
  roots: FabricBlock["roots"];
  readonly gathered = {
    places: [] as Place[],
    state: [] as StateChange[],
    hashes: [] as HashChange[],
    purges: [] as PlacedKey[],
    missing: [] as PlacedKey[],
  };
  readonly #options: DecodeOptions;

  constructor(options: DecodeOptions) {
    this.#options = options;
  }

  add(
    number: number,
    index: number,
    code: number,
    envelope: Uint8Array,
    values: ledgerProtos.rwset.TxPvtReadWriteSet | undefined,
  ): void {
    const valid = code === CODE.VALID;
    const read = this.#read(envelope, valid ? [number, index] : undefined);
    if ("configuration" in read) {
      if (valid) this.roots = rootsIn(read.configuration);
      return;
    }
    const { txId, timestampMs, name, args, result, event } = read;
    if (txId !== "" && code !== CODE.DUPLICATE_TXID) {
      this.gathered.places.push({ txId, block: number, index, code, result });
    }
    const purges = valid ? purgesIn(read) : [];
    const hashes = valid ? hashesIn(read) : [];
    this.gathered.purges.push(...purges.map((key) => ({ ...key, index })));
    this.transactions.push({
      txId,
      index,
      valid,
      validationCode: codeName(code),
      timestampMs,
      name,
      args,
      writes: valid ? this.#writes(index, read, values) : [],
      ...(valid && event !== undefined && { event }),
      ...(purges.length > 0 && { purges }),
      ...(hashes.length > 0 && { hashes }),
    });
  }

  /** What an orderer took and every peer found invalid may be any bytes; what is valid must be readable. */
  #read(envelope: Uint8Array, valid: readonly [number, number] | undefined): Envelope | Configuration {
    try {
      return readEnvelope(envelope, this.#options.chaincode);
    } catch (cause) {
      if (valid !== undefined) throw corrupt(...valid, cause);
      return { txId: "", timestampMs: 0, ...EMPTY };
    }
  }

  #writes(
    index: number,
    { writes, collections }: Envelope,
    values: ledgerProtos.rwset.TxPvtReadWriteSet | undefined,
  ): Write[] {
    const { chaincode, isMember } = this.#options;
    this.gathered.state.push(...writes);
    for (const { collection, hashes } of collections) {
      this.gathered.hashes.push(...hashes.map(({ keyHash, valueHash }) => ({ collection, keyHash, valueHash })));
    }
    const given = valuesOf(values, chaincode);
    const own = collections.filter(({ collection, privateHash }) => isMember(collection) && privateHash.length > 0);
    return [
      // A deletion has no value to show. The contracts delete nothing, and read an absent key as its most careful value.
      ...writes.flatMap(({ key, value }) => (value === undefined ? [] : [{ key, value }])),
      ...own.flatMap((one) => {
        const { collection } = one;
        const found = valuesIn(one, given.get(collection));
        this.gathered.missing.push(...found.missing.map((keyHash) => ({ collection, keyHash, index })));
        return found.values.map((write) => ({ collection, ...write }));
      }),
    ];
  }
}

interface OwnWrites {
  readonly values: readonly { readonly key: string; readonly value: string }[];
  /** Hashes of the keys of which there is no value. */
  readonly missing: readonly string[];
}

/**
 * What a peer delivers of one collection, compared with the block. Without what was purged since, the values are no longer
 * those that the block hashes all together, but each is one that it hashes. Others count for nothing: a peer that delivers
 * such is as good as one that delivers none.
 */
function valuesIn(
  { privateHash, hashes }: Envelope["collections"][number],
  bytes: Uint8Array = new Uint8Array(),
): OwnWrites {
  const isWhole = base64urlOf(sha256(bytes)) === base64urlOf(privateHash);
  const given = (isWhole ? readWrites(bytes) : readTrimmed(bytes)).flatMap(({ key, value }) =>
    value === undefined ? [] : [{ key, value }],
  );
  if (isWhole) return { values: given, missing: [] };
  const wanted = new Map(hashes.map(({ keyHash, valueHash }) => [keyHash, valueHash]));
  const values = given.filter(({ key, value }) => {
    const keyHash = hexOf(sha256(Buffer.from(key)));
    return wanted.get(keyHash) === base64urlOf(sha256(Buffer.from(value))) && wanted.delete(keyHash);
  });
  return { values, missing: [...wanted].flatMap(([keyHash, hash]) => (hash === undefined ? [] : [keyHash])) };
}

/** Nothing, if they are no write set at all. */
function readTrimmed(bytes: Uint8Array): readonly StateChange[] {
  try {
    return readWrites(bytes);
  } catch {
    return [];
  }
}

const purgesIn = ({ collections }: Envelope): HashedKey[] =>
  collections.flatMap(({ collection, hashes }) =>
    hashes.flatMap(({ keyHash, isPurge }) => (isPurge ? [{ collection, keyHash }] : [])),
  );

const hashesIn = ({ collections }: Envelope): HashedWrite[] =>
  collections.flatMap(({ collection, hashes }) =>
    hashes.map(({ keyHash, valueHash }) => ({ collection, keyHash, valueHash })),
  );

interface Configuration {
  /** `ConfigEnvelope` */
  readonly configuration: Uint8Array;
}

interface Envelope {
  readonly txId: string;
  readonly timestampMs: number;
  /** `contract:function`; of another chaincode, such as the lifecycle's, `<chaincode>:<function>`. */
  readonly name: string;
  readonly args: readonly string[];
  readonly result: string;
  readonly event: { readonly name: string; readonly payload: string } | undefined;
  readonly writes: readonly StateChange[];
  readonly collections: readonly {
    readonly collection: string;
    readonly privateHash: Uint8Array;
    readonly hashes: readonly (Omit<HashChange, "collection"> & { readonly isPurge: boolean })[];
  }[];
}

function readEnvelope(bytes: Uint8Array, chaincode: string): Envelope | Configuration {
  const payload = common.Payload.deserializeBinary(common.Envelope.deserializeBinary(bytes).getPayload_asU8());
  const header = common.ChannelHeader.deserializeBinary(payload.getHeader()?.getChannelHeader_asU8() ?? bytes);
  const timestamp = header.getTimestamp();
  const outer = {
    txId: header.getTxId(),
    timestampMs: (timestamp?.getSeconds() ?? 0) * 1000 + Math.floor((timestamp?.getNanos() ?? 0) / 1_000_000),
  };
  switch (header.getType()) {
    case common.HeaderType.CONFIG:
      return { configuration: payload.getData_asU8() };
    case common.HeaderType.ENDORSER_TRANSACTION:
      return { ...outer, ...readAction(payload.getData_asU8(), chaincode) };
    default:
      throw new TypeError(`an envelope of type ${header.getType()}`);
  }
}

const EMPTY: Omit<Envelope, "txId" | "timestampMs"> = {
  name: "",
  args: [],
  result: "",
  event: undefined,
  writes: [],
  collections: [],
};

/** Fabric's transactions hold one action each. */
function readAction(data: Uint8Array, chaincode: string): Omit<Envelope, "txId" | "timestampMs"> {
  const [first] = peer.Transaction.deserializeBinary(data).getActionsList();
  if (first === undefined) throw new TypeError("a transaction without an action");
  const payload = peer.ChaincodeActionPayload.deserializeBinary(first.getPayload_asU8());
  const endorsed = payload.getAction()?.getProposalResponsePayload_asU8() ?? new Uint8Array();
  const response = peer.ProposalResponsePayload.deserializeBinary(endorsed);
  const action = peer.ChaincodeAction.deserializeBinary(response.getExtension_asU8());
  const called = readCall(payload.getChaincodeProposalPayload_asU8());
  if (called.chaincode !== chaincode) return { ...EMPTY, name: `${called.chaincode}:${called.name}` };
  const events = action.getEvents_asU8();
  const event = events.length === 0 ? undefined : peer.ChaincodeEvent.deserializeBinary(events);
  return {
    name: called.name,
    args: called.args,
    result: textOf(action.getResponse()?.getPayload_asU8() ?? new Uint8Array()),
    event: event && { name: event.getEventName(), payload: textOf(event.getPayload_asU8()) },
    ...readSet(action.getResults_asU8(), chaincode),
  };
}

function readCall(bytes: Uint8Array): { readonly chaincode: string; readonly name: string; readonly args: string[] } {
  const input = peer.ChaincodeProposalPayload.deserializeBinary(bytes).getInput_asU8();
  const spec = peer.ChaincodeInvocationSpec.deserializeBinary(input).getChaincodeSpec();
  const [name = "", ...args] = spec?.getInput()?.getArgsList_asU8().map(textOf) ?? [];
  return { chaincode: spec?.getChaincodeId()?.getName() ?? "", name, args };
}

function readSet(bytes: Uint8Array, chaincode: string): Pick<Envelope, "writes" | "collections"> {
  const set = rwset.TxReadWriteSet.deserializeBinary(bytes);
  const own = set.getNsRwsetList().find((namespace) => namespace.getNamespace() === chaincode);
  if (own === undefined) return { writes: [], collections: [] };
  return {
    writes: readWrites(own.getRwset_asU8()),
    collections: own.getCollectionHashedRwsetList().map((one) => ({
      collection: one.getCollectionName(),
      privateHash: one.getPvtRwsetHash_asU8(),
      hashes: rwset.kvrwset.HashedRWSet.deserializeBinary(one.getHashedRwset_asU8())
        .getHashedWritesList()
        .map((write) => ({
          keyHash: hexOf(write.getKeyHash_asU8()),
          valueHash: write.getIsDelete() || write.getIsPurge() ? undefined : base64urlOf(write.getValueHash_asU8()),
          isPurge: write.getIsPurge(),
        })),
    })),
  };
}

/** Collections that an endorsed simulation wrote or read. `response`: a `ProposalResponsePayload`. */
export function collectionsTouched(response: Uint8Array, chaincode: string): readonly string[] {
  const payload = peer.ProposalResponsePayload.deserializeBinary(response);
  const action = peer.ChaincodeAction.deserializeBinary(payload.getExtension_asU8());
  return readSet(action.getResults_asU8(), chaincode).collections.map(({ collection }) => collection);
}

const readWrites = (bytes: Uint8Array): StateChange[] =>
  rwset.kvrwset.KVRWSet.deserializeBinary(bytes)
    .getWritesList()
    .map((write) => ({
      key: write.getKey(),
      value: write.getIsDelete() ? undefined : textOf(write.getValue_asU8()),
    }));

/** Encoded write sets of the chaincode's collections. */
function valuesOf(
  values: ledgerProtos.rwset.TxPvtReadWriteSet | undefined,
  chaincode: string,
): ReadonlyMap<string, Uint8Array> {
  const own = values?.getNsPvtRwsetList().find((namespace) => namespace.getNamespace() === chaincode);
  return new Map(
    (own?.getCollectionPvtRwsetList() ?? []).map((one) => [one.getCollectionName(), one.getRwset_asU8()] as const),
  );
}
