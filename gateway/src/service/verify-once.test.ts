import { expect } from "chai";
import type { PublicJwk, VerifySignature } from "@quanji/chaincode/log";
import { verifyOnce } from "./verify-once.js";

const KEY: PublicJwk = { kty: "OKP", crv: "Ed25519", x: "A".repeat(43) };
const bytes = (n: number): Uint8Array => new Uint8Array(64).fill(n);

describe("verifying once for edge and chaincode", () => {
  let asked: number;
  let verify: VerifySignature;
  beforeEach(() => {
    asked = 0;
    verify = verifyOnce((_jwk, _data, signature) => {
      asked++;
      return Promise.resolve(signature[0] === 1);
    });
  });

  it("takes the answer of the first check for the second, and only for that", async () => {
    for (let i = 0; i < 3; i++) expect(await verify(KEY, bytes(7), bytes(1))).to.equal(true);
    expect(asked).to.equal(2);
  });

  it("asks again for another key, other bytes or another signature", async () => {
    await verify(KEY, bytes(7), bytes(1));
    await verify({ ...KEY, x: "B".repeat(43) }, bytes(7), bytes(1));
    await verify(KEY, bytes(8), bytes(1));
    expect(await verify(KEY, bytes(7), bytes(2))).to.equal(false);
    expect(asked).to.equal(4);
  });

  it("remembers no refusal", async () => {
    expect(await verify(KEY, bytes(7), bytes(2))).to.equal(false);
    expect(await verify(KEY, bytes(7), bytes(2))).to.equal(false);
    expect(asked).to.equal(2);
  });
});
