/**
 * Identities by Fabric's `cryptogen`: all organisations' keys made in one place by one program, root keys included. For quick
 * tests; nobody who reads "several organisations" should find this underneath.
 */
import path from "node:path";
import type { Binaries } from "../tools/binaries.js";
import { exists, onlyFile, textOf, write, writeJson } from "../tools/files.js";
import { run } from "../tools/run.js";
import type { Layout, User } from "../topology/layout.js";
import { type FabricTopology, type Node, nodesIn, type Organisation, organisationsIn } from "../topology/topology.js";
import { type KeyPair, type Roots, writeMsp, writeTls } from "./msp.js";

/** What a node may be called in a TLS connection. */
export const namesOf = ({ id, host }: Node): string[] => [...new Set([id, host, "localhost", "127.0.0.1"])];

export function cryptogenConfig(topology: FabricTopology) {
  const entry = ({ name }: Organisation, nodes: readonly Node[]) => ({
    Name: name,
    Domain: name,
    EnableNodeOUs: true,
    Specs: nodes
      .filter(({ organisation }) => organisation.name === name)
      .map((node) => ({ Hostname: node.id, CommonName: node.id, SANS: namesOf(node) })),
    Users: { Count: 1 },
  });
  return {
    OrdererOrgs: topology.orderingOrganisations.map((each) => entry(each, topology.orderers)),
    PeerOrgs: topology.organisations.map((each) => entry(each, topology.peers)),
  };
}

async function keyPair(mspFolder: string): Promise<KeyPair> {
  return {
    certificate: await textOf(await onlyFile(path.join(mspFolder, "signcerts"))),
    key: await textOf(await onlyFile(path.join(mspFolder, "keystore"))),
  };
}

async function tlsPair(folder: string, name: "client" | "server"): Promise<KeyPair> {
  return {
    certificate: await textOf(path.join(folder, `${name}.crt`)),
    key: await textOf(path.join(folder, `${name}.key`)),
  };
}

async function copyOrganisation(layout: Layout, source: string, name: string): Promise<Roots> {
  const ca = await textOf(await onlyFile(path.join(source, "msp", "cacerts")));
  const tlsCa = await textOf(await onlyFile(path.join(source, "msp", "tlscacerts")));
  const roots = { ca, tlsCa };
  await writeMsp(layout.msp(name), roots);
  await write(layout.tlsRoot(name), tlsCa);
  const users: [User, string][] = [
    ["admin", `Admin@${name}`],
    ["gateway", `User1@${name}`],
  ];
  for (const [user, folder] of users) {
    const from = path.join(source, "users", folder);
    const to = layout.user(name, user);
    // An ordering organisation has no clients of its own.
    if (!(await exists(from))) continue;
    await writeMsp(to.msp, roots, await keyPair(path.join(from, "msp")));
    await writeTls(path.dirname(to.tlsKey), roots, await tlsPair(path.join(from, "tls"), "client"));
  }
  return roots;
}

/** Makes what is missing; what exists stays. */
export async function cryptogenIdentities(topology: FabricTopology, layout: Layout, binaries: Binaries): Promise<void> {
  const config = layout.at("cryptogen", "config.yaml");
  const output = layout.at("cryptogen", "material");
  await writeJson(config, cryptogenConfig(topology));
  const made = await exists(output);
  await run({
    what: "cryptogen",
    file: binaries("cryptogen"),
    args: [made ? "extend" : "generate", `--config=${config}`, `--${made ? "input" : "output"}=${output}`],
    log: layout.commands,
  });
  for (const { name, msp } of organisationsIn(topology)) {
    const orders = topology.orderingOrganisations.some((each) => each.msp === msp);
    const source = path.join(output, orders ? "ordererOrganizations" : "peerOrganizations", name);
    const roots = await copyOrganisation(layout, source, name);
    for (const node of nodesIn(topology)) {
      if (node.organisation.name !== name) continue;
      const from = path.join(source, orders ? "orderers" : "peers", node.id);
      const to = layout.node(node.id);
      await writeMsp(path.join(to, "msp"), roots, await keyPair(path.join(from, "msp")));
      await writeTls(path.join(to, "tls"), roots, await tlsPair(path.join(from, "tls"), "server"));
    }
  }
}
