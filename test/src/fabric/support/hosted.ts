/** A network of several hosts in namespaces: made, started, joined from a host apart, and reached from this process. */
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, connect, type Server } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import {
  essenceOf,
  FabricNetwork,
  type FabricTopology,
  readFabricTopology,
  silent,
  type Tools,
} from "@quanji/network/fabric";
import { Hosts } from "./hosts.js";

const MAIN = fileURLToPath(new URL("../../../../network/fabric/dist/main.js", import.meta.url));
const CONTROL = "control.quanji.test";

export const hostOf = (organisation: string): string => `${organisation}.quanji.test`;

export class Hosted implements AsyncDisposable {
  readonly network: FabricNetwork;
  readonly hosts: Hosts;
  readonly #file: string;
  readonly #tools: Tools;
  readonly #names: readonly string[];
  readonly #doors: Server[] = [];

  private constructor(network: FabricNetwork, hosts: Hosts, names: readonly string[], file: string, tools: Tools) {
    this.network = network;
    this.hosts = hosts;
    this.#names = names;
    this.#file = file;
    this.#tools = tools;
  }

  /**
   * A provided topology with a host for each organisation.
   * @param bundle the chaincode
   */
  static async up(topology: string, bundle: string): Promise<Hosted> {
    const folder = await mkdtemp(path.join(tmpdir(), "quanji-hosted-"));
    const file = path.join(folder, `hosted-${process.pid}.json`);
    const essence = structuredClone(essenceOf(await readFabricTopology(topology)));
    const { authorities, ordering, peers } = essence.fabric;
    const members = essence.organisations.map(({ name }) => name);
    // One organisation's orderers stand with the members in turn; several organisations' each with its own member, or alone.
    const owner = (orderer: { readonly organisation: string }, index: number): string =>
      ordering.organisations.length > 1
        ? orderer.organisation.replace(/-orderer$/, "")
        : (members[index % members.length] ?? "");
    ordering.orderers.forEach((orderer, index) => (orderer.host = hostOf(owner(orderer, index))));
    const names = [...new Set([...members.map(hostOf), ...ordering.orderers.map(({ host }) => host)])];
    for (const node of [...authorities, ...peers]) {
      node.host = hostOf(members.includes(node.organisation) ? node.organisation : (members[0] ?? ""));
    }
    await writeFile(file, JSON.stringify(essence));
    const network = new FabricNetwork(await readFabricTopology(file));
    const tools = await network.tools(silent);
    const hosted = new Hosted(network, new Hosts([...names, CONTROL]), names, file, tools);
    await network.bundle(bundle, "/opt/quanji", silent);
    for (const name of names) hosted.#script(name, "start.sh");
    hosted.#run(CONTROL, process.execPath, MAIN, "join", "--chaincode", bundle, "--topology", file);
    return hosted;
  }

  /** The regulator's profile for this process, which knows the hosts' names no more than anybody else outside. */
  async profileFromHere(organisation: string): Promise<string> {
    const { layout, topology } = this.network;
    const profile = JSON.parse(await readFile(layout.profile(organisation), "utf8")) as {
      peers: { name: string; endpoint: string }[];
    };
    for (const peer of profile.peers) {
      const node = nodeOf(topology, peer.name);
      peer.endpoint = `localhost:${await this.#door(this.hosts.addressOf(node.host), node.port)}`;
    }
    const file = layout.at(`outside-${organisation}.json`);
    await writeFile(file, JSON.stringify(profile));
    return file;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const door of this.#doors) door.close();
    for (const name of this.#names) {
      this.hosts.heal(name);
      this.#script(name, "stop.sh");
    }
    this.hosts[Symbol.dispose]();
    await this.network.clean(silent);
    await rm(path.dirname(this.#file), { recursive: true });
  }

  #script(host: string, name: string): void {
    this.#run(host, "sh", path.join(this.network.layout.at("hosts", host), name));
  }

  #run(host: string, ...command: string[]): string {
    const programs = { FABRIC_BIN: path.dirname(this.#tools.binaries("peer")), NODE: process.execPath };
    return this.hosts.run(host, programs, ...command);
  }

  /** A port of this process that leads to a host's. */
  async #door(host: string, port: number): Promise<number> {
    const server = createServer((near) => {
      const far = connect({ host, port });
      near.pipe(far).pipe(near);
      near.on("error", () => far.destroy());
      far.on("error", () => near.destroy());
    });
    server.listen(0, "localhost");
    await once(server, "listening");
    this.#doors.push(server);
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no address");
    return address.port;
  }
}

function nodeOf({ peers }: FabricTopology, id: string): { readonly host: string; readonly port: number } {
  const node = peers.find((peer) => peer.id === id);
  if (node === undefined) throw new Error(`no peer ${id}`);
  return node;
}
