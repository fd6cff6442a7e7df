/**
 * The same transactions on a Fabric network and on the embedded ledger, one after the other, each compared in everything that
 * anybody can see of it: outcome and code, result, what each organisation's blocks show (public and own private writes, event,
 * validation code), and in the end every value and every hash of private state at every organisation.
 */
import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { isQuanjiError } from "@quanji/chaincode/domain";
import { sha256Text } from "@quanji/chaincode/log";
import { type ClientName, CLIENTS, openFabricLedger, readProfile } from "@quanji/gateway/fabric";
import {
  type BlockTransaction,
  type EmbeddedLedger,
  type HashedKey,
  type Ledger,
  LedgerError,
  openEmbeddedLedger,
  type TransactionRequest,
  type Write,
} from "@quanji/gateway/testing";
import type { FabricNetwork } from "@quanji/network/fabric";
import { expect } from "chai";
import { Feed } from "./feed.js";
import { Replay, type Table } from "./replay.js";

export const MSPS = ["RegulatorMSP", "HolderMSP", "ExchangeMSP"] as const;
export type Msp = (typeof MSPS)[number];

/** How a submit ended, in what both ledgers must agree on. */
export type Outcome =
  | { readonly result: string }
  | {
      readonly fault: string;
      readonly code?: string | undefined;
      readonly message?: string;
      readonly detail?: string | undefined;
      readonly field?: string | undefined;
      readonly record?: number | undefined;
    };

export interface Ended {
  readonly outcome: Outcome;
  /** As the regulator sees it; undefined if nothing was ordered. */
  readonly transaction: BlockTransaction | undefined;
}

/** Faults after which nothing was ordered and the same request may be endorsed again: a peer lags or just starts. */
const PASSING = ["MISMATCH", "UNAVAILABLE"];
const PATIENCE = 40;
const PAUSE_MS = 50;

interface Side {
  /** More than one where there are several ways to the same ledger. */
  readonly ledgers: Readonly<Record<Msp, readonly [Ledger, ...Ledger[]]>>;
  readonly feeds: Readonly<Record<Msp, Feed>>;
}

export interface PairOptions {
  readonly network: FabricNetwork;
  readonly contracts: readonly Table[];
  /** Connectors to Fabric, which take turns. Default: both. */
  readonly clients?: readonly [ClientName, ...ClientName[]];
}

export class Pair {
  readonly #fabric: Side;
  readonly #embedded: Side;
  readonly #root: EmbeddedLedger;
  readonly #replay: Replay;
  readonly #folder: string;
  #turns = 0;
  /** Every key that was ever written, by name or by hash: its last value, or that it is purged. */
  readonly #written = new Map<string, Write & { readonly isPurged: boolean }>();
  /** Ids of the same transaction on both ledgers. */
  readonly #ordered: [fabric: string, embedded: string][] = [];

  private constructor(fabric: Side, embedded: Side, root: EmbeddedLedger, replay: Replay, folder: string) {
    this.#fabric = fabric;
    this.#embedded = embedded;
    this.#root = root;
    this.#replay = replay;
    this.#folder = folder;
  }

  static async open({ network, contracts, clients = CLIENTS }: PairOptions): Promise<Pair> {
    const folder = await mkdtemp(path.join(tmpdir(), "quanji-pair-"));
    const fabric = await sideOf(async (msp) => {
      const organisation = network.topology.organisations.find((one) => one.msp === msp)?.name ?? "";
      const profile = await readProfile(network.layout.profile(organisation));
      const report = (what: string, error: unknown): void => void process.stderr.write(`${what}: ${String(error)}\n`);
      const open = (client: ClientName): Promise<Ledger> =>
        openFabricLedger({ profile, folder: path.join(folder, msp, client), client, report });
      const [first, ...others] = clients;
      return [await open(first), ...(await Promise.all(others.map(open)))];
    });
    const replay = new Replay();
    const { channel, organisations, regulator } = network.topology;
    const root = await openEmbeddedLedger({
      folder: path.join(folder, "embedded"),
      topology: { channel, organisations, regulator },
      contracts: replay.contracts(contracts),
      clock: replay.clock,
      random: (size) => crypto.getRandomValues(new Uint8Array(size)),
      durability: "buffered",
      simulate: "each",
    });
    const embedded = await sideOf((msp) => Promise.resolve([root.as(msp)]));
    return new Pair(fabric, embedded, root, replay, folder);
  }

