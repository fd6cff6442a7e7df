/**
 * Endorsement policies: the network's own, which follow from the topology, and those of single keys. Encoded as Fabric's
 * `SignaturePolicyEnvelope` over peers. @see fabric-protos common/policies.proto
 */
import { common, msp as mspProtos } from "@hyperledger/fabric-protos";
import { collectionOf } from "@quanji/chaincode/world";
import { mspsOf, type Topology } from "../topology.js";

/** A peer of one organisation, or at least `outOf` of several policies. */
export type Policy = { readonly signedBy: string } | { readonly outOf: number; readonly of: readonly Policy[] };

const peerOf = (msp: string): Policy => ({ signedBy: msp });

/** A peer of each of these organisations. Repeated names count once. */
export function allOf(msps: readonly string[]): Policy {
  const distinct = [...new Set(msps)].sort();
  return { outOf: distinct.length, of: distinct.map(peerOf) };
}

/** @param endorsers organisations of which a peer signed. */
export function isSatisfied(policy: Policy, endorsers: ReadonlySet<string>): boolean {
  if ("signedBy" in policy) return endorsers.has(policy.signedBy);
  return policy.of.filter((part) => isSatisfied(part, endorsers)).length >= policy.outOf;
}

/** What the network demands apart from key-level policies, which replace `chaincode` for their key. */
export interface NetworkPolicies {
  /** AND(regulator, OR(others)): public keys, and transactions that write nothing. */
  readonly chaincode: Policy;
  /** By collection's name: AND(regulator, organisation). An unknown collection is in no policy. */
  readonly collections: ReadonlyMap<string, Policy>;
  /** By collection's name: whose clients may read and write it, and whose peers hold it. */
  readonly members: ReadonlyMap<string, ReadonlySet<string>>;
}

export function networkPolicies(topology: Topology): NetworkPolicies {
  const { regulator } = topology;
  const msps = mspsOf(topology);
  const others = msps.filter((msp) => msp !== regulator).sort(); // the file's order has no meaning
  return {
    chaincode: { outOf: 2, of: [peerOf(regulator), { outOf: 1, of: others.map(peerOf) }] },
    collections: new Map(msps.map((msp) => [collectionOf(msp), allOf([regulator, msp])])),
    members: new Map(msps.map((msp) => [collectionOf(msp), new Set([regulator, msp])])),
  };
}

const { SignaturePolicy, SignaturePolicyEnvelope } = common;

export function encodePolicy(policy: Policy): Uint8Array {
  const identities: mspProtos.MSPPrincipal[] = [];
  const encode = (part: Policy): common.SignaturePolicy => {
    const message = new SignaturePolicy();
    if ("signedBy" in part) {
      const role = new mspProtos.MSPRole();
      role.setMspIdentifier(part.signedBy);
      role.setRole(mspProtos.MSPRole.MSPRoleType.PEER);
      const principal = new mspProtos.MSPPrincipal();
      principal.setPrincipalClassification(mspProtos.MSPPrincipal.Classification.ROLE);
      principal.setPrincipal(role.serializeBinary());
      message.setSignedBy(identities.push(principal) - 1);
    } else {
      const outOf = new SignaturePolicy.NOutOf();
      outOf.setN(part.outOf);
      outOf.setRulesList(part.of.map(encode));
      message.setNOutOf(outOf);
    }
    return message;
  };
  const envelope = new SignaturePolicyEnvelope();
  envelope.setRule(encode(policy));
  envelope.setIdentitiesList(identities);
  return envelope.serializeBinary();
}

/** What nobody can satisfy: the reading of bytes that are no policy. A key under it is closed, never open. */
const NOBODY: Policy = { outOf: 1, of: [] };

function decodeRule(rule: common.SignaturePolicy | undefined, peers: readonly (string | undefined)[]): Policy {
  switch (rule?.getTypeCase()) {
    case SignaturePolicy.TypeCase.SIGNED_BY: {
      const peer = peers[rule.getSignedBy()];
      return peer === undefined ? NOBODY : peerOf(peer);
    }
    case SignaturePolicy.TypeCase.N_OUT_OF: {
      const outOf = rule.getNOutOf();
      const parts = outOf?.getRulesList().map((part) => decodeRule(part, peers)) ?? [];
      const names = parts.map((part) => ("signedBy" in part ? part.signedBy : part));
      // Fabric counts a signature once: AND(A, A) needs two peers of A, which this ledger does not have.
      return new Set(names).size < names.length ? NOBODY : { outOf: outOf?.getN() ?? 1, of: parts };
    }
    default:
      return NOBODY;
  }
}

/** Never throws: bytes that are no policy over peers decode to one that nobody satisfies. */
export function decodePolicy(bytes: Uint8Array): Policy {
  try {
    const envelope = SignaturePolicyEnvelope.deserializeBinary(bytes);
    const peers = envelope.getIdentitiesList().map((principal) => {
      const role = mspProtos.MSPRole.deserializeBinary(principal.getPrincipal_asU8());
      return role.getRole() === mspProtos.MSPRole.MSPRoleType.PEER ? role.getMspIdentifier() : undefined;
    });
    return decodeRule(envelope.getRule(), peers);
  } catch {
    return NOBODY;
  }
}
