/** Bundles of the probe chaincode: the same code under as many hashes as a test wants. */
import { appendFile, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const ENTRY = fileURLToPath(new URL("../probe/main.js", import.meta.url));

/** @param version told apart by nothing but a comment. @returns the bundle's file, in a folder of its own. */
export async function probeBundle(version: string): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), "quanji-probe-"));
  const outfile = path.join(folder, "probe.cjs");
  await build({ entryPoints: [ENTRY], outfile, bundle: true, platform: "node", format: "cjs", logLevel: "warning" });
  await appendFile(outfile, `// ${version}\n`);
  return outfile;
}
