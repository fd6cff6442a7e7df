/**
 * Trails of 10⁴, 10⁵, 10⁶ records, each made, verified in a process of its own, and removed. The verifier checks every
 * requester's signature, always; what those cost is found by a second run whose engines of signatures say yes to all.
 */
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { round } from "./stage.js";
import { makeTrail } from "./trails.js";

const SIZES = [10_000, 100_000, 1_000_000];
const CHILD = fileURLToPath(new URL("verify-child.js", import.meta.url));
const UNSIGNED = new URL("verify-unsigned.js", import.meta.url).href;
const DAY_MS = 86_400_000;
const run = promisify(execFile);

interface Measured {
  readonly ok: boolean;
  readonly detail?: string;
  readonly message?: string;
  readonly records: number;
  readonly seconds: number;
  readonly rssMb: number;
  readonly cpuSeconds: number;
}

interface Row {
  readonly records: number;
  readonly signatures: number;
  readonly bytes: number;
  /** What it took to make the trail, seconds. */
  readonly made: number;
  /** The verdict, as every user gets it: all signatures checked. */
  readonly verdict: Measured;
  /** The same without the engine's work on signatures: completeness alone. */
  readonly completeness: Measured;
}

export async function benchVerify(options: ReadonlyMap<string, number>): Promise<object> {
  const most = options.get("records") ?? 1_000_000;
  const sizes = SIZES.filter((size) => size <= most);
  if (sizes.length === 0) throw new Error("--records is 10000, 100000 or 1000000: the longest trail");
  const folder = await mkdtemp(path.join(tmpdir(), "quanji-bench-"));
  console.log(
    "trails of one grant, of five records two permits, two deliveries and a denial; requests signed with ES256",
  );
  console.log(
    "verdict: what every user gets, all signatures checked; completeness: the same less the signatures' checks",
  );
  console.log(
    line(["records", "signed", "bytes", "made s", "verdict s", "µs each", "CPU s", "RSS MB", "compl. s", "RSS MB"]),
  );
  try {
    let last: Row | undefined;
    for (const size of sizes) {
      last = await measure(size, folder);
      print(last);
    }
    if (last === undefined) throw new Error("no trail was measured");
    const { records, bytes, verdict, completeness } = last;
    return {
      bench: "verify",
      records,
      seconds: round(verdict.seconds, 1),
      completeness_seconds: round(completeness.seconds, 1),
      rss_mb: round(Math.max(verdict.rssMb, completeness.rssMb)),
      bytes,
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function measure(records: number, folder: string): Promise<Row> {
  const trail = path.join(folder, `${records}.trail.ndjson`);
  const trust = path.join(folder, `${records}.trust.json`);
  const start = process.hrtime.bigint();
  const { bytes, signatures, nowMs } = await makeTrail(records, trail, trust);
  const made = Number(process.hrtime.bigint() - start) / 1e9;
  const verify = async (...node: string[]): Promise<Measured> => {
    const { stdout } = await run(process.execPath, [...node, CHILD, trail, trust, String(nowMs + DAY_MS)]);
    const measured = JSON.parse(stdout) as Measured;
    if (!measured.ok || measured.records !== records) {
      throw new Error(`the trail did not verify: ${measured.detail ?? ""} ${measured.message ?? ""}`);
    }
    return measured;
  };
  const verdict = await verify();
  const completeness = await verify("--import", UNSIGNED);
  await rm(trail);
  return { records, signatures, bytes, made, verdict, completeness };
}

function print({ records, signatures, bytes, made, verdict, completeness }: Row): void {
  const each = (verdict.seconds * 1e6) / records;
  const figures = [made, verdict.seconds, each, verdict.cpuSeconds, verdict.rssMb];
  const rounded = [...figures, completeness.seconds, completeness.rssMb].map((figure) => round(figure, 1));
  console.log(line([records, signatures, bytes, ...rounded]));
}

const WIDTHS = [8, 8, 12, 8, 11, 9, 8, 8, 10, 8];
const line = (cells: readonly (string | number)[]): string =>
  cells.map((cell, i) => String(cell).padStart(WIDTHS[i] ?? 0)).join("");
