import { createWriteStream } from "node:fs";
import { rename, rm, stat } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { type Command } from "commander";
import { isQuanjiError, LEVELS, PROOF_LIMITS, SubjectTags, TRAIL_KINDS } from "@quanji/chaincode/domain";
import { canonical, sha256Text } from "@quanji/chaincode/log";
import { type CheckedReceipt, type Client, readTagKeys, tagOf } from "../../sdk/index.js";
import { splitLines } from "../../sdk/transport.js";
import {
  contradictions,
  type EvidenceVerdict,
  heldInReceipt,
  heldInTrail,
  type HeldRecord,
  ignoredStops,
  type OpenedTrust,
  readShownChains,
  type ShownChains,
  type Verdict,
  verifyEvidence,
  verifyReceipt,
  verifyTrail,
} from "../../verify/index.js";
import { ledgerForkText, logVsLedgerText } from "../audit-text.js";
import type { Context } from "../context.js";
import { trailCsv } from "../export-csv.js";
import { trailHtml } from "../export-html.js";
import { assertWritable, unwritable, writeBeside, unreadable } from "../files.js";
import { type Options, toInstant, toOneOf, toPartyId, UsageError } from "../options.js";
import { word } from "../messages.js";
import { pairs, type Result } from "../output.js";
import { progress } from "../progress.js";
import { declare, group, type Runtime } from "../program.js";
import { chunksOf } from "../trail-file.js";
import { evidenceText, verdictText } from "../verdict.js";
import { levelNote, receiptText } from "./access.js";
import { checkLogVsLedger } from "./audit.js";
import { BLOCK_HASH, blockHashes, upgradeDeclaration, upgradeTrailDeclaration } from "./tiles.js";

export function evidenceCommands(program: Command, runtime: Runtime): void {
  declare(group(program, runtime, "receipt", "Receipts of accesses."), runtime, [
    {
      usage: "get <request>",
      summary: "Fetch the receipt of an access, and those of its delivery and acceptance if they are recorded already.",
      options: [["--out <file>", "where to keep it, e.g. use.receipt.json; the others' go beside it"]],
      examples: ["receipt get 6sZ1Qk… --out use.receipt.json"],
      run: getReceipt,
    },
    upgradeDeclaration,
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
    {
      usage: "subject <steward>",
      summary: "Fetch the trail of a person or organisation, by its tags (the steward's own, and the regulator's).",
      options: [
        ["--tags <list>", "tags by quarter, in order: 2026Q3.<tag>,2026Q4.<tag>"],
        ["--keys <file>", "or make them: file of the steward's tag keys …"],
        ["--identifier <id>", "… and whom it is about …"],
        ["--quarters <list>", "… in which quarters: 2026Q3,2026Q4"],
        ["--from <time>", "start of the period (default: of the first quarter)"],
        ["--to <time>", "end of the period (default: now)"],
        ["--bulk", "also the uses of the steward's data that name nobody"],
        ["--fresh", "index what is not indexed yet first, so that the trail reaches to now"],
        ["--out <file>", "where to keep it, e.g. mine.trail.ndjson"],
      ],
      examples: [
        "trail subject 11510100MBQJ006115 --keys bureau.tags.json --identifier 510100199001011234 --quarters 2026Q3,2026Q4 --fresh --out hers.trail.ndjson",
      ],
      run: getSubjectTrail,
    },
    upgradeTrailDeclaration,
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
        BLOCK_HASH,
      ],
      examples: [
        "verify use.receipt.json --trust trust.json",
        "verify grant.trail.ndjson --trust trust.json --replay all --json",
        "verify use.receipt.json --trust trust.json --level anchored --block-hash 0x5f3a…",
      ],
      run: verify,
    },
    {
      usage: "evidence <file>",
      summary:
        "Check a portable proof offline, against a trust file: of two histories, a false head, two accounts of a block, a log that contradicts the ledger, a stop that was ignored, or a refusal. Exit code 0: it shows it; 1: it does not.",
      examples: ["evidence fork.evidence.json --trust trust.json"],
      run: evidence,
    },
    {
      usage: "compare <file...>",
      summary:
        "Put receipts and trails of several holders side by side, offline: where they contradict each other, or a receipt shows a permit after a stop that a trail holds, a proof is made. Exit code 0: nothing contradicts; 1: something does.",
      options: [["--out <folder>", "where to keep the proofs (default: they are only told)"]],
      examples: ["compare mine.receipt.json theirs.trail.ndjson --trust trust.json --out proofs"],
      run: compare,
    },
  ]);
}

async function getReceipt(context: Context, [request = ""]: readonly string[], options: Options): Promise<Result> {
  const out = options.text("out");
  await assertWritable(context, out, "--out");
  const client = await context.client();
  const { access, delivery, acceptance } = await client.receipt(request);
  const text = receiptText(access.jws);
  const level = access.level ?? access.receipt.level;
  if (out === undefined) {
    const json = { level, access: access.jws, delivery: delivery?.jws, acceptance: acceptance?.jws };
    return { json, text: text.trimEnd(), notes: [levelNote(access)] };
  }
  await writeBeside(context, out, text);
  const keep = async (name: "delivery" | "acceptance", receipt: CheckedReceipt | undefined): Promise<string> => {
    if (receipt === undefined) return "not recorded yet";
    const file = besideName(out, name);
    await writeBeside(context, file, receiptText(receipt.jws));
    return file;
  };
  const facts = {
    request,
    level,
    out,
    delivery: await keep("delivery", delivery),
    acceptance: await keep("acceptance", acceptance),
  };
  return {
    json: facts,
    text: pairs(facts),
    notes: [levelNote(access), `next: quanji verify ${out} --trust trust.json`],
  };
}

