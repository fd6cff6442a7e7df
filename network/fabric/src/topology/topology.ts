/**
 * Reads a topology file for Fabric: the organisations that every ledger adapter reads (gateway's `parseTopology`) and the
 * member `fabric`. What comes out is complete and consistent: every node belongs to an organisation, every organisation has
 * what its role needs, no two processes of a host want one port.
 */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { ORDERER_MSP, parseTopology, type Organisation, type Topology } from "@quanji/gateway/topology";
import { QuanjiError } from "@quanji/chaincode/domain";
import { type NodeKind, PORTS_OF } from "./ports.js";
import { fabricSection, type FabricSection } from "./schema.js";

/** A process of the network that belongs to one organisation. */
export interface Node {
  readonly kind: NodeKind;
  /** `<name>.<organisation>`: name of process, folder and log, and common name of its certificate. */
  readonly id: string;
  readonly organisation: Organisation;
  readonly host: string;
  readonly port: number;
}

export interface FabricTopology extends Topology {
  /** Names the state folder: the file's name without `.json`. */
  readonly name: string;
  readonly settings: FabricSection;
  readonly orderingOrganisations: readonly Organisation[];
  readonly peers: readonly Node[];
  readonly orderers: readonly Node[];
  readonly authorities: readonly Node[];
}

const refuse = (field: string, message: string): never => {
  throw new QuanjiError("CONFIG_INVALID", `topology: ${field} ${message}`, { field });
};

/** fewest orderers that bear one that lies, 3f + 1 */
const BFT_LEAST = 4;

function parseSection(input: unknown): FabricSection {
  const parsed = fabricSection.safeParse(input);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const field = ["fabric", ...(issue?.path ?? [])].map(String).join(".");
  return refuse(field, `is not valid: ${issue?.message ?? "unknown form"}`);
}

/** Ordering organisations are apart from members: their certificates sign blocks, and only blocks. */
function checkOrdering(topology: Topology, { ordering }: FabricSection): void {
  const names = new Set(topology.organisations.map(({ name }) => name));
  const msps = new Set(topology.organisations.map(({ msp }) => msp));
  ordering.organisations.forEach(({ name, msp }, index) => {
    const field = `fabric.ordering.organisations.${index}`;
    if (names.has(name)) refuse(`${field}.name`, `repeats ${name}`);
    if (msps.has(msp)) refuse(`${field}.msp`, `repeats ${msp}: an organisation orders under an MSP of its own`);
    names.add(name);
    msps.add(msp);
  });
  if (ordering.type === "bft") {
    if (ordering.orderers.length < BFT_LEAST)
      refuse("fabric.ordering.orderers", `must be ${BFT_LEAST} or more for bft`);
    const hosting = new Set(ordering.orderers.map(({ organisation }) => organisation));
    if (hosting.size < BFT_LEAST) {
      refuse(
        "fabric.ordering.orderers",
        `must be of ${BFT_LEAST} or more organisations for bft: one that lies is outvoted`,
      );
    }
  }
}

type Placed = { readonly name?: string; readonly organisation: string; readonly host: string; readonly port: number };

function nodesOf(
  kind: NodeKind,
  field: string,
  placed: readonly Placed[],
  organisations: readonly Organisation[],
): Node[] {
  const ids = new Set<string>();
  return placed.map(({ name = "ca", organisation: owner, host, port }, index) => {
    const organisation =
      organisations.find((candidate) => candidate.name === owner) ??
      refuse(
        `${field}.${index}.organisation`,
        `must name one of: ${organisations.map((each) => each.name).join(", ")}`,
      );
    const id = `${name}.${owner}`;
    if (ids.has(id)) refuse(`${field}.${index}`, `repeats ${id}`);
    ids.add(id);
    return { kind, id, organisation, host, port };
  });
}

