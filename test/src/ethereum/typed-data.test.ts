/** What an Ethereum key signs, against another implementation of EIP-712 and of the key: ethers. */
import { createHash } from "node:crypto";
import {
  addressOf,
  algorithmOf,
  canonical,
  type CommandHeader,
  ethereumKeyOf,
  type Json,
  type JsonObject,
  parseCommandJws,
  possessionBytes,
  recoverKey,
  signedBytes,
  signJws,
  thumbprint,
  type TypedData,
  typedBytes,
  typedCommand,
  typedPossession,
  verifyTyped,
} from "@quanji/chaincode/log";
import { nodeVerifier } from "@quanji/chaincode/world";
import { parseWalletSignature } from "@quanji/client";
import { expect } from "chai";
import { getBytes, hexlify, keccak256, SigningKey, type TypedDataDomain, TypedDataEncoder, Wallet } from "ethers";
import fc from "fast-check";

const secret = createHash("sha256").update("an owner").digest();
const wallet = new Wallet(hexlify(secret));
const jwk = ethereumKeyOf(secret);
const header: CommandHeader = {
  alg: "EIP712",
  iat: 1763624161,
  jti: "019360c2-8000-7000-8000-000000000001",
  kid: `91440300MAQJ0001XF#${thumbprint(jwk)}`,
  typ: "quanji-grant.approve+jws",
  url: "https://gw.transport.example/v1/commands/grant.approve",
};
const payload = { grant: "019360c2-8000-7000-8000-000000000002", net: "quanji.example/szx" };

/** ethers takes the domain's type from the domain. */
const partsOf = ({ types, domain, message }: TypedData) => {
  const { EIP712Domain: _domain, ...own } = types;
  const mutable = Object.fromEntries(Object.entries(own).map(([name, members]) => [name, [...members]]));
  return [domain as TypedDataDomain, mutable, message] as const;
};

describe("EIP-712, as ethers has it", () => {
  it("the key of an account has its address, and is recovered from what it signs", () => {
    expect(addressOf(jwk)).to.equal(wallet.address.toLowerCase());
    expect(new SigningKey(secret).publicKey).to.equal(
      hexlify(Buffer.concat([Buffer.of(4), Buffer.from(jwk.x, "base64url"), Buffer.from(jwk.y, "base64url")])),
    );
    expect(algorithmOf(jwk)).to.equal("EIP712");
  });

  it("a wallet's signature of the typed data is one that verifies, here and in the chaincode's engine", async () => {
    const typed = typedCommand(header, payload);
    const { signature, recovery } = parseWalletSignature(await wallet.signTypedData(...partsOf(typed)));
    const jws = await signJws(header, payload, () => signature);
    const parsed = parseCommandJws(JSON.parse(JSON.stringify(jws)));
    expect(verifyTyped(jwk, signedBytes(parsed), parsed.signature)).to.equal(true);
    expect(await nodeVerifier()(jwk, signedBytes(parsed), parsed.signature)).to.equal(true);
    expect(recoverKey(typedBytes(typed), signature, recovery ?? -1)).to.deep.equal(jwk);
  });

  it("the text that a wallet gets is what eth_signTypedData_v4 takes", () => {
    const typed = JSON.parse(JSON.stringify(typedCommand(header, payload))) as TypedData;
    const json = JSON.parse(JSON.stringify(TypedDataEncoder.getPayload(...partsOf(typed)))) as TypedData;
    expect(json.types).to.deep.equal(typed.types);
    expect(json.primaryType).to.equal(typed.primaryType);
    expect(json.domain).to.deep.equal(typed.domain);
    // ethers writes numbers as text.
    expect({ ...json.message, iat: Number(json.message["iat"]) }).to.deep.equal(typed.message);
  });

  it("possession of a key to be registered", async () => {
    const typed = typedPossession("quanji.example/szx", "urn:quanji:bank", jwk);
    const { signature } = parseWalletSignature(await wallet.signTypedData(...partsOf(typed)));
    expect(verifyTyped(jwk, possessionBytes("quanji.example/szx", "urn:quanji:bank", jwk), signature)).to.equal(true);
    expect(verifyTyped(jwk, possessionBytes("quanji.example/szx", "urn:quanji:bang", jwk), signature)).to.equal(false);
  });

  it("every command has the digest that ethers computes", () => {
    const name = fc.stringMatching(/^[a-z][A-Za-z0-9.]{0,5}$/);
    const { value } = fc.letrec<{ value: Json }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 4, withCrossShrink: true },
        fc.string({ unit: "grapheme", maxLength: 12 }),
        fc.maxSafeNat(),
        fc.boolean(),
        fc.array(tie("value"), { maxLength: 3 }),
        fc.dictionary(name, tie("value"), { maxKeys: 3 }),
      ),
    }));
    const any = fc.record({ net: fc.string({ unit: "grapheme" }), more: fc.dictionary(name, value, { maxKeys: 4 }) });
    fc.assert(
      fc.property(any, fc.maxSafeNat(), fc.string(), ({ net, more }, iat, url) => {
        const whole = JSON.parse(canonical({ ...more, net })) as JsonObject;
        const typed = typedCommand({ ...header, iat, url }, whole);
        expect(keccak256(typedBytes(typed))).to.equal(TypedDataEncoder.hash(...partsOf(typed)));
        expect(getBytes(keccak256(typedBytes(typed))).length).to.equal(32);
      }),
      { numRuns: 300 },
    );
  });
});
