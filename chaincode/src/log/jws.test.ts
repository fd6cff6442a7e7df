import { expect } from "chai";
import fc from "fast-check";
import { fromBase64url, toBase64url, utf8 } from "./bytes.js";
import { canonical } from "./canonical.js";
import { hashText, sha256 } from "./hash.js";
import {
  type CommandHeader,
  type FlattenedJws,
  parseAnswerJws,
  parseCommandJws,
  parseFlattened,
  partyOf,
  requestHashOf,
  requestOfJws,
  thumbprintOf,
  typOf,
  verbOf,
} from "./jws.js";
import { thumbprint } from "./keys.js";
import { signJws } from "./sign.js";
import { ed25519, expectCode, expectCodeAsync, refusesHostile, verifyByNode } from "./support.test.js";

const key = ed25519("jws");
const header: CommandHeader = {
  alg: "EdDSA",
  iat: 1763624161,
  jti: "019360c2-8000-7000-8000-000000000001",
  kid: `91440300MAQJ0001XF#${thumbprint(key.jwk)}`,
  typ: "quanji-grant.revoke+jws",
  url: "https://gw.transport.example/v1/commands",
};
const payload = { grant: "019360c2", net: "quanji.example/szx" };
const jws = await signJws(header, payload, key.sign);
const encode = (value: unknown) => toBase64url(utf8(typeof value === "string" ? value : JSON.stringify(value)));
const withHeader = (value: unknown): FlattenedJws => ({ ...jws, protected: encode(value) });
const sorted = (more: Record<string, unknown>) =>
  Object.fromEntries(Object.entries({ ...header, ...more }).sort(([a], [b]) => (a < b ? -1 : 1)));

