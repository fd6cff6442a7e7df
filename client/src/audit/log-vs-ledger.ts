/**
 * A log that signed another tree than the ledger has: a checkpoint, and the block in which the log came to that size with another
 * root. That a transaction stands in a block does not make it valid, and nobody signs which are. So a later transaction is shown
 * whose endorsers read the log's head as that one wrote it: peers of several organisations had committed it.
 */
import {
  isQuanjiError,
  LOG_VS_LEDGER_LIMITS,
  type LogVsLedgerProof,
  LogVsLedgerProof as Schema,
  parseWith,
} from "@quanji/chaincode/domain";
import { fromBase64url, fromUtf8, type Hash, hashText, parseCanonical, toBase64url } from "@quanji/chaincode/log";
import { publicKeys } from "@quanji/chaincode/world";
import { z } from "zod";
import type { AuditTrust } from "./audit.js";
import { type Block, checkData, parseBlock } from "./block.js";
import type { ChannelConfig } from "./config.js";
import { configOf, hasConfig } from "./config-block.js";
import { AuditFault, type AuditFinding, fail } from "./findings.js";
import { checkOrderers, lastConfigIn } from "./orderers.js";
import { readTransaction, type Transaction } from "./transaction.js";

/** A checkpoint whose signature has been checked. */
export interface SignedRoot {
  readonly origin: string;
  readonly size: number;
  readonly root: Hash;
}

export interface LogVsLedgerVerdict {
  readonly ok: boolean;
  readonly kind: "evidence";
  readonly shows: "log-vs-ledger";
  readonly code?: "PROOF_INVALID";
  /** Of the audit, or of a checkpoint's check. */
  readonly detail?: AuditFinding | (string & {});
  readonly message?: string;
  readonly log?: string;
  readonly size?: number;
  /** Number of the block that wrote the other root. */
  readonly block?: number;
  /** The checkpoint's and the ledger's, base64url. */
  readonly roots?: readonly [string, string];
  /** Organisations whose peers had committed the ledger's. */
  readonly endorsed?: readonly string[];
  readonly accused: readonly { readonly name: string; readonly role: "log" }[];
}

/** One organisation's word is not enough to convict another's log. */
const MIN_ENDORSED = 2;
const CHAINCODE = "quanji";
const Head = z.object({ size: z.int().min(0), root: z.string() });

const common = { kind: "evidence", shows: "log-vs-ledger" } as const;

/**
 * Never throws for bad evidence, only for what is none of this kind. Errors: MALFORMED, NOT_CANONICAL.
 * @param open checks a checkpoint's signature; throws what is wrong with it
 */
export async function verifyLogVsLedger(
  file: string | Uint8Array,
  trust: AuditTrust,
  open: (note: string) => Promise<SignedRoot>,
): Promise<LogVsLedgerVerdict> {
  const proof = parseWith(Schema, parseCanonical(file, LOG_VS_LEDGER_LIMITS));
  try {
    return { ok: true, ...common, ...(await check(proof, trust, await open(proof.checkpoint))) };
  } catch (error) {
    const refused = { ok: false, ...common, code: "PROOF_INVALID", accused: [] } as const;
    if (error instanceof AuditFault) return { ...refused, detail: error.finding, message: error.message };
    if (!isQuanjiError(error)) throw error;
    return { ...refused, detail: error.detail ?? error.code, message: error.message };
  }
}

type Shown = Required<Pick<LogVsLedgerVerdict, "log" | "size" | "block" | "roots" | "endorsed" | "accused">>;

async function check(proof: LogVsLedgerProof, trust: AuditTrust, signed: SignedRoot): Promise<Shown> {
  // 1. The configuration is one that the trust file names, and orderers signed both blocks under it.
  const holder = parseBlock(fromBase64url(proof.config), 0);
  if (![trust.genesis, ...trust.configs].includes(holder.hash.toString("base64url"))) {
    fail("CONFIG_UNKNOWN", "the trust file does not name the configuration", { block: holder.number });
  }
  checkData(holder);
  if (!hasConfig(holder)) fail("CONFIG_UNSUPPORTED", "the block holds no configuration", { block: holder.number });
  const config = await configOf(holder);
  const [block, later] = [proof.block, proof.later].map((text) => parseBlock(fromBase64url(text), 0)) as [Block, Block];
  for (const one of [block, later]) {
    if (one.number <= holder.number)
      fail("LAST_CONFIG", "the block is not after the configuration", { block: one.number });
    checkData(one);
    checkOrderers(one, config, holder.number);
  }
  if (later.number <= block.number) fail("BLOCK_CHAIN", "the later block is not later", { block: later.number });

  // 2. The block writes another root of that size.
  const wrote = writerOf(block, signed, config);
  if (wrote === undefined) {
    return fail("FORK_UNPROVEN", "the block writes no other root of the log at that size", { block: block.number });
  }

  // 3. Peers of several organisations had committed it when they endorsed what came later.
  const endorsed = readersOf(later, signed.origin, { block: block.number, tx: wrote.tx }, config);
  if (endorsed.length < MIN_ENDORSED) {
    fail("FORK_UNPROVEN", "too few organisations have read that root as committed", { block: later.number });
  }
  const { origin, size, root } = signed;
  return {
    log: origin,
    size,
    block: block.number,
    roots: [hashText(root), wrote.root],
    endorsed,
    accused: [{ name: origin, role: "log" }],
  };
}

