/**
 * Block 0: the channel's configuration, holding what a verifier of the later blocks needs and pins by this block's hash:
 * each organisation's root certificate, the orderer's, and the chaincode's endorsement policy. It is read back with a
 * Fabric client's protobufs; a Fabric peer would ask for more (capabilities, capacity, admins).
 * @see fabric-protos common/configtx.proto, msp/msp_config.proto
 */
import { common, msp as mspProtos } from "@hyperledger/fabric-protos";
import { QuanjiError } from "@quanji/chaincode/domain";
import { equalBytes } from "@quanji/chaincode/log";
import timestamps from "google-protobuf/google/protobuf/timestamp_pb.js";
import { mspsOf, ORDERER_MSP, type Topology } from "../topology.js";
import { type BlockParts, dataHashOf, newOrdererMetadata } from "./block.js";
import { ROLES } from "./identity.js";
import type { LocalOrganisations } from "./organisations.js";
import { encodePolicy, networkPolicies } from "./policy.js";

/** VALID: the configuration takes effect. */
const CODES = Uint8Array.of(0);

const MSP = "MSP";
const ENDORSEMENT = "Endorsement";

function mspValue(msp: string, rootPem: string): common.ConfigValue {
  const root = Buffer.from(rootPem, "utf8");
  const units = new mspProtos.FabricNodeOUs();
  units.setEnable(true);
  const [client, peer, orderer] = ROLES.map((role) => {
    const unit = new mspProtos.FabricOUIdentifier();
    unit.setCertificate(root);
    unit.setOrganizationalUnitIdentifier(role);
    return unit;
  });
  units.setClientOuIdentifier(client);
  units.setPeerOuIdentifier(peer);
  units.setOrdererOuIdentifier(orderer);
  const fabric = new mspProtos.FabricMSPConfig();
  fabric.setName(msp);
  fabric.setRootCertsList([root]);
  fabric.setFabricNodeOus(units);
  const config = new mspProtos.MSPConfig();
  config.setConfig(fabric.serializeBinary());
  const value = new common.ConfigValue();
  value.setValue(config.serializeBinary());
  return value;
}

function groupOf(roots: ReadonlyMap<string, string>): common.ConfigGroup {
  const group = new common.ConfigGroup();
  for (const [msp, rootPem] of roots) {
    const organisation = new common.ConfigGroup();
    organisation.getValuesMap().set(MSP, mspValue(msp, rootPem));
    group.getGroupsMap().set(msp, organisation);
  }
  return group;
}

function endorsementPolicy(topology: Topology): common.ConfigPolicy {
  const policy = new common.Policy();
  policy.setType(common.Policy.PolicyType.SIGNATURE);
  policy.setValue(encodePolicy(networkPolicies(topology).chaincode));
  const value = new common.ConfigPolicy();
  value.setPolicy(policy);
  return value;
}

function configEnvelope(topology: Topology, organisations: LocalOrganisations): Uint8Array {
  const application = groupOf(new Map([...organisations.members].map(([msp, { rootPem }]) => [msp, rootPem])));
  application.getPoliciesMap().set(ENDORSEMENT, endorsementPolicy(topology));
  const channel = new common.ConfigGroup();
  channel.getGroupsMap().set("Application", application);
  channel.getGroupsMap().set("Orderer", groupOf(new Map([[ORDERER_MSP, organisations.orderer.rootPem]])));
  const config = new common.Config();
  config.setChannelGroup(channel);
  const envelope = new common.ConfigEnvelope();
  envelope.setConfig(config);
  return envelope.serializeBinary();
}

/** Unsigned, as Fabric's: its hash is pinned instead. */
export function newGenesis(topology: Topology, organisations: LocalOrganisations, timestampMs: number): BlockParts {
  const timestamp = new timestamps.Timestamp();
  timestamp.setSeconds(Math.floor(timestampMs / 1000));
  const channel = new common.ChannelHeader();
  channel.setType(common.HeaderType.CONFIG);
  channel.setChannelId(topology.channel);
  channel.setTimestamp(timestamp);
  const header = new common.Header();
  header.setChannelHeader(channel.serializeBinary());
  const payload = new common.Payload();
  payload.setHeader(header);
  payload.setData(configEnvelope(topology, organisations));
  const envelope = new common.Envelope();
  envelope.setPayload(payload.serializeBinary());
  const envelopes = [envelope.serializeBinary()];
  return {
    header: { number: 0, previousHash: new Uint8Array(), dataHash: dataHashOf(envelopes) },
    envelopes,
    codes: CODES,
    commitHash: new Uint8Array(),
    ordererMetadata: newOrdererMetadata(),
    seal: undefined,
  };
}

/** What block 0 fixes for good. */
export interface Genesis {
  readonly channel: string;
  /** PEM of every root by MSP, the orderer's included. */
  readonly roots: ReadonlyMap<string, string>;
  readonly endorsement: Uint8Array;
}

function rootsOf(group: common.ConfigGroup | undefined): [string, string][] {
  const roots: [string, string][] = [];
  group?.getGroupsMap().forEach((organisation, msp) => {
    const value = organisation.getValuesMap().get(MSP)?.getValue_asU8() ?? new Uint8Array();
    const config = mspProtos.MSPConfig.deserializeBinary(value).getConfig_asU8();
    const root = mspProtos.FabricMSPConfig.deserializeBinary(config).getRootCertsList_asU8()[0] ?? new Uint8Array();
    roots.push([msp, Buffer.from(root).toString("utf8")]);
  });
  return roots;
}

/** Reads block 0. Throws on what is no configuration. */
export function readGenesis(block: BlockParts): Genesis {
  const envelope = common.Envelope.deserializeBinary(block.envelopes[0] ?? new Uint8Array());
  const payload = common.Payload.deserializeBinary(envelope.getPayload_asU8());
  const header = payload.getHeader()?.getChannelHeader_asU8() ?? new Uint8Array();
  const config = common.ConfigEnvelope.deserializeBinary(payload.getData_asU8()).getConfig();
  const groups = config?.getChannelGroup()?.getGroupsMap();
  const application = groups?.get("Application");
  return {
    channel: common.ChannelHeader.deserializeBinary(header).getChannelId(),
    roots: new Map([...rootsOf(application), ...rootsOf(groups?.get("Orderer"))]),
    endorsement: application?.getPoliciesMap().get(ENDORSEMENT)?.getPolicy()?.getValue_asU8() ?? new Uint8Array(),
  };
}

/**
 * A ledger keeps the topology it began with. Errors: CONFIG_INVALID, `field` names the member of the topology that moved.
 */
export function assertTopology(genesis: Genesis, topology: Topology): void {
  const moved = (field: string): never => {
    throw new QuanjiError(
      "CONFIG_INVALID",
      `topology: ${field} is not that of the ledger in this data folder; start with an empty folder, or restore the file`,
      { field },
    );
  };
  if (genesis.channel !== topology.channel) moved("channel");
  const members = [...genesis.roots.keys()].filter((msp) => msp !== ORDERER_MSP);
  if (members.sort().join(" ") !== [...mspsOf(topology)].sort().join(" ")) moved("organisations");
  if (!equalBytes(genesis.endorsement, encodePolicy(networkPolicies(topology).chaincode))) moved("regulator");
}
