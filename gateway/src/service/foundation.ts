/** The lower half of a gateway: folder, keys, ledger, read model, a network that has begun, its clock and trust file. */
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import {
  type CommandHeader,
  hashText,
  type ParsedJws,
  type PublicJwk,
  sha256,
  signedBytes,
  type VerifySignature,
} from "@quanji/chaincode/log";
import { collectionOf, nodeVerifier } from "@quanji/chaincode/world";
import type { Logger } from "pino";
import { type Config, fileTextOf, LiveSources } from "../config/index.js";
import { newRequestLog, type RequestLog } from "../http/index.js";
import type { EmbeddedLedgerOptions } from "../ledger/embedded/index.js";
import type { FabricLedger, FabricLedgerOptions } from "../ledger/fabric/index.js";
import type { Ledger } from "../ledger/ledger.js";
import { Vouchers } from "../ledger/threaded/index.js";
import type { Topology } from "../ledger/topology.js";
import type { LedgerIndex } from "../readmodel/ledger-index.js";
import { openReadModel } from "../readmodel/open.js";
import { LedgerClock } from "./clock.js";
import type { Closers } from "./closers.js";
import { foundNetwork } from "./founding.js";
import { EthereumChecks } from "./ethereum-checks.js";
import { openLedgerOf } from "./ledgers.js";
import { type GatewayKeys, openKeys } from "./keys.js";
import { lockFolder } from "./lock.js";
import type { Patience } from "./submit.js";
import { openTrustFile, type TrustText } from "./trust.js";

/** What a gateway takes from its surroundings; tests bring their own. */
export interface GatewayEnvironment {
  /** This machine's clock, ms since 1970. */
  readonly clock: () => number;
  readonly random: (size: number) => Uint8Array;
  readonly logger: Logger;
  /** Where credentials of sources are looked up. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** For tests: how witnesses are reached. Default: the engine's. */
  readonly fetch?: typeof globalThis.fetch;
  /** For tests: answers before the disk has synced. Default: `synced`. */
  readonly durability?: "synced" | "buffered";
  /** Another embedded ledger: on a thread of its own, or for tests one that fails as it is told to. Default: in place. */
  readonly openLedger?: OpenLedger;
  /** For tests: stands between the gateway and its ledger, whichever that is. */
  readonly watchLedger?: (ledger: Ledger) => Ledger;
  /** For tests: watches what a ledger on Fabric does. Default: nobody does. */
  readonly openFabricLedger?: OpenFabricLedger;
}

export type OpenFabricLedger = (options: FabricLedgerOptions) => Promise<FabricLedger>;

export type OpenLedger = (options: EmbeddedLedgerOptions, vouchers: Vouchers) => Promise<Ledger>;

export interface Foundation {
  readonly config: Config;
  readonly environment: GatewayEnvironment;
  readonly log: RequestLog;
  readonly topology: Topology;
  readonly keys: GatewayKeys;
  readonly ledger: Ledger;
  readonly readModel: LedgerIndex;
  readonly clock: LedgerClock;
  readonly trust: TrustText;
  /** Whether a command was signed with that key. */
  readonly verify: (jwk: PublicJwk, command: ParsedJws<CommandHeader>) => Promise<boolean>;
  readonly sources: LiveSources;
  readonly sourceFolder: string;
  /** Origins of this gateway's logs. */
  readonly origins: readonly string[];
}

/** Sources that are files lie in here, and nowhere else. */
const SOURCE_FOLDER = "sources";

/** Attempts for some five seconds: a command on a grant in heavy use needs many. */
export const PATIENCE: Patience = { attempts: 40, looks: 12, pause: (ms) => pause(ms) };

/** Errors: CONFIG_INVALID naming the member; INTERNAL · LEDGER_CORRUPT. */
export async function openFoundation(
  config: Config,
  environment: GatewayEnvironment,
  closers: Closers,
): Promise<Foundation> {
  const { clock, random, logger } = environment;
  const log = newRequestLog(logger);
  const sourceFolder = await openFolder(config, closers);
  const { net } = config.network;
  const { name } = config.gateway;
  const origins = Array.from({ length: config.gateway.logs }, (_, n) => `${net}/${name}/${n}`);
  const regulator = config.regulator.party;
  const keys = await openKeys(config.data, { regulator, gateway: name, logs: origins, heads: `${net}/${name}/heads` });
  const sources = await LiveSources.open({
    file: config.file,
    clock,
    report: (error) => log.fault("the changed configuration is not taken over", error),
  });
  const vouchers = new Vouchers();
  const opened = closers.add(await openLedgerOf({ config, environment, vouchers, log }), ({ ledger }) =>
    ledger.close(),
  );
  const { ledger, topology, testClock } = opened;
  const readModel = await openIndex(config, ledger, log, closers);
  await foundNetwork({ config, keys, topology, testClock, ledger, readModel, clock, random, patience: PATIENCE });
  const ledgerClock = closers.add(
    await LedgerClock.open(clock, readModel, (error) => log.fault("the ledger's clock cannot be read", error)),
    (open) => open.close(),
  );
  const trust = await openTrustFile({
    config,
    keys,
    topology,
    roots: opened.roots,
    ...(opened.configs !== undefined && { configs: opened.configs }),
    ledger,
    readModel,
    now: ledgerClock.now,
    report: (error) => log.fault("the trust file is not renewed", error),
  });
  const checks = closers.add(new EthereumChecks(nodeVerifier()), (open) => open.close());
  return {
    config,
    environment,
    log,
    topology,
    keys,
    ledger,
    readModel,
    clock: ledgerClock,
    trust,
    verify: vouching(checks.verify, vouchers),
    sources,
    sourceFolder,
    origins,
  };
}

/** Lock first: what follows is for one process. Answers the folder of sources. */
async function openFolder(config: Config, closers: Closers): Promise<string> {
  closers.add(await lockFolder(config.data), (lock) => lock.release());
  const sourceFolder = path.join(config.data, SOURCE_FOLDER);
  await mkdir(sourceFolder, { recursive: true });
  try {
    await writeFile(config.file, fileTextOf(config), { flag: "wx", mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  return sourceFolder;
}

/** What the edge finds well signed, the ledger of this process need not check again. */
const vouching =
  (verify: VerifySignature, vouchers: Vouchers): Foundation["verify"] =>
  async (jwk, command) => {
    const signed = signedBytes(command);
    const right = await verify(jwk, signed, command.signature);
    const { jws, request } = command;
    // A voucher is for the bytes that were signed; an Ethereum key signs others than the request's own.
    if (right)
      vouchers.add(jwk, { jws, request: signed === command.signingInput ? request : hashText(sha256(signed)) });
    return right;
  };

/** Resolves once the index has every block that the ledger has now. */
async function openIndex(
  { data, gateway: { msp } }: Config,
  ledger: Ledger,
  log: RequestLog,
  closers: Closers,
): Promise<LedgerIndex> {
  const readModel = closers.add(
    await openReadModel({
      folder: path.join(data, "readmodel"),
      ledger,
      collection: collectionOf(msp),
      onError: (error) => log.fault("the read model has stopped", error),
    }),
    (open) => open.close(),
  );
  await readModel.reached((await ledger.height()) - 1);
  return readModel;
}
