import { expect } from "chai";
import {
  type CommandHeader,
  type FlattenedJws,
  hashText,
  type ParsedJws,
  type PublicJwk,
  sha256,
  toBase64url,
  utf8,
} from "@quanji/chaincode/log";
import { VouchedVerifier, Vouchers } from "./vouchers.js";

const KEY: PublicJwk = { kty: "OKP", crv: "Ed25519", x: "A".repeat(43) };

function command(first: number, payload = "payload"): ParsedJws<CommandHeader> {
  const signature = new Uint8Array(64).fill(first);
  const jws: FlattenedJws = { payload, protected: "protected", signature: toBase64url(signature) };
  const signingInput = utf8(`protected.${payload}`);
  const header = { alg: "EdDSA", iat: 1, jti: "", kid: "", typ: "", url: "" } as const;
  return { header, payload: {}, signingInput, signature, request: hashText(sha256(signingInput)), jws };
}

describe("vouching for what the edge has verified", () => {
  let asked: number;
  let vouchers: Vouchers;
  let verifier: VouchedVerifier;
  beforeEach(() => {
    asked = 0;
    vouchers = new Vouchers();
    verifier = new VouchedVerifier(() => {
      asked++;
      return Promise.resolve(false);
    });
  });

  const verify = ({ signingInput, signature }: ParsedJws<CommandHeader>, jwk: PublicJwk = KEY): Promise<boolean> =>
    verifier.verify(jwk, signingInput, signature);

  it("spares exactly one check of the very same", async () => {
    vouchers.add(KEY, command(1));
    verifier.accept(vouchers.take());
    expect(await verify(command(1))).to.equal(true);
    expect(asked).to.equal(0);
    expect(await verify(command(1))).to.equal(false);
    expect(asked).to.equal(1);
  });

  it("spares none of another key, other bytes or another signature", async () => {
    vouchers.add(KEY, command(1));
    verifier.accept(vouchers.take());
    expect(await verify(command(1), { ...KEY, x: "B".repeat(43) })).to.equal(false);
    expect(await verify(command(1), { kty: "EC", crv: "P-256", x: KEY.x, y: "" })).to.equal(false);
    expect(await verify(command(1, "other"))).to.equal(false);
    expect(await verify(command(2))).to.equal(false);
    expect(asked).to.equal(4);
  });

  it("hands each voucher over once, and keeps the newest when there are too many", async () => {
    vouchers.add(KEY, command(1));
    expect(vouchers.take()).to.have.length(1);
    expect(vouchers.take()).to.have.length(0);
    vouchers.add(KEY, command(1));
    verifier.accept(vouchers.take());
    verifier.accept(Array.from({ length: 20_000 }, (_, i) => `name ${i}`));
    expect(await verify(command(1))).to.equal(false);
  });
});
