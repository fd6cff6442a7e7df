/** What every benchmark of accesses needs: a steward's table in a file, parties with grants on it, and a look at the gateway. */
import { mkdir, readdir, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { Client, generateKey, openSigner, readKeyFile } from "@quanji/client";
import type { GatewayProcess } from "../support/process.js";
import type { Caller, Measured } from "./load.js";
import { partyIds } from "./parties.js";

const MSP = "HolderMSP";
const YEAR_MS = 365 * 86_400_000;

export interface Mix {
  readonly parties: number;
  readonly resources: number;
  readonly connections: number;
}

export interface Plan {
  readonly steward: string;
  readonly users: readonly string[];
  readonly resources: readonly string[];
  /** For the gateway's configuration. */
  readonly config: Readonly<Record<string, unknown>>;
}

/** Writes the source into a gateway's data folder, and says who will use it. */
export async function planFor(
  data: string,
  { parties, resources, logs = 1 }: Pick<Mix, "parties" | "resources"> & { readonly logs?: number },
): Promise<Plan> {
  await mkdir(path.join(data, "sources"), { recursive: true });
  await writeFile(path.join(data, "sources", "rain.csv"), "day,rain\n2026-03-02,0.4\n2026-03-03,1.2\n");
  const [steward = "", ...users] = partyIds(parties + 1);
  const ids = Array.from({ length: resources }, (_, i) => `res/rain.${i}`);
  const sources = ids.map((resource) => ({ resource, steward, kind: "file", format: "csv", path: "rain.csv" }));
  const limits = { partyPerSecond: 100_000, partyBurst: 100_000 };
  return { steward, users, resources: ids, config: { sources, limits, gateway: { logs } } };
}

export interface Ready {
  readonly callers: readonly Caller[];
  readonly net: string;
}

/** Everybody registers; each user gets a grant on each resource. */
export async function prepare(gateway: GatewayProcess, { steward, users, resources }: Plan): Promise<Ready> {
  const { jwk, party = "" } = await readKeyFile(path.join(gateway.data, "keys", "regulator.jwk"));
  const regulator = await Client.connect({ gateway: gateway.url, key: { jwk, party } });
  const join = async (id: string) => {
    const key = await openSigner({ jwk: await generateKey("ES256"), party: id });
    const client = await Client.connect({ gateway: gateway.url, key, accept: false });
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
  const logs = owner.client.ownLogs;
  for (const resource of resources) await owner.client.resources.register(resourceOf(resource, steward));
  const callers = await Promise.all(
    users.map(async (id, i): Promise<Caller> => {
      const { client, key } = await join(id);
      const grants = [];
      for (const resource of resources) {
        const { grant } = await client.grants.request({ resource, terms: terms(client.nowMs()) });
        await owner.client.grants.approve(grant);
        grants.push({ resource, grant });
      }
      return { signer: key, grants, log: logs[i % logs.length] ?? "", seq: 0 };
    }),
  );
  return { callers, net: owner.client.network.net };
}

const resourceOf = (resource: string, steward: string): Parameters<Client["resources"]["register"]>[0] => ({
  resource,
  steward,
  servedBy: MSP,
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

export interface Observation {
  readonly records: number;
  readonly batches: number;
  readonly bytes: number;
  readonly rssMb: number;
  /** Of the gateway's process, all threads. */
  readonly cpuSeconds: number;
}

export async function observe(gateway: GatewayProcess, data: string): Promise<Observation> {
  const text = await (await fetch(`${gateway.url}/metrics`)).text();
  // A metric by log has one line for each.
  const value = (name: string): number =>
    [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, "gm"))].reduce((sum, [, n]) => sum + Number(n), 0);
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

export const round = (value: number, digits = 0): number => Number(value.toFixed(digits));

/** Latency below which that share of the accesses was answered, ms. */
export const percentile = ({ latencies }: Measured, share: number): number =>
  round(latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0, 1);
