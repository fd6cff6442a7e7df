/**
 * The same accesses on a real Fabric network that the benchmark brings up and takes down: first one transaction a record, the
 * naive way, then the recorder's batches. One network, one gateway folder, the same callers.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import {
  essenceOf,
  FabricNetwork,
  Layout,
  parseFabricTopology,
  type Progress,
  progressTo,
  readFabricTopology,
  silent,
} from "@quanji/network/fabric";
import { freePort, startGateway } from "../support/process.js";
import { type Measured, runLoad } from "./load.js";
import { observe, percentile, type Plan, planFor, prepare, type Ready, round } from "./stage.js";

const BUNDLE = fileURLToPath(new URL("../../../chaincode/dist/bundle/chaincode.cjs", import.meta.url));
/** So that it runs beside a network that is up. */
const PORT_SHIFT = 20_000;
/** One transaction a record: what a gateway without a recorder would do. */
const NAIVE = { recorder: { records: 1, gatherMs: 0 } };
/** They take turns at the log's head: more of them would only wait longer. */
const NAIVE_CONNECTIONS = 8;

interface Phase {
  readonly measured: Measured;
  readonly recordsPerBatch: number;
}

export async function benchFabric(options: ReadonlyMap<string, number>): Promise<object> {
  const seconds = options.get("seconds") ?? 15;
  const parties = options.get("parties") ?? 20;
  const resources = options.get("resources") ?? 5;
  const connections = options.get("connections") ?? 200;
  const logs = options.get("logs") ?? 1;
  const progress = progressTo((line) => void process.stdout.write(line));
  const folder = await mkdtemp(path.join(tmpdir(), "quanji-bench-"));
  const network = await newNetwork(path.join(folder, "network"));
  const data = path.join(folder, "data");
  try {
    await network.up(BUNDLE, progress);
    const environment = { LEDGER: "fabric", QUANJI_FABRIC_PROFILE: network.layout.at("gateway-holder.json") };
    const planned = await planFor(data, { parties, resources, logs });
    // Registered on the ledger by the first start, so every start has to listen there.
    const plan: Plan = { ...planned, config: { ...planned.config, port: await freePort() } };
    const ready = await founded(data, plan, environment);
    progress.say("parties, resources and grants are there");
    const load = async (config: Readonly<Record<string, unknown>>, atOnce: number): Promise<Phase> => {
      const gateway = await startGateway(data, { ...plan.config, ...config }, environment);
      try {
        const before = await observe(gateway, data);
        const warmupMs = 3_000;
        const load = { url: gateway.url, ...ready, connections: atOnce, warmupMs, measureMs: seconds * 1000 };
        const measured = await runLoad(load);
        const after = await observe(gateway, data);
        const batches = Math.max(1, after.batches - before.batches);
        return { measured, recordsPerBatch: round((after.records - before.records) / batches, 1) };
      } finally {
        await gateway.stop();
      }
    };
    const naive = await load(NAIVE, NAIVE_CONNECTIONS);
    say(progress, "one transaction a record", naive);
    const batched = await load({}, connections);
    say(progress, "the recorder", batched);
    return resultOf(naive, batched, { parties, resources, connections, logs, seconds });
  } finally {
    await network.clean(silent);
    await rm(folder, { recursive: true, force: true });
  }
}

async function newNetwork(folder: string): Promise<FabricNetwork> {
  const essence = structuredClone(essenceOf(await readFabricTopology("small")));
  const { authorities, ordering, peers } = essence.fabric;
  for (const node of [...authorities, ...ordering.orderers, ...peers]) node.port += PORT_SHIFT;
  return new FabricNetwork(parseFabricTopology(essence, "bench"), new Layout(folder));
}

/** Everything that is measured later stands on the ledger then; the gateway itself is started anew for each phase. */
async function founded(data: string, plan: Plan, environment: Readonly<Record<string, string>>): Promise<Ready> {
  const gateway = await startGateway(data, plan.config, environment);
  try {
    return await prepare(gateway, plan);
  } finally {
    await gateway.stop();
  }
}

function say(progress: Progress, name: string, { measured, recordsPerBatch }: Phase): void {
  const { accesses, seconds, failures } = measured;
  progress.say(
    `${name}: ${round(accesses / seconds, 1)} accesses/s, median ${percentile(measured, 0.5)} ms, ${recordsPerBatch} records a transaction`,
  );
  for (const [failure, n] of failures) progress.say(`  failed ${String(n)} × ${failure}`);
}

function resultOf(
  naive: Phase,
  batched: Phase,
  mix: Readonly<Record<"parties" | "resources" | "connections" | "logs" | "seconds", number>>,
): object {
  const rate = ({ measured: { accesses, seconds } }: Phase): number => accesses / seconds;
  const failures = [naive, batched].flatMap(({ measured }) => [...measured.failures.values()]);
  return {
    bench: "fabric",
    baseline_per_s: round(rate(naive), 1),
    accesses_per_s: round(rate(batched), 1),
    ratio: round(rate(batched) / Math.max(rate(naive), 0.1), 2),
    p50_ms: percentile(batched.measured, 0.5),
    p95_ms: percentile(batched.measured, 0.95),
    p99_ms: percentile(batched.measured, 0.99),
    baseline_p50_ms: percentile(naive.measured, 0.5),
    records_per_batch: batched.recordsPerBatch,
    distinct_grants: mix.parties * mix.resources,
    ...mix,
    failures: failures.reduce((sum, n) => sum + n, 0),
  };
}
