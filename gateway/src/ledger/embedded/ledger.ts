/**
 * The embedded ledger: Fabric's semantics in one process, over LevelDB. Simulate, endorse, order, validate, commit; blocks,
 * transactions and hashes have Fabric's form, so that one verifier reads both ledgers.
 */
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { QuanjiError } from "@quanji/chaincode/domain";
import type { BlockStream, Committed, Ledger, TransactionRequest, WitnessView } from "../ledger.js";
import { mspsOf, type Topology } from "../topology.js";
import { Chaincode, type ChaincodeTable, type Report } from "./chaincode.js";
import { Endorser, type SimulationMode } from "./endorser.js";
import { Engine, type Limits } from "./engine.js";
import { Stream } from "./feed.js";
import type { FsckProgress, FsckReport } from "./fsck.js";
import type { Hooks } from "./hooks.js";
import { openChain } from "./opening.js";
import { Orderer } from "./orderer.js";
import { Past } from "./past.js";
import { promised } from "./signal.js";
import { Store } from "./store.js";
import { newWitnessView } from "./witness-view.js";

export interface EmbeddedLedgerOptions {
  /** Data folder; the ledger keeps `organisations/` and `ledger/` in it. One process at a time. */
  readonly folder: string;
  readonly topology: Topology;
  readonly contracts: readonly ChaincodeTable[];
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  /** That many fresh, unpredictable bytes. (The organisations' keys come from WebCrypto.) */
  readonly random: (size: number) => Uint8Array;
  /** Whose client submits and reads. Default: the first organisation that is not the regulator. */
  readonly submitterMsp?: string;
  /** Default: `each` with hooks, else `once`. */
  readonly simulate?: SimulationMode;
  /** Faults for tests; absent in service. */
  readonly hooks?: Hooks;
  /** `buffered` answers before the disk has synced: for tests only. Default: `synced`. */
  readonly durability?: "synced" | "buffered";
  /** Gets what contracts throw by mistake; callers get INTERNAL. Default: nobody. */
  readonly report?: Report;
  readonly limits?: Partial<Limits>;
}

const LIMITS: Limits = { deadlineMs: 10_000, underWay: 1024 };

export interface EmbeddedLedger extends Ledger {
  /** The same ledger through another organisation's client. Closing either closes both. Errors: CONFIG_INVALID. */
  as(msp: string): EmbeddedLedger;
  /** Re-derives everything from the blocks and compares. Costs a pass over the whole ledger, and its state in memory. */
  fsck(progress?: FsckProgress): Promise<FsckReport>;
}

/**
 * Opens the ledger in `folder`, making it there at the first start. Errors: CONFIG_INVALID (`folder` · LOCKED, KEYS_MISSING,
 * KEYS_FOREIGN, FORMAT; `submitterMsp`; a member of the topology that is not this ledger's), INTERNAL · LEDGER_CORRUPT.
 */
export async function openEmbeddedLedger(options: EmbeddedLedgerOptions): Promise<EmbeddedLedger> {
  const { folder, topology, durability, submitterMsp = defaultSubmitter(topology) } = options;
  assertMember(topology, submitterMsp);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const store = await Store.open(path.join(folder, "ledger"), { sync: durability !== "buffered" });
  try {
    return new ClientLedger(await openEngine(store, options), topology, submitterMsp);
  } catch (error) {
    await store.close();
    throw error;
  }
}

const defaultSubmitter = (topology: Topology): string =>
  mspsOf(topology).find((msp) => msp !== topology.regulator) ?? topology.regulator;

function assertMember(topology: Topology, msp: string): void {
  if (mspsOf(topology).includes(msp)) return;
  throw new QuanjiError("CONFIG_INVALID", `${msp} is not an organisation of the topology`, { field: "submitterMsp" });
}

async function openEngine(store: Store, options: EmbeddedLedgerOptions): Promise<Engine> {
  const { topology, clock, random, hooks = {}, report = () => undefined } = options;
  const { organisations, tip, rules } = await openChain(store, options);
  const past = new Past(hooks.lag === undefined ? undefined : store);
  const orderer = new Orderer({
    store,
    tip,
    rules,
    signer: organisations.orderer.signer,
    random,
    hooks,
    beforeWrite: () => past.remember(),
  });
  const endorser = new Endorser({
    topology,
    organisations,
    policies: rules.policies,
    chaincode: new Chaincode(options.contracts, report),
    store,
    past,
    clock,
    random,
    mode: options.simulate ?? (options.hooks === undefined ? "once" : "each"),
    hooks,
  });
  return new Engine({ store, orderer, endorser, rules, hooks, limits: { ...LIMITS, ...options.limits } });
}

class ClientLedger implements EmbeddedLedger {
  readonly #engine: Engine;
  readonly #topology: Topology;
  readonly #msp: string;

  constructor(engine: Engine, topology: Topology, msp: string) {
    this.#engine = engine;
    this.#topology = topology;
    this.#msp = msp;
  }

  as(msp: string): EmbeddedLedger {
    assertMember(this.#topology, msp);
    return new ClientLedger(this.#engine, this.#topology, msp);
  }

  submit(transaction: TransactionRequest): Promise<Committed> {
    return this.#engine.submit(this.#msp, transaction);
  }

  evaluate(transaction: TransactionRequest): Promise<string> {
    return this.#engine.evaluate(this.#msp, transaction);
  }

  blocks(from: number): BlockStream {
    const engine = this.#engine;
    const source = {
      height: () => engine.tip.number + 1,
      isClosed: () => engine.isClosed(),
      changed: engine.changed,
      read: (number: number) => engine.read(number, this.#msp),
    };
    return new Stream(source, from);
  }

  height(): Promise<number> {
    return Promise.resolve(this.#engine.tip.number + 1);
  }

  blockBytes(number: number): Promise<Uint8Array | undefined> {
    return promised(() => this.#engine.blockBytes(number));
  }

  find(txId: string): ReturnType<Ledger["find"]> {
    return this.#engine.find(txId);
  }

  view(): Promise<WitnessView> {
    return promised(() => newWitnessView(this.#engine.view()));
  }

  fsck(progress?: FsckProgress): Promise<FsckReport> {
    return this.#engine.fsck(progress);
  }

  close(): Promise<void> {
    return this.#engine.close();
  }
}
