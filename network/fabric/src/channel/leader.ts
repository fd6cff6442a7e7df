/** Whether the orderers order: what their own metrics say of a leader. */
import { NetworkFailure } from "../tools/failure.js";
import { until } from "../tools/wait.js";
import { operationsPort } from "../topology/ports.js";
import type { FabricTopology, Node } from "../topology/topology.js";

/** 1 at the leader alone. */
const METRIC = { raft: "consensus_etcdraft_is_leader", bft: "consensus_BFT_is_leader" } as const;

async function metricsOf(orderer: Node): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${operationsPort("orderer", orderer.port)}/metrics`, {
    signal: AbortSignal.timeout(1_000),
  });
  return answer.text();
}

/** Value of a metric of one channel in Prometheus' text form. */
export function metricOf(text: string, name: string, channel: string): number | undefined {
  for (const line of text.split("\n")) {
    if (line.startsWith(`${name}{`) && line.includes(`channel="${channel}"`)) {
      return Number(line.slice(line.lastIndexOf(" ") + 1));
    }
  }
  return undefined;
}

/** The orderer that leads, in its own eyes. */
export async function findLeader({ orderers, settings, channel }: FabricTopology): Promise<Node | undefined> {
  for (const orderer of orderers) {
    const text = await metricsOf(orderer).catch(() => ""); // one that is down does not lead
    if (metricOf(text, METRIC[settings.ordering.type], channel) === 1) return orderer;
  }
  return undefined;
}

export function untilLed(topology: FabricTopology, log: (id: string) => string): Promise<Node> {
  const [first] = topology.orderers;
  if (first === undefined)
    throw new NetworkFailure("orderers", "there are none", { advice: "add one to the topology" });
  return until(() => findLeader(topology), {
    subject: "orderers",
    purpose: "agree on a leader",
    within: 60_000,
    log: log(first.id),
    advice: "are most of them running and can they reach each other? `network -- status` and their logs say",
  });
}
