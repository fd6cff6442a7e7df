/** `test/vectors/ethereum.json`, recomputed by ethers alone: nothing here is of this project but the formats. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";
import { ROOT } from "@quanji/scripts/process";
import { expect } from "chai";
import {
  concat,
  hexlify,
  id,
  keccak256,
  recoverAddress,
  SigningKey,
  type TypedDataDomain,
  TypedDataEncoder,
  type TypedDataField,
  Wallet,
} from "ethers";

interface Jws {
  readonly payload: string;
  readonly protected: string;
  readonly signature: string;
}
interface Vectors {
  readonly secret: string;
  readonly address: string;
  readonly jwk: { readonly x: string; readonly y: string };
  readonly thumbprint: string;
  readonly commands: readonly {
    readonly jws: Jws;
    readonly request: string;
    readonly signed: string;
    readonly typedData: {
      readonly types: Readonly<Record<string, TypedDataField[]>>;
      readonly domain: TypedDataDomain;
      readonly message: Readonly<Record<string, unknown>>;
    };
  }[];
  readonly possession: {
    readonly net: string;
    readonly party: string;
    readonly signed: string;
    readonly signature: string;
  };
  readonly refused: readonly { readonly why: string; readonly jws: Jws }[];
}

const vectors = JSON.parse(readFileSync(path.join(ROOT, "test/vectors/ethereum.json"), "utf8")) as Vectors;
const wallet = new Wallet(vectors.secret);
const bytes = (text: string): Buffer => Buffer.from(text, "base64url");
const saltOf = (net: string): string => `0x${createHash("sha256").update(net).digest("hex")}`;

/** Whether either recovery bit leads to the account; ethers itself refuses the higher s. */
function isBy(digest: string, signature: string): boolean {
  const [r, s] = [bytes(signature).subarray(0, 32), bytes(signature).subarray(32)].map((part) => hexlify(part));
  return [27, 28].some((v) => {
    try {
      return recoverAddress(digest, { r: r ?? "", s: s ?? "", v }) === wallet.address;
    } catch {
      return false;
    }
  });
}

describe("test/vectors/ethereum.json, by ethers", () => {
  it("key and address", () => {
    const { x, y } = vectors.jwk;
    expect(vectors.address).to.equal(wallet.address.toLowerCase());
    expect(new SigningKey(vectors.secret).publicKey).to.equal(
      hexlify(Buffer.concat([Buffer.of(4), bytes(x), bytes(y)])),
    );
    const canonical = `{"crv":"secp256k1","kty":"EC","x":"${x}","y":"${y}"}`;
    expect(createHash("sha256").update(canonical).digest("base64url")).to.equal(vectors.thumbprint);
  });

  for (const [i, { jws, request, signed, typedData }] of vectors.commands.entries()) {
    it(`command ${i}: domain, digest and signature`, async () => {
      const { EIP712Domain, ...types } = typedData.types;
      const header = JSON.parse(bytes(jws.protected).toString()) as Record<string, unknown>;
      const payload = JSON.parse(bytes(jws.payload).toString()) as { net: string };
      const domain = { name: "Quanji", version: "1", salt: saltOf(payload.net) };
      expect(typedData.domain).to.deep.equal(domain);
      expect(EIP712Domain?.map(({ name, type }) => `${type} ${name}`)).to.deep.equal([
        "string name",
        "string version",
        "bytes32 salt",
      ]);
      const { kid, url, iat, jti } = header;
      expect(typedData.message).to.include({ kid, url, iat, jti, net: payload.net });
      expect(header["typ"]).to.equal(`quanji-${String(typedData.message["verb"])}+jws`);
      const digest = TypedDataEncoder.hash(domain, types, typedData.message);
      expect(keccak256(signed)).to.equal(digest);
      expect(isBy(digest, jws.signature)).to.equal(true);
      // Deterministic (RFC 6979), so a wallet makes the same.
      const { r, s } = new SigningKey(vectors.secret).sign(digest);
      expect(hexlify(bytes(jws.signature))).to.equal(concat([r, s]));
      expect((await wallet.signTypedData(domain, types, typedData.message)).slice(0, -2)).to.equal(concat([r, s]));
      const identity = createHash("sha256").update(`${jws.protected}.${jws.payload}`).digest("base64url");
      expect(identity).to.equal(request);
    });
  }

  it("possession", () => {
    const { net, party, signed, signature } = vectors.possession;
    const fields = ["net", "party", "thumbprint"].map((name) => ({ name, type: "string" }));
    const domain = { name: "Quanji", version: "1", salt: saltOf(net) };
    const message = { net, party, thumbprint: vectors.thumbprint };
    const digest = TypedDataEncoder.hash(domain, { Possession: fields }, message);
    expect(keccak256(signed)).to.equal(digest);
    expect(isBy(digest, signature)).to.equal(true);
    expect(id("Possession(string net,string party,string thumbprint)")).to.equal(
      keccak256(Buffer.from("Possession(string net,string party,string thumbprint)")),
    );
  });

  it("what is refused is no signature of the first command's digest", () => {
    const digest = keccak256(vectors.commands[0]?.signed ?? "");
    expect(vectors.refused.map(({ why }) => why)).to.include("the higher s");
    for (const { why, jws } of vectors.refused) expect(isBy(digest, jws.signature), why).to.equal(false);
  });
});
