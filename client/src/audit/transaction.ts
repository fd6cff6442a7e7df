/**
 * One endorsed transaction, read and held against everything that needs no state, in the order of a peer: form, the
 * creator's signature, the id, and that what was endorsed answers what was proposed.
 * @see fabric core/common/validation/msgvalidation.go, core/committer/txvalidator/v20
 */
import { common, peer } from "@hyperledger/fabric-protos";
import { equalBytes } from "@quanji/chaincode/log";
import { sha256 } from "./block.js";
import type { ChannelConfig } from "./config.js";
import { verifyLowS } from "./ecdsa.js";
import type { Identity } from "./msp.js";
import { type NamespaceSet, parseReadWriteSet, writesAnything } from "./rwset.js";

export type Code = keyof typeof peer.TxValidationCode;

export interface ChaincodeEvent {
  readonly name: string;
  readonly payload: Uint8Array;
}

export interface Transaction {
  readonly txId: string;
  readonly chaincode: string;
  readonly sets: readonly NamespaceSet[];
  /** Namespaces whose policies count: the chaincode's own, and whichever is written. */
  readonly written: readonly string[];
  readonly event: ChaincodeEvent | undefined;
  /** Distinct identities that endorsed these very bytes. */
  readonly endorsers: readonly Identity[];
}

/** Why an envelope has no effect, as peers say it; or what it does. */
export type Read = { readonly fault: Code; readonly txId: string } | Transaction;

const { ENDORSER_TRANSACTION, CONFIG, CONFIG_UPDATE } = common.HeaderType;

class Refused extends Error {
  readonly code: Code;
  constructor(code: Code) {
    super(code);
    this.code = code;
  }
}

function refuse(code: Code): never {
  throw new Refused(code);
}

/** What is not protobuf is refused with `code`. */
function parse<T>(code: Code, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof Refused ? error : new Refused(code);
  }
}

/** @param config in force for the block. */
export function readTransaction(envelope: Uint8Array, config: ChannelConfig): Read {
  let txId = "";
  try {
    const outer = common.Envelope.deserializeBinary(envelope); // checked to be well formed before
    const bytes = outer.getPayload_asU8();
    const payload = parse("BAD_PAYLOAD", () => common.Payload.deserializeBinary(bytes));
    const header = payload.getHeader() ?? refuse("BAD_COMMON_HEADER");
    const channel = parse("BAD_COMMON_HEADER", () =>
      common.ChannelHeader.deserializeBinary(header.getChannelHeader_asU8()),
    );
    txId = channel.getTxId();
    const who = parse("BAD_COMMON_HEADER", () => signatureHeader(header.getSignatureHeader_asU8()));
    checkChannelHeader(channel);
    checkCreator(who.getCreator_asU8(), bytes, outer.getSignature_asU8(), config);
    if (channel.getType() !== ENDORSER_TRANSACTION) refuse("UNSUPPORTED_TX_PAYLOAD");
    if (sha256(who.getNonce_asU8(), who.getCreator_asU8()).toString("hex") !== txId) refuse("BAD_PROPOSAL_TXID");
    const action = parse("INVALID_ENDORSER_TRANSACTION", () => actionOf(payload.getData_asU8(), header));
    if (channel.getChannelId() !== config.channel) refuse("TARGET_CHAIN_NOT_FOUND");
    return { txId, ...effectOf(channel, action, config) };
  } catch (error) {
    if (error instanceof Refused) return { fault: error.code, txId };
    throw error;
  }
}

function signatureHeader(bytes: Uint8Array): common.SignatureHeader {
  const header = common.SignatureHeader.deserializeBinary(bytes);
  if (header.getNonce_asU8().length === 0 || header.getCreator_asU8().length === 0) refuse("BAD_COMMON_HEADER");
  return header;
}

function checkChannelHeader(header: common.ChannelHeader): void {
  const known = [ENDORSER_TRANSACTION, CONFIG, CONFIG_UPDATE].some((type) => type === header.getType());
  if (!known || header.getEpoch() !== 0) refuse("BAD_COMMON_HEADER");
}

