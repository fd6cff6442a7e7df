/** Individually signed accesses over HTTP to a committed receipt, on the embedded ledger, load generator beside it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { startGateway } from "../support/process.js";
import { type Measured, runLoad } from "./load.js";
import { type Mix, type Observation, observe, percentile, planFor, prepare, round } from "./stage.js";

export async function benchEmbedded(options: ReadonlyMap<string, number>): Promise<object> {
  const seconds = options.get("seconds") ?? 20;
  const parties = options.get("parties") ?? 20;
  const resources = options.get("resources") ?? 5;
  const connections = options.get("connections") ?? 400;
  const logs = options.get("logs") ?? 1;
  const folder = await mkdtemp(path.join(tmpdir(), "quanji-bench-"));
  const data = path.join(folder, "data");
  const plan = await planFor(data, { parties, resources, logs });
  const gateway = await startGateway(data, plan.config);
  try {
    const ready = await prepare(gateway, plan);
    const before = await observe(gateway, data);
    const measured = await runLoad({
      url: gateway.url,
      ...ready,
      connections,
      warmupMs: 3_000,
      measureMs: seconds * 1000,
    });
    const after = await observe(gateway, data);
    return report(measured, before, after, { parties, resources, connections, logs });
  } finally {
    await gateway.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

function report(
  measured: Measured,
  before: Observation,
  after: Observation,
  mix: Mix & { readonly logs: number },
): object {
  const { accesses, seconds, failures } = measured;
  const records = after.records - before.records;
  const result = {
    bench: "embedded",
    accesses_per_s: round(accesses / seconds),
    p50_ms: percentile(measured, 0.5),
    p95_ms: percentile(measured, 0.95),
    p99_ms: percentile(measured, 0.99),
    records_per_batch: round(records / Math.max(1, after.batches - before.batches), 1),
    distinct_grants: mix.parties * mix.resources,
    parties: mix.parties,
    resources: mix.resources,
    connections: mix.connections,
    logs: mix.logs,
    bytes_per_record: round((after.bytes - before.bytes) / Math.max(1, records)),
    rss_mb: round(after.rssMb),
    gateway_cpu_us_per_record: round(((after.cpuSeconds - before.cpuSeconds) * 1e6) / Math.max(1, records)),
    failures: [...failures.values()].reduce((sum, n) => sum + n, 0),
    seconds,
  };
  console.log(
    `${mix.parties} parties × ${mix.resources} resources = ${result.distinct_grants} grants, ${mix.connections} connections, ${seconds} s`,
  );
  console.log("each access: signed (ES256), decided, recorded, released; its delivery recorded as well");
  for (const [name, value] of Object.entries(result)) console.log(`  ${name.padEnd(20)}${String(value).padStart(10)}`);
  for (const [failure, n] of failures) console.log(`  failed ${String(n)} × ${failure}`);
  return result;
}
