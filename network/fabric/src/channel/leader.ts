/** Whether the orderers order: what their own metrics say of a leader. */
import { isReachable } from "../process/health.js";
import { until } from "../tools/wait.js";
import { operationsPort } from "../topology/ports.js";
import type { FabricTopology, Node } from "../topology/topology.js";
import type { Tools } from "./tools.js";

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

/**
 * The orderer that leads. A Raft leader says so itself. Of SmartBFT every node knows the leader of its view by number; what it
 * says of its own leading changes only with the next block, and is not asked.
 */
export async function findLeader({ orderers, settings, channel }: FabricTopology): Promise<Node | undefined> {
  for (const orderer of orderers) {
    const text = await metricsOf(orderer).catch(() => ""); // one that is down knows no leader
    if (settings.ordering.type === "raft") {
      if (metricOf(text, "consensus_etcdraft_is_leader", channel) === 1) return orderer;
      continue;
    }
    const leader = orderers[(metricOf(text, "consensus_smartbft_view_leader_id", channel) ?? 0) - 1];
    if (leader !== undefined && (await isReachable(leader))) return leader;
  }
  return undefined;
}

/** Blocks that each orderer has, as it tells its administrator. */
async function heightsOf(tools: Tools): Promise<number[]> {
  const heights: number[] = [];
  for (const orderer of tools.topology.orderers) {
    if (!(await isReachable(orderer))) continue; // one that is down catches up when it is started
    const answer = await tools.osnadmin("asking for the height", orderer, [
      ...["list", "--no-status", "--channelID", tools.topology.channel],
    ]);
    heights.push(Number(/"height":\s*(\d+)/.exec(answer)?.[1] ?? 0));
  }
  return heights;
}

/**
 * Until there is a leader, and no orderer that runs is behind what the others had when this was called. Whoever restarts
 * orderers one after another waits so between them: with a second one away while the first still catches up, too few may
 * be left to order.
 */
export async function untilLed(tools: Tools): Promise<Node> {
  const { layout, topology } = tools;
  const waiting = {
    subject: "orderers",
    within: 60_000,
    log: layout.log(topology.orderers[0]?.id ?? ""),
    advice: "are most of them running and can they reach each other? `network -- status` and their logs say",
  };
  const leader = await until(() => findLeader(topology), { ...waiting, purpose: "agree on a leader" });
  const height = Math.max(...(await heightsOf(tools)));
  await until(async () => ((await heightsOf(tools)).every((each) => each >= height) ? true : undefined), {
    ...waiting,
    purpose: `all reach ${height} blocks`,
  });
  return leader;
}
