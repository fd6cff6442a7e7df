/**
 * From a bundle to a chaincode that every organisation has approved: install, start servers, approve everywhere, commit. In
 * this order an upgrade costs traffic nothing but one conflict a log: old and new servers run side by side until the new
 * definition is committed at every peer.
 */
import { createHash } from "node:crypto";
import { chaincodePolicy, collectionsOf } from "../config/policies.js";
import type { Tools } from "../channel/tools.js";
import { anyOrderer } from "../channel/update.js";
import type { Processes } from "../process/processes.js";
import { NetworkFailure } from "../tools/failure.js";
import { write, writeJson } from "../tools/files.js";
import type { Progress } from "../tools/progress.js";
import { until } from "../tools/wait.js";
import type { Node } from "../topology/topology.js";
import { isServed } from "./discovery.js";
import { drained } from "./drain.js";
import { ordered } from "./ordered.js";
import { type ChaincodePackage, packageOf, readBundle } from "./package.js";
import { prepareServer, serverId, serverProgram, startServer } from "./servers.js";
import { type Deployment, readDeployment, writeDeployment } from "./state.js";

const INSTALL_MS = 120_000;

/** What organisations approve beside the code. */
interface Terms {
  readonly policy: string;
  readonly collectionsFile: string;
  readonly digest: string;
}

async function writeTerms({ topology, layout }: Tools): Promise<Terms> {
  const policy = chaincodePolicy(topology);
  const collections = collectionsOf(topology);
  const collectionsFile = layout.at("channel", "collections.json");
  await writeJson(collectionsFile, collections);
  const digest = createHash("sha256")
    .update(JSON.stringify([policy, collections]))
    .digest("hex");
  return { policy, collectionsFile, digest };
}

async function install(tools: Tools, peer: Node, { id }: ChaincodePackage, file: string): Promise<boolean> {
  const there = await tools.peer("listing packages", peer, ["lifecycle", "chaincode", "queryinstalled"]);
  if (there.includes(id)) return false;
  await tools.peer("installing the chaincode", peer, ["lifecycle", "chaincode", "install", file], INSTALL_MS);
  return true;
}

/** Sequence and version of the committed definition, as one peer sees it. */
export async function committed(tools: Tools, peer: Node): Promise<{ sequence: number; version: string } | undefined> {
  const { channel, settings } = tools.topology;
  const answer = await tools.peer("asking for definitions", peer, [
    ...["lifecycle", "chaincode", "querycommitted", "-C", channel, "-O", "json"],
  ]);
  const { chaincode_definitions: definitions = [] } = JSON.parse(answer) as {
    chaincode_definitions?: { name: string; sequence: number; version: string }[];
  };
  return definitions.find(({ name }) => name === settings.chaincode.name);
}

/** Whether a peer's organisation has approved the sequence. What a peer says that knows no approval is an error of the tool. */
async function isApproved(tools: Tools, peer: Node, sequence: number): Promise<boolean> {
  const { channel, settings } = tools.topology;
  const query = ["--name", settings.chaincode.name, "--sequence", String(sequence), "-O", "json"];
  try {
    await tools.peer("asking for the approval", peer, [
      ...["lifecycle", "chaincode", "queryapproved", "-C", channel, ...query],
    ]);
    return true;
  } catch (error) {
    if (error instanceof NetworkFailure && /could not fetch approved chaincode definition/i.test(error.message))
      return false;
    throw error;
  }
}

/** One peer of each organisation: it speaks for it in the lifecycle. */
function speakers({ topology }: Tools): Node[] {
  return topology.organisations.map(({ name, msp }) => {
    const peer = topology.peers.find(({ organisation }) => organisation.msp === msp);
    if (peer === undefined) throw new NetworkFailure(name, "has no peer", { advice: "add one to the topology" });
    return peer;
  });
}

async function define(tools: Tools, pack: ChaincodePackage, terms: Terms, sequence: number, progress: Progress) {
  const { topology } = tools;
  const orderer = await anyOrderer(tools);
  const definition = [
    ...["--channelID", topology.channel, "--name", topology.settings.chaincode.name],
    ...["--version", pack.version, "--sequence", String(sequence)],
    ...["--signature-policy", terms.policy, "--collections-config", terms.collectionsFile],
  ];
  const lifecycle = ["lifecycle", "chaincode"];
  const log = tools.layout.commands;
  const peers = speakers(tools);
  await Promise.all(
    peers.map(async (peer) => {
      await ordered({
        attempt: () =>
          tools.peer(`approving sequence ${sequence}`, peer, [
            ...[...lifecycle, "approveformyorg", ...tools.ordererArgs(orderer)],
            ...[...definition, "--package-id", pack.id, ...tools.peerArgs([peer])],
          ]),
        isDone: () => isApproved(tools, peer, sequence),
        log,
      });
      progress.say(`${peer.organisation.name} approved ${pack.label}, sequence ${sequence}`);
    }),
  );
  const [first] = peers;
  if (first === undefined) throw new Error("a topology has organisations");
  await ordered({
    attempt: () =>
      tools.peer(`committing sequence ${sequence}`, first, [
        ...[...lifecycle, "commit", ...tools.ordererArgs(orderer), ...definition, ...tools.peerArgs(peers)],
      ]),
    isDone: async () => ((await committed(tools, first))?.sequence ?? 0) >= sequence,
    log,
  });
  progress.say(`sequence ${sequence} committed`);
}

