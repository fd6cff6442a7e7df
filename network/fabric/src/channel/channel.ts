/** Makes the channel and has every orderer and peer join it. Each step is skipped where it is done. */
import { configtx, PROFILE } from "../config/configtx.js";
import { exists, writeJson } from "../tools/files.js";
import type { Progress } from "../tools/progress.js";
import { until } from "../tools/wait.js";
import type { Node } from "../topology/topology.js";
import type { Tools } from "./tools.js";

/** The channel's block 0. Made once: the channel is what this file's hash says. */
export async function ensureGenesis(tools: Tools): Promise<boolean> {
  const { layout, topology } = tools;
  if (await exists(layout.genesis)) return false;
  await writeJson(layout.at("channel", "configtx.yaml"), configtx(topology, layout));
  await tools.configtxgen("making the channel's first block", [
    ...["-profile", PROFILE, "-channelID", topology.channel, "-outputBlock", layout.genesis],
  ]);
  return true;
}

const hasJoined = async (tools: Tools, orderer: Node): Promise<boolean> =>
  new RegExp(`"name":\\s*"${tools.topology.channel}"`).test(
    await tools.osnadmin("listing channels", orderer, ["list", "--no-status"]),
  );

async function joinOrderer(tools: Tools, orderer: Node, progress: Progress): Promise<void> {
  if (await hasJoined(tools, orderer)) return;
  const { channel } = tools.topology;
  await tools.osnadmin("joining the channel", orderer, [
    ...["join", "--channelID", channel, "--config-block", tools.layout.genesis, "--no-status"],
  ]);
  progress.say(`${orderer.id} joined ${channel}`);
}

/** Channels that a peer has joined. */
const joined = async (tools: Tools, peer: Node): Promise<boolean> =>
  (await tools.peer("listing channels", peer, ["channel", "list"]))
    .split("\n")
    .some((line) => line.trim() === tools.topology.channel);

async function joinPeer(tools: Tools, peer: Node, progress: Progress): Promise<void> {
  if (await joined(tools, peer)) return;
  await tools.peer("joining the channel", peer, ["channel", "join", "-b", tools.layout.genesis]);
  progress.say(`${peer.id} joined ${tools.topology.channel}`);
}

export async function joinAll(tools: Tools, progress: Progress): Promise<void> {
  const { orderers, peers } = tools.topology;
  await Promise.all(orderers.map((orderer) => joinOrderer(tools, orderer, progress)));
  await Promise.all(peers.map((peer) => joinPeer(tools, peer, progress)));
}

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
