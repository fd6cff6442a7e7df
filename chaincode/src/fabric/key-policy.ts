/**
 * Key-level endorsement policies, as peers read them: a `SignaturePolicyEnvelope` over the peers of organisations. The shim's
 * own builder cannot be used: it lists identities in the order of calls, and endorsers must agree on every byte.
 * @see fabric-protos common/policies.proto, msp/msp_principal.proto
 */
import { common, msp as mspProtos } from "@hyperledger/fabric-protos";

function peerOf(msp: string): mspProtos.MSPPrincipal {
  const role = new mspProtos.MSPRole();
  role.setMspIdentifier(msp);
  role.setRole(mspProtos.MSPRole.MSPRoleType.PEER);
  const principal = new mspProtos.MSPPrincipal();
  principal.setPrincipalClassification(mspProtos.MSPPrincipal.Classification.ROLE);
  principal.setPrincipal(role.serializeBinary());
  return principal;
}

/** A peer of each of these organisations. Repeated names count once, their order does not matter. */
export function peersOfAll(msps: readonly string[]): Uint8Array {
  const distinct = [...new Set(msps)].sort();
  const all = new common.SignaturePolicy.NOutOf();
  all.setN(distinct.length);
  all.setRulesList(
    distinct.map((_msp, index) => {
      const signed = new common.SignaturePolicy();
      signed.setSignedBy(index);
      return signed;
    }),
  );
  const rule = new common.SignaturePolicy();
  rule.setNOutOf(all);
  const envelope = new common.SignaturePolicyEnvelope();
  envelope.setRule(rule);
  envelope.setIdentitiesList(distinct.map(peerOf));
  return envelope.serializeBinary();
}