function checkPorts(nodes: readonly Node[]): void {
  const taken = new Map<string, string>();
  for (const { kind, id, host, port } of nodes) {
    for (let next = port; next < port + PORTS_OF[kind]; next += 1) {
      const address = `${host}:${next}`;
      const holder = taken.get(address);
      if (holder !== undefined) refuse("fabric", `gives ${address} to both ${holder} and ${id}`);
      taken.set(address, id);
    }
  }
}

/** Errors: CONFIG_INVALID, `field` names the offending member. */
export function parseFabricTopology(input: unknown, name: string): FabricTopology {
  const topology = parseTopology(input);
  const section = (input as { fabric?: unknown }).fabric;
  if (section === undefined) refuse("fabric", "is missing: this file names organisations but no nodes");
  const settings = parseSection(section);
  checkOrdering(topology, settings);
  const orderingOrganisations = settings.ordering.organisations;
  const everybody = [...topology.organisations, ...orderingOrganisations];
  const peers = nodesOf("peer", "fabric.peers", settings.peers, topology.organisations);
  const orderers = nodesOf("orderer", "fabric.ordering.orderers", settings.ordering.orderers, orderingOrganisations);
  const authorities =
    settings.identities === "ca" ? nodesOf("authority", "fabric.authorities", settings.authorities, everybody) : [];
  const nodes = [...authorities, ...orderers, ...peers];
  checkPorts(nodes);
  const hosts = new Set(nodes.map(({ host }) => host));
  if (hosts.size > 1 && hosts.has("localhost")) {
    refuse("fabric", "gives localhost beside other hosts, where every host would take it for itself");
  }
  if (new Set(nodes.map(({ id }) => id)).size < nodes.length) refuse("fabric", "gives one name to two nodes");
  const needs = (kind: string, owners: readonly Organisation[], have: readonly Node[]): void => {
    for (const owner of owners) {
      if (!have.some(({ organisation }) => organisation.name === owner.name)) {
        refuse("fabric", `has no ${kind} for ${owner.name}`);
      }
    }
  };
  needs("peer", topology.organisations, peers);
  needs("orderer", orderingOrganisations, orderers);
  if (settings.identities === "ca") needs("authority", everybody, authorities);
  return { ...topology, name, settings, orderingOrganisations, peers, orderers, authorities };
}

/** The topologies that come with the project. */
export const PROVIDED = ["small", "raft", "bft"] as const;

const PROVIDED_FOLDER = fileURLToPath(new URL("../../topologies/", import.meta.url));

/** @param file a path, or the name of a provided topology. Errors: CONFIG_INVALID. */
export async function readFabricTopology(file: string): Promise<FabricTopology> {
  const provided = PROVIDED.find((candidate) => candidate === file);
  const location = provided === undefined ? path.resolve(file) : path.join(PROVIDED_FOLDER, `${provided}.json`);
  let input: unknown;
  try {
    input = JSON.parse(await readFile(location, "utf8"));
  } catch (cause) {
    throw new QuanjiError(
      "CONFIG_INVALID",
      `the topology ${location} cannot be read as JSON; give a file, or one of: ${PROVIDED.join(", ")}`,
      { field: "topology", cause },
    );
  }
  const name = path.basename(location, ".json");
  if (!/^[a-z0-9][a-z0-9._-]{0,63}$/.test(name))
    refuse("topology", `file name ${name} must be lower case letters, digits, . _ -`);
  return parseFabricTopology(input, name);
}

/** Every process but the chaincode servers, in the order in which they start. */
export const nodesIn = ({ authorities, orderers, peers }: FabricTopology): readonly Node[] => [
  ...authorities,
  ...orderers,
  ...peers,
];

/** Members and ordering organisations. */
export const organisationsIn = (topology: FabricTopology): readonly Organisation[] => [
  ...topology.organisations,
  ...topology.orderingOrganisations,
];

export const endpointOf = ({ host, port }: Node): string => `${host}:${port}`;

/** True when every process runs on this machine. */
export const isLocal = (topology: FabricTopology): boolean =>
  nodesIn(topology).every(({ host }) => host === "localhost");

export { ORDERER_MSP, type Organisation };
