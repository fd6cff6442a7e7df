/**
 * Policies as Fabric decides them: who has to have signed. Each identity counts once in a policy, however often it signed.
 * @see fabric common/cauthdsl/cauthdsl.go, common/policies/implicitmeta.go, msp/mspimpl.go
 */
import { common, msp as mspProtos, peer } from "@hyperledger/fabric-protos";
import type { ChannelConfig } from "./config.js";
import type { Identity, Role } from "./msp.js";

/** Distinct identities whose signatures verify, in the order of the signatures. */
export type Signers = readonly Identity[];

/** A policy of a chaincode, a collection or a key. */
export type Rule =
  | { readonly kind: "signature"; readonly policy: common.SignaturePolicyEnvelope }
  /** A policy of the configuration: `/Channel/Application/Endorsement`. */
  | { readonly kind: "reference"; readonly path: string };

/** Undefined: bytes that are no policy, which nobody satisfies. @param bytes `ApplicationPolicy`. */
export function applicationRule(policy: peer.ApplicationPolicy | undefined): Rule | undefined {
  switch (policy?.getTypeCase()) {
    case peer.ApplicationPolicy.TypeCase.SIGNATURE_POLICY: {
      const signature = policy.getSignaturePolicy();
      return signature && { kind: "signature", policy: signature };
    }
    case peer.ApplicationPolicy.TypeCase.CHANNEL_CONFIG_POLICY_REFERENCE:
      return { kind: "reference", path: policy.getChannelConfigPolicyReference() };
    default:
      return undefined;
  }
}

/** A key's own policy. @param bytes `SignaturePolicyEnvelope`. */
export function keyRule(bytes: Uint8Array): Rule | undefined {
  try {
    return { kind: "signature", policy: common.SignaturePolicyEnvelope.deserializeBinary(bytes) };
  } catch {
    return undefined; // no policy: closed
  }
}

export function isSatisfied(rule: Rule | undefined, signers: Signers, config: ChannelConfig): boolean {
  switch (rule?.kind) {
    case undefined:
      return false;
    case "signature":
      return satisfiesSignature(rule.policy, signers, config);
    case "reference":
      return satisfiesPath(rule.path, signers, config);
  }
}

/** @param path e.g. `/Channel/Orderer/BlockValidation`. A policy that is not there is satisfied by nobody. */
export function satisfiesPath(path: string, signers: Signers, config: ChannelConfig): boolean {
  const [empty, channel, ...names] = path.split("/");
  const policy = names.pop();
  if (empty !== "" || channel !== "Channel" || policy === undefined) return false;
  let group: common.ConfigGroup | undefined = config.root;
  for (const name of names) group = group?.getGroupsMap().get(name);
  return group !== undefined && satisfiesGroup(group, policy, signers, config);
}

function satisfiesGroup(group: common.ConfigGroup, name: string, signers: Signers, config: ChannelConfig): boolean {
  const policy = group.getPoliciesMap().get(name)?.getPolicy();
  switch (policy?.getType()) {
    case common.Policy.PolicyType.SIGNATURE: {
      const rule = keyRule(policy.getValue_asU8());
      return isSatisfied(rule, signers, config);
    }
    case common.Policy.PolicyType.IMPLICIT_META:
      return satisfiesMeta(group, common.ImplicitMetaPolicy.deserializeBinary(policy.getValue_asU8()), signers, config);
    default:
      return false;
  }
}

/** Any, all, or more than half of the groups below have their policy of that name satisfied. */
function satisfiesMeta(
  group: common.ConfigGroup,
  meta: common.ImplicitMetaPolicy,
  signers: Signers,
  config: ChannelConfig,
): boolean {
  let parts = 0;
  let satisfied = 0;
  group.getGroupsMap().forEach((part) => {
    parts++;
    if (satisfiesGroup(part, meta.getSubPolicy(), signers, config)) satisfied++;
  });
  const { ANY, ALL } = common.ImplicitMetaPolicy.Rule;
  const rule = meta.getRule();
  const needed = parts === 0 ? 0 : rule === ANY ? 1 : rule === ALL ? parts : Math.floor(parts / 2) + 1;
  return satisfied >= needed;
}

function satisfiesSignature(
  envelope: common.SignaturePolicyEnvelope,
  signers: Signers,
  config: ChannelConfig,
): boolean {
  return takes(envelope.getRule(), envelope.getIdentitiesList(), signers, config, new Set()) !== undefined;
}

/** Positions of the signers that are used up once the rule is satisfied; undefined if it is not. */
function takes(
  rule: common.SignaturePolicy | undefined,
  principals: readonly mspProtos.MSPPrincipal[],
  signers: Signers,
  config: ChannelConfig,
  used: ReadonlySet<number>,
): ReadonlySet<number> | undefined {
  const { SIGNED_BY, N_OUT_OF } = common.SignaturePolicy.TypeCase;
  switch (rule?.getTypeCase()) {
    case SIGNED_BY: {
      const principal = principals[rule.getSignedBy()];
      const at = signers.findIndex((signer, i) => !used.has(i) && isPrincipal(signer, principal, config));
      return at < 0 ? undefined : new Set([...used, at]);
    }
    case N_OUT_OF: {
      const outOf = rule.getNOutOf();
      let satisfied = 0;
      let taken = used;
      for (const part of outOf?.getRulesList() ?? []) {
        const more = takes(part, principals, signers, config, taken);
        if (more === undefined) continue;
        satisfied++;
        taken = more;
      }
      return satisfied >= (outOf?.getN() ?? Infinity) ? taken : undefined;
    }
    default:
      return undefined;
  }
}

function isPrincipal(signer: Identity, principal: mspProtos.MSPPrincipal | undefined, config: ChannelConfig): boolean {
  const bytes = principal?.getPrincipal_asU8() ?? new Uint8Array();
  const { ROLE, IDENTITY, ORGANIZATION_UNIT } = mspProtos.MSPPrincipal.Classification;
  switch (principal?.getPrincipalClassification()) {
    case ROLE: {
      const role = mspProtos.MSPRole.deserializeBinary(bytes);
      return role.getMspIdentifier() === signer.msp && hasRole(signer, role.getRole());
    }
    case IDENTITY:
      return config.members.identify(bytes)?.fingerprint === signer.fingerprint;
    case ORGANIZATION_UNIT: {
      const unit = mspProtos.OrganizationUnit.deserializeBinary(bytes);
      return unit.getMspIdentifier() === signer.msp && signer.units.includes(unit.getOrganizationalUnitIdentifier());
    }
    default:
      return false;
  }
}

const { MEMBER, ADMIN, CLIENT, PEER, ORDERER } = mspProtos.MSPRole.MSPRoleType;
const NAMED = new Map<number, Role>([
  [CLIENT, "client"],
  [PEER, "peer"],
  [ORDERER, "orderer"],
]);

const hasRole = ({ role, isAdmin }: Identity, asked: number): boolean =>
  asked === MEMBER || (asked === ADMIN ? isAdmin : role !== undefined && NAMED.get(asked) === role);
