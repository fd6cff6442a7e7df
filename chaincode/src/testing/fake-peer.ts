/**
 * Test support: the peer's side of a conversation with a chaincode server, with one state for all transactions. It speaks the
 * shim's protocol over gRPC, so that what is tested is the very process that peers talk to. Not part of the product.
 */
import { createHash } from "node:crypto";
import { common, msp as mspProtos, peer } from "@hyperledger/fabric-protos";
import { type ClientDuplexStream, credentials, Metadata } from "@grpc/grpc-js";
import timestamps from "google-protobuf/google/protobuf/timestamp_pb.js";

const { ChaincodeMessage } = peer;
type Message = peer.ChaincodeMessage;
const { Type } = ChaincodeMessage;
type MessageType = (typeof Type)[keyof typeof Type];

export interface Call {
  readonly args: readonly string[];
  readonly transient?: Readonly<Record<string, string>>;
  readonly submitterMsp?: string;
  readonly timestampMs?: number;
}

export interface Answer {
  readonly status: number;
  readonly message: string;
  readonly payload: string;
  readonly event: { readonly name: string; readonly payload: string } | undefined;
  /** `collection/key` → value of what was put, undefined of what was purged; `collection` is empty for public state. */
  readonly writes: ReadonlyMap<string, string | undefined>;
  /** Key → policy bytes. */
  readonly policies: ReadonlyMap<string, Uint8Array>;
}

interface Open {
  readonly writes: Map<string, string | undefined>;
  readonly policies: Map<string, Uint8Array>;
  readonly settle: (answer: Answer) => void;
}

const VALIDATION_PARAMETER = "VALIDATION_PARAMETER";
const textOf = (record: peer.WriteRecord): string | undefined =>
  record.getType() === peer.WriteRecord.Type.PURGE_PRIVATE_DATA
    ? undefined
    : Buffer.from(record.getValue_asU8()).toString("utf8");
const name = (collection: string, key: string): string => `${collection}/${key}`;

/** What a peer says of a private value of which it has the hash alone. */
const MISSING = "private data matching public hash version is not available";

export class FakePeer {
  /** `collection/key` → value. Nothing is applied: a test sets what it wants a transaction to find. */
  readonly state = new Map<string, string>();
  /** `collection/key` → text of the peer's refusal to read or write it. */
  readonly refused = new Map<string, string>();
  readonly registered: Promise<string>;
  /** Questions that chaincodes asked. */
  messages = 0;
  readonly #client: peer.ChaincodeClient;
  readonly #stream: ClientDuplexStream<Message, Message>;
  readonly #open = new Map<string, Open>();
  #count = 0;

