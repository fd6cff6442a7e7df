/**
 * Two records that stand in one log and cannot both stand where they do in the chain of one object: two at one position, a later
 * one at a lower position, or a next one that does not follow. Whoever let both into the log lied to the owner of that object.
 */
import type { ChainForkProof } from "@quanji/chaincode/domain";
import { type ChainHead, equalBytes, extend, type Opening } from "@quanji/chaincode/log";
import { verifyIncluded } from "../inclusion.js";
import { openLink } from "../openings.js";
import { type OpenedRecord, openRecord, touches } from "../record.js";
import type { OpenedTrust } from "../trust.js";
import { refuse } from "../verdict.js";
import type { Shown } from "./verdict.js";

/** Where a record stands in its log, and in the chain of one object. */
export interface ChainPlace {
  readonly opened: OpenedRecord;
  readonly index: number;
  /** The chain's head before the record, as the record commits to it. */
  readonly before: ChainHead;
}

export async function checkChainFork(proof: ChainForkProof, trust: OpenedTrust): Promise<Shown> {
  const { link } = proof;
  // 1. Both records are in the log, under checkpoints that it signed.
  const place = async (side: ChainForkProof["earlier"]): Promise<ChainPlace> => {
    const opened = openRecord(side.record);
    const before = openLink(opened.record, link, side.opening as Opening);
    await verifyIncluded(opened, side.proof, trust);
    return { opened, index: opened.record.face.index, before };
  };
  const [earlier, later] = [await place(proof.earlier), await place(proof.later)];
  const { log } = earlier.opened.record.face;
  if (later.opened.record.face.log !== log) refuse("LOG_MISMATCH", "the two records are of different logs");

  // 2. They are of one object's chain.
  const id = touches(earlier.opened.record, link);
  if (id === undefined || touches(later.opened.record, link) !== id) {
    refuse("CHAIN_KEY", `the two records are not of one ${link}`);
  }

  // 3. Their positions contradict each other.
  if (earlier.index > later.index) refuse("TRAIL_ORDER", "the earlier record is that of the lower index");
  if (!contradict(earlier, later)) {
    refuse("FORK_UNPROVEN", "both records may stand where they do: the file shows no contradiction between them");
  }
  return { shows: "chain-fork", accused: [{ name: log, role: "log" }], log, indexes: [earlier.index, later.index] };
}

/** Whether two records of one chain, the first at no higher an index, cannot both stand where they do. */
export function contradict(earlier: ChainPlace, later: ChainPlace): boolean {
  if (equalBytes(earlier.opened.leaf, later.opened.leaf)) return false; // one record, held twice
  if (earlier.index === later.index || later.before.n <= earlier.before.n) return true;
  const after = extend(earlier.before, earlier.opened.leaf);
  return later.before.n === after.n && later.before.h !== after.h;
}
