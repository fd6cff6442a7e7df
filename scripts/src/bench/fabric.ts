/**
 * The same accesses on a real Fabric network that the benchmark brings up and takes down: by the recorder's batches, then
 * one transaction a record, the naive way (see naive/). One network, one chaincode server a peer, the same callers.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { type Progress, progressTo } from "@quanji/network/fabric";
import { build } from "esbuild";
import { ownNetwork } from "../support/network.js";
import { freePort, type GatewayProcess, startGateway, startServer } from "../support/process.js";
import { type Measured, runLoad } from "./load.js";
import { observe, percentile, type Plan, planFor, prepare, type Ready, round } from "./stage.js";

/** More of them only wait longer: each costs every peer its share. */
const NAIVE_CONNECTIONS = 50;
const WARMUP_MS = 3_000;
const NAIVE_GATEWAY = fileURLToPath(new URL("./naive/gateway.js", import.meta.url));
const NAIVE_CHAINCODE = fileURLToPath(new URL("./naive/chaincode.js", import.meta.url));

export async function benchFabric(options: ReadonlyMap<string, number>): Promise<object> {
  const seconds = options.get("seconds") ?? 15;
  const parties = options.get("parties") ?? 20;
  const resources = options.get("resources") ?? 5;
  const connections = options.get("connections") ?? 400;
  const logs = options.get("logs") ?? 1;
  const progress = progressTo((line) => void process.stdout.write(line));
  const folder = await mkdtemp(path.join(tmpdir(), "quanji-bench-"));
  const own = await ownNetwork(path.join(folder, "network"), "bench");
  const { network, profile } = own;
  const data = path.join(folder, "data");
  try {
    await network.up(await bundleTo(path.join(folder, "chaincode.cjs")), progress);
    const environment = { LEDGER: "fabric", QUANJI_FABRIC_PROFILE: profile };
    const planned = await planFor(data, { parties, resources, logs });
    // Registered on the ledger by the first start, so every start has to listen there.
    const plan: Plan = { ...planned, config: { ...planned.config, port: await freePort() } };
    const ready = await founded(data, plan, environment);
    progress.say("parties, resources and grants are there");
    const load = (url: string, atOnce: number): Promise<Measured> =>
      runLoad({ url, ...ready, connections: atOnce, warmupMs: WARMUP_MS, measureMs: seconds * 1000 });

    const gateway = await startGateway(data, plan.config, environment);
    const { batched, recordsPerBatch } = await recorded(gateway, () => load(gateway.url, connections));
    say(progress, "the recorder", batched);

    const alone = await startServer([NAIVE_GATEWAY, profile, path.join(folder, "naive"), String(plan.config["port"])]);
    const naive = await load(alone.url, NAIVE_CONNECTIONS).finally(() => alone.stop());
    say(progress, "one transaction a record", naive);
    return resultOf(naive, batched, recordsPerBatch, { parties, resources, connections, logs, seconds });
  } finally {
    await own[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Runs the load on a gateway, sees how many records its transactions held, and ends it. */
async function recorded(
  gateway: GatewayProcess,
  load: () => Promise<Measured>,
): Promise<{ readonly batched: Measured; readonly recordsPerBatch: number }> {
  try {
    const before = await observe(gateway, gateway.data);
    const batched = await load();
    const after = await observe(gateway, gateway.data);
    const batches = Math.max(1, after.batches - before.batches);
    return { batched, recordsPerBatch: round((after.records - before.records) / batches, 1) };
  } finally {
    await gateway.stop();
  }
}

async function bundleTo(file: string): Promise<string> {
  await build({
    entryPoints: [NAIVE_CHAINCODE],
    outfile: file,
    bundle: true,
    platform: "node",
    target: "node20",
    format: "cjs",
    logLevel: "warning",
  });
  return file;
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

function say(progress: Progress, name: string, measured: Measured): void {
  const { accesses, seconds, failures } = measured;
  const median = percentile(measured, 0.5);
  progress.say(`${name}: ${round(accesses / seconds, 1)} accesses/s, median ${median} ms`);
  for (const [failure, n] of failures) progress.say(`  failed ${String(n)} × ${failure}`);
}

function resultOf(
  naive: Measured,
  batched: Measured,
  recordsPerBatch: number,
  mix: Readonly<Record<"parties" | "resources" | "connections" | "logs" | "seconds", number>>,
): object {
  const rate = ({ accesses, seconds }: Measured): number => accesses / seconds;
  const failures = [naive, batched].flatMap((measured) => [...measured.failures.values()]);
  return {
    bench: "fabric",
    baseline_per_s: round(rate(naive), 1),
    accesses_per_s: round(rate(batched), 1),
    ratio: round(rate(batched) / Math.max(rate(naive), 0.1), 2),
    p50_ms: percentile(batched, 0.5),
    p95_ms: percentile(batched, 0.95),
    p99_ms: percentile(batched, 0.99),
    baseline_p50_ms: percentile(naive, 0.5),
    records_per_batch: recordsPerBatch,
    distinct_grants: mix.parties * mix.resources,
    ...mix,
    failures: failures.reduce((sum, n) => sum + n, 0),
  };
}
