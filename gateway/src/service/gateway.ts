/** One gateway, from its data folder to its open port: wires the parts, and ends well. */
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { defined } from "@quanji/chaincode/domain";
import type { Config } from "../config/index.js";
import {
  Answers,
  AtOnce,
  type Edge,
  listen,
  newApp,
  newMetrics,
  openReplays,
  RateLimiter,
  SUBJECT_TRAILS,
} from "../http/index.js";
import { createRecorder } from "../recorder/index.js";
import { rest } from "../recorder/pause.js";
import { LogSigner } from "../witness/log-signer.js";
import { Accesses } from "./accesses.js";
import { openAnchoring } from "./anchoring.js";
import { Closers } from "./closers.js";
import { Commands } from "./commands.js";
import { SourceDeliveries } from "./deliveries.js";
import { newEvidence } from "./evidence.js";
import { Folding } from "./folding.js";
import { type Foundation, type GatewayEnvironment, openFoundation, PATIENCE } from "./foundation.js";
import { Indexing } from "./indexing.js";
import { openWitnesses } from "./witnesses.js";

export interface Gateway {
  /** As registered on the ledger: what callers sign. */
  readonly publicUrl: string;
  /** Where it can be dialled on this machine. */
  readonly address: string;
  /** Origins of its logs. */
  readonly logs: readonly string[];
  /** SHA-256 of the trust file's payload: what users pin. */
  readonly trustDigest: string;
  readonly folders: { readonly data: string; readonly keys: string; readonly sources: string };
  /** Accepts nothing more, finishes what is under way, then closes everything. Safe to call twice. */
  close(): Promise<void>;
}

/**
 * Opens a gateway; founds its network if the data folder has none. What was opened before an error is closed again.
 * Errors: CONFIG_INVALID naming the member; INTERNAL · LEDGER_CORRUPT.
 *
 * ```ts
 * const gateway = await openGateway(await loadConfig(process.env, process.cwd()), { clock, random, logger, variables });
 * await gateway.close();
 * ```
 */
export async function openGateway(config: Config, environment: GatewayEnvironment): Promise<Gateway> {
  const closers = new Closers();
  try {
    const foundation = await openFoundation(config, environment, closers);
    const edge = await openEdge(foundation, closers);
    const { limits, host, port, publicUrl } = config;
    const server = closers.add(await listen(newApp(edge), { host, port }, limits), (open) => open.close());
    environment.logger.info({ publicUrl, address: server.address, logs: foundation.origins }, "ready");
    return {
      publicUrl,
      address: server.address,
      logs: foundation.origins,
      trustDigest: foundation.trust.digest,
      folders: { data: config.data, keys: foundation.keys.folder, sources: foundation.sourceFolder },
      close: () => closers.close(),
    };
  } catch (error) {
    await closers.close();
    throw error;
  }
}

/** The upper half: what the routes work with. Closed from the top down, so that each part's work can still end below it. */
async function openEdge(foundation: Foundation, closers: Closers): Promise<Edge> {
  const { config, environment, keys, ledger, readModel, topology, log, origins, clock, trust, verify } = foundation;
  const { limits, gateway, network } = config;
  const metrics = newMetrics({ ledgerHeight: () => ledger.height(), readModelHeight: () => readModel.height() });
  const report = (what: string) => (error: unknown) => log.fault(what, error);
  const replays = closers.add(await openReplays(path.join(config.data, "replays"), environment.clock), (open) =>
    open.close(),
  );
  const deliveries = closers.add(
    new SourceDeliveries({
      readModel,
      bindings: (now) => foundation.sources.current(now),
      environment: { folder: foundation.sourceFolder, variables: environment.variables },
      now: clock.now,
      ticket: (record) => evidence.ticket(record),
    }),
    (open) => open.close(),
  );
  // Awaited after recorder and folding have been told to close, for it is they that end this work early.
  const leftovers = closers.add<Promise<unknown>[]>([], async (works) => {
    await Promise.all(works);
  });
  const logs = keys.logs.map((key) => new LogSigner(key));
  const witnesses = await openWitnesses(foundation, logs, metrics, closers);
  const evidence = newEvidence({ ...foundation, logs, witnesses });
  const anchoring = openAnchoring(foundation, (origin) => evidence.published(origin), closers);
  const recorders = origins.map((origin) =>
    closers.add(
      createRecorder({
        ledger,
        readModel,
        log: origin,
        clock: clock.now,
        random: environment.random,
        limits: defined(config.recorder),
        logger: environment.logger,
        metrics: {
          turn: ({ outcome, records }) => outcome === "committed" && metrics.batch(origin, records),
          // Readable by now, which a commit alone is not.
          answered: () => witnesses?.cosigning.grew(),
        },
      }),
      (open) => open.close(),
    ),
  );
  // Closed before the recorders that it records with.
  const indexing = closers.add(
    new Indexing({
      index: readModel,
      recorders,
      now: clock.now,
      random: environment.random,
      rest,
      report: report("an index of subjects is not recorded"),
    }),
    (open) => open.close(),
  );
  const folding = closers.add(
    new Folding({
      ledger,
      readModel,
      gateway: gateway.name,
      patience: PATIENCE,
      report: report("a stop is not folded yet"),
    }),
    (open) => open.close(),
  );
  const commands = closers.add(
    new Commands({
      ledger,
      readModel,
      folding,
      gateway: gateway.name,
      regulatorMsp: topology.regulator,
      patience: PATIENCE,
      waitMs: limits.settleMs,
      settled: () => clock.refresh(),
    }),
    (open) => open.close(),
  );
  const accesses = closers.add(
    new Accesses({
      readModel,
      recorders: new Map(recorders.map((recorder) => [recorder.log, recorder])),
      deliveries,
      pause: (ms) => pause(ms),
      now: clock.now,
      report: report("a delivery is not recorded"),
    }),
    (open) => open.close(),
  );
  // What an earlier run left open is closed behind the first requests; both are safe beside them. What this run leaves open
  // is closed in time.
  leftovers.push(
    ...recorders.map((recorder) => recorder.keepClosing()),
    indexing.keepIndexing(),
    anchoring.keepAnchoring(),
    folding.foldAll().catch(report("stops of an earlier run are not folded")),
  );
  return {
    settings: {
      net: network.net,
      gateway: gateway.name,
      publicUrl: config.publicUrl,
      bodyTimeoutMs: limits.bodyMs,
      atLeastMs: limits.atLeastMs,
    },
    readModel,
    ledgerHeight: () => ledger.height(),
    ...(config.publishBlocks && { block: (number) => ledger.blockBytes?.(number) ?? Promise.resolve(undefined) }),
    commands,
    accesses,
    evidence,
    anchor: anchoring.file,
    refreshIndexes: () => indexing.refresh(),
    answers: new Answers(keys.gateway),
    verify,
    replays,
    limiter: new RateLimiter({ perSecond: limits.partyPerSecond, burst: limits.partyBurst }, environment.clock),
    subjectTrails: new AtOnce(SUBJECT_TRAILS),
    trustText: () => trust.text,
    earlierTrust: (version) => trust.earlier.get(version),
    clock: environment.clock,
    metrics,
    log,
  };
}
