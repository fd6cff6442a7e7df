/** When the server of an old version may end: once its peer asks nothing of it any more. */
import { until } from "../tools/wait.js";
import { operationsPort } from "../topology/ports.js";
import type { Node } from "../topology/topology.js";

/** Sum of a counter over its series that name the package. */
export const countOf = (text: string, metric: string, packageId: string): number =>
  text
    .split("\n")
    .filter((line) => line.startsWith(`${metric}{`) && line.includes(`chaincode="${packageId}"`))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);

const QUIET_MS = 500;

/** Resolves once the peer's count of requests to that package has stood still. Errors: NetworkFailure. */
export async function drained(peer: Node, packageId: string): Promise<void> {
  let before = -1;
  await until(
    async () => {
      const answer = await fetch(`http://127.0.0.1:${operationsPort("peer", peer.port)}/metrics`, {
        signal: AbortSignal.timeout(2_000),
      });
      const now = countOf(await answer.text(), "chaincode_shim_requests_received", packageId);
      if (now === before) return true;
      before = now;
      return undefined;
    },
    {
      subject: peer.id,
      purpose: "leave the old chaincode alone",
      within: 60_000,
      every: QUIET_MS,
      advice: "the new version is committed; end the old server with the same command again once traffic has moved",
    },
  );
}
