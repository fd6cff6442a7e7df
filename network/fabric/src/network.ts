/** A whole network: from a topology to processes that serve, and back to nothing. Every step is safe to repeat. */
import { readFile, rm } from "node:fs/promises";
import path from "node:path";
import { QuanjiError } from "@quanji/chaincode/domain";
import { ensureGenesis, joinAll } from "./channel/channel.js";
import { untilLed } from "./channel/leader.js";
import { addMembers } from "./channel/members.js";
import { assertSnapshot, joinFromSnapshot, takeSnapshot } from "./channel/snapshot.js";
import { Tools } from "./channel/tools.js";
import { deploy, plan, startServers } from "./chaincode/lifecycle.js";
import { ensureIdentities } from "./crypto/identities.js";
import { renew, revoke } from "./crypto/revocation.js";
import { hostsOf, writeHost } from "./hosts/bundle.js";
import { untilReachable } from "./process/health.js";
import { assertPortsFree, ownPorts } from "./process/ports.js";
import { programOf, untilHealthy, writeNodes } from "./process/nodes.js";
import { Processes } from "./process/processes.js";
import { writeProfiles } from "./profile.js";
import { type Binaries, ensureBinaries } from "./tools/binaries.js";
import { NetworkFailure } from "./tools/failure.js";
import { exists, writeJson } from "./tools/files.js";
import type { Progress } from "./tools/progress.js";
import { Layout } from "./topology/layout.js";
import { essenceOf, growthOf } from "./topology/growth.js";
import { type FabricTopology, isLocal, type Node, nodesIn, parseFabricTopology } from "./topology/topology.js";

export class FabricNetwork {
  readonly topology: FabricTopology;
  readonly layout: Layout;
  readonly processes: Processes;

  constructor(topology: FabricTopology, layout = Layout.of(topology.name)) {
    this.topology = topology;
    this.layout = layout;
    this.processes = new Processes(layout);
  }

  binaries(progress: Progress): Promise<Binaries> {
    return ensureBinaries(this.topology.settings.identities === "ca", progress);
  }

  /** From whatever is there to a chaincode that serves. */
  async up(bundle: string, progress: Progress): Promise<void> {
    if (!isLocal(this.topology)) {
      throw new NetworkFailure(this.topology.name, "has hosts other than localhost", {
        advice: "`network -- bundle` makes a folder for each host",
      });
    }
    const tools = await this.tools(progress);
    await this.prepare(tools.binaries, progress);
    await this.start(tools, progress);
    await joinAll(tools, progress);
    progress.say(`${(await untilLed(tools)).id} leads`);
    const planned = await plan(tools, bundle);
    // Before another bundle takes its place, the one that the channel has must serve; if it is this one, deploying starts it.
    if (planned.before?.label !== planned.pack.label) await startServers(tools, this.processes, progress);
    await deploy(tools, this.processes, bundle, progress);
  }

  /** Identities, configuration and profiles on disk; of the network's processes, only authorities run. */
  async prepare(binaries: Binaries, progress: Progress): Promise<void> {
    const { topology, layout } = this;
    await this.#keepTopology();
    await ensureIdentities(topology, layout, binaries, this.processes, progress);
    await writeNodes(topology, layout);
    if (await ensureGenesis(new Tools(topology, layout, binaries))) progress.say(`channel ${topology.channel} made`);
    await writeProfiles(topology, layout);
  }

  /** Starts orderers and peers that do not run, and waits until each answers. */
  async start(tools: Tools, progress: Progress): Promise<void> {
    const { topology, layout, processes } = this;
    const launch = async (node: Node): Promise<void> => {
      await assertPortsFree(node.id, ownPorts(node), processes);
      const begun = await processes.start(programOf(node, layout, tools.binaries));
      await untilHealthy(node, processes, layout);
      if (begun) progress.say(`${node.id} serves at ${node.host}:${node.port}`);
    };
    await Promise.all([...topology.orderers, ...topology.peers].map(launch));
  }

  /**
   * For a topology with several hosts: a folder for each, below `hosts/`. Made on one machine, which holds everybody's keys
   * while it does so.
   */
  async bundle(chaincode: string, prefix: string, progress: Progress): Promise<void> {
    const { topology, layout } = this;
    if (isLocal(topology)) {
      throw new NetworkFailure(topology.name, "has no host but localhost", {
        advice: "give `host` to every node of the topology; `network -- up` runs it on this machine",
      });
    }
    const tools = await this.tools(progress);
    await this.prepare(tools.binaries, progress);
    const planned = await plan(tools, chaincode);
    for (const host of hostsOf(nodesIn(topology))) {
      const folder = layout.at("hosts", host);
      await writeHost(tools, host, planned, folder, prefix);
      progress.say(`${host}: ${folder}`);
    }
  }

  /** Once every host runs its processes: joins them to the channel and deploys the chaincode. */
  async join(chaincode: string, progress: Progress): Promise<void> {
    const tools = await this.tools(progress);
    await Promise.all([...this.topology.orderers, ...this.topology.peers].map(untilReachable));
    await joinAll(tools, progress);
    await deploy(tools, isLocal(this.topology) ? this.processes : undefined, chaincode, progress);
  }

  async tools(progress: Progress): Promise<Tools> {
    return new Tools(this.topology, this.layout, await this.binaries(progress));
  }

