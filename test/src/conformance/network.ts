/** A network of its own for a suite, with the chaincode that it wants. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import {
  essenceOf,
  FabricNetwork,
  Layout,
  parseFabricTopology,
  readFabricTopology,
  silent,
} from "@quanji/network/fabric";
import { ROOT } from "@quanji/scripts/process";
import { build } from "esbuild";

/** Beside a network of the same topology, and beside those of other suites. */
const PORT_SHIFT = 20_000;

export interface DeployedNetwork extends AsyncDisposable {
  readonly network: FabricNetwork;
}

/**
 * @param topology name of a provided one
 * @param chaincode a main module as compiled, to be bundled; default: the product's own bundle
 */
export async function deploy(topology: string, chaincode?: string): Promise<DeployedNetwork> {
  const essence = structuredClone(essenceOf(await readFabricTopology(topology)));
  const { authorities, ordering, peers } = essence.fabric;
  for (const node of [...authorities, ...ordering.orderers, ...peers]) node.port += PORT_SHIFT;
  const folder = await mkdtemp(path.join(tmpdir(), "quanji-network-"));
  const network = new FabricNetwork(parseFabricTopology(essence, topology), new Layout(path.join(folder, "network")));
  const bundle = chaincode === undefined ? PRODUCT : await bundled(chaincode, path.join(folder, "chaincode.cjs"));
  const end = async (): Promise<void> => {
    await network.clean(silent);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await network.up(bundle, silent);
  } catch (error) {
    await end();
    throw error;
  }
  return { network, [Symbol.asyncDispose]: end };
}

async function bundled(entry: string, outfile: string): Promise<string> {
  await build({ entryPoints: [entry], outfile, bundle: true, platform: "node", format: "cjs", logLevel: "warning" });
  return outfile;
}

/** What organisations approve; `npm run test:fabric` makes it. */
const PRODUCT = path.join(ROOT, "chaincode", "dist", "bundle", "chaincode.cjs");

export const PROBE = fileURLToPath(new URL("./probe-main.js", import.meta.url));
