import { common } from "@hyperledger/fabric-protos";
import { expect } from "chai";
import fc from "fast-check";
import { allOf, decodePolicy, encodePolicy, isSatisfied, networkPolicies, type Policy } from "./policy.js";
import { EXCHANGE, HOLDER, REGULATOR, topology } from "./testing/open.js";

const satisfied = (policy: Policy, ...msps: string[]): boolean => isSatisfied(policy, new Set(msps));

describe("policies", () => {
  const { chaincode, collections, members } = networkPolicies(topology);

  it("of the chaincode need the regulator and any other", () => {
    expect(satisfied(chaincode, REGULATOR, HOLDER)).to.equal(true);
    expect(satisfied(chaincode, REGULATOR, EXCHANGE)).to.equal(true);
    expect(satisfied(chaincode, REGULATOR)).to.equal(false);
    expect(satisfied(chaincode, HOLDER, EXCHANGE)).to.equal(false);
    expect(satisfied(chaincode)).to.equal(false);
  });

  it("of a collection need the regulator and its organisation", () => {
    const policy = collections.get("org-HolderMSP")!;
    expect(satisfied(policy, REGULATOR, HOLDER)).to.equal(true);
    expect(satisfied(policy, REGULATOR, EXCHANGE)).to.equal(false);
    expect(satisfied(policy, HOLDER, EXCHANGE)).to.equal(false);
    expect([...(members.get("org-HolderMSP") ?? [])]).to.deep.equal([REGULATOR, HOLDER]);
  });

  it("read back as they were written", () => {
    const names = fc.constantFrom("A", "B", "C", "D");
    const anyPolicy = fc.uniqueArray(names, { minLength: 1 }).map(allOf);
    fc.assert(
      fc.property(anyPolicy, fc.array(names), (policy, endorsers) => {
        const again = decodePolicy(encodePolicy(policy));
        expect(satisfied(again, ...endorsers)).to.equal(satisfied(policy, ...endorsers));
        expect(again).to.deep.equal(policy);
      }),
    );
    expect(decodePolicy(encodePolicy(chaincode))).to.deep.equal(chaincode);
  });

  it("name every organisation once", () => {
    expect(allOf(["B", "A", "B"])).to.deep.equal({ outOf: 2, of: [{ signedBy: "A" }, { signedBy: "B" }] });
  });

  it("that cannot be read are closed to everybody, never open", () => {
    const everybody = [REGULATOR, HOLDER, EXCHANGE];
    expect(satisfied(decodePolicy(new Uint8Array()), ...everybody)).to.equal(false);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), (noise) => {
        expect(satisfied(decodePolicy(noise), ...everybody)).to.equal(false);
      }),
    );
    const twice = common.SignaturePolicyEnvelope.deserializeBinary(encodePolicy(allOf([HOLDER])));
    const rules = twice.getRule()!.getNOutOf()!;
    rules.setRulesList([...rules.getRulesList(), ...rules.getRulesList()]);
    rules.setN(2);
    expect(satisfied(decodePolicy(twice.serializeBinary()), ...everybody)).to.equal(false);
    rules.setN(1);
    expect(satisfied(decodePolicy(twice.serializeBinary()), ...everybody)).to.equal(false);
  });
});
