/**
 * The deep audit: every block from the pinned first one, read and judged as a peer would, without a peer. One block at a time;
 * what is kept are versions of keys and ids of transactions.
 */
import { equalBytes } from "@quanji/chaincode/log";
import { peer } from "@hyperledger/fabric-protos";
import { type Block, checkData, parseBlock } from "./block.js";
import type { ChannelConfig, LedgerKind } from "./config.js";
import { configOf, hasConfig } from "./config-block.js";
import { type AuditFinding, AuditFault, type AuditPlace, fail } from "./findings.js";
import { type AuditedLog, type KnownRoot, Logs } from "./logs.js";
import { checkOrderers } from "./orderers.js";
import { State } from "./state.js";
import { type Code, readTransaction } from "./transaction.js";
import { UNCHECKED, type Unchecked } from "./unchecked.js";
import { validateBlock } from "./validation.js";

/** What is pinned. Hashes are header hashes, base64url. */
export interface AuditTrust {
  readonly genesis: string;
  /** Blocks that may change the configuration. */
  readonly configs: readonly string[];
}

export interface AuditOptions {
  /** Roots that gateways signed, to compare with. */
  readonly known?: readonly KnownRoot[];
  /** Told after each block how many are done. */
  readonly progress?: (blocks: number) => void;
}

export interface AuditVerdict {
  readonly ok: boolean;
  readonly kind: "audit";
  readonly code?: "PROOF_INVALID";
  readonly detail?: AuditFinding;
  readonly message?: string;
  readonly at?: AuditPlace;
  /** Absent if block 0 could not be read. */
  readonly ledger?: LedgerKind;
  readonly channel?: string;
  /** Blocks that hold, from 0. */
  readonly blocks: number;
  /** Header hash of the last one, base64url: what witnesses compare. */
  readonly lastHash?: string;
  readonly transactions: number;
  readonly valid: number;
  /** Blocks with a configuration, the first included. */
  readonly configs: number;
  /** Public keys and hashes of private keys in the state that follows. */
  readonly keys: number;
  readonly logs: readonly AuditedLog[];
  readonly unchecked: readonly Unchecked[];
}

/** @param blocks files from block 0 on, in order. Never throws for a bad block: the verdict names it. */
export async function auditBlocks(
  blocks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  trust: AuditTrust,
  options: AuditOptions = {},
): Promise<AuditVerdict> {
  const audit = new Audit(trust, options.known ?? []);
  try {
    for await (const bytes of blocks) {
      await audit.take(bytes);
      options.progress?.(audit.blocks);
    }
    return audit.finish();
  } catch (error) {
    if (!(error instanceof AuditFault)) throw error;
    const { finding, message, place } = error;
    return { ok: false, code: "PROOF_INVALID", detail: finding, message, at: place, ...audit.facts([]) };
  }
}

/** Faults of a transaction that is stored as valid. */
const FAULTS: Partial<Record<Code, AuditFinding>> = {
  BAD_CREATOR_SIGNATURE: "TX_CREATOR",
  DUPLICATE_TXID: "TX_DUPLICATE",
  ENDORSEMENT_POLICY_FAILURE: "ENDORSEMENT_POLICY",
  MVCC_READ_CONFLICT: "TX_CONFLICT",
  PHANTOM_READ_CONFLICT: "TX_CONFLICT",
};

class Audit {
  readonly #trust: AuditTrust;
  readonly #state = new State();
  readonly #logs: Logs;
  #config: ChannelConfig | undefined;
  #lastConfig = 0;
  #last: Block | undefined;
  #transactions = 0;
  #valid = 0;
  #configs = 0;
  /** Whether the blocks after the first have validity bytes: all or none. */
  #hasFilter: boolean | undefined;

  constructor(trust: AuditTrust, known: readonly KnownRoot[]) {
    this.#trust = trust;
    this.#logs = new Logs(known);
  }

