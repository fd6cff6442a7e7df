/** Upgrading a trail: where its logs stand in outside chains, put beside the proofs that end its sections, from static files alone. */
import { EVIDENCE_LIMITS, type TrailLineOf } from "@quanji/chaincode/domain";
import { canonical, fromUtf8, type JsonObject, parseTlogProof } from "@quanji/chaincode/log";
import { chooseAnchor, consistencyFor } from "./anchor/index.js";
import { verifyCheckpoint } from "./checkpoint.js";
import { LineDigest, linesOf, parseLine, type TrailSource } from "./lines.js";
import { forkBetween, readLog, type StaticLog } from "./static-log.js";
import type { TileSource } from "./tiles.js";
import type { OpenedTrust } from "./trust.js";
import type { SourcesOf } from "./upgrade.js";
import { refuse } from "./verdict.js";

export interface UpgradedLog {
  readonly log: string;
  /** Of the head that stands in the outside chain now; undefined: none that holds the section's last record. */
  readonly anchored: number | undefined;
}

export interface TrailUpgrade {
  readonly trust: OpenedTrust;
  readonly sourcesOf: SourcesOf;
  /** Told of each section that has a record. */
  readonly upgraded?: (log: UpgradedLog) => void;
}

/** More sections than any network has logs. */
const MAX_LOGS = 1024;

/**
 * The same trail, a line at a time, with anchors where there are any. It is not verified here: verify what comes out. Errors: those of
 * a line's form; PROOF_INVALID · CHECKPOINT_STALE (what is served is older than the trail), FORK (it does not contain the
 * trail's tree: `quanji compare` or `receipt upgrade` make the proof of it); those of checkpoints, tiles and sources.
 */
export async function* upgradeTrail(source: TrailSource, options: TrailUpgrade): AsyncGenerator<string> {
  const digest = new LineDigest();
  const logs = new Map<string, OpenLog>();
  for await (const lines of linesOf(source)) {
    for (const bytes of lines) {
      // Only these two are looked into: the others are as they were.
      const isEnd = endsWith(bytes, LOG_END) || endsWith(bytes, END);
      const line = isEnd ? parseLine(bytes) : undefined;
      if (line?.t === "end") {
        yield `${canonical({ ...line, digest: digest.value() }, EVIDENCE_LIMITS)}\n`;
        continue;
      }
      const text =
        line?.t === "logEnd" ? canonical(await withNewest(line, logs, options), EVIDENCE_LIMITS) : fromUtf8(bytes);
      digest.add(new TextEncoder().encode(text));
      yield `${text}\n`;
    }
  }
}

/** Canonical JSON sorts members: `t` is the last of both. */
const LOG_END = new TextEncoder().encode('"t":"logEnd"}');
const END = new TextEncoder().encode('"t":"end"}');

const endsWith = (bytes: Uint8Array, end: Uint8Array): boolean =>
  bytes.length >= end.length && end.every((byte, i) => bytes[bytes.length - end.length + i] === byte);

interface OpenLog {
  readonly sources: readonly TileSource[];
  readonly newest: StaticLog;
}

async function withNewest(
  line: TrailLineOf<"logEnd">,
  logs: Map<string, OpenLog>,
  { trust, sourcesOf, upgraded }: TrailUpgrade,
): Promise<JsonObject> {
  const { anchored: held, ...rest } = line;
  const json = rest as unknown as JsonObject;
  const text = line.proof ?? line.next?.proof;
  if (text === undefined) return json;
  const { note, index, checkpoint } = parseTlogProof(text);
  const { log } = line;
  if (logs.size >= MAX_LOGS) refuse("LIMIT_EXCEEDED", "the trail has more logs than there can be");
  const open = logs.get(log) ?? (await openLog(log, trust, sourcesOf));
  logs.set(log, open);
  const { newest, sources } = open;
  if (newest.checkpoint.size < checkpoint.size)
    refuse(
      "CHECKPOINT_STALE",
      `the log that is served has ${newest.checkpoint.size} records, the trail's ${checkpoint.size}`,
    );
  const older = { text: text.slice(text.indexOf("\n\n") + 2), ...(await verifyCheckpoint(note, log, trust)) };
  if ((await forkBetween(older, newest)) !== undefined)
    refuse("FORK", "the log that is served does not contain the tree that the trail rests on");
  const wanted = { log, index, within: newest.checkpoint.size, held: held?.anchor };
  const anchor = await chooseAnchor(sources, wanted, trust);
  const comparable = anchor !== undefined && anchor.size <= newest.checkpoint.size;
  upgraded?.({ log, anchored: comparable ? anchor.size : undefined });
  if (!comparable) return json;
  const anchored = await consistencyFor(anchor, checkpoint.size, newest.tree.node);
  return { ...json, anchored: anchored as unknown as JsonObject };
}

async function openLog(log: string, trust: OpenedTrust, sourcesOf: SourcesOf): Promise<OpenLog> {
  const sources = await sourcesOf(log);
  return { sources, newest: await readLog(sources, log, trust) };
}
