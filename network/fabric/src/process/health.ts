/** Whether a node says of itself that it serves. */
import { connect } from "node:net";
import { adminPort, operationsPort } from "../topology/ports.js";
import { until } from "../tools/wait.js";
import { endpointOf, type Node } from "../topology/topology.js";

/** Whether something accepts connections there. */
export function listens(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const answer = (value: boolean) => (): void => {
      socket.destroy();
      resolve(value);
    };
    socket.once("connect", answer(true)).once("error", answer(false)).setTimeout(1_000, answer(false));
  });
}

/** Nodes call themselves healthy before they listen here. */
const servingPorts = ({ kind, port }: Node): number[] => (kind === "orderer" ? [port, adminPort(port)] : [port]);

export async function isHealthy(node: Node): Promise<boolean> {
  try {
    const answer = await fetch(`http://127.0.0.1:${operationsPort(node.kind, node.port)}/healthz`, {
      signal: AbortSignal.timeout(1_000),
    });
    await answer.arrayBuffer();
    return (
      answer.ok && (await Promise.all(servingPorts(node).map((port) => listens("127.0.0.1", port)))).every(Boolean)
    );
  } catch {
    return false; // not there, or not yet: for the asker these are one
  }
}

/** As well as it can be seen from here: a node's health is told on its own host only. */
export const isReachable = (node: Node): Promise<boolean> =>
  node.host === "localhost" ? isHealthy(node) : listens(node.host, node.port);

export const untilReachable = (node: Node): Promise<true> =>
  until(async () => ((await isReachable(node)) ? true : undefined), {
    subject: node.id,
    purpose: `accept connections at ${endpointOf(node)}`,
    within: 60_000,
    advice: `is it running on ${node.host}, does that name resolve here, is the port open? Its log is on that host`,
  });