  /** A Fabric ledger alone, for what cannot be repeated in the same order. */
  fabric(msp: Msp): Ledger {
    return this.#fabric.ledgers[msp][0];
  }

  embedded(msp: Msp): Ledger {
    return this.#embedded.ledgers[msp][0];
  }

  #next(side: Side, msp: Msp): Ledger {
    const all = side.ledgers[msp];
    return all[this.#turns++ % all.length] ?? all[0];
  }

  async submit(msp: Msp, request: TransactionRequest): Promise<Ended> {
    const ledger = this.#next(this.#fabric, msp);
    const [outcome, txId] = await settled(() => ledger.submit(request));
    const onFabric = txId === undefined ? undefined : await shown(this.#fabric, txId);
    this.#replay.next(onFabric?.RegulatorMSP);
    const [again, embeddedId] = await settled(() => this.embedded(msp).submit(request));
    expect(again, `outcome on the embedded ledger, after Fabric's, of ${request.name}`).to.deep.equal(outcome);
    if (onFabric === undefined) return { outcome, transaction: undefined };
    const onEmbedded = await shown(this.#embedded, embeddedId ?? "");
    for (const one of MSPS) {
      expect(visible(onEmbedded[one]), `block of ${one}, embedded after Fabric, ${request.name}`).to.deep.equal(
        visible(onFabric[one]),
      );
    }
    this.#ordered.push([txId ?? "", embeddedId ?? ""]);
    const { writes, purges = [] } = onFabric.RegulatorMSP;
    for (const write of writes) this.#written.set(nameOf(write), { ...write, isPurged: false });
    for (const { collection, keyHash } of purges) {
      const name = `${collection}\n${keyHash}`;
      const known = this.#written.get(name);
      if (known !== undefined) this.#written.set(name, { ...known, isPurged: true });
    }
    return { outcome, transaction: onFabric.RegulatorMSP };
  }

  /** A simulation alone. */
  async evaluate(msp: Msp, request: TransactionRequest): Promise<Outcome> {
    const evaluate = (ledger: Ledger) => settled(async () => ({ txId: "", result: await ledger.evaluate(request) }));
    const [outcome] = await evaluate(this.#next(this.#fabric, msp));
    this.#replay.next(undefined);
    const [again] = await evaluate(this.embedded(msp));
    expect(again, `evaluation on the embedded ledger, after Fabric's, of ${request.name}`).to.deep.equal(outcome);
    return outcome;
  }

  /**
   * Every key ever written: its value, or the hash of its private value, as each organisation's own peer has it; and every
   * block once more, as it is shown now that later transactions have purged some of its values.
   */
  async compareStates(): Promise<number> {
    for (const msp of MSPS) {
      await using onFabric = await this.fabric(msp).view();
      await using onEmbedded = await this.embedded(msp).view();
      for (const { collection, key, value, isPurged } of this.#written.values()) {
        if (collection === undefined) {
          expect(await onFabric.get(key), `${key} on Fabric at ${msp}`).to.equal(value);
          expect(await onEmbedded.get(key), `${key} on the embedded ledger at ${msp}`).to.equal(value);
        } else {
          const hash = isPurged ? undefined : sha256Text(value);
          const name = `${collection} ${key}`;
          expect(await onFabric.getPrivateHash(collection, key), `${name} on Fabric at ${msp}`).to.equal(hash);
          expect(await onEmbedded.getPrivateHash(collection, key), `${name} embedded at ${msp}`).to.equal(hash);
        }
      }
    }
    await this.#compareBlocks();
    expect(await this.#root.fsck()).to.include({ ok: true });
    return this.#written.size;
  }

  async #compareBlocks(): Promise<void> {
    for (const msp of MSPS) {
      const feeds = [new Feed(this.fabric(msp)), new Feed(this.embedded(msp))] as const;
      try {
        for (const [onFabric, onEmbedded] of this.#ordered) {
          const [expected, found] = await Promise.all([feeds[0].find(onFabric), feeds[1].find(onEmbedded)]);
          expect(visible(found), `old block of ${msp}, embedded after Fabric, ${found.name}`).to.deep.equal(
            visible(expected),
          );
        }
      } finally {
        for (const feed of feeds) await feed.close();
      }
    }
  }

  async close(): Promise<void> {
    for (const side of [this.#fabric, this.#embedded]) {
      for (const msp of MSPS) await side.feeds[msp].close();
    }
    for (const msp of MSPS) for (const ledger of this.#fabric.ledgers[msp]) await ledger.close();
    await this.#root.close();
    await rm(this.#folder, { recursive: true });
  }
}

async function sideOf(open: (msp: Msp) => Promise<readonly [Ledger, ...Ledger[]]>): Promise<Side> {
  const all = await Promise.all(MSPS.map(async (msp) => [msp, await open(msp)] as const));
  const ledgers = Object.fromEntries(all) as Side["ledgers"];
  const feeds = Object.fromEntries(all.map(([msp, [ledger]]) => [msp, new Feed(ledger)])) as Side["feeds"];
  return { ledgers, feeds };
}

/** The transaction as each organisation's blocks show it. That all do also means that no peer lags at the next one. */
async function shown(side: Side, txId: string): Promise<Record<Msp, BlockTransaction>> {
  const all = await Promise.all(MSPS.map(async (msp) => [msp, await side.feeds[msp].find(txId)] as const));
  return Object.fromEntries(all) as Record<Msp, BlockTransaction>;
}

/** The outcome, and the id of what was ordered. */
async function settled(
  work: () => Promise<{ readonly txId: string; readonly result: string }>,
): Promise<[Outcome, string | undefined]> {
  for (let left = PATIENCE; ; left--) {
    try {
      const { txId, result } = await work();
      return [{ result }, txId === "" ? undefined : txId];
    } catch (error) {
      if (!(error instanceof LedgerError)) throw error;
      if (left > 0 && PASSING.includes(error.fault)) {
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
        continue;
      }
      return [outcomeOf(error), error.fault === "CONFLICT" || error.fault === "POLICY" ? error.txId : undefined];
    }
  }
}

function outcomeOf({ fault, cause }: LedgerError): Outcome {
  if (!isQuanjiError(cause)) return { fault };
  const { code, message, detail, field, record } = cause;
  // The words of INTERNAL are the ledger's own; the detail of NOT_RECORDED is a time.
  if (code === "INTERNAL") return { fault, code };
  return { fault, code, message, field, record, ...(code !== "NOT_RECORDED" && { detail }) };
}

const order = ({ collection = "", key }: Write): string => `${collection}\n${key}`;
const nameOf = ({ collection, key }: Write): string =>
  collection === undefined ? `\n${key}` : `${collection}\n${createHash("sha256").update(key).digest("hex")}`;
const hashes = (keys: readonly HashedKey[] = []): string[] =>
  keys.map(({ collection, keyHash }) => `${collection} ${keyHash}`).sort();

/** What must be equal: all but id, time and place. */
const visible = ({ valid, validationCode, name, args, writes, event, purges, purged }: BlockTransaction) => ({
  valid,
  validationCode,
  name,
  args,
  event,
  purges: hashes(purges),
  purged: hashes(purged),
  writes: [...writes].sort((a, b) => (order(a) < order(b) ? -1 : 1)),
});
