/** A Fabric network of the provided topology `small` for one command: brought up by it, and gone with it. */
import {
  essenceOf,
  FabricNetwork,
  Layout,
  parseFabricTopology,
  readFabricTopology,
  silent,
} from "@quanji/network/fabric";

/** So that it runs beside a network that is up. */
const PORT_SHIFT = 20_000;

export interface OwnNetwork extends AsyncDisposable {
  readonly network: FabricNetwork;
  /** Of the holder's gateway. */
  readonly profile: string;
}

/** Not up yet. @param folder where all of it will lie */
export async function ownNetwork(folder: string, name: string): Promise<OwnNetwork> {
  const essence = structuredClone(essenceOf(await readFabricTopology("small")));
  const { authorities, ordering, peers } = essence.fabric;
  for (const node of [...authorities, ...ordering.orderers, ...peers]) node.port += PORT_SHIFT;
  const network = new FabricNetwork(parseFabricTopology(essence, name), new Layout(folder));

  // Its processes are no children of a terminal: whoever interrupts the command would leave them behind.
  const interrupted = (): void => void network.clean(silent).finally(() => process.exit(130));
  process.once("SIGINT", interrupted).once("SIGTERM", interrupted);
  return {
    network,
    profile: network.layout.at("gateway-holder.json"),
    [Symbol.asyncDispose]: async () => {
      process.off("SIGINT", interrupted).off("SIGTERM", interrupted);
      await network.clean(silent);
    },
  };
}