/** On the embedded ledger only clients submit; on Fabric the orderers judge who may, and peers any member. */
function checkCreator(creator: Uint8Array, payload: Uint8Array, signature: Uint8Array, config: ChannelConfig): void {
  const identity = config.members.identify(creator);
  const may = identity !== undefined && (config.kind !== "embedded" || identity.role === "client");
  if (!may || !verifyLowS(identity.publicKey, payload, signature)) refuse("BAD_CREATOR_SIGNATURE");
}

interface Action {
  /** `ProposalResponsePayload`, which the endorsers signed. */
  readonly response: Uint8Array;
  readonly extension: Uint8Array;
  readonly endorsements: readonly peer.Endorsement[];
}

function actionOf(data: Uint8Array, header: common.Header): Action {
  const actions = peer.Transaction.deserializeBinary(data).getActionsList();
  const [action] = actions;
  if (action === undefined || actions.length > 1) return refuse("INVALID_ENDORSER_TRANSACTION");
  signatureHeader(action.getHeader_asU8());
  const payload = peer.ChaincodeActionPayload.deserializeBinary(action.getPayload_asU8());
  const endorsed = payload.getAction() ?? refuse("INVALID_ENDORSER_TRANSACTION");
  const response = endorsed.getProposalResponsePayload_asU8();
  const answer = peer.ProposalResponsePayload.deserializeBinary(response);
  const proposal = sha256(
    header.getChannelHeader_asU8(),
    action.getHeader_asU8(),
    payload.getChaincodeProposalPayload_asU8(),
  );
  if (!equalBytes(proposal, answer.getProposalHash_asU8())) refuse("INVALID_ENDORSER_TRANSACTION");
  return { response, extension: answer.getExtension_asU8(), endorsements: endorsed.getEndorsementsList() };
}

function effectOf(
  channel: common.ChannelHeader,
  { response, extension, endorsements }: Action,
  config: ChannelConfig,
): Omit<Transaction, "txId"> {
  const header = parse("BAD_HEADER_EXTENSION", () =>
    peer.ChaincodeHeaderExtension.deserializeBinary(channel.getExtension_asU8()),
  );
  const action = parse("BAD_RESPONSE_PAYLOAD", () => peer.ChaincodeAction.deserializeBinary(extension));
  const sets = parse("BAD_RWSET", () => parseReadWriteSet(action.getResults_asU8()));
  const proposed = header.getChaincodeId() ?? refuse("INVALID_OTHER_REASON");
  const answered = action.getChaincodeId() ?? refuse("INVALID_OTHER_REASON");
  const chaincode = proposed.getName();
  if (chaincode === "" || chaincode !== answered.getName() || answered.getVersion() === "") {
    refuse("INVALID_CHAINCODE");
  }
  const event = parse("INVALID_OTHER_REASON", () => eventOf(action.getEvents_asU8(), chaincode));
  const namespaces = sets.map(({ namespace }) => namespace);
  if (new Set(namespaces).size < namespaces.length) refuse("ILLEGAL_WRITESET");
  const written = new Set([chaincode, ...sets.filter(writesAnything).map(({ namespace }) => namespace)]);
  return { chaincode, sets, event, written: [...written], endorsers: endorsersOf(response, endorsements, config) };
}

function eventOf(bytes: Uint8Array, chaincode: string): ChaincodeEvent | undefined {
  if (bytes.length === 0) return undefined;
  const event = peer.ChaincodeEvent.deserializeBinary(bytes);
  if (event.getChaincodeId() !== chaincode) refuse("INVALID_OTHER_REASON");
  return { name: event.getEventName(), payload: event.getPayload_asU8() };
}

/** A signature that does not verify counts for nothing; an identity counts once. */
function endorsersOf(
  response: Uint8Array,
  endorsements: readonly peer.Endorsement[],
  { members }: ChannelConfig,
): readonly Identity[] {
  const endorsers = new Map<string, Identity>();
  for (const endorsement of endorsements) {
    const endorser = endorsement.getEndorser_asU8();
    const identity = members.identify(endorser);
    if (identity === undefined || endorsers.has(identity.fingerprint)) continue;
    const signed = Buffer.concat([response, endorser]);
    if (verifyLowS(identity.publicKey, signed, endorsement.getSignature_asU8())) {
      endorsers.set(identity.fingerprint, identity);
    }
  }
  return [...endorsers.values()];
}
