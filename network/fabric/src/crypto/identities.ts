/** Everybody's identities, by whichever means the topology names. What exists stays. */
import path from "node:path";
import type { Processes } from "../process/processes.js";
import type { Binaries } from "../tools/binaries.js";
import { NetworkFailure } from "../tools/failure.js";
import { exists, textOf, write } from "../tools/files.js";
import type { Progress } from "../tools/progress.js";
import type { Layout, User } from "../topology/layout.js";
import { type FabricTopology, isLocal, type Node, type Organisation, organisationsIn } from "../topology/topology.js";
import { rootOf, startAuthority } from "./authority.js";
import { cryptogenIdentities, namesOf } from "./cryptogen.js";
import { Enrolment, type Holder } from "./enrolment.js";
import { writeMsp } from "./msp.js";

const nodeHolder = (node: Node, layout: Layout): Holder => ({
  name: node.id,
  role: node.kind === "orderer" ? "orderer" : "peer",
  hosts: namesOf(node).filter((name) => name !== node.id),
  folder: layout.node(node.id),
});

const userHolder = ({ name }: Organisation, user: User, layout: Layout): Holder => ({
  name: `${user}.${name}`,
  role: user === "admin" ? "admin" : "client",
  hosts: [],
  folder: path.dirname(layout.user(name, user).msp),
});

/** Everybody of one organisation. An ordering organisation has no gateway. */
export function holdersOf(topology: FabricTopology, layout: Layout, organisation: Organisation): Holder[] {
  const isMember = topology.organisations.includes(organisation);
  const users: User[] = isMember ? ["admin", "gateway"] : ["admin"];
  const nodes = [...topology.orderers, ...topology.peers].filter((node) => node.organisation === organisation);
  return [
    ...users.map((user) => userHolder(organisation, user, layout)),
    ...nodes.map((node) => nodeHolder(node, layout)),
  ];
}

export function authorityOf({ authorities, name }: FabricTopology, organisation: Organisation): Node {
  const authority = authorities.find((each) => each.organisation === organisation);
  if (authority !== undefined) return authority;
  throw new NetworkFailure(name, `has no authority for ${organisation.name}`, {
    advice: 'identities are by cryptogen here; use a topology with "identities": "ca"',
  });
}

async function enrolOrganisation(
  topology: FabricTopology,
  layout: Layout,
  binaries: Binaries,
  organisation: Organisation,
): Promise<number> {
  const authority = authorityOf(topology, organisation);
  const enrolment = new Enrolment(authority, layout, binaries, `localhost:${authority.port}`);
  const roots = await enrolment.roots();
  await writeMsp(layout.msp(organisation.name), roots);
  await write(layout.tlsRoot(organisation.name), await textOf(rootOf(layout, authority)));
  let made = 0;
  for (const holder of holdersOf(topology, layout, organisation)) if (await enrolment.ensure(holder)) made += 1;
  return made;
}

/** Whether everybody has certificates. */
async function allThere(topology: FabricTopology, layout: Layout): Promise<boolean> {
  const folders = organisationsIn(topology).flatMap((each) =>
    holdersOf(topology, layout, each).map(({ folder }) => folder),
  );
  const there = await Promise.all(folders.map((folder) => exists(path.join(folder, "tls", "key.pem"))));
  return !there.includes(false);
}

/** Authorities are started on this machine; those of a network of several hosts are ended when all is issued, and move. */
export async function ensureIdentities(
  topology: FabricTopology,
  layout: Layout,
  binaries: Binaries,
  processes: Processes,
  progress: Progress,
): Promise<void> {
  if (topology.settings.identities === "cryptogen") {
    if (await allThere(topology, layout)) return;
    await cryptogenIdentities(topology, layout, binaries);
    progress.say("identities made by cryptogen: for tests only");
    return;
  }
  if (!isLocal(topology) && (await allThere(topology, layout))) return;
  await Promise.all(
    topology.authorities.map(async (authority) => {
      if (await startAuthority(layout, authority, binaries, processes)) {
        progress.say(`${authority.id} serves at ${authority.host}:${authority.port}`);
      }
    }),
  );
  const made = await Promise.all(
    organisationsIn(topology).map((each) => enrolOrganisation(topology, layout, binaries, each)),
  );
  const total = made.reduce((sum, count) => sum + count, 0);
  if (!isLocal(topology)) await Promise.all(topology.authorities.map(({ id }) => processes.stop(id)));
  if (total > 0) progress.say(`${total} identities enrolled by ${topology.authorities.length} authorities`);
}