/** `use.receipt.json` → `use.delivery.receipt.json` */
const besideName = (file: string, what: string): string =>
  file.endsWith(".receipt.json") ? `${file.slice(0, -".receipt.json".length)}.${what}.receipt.json` : `${file}.${what}`;

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

async function getSubjectTrail(context: Context, [steward = ""]: readonly string[], options: Options): Promise<Result> {
  const party = toPartyId(steward, "the steward");
  const out = options.required("out", "--out");
  await assertWritable(context, out, "--out");
  const tags = await subjectTags(context, options);
  const [from, to] = [options.text("from"), options.text("to")];
  const wanted = {
    ...(from !== undefined && { from: toInstant(from, "--from") }),
    ...(to !== undefined && { to: toInstant(to, "--to") }),
    bulk: options.flag("bulk"),
  };
  const client = await context.client();
  const trail = client.subjectTrail(party, tags, { ...wanted, fresh: options.flag("fresh") });
  const lines = await save(context, trail, context.path(out));
  const facts = { kind: "subject", id: party, quarters: tags.map(({ quarter }) => quarter), ...wanted, out, lines };
  return { json: facts, text: pairs(facts), notes: [`next: quanji verify ${out} --trust trust.json`] };
}

async function subjectTags(context: Context, options: Options): Promise<SubjectTags> {
  const given = options.list("tags");
  const tags =
    given === undefined
      ? await madeTags(context, options)
      : given.map((text) => ({ quarter: text.slice(0, text.indexOf(".")), tag: text.slice(text.indexOf(".") + 1) }));
  const parsed = SubjectTags.safeParse(tags);
  if (!parsed.success) throw new UsageError("tags look like 2026Q3.<43 characters>,2026Q4.<43 characters>");
  return parsed.data;
}

async function madeTags(context: Context, options: Options): Promise<SubjectTags> {
  const [identifier, quarters] = [options.text("identifier"), options.list("quarters")];
  if (identifier === undefined || quarters === undefined) {
    throw new UsageError("whose trail? give --tags, or --keys with --identifier and --quarters");
  }
  const ring = await readTagKeys(context.path(options.required("keys", "--keys")));
  return quarters.map((quarter) => ({ quarter, tag: tagOf(ring, quarter, identifier) }));
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

async function verify(context: Context, files: readonly string[], options: Options): Promise<Result> {
  const trust = await context.trust(blockHashes(options));
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
  const bytes = await context.read(context.path(file));
  if (bytes.includes('"kind":"ledger-fork"')) return ledgerFork(context, file, bytes, trust);
  if (bytes.includes('"kind":"log-vs-ledger"')) return logVsLedger(context, file, bytes, trust);
  const verdict = await verifyEvidence(bytes, trust);
  return { json: { file, ...verdict }, text: evidenceText(file, verdict, context.lang), exitCode: verdict.ok ? 0 : 1 };
}

/** Its check takes Fabric's messages, which are loaded only here. */
async function ledgerFork(context: Context, file: string, bytes: Buffer, trust: OpenedTrust): Promise<Result> {
  const { verifyLedgerFork } = await import("../../audit/index.js");
  const verdict = await verifyLedgerFork(bytes.toString("utf8").trimEnd(), trust.trust);
  const json = { file, ...verdict, trustDigest: trust.digest };
  return { json, text: ledgerForkText(file, verdict, context.lang), exitCode: verdict.ok ? 0 : 1 };
}

async function logVsLedger(context: Context, file: string, bytes: Buffer, trust: OpenedTrust): Promise<Result> {
  const verdict = await checkLogVsLedger(bytes.toString("utf8").trimEnd(), trust);
  const json = { file, ...verdict, trustDigest: trust.digest };
  return { json, text: logVsLedgerText(file, verdict, context.lang), exitCode: verdict.ok ? 0 : 1 };
}

async function compare(context: Context, files: readonly string[], options: Options): Promise<Result> {
  const trust = await context.trust();
  if (trust === undefined) throw new UsageError("against which trust file? give --trust FILE");
  const folder = options.text("out");
  if (folder !== undefined) await assertWritable(context, `${folder}/proof`, "--out");
  const held: HeldRecord[] = [];
  const chains: ShownChains[] = [];
  for (const file of files) {
    const path = context.path(file);
    if (await isTrail(path)) {
      held.push(...(await heldInTrail(chunksOf(path))));
      chains.push(await readShownChains(chunksOf(path)));
    } else held.push(heldInReceipt(await context.read(path)));
  }
  const found: { readonly file: string; readonly verdict: EvidenceVerdict }[] = [];
  for (const proof of [...contradictions(held), ...chains.flatMap((shown) => ignoredStops(shown, held))]) {
    const text = `${canonical(proof, PROOF_LIMITS)}\n`;
    const verdict = await verifyEvidence(text, trust);
    // Nobody is accused by what others wrote in their name.
    if (!verdict.ok) continue;
    const file = `${sha256Text(text)}.evidence.json`;
    if (folder !== undefined) await writeBeside(context, `${folder}/${file}`, text);
    found.push({ file: folder === undefined ? file : `${folder}/${file}`, verdict });
  }
  const facts = { ok: found.length === 0, compared: held.length };
  const text =
    found.length === 0
      ? `${word("nothingContradicts", context.lang)} ${held.length} ${word("records", context.lang)}`
      : found.map(({ file, verdict }) => evidenceText(file, verdict, context.lang)).join("\n\n");
  const proofs = found.map(({ file, verdict }) => ({ file, ...verdict }));
  return { json: { ...facts, proofs }, text, exitCode: facts.ok ? 0 : 1 };
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
