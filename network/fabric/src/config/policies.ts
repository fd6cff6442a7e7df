/**
 * Policies as Fabric's tools write them. Which they are is not decided here: `networkPolicies` of the gateway says it for
 * both ledgers.
 */
import { type Policy, networkPolicies } from "@quanji/gateway/policies";
import type { Topology } from "@quanji/gateway/topology";
import { collectionOf } from "@quanji/chaincode/world";

/** `OutOf(2, 'A.peer', OutOf(1, 'B.peer', 'C.peer'))` */
export function policyText(policy: Policy): string {
  if ("signedBy" in policy) return `'${policy.signedBy}.peer'`;
  const parts = policy.of.map(policyText);
  return `OutOf(${policy.outOf}, ${parts.join(", ")})`;
}

const anyOf = (msps: Iterable<string>, role: string): string =>
  `OR(${[...msps].map((msp) => `'${msp}.${role}'`).join(", ")})`;

/** The form that `peer lifecycle chaincode --collections-config` reads. */
export interface CollectionConfig {
  readonly name: string;
  /** Whose peers hold the data and whose clients may touch it. */
  readonly policy: string;
  readonly requiredPeerCount: number;
  readonly maxPeerCount: number;
  readonly blockToLive: number;
  readonly memberOnlyRead: boolean;
  readonly memberOnlyWrite: boolean;
  readonly endorsementPolicy: { readonly signaturePolicy: string };
}

export const chaincodePolicy = (topology: Topology): string => policyText(networkPolicies(topology).chaincode);

/**
 * One `org-<MSP>` an organisation: it and the regulator.
 *
 * `requiredPeerCount` is 0: both members endorse, so both have the data before it is ordered, and a dead second peer must not
 * stop recording. `maxPeerCount` is 1, never 0: at 0 an endorser keeps the data to itself until others ask for it.
 */
export function collectionsOf(topology: Topology): CollectionConfig[] {
  const { collections, members } = networkPolicies(topology);
  return topology.organisations.map(({ msp }) => {
    const name = collectionOf(msp);
    const endorsement = collections.get(name);
    if (endorsement === undefined) throw new Error(`no policy for ${name}`);
    return {
      name,
      policy: anyOf(members.get(name) ?? [], "member"),
      requiredPeerCount: 0,
      maxPeerCount: 1,
      blockToLive: 0,
      memberOnlyRead: true,
      memberOnlyWrite: true,
      endorsementPolicy: { signaturePolicy: policyText(endorsement) },
    };
  });
}
