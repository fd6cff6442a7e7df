/**
 * Which policies chaincodes and collections have: on Fabric as the state of `_lifecycle` says at that height, on the embedded
 * ledger as block 0 does. @see fabric core/chaincode/lifecycle/deployedcc_infoprovider.go
 */
import { common, msp as mspProtos, peer } from "@hyperledger/fabric-protos";
import { collectionOf } from "@quanji/chaincode/world";
import type { ChannelConfig } from "./config.js";
import { applicationRule, keyRule, type Rule } from "./policy.js";
import { type State, stateKey } from "./state.js";

export const LIFECYCLE = "_lifecycle";
const IMPLICIT = "_implicit_org_";

export interface Definition {
  /** Of public keys without a policy of their own, and of transactions that write nothing. */
  readonly rule: Rule | undefined;
  /** `own`: the collection's; `chaincode`: it has none of its own. Undefined: there is no such collection. */
  collection(name: string): { readonly own: Rule | undefined } | "chaincode" | undefined;
}

/** Undefined: there is no such chaincode. Throws RangeError for a definition that nobody here can judge. */
export function definitionOf(namespace: string, state: State, config: ChannelConfig): Definition | undefined {
  if (config.kind === "embedded") return namespace === EMBEDDED ? embedded(config) : undefined;
  if (namespace === LIFECYCLE) {
    return {
      rule: { kind: "reference", path: "/Channel/Application/LifecycleEndorsement" },
      collection: (name) => implicit(name, config),
    };
  }
  const info = fieldOf(namespace, "ValidationInfo", state);
  if (info === undefined) return undefined;
  const validation = peer.lifecycle.ChaincodeValidationInfo.deserializeBinary(info);
  if (validation.getValidationPlugin() !== "vscc") {
    throw new RangeError(`${namespace} is validated by ${validation.getValidationPlugin()}`);
  }
  const packed = fieldOf(namespace, "Collections", state) ?? new Uint8Array();
  const collections = collectionsOf(peer.CollectionConfigPackage.deserializeBinary(packed));
  return {
    rule: applicationRule(peer.ApplicationPolicy.deserializeBinary(validation.getValidationParameter_asU8())),
    collection: (name) => implicit(name, config) ?? collections.get(name),
  };
}

function fieldOf(chaincode: string, field: string, state: State): Uint8Array | undefined {
  const entry = state.get(stateKey(LIFECYCLE, "", `namespaces/fields/${chaincode}/${field}`));
  return entry?.value && peer.lifecycle.StateData.deserializeBinary(entry.value).getBytes_asU8();
}

type Collections = ReadonlyMap<string, { readonly own: Rule | undefined } | "chaincode">;

function collectionsOf(packed: peer.CollectionConfigPackage): Collections {
  return new Map(
    packed.getConfigList().map((one) => {
      const collection = one.getStaticCollectionConfig();
      const name = collection?.getName() ?? "";
      if (collection?.getBlockToLive() !== 0) throw new RangeError(`values of ${name} expire`);
      const policy = collection.getEndorsementPolicy();
      return [name, policy === undefined ? "chaincode" : { own: applicationRule(policy) }];
    }),
  );
}

/** Each organisation's own collection, which its own endorsement policy guards. */
function implicit(name: string, { applicants }: ChannelConfig): { readonly own: Rule | undefined } | undefined {
  if (!name.startsWith(IMPLICIT)) return undefined;
  const group = applicants.get(name.slice(IMPLICIT.length));
  if (group === undefined) return undefined;
  return { own: { kind: "reference", path: `/Channel/Application/${group}/Endorsement` } };
}

/** The one chaincode of the embedded ledger. */
const EMBEDDED = "quanji";

/** Block 0 holds the chaincode's policy, AND(regulator, OR(others)); each organisation's collection is AND(regulator, it). */
function embedded({ root, applicants }: ChannelConfig): Definition {
  const policy = root.getGroupsMap().get("Application")?.getPoliciesMap().get("Endorsement")?.getPolicy();
  const rule = keyRule(policy?.getValue_asU8() ?? new Uint8Array());
  const regulator = rule?.kind === "signature" ? regulatorIn(rule.policy) : undefined;
  if (regulator === undefined) throw new RangeError("block 0 names no regulator");
  const collections: Collections = new Map(
    [...applicants.keys()].map((msp) => [collectionOf(msp), { own: peersOf(new Set([regulator, msp])) }]),
  );
  return { rule, collection: (name) => collections.get(name) };
}

function regulatorIn(policy: common.SignaturePolicyEnvelope): string | undefined {
  const [first] = policy.getRule()?.getNOutOf()?.getRulesList() ?? [];
  if (first?.getTypeCase() !== common.SignaturePolicy.TypeCase.SIGNED_BY) return undefined;
  const principal = policy.getIdentitiesList()[first.getSignedBy()]?.getPrincipal_asU8();
  return principal && mspProtos.MSPRole.deserializeBinary(principal).getMspIdentifier();
}

/** A peer of each of them. */
function peersOf(msps: ReadonlySet<string>): Rule {
  const outOf = new common.SignaturePolicy.NOutOf();
  outOf.setN(msps.size);
  const policy = new common.SignaturePolicyEnvelope();
  for (const msp of msps) {
    const role = new mspProtos.MSPRole();
    role.setMspIdentifier(msp);
    role.setRole(mspProtos.MSPRole.MSPRoleType.PEER);
    const principal = new mspProtos.MSPPrincipal();
    principal.setPrincipalClassification(mspProtos.MSPPrincipal.Classification.ROLE);
    principal.setPrincipal(role.serializeBinary());
    const signedBy = new common.SignaturePolicy();
    signedBy.setSignedBy(outOf.getRulesList().length);
    policy.addIdentities(principal);
    outOf.addRules(signedBy);
  }
  const rule = new common.SignaturePolicy();
  rule.setNOutOf(outOf);
  policy.setRule(rule);
  return { kind: "signature", policy };
}
