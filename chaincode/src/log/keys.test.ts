import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { expect } from "chai";
import fc from "fast-check";
import { toBase64url } from "./bytes.js";
import {
  algorithmOf,
  assertStrongEd25519,
  parsePublicJwk,
  possessionInput,
  type PublicJwk,
  thumbprint,
} from "./keys.js";
import { ed25519, expectCode, refusesHostile } from "./support.test.js";

const P = 2n ** 255n - 19n;

/** y (with the sign of x on top) as the 32 little-endian bytes of RFC 8032 §5.1.2. */
function encodePoint(y: bigint, sign: 0 | 1): Uint8Array {
  const bytes = new Uint8Array(32);
  for (let i = 0, rest = y | (BigInt(sign) << 255n); i < 32; i++, rest >>= 8n) bytes[i] = Number(rest & 0xffn);
  return bytes;
}

const ORDER_8 = [
  0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n,
  0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n,
] as const;

/** The eight points whose order divides 8, by order. */
const SMALL_ORDER: readonly (readonly [order: number, y: bigint, sign: 0 | 1])[] = [
  [1, 1n, 0],
  [2, P - 1n, 0],
  [4, 0n, 0],
  [4, 0n, 1],
  [8, ORDER_8[0], 0],
  [8, ORDER_8[0], 1],
  [8, ORDER_8[1], 0],
  [8, ORDER_8[1], 1],
];

const mod = (value: bigint, m: bigint) => ((value % m) + m) % m;
function power(base: bigint, exponent: bigint, m: bigint): bigint {
  let result = 1n;
  for (let b = mod(base, m), e = exponent; e > 0n; e >>= 1n, b = (b * b) % m) if (e & 1n) result = (result * b) % m;
  return result;
}
const inverse = (value: bigint) => power(value, P - 2n, P);
const D = mod(-121665n * inverse(121666n), P);

/** y of 2·(x, y) on edwards25519, from y alone: x² follows from the curve's equation. */
function doubledY(y: bigint): bigint {
  const x2 = mod((y * y - 1n) * inverse(D * y * y + 1n), P);
  return mod((y * y + x2) * inverse(1n - D * x2 * y * y), P);
}

const okp = (raw: Uint8Array) => ({ crv: "Ed25519", kty: "OKP", x: toBase64url(raw) });
const ec = (() => {
  const jwk = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({ format: "jwk" });
  return { crv: "P-256", kty: "EC", x: jwk.x as string, y: jwk.y as string };
})();

