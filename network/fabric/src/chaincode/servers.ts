/** One chaincode server beside each peer, on loopback: nobody but that peer speaks to it. */
import path from "node:path";
import { addressesOf } from "../process/nodes.js";
import { assertPortsFree } from "../process/ports.js";
import { listens } from "../process/health.js";
import type { Processes, Program } from "../process/processes.js";
import { write } from "../tools/files.js";
import { until } from "../tools/wait.js";
import type { Layout } from "../topology/layout.js";
import { chaincodePort } from "../topology/ports.js";
import type { Node } from "../topology/topology.js";
import type { ChaincodePackage } from "./package.js";

export const serverId = (label: string, peer: Node): string => `${label}.${peer.id}`;

const addressOf = (peer: Node, slot: number): string => `127.0.0.1:${chaincodePort(peer.port, slot)}`;

/** Relative to the peer's folder, where the server runs. */
const bundleFile = (label: string): string => path.join("chaincode", `${label}.cjs`);

/** Puts the bundle beside the peer, and the address where the peer's builder looks for it. Before the package is installed. */
export async function prepareServer(
  layout: Layout,
  peer: Node,
  { label }: ChaincodePackage,
  slot: number,
  bundle: Uint8Array,
): Promise<void> {
  await write(path.join(layout.node(peer.id), bundleFile(label)), bundle);
  await write(path.join(addressesOf(layout, peer), label), addressOf(peer, slot));
}

export function serverProgram(
  layout: Layout,
  peer: Node,
  { label, id, bundleSha256 }: { label: string; id: string; bundleSha256: string },
  slot: number,
): Program {
  const address = addressOf(peer, slot);
  return {
    id: serverId(label, peer),
    kind: "chaincode",
    file: process.execPath,
    args: [bundleFile(label), "--chaincode-address", address, "--chaincode-id", id, "--peer-batches"],
    cwd: layout.node(peer.id),
    env: { QUANJI_BUNDLE_SHA256: bundleSha256, CORE_PEER_LOCALMSPID: peer.organisation.msp, NODE_ENV: "production" },
    endpoint: address,
  };
}

export async function startServer(processes: Processes, layout: Layout, program: Program): Promise<boolean> {
  const [host = "", port = ""] = program.endpoint.split(":");
  await assertPortsFree(program.id, [Number(port)], processes);
  const begun = await processes.start(program);
  await until(
    async () => {
      await processes.assertAlive(program.id);
      return (await listens(host, Number(port))) ? true : undefined;
    },
    {
      subject: program.id,
      purpose: `listen at ${program.endpoint}`,
      within: 30_000,
      log: layout.log(program.id),
      advice: "the log says why; a bundle that is not the approved one refuses to start",
    },
  );
  return begun;
}
