/**
 * Snapshots: a peer's state at one block, without the blocks before it. A peer made from one serves in minutes where reading all
 * blocks takes days, and lacks those blocks for good. @see Hyperledger Fabric, "Taking ledger snapshots and using them to join
 * channels"
 */
import { readdir } from "node:fs/promises";
import path from "node:path";
import { NetworkFailure } from "../tools/failure.js";
import { exists } from "../tools/files.js";
import { until } from "../tools/wait.js";
import { endpointOf, type Node } from "../topology/topology.js";
import { heightAt } from "./height.js";
import type { Tools } from "./tools.js";

/** How long a peer may take to write its state, or to read it. */
const WITHIN_MS = 3_600_000;

const toPeer = ({ layout, topology }: Tools, peer: Node): string[] => [
  ...["-c", topology.channel, "--peerAddress", endpointOf(peer)],
  ...["--tlsRootCertFile", layout.tlsRoot(peer.organisation.name)],
];

/** Of all blocks that the peer has. @returns the folder, whose name is the last block's number */
export async function takeSnapshot(tools: Tools, peer: Node): Promise<string> {
  const { layout, topology } = tools;
  const last = (await heightAt(tools, peer)) - 1;
  const completed = path.join(layout.node(peer.id), "data", "snapshots", "completed", topology.channel);
  await tools.peer("asking for a snapshot", peer, ["snapshot", "submitrequest", "-b", "0", ...toPeer(tools, peer)]);
  return until(
    async () => {
      const numbers = (await exists(completed)) ? (await readdir(completed)).map(Number) : [];
      const newest = Math.max(-1, ...numbers);
      return newest >= last ? path.join(completed, String(newest)) : undefined;
    },
    {
      subject: peer.id,
      purpose: "write its snapshot",
      within: WITHIN_MS,
      every: 200,
      log: layout.log(peer.id),
      advice: "has its disk room for a second copy of the state? its log says",
    },
  );
}

/** Errors: NetworkFailure. */
export async function assertSnapshot(folder: string): Promise<void> {
  if (await exists(path.join(folder, "_snapshot_signable_metadata.json"))) return;
  throw new NetworkFailure(folder, "is no snapshot", {
    advice: "name the folder that `network -- snapshot <peer>` printed, or a copy of it that this peer can read",
  });
}

/** Has a peer that serves and has joined nothing join the channel from a snapshot. */
export async function joinFromSnapshot(tools: Tools, peer: Node, folder: string): Promise<void> {
  const { layout, topology } = tools;
  await tools.peer("joining from a snapshot", peer, ["channel", "joinbysnapshot", "--snapshotpath", folder]);
  await until(
    async () => {
      const channels = await tools.peer("listing channels", peer, ["channel", "list"]);
      return channels.split("\n").some((line) => line.trim() === topology.channel) ? true : undefined;
    },
    {
      subject: peer.id,
      purpose: "read its snapshot",
      within: WITHIN_MS,
      every: 200,
      log: layout.log(peer.id),
      advice: "its log says why",
    },
  );
}