  /**
   * Takes in the organisations and peers that the topology has and the network has not: identities, the channel's
   * configuration, their nodes, and a new sequence of the chaincode with a collection and a policy for each.
   */
  async extend(bundle: string, progress: Progress): Promise<void> {
    const { topology, layout, processes } = this;
    const before = await this.madeFrom();
    if (before === undefined) {
      throw new NetworkFailure(topology.name, "has not been made yet", { advice: "`network -- up` makes it whole" });
    }
    const growth = growthOf(before, topology);
    const tools = await this.tools(progress);
    await ensureIdentities(topology, layout, tools.binaries, processes, progress);
    await writeNodes(topology, layout);
    await this.start(tools, progress);
    if (growth.peers.length > 0 && (await addMembers(tools, growth))) {
      progress.say(`the channel knows ${growth.peers.map(({ id }) => id).join(", ")}`);
    }
    await joinAll(tools, progress);
    await deploy(tools, processes, bundle, progress);
    await writeProfiles(topology, layout);
    await this.#writeTopology();
  }

  /** Makes another bundle the channel's chaincode while the old one goes on serving. */
  async upgrade(bundle: string, progress: Progress): Promise<void> {
    if (!(await deploy(await this.tools(progress), this.processes, bundle, progress))) {
      progress.say("that bundle is the channel's chaincode already");
    }
  }

  /** Writes a running peer's state at its newest block. @returns the folder */
  async snapshot(name: string, progress: Progress): Promise<string> {
    const folder = await takeSnapshot(await this.tools(progress), this.#peer(name));
    progress.say(`${name} wrote ${folder}`);
    return folder;
  }

  /**
   * A peer without a ledger gets one from a snapshot: the state at its block, then the blocks since; never those before.
   * Errors: NetworkFailure if the peer has a ledger, or `folder` is no snapshot.
   */
  async restore(name: string, folder: string, bundle: string, progress: Progress): Promise<void> {
    const peer = this.#peer(name);
    await assertSnapshot(folder);
    const data = path.join(this.layout.node(name), "data");
    if (await exists(path.join(data, "ledgersData", "chains", "chains", this.topology.channel))) {
      throw new NetworkFailure(name, `has a ledger: ${data}`, {
        advice: "end the peer and move its folder `data` away first; what stands in it is not deleted for you",
      });
    }
    const tools = await this.tools(progress);
    await this.start(tools, progress);
    await joinFromSnapshot(tools, peer, path.resolve(folder));
    progress.say(`${name} joined from ${folder}`);
    await this.up(bundle, progress);
  }

  #peer(name: string): Node {
    const { peers } = this.topology;
    const found = peers.find(({ id }) => id === name);
    if (found !== undefined) return found;
    throw new NetworkFailure(name, "is no peer of this topology", {
      advice: `its peers: ${peers.map(({ id }) => id).join(", ")}`,
    });
  }

  /** New certificates; a node that runs is started anew with them. */
  async renew(name: string, progress: Progress): Promise<void> {
    const tools = await this.tools(progress);
    await renew(tools, name);
    progress.say(`${name} has new certificates`);
    const node = [...this.topology.orderers, ...this.topology.peers].find(({ id }) => id === name);
    if (node === undefined || (await this.processes.find(name)) === undefined) return;
    await this.processes.stop(name);
    await this.start(tools, progress);
    await untilLed(tools);
  }

  async revoke(name: string, progress: Progress): Promise<void> {
    await revoke(await this.tools(progress), name);
    progress.say(`${name} is revoked; the channel refuses it`);
  }

  /** Ends every process: chaincode first, then peers, orderers, authorities. What is on disk stays. */
  async down(progress: Progress): Promise<void> {
    const records = await this.processes.list();
    for (const kind of ["chaincode", "peer", "orderer", "authority"] as const) {
      const ids = records.filter((record) => record.kind === kind).map(({ id }) => id);
      await Promise.all(ids.map((id) => this.processes.stop(id)));
      if (ids.length > 0) progress.say(`ended: ${ids.join(", ")}`);
    }
  }

  /** Down, and nothing is left: keys, ledgers and logs of this network are deleted. */
  async clean(progress: Progress): Promise<void> {
    await this.down(progress);
    await rm(this.layout.root, { recursive: true, force: true });
    progress.say(`${this.layout.root} deleted`);
  }

  /** The topology that this network was made with, or grew to; undefined before it is made. */
  async madeFrom(): Promise<FabricTopology | undefined> {
    if (!(await exists(this.layout.topology))) return undefined;
    return parseFabricTopology(JSON.parse(await readFile(this.layout.topology, "utf8")), this.topology.name);
  }

  async #keepTopology(): Promise<void> {
    const made = await this.madeFrom();
    if (made === undefined) return this.#writeTopology();
    if (JSON.stringify(essenceOf(made)) !== JSON.stringify(essenceOf(this.topology))) {
      throw new QuanjiError(
        "CONFIG_INVALID",
        `topology: ${this.topology.name} is not what the network in ${this.layout.root} was made from. For new ` +
          "organisations and peers: `network -- extend`. Otherwise restore the file, or delete that network: `network -- clean`",
        { field: "topology" },
      );
    }
  }

  #writeTopology(): Promise<void> {
    return writeJson(this.layout.topology, essenceOf(this.topology));
  }
}
