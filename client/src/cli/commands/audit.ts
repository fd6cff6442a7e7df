import { type Command } from "commander";
import { z } from "zod";
import { LEDGER_FORK_LIMITS, LOG_VS_LEDGER_LIMITS, QuanjiError } from "@quanji/chaincode/domain";
import {
  canonical,
  formatNote,
  parseCheckpoint,
  parseNote,
  parseTlogProof,
  type SignedNote,
} from "@quanji/chaincode/log";
import type { AuditVerdict, BlockFolder, KnownRoot, LedgerForkVerdict, LogVsLedgerVerdict } from "../../audit/index.js";
import { verifyCheckpoint } from "../../verify/checkpoint.js";
import { type OpenedTrust, verifyReceipt } from "../../verify/index.js";
import { auditText, ledgerForkText, logVsLedgerText } from "../audit-text.js";
import type { Context } from "../context.js";
import { assertWritable, unreadable, writeBeside } from "../files.js";
import { callGateway } from "../gateway-program.js";
import { word } from "../messages.js";
import { type Options, UsageError } from "../options.js";
import { pairs, type Result } from "../output.js";
import { progress } from "../progress.js";
import { declare, type Runtime } from "../program.js";

export function auditCommands(program: Command, runtime: Runtime): void {
  declare(program, runtime, [
    {
      usage: "blocks",
      summary:
        "For the operator of a gateway on the embedded ledger: write the blocks of a data folder at rest into files, for an audit. Run again later, it adds the new ones.",
      options: [
        ["--data <folder>", "the gateway's data folder (default: QUANJI_DATA, or ./data)"],
        ["--out <folder>", "where 0.block, 1.block … go; made if it is not there"],
      ],
      examples: ["blocks --data /srv/quanji --out blocks"],
      run: writeBlocks,
    },
    {
      usage: "audit",
      summary:
        "Audit a ledger's blocks from the first on, offline and without a peer: hashes, orderers, signatures, policies, conflicts, logs. Exit code 0: they hold; 1: they do not.",
      options: [
        ["--blocks <folder>", "files of blocks, as quanji blocks or Fabric's peer channel fetch writes them"],
        ["--evidence <file>...", "receipt, proof or checkpoint, whose root the blocks must lead to"],
        ["--against <folder>", "blocks from another peer: where the two differ, a portable proof is made"],
        [
          "--out <file>",
          "where to keep that proof, or without --against the one that a checkpoint of --evidence contradicts the blocks",
        ],
      ],
      examples: [
        "audit --blocks blocks --trust trust.json",
        "audit --blocks blocks --evidence use.receipt.json --trust trust.json --json",
      ],
      run: audit,
    },
  ]);
}

const Written = z.looseObject({ ok: z.boolean(), folder: z.string(), blocks: z.number(), written: z.number() });

async function writeBlocks(context: Context, _args: readonly string[], options: Options): Promise<Result> {
  const out = options.required("out", "--out");
  await assertWritable(context, `${out}/0.block`, "--out").catch((error: unknown) => {
    // The folder itself is made; the one around it has to be there.
    if (error instanceof UsageError) return assertParent(context, out);
    throw error;
  });
  const bar = progress(context.io, "writing", "blocks");
  try {
    const said = await callGateway(context.io, {
      task: "blocks",
      variables: {
        QUANJI_DATA: context.path(options.text("data") ?? context.io.env["QUANJI_DATA"] ?? "data"),
        QUANJI_BLOCKS: context.path(out),
      },
      progress: (done, of) => bar.update(done, of),
    });
    const written = Written.safeParse(said);
    if (!written.success) throw new QuanjiError("INTERNAL", "the gateway's program said what no answer says");
    const { folder, blocks, written: fresh } = written.data;
    return {
      json: written.data,
      text: pairs({ folder, blocks, written: fresh }),
      notes: [`next: quanji audit --blocks ${out} --trust trust.json`],
    };
  } finally {
    bar.end();
  }
}

const assertParent = (context: Context, out: string): Promise<void> => assertWritable(context, out, "--out");

async function audit(context: Context, _args: readonly string[], options: Options): Promise<Result> {
  const named = options.required("blocks", "--blocks");
  const trust = await context.trust();
  if (trust === undefined) {
    throw new UsageError("against which trust file? give --trust FILE; quanji trust fetch gets one");
  }
  // Loaded only here: Fabric's messages take longer to load than most commands to run.
  const { auditBlocks } = await import("../../audit/index.js");
  const folder = await foldered(context, named);
  const other = await comparedWith(context, options);
  const known = await knownRoots(context, options.many("evidence"), trust);
  const bar = progress(context.io, "auditing", "blocks");
  let verdict: AuditVerdict;
  try {
    const { genesis, configs } = trust.trust;
    verdict = await auditBlocks(
      folder.read(),
      { genesis, configs },
      { known, progress: (blocks) => bar.update(blocks, folder.count) },
    );
  } finally {
    bar.end();
  }
  const { digest, singleOperator } = trust;
  const common = { ...verdict, trustDigest: digest, singleOperator };
  const text = auditText(named, verdict, trust, context.lang);
  const exitCode = verdict.ok ? 0 : 1;
  if (other === undefined) {
    const proof = verdict.detail === "FORK" ? await logAgainst(context, folder, known, trust, options) : undefined;
    if (proof === undefined) return { json: common, text, exitCode };
    const { where, shown } = proof;
    return {
      json: { ...common, proof: shown },
      text: `${text}\n\n${logVsLedgerText(where, shown, context.lang)}`,
      exitCode,
    };
  }
  const fork = await forkBetween(context, folder, other, trust);
  if (fork === undefined) {
    return { json: { ...common, fork: null }, text, notes: [word("sameBlocks", context.lang)], exitCode };
  }
  const where = other.out ?? other.name;
  const told = ledgerForkText(where, fork, context.lang);
  return { json: { ...common, fork }, text: `${text}\n\n${told}`, exitCode: 1 };
}

