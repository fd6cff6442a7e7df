/** Batches of records: leaves into the log's tree, records into the index, each checked against the other. */
import { type LogState, recordLeaf, splitVersion } from "@quanji/chaincode/domain";
import {
  type ChainHead,
  type ChainKey,
  extend,
  type Hash,
  hashText,
  type HashText,
  parseHash,
  partyOf,
  rootOf,
} from "@quanji/chaincode/log";
import { collectionOf, LEAVES_EVENT, type LeavesEvent, linesOf, privateKeys, recordOf } from "@quanji/chaincode/world";
import type { RecordEntry } from "./chains.js";
import { mismatch } from "./faults.js";
import { KEYS } from "./layout.js";
import type { KnownRecord } from "./readmodel.js";
import { type Facts, factsOf } from "./records.js";
import { type Scene, storedHead, writtenLogs } from "./scene.js";

export interface FiledRecord {
  readonly known: KnownRecord;
  readonly facts: Facts;
}

/** Errors: PROOF_INVALID · LEAF_MISMATCH, RECORD_MISSING, INDEX_MISMATCH, FORK, CHAIN_FORK, STATE_OPENING. */
export function applyLeaves(scene: Scene): readonly FiledRecord[] {
  const event = leavesOf(scene);
  const leaves = event === undefined ? [] : growTree(scene, event);
  const logs = writtenLogs(scene);
  for (const state of logs) assertTip(scene, state);
  const batches = [...scene.own].filter(([key]) => key.startsWith("batch/"));
  if (event === undefined) {
    if (batches.length > 0) throw mismatch("RECORD_MISSING", `records without leaves in ${where(scene)}`);
    return [];
  }
  const state = logs.find((log) => log.origin === event.log);
  if (state === undefined) throw mismatch("FORK", `leaves without a new head of ${event.log} in ${where(scene)}`);
  scene.changes.put(KEYS.batch(event.log, event.first), JSON.stringify([state.size, state.root]));
  // Of other organisations' logs the leaves are public and the records none of ours.
  if (collectionOf(state.msp) !== scene.collection) return [];
  const text = scene.own.get(privateKeys.batch(event.log, event.first));
  if (text === undefined || batches.length !== 1) {
    throw mismatch("RECORD_MISSING", `leaves of ${event.log} without their records in ${where(scene)}`);
  }
  return fileBatch(scene, event, leaves, linesOf(text));
}

const where = ({ position }: Scene): string => `transaction ${position.index} of block ${position.block}`;

const leavesOf = ({ tx: { event } }: Scene): LeavesEvent | undefined =>
  event?.name === LEAVES_EVENT ? (JSON.parse(event.payload) as LeavesEvent) : undefined;

function growTree({ changes, trees, tips, ...scene }: Scene, event: LeavesEvent): readonly Hash[] {
  const tip = tips.get(event.log);
  if (event.first !== tip.size) {
    throw mismatch(
      "INDEX_MISMATCH",
      `leaves of ${event.log} do not begin at ${tip.size} in block ${scene.position.block}`,
    );
  }
  const leaves = event.leaves.map(parseHash);
  tips.set(event.log, trees.grow(changes, event.log, tip, leaves));
  return leaves;
}

function assertTip(scene: Scene, { origin, size, root }: LogState): void {
  const tip = scene.tips.get(origin);
  if (size === tip.size && root === hashText(rootOf(tip))) return;
  throw mismatch("FORK", `the head of ${origin} is not that of its leaves after ${where(scene)}`);
}

/** What a batch adds to one chain. */
interface Extension {
  readonly key: ChainKey;
  readonly first: number;
  readonly entries: RecordEntry[];
  /** The newest record's link to what was before it, and its leaf. */
  newest: { readonly link: ChainHead; readonly leaf: Hash };
}

function fileBatch(
  scene: Scene,
  event: LeavesEvent,
  leaves: readonly Hash[],
  lines: readonly string[],
): readonly FiledRecord[] {
  if (lines.length !== leaves.length) {
    throw mismatch("RECORD_MISSING", `${lines.length} records for ${leaves.length} leaves in ${where(scene)}`);
  }
  const extensions = new Map<string, Extension>();
  const filed = lines.map((line, i): FiledRecord => {
    const record = event.first + i;
    const one = recordOf(line);
    const leaf = recordLeaf(one);
    if (hashText(leaf) !== event.leaves[i]) {
      throw mismatch("LEAF_MISMATCH", `record ${record} of ${event.log} is not its leaf in ${where(scene)}`);
    }
    const facts = factsOf(one);
    const { log, first } = event;
    const known: KnownRecord = { ...scene.position, log, record, first, type: facts.type, stored: one };
    scene.records.file(scene.changes, known, facts, line, event.leaves[i] ?? "");
    extendChains(scene, extensions, known, facts, leaf);
    return { known, facts };
  });
  for (const [start, extension] of extensions) fileExtension(scene, start, extension);
  return filed;
}

/** The chains of a record: those that its links open. */
function keysOf(log: string, { type, requester, resource, grant }: Facts): readonly ChainKey[] {
  if (type === "index") return [];
  const key = (kind: "grant" | "party" | "resource", id: string): ChainKey => ({ scope: log, kind, id });
  return [
    ...(grant === undefined ? [] : [key("grant", splitVersion(grant).id)]),
    ...(type === "tally" ? [] : [key("party", partyOf(requester))]),
    ...(resource === undefined ? [] : [key("resource", splitVersion(resource).id)]),
  ];
}

function extendChains(
  scene: Scene,
  extensions: Map<string, Extension>,
  { log, record, stored }: KnownRecord,
  facts: Facts,
  leaf: Hash,
): void {
  for (const key of keysOf(log, facts)) {
    const opening = stored.links[`links.${key.kind}`]?.value as { n: number; prev: HashText } | undefined;
    const { start } = scene.chains.names(key, undefined);
    const before = extensions.get(start);
    if (opening === undefined || (before !== undefined && opening.n !== before.newest.link.n + 1)) {
      throw mismatch("CHAIN_FORK", `record ${record} of ${log} does not continue its ${key.kind} chain`);
    }
    const newest = { link: { h: opening.prev, n: opening.n }, leaf };
    const extension = before ?? { key, first: opening.n, entries: [], newest };
    extension.entries.push([record, facts.timeMs]);
    extension.newest = newest;
    extensions.set(start, extension);
  }
}

/** The newest record's link already commits to those before it, so one hash a chain and batch is enough. */
function fileExtension(scene: Scene, start: string, { key, first, entries, newest }: Extension): void {
  const head = storedHead(scene, key);
  const tip = extend(newest.link, newest.leaf);
  if (head?.h !== tip.h || head.n !== tip.n) {
    throw mismatch("STATE_OPENING", `a ${key.kind} chain of ${key.scope} ends elsewhere in ${where(scene)}`);
  }
  scene.chains.file(scene.changes, start, first, { block: scene.position.block, head, records: entries });
}
