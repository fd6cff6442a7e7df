import { type Command } from "commander";
import { MAX_SAMPLE } from "@quanji/chaincode/domain";
import { canonical, type FlattenedJws, LIMITS, parseCanonical } from "@quanji/chaincode/log";
import { openSigner, planSample, reportSample } from "../../sdk/index.js";
import {
  openPlan,
  planDigest,
  readLog,
  type OpenedTrust,
  type SampleVerdict,
  verifySample,
} from "../../verify/index.js";
import { readCheckpoint } from "../../verify/static-log.js";
import type { Context } from "../context.js";
import { assertWritable, writeBeside } from "../files.js";
import { word } from "../messages.js";
import { type Options, toInstant, UsageError } from "../options.js";
import { pairs, type Result } from "../output.js";
import { declare, group, type Runtime } from "../program.js";
import { sourcesOf } from "../tile-sources.js";
import { chunksOf } from "../trail-file.js";

const TILES = ["--tiles <url|folder>...", "the log's static files (default: the gateway)"] as const;

export function sampleCommands(program: Command, runtime: Runtime): void {
  declare(
    group(program, runtime, "sample", "Samples for inspection that nobody chose: planned, drawn, verified."),
    runtime,
    [
      {
        usage: "plan <resource>",
        summary:
          "Sign, as the regulator, what will be drawn: so many accesses of a resource in a closed period. Hand the plan out; keep its nonce to yourself until the drawing.",
        options: [
          ["--count <n>", `how many, up to ${MAX_SAMPLE}`],
          ["--from <time>", "start of the period (default: the beginning)"],
          ["--to <time>", "its end, at least three minutes ago"],
          ["--log <origin>", "log whose next record makes the seed (default: the trust file's first)"],
          ["--out <file>", "where the plan goes"],
          ["--nonce <file>", "where its nonce goes"],
          TILES,
        ],
        examples: [
          "sample plan res/weather.daily --count 20 --from 2026-04-01 --to 2026-07-01 --out q2.plan.json --nonce q2.nonce",
        ],
        run: plan,
      },
      {
        usage: "draw <plan>",
        summary:
          "Draw, once the log has grown, and get the receipts of what was drawn, opened as for the regulator. Exit code 0: all of it is opened; 1: not, or it cannot be drawn.",
        options: [
          ["--nonce <file>", "the plan's nonce"],
          ["--trail <file>", "the resource's trail of exactly the plan's period"],
          ["--out <file>", "where the report goes"],
          TILES,
        ],
        examples: ["sample draw q2.plan.json --nonce q2.nonce --trail q2.trail.ndjson --out q2.sample.json"],
        run: draw,
      },
      {
        usage: "verify <report>",
        summary:
          "Draw again, offline, and check that the report has exactly what was to be drawn, and has it opened. Exit code 0: so it is; 1: not.",
        options: [["--trail <file>", "the trail from which it was drawn, or anybody's of that resource and period"]],
        examples: ["sample verify q2.sample.json --trail q2.trail.ndjson --trust trust.json"],
        run: verify,
      },
    ],
  );
}

async function trustOf(context: Context): Promise<OpenedTrust> {
  return (await context.trust()) ?? Promise.reject(new UsageError("against which trust file? give --trust FILE"));
}

async function plan(context: Context, [resource = ""]: readonly string[], options: Options): Promise<Result> {
  const out = options.required("out", "--out");
  const nonceFile = options.required("nonce", "--nonce");
  const count = options.count("count", "--count") ?? 0;
  if (count < 1 || count > MAX_SAMPLE) throw new UsageError(`--count is a number from 1 to ${MAX_SAMPLE}`);
  const to = toInstant(options.required("to", "--to"), "--to");
  const from = options.text("from");
  await assertWritable(context, out, "--out");
  await assertWritable(context, nonceFile, "--nonce");
  const trust = await trustOf(context);
  const log = options.text("log") ?? [...trust.logs][0] ?? "";
  if (!trust.logs.has(log)) throw new UsageError(`the trust file has no log ${log}: quanji trust show lists them`);
  const { checkpoint } = await readCheckpoint(await sourcesOf(context, options.many("tiles"), log), log, trust);
  const wish = {
    net: trust.trust.net,
    resource,
    ...(from !== undefined && { from: toInstant(from, "--from") }),
    to,
    count,
    log,
    sizeNow: checkpoint.size,
    nowMs: context.io.clock(),
  };
  const { jwk, party } = await context.key();
  if (party !== trust.trust.regulator) throw new UsageError("a plan is signed with the regulator's key: give --key");
  const signer = await openSigner({ jwk, party });
  const planned = await planSample(wish, signer, trust, context.io.random);
  // The nonce first: a plan without its nonce draws nothing.
  await writeBeside(context, nonceFile, `${planned.nonce}\n`);
  await writeBeside(context, out, `${canonical(planned.plan, LIMITS)}\n`);
  const facts = {
    plan: planDigest(openPlan(planned.plan, trust)),
    resource,
    count,
    log,
    size: checkpoint.size + 1,
    out,
  };
  return {
    json: facts,
    text: pairs(facts),
    notes: [
      `publish the plan, or its digest, now; show ${nonceFile} to nobody before ${log} has ${facts.size} records`,
    ],
  };
}

async function draw(context: Context, [file = ""]: readonly string[], options: Options): Promise<Result> {
  const out = options.required("out", "--out");
  const trail = context.path(options.required("trail", "--trail"));
  const nonce = (await context.read(context.path(options.required("nonce", "--nonce")))).toString("utf8").trim();
  await assertWritable(context, out, "--out");
  const trust = await trustOf(context);
  const text = (await context.read(context.path(file))).toString("utf8").trimEnd();
  const planJws = parseCanonical(text, LIMITS) as unknown as FlattenedJws;
  const { log } = openPlan(planJws, trust).plan;
  const grown = await readLog(await sourcesOf(context, options.many("tiles"), log), log, trust);
  const client = await context.client();
  const report = await reportSample({ plan: planJws, nonce }, grown, () => chunksOf(trail), trust, client);
  await writeBeside(context, out, report);
  return told(context, out, await verifySample(report, () => chunksOf(trail), trust));
}

async function verify(context: Context, [file = ""]: readonly string[], options: Options): Promise<Result> {
  const trail = context.path(options.required("trail", "--trail"));
  const trust = await trustOf(context);
  const report = await context.read(context.path(file));
  return told(context, file, await verifySample(report, () => chunksOf(trail), trust));
}

function told({ lang }: Context, file: string, verdict: SampleVerdict): Result {
  const { ok, kind: _kind, withheld = [], ...facts } = verdict;
  const lines = [
    `${word(ok ? "valid" : "invalid", lang)}  ${file}`,
    pairs(facts),
    ...withheld.map(({ log, index, code }) => `${log} ${index}: ${code}`),
  ];
  return { json: { file, ...verdict }, text: lines.join("\n"), exitCode: ok ? 0 : 1 };
}
