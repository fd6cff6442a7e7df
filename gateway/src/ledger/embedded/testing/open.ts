/** Ledgers in fresh folders with a clock that stands still, for tests. */
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { type EmbeddedLedger, type EmbeddedLedgerOptions, openEmbeddedLedger } from "../ledger.js";
import { probe } from "./probe.js";
import { parseTopology } from "../../topology.js";

export const REGULATOR = "RegulatorMSP";
export const HOLDER = "HolderMSP";
export const EXCHANGE = "ExchangeMSP";

export const topology = parseTopology({
  channel: "quanji",
  organisations: [
    { name: "regulator", msp: REGULATOR },
    { name: "holder", msp: HOLDER },
    { name: "exchange", msp: EXCHANGE },
  ],
  regulator: REGULATOR,
});

export const NOW = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

export const random = (size: number): Uint8Array => new Uint8Array(randomBytes(size));

export const open = (folder: string, options: Partial<EmbeddedLedgerOptions> = {}): Promise<EmbeddedLedger> =>
  openEmbeddedLedger({
    folder,
    topology,
    contracts: [probe],
    clock: () => NOW,
    random,
    durability: "buffered",
    ...options,
  });

/** Folders that are gone after the tests of a file. */
export class Folders {
  readonly #made: string[] = [];

  async make(): Promise<string> {
    const folder = await mkdtemp(path.join(tmpdir(), "quanji-ledger-"));
    this.#made.push(folder);
    return folder;
  }

  async clear(): Promise<void> {
    for (const folder of this.#made.splice(0)) await rm(folder, { recursive: true, force: true });
  }
}
