/** Which ledger a gateway stands on, and what comes with it: the organisations, their certificates, the clock's rule. */
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { createChaincode } from "@quanji/chaincode/contracts";
import { QuanjiError } from "@quanji/chaincode/domain";
import type { Config } from "../config/index.js";
import type { RequestLog } from "../http/index.js";
import { nodeVerifier } from "@quanji/chaincode/world";
import { type EmbeddedLedgerOptions, openEmbeddedLedger } from "../ledger/embedded/index.js";
import { type Ledger, LedgerError } from "../ledger/ledger.js";
import type { Vouchers } from "../ledger/threaded/index.js";
import { readTopology, type Topology } from "../ledger/topology.js";
import type { GatewayEnvironment } from "./foundation.js";

export interface OpenedLedger {
  readonly ledger: Ledger;
  readonly topology: Topology;
  /** Whether a network that begins here lets the regulator set its clock. */
  readonly testClock: boolean;
  /** Root certificates (DER, base64) by MSP. */
  readonly roots: () => Promise<Readonly<Record<string, readonly string[]>>>;
  /** Header hashes of blocks after the first that change the configuration. Absent: there cannot be any. */
  readonly configs?: () => Promise<readonly string[]>;
}

export interface LedgerParts {
  readonly config: Config;
  readonly environment: GatewayEnvironment;
  readonly vouchers: Vouchers;
  readonly log: RequestLog;
}

/** Made when nobody configured another: the regulator, the organisation that serves, and one more. */
const DEFAULT_TOPOLOGY: Topology = {
  channel: "quanji",
  organisations: [
    { name: "regulator", msp: "RegulatorMSP" },
    { name: "holder", msp: "HolderMSP" },
    { name: "exchange", msp: "ExchangeMSP" },
  ],
  regulator: "RegulatorMSP",
};

/** Errors: CONFIG_INVALID naming the member; INTERNAL · LEDGER_CORRUPT; NOT_RECORDED · UNAVAILABLE if no peer answers. */
export async function openLedgerOf(parts: LedgerParts): Promise<OpenedLedger> {
  const opened = await (parts.config.ledger === "fabric" ? openFabric(parts) : openEmbedded(parts));
  const { watchLedger } = parts.environment;
  return watchLedger === undefined ? opened : { ...opened, ledger: watchLedger(opened.ledger) };
}

/** Of an embedded ledger. Errors: CONFIG_INVALID naming the member. */
export const topologyOf = async ({ topology }: Pick<Config, "topology">): Promise<Topology> =>
  topology === undefined ? DEFAULT_TOPOLOGY : readTopology(topology);

async function openEmbedded({ config, environment, vouchers, log }: LedgerParts): Promise<OpenedLedger> {
  const { data, network, gateway } = config;
  const { clock, random, durability = "synced", openLedger = openEmbeddedLedger } = environment;
  const topology = await topologyOf(config);
  const options: EmbeddedLedgerOptions = {
    folder: data,
    topology,
    contracts: createChaincode({ verify: nodeVerifier() }),
    clock,
    random,
    durability,
    submitterMsp: gateway.msp,
    report: (error, transaction) => log.fault(`the contract failed in ${transaction}`, error),
  };
  const ledger = await openLedger(options, vouchers);
  const roots = async () => {
    const entries = topology.organisations.map(async ({ msp }) => {
      const pem = await readFile(path.join(data, "organisations", msp, "ca.pem"));
      return [msp, [new X509Certificate(pem).raw.toString("base64")]] as const;
    });
    return Object.fromEntries(await Promise.all(entries));
  };
  return { ledger, topology, testClock: network.testClock, roots };
}

async function openFabric({ config, environment, log }: LedgerParts): Promise<OpenedLedger> {
  const { data, fabric, gateway } = config;
  // Loaded only where it is used: the network's client libraries are large.
  const library = await import("../ledger/fabric/index.js");
  const { openFabricLedger = library.openFabricLedger } = environment;
  const report = (what: string, error: unknown): void => log.fault(what, error);
  const profile = await library.readProfile(fabric.profile ?? "", (error) =>
    report("the renewed certificate is not taken over", error),
  );
  if (profile.msp !== gateway.msp) {
    throw new QuanjiError("CONFIG_INVALID", `gateway.msp: the connection profile is ${profile.msp}'s`, {
      field: "gateway.msp",
    });
  }
  try {
    const ledger = await openFabricLedger({ profile, folder: data, client: fabric.client, report });
    const { topology, testClock } = profile;
    return { ledger, topology, testClock, roots: () => ledger.roots(), configs: () => ledger.configs() };
  } catch (cause) {
    if (!(cause instanceof LedgerError)) throw cause;
    throw new QuanjiError("NOT_RECORDED", cause.message, { detail: "UNAVAILABLE", cause });
  }
}
