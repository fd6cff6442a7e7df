/** The proof that a head stands in a block, made from what an endpoint says and checked as any reader will check it. */
import { type AnchorProof, QuanjiError } from "@quanji/chaincode/domain";
import { hashText, toBase64url, toHash } from "@quanji/chaincode/log";
import { ANCHORED_TOPIC, fromHex, logTopic, proofOf, toHex, verifyEvent } from "@quanji/client/verify";
import type { AnchoredEvent, Chain, RpcLog } from "./chain.js";

export interface Wanted {
  readonly chain: number;
  readonly contract: string;
  readonly log: string;
}

/** Errors: NOT_FOUND where the block is gone; SOURCE_FAILED · the verifier's finer code where the endpoint's answers do not fit each other. */
export async function proveEvent(chain: Chain, event: AnchoredEvent, wanted: Wanted): Promise<AnchorProof> {
  const { header, receipts, logs } = await chain.content(event.block);
  const { nodes } = proofOf(receipts, event.transaction);
  const proof: AnchorProof = {
    v: "quanji.anchor.v1",
    ...wanted,
    size: event.size,
    root: hashText(toHash(fromHex(event.root))),
    block: event.block,
    header: toBase64url(header),
    transaction: event.transaction,
    event: (logs[event.transaction] ?? []).findIndex((log) => isOf(log, event, wanted)),
    proof: nodes.map((node) => toBase64url(node)),
  };
  try {
    verifyEvent(proof);
    return proof;
  } catch (cause) {
    throw new QuanjiError(
      "SOURCE_FAILED",
      "what the endpoint says of a block does not lead to the block's hash: is it of a chain with other headers?",
      { cause },
    );
  }
}

/** Its place among the transaction's events. */
function isOf({ address, topics }: RpcLog, { size }: AnchoredEvent, { contract, log }: Wanted): boolean {
  const [kind, name, count] = topics;
  return (
    address.toLowerCase() === contract &&
    kind === toHex(ANCHORED_TOPIC) &&
    name === toHex(logTopic(log)) &&
    BigInt(count ?? -1) === BigInt(size)
  );
}
