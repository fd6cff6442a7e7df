import { expect } from "chai";
import type { CommandHeader, FlattenedJws, ParsedJws, PublicJwk } from "@quanji/chaincode/log";
import { toBase64url, utf8 } from "@quanji/chaincode/log";
import { CheckedOnce } from "./checked-once.js";

const KEY: PublicJwk = { kty: "OKP", crv: "Ed25519", x: "A".repeat(43) };

/** A request whose signature is good if its first byte is 1. */
function request(first: number, payload = '{"seq":1}'): ParsedJws<CommandHeader> {
  const signature = new Uint8Array(64).fill(first);
  const header = {
    alg: "EdDSA",
    iat: 1,
    jti: "0196f7a0-0000-7000-8000-000000000001",
    kid: `party#${"A".repeat(43)}`,
    typ: "quanji-access+jws",
    url: "https://gw.test/v1/access",
  } as const;
  const jws: FlattenedJws = {
    payload: toBase64url(utf8(payload)),
    protected: toBase64url(utf8(JSON.stringify(header))),
    signature: toBase64url(signature),
  };
  const signingInput = utf8(`${jws.protected}.${jws.payload}`);
  return { header, payload: {}, signingInput, signature, request: "" as ParsedJws<CommandHeader>["request"], jws };
}

describe("checking once for edge and chaincode", () => {
  let asked: number;
  let once: CheckedOnce;
  beforeEach(() => {
    asked = 0;
    once = new CheckedOnce((_jwk, _data, signature) => {
      asked++;
      return Promise.resolve(signature[0] === 1);
    });
  });

  const again = ({ signingInput, signature }: ParsedJws<CommandHeader>, jwk = KEY): Promise<boolean> =>
    once.verify(jwk, signingInput, signature);

  it("takes the answer of the edge for the chaincode, and only once", async () => {
    const parsed = request(1);
    expect(await once.check(KEY, parsed)).to.equal(true);
    expect(once.parse({ ...parsed.jws })).to.equal(parsed);
    expect(await again(parsed)).to.equal(true);
    expect(asked).to.equal(1);
    expect(once.parse({ ...parsed.jws })).to.not.equal(parsed);
    expect(await again(parsed)).to.equal(true);
    expect(asked).to.equal(2);
  });

  it("asks for itself where key, bytes or signature are others", async () => {
    const parsed = request(1);
    await once.check(KEY, parsed);
    expect(await again(parsed, { ...KEY, x: "B".repeat(43) })).to.equal(true);
    expect(await again({ ...parsed, signingInput: parsed.signingInput.slice() })).to.equal(true);
    expect(await again({ ...parsed, signature: new Uint8Array(64).fill(2) })).to.equal(false);
    expect(asked).to.equal(4);
  });

  it("parses anew what only shares a signature with something known, members that are too many included", async () => {
    const parsed = request(1);
    await once.check(KEY, parsed);
    const other = request(1, '{"seq":2}');
    expect(once.parse(other.jws).payload).to.deep.equal({ seq: 2 });
    const surplus = { ...parsed.jws, header: {} };
    expect(() => once.parse(surplus))
      .to.throw()
      .with.property("detail", "JWS_SHAPE");
  });

  it("remembers no refusal", async () => {
    const parsed = request(2);
    expect(await once.check(KEY, parsed)).to.equal(false);
    expect(once.parse(parsed.jws)).to.not.equal(parsed);
    expect(await again(parsed)).to.equal(false);
    expect(asked).to.equal(2);
  });
});
