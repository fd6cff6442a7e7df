/** What makes evidence: the index, and the keys of this gateway. */
import { QuanjiError } from "@quanji/chaincode/domain";
import { inclusionProof, type PublicJwk, toBase64, type TreeHead } from "@quanji/chaincode/log";
import type { Cosigned } from "../cosigning/cosigning.js";
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
  /** Absent where no witness is asked. */
  readonly cosigned?: Cosigned;
}

/** Errors: NOT_FOUND for a log of another gateway, whose checkpoints only that one signs. */
export function signerOf({ logs }: Pick<EvidenceContext, "logs">, origin: string): LogSigner {
  const signer = logs.find((log) => log.origin === origin);
  if (signer !== undefined) return signer;
  throw new QuanjiError("NOT_FOUND", "that log is another gateway's: ask there", { field: "log" });
}

type ProofContext = Pick<EvidenceContext, "index" | "logs" | "cosigned">;

/**
 * A C2SP tlog-proof of a record: under the first checkpoint with the quorum's cosignatures that holds it, or, while there is
 * none, under the one of the committed head `head`.
 */
export async function proofOf(
  context: ProofContext,
  log: string,
  record: number,
  head: () => Promise<TreeHead> | TreeHead,
): Promise<{ readonly proof: string; readonly level: "committed" | "cosigned" }> {
  const signer = signerOf(context, log);
  const cosigned = await context.cosigned?.covering(log, record);
  if (cosigned !== undefined) {
    return { level: "cosigned", proof: await proofUnder(context, log, record, cosigned.size, cosigned.note) };
  }
  const committed = await head();
  return {
    level: "committed",
    proof: await proofUnder(context, log, record, committed.size, await signer.checkpoint(committed)),
  };
}

/**
 * What `formatTlogProof` writes, without parsing the checkpoint anew for each record of a batch. That alone cost as much as all
 * the rest of a receipt.
 */
async function proofUnder(
  { index }: Pick<EvidenceContext, "index">,
  log: string,
  record: number,
  size: number,
  checkpoint: string,
): Promise<string> {
  const proof = await inclusionProof(record, size, (level, at) => index.node(log, level, at));
  return `c2sp.org/tlog-proof@v1\nindex ${record}\n${proof.map((hash) => `${toBase64(hash)}\n`).join("")}\n${checkpoint}`;
}
