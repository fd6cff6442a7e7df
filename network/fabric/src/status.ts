/** What runs, what answers, and how far each peer has got. */
import { findLeader, metricOf } from "./channel/leader.js";
import type { FabricNetwork } from "./network.js";
import { isHealthy, isReachable, listens } from "./process/health.js";
import { isAlive, type ProcessRecord } from "./process/processes.js";
import { operationsPort } from "./topology/ports.js";
import { endpointOf, isLocal, nodesIn } from "./topology/topology.js";

export interface Line {
  readonly id: string;
  readonly kind: string;
  readonly state: "serves" | "runs, does not answer" | "has ended" | "cannot be reached";
  /** Absent for a process of another host. */
  readonly pid?: number;
  readonly endpoint: string;
  /** Blocks of the channel that this peer has committed. */
  readonly height?: number;
  readonly leads?: boolean;
  readonly log?: string;
}

async function heightOf(network: FabricNetwork, record: ProcessRecord): Promise<number | undefined> {
  const peer = network.topology.peers.find(({ id }) => id === record.id);
  if (peer === undefined) return undefined;
  try {
    const answer = await fetch(`http://127.0.0.1:${operationsPort("peer", peer.port)}/metrics`, {
      signal: AbortSignal.timeout(1_000),
    });
    return metricOf(await answer.text(), "ledger_blockchain_height", network.topology.channel);
  } catch {
    return undefined; // the state of the line says that it does not answer
  }
}

async function answers(network: FabricNetwork, record: ProcessRecord): Promise<boolean> {
  if (record.kind === "chaincode") {
    const [host = "", port = ""] = record.endpoint.split(":");
    return listens(host, Number(port));
  }
  const node = nodesIn(network.topology).find(({ id }) => id === record.id);
  return node !== undefined && isHealthy(node);
}

/** What can be seen of nodes on other hosts. */
const reachOf = ({ topology }: FabricNetwork): Promise<Line[]> =>
  Promise.all(
    nodesIn(topology).map(async (node): Promise<Line> => {
      const state = (await isReachable(node)) ? "serves" : "cannot be reached";
      return { id: node.id, kind: node.kind, state, endpoint: endpointOf(node) };
    }),
  );

export async function statusOf(network: FabricNetwork): Promise<Line[]> {
  if (!isLocal(network.topology)) return reachOf(network);
  const records = await network.processes.list();
  const leader = records.length === 0 ? undefined : await findLeader(network.topology);
  return Promise.all(
    records.map(async (record): Promise<Line> => {
      const { id, kind, pid, endpoint } = record;
      const state = !(await isAlive(record))
        ? "has ended"
        : (await answers(network, record))
          ? "serves"
          : "runs, does not answer";
      const height = await heightOf(network, record);
      return {
        ...{ id, kind, state, pid, endpoint, log: network.layout.log(id) },
        ...(height === undefined ? {} : { height }),
        ...(leader?.id === id ? { leads: true } : {}),
      };
    }),
  );
}

/** As a table for a terminal. */
export function tableOf(lines: readonly Line[]): string {
  const rows = lines.map(({ id, state, pid, endpoint, height, leads }) => [
    id,
    leads === true ? `${state}, leads` : state,
    String(pid ?? ""),
    endpoint,
    height === undefined ? "" : `${height} blocks`,
  ]);
  const table = [["process", "state", "pid", "endpoint", "height"], ...rows];
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...table.map((row) => (row[column] ?? "").length)));
  return table
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
