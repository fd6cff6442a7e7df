/** Prints what a simple and a 1,200-key submit cost: `node gateway/dist/ledger/embedded/testing/bench.js`. */
import { mkdtemp, rm } from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import path from "node:path";
import { openEmbeddedLedger } from "../index.js";
import { call, probe, quietly, type Step } from "./probe.js";
import { topology } from "./open.js";

const folder = await mkdtemp(path.join(tmpdir(), "quanji-bench-"));
const ledger = await openEmbeddedLedger({
  folder,
  topology,
  contracts: [probe],
  clock: Date.now,
  random: (size) => new Uint8Array(randomBytes(size)),
});

async function measure(name: string, rounds: number, steps: (round: number) => Step[]): Promise<void> {
  const times: number[] = [];
  const cpu = process.cpuUsage();
  for (let round = 0; round < rounds; round++) {
    const request = quietly(steps(round));
    const start = process.hrtime.bigint();
    await ledger.submit(request);
    times.push(Number(process.hrtime.bigint() - start) / 1e6);
  }
  const used = process.cpuUsage(cpu);
  times.sort((a, b) => a - b);
  const at = (share: number): string => (times[Math.floor(times.length * share)] ?? 0).toFixed(2);
  const cpuMs = ((used.user + used.system) / 1000 / rounds).toFixed(2);
  process.stdout.write(`${name}: p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, cpu ${cpuMs} ms each\n`);
}

const keys = Array.from({ length: 600 }, (_, n) => `grant/0193c5a1-${n}-4c8e-9f00-0123456789ab`);
const record = randomBytes(500_000).toString("hex");

await measure("simple", 500, (round) => [
  ["get", "a"],
  ["put", "a", `value ${round}`],
]);
await measure("1,200 keys and 1 MB", 100, (round) => [
  ["get", "log/1"],
  ["put", "log/1", `${round}`.padStart(1000)],
  ...keys.map((key): Step => ["getPrivate", "org-HolderMSP", key]),
  ...keys.map((key): Step => ["putPrivate", "org-HolderMSP", key, `${round}`.padStart(200)]),
  ["putPrivate", "org-HolderMSP", `batch/${round}`, record],
  ["emit", "leaves", record.slice(0, 19_200)],
]);
const start = process.hrtime.bigint();
await Promise.all(Array.from({ length: 1000 }, (_, n) => ledger.submit(call([["put", `many/${n}`, "x"]]))));
const seconds = Number(process.hrtime.bigint() - start) / 1e9;
process.stdout.write(`1,000 at once: ${(1000 / seconds).toFixed(0)}/s in ${await ledger.height()} blocks\n`);
await ledger.close();
await rm(folder, { recursive: true });
