/** What makes evidence: the index, and the keys of this gateway. */
import { QuanjiError } from "@quanji/chaincode/domain";
import { inclusionProof, type PublicJwk, toBase64, type TreeHead } from "@quanji/chaincode/log";
import type { LedgerIndex } from "../readmodel/ledger-index.js";
import type { LogSigner } from "../witness/log-signer.js";

/** Key under which a gateway answers. `kid` = `<gateway>#<thumbprint>`. */
export interface GatewayKey {
  readonly kid: string;
  readonly jwk: PublicJwk;
  /** 64 bytes over the signing input. */
  readonly sign: (signingInput: Uint8Array) => Uint8Array | Promise<Uint8Array>;
}

/** Who will hold the evidence, and so which openings it may have. */
export interface Audience {
  readonly party: string;
  readonly regulator: boolean;
}

export interface EvidenceContext {
  readonly index: LedgerIndex;
  readonly gateway: GatewayKey;
  /** Of the logs that this gateway writes. */
  readonly logs: readonly LogSigner[];
}

/** Errors: NOT_FOUND for a log of another gateway, whose checkpoints only that one signs. */
export function signerOf({ logs }: Pick<EvidenceContext, "logs">, origin: string): LogSigner {
  const signer = logs.find((log) => log.origin === origin);
  if (signer !== undefined) return signer;
  throw new QuanjiError("NOT_FOUND", "that log is another gateway's: ask there", { field: "log" });
}

/**
 * A C2SP tlog-proof of the record at `record` under a committed head of its log: what `formatTlogProof` writes, without
 * parsing the checkpoint anew for each record of a batch. That alone cost as much as all the rest of a receipt.
 */
export async function proofOf(
  context: Pick<EvidenceContext, "index" | "logs">,
  log: string,
  record: number,
  head: TreeHead,
): Promise<string> {
  const checkpoint = await signerOf(context, log).checkpoint(head);
  const proof = await inclusionProof(record, head.size, (level, index) => context.index.node(log, level, index));
  return `c2sp.org/tlog-proof@v1\nindex ${record}\n${proof.map((hash) => `${toBase64(hash)}\n`).join("")}\n${checkpoint}`;
}