  constructor(address: string) {
    this.#client = new peer.ChaincodeClient(address, credentials.createInsecure());
    this.#stream = this.#client.makeBidiStreamRequest(
      "/protos.Chaincode/Connect",
      (message: Message) => Buffer.from(message.serializeBinary()),
      (bytes: Buffer) => ChaincodeMessage.deserializeBinary(bytes),
      new Metadata(),
    );
    this.registered = new Promise((resolve, reject) => {
      this.#stream.on("error", reject);
      this.#stream.on("data", (message: Message) => this.#take(message, resolve));
    });
  }

  close(): void {
    this.#stream.end();
    this.#client.close();
  }

  call({ args, transient = {}, submitterMsp = "HolderMSP", timestampMs = Date.now() }: Call): Promise<Answer> {
    const txId = createHash("sha256").update(`tx ${this.#count++}`).digest("hex");
    const input = new peer.ChaincodeInput();
    input.setArgsList(args.map((text) => Buffer.from(text)));
    const message = new ChaincodeMessage();
    message.setType(Type.TRANSACTION);
    message.setTxid(txId);
    message.setChannelId("quanji");
    message.setPayload(input.serializeBinary());
    message.setProposal(proposalOf(txId, transient, submitterMsp, timestampMs));
    return new Promise((settle) => {
      this.#open.set(txId, { writes: new Map(), policies: new Map(), settle });
      this.#stream.write(message);
    });
  }

  #take(message: Message, registered: (id: string) => void): void {
    const type = message.getType();
    if (type === Type.REGISTER) {
      this.#send(Type.REGISTERED);
      this.#send(Type.READY);
      registered(peer.ChaincodeID.deserializeBinary(message.getPayload_asU8()).getName());
      return;
    }
    const txId = message.getTxid();
    const open = this.#open.get(txId);
    if (open === undefined) throw new Error(`a message of type ${type} for no transaction`);
    if (type === Type.COMPLETED || type === Type.ERROR) this.#complete(message, open);
    else this.#serve(message, open);
  }

  #serve(message: Message, { writes, policies }: Open): void {
    const payload = message.getPayload_asU8();
    switch (message.getType()) {
      case Type.GET_STATE: {
        const get = peer.GetState.deserializeBinary(payload);
        this.#answer(message, name(get.getCollection(), get.getKey()), (key) => this.state.get(key));
        return;
      }
      case Type.PUT_STATE: {
        const put = peer.PutState.deserializeBinary(payload);
        this.#answer(message, name(put.getCollection(), put.getKey()), (key) => {
          writes.set(key, Buffer.from(put.getValue_asU8()).toString("utf8"));
          return undefined;
        });
        return;
      }
      case Type.PURGE_PRIVATE_DATA: {
        const purge = peer.PurgePrivateState.deserializeBinary(payload);
        this.#answer(message, name(purge.getCollection(), purge.getKey()), (key) => {
          writes.set(key, undefined);
          return undefined;
        });
        return;
      }
      case Type.PUT_STATE_METADATA: {
        const put = peer.PutStateMetadata.deserializeBinary(payload);
        this.#answer(message, name(put.getCollection(), put.getKey()), () => {
          const metadata = put.getMetadata();
          if (metadata?.getMetakey() === VALIDATION_PARAMETER) policies.set(put.getKey(), metadata.getValue_asU8());
          return undefined;
        });
        return;
      }
      case Type.GET_STATE_MULTIPLE: {
        const get = peer.GetStateMultiple.deserializeBinary(payload);
        const keys = get.getKeysList().map((key) => name(get.getCollection(), key));
        const result = new peer.GetStateMultipleResult();
        result.setValuesList(keys.map((key) => Buffer.from(this.state.get(key) ?? "")));
        // As in Fabric, nobody compares private values with their hashes here: what is missed is answered as empty.
        const checked = keys.filter((key) => this.refused.get(key)?.includes(MISSING) !== true);
        this.#answerAll(message, checked, result.serializeBinary());
        return;
      }
      case Type.WRITE_BATCH_STATE: {
        const batch = peer.WriteBatchState.deserializeBinary(payload).getRecList();
        const puts = batch.map((put) => [name(put.getCollection(), put.getKey()), textOf(put)] as const);
        for (const [key, value] of puts) writes.set(key, value);
        this.#answerAll(
          message,
          puts.map(([key]) => key),
          new Uint8Array(),
        );
        return;
      }
      default:
        throw new Error(`a peer of this kind does not serve type ${message.getType()}`);
    }
  }

  /** As peers do, refuses all keys for one. */
  #answerAll(message: Message, keys: readonly string[], payload: Uint8Array): void {
    this.messages++;
    const refusal = keys.map((key) => this.refused.get(key)).find((text) => text !== undefined);
    if (refusal !== undefined) this.#send(Type.ERROR, message.getTxid(), Buffer.from(refusal));
    else this.#send(Type.RESPONSE, message.getTxid(), payload);
  }

  #answer(message: Message, key: string, act: (key: string) => string | undefined): void {
    this.messages++;
    const refusal = this.refused.get(key);
    if (refusal !== undefined) this.#send(Type.ERROR, message.getTxid(), Buffer.from(refusal));
    else this.#send(Type.RESPONSE, message.getTxid(), Buffer.from(act(key) ?? ""));
  }

  #complete(message: Message, { settle, writes, policies }: Open): void {
    const response = peer.Response.deserializeBinary(message.getPayload_asU8());
    const event = message.getChaincodeEvent();
    this.#open.delete(message.getTxid());
    settle({
      status: response.getStatus(),
      message: response.getMessage(),
      payload: Buffer.from(response.getPayload_asU8()).toString("utf8"),
      event: event && { name: event.getEventName(), payload: Buffer.from(event.getPayload_asU8()).toString("utf8") },
      writes,
      policies,
    });
  }

  #send(type: MessageType, txId = "", payload: Uint8Array = new Uint8Array()): void {
    const message = new ChaincodeMessage();
    message.setType(type);
    message.setTxid(txId);
    message.setChannelId("quanji");
    message.setPayload(payload);
    this.#stream.write(message);
  }
}

function proposalOf(
  txId: string,
  transient: Readonly<Record<string, string>>,
  submitterMsp: string,
  timestampMs: number,
): peer.SignedProposal {
  const identity = new mspProtos.SerializedIdentity();
  identity.setMspid(submitterMsp);
  identity.setIdBytes(Buffer.from("a certificate"));
  const signature = new common.SignatureHeader();
  signature.setCreator(identity.serializeBinary());
  signature.setNonce(Buffer.from("a nonce"));
  const timestamp = new timestamps.Timestamp();
  timestamp.setSeconds(Math.floor(timestampMs / 1000));
  timestamp.setNanos((timestampMs % 1000) * 1_000_000 + 999_999);
  const channel = new common.ChannelHeader();
  channel.setTxId(txId);
  channel.setChannelId("quanji");
  channel.setTimestamp(timestamp);
  const header = new common.Header();
  header.setChannelHeader(channel.serializeBinary());
  header.setSignatureHeader(signature.serializeBinary());
  const payload = new peer.ChaincodeProposalPayload();
  payload.setInput(Buffer.from("an input"));
  for (const [key, value] of Object.entries(transient)) payload.getTransientmapMap().set(key, Buffer.from(value));
  const proposal = new peer.Proposal();
  proposal.setHeader(header.serializeBinary());
  proposal.setPayload(payload.serializeBinary());
  const signed = new peer.SignedProposal();
  signed.setProposalBytes(proposal.serializeBinary());
  signed.setSignature(Buffer.from("a signature"));
  return signed;
}
