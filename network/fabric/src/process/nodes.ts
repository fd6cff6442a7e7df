/** One folder a node, with all that it needs to run; how to start it, and how to know that it serves. */
import path from "node:path";
import { writeBuilder } from "../chaincode/builder.js";
import { ordererConfig } from "../config/orderer.js";
import { ADDRESSES, peerConfig } from "../config/peer.js";
import type { Binaries } from "../tools/binaries.js";
import { writeJson } from "../tools/files.js";
import { until } from "../tools/wait.js";
import type { Layout } from "../topology/layout.js";
import { endpointOf, type FabricTopology, type Node } from "../topology/topology.js";
import { isHealthy } from "./health.js";
import type { Processes, Program } from "./processes.js";

export async function writeNodes(topology: FabricTopology, layout: Layout): Promise<void> {
  for (const peer of topology.peers) {
    const folder = layout.node(peer.id);
    await writeJson(path.join(folder, "core.yaml"), peerConfig(topology, peer));
    await writeBuilder(folder);
  }
  for (const orderer of topology.orderers) {
    await writeJson(path.join(layout.node(orderer.id), "orderer.yaml"), ordererConfig(orderer));
  }
}

/** What tells of every message or call is kept quieter. */
const LOGGING = "info:gossip=warning:endorser=warning:comm.grpc.server=warning:grpc=warning";

/** For a file, so without colours; times in UTC. */
const FORMAT = "%{time:2006-01-02T15:04:05.000Z07:00} [%{module}] %{shortfunc} -> %{level:.4s} %{message}";

export const addressesOf = (layout: Layout, peer: Node): string => path.join(layout.node(peer.id), "addresses");

/** How a peer or an orderer is started. */
export function programOf(node: Node, layout: Layout, binaries: Binaries): Program {
  const cwd = layout.node(node.id);
  const env = { FABRIC_CFG_PATH: cwd, FABRIC_LOGGING_SPEC: LOGGING, FABRIC_LOGGING_FORMAT: FORMAT };
  const common = { id: node.id, cwd, endpoint: endpointOf(node) };
  return node.kind === "peer"
    ? {
        ...common,
        kind: "peer",
        file: binaries("peer"),
        args: ["node", "start"],
        env: { ...env, [ADDRESSES]: addressesOf(layout, node) },
      }
    : { ...common, kind: "orderer", file: binaries("orderer"), args: [], env };
}

/** Within which a node must serve. A peer with a long ledger reads it first. */
const READY_MS = 60_000;

export async function untilHealthy(node: Node, processes: Processes, layout: Layout): Promise<void> {
  await until(
    async () => {
      await processes.assertAlive(node.id);
      return (await isHealthy(node)) ? true : undefined;
    },
    {
      subject: node.id,
      purpose: "answer its health check",
      within: READY_MS,
      log: layout.log(node.id),
      advice: "read the log; `network -- down` and `up` start it anew",
    },
  );
}
