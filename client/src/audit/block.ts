/**
 * A block as it lies in a file: what its header hashes and what its orderers signed. Nothing is believed here but the form.
 * @see fabric protoutil/blockutils.go
 */
import { createHash } from "node:crypto";
import { common } from "@hyperledger/fabric-protos";
import { equalBytes } from "@quanji/chaincode/log";
import { fail } from "./findings.js";

const { SIGNATURES, TRANSACTIONS_FILTER } = common.BlockMetadataIndex;
const EMPTY = new Uint8Array();

export const sha256 = (...parts: readonly Uint8Array[]): Buffer => {
  const digest = createHash("sha256");
  for (const part of parts) digest.update(part);
  return digest.digest();
};

export interface OrdererSignature {
  /** `SignatureHeader`; empty under SmartBFT. */
  readonly signatureHeader: Uint8Array;
  /** `IdentifierHeader`; SmartBFT alone. */
  readonly identifierHeader: Uint8Array;
  readonly signature: Uint8Array;
}

export interface Block {
  readonly number: number;
  readonly previousHash: Uint8Array;
  readonly dataHash: Uint8Array;
  /** DER of the header, which its hash and the orderers' signatures cover. */
  readonly header: Uint8Array;
  readonly hash: Buffer;
  readonly envelopes: readonly Uint8Array[];
  /** One TxValidationCode a transaction, signed by nobody. Empty in a block that came from an orderer. */
  readonly filter: Uint8Array;
  /** `OrdererBlockMetadata`, signed by the orderers. */
  readonly ordererMetadata: Uint8Array;
  readonly signatures: readonly OrdererSignature[];
}

/** DER of one element of less than 128 bytes. */
const der = (tag: number, body: Uint8Array): Buffer => Buffer.concat([Uint8Array.of(tag, body.length), body]);

/** Minimal two's complement: 128 begins with a zero byte. @see X.690 §8.3 */
function derInteger(value: number): Buffer {
  const hex = value.toString(16);
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
  return der(0x02, (bytes[0] ?? 0) < 0x80 ? bytes : Buffer.concat([Uint8Array.of(0), bytes]));
}

/** Errors: BLOCK_MALFORMED. @param at number that the block should have, for the message. */
export function parseBlock(bytes: Uint8Array, at: number): Block {
  let block: Block | undefined;
  try {
    block = readBlock(bytes);
  } catch {
    block = undefined; // not protobuf
  }
  return block ?? fail("BLOCK_MALFORMED", "the file holds no block", { block: at });
}

function readBlock(bytes: Uint8Array): Block | undefined {
  const message = common.Block.deserializeBinary(bytes);
  const header = message.getHeader() ?? new common.BlockHeader();
  const number = header.getNumber();
  const previousHash = header.getPreviousHash_asU8();
  const dataHash = header.getDataHash_asU8();
  const previousLength = number === 0 ? 0 : 32;
  if (!Number.isSafeInteger(number) || dataHash.length !== 32 || previousHash.length !== previousLength) {
    return undefined;
  }
  const encoded = der(0x30, Buffer.concat([derInteger(number), der(0x04, previousHash), der(0x04, dataHash)]));
  const envelopes = message.getData()?.getDataList_asU8() ?? [];
  return { number, previousHash, dataHash, header: encoded, hash: sha256(encoded), envelopes, ...metadataOf(message) };
}

function metadataOf(message: common.Block): Pick<Block, "filter" | "ordererMetadata" | "signatures"> {
  const slots = message.getMetadata()?.getMetadataList_asU8() ?? [];
  const signed = common.Metadata.deserializeBinary(slots[SIGNATURES] ?? EMPTY);
  return {
    filter: slots[TRANSACTIONS_FILTER] ?? EMPTY,
    ordererMetadata: signed.getValue_asU8(),
    signatures: signed.getSignaturesList().map((one) => ({
      signatureHeader: one.getSignatureHeader_asU8(),
      identifierHeader: one.getIdentifierHeader_asU8(),
      signature: one.getSignature_asU8(),
    })),
  };
}

/**
 * The data hash covers the envelopes one after another, without their lengths: so each must be in its one encoding, or bytes
 * could move from one to the next under the same hash. Errors: BLOCK_DATA_HASH, TX_NOT_WELL_FORMED.
 */
export function checkData({ number, envelopes, dataHash }: Block): void {
  if (!equalBytes(sha256(...envelopes), dataHash)) {
    fail("BLOCK_DATA_HASH", "the transactions are not those that the header hashes", { block: number });
  }
  if (envelopes.length === 0) fail("TX_NOT_WELL_FORMED", "the block holds no transaction", { block: number });
  envelopes.forEach((bytes, tx) => {
    if (!isWellFormed(bytes, number)) {
      fail("TX_NOT_WELL_FORMED", "encoding the envelope again gives other bytes", { block: number, tx });
    }
  });
}

/** Block 0's one envelope has no signature: it is pinned. */
function isWellFormed(bytes: Uint8Array, block: number): boolean {
  try {
    const envelope = common.Envelope.deserializeBinary(bytes);
    const signed = envelope.getSignature_asU8().length > 0 || block === 0;
    return signed && envelope.getPayload_asU8().length > 0 && equalBytes(envelope.serializeBinary(), bytes);
  } catch {
    return false; // not protobuf
  }
}