/** Errors: usage. */
async function foldered(context: Context, name: string): Promise<BlockFolder> {
  const { DoubleBlock, openFolder } = await import("../../audit/index.js");
  const path = context.path(name);
  const folder = await openFolder(path).catch((cause: unknown) => {
    throw cause instanceof DoubleBlock
      ? new UsageError(`${path}: ${cause.message}; take one away`)
      : unreadable(path, cause);
  });
  if (folder.count > 0) return folder;
  throw new UsageError(`${path} holds no block: its files are called 0.block, 1.block …; quanji blocks writes them`);
}

interface Compared {
  readonly name: string;
  readonly folder: BlockFolder;
  readonly out: string | undefined;
}

async function comparedWith(context: Context, options: Options): Promise<Compared | undefined> {
  const [name, out] = [options.text("against"), options.text("out")];
  await assertWritable(context, out, "--out");
  if (name === undefined) {
    if (out !== undefined && options.many("evidence").length === 0) {
      throw new UsageError("--out keeps what --against or --evidence finds: give one of them");
    }
    return undefined;
  }
  return { name, folder: await foldered(context, name), out };
}

/** Undefined where two peers' blocks agree as far as both go. */
async function forkBetween(
  context: Context,
  one: BlockFolder,
  { folder, out }: Compared,
  { trust }: OpenedTrust,
): Promise<LedgerForkVerdict | undefined> {
  const { findLedgerFork } = await import("../../audit/index.js");
  const fork = await findLedgerFork(one.read(), folder.read(), trust);
  if (fork?.proof !== undefined && out !== undefined) {
    await writeBeside(context, out, `${canonical(fork.proof, LEDGER_FORK_LIMITS)}\n`);
  }
  return fork?.verdict;
}

/** Of the checkpoints that were given, the first that the blocks contradict at its very size. */
async function logAgainst(
  context: Context,
  folder: BlockFolder,
  known: readonly KnownCheckpoint[],
  trust: OpenedTrust,
  options: Options,
): Promise<{ readonly where: string; readonly shown: LogVsLedgerVerdict } | undefined> {
  const { findLogVsLedger } = await import("../../audit/index.js");
  const out = options.text("out");
  for (const checkpoint of known) {
    const proof = await findLogVsLedger(folder.read(), checkpoint);
    if (proof === undefined) continue;
    const text = canonical(proof, LOG_VS_LEDGER_LIMITS);
    const shown = await checkLogVsLedger(text, trust);
    if (out !== undefined) await writeBeside(context, out, `${text}\n`);
    return { where: out ?? checkpoint.source, shown };
  }
  return undefined;
}

/** A proof of a log that contradicts the ledger, by a trust file. */
export async function checkLogVsLedger(text: string, trust: OpenedTrust): Promise<LogVsLedgerVerdict> {
  const { verifyLogVsLedger } = await import("../../audit/index.js");
  return verifyLogVsLedger(text, trust.trust, async (note) => {
    const signed = parseNote(note);
    const { origin } = parseCheckpoint(signed.text);
    const { checkpoint } = await verifyCheckpoint(signed, origin, trust);
    return { origin, size: checkpoint.size, root: checkpoint.root };
  });
}

type KnownCheckpoint = KnownRoot & { readonly note: string };

/** Errors: usage; those of evidence that does not hold itself. */
async function knownRoots(
  context: Context,
  files: readonly string[],
  trust: OpenedTrust,
): Promise<readonly KnownCheckpoint[]> {
  const known: KnownCheckpoint[] = [];
  for (const source of files) {
    const bytes = await context.read(context.path(source));
    const note = await noteIn(source, bytes, trust);
    const { origin } = parseCheckpoint(note.text);
    const { checkpoint } = await verifyCheckpoint(note, origin, trust);
    known.push({ origin, size: checkpoint.size, root: checkpoint.root, source, note: formatNote(note) });
  }
  return known;
}

const Receipt = z.looseObject({ payload: z.string() });
/** Payload of a receipt, and a file with a later proof beside it. */
const WithProof = z.looseObject({ proof: z.string() });

/** A receipt has to hold as a whole before its checkpoint is used. */
async function noteIn(source: string, bytes: Buffer, trust: OpenedTrust): Promise<SignedNote> {
  const text = bytes.toString("utf8");
  if (text.startsWith("c2sp.org/tlog-proof")) return parseTlogProof(text).note;
  if (!text.startsWith("{")) return parseNote(text);
  const { ok, code = "PROOF_INVALID", detail, message } = await verifyReceipt(bytes, trust);
  if (!ok) {
    throw new QuanjiError(code, `${source}: ${message ?? "the receipt does not hold"}`, {
      ...(detail !== undefined && { detail }),
    });
  }
  const file: unknown = JSON.parse(text);
  const upgraded = WithProof.safeParse(file);
  if (upgraded.success) return parseTlogProof(upgraded.data.proof).note;
  const { payload } = Receipt.parse(file);
  return parseTlogProof(WithProof.parse(JSON.parse(Buffer.from(payload, "base64url").toString("utf8"))).proof).note;
}
