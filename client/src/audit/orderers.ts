/**
 * Orderers' signatures over a block: metadata ‖ who signs ‖ DER header. On Raft one orderer suffices, so two orderers' histories
 * could both pass; on SmartBFT a quorum of the consenters has to sign.
 * @see fabric protoutil/blockutils.go (BlockSignatureVerifier), common/policies/policy.go (ComputeBFTQuorum)
 */
import { common } from "@hyperledger/fabric-protos";
import type { Block, OrdererSignature } from "./block.js";
import type { ChannelConfig } from "./config.js";
import { verifyLowS } from "./ecdsa.js";
import { fail } from "./findings.js";
import type { Identity } from "./msp.js";
import { satisfiesPath } from "./policy.js";

/** Errors: ORDERER_QUORUM, LAST_CONFIG. @param lastConfig number of the newest configuration, this block's included. */
export function checkOrderers(block: Block, config: ChannelConfig, lastConfig: number): void {
  const place = { block: block.number };
  const signers = signersOf(block, config);
  const needed = quorumOf(config);
  const ordering = signers.filter((signer) => mayOrder(signer, config));
  const enough =
    ordering.length >= needed &&
    (config.kind === "embedded"
      ? ordering.some(({ role }) => role === "orderer")
      : satisfiesPath("/Channel/Orderer/BlockValidation", signers, config));
  if (!enough) {
    fail("ORDERER_QUORUM", `${ordering.length} orderers signed the block, and ${needed} must`, place);
  }
  const said = lastConfigIn(block);
  if (said !== lastConfig) {
    fail(
      "LAST_CONFIG",
      `the orderers name block ${said ?? "none"} as the configuration, and it is ${lastConfig}`,
      place,
    );
  }
}

/** Under SmartBFT a consenter; else whoever the policy takes, of the ordering organisations. */
export function mayOrder(
  { msp, fingerprint }: Identity,
  { kind, orderers, consenters, members }: ChannelConfig,
): boolean {
  if (kind !== "bft") return orderers.has(msp);
  return [...consenters.values()].some((consenter) => members.identify(consenter)?.fingerprint === fingerprint);
}

/** ⌈(n + f + 1) / 2⌉ of n consenters, of whom f = ⌊(n − 1) / 3⌋ may be dishonest. */
export function quorumOf({ kind, consenters }: ChannelConfig): number {
  const n = consenters.size;
  return kind === "bft" ? Math.ceil((n + Math.floor((n - 1) / 3) + 1) / 2) : 1;
}

/** Distinct identities whose signature verifies. One that does not counts for nothing. */
export function signersOf(block: Block, config: ChannelConfig): readonly Identity[] {
  const signers = new Map<string, Identity>();
  for (const one of block.signatures) {
    const { who, header } = claimOf(one, config);
    const identity = who && config.members.identify(who);
    const signed = Buffer.concat([block.ordererMetadata, header, block.header]);
    if (identity !== undefined && verifyLowS(identity.publicKey, signed, one.signature)) {
      signers.set(identity.fingerprint, identity);
    }
  }
  return [...signers.values()];
}

function claimOf(
  { signatureHeader, identifierHeader }: OrdererSignature,
  { kind, consenters }: ChannelConfig,
): { readonly who: Uint8Array | undefined; readonly header: Uint8Array } {
  try {
    if (kind === "bft" && signatureHeader.length === 0 && identifierHeader.length > 0) {
      const id = common.IdentifierHeader.deserializeBinary(identifierHeader).getIdentifier();
      return { who: consenters.get(id), header: identifierHeader };
    }
    const who = common.SignatureHeader.deserializeBinary(signatureHeader).getCreator_asU8();
    return { who, header: signatureHeader };
  } catch {
    return { who: undefined, header: signatureHeader }; // no header: nobody's signature
  }
}

export function lastConfigIn({ ordererMetadata }: Block): number | undefined {
  try {
    return common.OrdererBlockMetadata.deserializeBinary(ordererMetadata).getLastConfig()?.getIndex();
  } catch {
    return undefined; // no metadata
  }
}
