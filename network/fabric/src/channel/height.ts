/** How far a peer has got. */
import { until } from "../tools/wait.js";
import type { Node } from "../topology/topology.js";
import type { Tools } from "./tools.js";

/** Height of the channel at a peer. */
export async function heightAt(tools: Tools, peer: Node): Promise<number> {
  const answer = await tools.peer("asking for the height", peer, ["channel", "getinfo", "-c", tools.topology.channel]);
  const height = /"height":\s*"?(\d+)/.exec(answer)?.[1];
  if (height === undefined) throw new Error(`${peer.id} answered without a height: ${answer.slice(0, 200)}`);
  return Number(height);
}

/** Resolves once a peer has `height` blocks. */
export async function untilHeight(tools: Tools, peer: Node, height: number, within = 30_000): Promise<void> {
  await until(async () => ((await heightAt(tools, peer)) >= height ? true : undefined), {
    subject: peer.id,
    purpose: `reach ${height} blocks`,
    within,
    every: 100,
    log: tools.layout.log(peer.id),
    advice: "is an orderer running and can this peer reach it? its log says",
  });
}
