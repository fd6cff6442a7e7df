/** Whether the orderers order: what their own metrics say of a leader. */
import { NetworkFailure } from "../tools/failure.js";
import { until } from "../tools/wait.js";
import { operationsPort } from "../topology/ports.js";
import type { FabricTopology, Node } from "../topology/topology.js";

/** 1 at the leader alone. */
const LEADS = { raft: "consensus_etcdraft_is_leader", bft: "consensus_BFT_is_leader" } as const;

/** Number of the newest block that an orderer has written. */
const WRITTEN = {
  raft: "consensus_etcdraft_committed_block_number",
  bft: "consensus_BFT_committed_block_number",
} as const;

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
    if (metricOf(text, LEADS[settings.ordering.type], channel) === 1) return orderer;
  }
  return undefined;
}

/** Newest block of each orderer that answers. */
async function writtenBy({ orderers, settings, channel }: FabricTopology): Promise<Map<Node, number>> {
  const written = new Map<Node, number>();
  for (const orderer of orderers) {
    const text = await metricsOf(orderer).catch(() => undefined); // one that is down catches up when it is started
    if (text === undefined) continue;
    written.set(orderer, metricOf(text, WRITTEN[settings.ordering.type], channel) ?? 0);
  }
  return written;
}

/**
 * Until there is a leader, and no orderer that runs is behind what the others had when this was called. Whoever restarts
 * orderers one after another waits so between them: with a second one away while the first still catches up, too few may
 * be left to order.
 */
export async function untilLed(topology: FabricTopology, log: (id: string) => string): Promise<Node> {
  const [first] = topology.orderers;
  if (first === undefined)
    throw new NetworkFailure("orderers", "there are none", { advice: "add one to the topology" });
  const waiting = {
    within: 60_000,
    log: log(first.id),
    advice: "are most of them running and can they reach each other? `network -- status` and their logs say",
  };
  const height = Math.max(...(await writtenBy(topology)).values());
  await until(
    async () => ([...(await writtenBy(topology)).values()].every((block) => block >= height) ? true : undefined),
    { ...waiting, subject: "orderers", purpose: `all reach block ${height}` },
  );
  return until(() => findLeader(topology), { ...waiting, subject: "orderers", purpose: "agree on a leader" });
}
