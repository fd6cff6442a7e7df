/**
 * Many keys in one message between chaincode and peer. A read or write alone costs a round trip at each endorser, and a batch of
 * accesses needs some hundred: together they cost a tenth of that. Peers of Fabric 3.1 take such messages; the shim for Node
 * has no call for them yet, so these go through the queue by which it sends all others.
 * @see fabric-protos peer/chaincode_shim.proto, GetStateMultiple and WriteBatchState
 */
import { peer } from "@hyperledger/fabric-protos";

export interface KeyWrite {
  /** Empty for public state. */
  readonly collection: string;
  readonly key: string;
  /** Undefined: the private key is purged. */
  readonly value: Uint8Array | undefined;
}

export interface PeerBatches {
  /** A value for each key, in order; empty for absent. Errors: the peer's words, for all keys at once. */
  read(collection: string, keys: readonly string[]): Promise<readonly Uint8Array[]>;
  /** The last write to a key wins. */
  write(writes: readonly KeyWrite[]): Promise<void>;
}

/** What peers take in one message: `chaincode.runtimeParams` of their configuration, by default. */
const MAX_KEYS = 1000;

const { ChaincodeMessage, GetStateMultiple, GetStateMultipleResult, WriteBatchState, WriteRecord } = peer;
type Type = (typeof ChaincodeMessage.Type)[keyof typeof ChaincodeMessage.Type];

/** The shim's own, of the pinned version: not in its types. */
interface Internals {
  readonly channel_id: string;
  readonly txId: string;
  readonly handler: { _askPeerAndListen(message: peer.ChaincodeMessage, method: string): Promise<Uint8Array> };
}

/** Errors: TypeError where the shim is another one than this was written for. */
export function peerBatches(stub: object): PeerBatches {
  const { channel_id: channel, txId, handler } = stub as Partial<Internals>;
  if (channel === undefined || txId === undefined || typeof handler?._askPeerAndListen !== "function") {
    throw new TypeError("this fabric-shim cannot send batches: leave out --peer-batches");
  }
  const ask = (type: Type, payload: Uint8Array): Promise<Uint8Array> => {
    const message = new ChaincodeMessage();
    message.setType(type);
    message.setPayload(payload);
    message.setTxid(txId);
    message.setChannelId(channel);
    return handler._askPeerAndListen(message, "Batch");
  };
  return {
    async read(collection, keys) {
      const values: Uint8Array[] = [];
      for (const some of chunks(keys)) {
        const get = new GetStateMultiple();
        get.setCollection(collection);
        get.setKeysList([...some]);
        const answer = await ask(ChaincodeMessage.Type.GET_STATE_MULTIPLE, get.serializeBinary());
        const found = GetStateMultipleResult.deserializeBinary(answer).getValuesList_asU8();
        if (found.length !== some.length) throw new Error(`${some.length} keys were asked for, ${found.length} came`);
        values.push(...found);
      }
      return values;
    },
    async write(writes) {
      for (const some of chunks(writes)) {
        const batch = new WriteBatchState();
        batch.setRecList(some.map(recordOf));
        await ask(ChaincodeMessage.Type.WRITE_BATCH_STATE, batch.serializeBinary());
      }
    },
  };
}

function recordOf({ collection, key, value }: KeyWrite): peer.WriteRecord {
  const record = new WriteRecord();
  record.setType(value === undefined ? WriteRecord.Type.PURGE_PRIVATE_DATA : WriteRecord.Type.PUT_STATE);
  record.setCollection(collection);
  record.setKey(key);
  if (value !== undefined) record.setValue(value);
  return record;
}

function* chunks<T>(all: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < all.length; at += MAX_KEYS) yield all.slice(at, at + MAX_KEYS);
}