describe("log/jws", () => {
  it("parses what it signed, and the signature verifies over the signing input", async () => {
    const parsed = parseCommandJws(JSON.parse(JSON.stringify(jws)));
    expect(parsed.header).to.deep.equal(header);
    expect(parsed.payload).to.deep.equal(payload);
    expect(Buffer.from(parsed.signingInput).toString()).to.equal(`${jws.protected}.${jws.payload}`);
    expect(await verifyByNode(key.jwk, parsed.signingInput, parsed.signature)).to.be.true;
    expect(parsed.request).to.equal(hashText(sha256(parsed.signingInput)));
    expect(requestOfJws(jws)).to.equal(parsed.request);
    expect(hashText(requestHashOf(jws))).to.equal(parsed.request);
  });

  it("PROPERTY a header is the same whichever was parsed before it", () => {
    const outcome = (text: string): unknown => {
      try {
        return parseCommandJws(withHeader(text)).header;
      } catch (error) {
        return (error as { readonly detail?: string }).detail;
      }
    };
    const own = canonical(header);
    const other = canonical({ ...header, kid: `urn:other:party#${thumbprint(key.jwk)}` });
    const edit = fc.record({
      at: fc.nat(),
      cut: fc.nat(4),
      put: fc.constantFrom(
        "",
        "0",
        "00",
        "1e2",
        "-",
        "9".repeat(16),
        "a",
        '"',
        "\\",
        " ",
        ",",
        "}",
        '"b":1,',
        "ES256",
        "{",
      ),
    });
    fc.assert(
      fc.property(fc.constantFrom(own, other), fc.array(edit, { maxLength: 2 }), (text, edits) => {
        let changed = text;
        for (const { at, cut, put } of edits) {
          const place = at % changed.length;
          changed = changed.slice(0, place) + put + changed.slice(place + cut);
        }
        const [afterOwn, afterOther] = [own, other].map((before) => {
          outcome(before);
          return outcome(changed);
        });
        expect(afterOwn, changed).to.deep.equal(afterOther);
      }),
      { numRuns: 3000 },
    );
    for (const text of [own, other, own.replace("EdDSA", "ES256"), own.replace("1763624161", "0")]) {
      outcome(own);
      expect(outcome(text)).to.deep.equal(JSON.parse(text));
    }
  });

  it("the identity of a command does not depend on its signature, which is malleable", async () => {
    const again = await signJws(header, payload, () => new Uint8Array(64));
    expect(again.signature).not.to.equal(jws.signature);
    expect(parseCommandJws(again).request).to.equal(parseCommandJws(jws).request);
  });

  it("an answer has another header; neither passes for the other", async () => {
    const { alg, kid } = header;
    const answer = await signJws({ alg, kid, typ: "quanji-receipt+jws" }, payload, key.sign);
    expect(parseAnswerJws(answer).header.typ).to.equal("quanji-receipt+jws");
    expectCode(() => parseCommandJws(answer), "MALFORMED", "HEADER_FORBIDDEN");
    expectCode(() => parseAnswerJws(jws), "MALFORMED", "HEADER_FORBIDDEN");
  });

  const attacks: readonly (readonly [attack: string, jws: unknown, detail: string])[] = [
    ["53 alg none", withHeader({ ...header, alg: "none" }), "ALG_FORBIDDEN"],
    ["53 alg HS256", withHeader({ ...header, alg: "HS256" }), "ALG_FORBIDDEN"],
    ["53 alg RS256", withHeader({ ...header, alg: "RS256" }), "ALG_FORBIDDEN"],
    ["53 alg in other letters", withHeader({ ...header, alg: "eddsa" }), "ALG_FORBIDDEN"],
    ["53 alg a list", withHeader({ ...header, alg: ["EdDSA"] }), "ALG_FORBIDDEN"],
    ["54 an unprotected header", { ...jws, header: { kid: header.kid } }, "JWS_SHAPE"],
    ["54 an empty unprotected header", { ...jws, header: {} }, "JWS_SHAPE"],
    ["54 an extra member", { ...jws, extra: "" }, "JWS_SHAPE"],
    ["54 general serialisation", { payload: jws.payload, signatures: [jws] }, "JWS_SHAPE"],
    ["54 compact serialisation", `${jws.protected}.${jws.payload}.${jws.signature}`, "JWS_SHAPE"],
    ["54 payload as an object", { ...jws, payload }, "JWS_SHAPE"],
    ["54 no signature", { payload: jws.payload, protected: jws.protected }, "JWS_SHAPE"],
    ["54 a list", [jws], "JWS_SHAPE"],
    ["55 duplicate kid", withHeader(canonical(header).replace('"kid":', '"kid":"mallory#x","kid":')), "NOT_CANONICAL"],
    ["55 duplicate alg", withHeader(canonical(header).replace('"alg":', '"alg":"none","alg":')), "NOT_CANONICAL"],
    ["header with white space", withHeader(canonical(header).replace(":", ": ")), "NOT_CANONICAL"],
    ["header in other order", withHeader(Object.fromEntries(Object.entries(header).reverse())), "NOT_CANONICAL"],
    ["header an array", withHeader([header]), "NOT_CANONICAL"],
    ["header no JSON", withHeader("x"), "NOT_CANONICAL"],
    ["56 crit", withHeader(sorted({ crit: ["b64"] })), "HEADER_FORBIDDEN"],
    ["56 b64 false without crit", withHeader(sorted({ b64: false })), "HEADER_FORBIDDEN"],
    ["56 jwk", withHeader(sorted({ jwk: key.jwk })), "HEADER_FORBIDDEN"],
    ["56 jku", withHeader(sorted({ jku: "https://mallory.example/jwks" })), "HEADER_FORBIDDEN"],
    ["56 x5c", withHeader(sorted({ x5c: ["MII"] })), "HEADER_FORBIDDEN"],
    ["56 x5u", withHeader(sorted({ x5u: "https://mallory.example" })), "HEADER_FORBIDDEN"],
    ["a header without url", withHeader((({ url: _, ...rest }) => rest)(header)), "HEADER_FORBIDDEN"],
    [
      "a header with cty in place of typ",
      withHeader(
        (({ typ, ...rest }) => ({
          alg: rest.alg,
          cty: typ,
          iat: rest.iat,
          jti: rest.jti,
          kid: rest.kid,
          url: rest.url,
        }))(header),
      ),
      "HEADER_FORBIDDEN",
    ],
    ["signature padded", { ...jws, signature: `${jws.signature}==` }, "BASE64_INVALID"],
    ["signature with a space", { ...jws, signature: ` ${jws.signature}` }, "BASE64_INVALID"],
    ["signature with non-zero tail bits", { ...jws, signature: `${jws.signature.slice(0, -1)}B` }, "BASE64_INVALID"],
    ["signature in the other alphabet", { ...jws, signature: `+/${jws.signature.slice(2)}` }, "BASE64_INVALID"],
    ["protected padded", { ...jws, protected: `${jws.protected}=` }, "BASE64_INVALID"],
    ["payload with a line feed", { ...jws, payload: `${jws.payload}\n` }, "BASE64_INVALID"],
    ["signature empty", { ...jws, signature: "" }, "JWS_SHAPE"],
    ["signature of 63 bytes", { ...jws, signature: toBase64url(new Uint8Array(63)) }, "JWS_SHAPE"],
    ["signature in DER", { ...jws, signature: toBase64url(new Uint8Array(71)) }, "JWS_SHAPE"],
    ["signature of 10 kB", { ...jws, signature: "A".repeat(10_000) }, "LIMIT_EXCEEDED"],
    ["payload of 32 kB", { ...jws, payload: encode({ a: "x".repeat(32_000) }) }, "LIMIT_EXCEEDED"],
    ["payload just above 16 KiB", { ...jws, payload: encode({ a: "x".repeat(16_400) }) }, "LIMIT_EXCEEDED"],
    ["header of 32 kB", withHeader({ ...header, url: "x".repeat(32_000) }), "LIMIT_EXCEEDED"],
    ["payload of depth 10⁵", { ...jws, payload: encode("[".repeat(10_000)) }, "LIMIT_EXCEEDED"],
    ["payload not canonical", { ...jws, payload: encode('{"v":1,"v":2}') }, "NOT_CANONICAL"],
    ["payload 1e400", { ...jws, payload: encode('{"v":1e400}') }, "NUMBER_FORBIDDEN"],
    ["payload with __proto__", { ...jws, payload: encode('{"__proto__":{}}') }, "FIELD_UNKNOWN"],
    ["payload empty (unencoded or detached)", { ...jws, payload: "" }, "NOT_CANONICAL"],
    ["kid with two #", withHeader({ ...header, kid: `a#b#${thumbprint(key.jwk)}` }), "JWS_SHAPE"],
    ["kid without #", withHeader({ ...header, kid: thumbprint(key.jwk) }), "JWS_SHAPE"],
    ["kid with ../", withHeader({ ...header, kid: `../a#${thumbprint(key.jwk)}` }), "JWS_SHAPE"],
    ["kid __proto__", withHeader({ ...header, kid: `__proto__#${thumbprint(key.jwk)}` }), "JWS_SHAPE"],
    ["kid of 10 kB", withHeader({ ...header, kid: `${"a".repeat(10_000)}#${thumbprint(key.jwk)}` }), "JWS_SHAPE"],
    ["kid whose thumbprint has tail bits", withHeader({ ...header, kid: `a#${"A".repeat(42)}B` }), "JWS_SHAPE"],
    ["iat a string", withHeader({ ...header, iat: "1763624161" }), "JWS_SHAPE"],
    ["iat with a fraction", withHeader({ ...header, iat: 1763624161.5 }), "NUMBER_FORBIDDEN"],
    ["jti no UUID", withHeader({ ...header, jti: "1" }), "JWS_SHAPE"],
    ["jti in capitals", withHeader({ ...header, jti: header.jti.toUpperCase() }), "JWS_SHAPE"],
    ["jti a UUID of version 1", withHeader({ ...header, jti: "019360c2-8000-1000-8000-000000000001" }), "JWS_SHAPE"],
    ["url too long", withHeader({ ...header, url: "x".repeat(2049) }), "JWS_SHAPE"],
    ["url a number", withHeader({ ...header, url: 1 }), "JWS_SHAPE"],
    ["typ JWT", withHeader({ ...header, typ: "JWT" }), "TYP_MISMATCH"],
    ["typ with a line feed", withHeader({ ...header, typ: "quanji-access+jws\n" }), "TYP_MISMATCH"],
  ];
  for (const [attack, input, detail] of attacks) {
    it(`${attack} → ${detail}`, () => expectCode(() => parseCommandJws(input), "MALFORMED", detail));
  }

  it("each member of a hostile object is read once", () => {
    let reads = 0;
    const shifting = {
      ...jws,
      get payload() {
        return reads++ === 0 ? jws.payload : encode({ grant: "another" });
      },
    };
    const parsed = parseCommandJws(shifting);
    expect(reads).to.equal(1);
    expect(parsed.payload).to.deep.equal(payload);
    expect(parsed.jws.payload).to.equal(jws.payload);
  });

  it("hostile values are refused with a code, whole and in every place", () => {
    refusesHostile(parseFlattened);
    refusesHostile(parseAnswerJws);
    refusesHostile(parseCommandJws);
    for (const member of ["payload", "protected", "signature"]) {
      refusesHostile((value) => parseCommandJws({ ...jws, [member]: value }));
    }
  });

  it("one bit of a JWS changed is refused or is another command", () => {
    fc.assert(
      fc.property(fc.constantFrom("payload", "protected"), fc.nat(), fc.nat(7), (member, at, bit) => {
        const bytes = fromBase64url(jws[member]);
        const i = at % bytes.length;
        bytes[i] = bytes[i]! ^ (1 << bit);
        try {
          const parsed = parseCommandJws({ ...jws, [member]: toBase64url(bytes) });
          expect(parsed.request).not.to.equal(requestOfJws(jws));
        } catch (error) {
          expect(error).to.have.property("code", "MALFORMED");
        }
      }),
      { numRuns: 1000 },
    );
  });

  it("does not sign what it would not parse", async () => {
    await expectCodeAsync(signJws(header, { a: null }, key.sign), "MALFORMED", "NOT_CANONICAL");
    await expectCodeAsync(
      signJws(header, payload, () => new Uint8Array(70)),
      "MALFORMED",
      "JWS_SHAPE",
    );
  });

  it("takes headers apart", () => {
    expect(verbOf(header.typ)).to.equal("grant.revoke");
    expect(typOf("grant.revoke")).to.equal(header.typ);
    expect(partyOf(header.kid)).to.equal("91440300MAQJ0001XF");
    expect(thumbprintOf(header.kid)).to.equal(thumbprint(key.jwk));
  });
});
