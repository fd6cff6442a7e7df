/**
 * A month's statements: the exchange's, from the log's records as they lie, and every payer's own, from its records in another
 * order; compared line by line, root by root, to the unit. Records are made as they are needed and timed apart.
 */
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { bookAll, mismatches } from "./settle/compare.js";
import { Month } from "./settle/month.js";
import { plainTotals } from "./settle/plain.js";
import type { Side } from "./settle/sides.js";
import type { ThreadWork } from "./settle/thread.js";
import { round } from "./stage.js";

const THREAD = new URL("settle/thread.js", import.meta.url);
/** Slots by which deliveries are given out: each contract has one at least. */
const MOST_CONTRACTS = 10_000;
/** What a thread keeps is the frontiers of its contracts' lines; garbage beyond that is no part of the answer. */
const HEAP = { maxYoungGenerationSizeMb: 16, maxOldGenerationSizeMb: 256 };

export async function benchSettle(options: ReadonlyMap<string, number>): Promise<object> {
  const deliveries = options.get("deliveries") ?? 10_000_000;
  const contracts = options.get("contracts") ?? 1_000;
  const threads = options.get("threads") ?? Math.min(4, availableParallelism());
  if (contracts < 1 || contracts > MOST_CONTRACTS) throw new Error(`--contracts is 1 to ${MOST_CONTRACTS}`);
  if (threads < 1) throw new Error("--threads is 1 or more");
  console.log(
    `${deliveries} deliveries of a month under ${contracts} contracts, ${threads} threads, each with a part of them`,
  );
  console.log(
    "from each record's two texts: leaf, unit, tier, line, total, split; records are made meanwhile, timed apart",
  );
  const month = new Month(deliveries, contracts);
  const work = { deliveries, contracts, threads };
  const exchange = await sideOf("exchange", work);
  const payer = await sideOf("payer", work);
  const { left, transfers } = bookAll(exchange.statements, month.contracts);
  const apart = mismatches(exchange.statements, payer.statements, plainTotals(month)) + (left === 0n ? 0 : 1);
  const result = {
    bench: "settle",
    deliveries,
    contracts,
    threads,
    seconds: round(exchange.seconds, 1),
    us_per_delivery: round((exchange.seconds * threads * 1e6) / deliveries, 2),
    payer_seconds: round(payer.seconds, 1),
    made_seconds: round(exchange.madeSeconds + payer.madeSeconds, 1),
    rss_mb: round(process.resourceUsage().maxRSS / 1024),
    lines: exchange.statements.reduce((sum, { lines }) => sum + lines.length, 0),
    total: String(exchange.statements.reduce((sum, { total }) => sum + total, 0n)),
    transfers,
    mismatches: apart,
  };
  for (const [name, value] of Object.entries(result)) console.log(`  ${name.padEnd(20)}${String(value).padStart(16)}`);
  if (apart > 0) process.exitCode = 1;
  return result;
}

/** Statements of all threads; the time is that of the slowest. */
async function sideOf(
  side: ThreadWork["side"],
  { threads, ...month }: { readonly deliveries: number; readonly contracts: number; readonly threads: number },
): Promise<Side> {
  const parts = await Promise.all(
    Array.from({ length: threads }, async (_, nth): Promise<Side> => {
      const work: ThreadWork = { side, ...month, nth, of: threads };
      const thread = new Worker(THREAD, { workerData: work, resourceLimits: HEAP });
      const [answer] = (await once(thread, "message")) as [Side];
      await once(thread, "exit");
      return answer;
    }),
  );
  return {
    statements: parts.flatMap(({ statements }) => statements).sort((a, b) => a.contract - b.contract),
    seconds: Math.max(...parts.map(({ seconds }) => seconds)),
    madeSeconds: Math.max(...parts.map(({ madeSeconds }) => madeSeconds)),
  };
}
