/** Makes the channel and has every orderer and peer join it. Each step is skipped where it is done. */
import { configtx, PROFILE } from "../config/configtx.js";
import { exists, writeJson } from "../tools/files.js";
import type { Progress } from "../tools/progress.js";
import type { Node } from "../topology/topology.js";
import { readmit } from "./consenters.js";
import type { Tools } from "./tools.js";
import { fetchConfig } from "./update.js";

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

async function joinOrderer(tools: Tools, orderer: Node, block: string, progress: Progress): Promise<void> {
  const { channel } = tools.topology;
  await tools.osnadmin("joining the channel", orderer, [
    ...["join", "--channelID", channel, "--config-block", block, "--no-status"],
  ]);
  progress.say(`${orderer.id} joined ${channel}`);
}

/**
 * Has every orderer that lacks the channel join it. On a channel that already orders, Raft must not meet one again that has lost
 * its log: the leader believes that it holds what it held, and it ends at the first heartbeat. Such a one is taken out of the
 * consenters and in again, under a new Raft number. SmartBFT and a channel that begins need none of this.
 */
async function joinOrderers(tools: Tools, progress: Progress): Promise<void> {
  const { orderers, peers, settings } = tools.topology;
  const has = await Promise.all(orderers.map((orderer) => hasJoined(tools, orderer)));
  const missing = orderers.filter((_, index) => !has[index]);
  const ordering = orderers.filter((_, index) => has[index]);
  const isQuorum = ordering.length > orderers.length / 2;
  const [through] = ordering;
  const [peer] = peers;
  const readmits = settings.ordering.type === "raft" && isQuorum && through !== undefined && peer !== undefined;
  if (!readmits || missing.length === 0 || !(await joined(tools, peer))) {
    await Promise.all(missing.map((orderer) => joinOrderer(tools, orderer, tools.layout.genesis, progress)));
    return;
  }
  for (const orderer of missing) {
    await readmit(tools, orderer, through);
    progress.say(`${orderer.id} has a new place among the consenters`);
    const block = tools.layout.at("channel", "newest-config.block");
    await fetchConfig(tools, peer, block);
    await joinOrderer(tools, orderer, block, progress);
  }
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
  const { peers } = tools.topology;
  await joinOrderers(tools, progress);
  await Promise.all(peers.map((peer) => joinPeer(tools, peer, progress)));
}
