/**
 * Changes of the channel's configuration: read what is in force, edit it, have those sign who must, send it to be ordered.
 */
import { readFile, rm } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { isReachable } from "../process/health.js";
import { messageOf, NetworkFailure } from "../tools/failure.js";
import { writeJson } from "../tools/files.js";
import type { FabricTopology, Node, Organisation } from "../topology/topology.js";
import { heightAt, untilHeight } from "./height.js";
import type { Tools } from "./tools.js";

/** A group of the configuration in the JSON form of Fabric's tools; what we do not touch is carried as it is. */
export interface ConfigGroup {
  groups: Record<string, ConfigGroup>;
  values: Record<string, { mod_policy: string; value: Record<string, unknown>; version?: string }>;
  [other: string]: unknown;
}

export interface ChannelConfig {
  channel_group: ConfigGroup;
  [other: string]: unknown;
}

/** A member group that must be there. */
export function groupAt(group: ConfigGroup, ...names: string[]): ConfigGroup {
  return names.reduce((at, name) => {
    const next = at.groups[name];
    if (next === undefined) {
      throw new NetworkFailure("channel", `has no group ${name} in its configuration`, {
        advice: "is this organisation a member of the channel? `network -- extend` adds one",
      });
    }
    return next;
  }, group);
}

/** Who signs a change of the ordering: all ordering organisations; a member sends it, for only members may write. */
export const orderingSigners = ({
  orderingOrganisations,
  organisations,
  regulator,
}: FabricTopology): Organisation[] => [
  ...orderingOrganisations,
  ...organisations.filter(({ msp }) => msp === regulator),
];

/** One of the orderers that answer: `round` 0, 1, … goes through them in turn. */
export async function anyOrderer({ topology, layout }: Tools, round = 0): Promise<Node> {
  const reachable: Node[] = [];
  for (const orderer of topology.orderers) if (await isReachable(orderer)) reachable.push(orderer);
  const chosen = reachable[round % reachable.length];
  if (chosen !== undefined) return chosen;
  throw new NetworkFailure("orderers", "none answers", {
    advice: "start them: `network -- up`",
    log: layout.at("logs"),
  });
}

/** Writes the newest block that holds a configuration to the file `block`. */
export async function fetchConfig(tools: Tools, from: Node, block: string): Promise<void> {
  const { channel } = tools.topology;
  await tools.peer("fetching the configuration", from, ["channel", "fetch", "config", block, "-c", channel]);
}

async function configInForce(tools: Tools, from: Node, block: string): Promise<ChannelConfig> {
  await fetchConfig(tools, from, block);
  const json = `${block}.json`;
  await tools.configtxlator("reading the configuration", [
    ...["proto_decode", "--input", block, "--type", "common.Block", "--output", json],
  ]);
  const decoded = JSON.parse(await readFile(json, "utf8")) as {
    data: { data: [{ payload: { data: { config: ChannelConfig } } }] };
  };
  return decoded.data.data[0].payload.data.config;
}

/** An election takes some seconds; a busy machine needs longer. */
const ELECTION_MS = 60_000;

/**
 * The orderers elect; the one that was asked has just lost its leader; the leader has not heard yet from one that was started
 * anew (it fears for the quorum), or has the last change still in hand; a SmartBFT follower that alone complained of the leader
 * took the update and forwards nothing, so no block comes and another orderer is to be asked.
 */
const PASSING = /SERVICE_UNAVAILABLE|Unavailable|EOF|connection re|quorum loss|in progress|did not reach/;

/** A block of one update is there after a second or two, after as much again where a follower has to complain first. */
const BLOCK_MS = 15_000;

/**
 * @param edit changes the configuration in place.
 * @param signers whose administrators sign; the last one sends it.
 * @param through the orderer that is given it; any that answers, unless told.
 * @returns false if the edit changed nothing.
 */
export async function updateChannel(
  tools: Tools,
  what: string,
  edit: (config: ChannelConfig) => void,
  signers: readonly Organisation[],
  through?: Node,
): Promise<boolean> {
  const deadline = performance.now() + ELECTION_MS;
  for (let round = 0; ; round += 1) {
    const sent = round > 0;
    const orderer = through ?? (await anyOrderer(tools, round));
    try {
      return (await attempt(tools, what, edit, signers, orderer)) || sent;
    } catch (error) {
      // What became of the update, the configuration in force says at the next attempt. One that was sent before may be refused
      // as out of date until this peer has it.
      const message = messageOf(error);
      const isTransient = PASSING.test(message) || (sent && message.includes("BAD_REQUEST"));
      if (!isTransient || performance.now() >= deadline) throw error;
      await pause(500);
    }
  }
}

async function attempt(
  tools: Tools,
  what: string,
  edit: (config: ChannelConfig) => void,
  signers: readonly Organisation[],
  orderer: Node,
): Promise<boolean> {
  const { topology, layout } = tools;
  const sender = signers.at(-1);
  const from = topology.peers[0];
  if (sender === undefined || from === undefined) throw new Error("an update has a signer and a peer to read from");
  const file = (name: string): string => layout.at("channel", "update", name);
  await rm(file("."), { recursive: true, force: true });
  await writeJson(file("about.json"), { what, signers: signers.map(({ name }) => name) });

  const before = await configInForce(tools, from, file("config.block"));
  const after = structuredClone(before);
  edit(after);
  if (JSON.stringify(after) === JSON.stringify(before)) return false;

  for (const [name, config] of [
    ["before", before],
    ["after", after],
  ] as const) {
    await writeJson(file(`${name}.json`), config);
    await tools.configtxlator(`encoding the configuration`, [
      ...["proto_encode", "--type", "common.Config", "--input", file(`${name}.json`), "--output", file(`${name}.pb`)],
    ]);
  }
  await tools.configtxlator(`comparing configurations`, [
    ...["compute_update", "--channel_id", topology.channel, "--original", file("before.pb")],
    ...["--updated", file("after.pb"), "--output", file("update.pb")],
  ]);
  await tools.configtxlator("reading the update", [
    ...["proto_decode", "--type", "common.ConfigUpdate", "--input", file("update.pb"), "--output", file("update.json")],
  ]);
  const update: unknown = JSON.parse(await readFile(file("update.json"), "utf8"));
  await writeJson(file("envelope.json"), {
    payload: {
      header: { channel_header: { channel_id: topology.channel, type: 2 } },
      data: { config_update: update },
    },
  });
  const envelope = file("envelope.pb");
  await tools.configtxlator("encoding the update", [
    ...["proto_encode", "--type", "common.Envelope", "--input", file("envelope.json"), "--output", envelope],
  ]);

  const height = await heightAt(tools, from);
  for (const signer of signers.slice(0, -1)) {
    await tools.asAdmin(`signing: ${what}`, signer, ["channel", "signconfigtx", "-f", envelope]);
  }
  await tools.asAdmin(what, sender, [
    ...["channel", "update", "-c", topology.channel, "-f", envelope, ...tools.ordererArgs(orderer)],
  ]);
  await untilHeight(tools, from, height + 1, BLOCK_MS);
  return true;
}
