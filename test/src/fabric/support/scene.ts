/** A network of a provided topology, in a state folder of its own, with the probe chaincode. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import {
  essenceOf,
  FabricNetwork,
  type FabricTopology,
  Layout,
  parseFabricTopology,
  readFabricTopology,
  silent,
  type Tools,
} from "@quanji/network/fabric";
import { probeBundle } from "./bundle.js";
import { Client } from "./client.js";

export interface Scene extends AsyncDisposable {
  readonly network: FabricNetwork;
  readonly tools: Tools;
  readonly bundle: string;
  client(organisation: string): Client;
}

/** So that a test may run beside a network of the same topology. */
export const PORT_SHIFT = 10_000;

/** A provided topology with every port shifted. */
async function shifted(name: string): Promise<FabricTopology> {
  const essence = structuredClone(essenceOf(await readFabricTopology(name)));
  const { authorities, ordering, peers } = essence.fabric;
  for (const node of [...authorities, ...ordering.orderers, ...peers]) node.port += PORT_SHIFT;
  return parseFabricTopology(essence, name);
}

/** @param name of a provided topology */
export async function openScene(name: string): Promise<Scene> {
  const topology = await shifted(name);
  const layout = new Layout(await mkdtemp(path.join(tmpdir(), `quanji-${name}-`)));
  const network = new FabricNetwork(topology, layout);
  const bundle = await probeBundle("1");
  const tools = await network.tools(silent);
  return {
    network,
    tools,
    bundle,
    client: (organisation: string) => new Client(network, tools, organisation),
    [Symbol.asyncDispose]: async () => {
      await network.clean(silent);
      await rm(path.dirname(bundle), { recursive: true });
    },
  };
}