  get blocks(): number {
    return (this.#last?.number ?? -1) + 1;
  }

  async take(bytes: Uint8Array): Promise<void> {
    const block = parseBlock(bytes, this.blocks);
    // 1. It is the pinned first block, or follows the one before; its header hashes its transactions.
    this.#checkPlace(block);
    checkData(block);
    const isConfig = hasConfig(block);
    const before = this.#config;
    if (before === undefined) {
      await this.#begin(block, isConfig);
    } else {
      // 2. Enough orderers signed, by the configuration that was in force before it.
      checkOrderers(block, before, isConfig ? block.number : this.#lastConfig);
      // 3. A configuration is one that the trust file names.
      if (isConfig) await this.#reconfigure(block, before);
      // 4. Every transaction is judged again, and its effect derived.
      else this.#judge(block, before);
    }
    this.#last = block;
  }

  finish(): AuditVerdict {
    if (this.#last === undefined) fail("BLOCK_MISSING", "there is no block at all");
    return { ok: true, ...this.facts(this.#logs.finish()) };
  }

  facts(logs: readonly AuditedLog[]): Omit<AuditVerdict, "ok"> {
    const config = this.#config;
    const lastHash = this.#last?.hash.toString("base64url");
    return {
      kind: "audit",
      ...(config !== undefined && { ledger: config.kind, channel: config.channel }),
      blocks: this.blocks,
      ...(lastHash !== undefined && { lastHash }),
      transactions: this.#transactions,
      valid: this.#valid,
      configs: this.#configs,
      keys: this.#state.keys,
      logs,
      unchecked: this.#unchecked(logs),
    };
  }

  #unchecked(logs: readonly AuditedLog[]): readonly Unchecked[] {
    const open: Record<Unchecked, boolean> = {
      later: true,
      uniqueness: this.#config?.kind === "raft",
      organisations: this.#config?.kind === "embedded",
      private: true,
      administrators: this.#configs > 1,
      commitHash: true,
      filter: this.#hasFilter === false,
      checkpoints: logs.some(({ checkpoints, size }) => checkpoints === 0 && size > 0),
    };
    return (Object.keys(UNCHECKED) as Unchecked[]).filter((name) => open[name]);
  }

  #checkPlace({ number, previousHash, hash }: Block): void {
    const place = { block: this.blocks };
    if (number !== this.blocks) fail("BLOCK_CHAIN", `the block has number ${number}`, place);
    if (this.#last === undefined) {
      if (hash.toString("base64url") !== this.#trust.genesis) {
        fail("GENESIS_HASH", "block 0 is not the one that is pinned", place);
      }
    } else if (!equalBytes(previousHash, this.#last.hash)) {
      fail("BLOCK_CHAIN", "the block does not name the one before", place);
    }
  }

  async #begin(block: Block, isConfig: boolean): Promise<void> {
    if (!isConfig) fail("CONFIG_UNSUPPORTED", "block 0 is no configuration", { block: 0 });
    this.#config = await configOf(block);
    this.#configs = 1;
    this.#compare(block, ["VALID"]);
  }

  async #reconfigure(block: Block, before: ChannelConfig): Promise<void> {
    const place = { block: block.number, tx: 0 };
    if (!this.#trust.configs.includes(block.hash.toString("base64url"))) {
      fail("CONFIG_UNKNOWN", "the block changes the configuration, and the trust file does not name it", place);
    }
    const read = readTransaction(block.envelopes[0] ?? new Uint8Array(), before);
    // A configuration is read up to the point where an endorsed transaction would have to begin.
    if ("fault" in read && read.fault !== "UNSUPPORTED_TX_PAYLOAD") {
      fail("TX_CREATOR", `the configuration is not signed by a member: ${read.fault}`, place);
    }
    const config = await configOf(block);
    if (config.channel !== before.channel || config.kind !== before.kind) {
      fail("CONFIG_UNSUPPORTED", "the channel changes its name or its way to order", place);
    }
    this.#config = config;
    this.#lastConfig = block.number;
    this.#configs++;
    this.#compare(block, ["VALID"]);
  }

  #judge(block: Block, config: ChannelConfig): void {
    const reads = block.envelopes.map((envelope) => readTransaction(envelope, config));
    const { codes, updates } = validateBlock(block.number, reads, this.#state, config);
    this.#compare(block, codes);
    reads.forEach((read, tx) => {
      if (!("fault" in read) && codes[tx] === "VALID") this.#logs.take(read, { block: block.number, tx });
      if (read.txId !== "") this.#state.addTransaction(read.txId);
    });
    this.#state.commit(updates);
    this.#transactions += reads.length;
    this.#valid += codes.filter((code) => code === "VALID").length;
  }

  /** What is stored is compared, never believed. */
  #compare({ number, filter }: Block, codes: readonly Code[]): void {
    const has = filter.length > 0;
    if (number === 0 && !has) return;
    if (number > 0) this.#hasFilter ??= has;
    if (!has && this.#hasFilter === false) return;
    if (filter.length !== codes.length) {
      fail("TX_FILTER", `there are ${filter.length} validity bytes for ${codes.length} transactions`, {
        block: number,
      });
    }
    codes.forEach((code, tx) => {
      const stored = nameOf(filter[tx] ?? -1);
      if (stored === code) return;
      const finding = stored === "VALID" ? (FAULTS[code] ?? "TX_FORM") : "TX_FILTER";
      fail(finding, `it follows that the transaction is ${code}, and it is stored as ${stored}`, { block: number, tx });
    });
  }
}

const NAMES = new Map(Object.entries(peer.TxValidationCode).map(([name, code]) => [code as number, name]));
const nameOf = (code: number): string => NAMES.get(code) ?? `code ${code}`;
