/**
 * Upgrading a receipt: a later proof of the same record, and where its log stands in an outside chain, made from a log's static
 * files, without asking anybody to sign.
 */
import { canonical, formatTlogProof, inclusionProof, parseTlogProof } from "@quanji/chaincode/log";
import { type AnchoredHead, RECEIPT_FILE_LIMITS } from "@quanji/chaincode/domain";
import { verifyCheckpoint } from "./checkpoint.js";
import { examineReceipt, type ReceiptInput, verifyReceipt } from "./receipt.js";
import { chooseAnchor, consistencyFor, type Wanted } from "./anchor/index.js";
import { forkBetween, forkOfOneSize, readCheckpoint, type StaticLog } from "./static-log.js";
import { type TileSource, TileTree } from "./tiles.js";
import type { OpenedTrust } from "./trust.js";
import { type Level, refuse, type Verdict } from "./verdict.js";

export interface Upgraded {
  /** The new file, canonical, with a final line feed. Empty where a fork was found. */
  readonly text: string;
  readonly verdict: Verdict;
  readonly log: string;
  /** Of the checkpoint that proves the record now. */
  readonly size: number;
  readonly level: Level;
  /** Text of a fork proof: the log does not contain the tree that the receipt rests on. */
  readonly fork?: string;
}

/** Where the static files of a log are. */
export type SourcesOf = (origin: string) => readonly TileSource[] | Promise<readonly TileSource[]>;

/**
 * Proves a receipt's record under the newest checkpoint that the sources have, which has to contain the tree that the
 * receipt rests on. Errors: what the receipt is refused with, whatever its level; PROOF_INVALID · CHECKPOINT_STALE (the
 * sources' log does not hold the record yet), TILE_MISSING, TILE_MISMATCH and those of a checkpoint; those of the sources.
 */
export async function upgradeReceipt(input: ReceiptInput, trust: OpenedTrust, sourcesOf: SourcesOf): Promise<Upgraded> {
  const { jws, opened, proof: held, anchor } = await examineReceipt(input, trust);
  const { log, index } = opened.record.face;
  const { note } = parseTlogProof(held);
  const older = { text: held.slice(held.indexOf("\n\n") + 2), ...(await verifyCheckpoint(note, log, trust)) };
  const sources = await sourcesOf(log);
  const seen = await readCheckpoint(sources, log, trust);
  const { level } = seen;
  const { size } = seen.checkpoint;
  const twice = forkOfOneSize(older, seen);
  if (twice !== undefined)
    return { text: "", verdict: await verifyReceipt(input, trust), log, size, level, fork: twice };
  const newer = { ...seen, tree: await TileTree.open(seen.checkpoint, sources) };
  if (size <= index)
    refuse("CHECKPOINT_STALE", `the log that is served has ${size} records: this one is not among them`);

  const fork = size < older.checkpoint.size ? undefined : await forkBetween(older, newer);
  const proof = formatTlogProof({ index, proof: await inclusionProof(index, size, newer.tree.node), note: newer.note });
  const anchored = await anchoredIn(newer, sources, { log, index, held: anchor }, trust);
  const file = { v: "quanji.upgraded.v1", receipt: jws, proof, ...(anchored !== undefined && { anchored }) };
  const text = `${canonical(file, RECEIPT_FILE_LIMITS)}\n`;
  const verdict = await verifyReceipt(text, trust);
  const common = { log, size, level, verdict };
  return fork === undefined ? { ...common, text } : { ...common, text: "", fork };
}

/** What to put beside a proof whose checkpoint is the log's own. Errors: those of sources and tiles. */
async function anchoredIn(
  { checkpoint, tree }: StaticLog,
  sources: readonly TileSource[],
  wanted: Omit<Wanted, "within">,
  trust: OpenedTrust,
): Promise<AnchoredHead | undefined> {
  const anchor = await chooseAnchor(sources, { ...wanted, within: checkpoint.size }, trust);
  return anchor === undefined || anchor.size > checkpoint.size
    ? undefined
    : consistencyFor(anchor, checkpoint.size, tree.node);
}
