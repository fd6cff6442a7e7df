/** One folder a host, with what runs there and nothing of the others: nodes, their keys, scripts and units, profiles. */
import { chmod, cp, mkdir } from "node:fs/promises";
import path from "node:path";
import type { Tools } from "../channel/tools.js";
import type { Plan } from "../chaincode/lifecycle.js";
import { serverProgram } from "../chaincode/servers.js";
import { authorityProgram } from "../crypto/authority.js";
import { programOf } from "../process/nodes.js";
import type { Program } from "../process/processes.js";
import { write } from "../tools/files.js";
import { type Node, nodesIn, organisationsIn } from "../topology/topology.js";
import { ENVIRONMENT, runScript, startScript, STOP_SCRIPT, unit } from "./scripts.js";

async function executable(file: string, text: string): Promise<void> {
  await write(file, text, 0o755);
  await chmod(file, 0o755);
}

/** A node's own process, and for a peer the chaincode server beside it. */
function programsOf(tools: Tools, node: Node, { pack, slot }: Plan): Program[] {
  const { layout, binaries } = tools;
  if (node.kind === "authority") return [authorityProgram(layout, node, binaries)];
  const own = programOf(node, layout, binaries);
  return node.kind === "peer" ? [own, serverProgram(layout, node, pack, slot)] : [own];
}

/** Profile, service identity and everybody's TLS roots, for the gateway of an organisation that has a peer on this host. */
async function copyProfile(tools: Tools, organisation: string, folder: string): Promise<void> {
  const { layout, topology } = tools;
  const copy = (file: string): Promise<void> =>
    cp(file, path.join(folder, path.relative(layout.root, file)), { recursive: true });
  await copy(layout.profile(organisation));
  await copy(layout.user(organisation, "gateway").msp);
  for (const { name } of organisationsIn(topology)) await copy(layout.tlsRoot(name));
}

/**
 * Writes the folder of one host.
 * @param prefix where it will lie on that host, for its systemd units
 */
export async function writeHost(tools: Tools, host: string, plan: Plan, folder: string, prefix: string): Promise<void> {
  const { layout, topology } = tools;
  const scripts: [string, string][] = [];
  const nodes = nodesIn(topology).filter((node) => node.host === host);
  for (const node of nodes) {
    await mkdir(path.join(folder, "nodes"), { recursive: true });
    // A ledger that a node wrote on its host stays: there is none here.
    await cp(layout.node(node.id), path.join(folder, "nodes", node.id), { recursive: true });
    for (const program of programsOf(tools, node, plan)) {
      const script = path.posix.join(
        "nodes",
        node.id,
        `run-${program.kind === "chaincode" ? plan.pack.label : node.kind}.sh`,
      );
      await executable(path.join(folder, script), runScript(program));
      await write(path.join(folder, "systemd", `quanji-${program.id}.service`), unit(program, prefix, script));
      scripts.push([program.id, script]);
    }
  }
  const members = new Set(nodes.filter(({ kind }) => kind === "peer").map(({ organisation }) => organisation.name));
  for (const name of members) await copyProfile(tools, name, folder);
  await write(path.join(folder, "environment"), ENVIRONMENT);
  await executable(path.join(folder, "start.sh"), startScript(scripts));
  await executable(path.join(folder, "stop.sh"), STOP_SCRIPT);
}

export const hostsOf = (nodes: readonly Node[]): string[] => [...new Set(nodes.map(({ host }) => host))];
