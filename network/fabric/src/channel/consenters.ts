/** The orderers that the channel's configuration names as Raft's consenters. */
import { NetworkFailure } from "../tools/failure.js";
import type { Node } from "../topology/topology.js";
import type { Tools } from "./tools.js";
import { type ChannelConfig, groupAt, orderingSigners, updateChannel } from "./update.js";

/** As Fabric's tools write one: where it listens for the others, and its TLS certificates. */
interface Consenter {
  readonly host: string;
  readonly port: number;
  readonly [certificates: string]: unknown;
}

interface Consensus {
  metadata: { consenters: Consenter[] };
}

function consensusOf({ channel_group }: ChannelConfig): Consensus {
  const { ConsensusType } = groupAt(channel_group, "Orderer").values;
  if (ConsensusType === undefined) throw new Error("the configuration names no kind of consensus");
  return ConsensusType.value as unknown as Consensus;
}

/**
 * Takes an orderer out of the consenters and in again, two changes of the configuration, because Raft gives a new number only to
 * one that it did not have. The others must be able to order without it.
 *
 * @param through an orderer that takes part
 */
export async function readmit(tools: Tools, orderer: Node, through: Node): Promise<void> {
  const signers = orderingSigners(tools.topology);
  const isIt = ({ host, port }: Consenter): boolean => host === orderer.host && port === orderer.port;
  let itself: Consenter | undefined;
  const takeOut = (config: ChannelConfig): void => {
    const { metadata } = consensusOf(config);
    itself ??= metadata.consenters.find(isIt); // an attempt that is repeated may not find it any more
    metadata.consenters = metadata.consenters.filter((each) => !isIt(each));
  };
  await updateChannel(tools, `taking out ${orderer.id}`, takeOut, signers, through);
  if (itself === undefined) {
    throw new NetworkFailure(orderer.id, "is no consenter of the channel", {
      advice: "the topology file and the channel disagree: was its address changed?",
    });
  }
  const again = itself;
  const takeIn = (config: ChannelConfig): void => {
    const { consenters } = consensusOf(config).metadata;
    if (!consenters.some(isIt)) consenters.push(again);
  };
  await updateChannel(tools, `taking in ${orderer.id}`, takeIn, signers, through);
}
