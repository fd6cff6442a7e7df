/**
 * Makes of two peers that differ a proof that needs nobody's word: the first two blocks in which they differ, as orderers signed
 * them. Header and signatures alone are asked for and published, and give nothing of the transactions away.
 */
import { common } from "@hyperledger/fabric-protos";
import { LEDGER_FORK_LIMITS, type LedgerForkProof } from "@quanji/chaincode/domain";
import { canonical, toBase64url } from "@quanji/chaincode/log";
import { decodeBlock, headerHash } from "../../ledger/embedded/block.js";
import type { OtherWitness } from "./client.js";
import type { BlockPeer } from "./peer.js";

export interface LedgerForkOptions {
  readonly peer: BlockPeer;
  /** The own peer's blocks, whole. */
  readonly bytes: (number: number) => Promise<Uint8Array | undefined>;
  readonly other: Pick<OtherWitness, "block">;
}

/**
 * Undefined where the other shows no block that orderers signed: then it is its word against this witness's. Errors: whatever
 * asking throws.
 * @param block a number under which the two have different blocks
 */
export async function proveLedgerFork(options: LedgerForkOptions, block: number): Promise<LedgerForkProof | undefined> {
  const { peer, bytes, other } = options;
  // Blocks name the one before, so the two agree up to a number and nowhere after it.
  let [agree, differ] = [0, block];
  let theirs = await other.block(differ);
  while (differ - agree > 1) {
    const middle = agree + Math.floor((differ - agree) / 2);
    const shown = await other.block(middle);
    if (hashIn(shown) === (await peer.hashOf(middle))) agree = middle;
    else [differ, theirs] = [middle, shown];
  }
  const own = await bytes(differ);
  const config = own && (await bytes(configOf(own)));
  if (own === undefined || config === undefined) return undefined;
  const proof: LedgerForkProof = {
    v: "quanji.evidence.v1",
    kind: "ledger-fork",
    config: toBase64url(config),
    one: toBase64url(withoutData(own)),
    other: toBase64url(withoutData(theirs)),
  };
  return (await isProof(proof, configOf(own), peer)) ? proof : undefined;
}

/** By the check that everybody makes; the configuration is pinned by the own peer's chain. X.509 is loaded only here. */
async function isProof(proof: LedgerForkProof, config: number, peer: BlockPeer): Promise<boolean> {
  const [genesis, pinned] = [await peer.hashOf(0), await peer.hashOf(config)];
  if (genesis === undefined || pinned === undefined) return false;
  const { verifyLedgerFork } = await import("@quanji/client/audit");
  return (await verifyLedgerFork(canonical(proof, LEDGER_FORK_LIMITS), { genesis, configs: [pinned] })).ok;
}

/** Number of the configuration that the orderers named. */
const configOf = (bytes: Uint8Array): number =>
  common.OrdererBlockMetadata.deserializeBinary(decodeBlock(bytes).ordererMetadata).getLastConfig()?.getIndex() ?? 0;

const hashIn = (bytes: Uint8Array): string => headerHash(decodeBlock(bytes).header).toString("base64url");

/** Header and metadata of a serialised block. Throws on what is no protobuf. */
export function withoutData(bytes: Uint8Array): Uint8Array {
  const block = common.Block.deserializeBinary(bytes);
  block.clearData();
  return block.serializeBinary();
}
