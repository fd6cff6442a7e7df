/**
 * `npm run test:fabric [-- PATTERN]`: everything that needs a real Fabric network. Suites run one after another, each with a
 * network of its own. Where Fabric's programs can be neither found nor built, it says so in one line and ends well.
 */
import { readdir } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { binariesAtHand, ensureBinaries, progressTo } from "@quanji/network/fabric";
import Mocha from "mocha";
import { Summary } from "./summary.js";

const HERE = fileURLToPath(new URL(".", import.meta.url));

async function main(pattern: string): Promise<number> {
  if (!(await binariesAtHand())) {
    process.stdout.write("test:fabric skipped: neither Go nor FABRIC_BIN is here, so there is no Fabric to test on\n");
    return 0;
  }
  await ensureBinaries(
    true,
    progressTo((line) => void process.stdout.write(line)),
  );
  const mocha = new Mocha({ timeout: 600_000, reporter: Summary });
  for (const name of (await readdir(HERE, { recursive: true })).sort()) {
    if (name.endsWith(".test.js") && name.includes(pattern)) mocha.addFile(path.join(HERE, name));
  }
  await mocha.loadFilesAsync();
  return new Promise((resolve) => mocha.run(resolve));
}

process.exitCode = await main(process.argv[2] ?? "");
