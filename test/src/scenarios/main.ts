/**
 * `npm run scenarios [-- s05]`: the stories on the embedded ledger, then on Fabric, each ledger in a process of its own; `LEDGER` names one
 * of the two. The last line of each is `{"scenarios":n,"passed":n,"ledger":…}`.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { binariesAtHand, ensureBinaries, progressTo } from "@quanji/network/fabric";

const RUN = fileURLToPath(new URL("run.js", import.meta.url));
const LEDGERS = ["embedded", "fabric"] as const;
type LedgerName = (typeof LEDGERS)[number];

async function run(ledger: LedgerName, endings: string): Promise<boolean> {
  if (ledger === "fabric") {
    if (!(await binariesAtHand())) {
      process.stdout.write("scenarios on Fabric skipped: neither Go nor FABRIC_BIN is here\n");
      return true;
    }
    await ensureBinaries(
      true,
      progressTo((line) => void process.stdout.write(line)),
    );
  }
  const env = { ...process.env, QUANJI_SCENARIOS: ledger, QUANJI_ENDINGS: endings };
  const child = spawn(process.execPath, [RUN, ...process.argv.slice(2, 3)], {
    env,
    stdio: ["ignore", "inherit", "inherit"],
  });
  const [status] = (await once(child, "exit")) as [number | null];
  return status === 0;
}

async function main(): Promise<number> {
  const asked = process.env["LEDGER"];
  const ledgers = LEDGERS.filter((ledger) => asked === undefined || asked === ledger);
  if (ledgers.length === 0) {
    process.stderr.write(`LEDGER is ${LEDGERS.join(" or ")}\n`);
    return 2;
  }
  const endings = await mkdtemp(path.join(tmpdir(), "quanji-endings-"));
  try {
    let passed = true;
    for (const ledger of ledgers) passed = (await run(ledger, endings)) && passed;
    return passed ? 0 : 1;
  } finally {
    await rm(endings, { recursive: true });
  }
}

process.exitCode = await main();