interface Place {
  readonly block: number;
  readonly tx: number;
}

function* transactionsOf(
  block: Block,
  config: ChannelConfig,
): Generator<{ readonly tx: number; readonly read: Transaction }> {
  for (const [tx, envelope] of block.envelopes.entries()) {
    const read = readTransaction(envelope, config);
    if (!("fault" in read)) yield { tx, read };
  }
}

/** The transaction that makes the log as large and gives it another root. */
function writerOf(
  block: Block,
  { origin, size, root }: SignedRoot,
  config: ChannelConfig,
): { readonly tx: number; readonly root: string } | undefined {
  for (const { tx, read } of transactionsOf(block, config)) {
    const head = headIn(read, origin);
    if (head?.size === size && head.root !== hashText(root)) return { tx, root: head.root };
  }
  return undefined;
}

function headIn({ sets }: Transaction, origin: string): z.infer<typeof Head> | undefined {
  const writes = sets.find(({ namespace }) => namespace === CHAINCODE)?.writes ?? [];
  const value = writes.find(({ key }) => key === publicKeys.log(origin))?.value;
  if (value === undefined) return undefined;
  try {
    return Head.safeParse(JSON.parse(fromUtf8(value))).data;
  } catch {
    return undefined; // not UTF-8, or not JSON
  }
}

/** MSPs whose peers endorsed a transaction that read the log's head in that version. */
function readersOf(block: Block, origin: string, version: Place, config: ChannelConfig): readonly string[] {
  const msps = new Set<string>();
  for (const { read } of transactionsOf(block, config)) {
    if (reads(read, origin, version)) for (const { msp } of read.endorsers) msps.add(msp);
  }
  return [...msps].sort();
}

function reads({ sets }: Transaction, origin: string, { block, tx }: Place): boolean {
  const own = sets.find(({ namespace }) => namespace === CHAINCODE)?.reads ?? [];
  return own.some(
    ({ key, version }) => key === publicKeys.log(origin) && version?.block === block && version.tx === tx,
  );
}

/**
 * Makes a proof from a peer's blocks. Undefined where the ledger has no other root of exactly that size, or nothing later has
 * read it yet. Errors: those of blocks that are none.
 * @param blocks from block 0 on
 * @param checkpoint signed note, verbatim, and what it says
 */
export async function findLogVsLedger(
  blocks: AsyncIterable<Uint8Array>,
  checkpoint: SignedRoot & { readonly note: string },
): Promise<LogVsLedgerProof | undefined> {
  /** Configurations so far, whole, by number. */
  const configs = new Map<number, { readonly bytes: Uint8Array; readonly config: ChannelConfig }>();
  let found: { readonly bytes: Uint8Array; readonly config: number; readonly at: Place } | undefined;
  let number = 0;
  for await (const bytes of blocks) {
    const block = parseBlock(bytes, number);
    if (hasConfig(block)) configs.set(number, { bytes, config: await configOf(block) });
    const named = lastConfigIn(block) ?? 0;
    const { config } = configs.get(named) ?? {};
    number++;
    if (config === undefined) continue;
    if (found === undefined) {
      const wrote = writerOf(block, checkpoint, config);
      if (wrote !== undefined) found = { bytes, config: named, at: { block: block.number, tx: wrote.tx } };
    } else if (named === found.config && readersOf(block, checkpoint.origin, found.at, config).length >= MIN_ENDORSED) {
      return {
        v: "quanji.evidence.v1",
        kind: "log-vs-ledger",
        checkpoint: checkpoint.note,
        config: toBase64url(configs.get(named)?.bytes ?? new Uint8Array()),
        block: toBase64url(found.bytes),
        later: toBase64url(bytes),
      };
    }
  }
  return undefined;
}