async function untilEverywhere(tools: Tools, sequence: number): Promise<void> {
  await Promise.all(
    tools.topology.peers.map((peer) =>
      until(async () => (((await committed(tools, peer))?.sequence ?? 0) >= sequence ? true : undefined), {
        subject: peer.id,
        purpose: `learn of sequence ${sequence}`,
        within: 60_000,
        every: 200,
        log: tools.layout.log(peer.id),
        advice: "does it receive blocks? compare heights with `network -- status`",
      }),
    ),
  );
}

/** Until each organisation's peers can name endorsers for its own collection: gossip has met. */
async function untilServed(tools: Tools): Promise<void> {
  for (const peer of tools.topology.peers) {
    await until(async () => ((await isServed(tools, peer)) ? true : undefined), {
      subject: peer.id,
      purpose: "find endorsers of its organisation's collection",
      within: 120_000,
      every: 200,
      log: tools.layout.log(peer.id),
      advice:
        "peers must reach each other's addresses (`host` and `port` of the topology) and have the chaincode installed",
    });
  }
}

/** Servers of the deployed version, running again after they were taken down or killed. */
export async function startServers(tools: Tools, processes: Processes, progress: Progress): Promise<void> {
  const deployed = await readDeployment(tools.layout);
  if (deployed === undefined) return;
  const { label, packageId: id, bundleSha256, slot } = deployed;
  for (const peer of tools.topology.peers) {
    const program = serverProgram(tools.layout, peer, { label, id, bundleSha256 }, slot);
    if (await startServer(processes, tools.layout, program)) progress.say(`${program.id} started`);
  }
}

async function retire(tools: Tools, processes: Processes, old: Deployment, progress: Progress): Promise<void> {
  for (const peer of tools.topology.peers) {
    await drained(peer, old.packageId);
    await processes.stop(serverId(old.label, peer));
  }
  progress.say(`servers of ${old.label} ended`);
}

/** A bundle as it is to be deployed here: in which package, at which of the two ports, in place of what. */
export interface Plan {
  readonly pack: ChaincodePackage;
  readonly slot: number;
  readonly archive: string;
  readonly before: Deployment | undefined;
}

/** Puts the bundle beside every peer and the package where the tools find it; installs nothing. */
export async function plan({ topology, layout }: Tools, bundleFile: string): Promise<Plan> {
  const bundle = await readBundle(bundleFile);
  const pack = packageOf(bundle, topology.settings.chaincode.name);
  const before = await readDeployment(layout);
  const slot = before === undefined ? 0 : before.label === pack.label ? before.slot : 1 - before.slot;
  const archive = layout.at("chaincode", `${pack.label}.tar.gz`);
  await write(archive, pack.archive);
  for (const peer of topology.peers) await prepareServer(layout, peer, pack, slot, bundle);
  return { pack, slot, archive, before };
}

/**
 * Makes the bundle, under the terms of the topology, the channel's chaincode. Nothing happens if it is that already.
 * @param processes where servers are started and ended; undefined if they run on other hosts.
 * @returns whether a new sequence was committed.
 */
export async function deploy(
  tools: Tools,
  processes: Processes | undefined,
  bundleFile: string,
  progress: Progress,
): Promise<boolean> {
  const { topology, layout } = tools;
  const { pack, slot, archive, before } = await plan(tools, bundleFile);
  const terms = await writeTerms(tools);
  await Promise.all(
    topology.peers.map(async (peer) => {
      if (await install(tools, peer, pack, archive)) progress.say(`${pack.label} installed at ${peer.id}`);
    }),
  );
  if (processes !== undefined) {
    for (const peer of topology.peers) {
      const program = serverProgram(layout, peer, pack, slot);
      if (await startServer(processes, layout, program)) progress.say(`${program.id} started`);
    }
  }
  const [witness] = topology.peers;
  const there = witness === undefined ? undefined : await committed(tools, witness);
  const stands = there !== undefined && there.version === pack.version && before?.terms === terms.digest;
  const sequence = stands ? there.sequence : (there?.sequence ?? 0) + 1;
  if (!stands) await define(tools, pack, terms, sequence, progress);
  await untilEverywhere(tools, sequence);
  await untilServed(tools);
  const { label, id: packageId, version, bundleSha256 } = pack;
  await writeDeployment(layout, { label, packageId, version, bundleSha256, slot, sequence, terms: terms.digest });
  if (processes !== undefined && before !== undefined && before.label !== label) {
    await retire(tools, processes, before, progress);
  }
  return !stands;
}
