import { expect } from "chai";
import fc from "fast-check";
import { canonical, type Json, type JsonObject } from "./canonical.js";
import type { CommandHeader } from "./jws.js";
import { ethereumKeyOf, lowerS, recoverKey, signTyped, verifyTyped } from "./secp256k1.js";
import { signJws } from "./sign.js";
import { expectCode, expectCodeAsync } from "./support.test.js";
import { contentLines, typedBytes, typedCommand } from "./typed-data.js";

const header: CommandHeader = {
  alg: "EIP712",
  iat: 1763624161,
  jti: "019360c2-8000-7000-8000-000000000001",
  kid: "91440300MAQJ0001XF#AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
  typ: "quanji-grant.offer+jws",
  url: "https://gw.transport.example/v1/commands/grant.offer",
};

const name = fc.stringMatching(/^[a-z][A-Za-z0-9.]{0,3}$/);
const { value } = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom<Json>("", "/", ": ", '"', "a/b: 1", "\n", "权", 0, 7, true, false, [], {}),
    fc.string({ maxLength: 4 }),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(name, tie("value"), { maxKeys: 3, noNullPrototype: true }),
  ),
}));
const payloads = fc.dictionary(name, value, { maxKeys: 4, noNullPrototype: true }) as fc.Arbitrary<JsonObject>;

/** What the lines say, read as a person would. */
function readLines(lines: readonly string[]): Json {
  const root: Record<string, unknown> = {};
  for (const line of lines) {
    const colon = line.indexOf(": ");
    const path = line.slice(0, colon).split("/");
    let place = root;
    for (const part of path.slice(0, -1)) place = (place[part] ??= {}) as Record<string, unknown>;
    place[path.at(-1) ?? ""] = JSON.parse(line.slice(colon + 2)) as unknown;
  }
  const listed = (node: unknown): unknown => {
    if (typeof node !== "object" || node === null || Array.isArray(node)) return node;
    const names = Object.keys(node);
    const inner = Object.entries(node).map(([key, item]) => [key, listed(item)] as const);
    const isList = names.length > 0 && names.every((key) => /^[0-9]+$/.test(key));
    return isList ? inner.map(([, item]) => item) : Object.fromEntries(inner);
  };
  return listed(root) as Json;
}

describe("typed data", () => {
  it("shows a payload line by line, in canonical order", () => {
    const payload = {
      terms: { purposes: ["credit.review", "audit"], quota: { n: 100, per: "day" }, fields: [], window: {} },
      net: "quanji.example/szx",
      depth: 0,
    };
    expect(contentLines(payload)).to.deep.equal([
      "depth: 0",
      'net: "quanji.example/szx"',
      "terms/fields: []",
      'terms/purposes/0: "credit.review"',
      'terms/purposes/1: "audit"',
      "terms/quota/n: 100",
      'terms/quota/per: "day"',
      "terms/window: {}",
    ]);
  });

  it("no two payloads show the same lines: the payload can be read back from them", () => {
    fc.assert(
      fc.property(payloads, (payload) => {
        expect(canonical(readLines(contentLines(payload)))).to.equal(canonical(payload));
      }),
      { numRuns: 2000 },
    );
  });

  it("names of members may hold dots, which separate nothing", () => {
    expect(contentLines({ a: { b: 1 } })).to.not.deep.equal(contentLines({ "a.b": 1 }));
    expect(contentLines({ a: { "0": 1 } })).to.deep.equal(contentLines({ a: [1] })); // no name begins with a digit
  });

  it("a payload that names no network has no domain to be signed in", () => {
    for (const net of [undefined, 7, {}, ["quanji.example/szx"]]) {
      expectCode(() => typedCommand(header, { ...(net !== undefined && { net }) }), "MALFORMED", "JWS_SHAPE");
    }
  });

  it("signs nothing but commands of persons", async () => {
    const sign = (): Uint8Array => new Uint8Array(64);
    const payload = { net: "quanji.example/szx" };
    const { alg, kid } = header;
    const answer = signJws({ alg, kid, typ: "quanji-answer+jws" }, payload, sign);
    await expectCodeAsync(answer, "MALFORMED", "ALG_FORBIDDEN");
    for (const verb of ["access", "tally.sign", "boundary.publish"]) {
      const command = signJws({ ...header, typ: `quanji-${verb}+jws` }, payload, sign);
      await expectCodeAsync(command, "MALFORMED", "ALG_FORBIDDEN");
    }
  });

  it("a signature is of one key, one text, and the lower s", () => {
    const data = typedBytes(typedCommand(header, { net: "quanji.example/szx" }));
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.nat(65),
        fc.integer({ min: 1, max: 255 }),
        (secret, at, flip) => {
          fc.pre(secret.some((byte) => byte !== 0) && (secret[0] ?? 0) < 255);
          const jwk = ethereumKeyOf(secret);
          const signature = signTyped(data, secret);
          const changed = data.map((byte, i) => (i === at ? byte ^ flip : byte));
          expect(verifyTyped(jwk, data, signature)).to.equal(true);
          expect(verifyTyped(jwk, changed, signature)).to.equal(false);
          expect(lowerS(signature)).to.deep.equal({ signature, flipped: false });
          const recovered = [0, 1].map((bit) => recoverKey(data, signature, bit)?.x);
          expect(recovered).to.include(jwk.x);
        },
      ),
      { numRuns: 20 },
    );
  });
});
