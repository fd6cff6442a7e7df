/** What a peer tells clients about endorsers: the question that every submit begins with. */
import { collectionOf } from "@quanji/chaincode/world";
import type { Tools } from "../channel/tools.js";
import { NetworkFailure } from "../tools/failure.js";
import { run } from "../tools/run.js";
import { endpointOf, type Node } from "../topology/topology.js";

/** Whether this peer can name endorsers for a transaction on its own organisation's collection. */
export async function isServed({ topology, layout, binaries }: Tools, peer: Node): Promise<boolean> {
  const { name, msp } = peer.organisation;
  const { key, certificate } = layout.user(name, "admin");
  const chaincode = topology.settings.chaincode.name;
  try {
    await run({
      what: `asking ${peer.id} for endorsers`,
      file: binaries("discover"),
      args: [
        ...["--peerTLSCA", layout.tlsRoot(name), "--userKey", key, "--userCert", certificate, "--MSP", msp],
        ...["endorsers", "--channel", topology.channel, "--server", endpointOf(peer), "--chaincode", chaincode],
        ...["--collection", `${chaincode}:${collectionOf(msp)}`],
      ],
      log: layout.commands,
      within: 10_000,
    });
    return true;
  } catch (error) {
    if (error instanceof NetworkFailure) return false; // the log of commands keeps what it said
    throw error;
  }
}
