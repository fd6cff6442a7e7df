/**
 * One endorsed transaction: built here as a Fabric envelope, and read back strictly. @see fabric protoutil/txutils.go,
 * protoutil/proputils.go, core/common/validation/msgvalidation.go
 */
import { common, peer } from "@hyperledger/fabric-protos";
import { equalBytes } from "@quanji/chaincode/log";
import timestamps from "google-protobuf/google/protobuf/timestamp_pb.js";
import { sha256 } from "./block.js";
import type { Signer } from "./identity.js";
import { CHAINCODE, decodeReadWriteSet, encodeReadWriteSet, type ReadWriteSet } from "./rwset.js";

const VERSION = "1";
const OK = 200;

export const NONCE_BYTES = 24;

export interface Endorsement {
  /** `SerializedIdentity` of a peer. */
  readonly endorser: Uint8Array;
  /** Over proposal response payload ‖ endorser. */
  readonly signature: Uint8Array;
}

export interface ChaincodeEvent {
  readonly name: string;
  readonly payload: string;
}

/** What a simulation answers, apart from private values: everything here is public for ever. */
export interface Outcome {
  readonly result: string;
  readonly event: ChaincodeEvent | undefined;
  readonly rwset: ReadWriteSet;
}

/** A proposal: what is asked, by whom. Transient data is no part of it. */
export interface Proposal {
  readonly channel: string;
  readonly txId: string;
  readonly timestampMs: number;
  readonly creator: Uint8Array;
  readonly nonce: Uint8Array;
  /** `contract:function`. */
  readonly name: string;
  readonly args: readonly string[];
}

export interface Transaction extends Proposal, Outcome {
  /** Bytes that the client signed, and its signature. */
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
  /** `ProposalResponsePayload`: what the endorsers signed. */
  readonly response: Uint8Array;
  readonly endorsements: readonly Endorsement[];
  readonly envelope: Uint8Array;
}

/** Lower-case hex of SHA-256(nonce ‖ creator). */
export const txIdOf = (nonce: Uint8Array, creator: Uint8Array): string => sha256(nonce, creator).toString("hex");

export function newProposal(
  client: Signer,
  nonce: Uint8Array,
  call: Pick<Proposal, "channel" | "timestampMs" | "name" | "args">,
): Proposal {
  return { ...call, creator: client.identity, nonce, txId: txIdOf(nonce, client.identity) };
}

const bytesOf = (text: string): Buffer => Buffer.from(text, "utf8");
const textOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");

function chaincodeId(version?: string): peer.ChaincodeID {
  const id = new peer.ChaincodeID();
  id.setName(CHAINCODE);
  if (version !== undefined) id.setVersion(version);
  return id;
}

function channelHeader(proposal: Proposal): Uint8Array {
  const extension = new peer.ChaincodeHeaderExtension();
  extension.setChaincodeId(chaincodeId());
  const timestamp = new timestamps.Timestamp();
  timestamp.setSeconds(Math.floor(proposal.timestampMs / 1000));
  timestamp.setNanos((proposal.timestampMs % 1000) * 1_000_000);
  const header = new common.ChannelHeader();
  header.setType(common.HeaderType.ENDORSER_TRANSACTION);
  header.setTimestamp(timestamp);
  header.setChannelId(proposal.channel);
  header.setTxId(proposal.txId);
  header.setExtension$(extension.serializeBinary());
  return header.serializeBinary();
}

function signatureHeader({ creator, nonce }: Pick<Proposal, "creator" | "nonce">): Uint8Array {
  const header = new common.SignatureHeader();
  header.setCreator(creator);
  header.setNonce(nonce);
  return header.serializeBinary();
}

function proposalPayload({ name, args }: Proposal): Uint8Array {
  const input = new peer.ChaincodeInput();
  input.setArgsList([name, ...args].map(bytesOf));
  const spec = new peer.ChaincodeSpec();
  spec.setType(peer.ChaincodeSpec.Type.NODE);
  spec.setChaincodeId(chaincodeId());
  spec.setInput(input);
  const invocation = new peer.ChaincodeInvocationSpec();
  invocation.setChaincodeSpec(spec);
  const payload = new peer.ChaincodeProposalPayload();
  payload.setInput(invocation.serializeBinary());
  return payload.serializeBinary();
}

