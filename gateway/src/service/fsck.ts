/** A data folder at rest: the ledger derived again from its blocks, the index made anew from them, both compared. */
import { access } from "node:fs/promises";
import path from "node:path";
import { createChaincode } from "@quanji/chaincode/contracts";
import { isQuanjiError, QuanjiError } from "@quanji/chaincode/domain";
import { collectionOf, nodeVerifier } from "@quanji/chaincode/world";
import type { Config } from "../config/index.js";
import { type EmbeddedLedger, type FsckReport, openEmbeddedLedger } from "../ledger/embedded/index.js";
import { checkIndex, type IndexReport } from "../readmodel/fsck.js";
import { topologyOf } from "./ledgers.js";
import { lockFolder } from "./lock.js";

export interface FolderReport {
  readonly ok: boolean;
  readonly folder: string;
  readonly ledger: Omit<FsckReport, "fault"> & {
    readonly fault?: Omit<NonNullable<FsckReport["fault"]>, "code"> & { readonly code: string };
  };
  /** Absent where the ledger itself differs: nothing can be compared with it then. */
  readonly index?: IndexReport;
}

export interface FsckEnvironment {
  readonly clock: () => number;
  readonly random: (size: number) => Uint8Array;
  readonly progress?: (blocks: number, of: number) => void;
}

/**
 * Changes nothing. Costs a pass over the whole ledger, its state in memory, and the index's size on disk meanwhile. Errors:
 * CONFIG_INVALID naming the member or the folder; · IN_USE while a gateway holds the folder.
 */
export async function checkFolder(config: Config, environment: FsckEnvironment): Promise<FolderReport> {
  const { data } = config;
  if (config.ledger === "fabric") {
    throw refusal("follows a Fabric network, whose peers keep the blocks: there is no embedded ledger to check", data);
  }
  await access(path.join(data, "ledger", "CURRENT")).catch(() => {
    throw refusal("holds no ledger: name the data folder of a gateway that has run", data);
  });
  const lock = await lockFolder(data);
  try {
    return await checkHeld(config, environment);
  } finally {
    await lock.release();
  }
}

async function checkHeld(config: Config, environment: FsckEnvironment): Promise<FolderReport> {
  const { data, gateway } = config;
  const opened = await openLedger(config, environment);
  if ("fault" in opened) {
    return { ok: false, folder: data, ledger: { ok: false, blocks: 0, transactions: 0, keys: 0, fault: opened.fault } };
  }
  const { ledger } = opened;
  try {
    const report = await ledger.fsck(environment.progress);
    if (!report.ok) return { ok: false, folder: data, ledger: report };
    const folder = path.join(data, "readmodel");
    const index = await checkIndex({ folder, scratch: data, ledger, collection: collectionOf(gateway.msp) });
    return { ok: index.ok, folder: data, ledger: report, index };
  } finally {
    await ledger.close();
  }
}

const refusal = (problem: string, data: string): QuanjiError =>
  new QuanjiError("CONFIG_INVALID", `QUANJI_DATA: ${data} ${problem}`, { field: "QUANJI_DATA" });

/** Opening already refuses what the newest blocks show; that is a finding too. */
async function openLedger(
  config: Config,
  { clock, random }: FsckEnvironment,
): Promise<
  { readonly ledger: EmbeddedLedger } | { readonly fault: { readonly code: string; readonly message: string } }
> {
  try {
    const ledger = await openEmbeddedLedger({
      folder: config.data,
      topology: await topologyOf(config),
      contracts: createChaincode({ verify: nodeVerifier() }),
      clock,
      random,
      submitterMsp: config.gateway.msp,
    });
    return { ledger };
  } catch (error) {
    if (!isQuanjiError(error) || error.detail !== "LEDGER_CORRUPT") throw error;
    return { fault: { code: error.detail, message: error.message } };
  }
}
