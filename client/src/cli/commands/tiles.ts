import { createWriteStream } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { type Command } from "commander";
import { isQuanjiError, LEVELS } from "@quanji/chaincode/domain";
import { type Mirrored, mirrorLog } from "../../sdk/index.js";
import { type UpgradedLog, upgradeReceipt, upgradeTrail, verifyTrail } from "../../verify/index.js";
import type { Context } from "../context.js";
import { assertWritable, unwritable, writeBeside } from "../files.js";
import { type Options, UsageError } from "../options.js";
import { pairs, type Result } from "../output.js";
import { progress } from "../progress.js";
import { declare, type Declaration, type Runtime } from "../program.js";
import { forkFound, sourcesOf } from "../tile-sources.js";
import { chunksOf } from "../trail-file.js";
import { verdictText } from "../verdict.js";

export function tilesCommand(program: Command, runtime: Runtime): void {
  declare(program, runtime, [
    {
      usage: "tiles",
      summary:
        "Write logs as static files (C2SP tlog-tiles) that any web server can serve, checked against the trust file. Run again, it adds what is new; it never shortens a log.",
      options: [
        ["--out <folder>", "root of the files: a log's go under its origin; made if it is not there"],
        ["--from <url|folder>...", "where the logs are served now (default: the gateway)"],
        ["--log <origin>...", "only this log (default: all of the trust file's that are served there)"],
        BLOCK_HASH,
        ["--level <level>", `raise the level that a checkpoint must have: ${LEVELS.join(", ")}`],
      ],
      examples: [
        "tiles --out /srv/www --trust trust.json",
        "tiles --from https://proofs.example --out copy --trust trust.json",
      ],
      run: writeTiles,
    },
  ]);
}

export const BLOCK_HASH = [
  "--block-hash <hash>...",
  "a block of an outside chain that you know to be final: 0x and 64 hex digits",
] as const;

/** Errors: usage. */
export function blockHashes(options: Options): readonly string[] {
  const hashes = options.many("blockHash").map((text) => text.toLowerCase());
  const odd = hashes.find((text) => !/^0x[0-9a-f]{64}$/.test(text));
  if (odd !== undefined) throw new UsageError(`--block-hash is 0x and 64 hex digits, not ${odd}`);
  return hashes;
}

export const upgradeTrailDeclaration: Declaration = {
  usage: "upgrade <file>",
  summary: "Put beside a trail's proofs where its logs stand in an outside chain, from static files alone.",
  options: [
    ["--tiles <url|folder>...", "the logs' static files, or a root with their origins as paths (default: the gateway)"],
    [
      "--out <file>",
      "where the new file goes; a name that ends in .gz is compressed (default: in place of the old one)",
    ],
    BLOCK_HASH,
  ],
  examples: ["trail upgrade grant.trail.ndjson --tiles https://proofs.example --trust trust.json"],
  run: upgradeTrailFile,
};

export const upgradeDeclaration: Declaration = {
  usage: "upgrade <file>",
  summary:
    "Prove a receipt's record under a newer checkpoint, from static files alone: a log that has grown, witnesses that have cosigned since, an outside chain that holds it.",
  options: [
    ["--tiles <url|folder>...", "a log's static files, or a root with its origin as path (default: the gateway)"],
    ["--out <file>", "where the new file goes (default: in place of the old one)"],
    BLOCK_HASH,
  ],
  examples: ["receipt upgrade use.receipt.json --tiles https://proofs.example --trust trust.json"],
  run: upgrade,
};

