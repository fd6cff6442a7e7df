/**
 * Two histories of one ledger: two blocks of one number whose headers differ and that orderers signed under one configuration.
 * On SmartBFT two quorums share a dishonest consenter; on Raft and the embedded ledger one of the signers lied.
 */
import { common } from "@hyperledger/fabric-protos";
import {
  type LedgerForkProof,
  parseWith,
  LedgerForkProof as Schema,
  LEDGER_FORK_LIMITS,
} from "@quanji/chaincode/domain";
import { canonical, equalBytes, fromBase64url, parseCanonical, toBase64url } from "@quanji/chaincode/log";
import type { AuditTrust } from "./audit.js";
import { type Block, checkData, parseBlock } from "./block.js";
import { configOf, hasConfig } from "./config-block.js";
import { AuditFault, type AuditFinding, fail } from "./findings.js";
import type { Identity } from "./msp.js";
import { checkOrderers, lastConfigIn, mayOrder, signersOf } from "./orderers.js";

export interface AccusedOrderer {
  readonly msp: string;
  /** SHA-256 of the certificate, as X.509 tools print it. */
  readonly fingerprint: string;
  /** Whether it signed both; one that signed one of the two may have been honest, but not all of them were. */
  readonly both: boolean;
}

export interface LedgerForkVerdict {
  readonly ok: boolean;
  readonly kind: "evidence";
  readonly shows: "ledger-fork";
  readonly code?: "PROOF_INVALID";
  readonly detail?: AuditFinding;
  readonly message?: string;
  readonly block?: number;
  /** Header hashes, base64url. */
  readonly hashes?: readonly [string, string];
  readonly accused: readonly AccusedOrderer[];
}

/** Never throws for bad evidence, only for what is no ledger fork at all. Errors: MALFORMED, NOT_CANONICAL. */
export async function verifyLedgerFork(file: string | Uint8Array, trust: AuditTrust): Promise<LedgerForkVerdict> {
  const proof = parseWith(Schema, parseCanonical(file, LEDGER_FORK_LIMITS));
  try {
    return { ok: true, kind: "evidence", shows: "ledger-fork", ...(await check(proof, trust)) };
  } catch (error) {
    return refusalOf(error);
  }
}

function refusalOf(error: unknown): LedgerForkVerdict {
  if (!(error instanceof AuditFault)) throw error;
  const { finding, message } = error;
  const code = "PROOF_INVALID" as const;
  return { ok: false, kind: "evidence", shows: "ledger-fork", code, detail: finding, message, accused: [] };
}

type Shown = Required<Pick<LedgerForkVerdict, "block" | "hashes" | "accused">>;

async function check(proof: LedgerForkProof, trust: AuditTrust): Promise<Shown> {
  // 1. The configuration is one that the trust file names, and the whole of it is there.
  const holder = parseBlock(fromBase64url(proof.config), 0);
  const pinned = [trust.genesis, ...trust.configs].includes(holder.hash.toString("base64url"));
  if (!pinned) fail("CONFIG_UNKNOWN", "the trust file does not name the configuration", { block: holder.number });
  checkData(holder);
  if (!hasConfig(holder)) fail("CONFIG_UNSUPPORTED", "the block holds no configuration", { block: holder.number });
  const config = await configOf(holder);

  // 2. Orderers signed both blocks, in enough number, and named that configuration as the one in force.
  const [one, other] = [proof.one, proof.other].map((text) => parseBlock(fromBase64url(text), 0)) as [Block, Block];
  for (const block of [one, other]) {
    if (block.number <= holder.number)
      fail("LAST_CONFIG", "the block is not after the configuration", { block: block.number });
    checkOrderers(block, config, holder.number);
  }

  // 3. They are two blocks of one place.
  if (one.number !== other.number) fail("BLOCK_CHAIN", "the two blocks have different numbers", { block: one.number });
  if (equalBytes(one.header, other.header)) fail("FORK_UNPROVEN", "the two blocks are one", { block: one.number });
  const signers = [one, other].map((block) => signersOf(block, config).filter((signer) => mayOrder(signer, config)));
  return {
    block: one.number,
    hashes: [one.hash.toString("base64url"), other.hash.toString("base64url")],
    accused: accusedOf(signers[0] ?? [], signers[1] ?? []),
  };
}

/** Whoever signed both; where nobody did, all that signed either. */
function accusedOf(first: readonly Identity[], second: readonly Identity[]): AccusedOrderer[] {
  const both = first.filter(({ fingerprint }) => second.some((signer) => signer.fingerprint === fingerprint));
  const accused = both.length > 0 ? both : [...first, ...second];
  return accused.map(({ msp, fingerprint }) => ({ msp, fingerprint, both: both.length > 0 }));
}

export interface LedgerFork {
  /** Absent where the other blocks are not even of this ledger. */
  readonly proof?: LedgerForkProof;
  readonly verdict: LedgerForkVerdict;
}

/** @param first, second two peers' blocks from block 0 on. Undefined where they agree as far as both go. */
export async function findLedgerFork(
  first: AsyncIterable<Uint8Array>,
  second: AsyncIterable<Uint8Array>,
  trust: AuditTrust,
): Promise<LedgerFork | undefined> {
  try {
    const proof = await differenceOf(first, second);
    return proof && { proof, verdict: await verifyLedgerFork(canonical(proof, LEDGER_FORK_LIMITS), trust) };
  } catch (error) {
    return { verdict: refusalOf(error) };
  }
}

async function differenceOf(
  first: AsyncIterable<Uint8Array>,
  second: AsyncIterable<Uint8Array>,
): Promise<LedgerForkProof | undefined> {
  const [left, right] = [first[Symbol.asyncIterator](), second[Symbol.asyncIterator]()];
  /** Configurations so far, whole, by number. */
  const configs = new Map<number, Uint8Array>();
  try {
    for (let number = 0; ; number++) {
      const [a, b] = [await left.next(), await right.next()];
      if (a.done === true || b.done === true) return undefined;
      const [one, other] = [parseBlock(a.value, number), parseBlock(b.value, number)];
      if (!equalBytes(one.header, other.header)) return forkOf(one, a.value, b.value, configs);
      if (hasConfig(one)) configs.set(number, a.value);
    }
  } finally {
    await Promise.all([left.return?.(), right.return?.()]);
  }
}

function forkOf(
  one: Block,
  first: Uint8Array,
  second: Uint8Array,
  configs: ReadonlyMap<number, Uint8Array>,
): LedgerForkProof {
  const config = configs.get(lastConfigIn(one) ?? 0) ?? configs.get(0);
  if (config === undefined) return fail("GENESIS_HASH", "the other blocks begin with another block 0", { block: 0 });
  return {
    v: "quanji.evidence.v1",
    kind: "ledger-fork",
    config: toBase64url(config),
    one: toBase64url(withoutData(first)),
    other: toBase64url(withoutData(second)),
  };
}

/** Header and signatures suffice, and give nothing of the transactions away. */
function withoutData(bytes: Uint8Array): Uint8Array {
  const block = common.Block.deserializeBinary(bytes);
  block.clearData();
  return block.serializeBinary();
}
