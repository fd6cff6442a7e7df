/** The connection profile of an organisation: all that its gateway needs to reach the network. See docs/operations/fabric.md. */
import path from "node:path";
import { writeJson } from "./tools/files.js";
import type { Layout } from "./topology/layout.js";
import { endpointOf, type FabricTopology, type Node, type Organisation } from "./topology/topology.js";

/** Own peers first, since they answer events and evaluations; then the regulator's, which endorse everything; then others'. */
function peersFor({ msp }: Organisation, { peers, regulator }: FabricTopology): Node[] {
  const rank = ({ organisation }: Node): number =>
    organisation.msp === msp ? 0 : organisation.msp === regulator ? 1 : 2;
  return [...peers].sort((a, b) => rank(a) - rank(b)); // stable: the file's order within a rank
}

export function profileOf(topology: FabricTopology, layout: Layout, organisation: Organisation) {
  const relative = (file: string): string => path.relative(layout.root, file);
  const { certificate, key } = layout.user(organisation.name, "gateway");
  const reach = (node: Node) => ({
    name: node.id,
    msp: node.organisation.msp,
    endpoint: endpointOf(node),
    tlsRoot: relative(layout.tlsRoot(node.organisation.name)),
  });
  return {
    v: "quanji.fabric.v1",
    topology: topology.name,
    channel: topology.channel,
    chaincode: topology.settings.chaincode.name,
    regulator: topology.regulator,
    organisations: topology.organisations,
    ordering: topology.settings.ordering.type,
    testClock: topology.settings.testClock,
    organisation: organisation.name,
    msp: organisation.msp,
    identity: { certificate: relative(certificate), privateKey: relative(key) },
    peers: peersFor(organisation, topology).map(reach),
    orderers: topology.orderers.map(reach),
  };
}

export async function writeProfiles(topology: FabricTopology, layout: Layout): Promise<void> {
  for (const organisation of topology.organisations) {
    await writeJson(layout.profile(organisation.name), profileOf(topology, layout, organisation));
  }
}
