import { createReadStream, createWriteStream } from "node:fs";
import { rename, rm, stat } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";
import { type Command } from "commander";
import { isQuanjiError, LEVELS, TRAIL_KINDS } from "@quanji/chaincode/domain";
import type { Client } from "../../sdk/index.js";
import { splitLines } from "../../sdk/transport.js";
import { type OpenedTrust, type Verdict, verifyEvidence, verifyReceipt, verifyTrail } from "../../verify/index.js";
import type { Context } from "../context.js";
import { trailCsv } from "../export-csv.js";
import { trailHtml } from "../export-html.js";
import { assertWritable, unreadable, unwritable, writeBeside } from "../files.js";
import { type Options, toInstant, toOneOf, UsageError } from "../options.js";
import { pairs, type Result } from "../output.js";
import { progress } from "../progress.js";
import { declare, group, type Runtime } from "../program.js";
import { evidenceText, verdictText } from "../verdict.js";
import { receiptText } from "./access.js";

export function evidenceCommands(program: Command, runtime: Runtime): void {
  declare(group(program, runtime, "receipt", "Receipts of accesses."), runtime, [
    {
      usage: "get <request>",
      summary: "Fetch the receipt of an access, and of its delivery if it is recorded already.",
      options: [["--out <file>", "where to keep it, e.g. use.receipt.json; a delivery's goes beside it"]],
      examples: ["receipt get 6sZ1Qk… --out use.receipt.json"],
      run: getReceipt,
    },
  ]);
  declare(group(program, runtime, "trail", "Trails: every use of a grant or resource, or by a party."), runtime, [
    {
      usage: "get <kind> <id>",
      summary: "Fetch a trail: grant, resource or party. A name that ends in .gz is compressed.",
      options: [
        ["--from <time>", "start of the period (default: the beginning)"],
        ["--to <time>", "end of the period (default: now)"],
        ["--out <file>", "where to keep it, e.g. weather.trail.ndjson"],
      ],
      examples: [
        "trail get grant 0b0f2c52-… --out grant.trail.ndjson",
        "trail get resource res/weather.daily --from 2026-01-01 --to 2026-02-01 --out january.trail.ndjson.gz",
      ],
      run: getTrail,
    },
  ]);
  declare(program, runtime, [
    {
      usage: "seq",
      summary: "Where your key's sequence numbers stand; void what was lost, so that your trail has no gap.",
      options: [
        ["--log <origin>", "log (default: the gateway's first)"],
        ["--void <n>", "declare one number as never used"],
        ["--void-lost", "declare every number that was handed out and not recorded"],
      ],
      examples: ["seq", "seq --void 41", "seq --void-lost"],
      run: seq,
    },
    {
      usage: "export <trail>",
      summary: "Show a trail's records as a table for a spreadsheet or for print. Not evidence: the trail file is.",
      options: [
        ["--as <format>", "csv or html (default: csv)"],
        ["--out <file>", "where to write it (default: standard output)"],
      ],
      examples: ["export grant.trail.ndjson --as html --out grant.html --trust trust.json"],
      run: exportTrail,
    },
    {
      usage: "verify <file...>",
      summary:
        "Verify receipts and trails offline, against a trust file. Exit code 0: all of them hold; 1: one does not.",
      options: [
        ["--level <level>", `raise the level that is asked for: ${LEVELS.join(", ")}`],
        ["--replay <which>", "all: refuse if a rule could not be replayed because the file lacks its commands"],
      ],
      examples: [
        "verify use.receipt.json --trust trust.json",
        "verify grant.trail.ndjson --trust trust.json --replay all --json",
      ],
      run: verify,
    },
    {
      usage: "evidence <file>",
      summary:
        "Check a fork proof offline, against a trust file: that a log or witness signed two histories. Exit code 0: it did; 1: the file does not show it.",
      examples: ["evidence fork.evidence.json --trust trust.json"],
      run: evidence,
    },
  ]);
}