async function writeTiles(context: Context, _args: readonly string[], options: Options): Promise<Result> {
  const out = options.required("out", "--out");
  const level = options.oneOf("level", "--level", LEVELS);
  const trust = await context.trust(blockHashes(options));
  if (trust === undefined) throw new UsageError("which logs, under which keys? give --trust FILE");
  const asked = options.many("log");
  const unknown = asked.find((origin) => !trust.logs.has(origin));
  if (unknown !== undefined) throw new UsageError(`the trust file has no log ${unknown}: quanji trust show lists them`);
  const folder = context.path(out);
  await assertWritable(context, out, "--out").catch((error: unknown) => {
    if (!(error instanceof UsageError) || !error.message.endsWith("it is a folder")) throw error;
  });
  await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
    throw unwritable(folder, cause);
  });
  const done: Mirrored[] = [];
  const skipped: string[] = [];
  const bar = progress(context.io, "writing", "tiles");
  try {
    for (const origin of asked.length > 0 ? asked : trust.logs) {
      const sources = await sourcesOf(context, options.many("from"), origin);
      const mirrored = await mirrorLog({
        origin,
        trust,
        sources,
        folder,
        ...(level !== undefined && { level }),
        progress: (tiles) => bar.update(tiles),
      }).catch((error: unknown) => {
        // Another gateway's log: only where nobody asked for it by name.
        if (asked.length === 0 && isQuanjiError(error) && error.detail === "TILE_MISSING") return undefined;
        throw error;
      });
      if (mirrored === undefined) skipped.push(origin);
      else if (mirrored.fork !== undefined) throw await forkFound(context, origin, mirrored.fork);
      else done.push(mirrored);
    }
  } finally {
    bar.end();
  }
  if (done.length === 0) throw new UsageError("none of the trust file's logs is served there: name where with --from");
  return {
    json: { folder, logs: done, skipped },
    text: done.map((one) => pairs({ ...one })).join("\n\n"),
    notes: skipped.map((origin) => `not served there: ${origin}`),
  };
}

/** The new file is verified before it takes its name. */
async function upgradeTrailFile(context: Context, [file = ""]: readonly string[], options: Options): Promise<Result> {
  const out = options.text("out") ?? file;
  await assertWritable(context, out, "--out");
  const trust = await context.trust(blockHashes(options));
  if (trust === undefined) throw new UsageError("against which trust file? give --trust FILE");
  const logs: UpgradedLog[] = [];
  const lines = upgradeTrail(chunksOf(context.path(file)), {
    trust,
    sourcesOf: (origin) => sourcesOf(context, options.many("tiles"), origin),
    upgraded: (log) => logs.push(log),
  });
  const path = context.path(out);
  const partial = `${path}.part${out.endsWith(".gz") ? ".gz" : ""}`;
  try {
    const target = createWriteStream(partial, { mode: 0o600 });
    await (out.endsWith(".gz") ? pipeline(lines, createGzip(), target) : pipeline(lines, target));
    const verdict = await verifyTrail(chunksOf(partial), trust);
    if (verdict.ok) await rename(partial, path);
    return {
      json: { file, ...(verdict.ok && { out }), logs, ...verdict },
      text: verdictText(file, verdict, context.lang),
      notes: [
        ...logs.filter(({ anchored }) => anchored === undefined).map(({ log }) => `not anchored that far yet: ${log}`),
        verdict.ok ? `written to ${out}` : "nothing was written",
      ],
      exitCode: verdict.ok ? 0 : 1,
    };
  } catch (error) {
    if (error instanceof Error && "syscall" in error) throw unwritable(path, error);
    throw error;
  } finally {
    await rm(partial, { force: true });
  }
}

async function upgrade(context: Context, [file = ""]: readonly string[], options: Options): Promise<Result> {
  const out = options.text("out") ?? file;
  await assertWritable(context, out, "--out");
  const trust = await context.trust(blockHashes(options));
  if (trust === undefined) throw new UsageError("against which trust file? give --trust FILE");
  const bytes = await context.read(context.path(file));
  const upgraded = await upgradeReceipt(bytes, trust, (origin) => sourcesOf(context, options.many("tiles"), origin));
  const { fork, size, text, verdict } = upgraded;
  if (fork !== undefined) throw await forkFound(context, upgraded.log, fork);
  // A file that does not hold is no better than the one that is there.
  if (verdict.ok) await writeBeside(context, out, text);
  const notes = verdict.ok ? [`written to ${out}`] : ["nothing was written"];
  return {
    json: { file, ...(verdict.ok && { out }), size, ...verdict },
    text: `${verdictText(file, verdict, context.lang)}\n${pairs({ size })}`,
    notes,
    exitCode: verdict.ok ? 0 : 1,
  };
}
