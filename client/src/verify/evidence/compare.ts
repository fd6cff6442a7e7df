/** What several people hold, put side by side: where it contradicts itself, somebody has signed two histories. */
import {
  type ChainForkProof,
  type Evidence,
  type ForkProof,
  TRAIL_KINDS,
  type TrailKind,
} from "@quanji/chaincode/domain";
import {
  type Checkpoint,
  formatNote,
  hashText,
  type Opening,
  type Openings,
  parseTlogProof,
} from "@quanji/chaincode/log";
import { openLink } from "../openings.js";
import { type OpenedRecord, openRecord, touches } from "../record.js";
import { type ChainPlace, contradict } from "./chain-fork.js";

/** A record in its log as a receipt shows it, or the end of a trail. */
export interface HeldRecord {
  readonly record: string;
  readonly openings: Openings;
  /** C2SP tlog-proof, verbatim. */
  readonly proof: string;
}

interface Seen {
  readonly held: HeldRecord;
  readonly opened: OpenedRecord;
  readonly checkpoint: Checkpoint;
  readonly note: string;
}

/**
 * Portable proofs of what cannot all be true; none if nothing contradicts. They are drafts until `verifyEvidence` has taken
 * them: no signature is checked here. Errors: those of records, openings and proofs that are malformed.
 */
export function contradictions(held: readonly HeldRecord[]): Evidence[] {
  const seen = held.map(see);
  return [...forks(seen), ...TRAIL_KINDS.flatMap((link) => [...chainForks(seen, link)])];
}

function see(held: HeldRecord): Seen {
  const { checkpoint, note } = parseTlogProof(held.proof);
  return { held, opened: openRecord(held.record), checkpoint, note: formatNote(note) };
}

/** Checkpoints of one size and two roots: one proof a log. */
function* forks(seen: readonly Seen[]): Generator<ForkProof> {
  const first = new Map<string, Seen>();
  const shown = new Set<string>();
  for (const one of seen) {
    const { origin, size, root } = one.checkpoint;
    const known = first.get(`${origin} ${size}`);
    if (known === undefined) first.set(`${origin} ${size}`, one);
    else if (hashText(known.checkpoint.root) !== hashText(root) && !shown.has(origin)) {
      shown.add(origin);
      yield { v: "quanji.evidence.v1", kind: "fork", older: known.note, newer: one.note };
    }
  }
}

/** Neighbours in the chain of one object that cannot both stand where they do: one proof an object. */
function* chainForks(seen: readonly Seen[], link: TrailKind): Generator<ChainForkProof> {
  const chains = new Map<string, (Seen & ChainPlace)[]>();
  for (const one of seen) {
    const opening = one.held.openings[`links.${link}`];
    const { record } = one.opened;
    if (opening === undefined) continue;
    const name = `${record.face.log} ${touches(record, link)}`;
    const chain = chains.get(name) ?? [];
    chains.set(name, chain);
    chain.push({ ...one, index: record.face.index, before: openLink(record, link, opening) });
  }
  for (const chain of chains.values()) {
    chain.sort((a, b) => a.index - b.index);
    const pairs = chain.slice(1).map((later, i) => [chain[i] ?? later, later] as const);
    const clash = pairs.find(([earlier, later]) => contradict(earlier, later));
    if (clash === undefined) continue;
    const [earlier, later] = clash;
    yield { v: "quanji.evidence.v1", kind: "chain-fork", link, earlier: side(earlier, link), later: side(later, link) };
  }
}

const side = ({ held }: Seen, link: TrailKind): ChainForkProof["earlier"] => ({
  record: held.record,
  opening: held.openings[`links.${link}`] as Opening & ChainForkProof["earlier"]["opening"],
  proof: held.proof,
});