async function getReceipt(context: Context, [request = ""]: readonly string[], options: Options): Promise<Result> {
  const out = options.text("out");
  await assertWritable(context, out, "--out");
  const client = await context.client();
  const { access, delivery } = await client.receipt(request);
  const text = receiptText(access.jws);
  if (out === undefined) return { json: { access: access.jws, delivery: delivery?.jws }, text: text.trimEnd() };
  await writeBeside(context, out, text);
  const deliveryOut = delivery === undefined ? undefined : deliveryName(out);
  if (delivery !== undefined && deliveryOut !== undefined)
    await writeBeside(context, deliveryOut, receiptText(delivery.jws));
  const facts = { request, out, delivery: deliveryOut ?? "not recorded yet" };
  return { json: facts, text: pairs(facts), notes: [`next: quanji verify ${out} --trust trust.json`] };
}

/** `use.receipt.json` → `use.delivery.receipt.json` */
const deliveryName = (file: string): string =>
  file.endsWith(".receipt.json")
    ? `${file.slice(0, -".receipt.json".length)}.delivery.receipt.json`
    : `${file}.delivery`;

async function getTrail(context: Context, [name = "", id = ""]: readonly string[], options: Options): Promise<Result> {
  const kind = toOneOf(name, "the kind of trail", TRAIL_KINDS);
  const out = options.required("out", "--out");
  await assertWritable(context, out, "--out");
  const [from, to] = [options.text("from"), options.text("to")];
  const period = {
    ...(from !== undefined && { from: toInstant(from, "--from") }),
    ...(to !== undefined && { to: toInstant(to, "--to") }),
  };
  const client = await context.client();
  const lines = await save(context, client.trail(kind, id, period), context.path(out));
  const facts = { kind, id, ...period, out, lines };
  return { json: facts, text: pairs(facts), notes: [`next: quanji verify ${out} --trust trust.json`] };
}

/** Written beside and renamed once whole: a file of that name is a trail that came to its end. */
async function save(context: Context, lines: ReturnType<Client["trail"]>, path: string): Promise<number> {
  const partial = `${path}.part`;
  const bar = progress(context.io, "fetching", "lines");
  let count = 0;
  const texts = async function* (): AsyncGenerator<string, void, void> {
    for await (const line of lines) {
      yield `${line}\n`;
      bar.update(++count);
    }
  };
  try {
    const file = createWriteStream(partial, { mode: 0o600 });
    await (path.endsWith(".gz") ? pipeline(texts, createGzip(), file) : pipeline(texts, file));
    await rename(partial, path);
    return count;
  } catch (error) {
    await Promise.allSettled([rm(partial, { force: true })]); // the first fault is the one to tell
    if (error instanceof Error && "syscall" in error) throw unwritable(path, error);
    throw error;
  } finally {
    bar.end();
  }
}

async function seq(context: Context, _args: readonly string[], options: Options): Promise<Result> {
  const single = options.count("void", "--void");
  const client = await context.client();
  const named = options.text("log");
  const logs = named === undefined ? client.ownLogs : [named];
  const [log, ...others] = logs;
  if (log === undefined || (single !== undefined && others.length > 0)) {
    throw new UsageError("which log? give --log: quanji ls logs lists them");
  }
  if (single !== undefined) await client.voidSeq(log, single);
  const each = [];
  for (const one of logs) {
    const voided = options.flag("voidLost") ? await client.voidLost(one) : [];
    const { next } = await client.seq(one);
    each.push({ log: one, next, voided: [...voided, ...(single === undefined ? [] : [single])] });
  }
  const [facts = {}] = each;
  return { json: others.length === 0 ? facts : { logs: each }, text: each.map((one) => pairs(one)).join("\n\n") };
}

async function exportTrail(context: Context, [file = ""]: readonly string[], options: Options): Promise<Result> {
  const format = options.oneOf("as", "--as", ["csv", "html"] as const) ?? "csv";
  await assertWritable(context, options.text("out"), "--out");
  const path = context.path(file);
  const trust = await context.trust();
  const verdict = trust === undefined ? undefined : await verifyTrail(chunksOf(path), trust);
  const lines = linesOf(path);
  const text =
    format === "csv"
      ? await trailCsv(lines)
      : await trailHtml(lines, { file, ...(verdict !== undefined && { verdict }) });
  const notes =
    verdict === undefined
      ? ["not verified: give --trust to have the verdict with it"]
      : [verdictText(file, verdict, context.lang)];
  const out = options.text("out");
  const exitCode = verdict?.ok === false ? 1 : 0;
  if (out === undefined) return { json: { format, text, verdict }, text, notes, exitCode };
  await writeBeside(context, out, text);
  return { json: { format, out, verdict }, text: "", notes: [...notes, `written to ${out}`], exitCode };
}

