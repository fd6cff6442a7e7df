/**
 * Blocks as Fabric writes them: header chain, flat data hash, one orderer's signature, validation codes and commit hash in
 * the metadata. @see fabric protoutil/blockutils.go
 */
import { createHash } from "node:crypto";
import { common } from "@hyperledger/fabric-protos";
import { derInteger } from "./ecdsa.js";
import type { Signer } from "./identity.js";

const { SIGNATURES, LAST_CONFIG, TRANSACTIONS_FILTER, ORDERER, COMMIT_HASH } = common.BlockMetadataIndex;

export const sha256 = (...parts: readonly Uint8Array[]): Buffer => {
  const digest = createHash("sha256");
  for (const part of parts) digest.update(part);
  return digest.digest();
};

export interface Header {
  readonly number: number;
  /** Empty for block 0. */
  readonly previousHash: Uint8Array;
  readonly dataHash: Uint8Array;
}

const derOctets = (bytes: Uint8Array): Buffer => Buffer.concat([Uint8Array.of(0x04, bytes.length), bytes]);

/** SEQUENCE { INTEGER number, OCTET STRING previous hash, OCTET STRING data hash }: always below 128 bytes. */
export function derHeader({ number, previousHash, dataHash }: Header): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(number));
  const body = Buffer.concat([derInteger(bytes), derOctets(previousHash), derOctets(dataHash)]);
  return Buffer.concat([Uint8Array.of(0x30, body.length), body]);
}

export const headerHash = (header: Header): Buffer => sha256(derHeader(header));

/** SHA-256 of the envelopes one after another: no lengths, so a verifier must check that each envelope is well formed. */
export const dataHashOf = (envelopes: readonly Uint8Array[]): Buffer => sha256(...envelopes);

export interface BlockParts {
  readonly header: Header;
  readonly envelopes: readonly Uint8Array[];
  /** TxValidationCode of each envelope. Not signed by anybody: re-derived by whoever verifies. */
  readonly codes: Uint8Array;
  /** Empty for block 0. @see commit-hash.ts */
  readonly commitHash: Uint8Array;
  /** `OrdererBlockMetadata`: what the orderer signs besides the header. */
  readonly ordererMetadata: Uint8Array;
  /** Undefined for block 0, which is pinned by its hash. */
  readonly seal: Seal | undefined;
}

export interface Seal {
  /** `SignatureHeader` of the orderer. */
  readonly signatureHeader: Uint8Array;
  readonly signature: Uint8Array;
}

/** Bytes that the orderer's signature covers. */
export const sealInput = (header: Header, ordererMetadata: Uint8Array, signatureHeader: Uint8Array): Buffer =>
  Buffer.concat([ordererMetadata, signatureHeader, derHeader(header)]);

/** The newest configuration is block 0: this ledger's never changes. */
export function newOrdererMetadata(): Uint8Array {
  const message = new common.OrdererBlockMetadata();
  message.setLastConfig(new common.LastConfig());
  return message.serializeBinary();
}

export function sealBlock(header: Header, ordererMetadata: Uint8Array, orderer: Signer, nonce: Uint8Array): Seal {
  const message = new common.SignatureHeader();
  message.setCreator(orderer.identity);
  message.setNonce(nonce);
  const signatureHeader = message.serializeBinary();
  return { signatureHeader, signature: orderer.sign(sealInput(header, ordererMetadata, signatureHeader)) };
}

function metadataOf(value: Uint8Array, seal: Seal | undefined): Uint8Array {
  const message = new common.Metadata();
  message.setValue(value);
  if (seal !== undefined) {
    const signature = new common.MetadataSignature();
    signature.setSignatureHeader(seal.signatureHeader);
    signature.setSignature(seal.signature);
    message.addSignatures(signature);
  }
  return message.serializeBinary();
}

export function encodeBlock({ header, envelopes, codes, commitHash, ordererMetadata, seal }: BlockParts): Uint8Array {
  const block = new common.Block();
  const headerMessage = new common.BlockHeader();
  headerMessage.setNumber(header.number);
  headerMessage.setPreviousHash(header.previousHash);
  headerMessage.setDataHash(header.dataHash);
  block.setHeader(headerMessage);
  const data = new common.BlockData();
  data.setDataList([...envelopes]);
  block.setData(data);
  const slots: Uint8Array[] = [];
  slots[SIGNATURES] = metadataOf(ordererMetadata, seal);
  slots[LAST_CONFIG] = new Uint8Array();
  slots[TRANSACTIONS_FILTER] = codes;
  slots[ORDERER] = new Uint8Array();
  slots[COMMIT_HASH] = commitHash.length === 0 ? new Uint8Array() : metadataOf(commitHash, undefined);
  const metadata = new common.BlockMetadata();
  metadata.setMetadataList(slots);
  block.setMetadata(metadata);
  return block.serializeBinary();
}

/** Reads the parts as they stand; checks nothing. Throws on what is no protobuf. */
export function decodeBlock(bytes: Uint8Array): BlockParts {
  const block = common.Block.deserializeBinary(bytes);
  const header = block.getHeader();
  const slots = block.getMetadata()?.getMetadataList_asU8() ?? [];
  const empty = new Uint8Array();
  const orderer = common.Metadata.deserializeBinary(slots[SIGNATURES] ?? empty);
  const signature = orderer.getSignaturesList()[0];
  return {
    header: {
      number: header?.getNumber() ?? 0,
      previousHash: header?.getPreviousHash_asU8() ?? empty,
      dataHash: header?.getDataHash_asU8() ?? empty,
    },
    envelopes: block.getData()?.getDataList_asU8() ?? [],
    codes: slots[TRANSACTIONS_FILTER] ?? empty,
    commitHash: common.Metadata.deserializeBinary(slots[COMMIT_HASH] ?? empty).getValue_asU8(),
    ordererMetadata: orderer.getValue_asU8(),
    seal: signature && {
      signatureHeader: signature.getSignatureHeader_asU8(),
      signature: signature.getSignature_asU8(),
    },
  };
}
