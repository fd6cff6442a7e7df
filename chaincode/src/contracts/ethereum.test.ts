/** Owners whose key is an Ethereum account's: what they sign is typed data, and nothing that resembles it is taken for it. */
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { expect } from "chai";
import { createPrivateKey, generateKeyPairSync, randomBytes, randomUUID, sign } from "node:crypto";
import { encodeError, type QuanjiError } from "../domain/errors.js";
import {
  canonical,
  concat,
  ethereumKeyOf,
  type FlattenedJws,
  fromBase64url,
  type JsonObject,
  lowerS,
  parseCommandJws,
  type ParsedJws,
  possessionBytes,
  possessionInput,
  type PublicJwk,
  signedBytes,
  signTyped,
  thumbprint,
  toBase64url,
  type TypedData,
  typedBytes,
  typedCommand,
  utf8,
} from "../log/index.js";
import { type Actor, ethereumActor } from "../testing/actors.js";
import { expectRefusal } from "../testing/expect.js";
import { IDS, LOG, NET, TestNetwork, URL_BASE } from "../testing/test-network.js";

const SECRET = randomBytes(32);
const ORDER = secp256k1.Point.Fn.ORDER;

const scalarOf = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
const bytesOf = (value: bigint): Uint8Array => Buffer.from(value.toString(16).padStart(64, "0"), "hex");
const withSignature = (jws: FlattenedJws, signature: Uint8Array): FlattenedJws => ({
  ...jws,
  signature: toBase64url(signature),
});

