import { type Command } from "commander";
import { reconcile } from "../../reconcile/index.js";
import type { Context } from "../context.js";
import { type Options, UsageError } from "../options.js";
import type { Result } from "../output.js";
import { declare, type Runtime } from "../program.js";
import { progress } from "../progress.js";
import { reconcileText } from "../reconcile-text.js";
import { chunksOf } from "../trail-file.js";

export function reconcileCommands(program: Command, runtime: Runtime): void {
  declare(program, runtime, [
    {
      usage: "reconcile <trail...>",
      summary:
        "Compare both ends of every access in these trails, offline: permits, deliveries, acceptances, tallies. Lists what is missing and on which side. Exit code 0: nothing is; 1: something is, or a trail does not verify.",
      examples: [
        "reconcile weather.trail.ndjson --trust trust.json",
        "reconcile january.trail.ndjson.gz insurer.trail.ndjson --trust trust.json --json",
      ],
      run: run,
    },
  ]);
}

async function run(context: Context, files: readonly string[], _options: Options): Promise<Result> {
  const trust = await context.trust();
  if (trust === undefined) {
    throw new UsageError("against which trust file? give --trust FILE; quanji trust fetch gets one");
  }
  const bar = progress(context.io, "reconciling", "records");
  try {
    const trails = files.map((file) => ({ file, source: chunksOf(context.path(file)) }));
    const result = await reconcile(trails, trust, { progress: (_file, records) => bar.update(records) });
    return { json: { ...result }, text: reconcileText(result, context.lang), exitCode: result.ok ? 0 : 1 };
  } finally {
    bar.end();
  }
}