/** A proposal in bytes: the three parts that its hash covers. */
export interface ProposalBytes {
  readonly channelHeader: Uint8Array;
  readonly signatureHeader: Uint8Array;
  readonly payload: Uint8Array;
}

export const encodeProposal = (proposal: Proposal): ProposalBytes => ({
  channelHeader: channelHeader(proposal),
  signatureHeader: signatureHeader(proposal),
  payload: proposalPayload(proposal),
});

/** `ProposalResponsePayload`: the same bytes from every endorser, or there is no transaction. */
export function encodeResponse(proposal: Proposal, bytes: ProposalBytes, outcome: Outcome): Uint8Array {
  const response = new peer.Response();
  response.setStatus(OK);
  response.setPayload(bytesOf(outcome.result));
  const action = new peer.ChaincodeAction();
  action.setResults(encodeReadWriteSet(outcome.rwset));
  action.setResponse(response);
  action.setChaincodeId(chaincodeId(VERSION));
  if (outcome.event !== undefined) {
    const event = new peer.ChaincodeEvent();
    event.setChaincodeId(CHAINCODE);
    event.setTxId(proposal.txId);
    event.setEventName(outcome.event.name);
    event.setPayload(bytesOf(outcome.event.payload));
    action.setEvents(event.serializeBinary());
  }
  const payload = new peer.ProposalResponsePayload();
  payload.setProposalHash(sha256(bytes.channelHeader, bytes.signatureHeader, bytes.payload));
  payload.setExtension$(action.serializeBinary());
  return payload.serializeBinary();
}

/** An endorser's signature over response ‖ endorser, so that nobody's signature passes for another's. */
export const endorse = (peerSigner: Signer, response: Uint8Array): Endorsement => ({
  endorser: peerSigner.identity,
  signature: peerSigner.sign(Buffer.concat([response, peerSigner.identity])),
});

/** Assembles and signs the envelope of an endorsed proposal. */
export function newTransaction(
  client: Signer,
  proposal: Proposal,
  bytes: ProposalBytes,
  outcome: Outcome,
  response: Uint8Array,
  endorsements: readonly Endorsement[],
): Transaction {
  const payload = encodePayload(bytes, response, endorsements);
  const signature = client.sign(payload);
  const envelope = encodeEnvelope(payload, signature);
  return { ...proposal, ...outcome, payload, signature, response, endorsements, envelope };
}

function encodePayload(bytes: ProposalBytes, response: Uint8Array, endorsements: readonly Endorsement[]): Uint8Array {
  const endorsed = new peer.ChaincodeEndorsedAction();
  endorsed.setProposalResponsePayload(response);
  endorsed.setEndorsementsList(
    endorsements.map(({ endorser, signature }) => {
      const message = new peer.Endorsement();
      message.setEndorser(endorser);
      message.setSignature(signature);
      return message;
    }),
  );
  const actionPayload = new peer.ChaincodeActionPayload();
  actionPayload.setChaincodeProposalPayload(bytes.payload);
  actionPayload.setAction(endorsed);
  const action = new peer.TransactionAction();
  action.setHeader(bytes.signatureHeader);
  action.setPayload(actionPayload.serializeBinary());
  const transaction = new peer.Transaction();
  transaction.setActionsList([action]);
  const header = new common.Header();
  header.setChannelHeader(bytes.channelHeader);
  header.setSignatureHeader(bytes.signatureHeader);
  const payload = new common.Payload();
  payload.setHeader(header);
  payload.setData(transaction.serializeBinary());
  return payload.serializeBinary();
}

function encodeEnvelope(payload: Uint8Array, signature: Uint8Array): Uint8Array {
  const envelope = new common.Envelope();
  envelope.setPayload(payload);
  envelope.setSignature(signature);
  return envelope.serializeBinary();
}

/** Why an envelope is no transaction, by the name of Fabric's TxValidationCode. */
export type FormFault = "BAD_PAYLOAD" | "BAD_PROPOSAL_TXID" | "BAD_RWSET" | "INVALID_ENDORSER_TRANSACTION";

