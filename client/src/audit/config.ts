/**
 * The channel's configuration: who its members and orderers are and what its policies ask. The embedded ledger's block 0 is one
 * without capacity and consensus, and names the chaincode's policy itself.
 * @see fabric-protos common/configtx.proto, common/configuration.proto
 */
import { common, msp as mspProtos, orderer as ordererProtos } from "@hyperledger/fabric-protos";
import { type Identity, Msp } from "./msp.js";

export type LedgerKind = "embedded" | "raft" | "bft";

export interface ChannelConfig {
  readonly channel: string;
  readonly kind: LedgerKind;
  readonly root: common.ConfigGroup;
  readonly members: Membership;
  /** MSPs of the ordering organisations. */
  readonly orderers: ReadonlySet<string>;
  /** Name of each member's group by its MSP. */
  readonly applicants: ReadonlyMap<string, string>;
  /** SmartBFT: `SerializedIdentity` by identifier. */
  readonly consenters: ReadonlyMap<number, Uint8Array>;
}

/** Everybody whom the configuration knows. */
export class Membership {
  readonly #msps: ReadonlyMap<string, Msp>;
  readonly #known = new Map<string, Identity | undefined>();

  constructor(msps: ReadonlyMap<string, Msp>) {
    this.#msps = msps;
  }

  /** @param serialized `SerializedIdentity`. Undefined unless it is valid under this configuration. */
  identify(serialized: Uint8Array): Identity | undefined {
    const name = Buffer.from(serialized.buffer, serialized.byteOffset, serialized.length).toString("latin1");
    if (!this.#known.has(name)) {
      if (this.#known.size >= MAX_KNOWN) this.#known.clear();
      this.#known.set(name, this.#read(serialized));
    }
    return this.#known.get(name);
  }

  #read(serialized: Uint8Array): Identity | undefined {
    try {
      const message = mspProtos.SerializedIdentity.deserializeBinary(serialized);
      return this.#msps.get(message.getMspid())?.identify(message.getIdBytes_asU8());
    } catch {
      return undefined; // no identity
    }
  }
}

/** More identities than sign on one channel under one configuration; beyond it they are looked at again. */
const MAX_KNOWN = 4096;

const MSP = "MSP";

/** The configuration that an envelope brings. Throws what nobody can read. */
export async function parseConfig(envelope: Uint8Array): Promise<ChannelConfig> {
  const payload = common.Payload.deserializeBinary(common.Envelope.deserializeBinary(envelope).getPayload_asU8());
  const header = common.ChannelHeader.deserializeBinary(
    payload.getHeader()?.getChannelHeader_asU8() ?? new Uint8Array(),
  );
  const root = common.ConfigEnvelope.deserializeBinary(payload.getData_asU8()).getConfig()?.getChannelGroup();
  const application = root?.getGroupsMap().get("Application");
  const ordering = root?.getGroupsMap().get("Orderer");
  if (root === undefined || application === undefined || ordering === undefined) {
    throw new RangeError("it names no members or no orderers");
  }
  const orderers = await mspsOf(ordering);
  const applicants = await mspsOf(application);
  return {
    channel: header.getChannelId(),
    kind: kindOf(ordering),
    root,
    members: new Membership(new Map([...applicants, ...orderers].map(([, msp]) => [msp.name, msp]))),
    orderers: new Set([...orderers.values()].map((msp) => msp.name)),
    applicants: new Map([...applicants].map(([group, msp]) => [msp.name, group])),
    consenters: consentersOf(ordering),
  };
}

/** By the name of the group. */
async function mspsOf(group: common.ConfigGroup): Promise<ReadonlyMap<string, Msp>> {
  const values: [string, Uint8Array][] = [];
  group.getGroupsMap().forEach((organisation, name) => {
    values.push([name, organisation.getValuesMap().get(MSP)?.getValue_asU8() ?? new Uint8Array()]);
  });
  const msps = new Map<string, Msp>();
  for (const [name, bytes] of values) {
    const config = mspProtos.MSPConfig.deserializeBinary(bytes);
    if (config.getType() !== 0) throw new RangeError(`${name} is no organisation of X.509 certificates`);
    msps.set(name, await Msp.parse(config.getConfig_asU8()));
  }
  return msps;
}

function kindOf(ordering: common.ConfigGroup): LedgerKind {
  const value = ordering.getValuesMap().get("ConsensusType");
  if (value === undefined) return "embedded";
  const type = ordererProtos.ConsensusType.deserializeBinary(value.getValue_asU8()).getType();
  if (type === "etcdraft") return "raft";
  if (type === "BFT") return "bft";
  throw new RangeError(`nobody here knows how ${type} orders`);
}

function consentersOf(ordering: common.ConfigGroup): ReadonlyMap<number, Uint8Array> {
  const bytes = ordering.getValuesMap().get("Orderers")?.getValue_asU8() ?? new Uint8Array();
  return new Map(
    common.Orderers.deserializeBinary(bytes)
      .getConsenterMappingList()
      .map((consenter) => {
        const identity = new mspProtos.SerializedIdentity();
        identity.setMspid(consenter.getMspId());
        identity.setIdBytes(consenter.getIdentity_asU8());
        return [consenter.getId(), identity.serializeBinary()];
      }),
  );
}
