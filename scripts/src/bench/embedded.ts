/** Individually signed accesses over HTTP to a committed receipt, on the embedded ledger, load generator beside it. */
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { Client, generateKey, openSigner, readKeyFile } from "@quanji/client";
import { type GatewayProcess, startGateway } from "../support/process.js";
import { type Caller, type Measured, runLoad } from "./load.js";
import { partyIds } from "./parties.js";

const MSP = "HolderMSP";
const YEAR_MS = 365 * 86_400_000;

export async function benchEmbedded(options: ReadonlyMap<string, number>): Promise<object> {
  const seconds = options.get("seconds") ?? 20;
  const parties = options.get("parties") ?? 20;
  const resources = options.get("resources") ?? 5;
  const connections = options.get("connections") ?? 400;
  const folder = await mkdtemp(path.join(tmpdir(), "quanji-bench-"));
  const data = path.join(folder, "data");
  await mkdir(path.join(data, "sources"), { recursive: true });
  await writeFile(path.join(data, "sources", "rain.csv"), "day,rain\n2026-03-02,0.4\n2026-03-03,1.2\n");
  const [steward = "", ...users] = partyIds(parties + 1);
  const ids = Array.from({ length: resources }, (_, i) => `res/rain.${i}`);
  const sources = ids.map((resource) => ({ resource, steward, kind: "file", format: "csv", path: "rain.csv" }));
  const limits = { partyPerSecond: 100_000, partyBurst: 100_000 };
  const gateway = await startGateway(data, { sources, limits });
  try {
    const { callers, log, net } = await prepare(gateway, steward, users, ids);
    const before = await observe(gateway, data);
    const measured = await runLoad({
      url: gateway.url,
      net,
      log,
      callers,
      connections,
      warmupMs: 3_000,
      measureMs: seconds * 1000,
    });
    const after = await observe(gateway, data);
    return report(measured, before, after, { parties, resources, connections });
  } finally {
    await gateway.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function prepare(
  gateway: GatewayProcess,
  steward: string,
  users: readonly string[],
  resources: readonly string[],
): Promise<{ readonly callers: readonly Caller[]; readonly log: string; readonly net: string }> {
  const { jwk, party = "" } = await readKeyFile(path.join(gateway.data, "keys", "regulator.jwk"));
  const regulator = await Client.connect({ gateway: gateway.url, key: { jwk, party } });
  const join = async (id: string) => {
    const key = await openSigner({ jwk: await generateKey("ES256"), party: id });
    const client = await Client.connect({ gateway: gateway.url, key });
    await client.parties.register({
      kind: "org",
      name: id,
      roles: ["holder", "user"],
      jurisdiction: "CN",
      responsibleHead: { name: "somebody", title: "head" },
    });
    await regulator.parties.admit(id, ["holder", "user"]);
    return { client, key };
  };
  const owner = await join(steward);
  const log = owner.client.network.logs[0]?.origin ?? "";
  for (const resource of resources) await owner.client.resources.register(resourceOf(resource, steward, log));
  const callers = await Promise.all(
    users.map(async (id): Promise<Caller> => {
      const { client, key } = await join(id);
      const grants = [];
      for (const resource of resources) {
        const { grant } = await client.grants.request({ resource, terms: terms(client.nowMs()) });
        await owner.client.grants.approve(grant);
        grants.push({ resource, grant });
      }
      return { signer: key, grants, seq: 0 };
    }),
  );
  return { callers, log, net: owner.client.network.net };
}

const resourceOf = (
  resource: string,
  steward: string,
  log: string,
): Parameters<Client["resources"]["register"]>[0] => ({
  resource,
  steward,
  servedBy: MSP,
  logs: [log],
  kind: "dataset",
  title: "Rain",
  class: "weather.rain",
  grade: { standard: "GB/T 43697-2024", level: "general-1" },
  sharing: "conditional",
  subjectKind: "none",
  basis: { law: "Meteorology Law", duty: "publish observations" },
  responsibleHead: { name: "somebody", title: "head" },
  fields: [
    { name: "day", type: "date", grade: "general-1" },
    { name: "rain", type: "number", grade: "general-1" },
  ],
  rights: [{ kind: "holding", holder: steward, basis: "statutory duty" }],
});

const terms = (nowMs: number) => ({
  actions: ["query" as const],
  purposes: ["bench.load"],
  fields: ["day", "rain"],
  window: { from: new Date(nowMs - 60_000).toISOString(), until: new Date(nowMs + YEAR_MS).toISOString() },
  environments: ["api" as const],
  jurisdictions: ["CN"],
  lawfulBasis: "benchmark",
  onStop: "stop" as const,
});

interface Observation {
  readonly records: number;
  readonly batches: number;
  readonly bytes: number;
  readonly rssMb: number;
  /** Of the gateway's process, all threads. */
  readonly cpuSeconds: number;
}

async function observe(gateway: GatewayProcess, data: string): Promise<Observation> {
  const text = await (await fetch(`${gateway.url}/metrics`)).text();
  const value = (name: string): number => Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1] ?? 0);
  return {
    records: value("quanji_batch_records_sum"),
    batches: value("quanji_batch_records_count"),
    bytes: await folderBytes(data),
    rssMb: value("process_resident_memory_bytes") / 1_048_576,
    cpuSeconds: value("process_cpu_seconds_total"),
  };
}

async function folderBytes(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const sizes = entries
    .filter((entry) => entry.isFile())
    .map((entry) =>
      stat(path.join(entry.parentPath, entry.name)).then(
        ({ size }) => size,
        () => 0,
      ),
    ); // compaction removes files while we look
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

const round = (value: number, digits = 0): number => Number(value.toFixed(digits));

function report(
  { accesses, seconds, latencies, failures }: Measured,
  before: Observation,
  after: Observation,
  mix: { readonly parties: number; readonly resources: number; readonly connections: number },
): object {
  const at = (share: number): number =>
    latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0;
  const records = after.records - before.records;
  const result = {
    bench: "embedded",
    accesses_per_s: round(accesses / seconds),
    p50_ms: round(at(0.5), 1),
    p95_ms: round(at(0.95), 1),
    p99_ms: round(at(0.99), 1),
    records_per_batch: round(records / Math.max(1, after.batches - before.batches), 1),
    distinct_grants: mix.parties * mix.resources,
    parties: mix.parties,
    resources: mix.resources,
    connections: mix.connections,
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
