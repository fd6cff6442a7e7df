import { mkdir } from "node:fs/promises";
import { type Command } from "commander";
import { isQuanjiError, LEVELS } from "@quanji/chaincode/domain";
import { type Mirrored, mirrorLog } from "../../sdk/index.js";
import { upgradeReceipt } from "../../verify/index.js";
import type { Context } from "../context.js";
import { assertWritable, unwritable, writeBeside } from "../files.js";
import { type Options, UsageError } from "../options.js";
import { pairs, type Result } from "../output.js";
import { progress } from "../progress.js";
import { declare, type Declaration, type Runtime } from "../program.js";
import { forkFound, sourcesOf } from "../tile-sources.js";
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

export const upgradeDeclaration: Declaration = {
  usage: "upgrade <file>",
  summary:
    "Prove a receipt's record under a newer checkpoint, from static files alone: a log that has grown, witnesses that have cosigned since.",
  options: [
    ["--tiles <url|folder>...", "a log's static files, or a root with its origin as path (default: the gateway)"],
    ["--out <file>", "where the new file goes (default: in place of the old one)"],
  ],
  examples: ["receipt upgrade use.receipt.json --tiles https://proofs.example --trust trust.json"],
  run: upgrade,
};

async function writeTiles(context: Context, _args: readonly string[], options: Options): Promise<Result> {
  const out = options.required("out", "--out");
  const level = options.oneOf("level", "--level", LEVELS);
  const trust = await context.trust();
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

async function upgrade(context: Context, [file = ""]: readonly string[], options: Options): Promise<Result> {
  const out = options.text("out") ?? file;
  await assertWritable(context, out, "--out");
  const trust = await context.trust();
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
