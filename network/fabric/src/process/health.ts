/** Whether a node says of itself that it serves. */
import { operationsPort } from "../topology/ports.js";
import type { Node } from "../topology/topology.js";

export async function isHealthy(node: Node): Promise<boolean> {
  try {
    const answer = await fetch(`http://127.0.0.1:${operationsPort(node.kind, node.port)}/healthz`, {
      signal: AbortSignal.timeout(1_000),
    });
    await answer.arrayBuffer();
    return answer.ok;
  } catch {
    return false; // not there, or not yet: for the asker these are one
  }
}
