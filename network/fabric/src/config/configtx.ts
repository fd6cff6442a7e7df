/** The channel's first configuration, as `configtxgen` reads it. JSON is YAML. */
import type { Layout } from "../topology/layout.js";
import { endpointOf, type FabricTopology, type Node, type Organisation } from "../topology/topology.js";

export const PROFILE = "Quanji";

const signature = (rule: string) => ({ Type: "Signature", Rule: rule });
const implicit = (rule: string) => ({ Type: "ImplicitMeta", Rule: rule });
const ms = (value: number): string => `${value}ms`;

const members = {
  Readers: implicit("ANY Readers"),
  Writers: implicit("ANY Writers"),
};

/** A member: its peers endorse, its peers and clients write, its admins speak for it. */
export function memberOrganisation({ name, msp }: Organisation, layout: Layout, peers: readonly Node[]) {
  const own = peers.filter(({ organisation }) => organisation.msp === msp);
  return {
    Name: msp,
    ID: msp,
    MSPDir: layout.msp(name),
    Policies: {
      Readers: signature(`OR('${msp}.admin', '${msp}.peer', '${msp}.client')`),
      Writers: signature(`OR('${msp}.admin', '${msp}.client')`),
      Admins: signature(`OR('${msp}.admin')`),
      Endorsement: signature(`OR('${msp}.peer')`),
    },
    AnchorPeers: own.map(({ host, port }) => ({ Host: host, Port: port })),
  };
}

function orderingOrganisation({ name, msp }: Organisation, layout: Layout, orderers: readonly Node[]) {
  return {
    Name: msp,
    ID: msp,
    MSPDir: layout.msp(name),
    Policies: {
      Readers: signature(`OR('${msp}.member')`),
      Writers: signature(`OR('${msp}.orderer')`),
      Admins: signature(`OR('${msp}.admin')`),
    },
    OrdererEndpoints: orderers.filter(({ organisation }) => organisation.msp === msp).map(endpointOf),
  };
}

const consenter = (node: Node, layout: Layout) => {
  const { tlsCertificate } = layout.nodeCredentials(node.id);
  return { Host: node.host, Port: node.port, ClientTLSCert: tlsCertificate, ServerTLSCert: tlsCertificate };
};

function consensus(topology: FabricTopology, layout: Layout) {
  const { ordering } = topology.settings;
  if (ordering.type === "raft") {
    return {
      OrdererType: "etcdraft",
      EtcdRaft: {
        Consenters: topology.orderers.map((node) => consenter(node, layout)),
        Options: {
          TickInterval: ms(ordering.raft.tickMs),
          ElectionTick: ordering.raft.electionTicks,
          HeartbeatTick: 1,
          MaxInflightBlocks: 5,
          SnapshotIntervalSize: 16 * 1024 * 1024,
        },
      },
    };
  }
  const { bft } = ordering;
  return {
    OrdererType: "BFT",
    ConsenterMapping: topology.orderers.map((node, index) => ({
      ID: index + 1,
      ...consenter(node, layout),
      MSPID: node.organisation.msp,
      Identity: layout.nodeCredentials(node.id).certificate,
    })),
    SmartBFT: {
      RequestBatchMaxInterval: ms(topology.settings.blocks.timeoutMs),
      RequestForwardTimeout: ms(bft.requestForwardMs),
      RequestComplainTimeout: ms(bft.requestComplainMs),
      RequestAutoRemoveTimeout: "3m",
      ViewChangeResendInterval: ms(bft.viewChangeResendMs),
      ViewChangeTimeout: ms(bft.viewChangeMs),
      LeaderHeartbeatTimeout: ms(bft.leaderHeartbeatMs),
      LeaderHeartbeatCount: 10,
      CollectTimeout: ms(bft.collectMs),
      IncomingMessageBufferSize: 200,
      RequestPoolSize: 100_000,
    },
  };
}

/**
 * `BlockValidation` names orderers, not writers: with "any writer" every certificate of an ordering organisation could sign
 * blocks. (Under BFT, Fabric itself replaces it by a quorum of the consenters.)
 */
export function configtx(topology: FabricTopology, layout: Layout) {
  const { blocks, policies } = topology.settings;
  const signers = topology.orderingOrganisations.map(({ msp }) => `'${msp}.orderer'`).join(", ");
  const admins = implicit(`${policies.admins} Admins`);
  return {
    Profiles: {
      [PROFILE]: {
        Policies: { ...members, Admins: implicit("MAJORITY Admins") },
        Capabilities: { V3_0: true },
        Orderer: {
          ...consensus(topology, layout),
          BatchTimeout: ms(blocks.timeoutMs),
          BatchSize: {
            MaxMessageCount: blocks.messages,
            AbsoluteMaxBytes: blocks.absoluteBytes,
            PreferredMaxBytes: blocks.preferredBytes,
          },
          Organizations: topology.orderingOrganisations.map((each) =>
            orderingOrganisation(each, layout, topology.orderers),
          ),
          Policies: { ...members, Admins: admins, BlockValidation: signature(`OR(${signers})`) },
          Capabilities: { V2_0: true },
        },
        Application: {
          Organizations: topology.organisations.map((each) => memberOrganisation(each, layout, topology.peers)),
          Policies: {
            ...members,
            Admins: admins,
            Endorsement: implicit("MAJORITY Endorsement"),
            LifecycleEndorsement: implicit(`${policies.lifecycle} Endorsement`),
          },
          Capabilities: { V2_5: true },
        },
      },
    },
  };
}
