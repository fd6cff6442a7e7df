/** Real blocks, and what can be made of them with the network's own keys: as its orderers and members could. */
import { createPrivateKey, randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { common, ledger, peer } from "@hyperledger/fabric-protos";
import { derHeader, newSigner, sha256, type Signer } from "@quanji/gateway/testing";
import { type FabricNetwork, heightAt, type Tools } from "@quanji/network/fabric";

const { SIGNATURES } = common.BlockMetadataIndex;
const { kvrwset } = ledger.rwset;

export interface BlockSource {
  readonly network: Pick<FabricNetwork, "topology">;
  readonly tools: Tools;
}

/** Every block as the first peer delivers it. */
export async function fetchBlocks({ network: { topology }, tools }: BlockSource): Promise<Uint8Array[]> {
  const [from] = topology.peers;
  if (from === undefined) throw new RangeError("a network has a peer");
  const folder = await mkdtemp(path.join(tmpdir(), "quanji-blocks-"));
  try {
    const height = await heightAt(tools, from);
    const blocks: Uint8Array[] = [];
    for (let number = 0; number < height; number++) {
      const file = path.join(folder, `${number}.block`);
      await tools.peer("fetching a block", from, ["channel", "fetch", String(number), file, "-c", topology.channel]);
      blocks.push(new Uint8Array(await readFile(file)));
    }
    return blocks;
  } finally {
    await rm(folder, { recursive: true });
  }
}

const open = (bytes: Uint8Array): common.Block => common.Block.deserializeBinary(bytes);

export function hashOf(block: Uint8Array): string {
  const header = open(block).getHeader();
  const { number, previousHash, dataHash } = {
    number: header?.getNumber() ?? 0,
    previousHash: header?.getPreviousHash_asU8() ?? new Uint8Array(),
    dataHash: header?.getDataHash_asU8() ?? new Uint8Array(),
  };
  return sha256(derHeader({ number, previousHash, dataHash })).toString("base64url");
}

export const envelopesOf = (block: Uint8Array): Uint8Array[] => open(block).getData()?.getDataList_asU8() ?? [];

const channelHeader = (envelope: Uint8Array): common.ChannelHeader => {
  const payload = common.Payload.deserializeBinary(common.Envelope.deserializeBinary(envelope).getPayload_asU8());
  return common.ChannelHeader.deserializeBinary(payload.getHeader()?.getChannelHeader_asU8() ?? new Uint8Array());
};

export const isConfig = (block: Uint8Array): boolean =>
  envelopesOf(block).some((envelope) => channelHeader(envelope).getType() === common.HeaderType.CONFIG);

/** The block with other metadata in one slot. */
export function withSlot(block: Uint8Array, slot: number, bytes: Uint8Array): Uint8Array {
  const message = open(block);
  const slots = message.getMetadata()?.getMetadataList_asU8() ?? [];
  slots[slot] = bytes;
  message.getMetadata()?.setMetadataList(slots);
  return message.serializeBinary();
}

/** The block with its orderers' signatures changed. */
export function withSignatures(
  block: Uint8Array,
  edit: (signatures: common.MetadataSignature[]) => common.MetadataSignature[],
): Uint8Array {
  const slots = open(block).getMetadata()?.getMetadataList_asU8() ?? [];
  const metadata = common.Metadata.deserializeBinary(slots[SIGNATURES] ?? new Uint8Array());
  metadata.setSignaturesList(edit(metadata.getSignaturesList()));
  return withSlot(block, SIGNATURES, metadata.serializeBinary());
}

/** With other envelopes and a header that fits them; its signatures are those of before. */
export function withEnvelopes(block: Uint8Array, envelopes: readonly Uint8Array[]): Uint8Array {
  const message = open(block);
  message.getData()?.setDataList([...envelopes]);
  message.getHeader()?.setDataHash(sha256(...envelopes));
  return message.serializeBinary();
}

/** Signed by these orderers: under SmartBFT by consenter number, on Raft by identity. */
export function seal(
  block: Uint8Array,
  orderers: readonly Signer[],
  bft: boolean,
  numbers?: readonly number[],
): Uint8Array {
  const header = open(block).getHeader();
  const encoded = derHeader({
    number: header?.getNumber() ?? 0,
    previousHash: header?.getPreviousHash_asU8() ?? new Uint8Array(),
    dataHash: header?.getDataHash_asU8() ?? new Uint8Array(),
  });
  const slots = open(block).getMetadata()?.getMetadataList_asU8() ?? [];
  const value = common.Metadata.deserializeBinary(slots[SIGNATURES] ?? new Uint8Array()).getValue_asU8();
  return withSignatures(block, () =>
    orderers.map((orderer, index) => {
      const signature = new common.MetadataSignature();
      const bytes = bft ? identifier(numbers?.[index] ?? index + 1) : claim(orderer);
      if (bft) signature.setIdentifierHeader(bytes);
      else signature.setSignatureHeader(bytes);
      signature.setSignature(orderer.sign(Buffer.concat([value, bytes, encoded])));
      return signature;
    }),
  );
}

function identifier(id: number): Uint8Array {
  const header = new common.IdentifierHeader();
  header.setIdentifier(id);
  header.setNonce(randomBytes(24));
  return header.serializeBinary();
}

function claim({ identity }: Signer): Uint8Array {
  const header = new common.SignatureHeader();
  header.setCreator(identity);
  header.setNonce(randomBytes(24));
  return header.serializeBinary();
}

/** A signer with credentials of the network. */
export async function signerOf(msp: string, files: { certificate: string; key: string }): Promise<Signer> {
  const [certificate, key] = await Promise.all([readFile(files.certificate, "utf8"), readFile(files.key, "utf8")]);
  return newSigner(msp, certificate, createPrivateKey(key));
}

export interface Edit {
  readonly client: Signer;
  /** Who endorses what comes out; undefined: the endorsements stay, whatever they are worth. */
  readonly endorsers?: readonly Signer[];
  /** Keeps id and nonce: the transaction as it was, or again. */
  readonly again?: boolean;
  /** Changes what is written, by namespace. */
  readonly sets?: (sets: Map<string, ledger.rwset.kvrwset.KVRWSet>) => void;
  readonly endorsements?: (all: peer.Endorsement[]) => peer.Endorsement[];
}

/** A real transaction, edited and signed anew by its client. */
export function edited(envelope: Uint8Array, edit: Edit): Uint8Array {
  const outer = common.Envelope.deserializeBinary(envelope);
  const payload = common.Payload.deserializeBinary(outer.getPayload_asU8());
  const transaction = peer.Transaction.deserializeBinary(payload.getData_asU8());
  const [action] = transaction.getActionsList();
  const header = payload.getHeader();
  if (action === undefined || header === undefined) throw new RangeError("this is no transaction of a chaincode");
  const actionPayload = peer.ChaincodeActionPayload.deserializeBinary(action.getPayload_asU8());
  const endorsed = actionPayload.getAction() ?? new peer.ChaincodeEndorsedAction();
  if (edit.again !== true) renew(header, edit.client);
  action.setHeader(header.getSignatureHeader_asU8());
  const response = peer.ProposalResponsePayload.deserializeBinary(endorsed.getProposalResponsePayload_asU8());
  response.setProposalHash(
    sha256(
      header.getChannelHeader_asU8(),
      header.getSignatureHeader_asU8(),
      actionPayload.getChaincodeProposalPayload_asU8(),
    ),
  );
  if (edit.sets !== undefined) response.setExtension$(withSets(response.getExtension_asU8(), edit.sets));
  const bytes = response.serializeBinary();
  endorsed.setProposalResponsePayload(bytes);
  if (edit.endorsers !== undefined) endorsed.setEndorsementsList(edit.endorsers.map((one) => endorsement(one, bytes)));
  if (edit.endorsements !== undefined) {
    endorsed.setEndorsementsList(edit.endorsements(endorsed.getEndorsementsList()));
  }
  actionPayload.setAction(endorsed);
  action.setPayload(actionPayload.serializeBinary());
  transaction.setActionsList([action]);
  payload.setHeader(header);
  payload.setData(transaction.serializeBinary());
  const signed = payload.serializeBinary();
  outer.setPayload(signed);
  outer.setSignature(edit.client.sign(signed));
  return outer.serializeBinary();
}

function renew(header: common.Header, client: Signer): void {
  const creator = new common.SignatureHeader();
  creator.setCreator(client.identity);
  const nonce = randomBytes(24);
  creator.setNonce(nonce);
  const channel = common.ChannelHeader.deserializeBinary(header.getChannelHeader_asU8());
  channel.setTxId(sha256(nonce, client.identity).toString("hex"));
  header.setChannelHeader(channel.serializeBinary());
  header.setSignatureHeader(creator.serializeBinary());
}

function withSets(extension: Uint8Array, change: NonNullable<Edit["sets"]>): Uint8Array {
  const action = peer.ChaincodeAction.deserializeBinary(extension);
  const all = ledger.rwset.TxReadWriteSet.deserializeBinary(action.getResults_asU8());
  const sets = new Map(
    all.getNsRwsetList().map((one) => [one.getNamespace(), kvrwset.KVRWSet.deserializeBinary(one.getRwset_asU8())]),
  );
  change(sets);
  for (const one of all.getNsRwsetList()) {
    one.setRwset(sets.get(one.getNamespace())?.serializeBinary() ?? one.getRwset_asU8());
  }
  action.setResults(all.serializeBinary());
  return action.serializeBinary();
}

function endorsement(endorser: Signer, response: Uint8Array): peer.Endorsement {
  const message = new peer.Endorsement();
  message.setEndorser(endorser.identity);
  message.setSignature(endorser.sign(Buffer.concat([response, endorser.identity])));
  return message;
}