/**
 * Reads an envelope and answers a fault unless encoding what was read gives the same bytes again: data hashes are flat, so
 * a byte that is not understood could be a place to hide or to shift meaning.
 */
export function parseTransaction(envelope: Uint8Array): Transaction | FormFault {
  try {
    return readTransaction(envelope);
  } catch {
    return "BAD_PAYLOAD"; // not protobuf
  }
}

function readTransaction(envelope: Uint8Array): Transaction | FormFault {
  const outer = common.Envelope.deserializeBinary(envelope);
  const payload = outer.getPayload_asU8();
  const { header, action } = readLayers(payload);
  const channel = common.ChannelHeader.deserializeBinary(header.getChannelHeader_asU8());
  const creator = common.SignatureHeader.deserializeBinary(header.getSignatureHeader_asU8());
  const endorsed = action.getAction();
  const response = endorsed?.getProposalResponsePayload_asU8() ?? new Uint8Array();
  const outcome = readOutcome(response);
  if (outcome === undefined) return "BAD_RWSET";

  const [name = "", ...args] = readArguments(action.getChaincodeProposalPayload_asU8());
  const timestamp = channel.getTimestamp();
  const proposal: Proposal = {
    channel: channel.getChannelId(),
    txId: channel.getTxId(),
    timestampMs: (timestamp?.getSeconds() ?? 0) * 1000 + Math.floor((timestamp?.getNanos() ?? 0) / 1_000_000),
    creator: creator.getCreator_asU8(),
    nonce: creator.getNonce_asU8(),
    name,
    args,
  };
  if (txIdOf(proposal.nonce, proposal.creator) !== proposal.txId) return "BAD_PROPOSAL_TXID";

  const endorsements = (endorsed?.getEndorsementsList() ?? []).map((endorsement) => ({
    endorser: endorsement.getEndorser_asU8(),
    signature: endorsement.getSignature_asU8(),
  }));
  const signature = outer.getSignature_asU8();
  const transaction = { ...proposal, ...outcome, payload, signature, response, endorsements, envelope };
  return isExact(transaction) ? transaction : "INVALID_ENDORSER_TRANSACTION";
}

function readLayers(bytes: Uint8Array): { header: common.Header; action: peer.ChaincodeActionPayload } {
  const payload = common.Payload.deserializeBinary(bytes);
  const transaction = peer.Transaction.deserializeBinary(payload.getData_asU8());
  const action = transaction.getActionsList()[0]?.getPayload_asU8() ?? new Uint8Array();
  return {
    header: payload.getHeader() ?? new common.Header(),
    action: peer.ChaincodeActionPayload.deserializeBinary(action),
  };
}

function readArguments(proposalPayload: Uint8Array): string[] {
  const { ChaincodeProposalPayload, ChaincodeInvocationSpec } = peer;
  const input = ChaincodeProposalPayload.deserializeBinary(proposalPayload).getInput_asU8();
  const spec = ChaincodeInvocationSpec.deserializeBinary(input).getChaincodeSpec();
  return spec?.getInput()?.getArgsList_asU8().map(textOf) ?? [];
}

function readOutcome(response: Uint8Array): Outcome | undefined {
  const payload = peer.ProposalResponsePayload.deserializeBinary(response);
  const action = peer.ChaincodeAction.deserializeBinary(payload.getExtension_asU8());
  const rwset = decodeReadWriteSet(action.getResults_asU8());
  if (rwset === undefined) return undefined;
  const events = action.getEvents_asU8();
  const event = peer.ChaincodeEvent.deserializeBinary(events);
  return {
    result: textOf(action.getResponse()?.getPayload_asU8() ?? new Uint8Array()),
    event: events.length === 0 ? undefined : { name: event.getEventName(), payload: textOf(event.getPayload_asU8()) },
    rwset,
  };
}

/** Encodes everything again, the proposal's hash inside the response included. */
function isExact(transaction: Transaction): boolean {
  const bytes = encodeProposal(transaction);
  return (
    equalBytes(encodeResponse(transaction, bytes, transaction), transaction.response) &&
    equalBytes(encodePayload(bytes, transaction.response, transaction.endorsements), transaction.payload) &&
    equalBytes(encodeEnvelope(transaction.payload, transaction.signature), transaction.envelope)
  );
}