describe("log/keys", () => {
  it("RFC 7638 and RFC 8037 A.3: the thumbprint of the Ed25519 example", () => {
    const jwk = parsePublicJwk({ crv: "Ed25519", kty: "OKP", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
    expect(thumbprint(jwk)).to.equal("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
  });

  it("RFC 7638: the thumbprint is over the required members alone, in order, without spaces", () => {
    // The P-256 key of RFC 7517 A.1; its hash was computed from the text that RFC 7638 §3.2 prescribes.
    const jwk = {
      crv: "P-256",
      kty: "EC",
      x: "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
      y: "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    };
    expect(thumbprint(parsePublicJwk({ y: jwk.y, x: jwk.x, kty: jwk.kty, crv: jwk.crv }))).to.equal(
      "cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s",
    );
  });

  it("the list of small orders is right: 1, 2, 4 and 8 doublings lead to the neutral point", () => {
    for (const [order, y] of SMALL_ORDER) {
      let [current, doublings] = [y, 0];
      for (; current !== 1n; current = doubledY(current)) doublings++;
      expect(2 ** doublings, `order ${order}`).to.equal(order);
    }
  });

  for (const [order, y, sign] of SMALL_ORDER) {
    it(`66 a key of order ${order} (y = ${y.toString(16).slice(0, 8)}…, sign ${sign}) is refused`, () => {
      const raw = encodePoint(y, sign);
      // The reason for the rule: engines import it, and some let one signature under it pass for every message.
      expect(() => createPublicKey({ key: okp(raw), format: "jwk" })).not.to.throw();
      expectCode(() => assertStrongEd25519(raw), "MALFORMED", "KEY_WEAK");
      expectCode(() => parsePublicJwk(okp(raw)), "MALFORMED", "KEY_WEAK");
    });
  }

  it("y that is not canonical (p and above) is refused, also with the sign bit set", () => {
    for (const sign of [0, 1] as const) {
      for (let excess = 0n; excess < 19n; excess++) {
        expectCode(() => assertStrongEd25519(encodePoint(P + excess, sign)), "MALFORMED", "KEY_WEAK");
      }
      // −0 as x: the other spelling of the points of order 1 and 2.
      for (const y of [1n, P - 1n])
        expectCode(() => assertStrongEd25519(encodePoint(y, sign)), "MALFORMED", "KEY_WEAK");
    }
  });

  it("Ed25519 keys of other lengths are refused", () => {
    for (const length of [0, 31, 33, 57]) {
      expectCode(() => parsePublicJwk(okp(new Uint8Array(length).fill(7))), "MALFORMED", "KEY_WEAK");
    }
  });

  it("ordinary keys are taken", () => {
    fc.assert(
      fc.property(fc.string(), (seed) => {
        const { jwk } = ed25519(seed);
        expect(parsePublicJwk(jwk)).to.deep.equal(jwk);
      }),
      { numRuns: 50 },
    );
    expect(parsePublicJwk(ec)).to.deep.equal(ec);
    expect(algorithmOf(ec as PublicJwk)).to.equal("ES256");
    expect(algorithmOf(ed25519("a").jwk)).to.equal("EdDSA");
  });

  it("a P-256 point off the curve, out of range or of another length is refused", () => {
    const x = Buffer.from(ec.x, "base64url");
    const y = Buffer.from(ec.y, "base64url");
    const prime = Buffer.from("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff", "hex");
    const flipped = Buffer.from(y);
    flipped[31] = flipped[31]! ^ 1;
    const weak: readonly (readonly [Uint8Array, Uint8Array])[] = [
      [x, flipped],
      [y, x],
      [new Uint8Array(32), new Uint8Array(32)],
      [prime, y],
      [x, prime],
      [x.subarray(1), y],
      [Buffer.concat([Buffer.alloc(1), x]), y],
      [x, new Uint8Array(0)],
    ];
    for (const [px, py] of weak) {
      const jwk = { ...ec, x: toBase64url(px), y: toBase64url(py) };
      expectCode(() => parsePublicJwk(jwk), "MALFORMED", "KEY_WEAK");
    }
  });

  it("a coordinate of p + x names the same point and is refused all the same", () => {
    // x = 5 lies on P-256; p + 5 fits into 32 bytes.
    const p = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;
    const b = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;
    const y = power(mod(125n - 15n + b, p), (p + 1n) / 4n, p);
    const text = (value: bigint) => toBase64url(Buffer.from(value.toString(16).padStart(64, "0"), "hex"));
    expect(parsePublicJwk({ ...ec, x: text(5n), y: text(y) }).x).to.equal(text(5n));
    expectCode(() => parsePublicJwk({ ...ec, x: text(p + 5n), y: text(y) }), "MALFORMED", "KEY_WEAK");
  });

  it("members that do not name the key are refused, private ones above all", () => {
    const jwk = ed25519("a").jwk;
    for (const more of [{ d: "AA" }, { kid: "a" }, { use: "sig" }, { alg: "EdDSA" }, { key_ops: ["verify"] }]) {
      expectCode(() => parsePublicJwk({ ...jwk, ...more }), "MALFORMED", "HEADER_FORBIDDEN");
    }
  });

  it("other kinds of keys are refused", () => {
    const jwk = ed25519("a").jwk;
    for (const other of [
      { ...jwk, crv: "X25519" },
      { ...jwk, crv: "Ed448" },
      { ...jwk, kty: "EC" },
      { ...jwk, y: jwk.x },
      { ...ec, crv: "P-384" },
      { crv: ec.crv, kty: ec.kty, x: ec.x },
      {},
    ]) {
      expectCode(() => parsePublicJwk(other), "MALFORMED", "ALG_FORBIDDEN");
    }
    expectCode(() => parsePublicJwk({ kty: "oct", k: "AA" }), "MALFORMED", "HEADER_FORBIDDEN");
  });

  it("a point of secp256k1 is an Ethereum key; one of P-256 is not taken for it, nor the other way round", () => {
    const exported = generateKeyPairSync("ec", { namedCurve: "secp256k1" }).publicKey.export({ format: "jwk" });
    const ethereum = { crv: "secp256k1", kty: "EC", x: exported.x as string, y: exported.y as string };
    expect(parsePublicJwk(ethereum)).to.deep.equal(ethereum);
    expect(algorithmOf(ethereum as PublicJwk)).to.equal("EIP712");
    expectCode(() => parsePublicJwk({ ...ec, crv: "secp256k1" }), "MALFORMED", "KEY_WEAK");
    expectCode(() => parsePublicJwk({ ...ethereum, crv: "P-256" }), "MALFORMED", "KEY_WEAK");
    expectCode(() => parsePublicJwk({ ...ethereum, x: toBase64url(new Uint8Array(31)) }), "MALFORMED", "KEY_WEAK");
    for (const member of ["x", "y"]) refusesHostile((value) => parsePublicJwk({ ...ethereum, [member]: value }));
  });

  it("hostile values are refused with a code, whole and as members", () => {
    refusesHostile(parsePublicJwk);
    for (const member of ["crv", "kty", "x"]) {
      refusesHostile((value) => parsePublicJwk({ ...ed25519("a").jwk, [member]: value }));
    }
    for (const member of ["x", "y"]) refusesHostile((value) => parsePublicJwk({ ...ec, [member]: value }));
  });

  it("the proof of possession names network, party and key", () => {
    const jwk = ed25519("a").jwk;
    expect(Buffer.from(possessionInput("quanji.example/szx", "91440300MAQJ0001XF", jwk)).toString()).to.equal(
      `["quanji-possession","quanji.example/szx","91440300MAQJ0001XF","${thumbprint(jwk)}"]`,
    );
  });
});
