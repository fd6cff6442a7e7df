/** Receipts that are held: each must stay in its log, and be cosigned in time where the trust file has a quorum. */
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { isQuanjiError, msOf } from "@quanji/chaincode/domain";
import { type OpenedTrust, type SourcesOf, upgradeReceipt, type Verdict, verifyReceipt } from "../verify/index.js";
import { type ExaminedReceipt, examineReceipt } from "../verify/receipt.js";
import { refusedAs, type Trouble } from "./follow.js";
import { headOf } from "./heads.js";

/** From a record's time until a quorum should have cosigned a checkpoint that holds it. */
export const COSIGN_WITHIN_MS = 60_000;
/** From a record's time until every copy of its log should hold it. */
export const SERVED_WITHIN_MS = 60_000;

export interface HeldReceipt {
  readonly file: string;
  readonly digest: string;
  readonly bytes: Uint8Array;
}

const NAME = /\.receipt\.json$/;

/** Files of a folder that are called as receipts are. None where there is no such folder. */
export async function receiptsIn(folder: string): Promise<readonly HeldReceipt[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  });
  return Promise.all(
    names
      .filter((name) => NAME.test(name))
      .sort()
      .map(async (file) => {
        const bytes = await readFile(join(folder, file));
        return { file, bytes, digest: createHash("sha256").update(bytes).digest("base64url") };
      }),
  );
}

export interface WatchedReceipt {
  /** Nothing more can be seen of it. */
  readonly done: boolean;
  readonly troubles: readonly Trouble[];
  /** The checkpoint that it rests on; undefined if it does not hold. */
  readonly head?: { readonly log: string; readonly note: string };
}

/** Errors: UNREACHABLE, and whatever is not the receipt's or the log's fault. */
export async function watchReceipt(
  held: HeldReceipt,
  trust: OpenedTrust,
  sourcesOf: SourcesOf,
): Promise<WatchedReceipt> {
  let examined: ExaminedReceipt;
  try {
    examined = await examineReceipt(held.bytes, trust);
  } catch (error) {
    return { done: false, troubles: [refusedAs("RECEIPT_REFUSED", held.file, error)] };
  }
  const { opened, proof } = examined;
  const { face, body } = opened.record;
  const head = { log: face.log, note: headOf(proof) };
  return { ...(await inItsLog(held, msOf(body.time), trust, sourcesOf)), head };
}

async function inItsLog(
  { file, bytes }: HeldReceipt,
  recordedMs: number,
  trust: OpenedTrust,
  sourcesOf: SourcesOf,
): Promise<WatchedReceipt> {
  const isLate = (within: number): boolean => trust.nowMs > recordedMs + within;
  try {
    const { fork, log, verdict } = await upgradeReceipt(bytes, trust, sourcesOf);
    if (fork !== undefined) {
      const message = `${log} does not hold the history that ${file} rests on; quanji evidence checks the proof`;
      return { done: false, troubles: [{ code: "FORK", message, evidence: fork }] };
    }
    if (verdict.ok) return { done: true, troubles: [] };
    return { done: false, troubles: isLate(COSIGN_WITHIN_MS) ? [notCosigned(file, verdict)] : [] };
  } catch (error) {
    if (!isQuanjiError(error) || error.detail !== "CHECKPOINT_STALE") {
      return { done: false, troubles: [refusedAs("RECEIPT_REFUSED", file, error)] };
    }
    const stale: Trouble = { code: "CHECKPOINT_STALE", message: `${file}: ${error.message}` };
    // Where the quorum is gone, a gateway goes on serving the newest checkpoint that it had: that lacks the record, and why
    // it does is the receipt's own level.
    const own = await verifyReceipt(bytes, trust);
    const troubles = [
      ...(!own.ok && isLate(COSIGN_WITHIN_MS) ? [notCosigned(file, own)] : []),
      ...(isLate(SERVED_WITHIN_MS) ? [stale] : []),
    ];
    return { done: false, troubles };
  }
}

/** Only the level can be missing: all else of a receipt was examined before. */
const notCosigned = (file: string, { detail = "WITNESS_QUORUM" }: Verdict): Trouble => ({
  code: "RECEIPT_NOT_COSIGNED",
  message: `${file} is not cosigned ${COSIGN_WITHIN_MS / 1000} s after its record`,
  detail,
});