describe("contracts: Ethereum keys", () => {
  let network: TestNetwork;
  let owner: Actor;
  const resource = "res/weather.daily";

  beforeEach(async () => {
    network = new TestNetwork();
    owner = ethereumActor(IDS.bureau, SECRET);
    network.actors.bureau = owner;
    await network.found();
    await network.registerResource("bureau", resource);
  });

  it("an owner registers, is admitted, approves, and stops alone", async () => {
    expect(network.party("bureau")?.keys[0]?.jwk).to.deep.equal(owner.jwk);
    const grant = await network.granted("insurer", resource, "bureau");
    expect(network.grant(grant)?.state).to.equal("active");
    expect(await network.decide(await network.access("insurer", { grant }))).to.deep.equal(["permit"]);
    await network.stop("bureau", "grant.revoke", grant);
    expect(await network.decide(await network.access("insurer", { grant }))).to.deep.equal(["GRANT_REVOKED"]);
    await network.fold(grant);
    expect(network.grant(grant)?.state).to.equal("revoked");
  });

  it("a command of an Ethereum key is believed once", async () => {
    const grant = await network.request("insurer", resource, "bureau");
    const command = await network.sign("bureau", "grant.approve", { net: NET, grant });
    await network.submit("grant.approve", command);
    await expectRefusal(network.submit("grant.approve", command), "COMMAND_REPLAYED");
  });

  describe("a grant is not approved by", () => {
    let grant: string;
    let right: FlattenedJws;
    let parsed: ParsedJws<Parameters<typeof typedCommand>[0]>;
    let typed: TypedData;
    beforeEach(async () => {
      grant = await network.request("insurer", resource, "bureau");
      right = await network.sign("bureau", "grant.approve", { net: NET, grant });
      parsed = parseCommandJws(right);
      typed = typedCommand(parsed.header, parsed.payload);
    });
    afterEach(async () => {
      expect(network.grant(grant)?.state).to.equal("pending");
      await network.submit("grant.approve", right); // the one that is right is still taken
    });
    const refused = (jws: FlattenedJws): Promise<unknown> =>
      expectRefusal(network.submit("grant.approve", jws), "SIGNATURE_INVALID");
    const signed = (data: TypedData): FlattenedJws => withSignature(right, signTyped(typedBytes(data), SECRET));

    it("the other of the two signatures, n − s", async () => {
      const [r, s] = [parsed.signature.subarray(0, 32), scalarOf(parsed.signature.subarray(32))];
      const high = concat(r, bytesOf(ORDER - s));
      const digest = keccak_256(signedBytes(parsed));
      expect(secp256k1.verify(high, digest, fromKey(owner.jwk), { lowS: false, prehash: false })).to.equal(true);
      await refused(withSignature(right, high));
      expect(lowerS(high)).to.deep.equal({ signature: Uint8Array.from(parsed.signature), flipped: true });
    });

    it("numbers out of range", async () => {
      const [r, s] = [parsed.signature.subarray(0, 32), parsed.signature.subarray(32)];
      for (const bad of [bytesOf(0n), bytesOf(ORDER), bytesOf(2n ** 256n - 1n)]) {
        await refused(withSignature(right, concat(bad, s)));
        await refused(withSignature(right, concat(r, bad)));
      }
      await refused(withSignature(right, new Uint8Array(64)));
    });

    it("a signature with its recovery bit", async () => {
      const jws = withSignature(right, concat(parsed.signature, Uint8Array.of(27)));
      await expectRefusal(network.submit("grant.approve", jws), "MALFORMED", "JWS_SHAPE");
    });

    it("what was signed for another network", async () => {
      const other = typedCommand(parsed.header, { ...parsed.payload, net: "quanji.test/other" });
      await refused(signed(other));
      await refused(signed({ ...typed, domain: other.domain }));
      await refused(signed({ ...other, domain: typed.domain }));
    });

    it("what was signed for another application, version or kind", async () => {
      await refused(signed({ ...typed, domain: { ...typed.domain, name: "Quanji " } }));
      await refused(signed({ ...typed, domain: { ...typed.domain, version: "2" } }));
      const renamed = {
        types: { ...typed.types, Possession: typed.types["Command"] ?? [] },
        primaryType: "Possession",
      };
      await refused(signed({ ...typed, ...renamed }));
    });

    it("anything else that the account signs: the JWS itself, a personal message, its digest", async () => {
      const personal = utf8(`\u0019Ethereum Signed Message:\n${parsed.signingInput.length}`);
      for (const data of [parsed.signingInput, concat(personal, parsed.signingInput), typedBytes(typed).subarray(2)]) {
        await refused(withSignature(right, signTyped(data, SECRET)));
      }
    });

    it("one member of what was signed being another", async () => {
      const { message } = typed;
      const changes: TypedData["message"] = {
        verb: "grant.refuse",
        net: "quanji.test/dem",
        payload: (message["payload"] as readonly string[]).slice(1),
        kid: `${IDS.insurer}#${thumbprint(owner.jwk)}`,
        url: `${URL_BASE}/v1/commands/grant.refuse`,
        iat: Number(message["iat"]) + 1,
        jti: randomUUID(),
      };
      for (const [name, value] of Object.entries(changes)) {
        await refused(signed({ ...typed, message: { ...message, [name]: value } }));
      }
      await refused(signed({ ...typed, message: { ...message, payload: [canonical(parsed.payload)] } }));
    });

    it("header or payload of another command of the same owner", async () => {
      const other = await network.sign("bureau", "grant.approve", { net: NET, grant: randomUUID() });
      await refused({ ...right, protected: other.protected });
      await refused({ ...right, payload: other.payload });
      await refused({ ...right, signature: other.signature });
    });

    it("the signature that RFC 8812 calls ES256K, whatever alg says", async () => {
      const { kty, crv, x, y } = owner.jwk as Extract<PublicJwk, { crv: "secp256k1" }>;
      const key = createPrivateKey({ key: { kty, crv, x, y, d: toBase64url(SECRET) }, format: "jwk" });
      const es256k = (input: Uint8Array): Uint8Array =>
        lowerS(sign("sha256", input, { key, dsaEncoding: "ieee-p1363" })).signature;
      await refused(withSignature(right, es256k(parsed.signingInput)));
      for (const alg of ["ES256", "EdDSA", "ES256K"]) {
        const protectedText = toBase64url(utf8(canonical({ ...parsed.header, alg })));
        const jws = { ...right, protected: protectedText };
        const sent = network.submit(
          "grant.approve",
          withSignature(jws, es256k(utf8(`${protectedText}.${right.payload}`))),
        );
        if (alg === "ES256K") await expectRefusal(sent, "MALFORMED", "ALG_FORBIDDEN");
        else await expectRefusal(sent, "SIGNATURE_INVALID");
      }
    });

    it("another account, or another kind of key under alg EIP712", async () => {
      const other = ethereumActor(IDS.bureau, randomBytes(32));
      await refused(withSignature(right, other.sign(signedBytes(parsed))));
      await expectRefusal(network.send(other, "grant.approve", { net: NET, grant }), "SIGNATURE_INVALID");
      const legal = network.actors.legal;
      const protectedText = toBase64url(utf8(canonical({ ...parsed.header, kid: legal.kid })));
      const jws = { ...right, protected: protectedText };
      await refused(withSignature(jws, legal.sign(utf8(`${protectedText}.${right.payload}`))));
      await refused(withSignature(jws, signTyped(signedBytes(parseCommandJws(jws)), SECRET)));
    });
  });

  describe("keys", () => {
    beforeEach(() => {
      network = new TestNetwork();
    });

    it("that are no points of secp256k1 are refused", async () => {
      const pair = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({ format: "jwk" });
      const { x, y } = ethereumKeyOf(SECRET);
      const zero = toBase64url(new Uint8Array(32));
      const field = 2n ** 256n - 2n ** 32n - 977n;
      const points = [
        { x: pair.x, y: pair.y },
        { x, y: x },
        { x: y, y: x },
        { x: zero, y: zero },
        { x: toBase64url(bytesOf(field)), y: zero },
        // x = 1 is on the curve; p + 1 names the same point.
        { x: toBase64url(bytesOf(field + 1n)), y: toBase64url(bytesOf(yOf(1n))) },
      ];
      await network.found();
      for (const point of points) {
        await expectRefusal(rotate({ crv: "secp256k1", kty: "EC", ...point }), "MALFORMED", "KEY_WEAK");
      }
      await expectRefusal(rotate({ crv: "secp256k1", kty: "EC", x }), "MALFORMED", "ALG_FORBIDDEN");
      await expectRefusal(rotate({ crv: "secp256k1", kty: "OKP", x, y }), "MALFORMED", "ALG_FORBIDDEN");
      await expectRefusal(rotate({ crv: "P-256", kty: "EC", x, y }), "MALFORMED", "KEY_WEAK");
    });

    const rotate = (jwk: object, purpose = "act", possession: Uint8Array = new Uint8Array(64)): Promise<void> =>
      network.send("insurer", "party.rotateKey", {
        net: NET,
        party: IDS.insurer,
        key: { jwk, purpose, custody: "self" },
        possession: toBase64url(possession),
      });

    it("are added with a proof of possession that is typed data of this network and party", async () => {
      await network.found();
      const next = ethereumActor(IDS.insurer, SECRET);
      const proofs = [
        next.sign(possessionInput(NET, IDS.insurer, next.jwk)),
        next.sign(possessionBytes("quanji.test/other", IDS.insurer, next.jwk)),
        next.sign(possessionBytes(NET, IDS.bureau, next.jwk)),
        next.sign(possessionBytes(NET, IDS.insurer, ethereumKeyOf(randomBytes(32)))),
      ];
      for (const proof of proofs) await expectRefusal(rotate(next.jwk, "act", proof), "SIGNATURE_INVALID");
      await rotate(next.jwk, "act", next.sign(possessionBytes(NET, IDS.insurer, next.jwk)));
      await network.send(next, "party.compromiseKey", {
        net: NET,
        party: IDS.insurer,
        thumbprint: thumbprint(network.actors.insurer.jwk),
        since: new Date(network.nowMs).toISOString(),
      });
      expect(
        network.party("insurer")?.keys.map(({ compromisedSince }) => compromisedSince !== undefined),
      ).to.deep.equal([true, false]);
    });

    it("of sources, escrow, gateways and networks are of other kinds", async () => {
      await network.found();
      const next = ethereumActor(IDS.insurer, SECRET);
      const proof = next.sign(possessionBytes(NET, IDS.insurer, next.jwk));
      for (const purpose of ["tally", "escrow"]) {
        await expectRefusal(rotate(next.jwk, purpose, proof), "MALFORMED", "ALG_FORBIDDEN");
      }
      await rotate(next.jwk, "recovery", proof);
      const gateway = { name: "second", msp: "ExchangeMSP", publicUrl: "https://x.test", jwk: next.jwk };
      await expectRefusal(network.send("regulator", "gateway.register", { net: NET, gateway }), "MALFORMED");
      const founding = new TestNetwork();
      founding.actors.regulator = ethereumActor(IDS.regulator, SECRET);
      await expectRefusal(founding.found(), "MALFORMED");
    });

    it("a party registers with the key that its command brings, and with no other", async () => {
      network.actors.stranger = ethereumActor(IDS.stranger, randomBytes(32));
      await network.found();
      expect(network.party("stranger")?.state).to.equal("active");
      network = new TestNetwork();
      const other = ethereumActor(IDS.stranger, randomBytes(32));
      network.actors.stranger = { ...ethereumActor(IDS.stranger, SECRET), sign: (input) => other.sign(input) };
      await expectRefusal(network.found(), "SIGNATURE_INVALID");
      network = new TestNetwork();
      await network.found();
      const key = { jwk: ethereumKeyOf(SECRET), purpose: "act", custody: "self" };
      await expectRefusal(network.register("stranger", { key }), "SIGNATURE_INVALID");
    });
  });

  it("programs' commands are signed with other keys: accesses, voids, acceptances, tallies, lists", async () => {
    const grant = await network.granted("insurer", resource, "bureau");
    const url = `${URL_BASE}/v1/access`;
    const payload: JsonObject = { net: NET, log: LOG, seq: 0 };
    for (const verb of ["access", "access.void", "access.accept", "tally.sign", "boundary.publish"]) {
      await expectRefusal(
        network.sign(owner, verb, payload, { url }).catch((error: unknown) => {
          throw new Error(encodeError(error as QuanjiError));
        }),
        "MALFORMED",
        "ALG_FORBIDDEN",
      );
    }
    const item = await network.access("insurer", { grant });
    if (item.type !== "access") throw new Error("no access");
    const { request } = item;
    const header = JSON.parse(new TextDecoder().decode(fromBase64url(request.protected))) as JsonObject;
    const forged = {
      ...request,
      protected: toBase64url(utf8(canonical({ ...header, alg: "EIP712", kid: owner.kid }))),
    };
    await expectRefusal(network.record([{ ...item, request: forged }]), "MALFORMED", "ALG_FORBIDDEN");
  });
});

const fromKey = ({ x, y }: PublicJwk & { readonly y?: string }): Uint8Array =>
  concat(Uint8Array.of(4), fromBase64url(x), fromBase64url(y));

/** Even y of a point with that x. */
function yOf(x: bigint): bigint {
  const point = secp256k1.Point.fromHex(`02${x.toString(16).padStart(64, "0")}`);
  return point.toAffine().y;
}