/** Errors: usage, if the file cannot be read or its last line is cut. */
async function* linesOf(path: string): AsyncGenerator<Uint8Array, void, void> {
  try {
    yield* splitLines(chunksOf(path));
  } catch (error) {
    if (!isQuanjiError(error, "UNREACHABLE")) throw error;
    throw new UsageError(`${path} ends in the middle of a line: get the trail again`);
  }
}

/** Each chunk costs a turn of the event loop; a trail may have a million records. */
const CHUNK_BYTES = 512 * 1024;

/**
 * A file's bytes, unpacked if its name ends in .gz. `read`: told how many bytes of the file, as it is, have been read. Errors:
 * usage, if it cannot be read.
 */
async function* chunksOf(
  path: string,
  read: (bytes: number) => void = () => undefined,
): AsyncGenerator<Uint8Array, void, void> {
  const file = createReadStream(path, { highWaterMark: CHUNK_BYTES });
  const stream = path.endsWith(".gz") ? file.pipe(createGunzip()) : file;
  file.on("error", (error) => stream.destroy(error));
  try {
    for await (const chunk of stream) {
      read(file.bytesRead);
      yield chunk as Uint8Array;
    }
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

async function verify(context: Context, files: readonly string[], options: Options): Promise<Result> {
  const trust = await context.trust();
  if (trust === undefined)
    throw new UsageError("against which trust file? give --trust FILE; quanji trust fetch gets one");
  const level = options.oneOf("level", "--level", LEVELS);
  const replay = options.oneOf("replay", "--replay", ["all"] as const);
  const verdicts: (Verdict & { readonly file: string })[] = [];
  for (const file of files) {
    const verdict = await verifyFile(context, file, trust, {
      ...(level !== undefined && { level }),
      ...(replay !== undefined && { replay }),
    });
    verdicts.push({ file, ...verdict });
  }
  const ok = verdicts.every((verdict) => verdict.ok);
  const [only] = verdicts;
  return {
    // One file: the verdict itself. Several: one object for all.
    json: verdicts.length === 1 && only !== undefined ? { ...only } : { ok, verdicts },
    text: verdicts.map((verdict) => verdictText(verdict.file, verdict, context.lang)).join("\n\n"),
    exitCode: ok ? 0 : 1,
  };
}

async function evidence(context: Context, [file = ""]: readonly string[]): Promise<Result> {
  const trust = await context.trust();
  if (trust === undefined) throw new UsageError("against which trust file? give --trust FILE");
  const verdict = await verifyEvidence(await context.read(context.path(file)), trust);
  return { json: { file, ...verdict }, text: evidenceText(file, verdict, context.lang), exitCode: verdict.ok ? 0 : 1 };
}

type VerifyOptions = Parameters<typeof verifyTrail>[2];

/** What it is shows in its first bytes: a trail's first line says so; everything else has to be a receipt. */
async function verifyFile(
  context: Context,
  file: string,
  trust: OpenedTrust,
  options: VerifyOptions,
): Promise<Verdict> {
  const path = context.path(file);
  if (!(await isTrail(path))) {
    return verifyReceipt(await context.read(path), trust, options?.level === undefined ? {} : { level: options.level });
  }
  const bar = progress(context.io, `verifying ${file}`, "records");
  const { size } = await stat(path).catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
  let share = 0;
  const chunks = chunksOf(path, (bytes) => (share = size === 0 ? 0 : Math.min(1, bytes / size)));
  try {
    return await verifyTrail(chunks, trust, {
      ...options,
      progress: (records) => bar.update(records, undefined, share),
    });
  } finally {
    bar.end();
  }
}

async function isTrail(path: string): Promise<boolean> {
  for await (const chunk of chunksOf(path)) {
    const start = Buffer.from(chunk.subarray(0, 4096)).toString("latin1");
    return !start.startsWith('{"payload"') && (start.includes('"t":"trail"') || start.includes("\n{"));
  }
  return false;
}
