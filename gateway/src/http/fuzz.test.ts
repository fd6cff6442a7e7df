/** Whatever is sent is answered with a code of ours: never a 5xx, never silence, and the process lives. */
import { randomUUID } from "node:crypto";
import { CODES, COMMANDS, isCode, type Verb } from "@quanji/chaincode/domain";
import { type JsonObject, toBase64url, utf8 } from "@quanji/chaincode/log";
import { expect } from "chai";
import fc from "fast-check";
import { expressPath, methodOf, ROUTES } from "./routes.js";
import { Harness, NET, PUBLIC_URL } from "./testing/harness.js";
import type { Reply } from "./testing/request.js";

const RUNS = { numRuns: 150 };
const JOSE = "application/jose+json";

const paths = ROUTES.filter((route) => methodOf(route) === "post").map((route) =>
  expressPath(route).replace(":prefix", "res").replaceAll(/:\w+/g, "x"),
);
const verbs = (Object.keys(COMMANDS) as Verb[]).filter((verb) => verb !== "network.init");

/** Members that commands have, with values of every kind: close enough to pass some checks and fail others. */
const member = fc.constantFrom(
  ...new Set(
    verbs.flatMap((verb) => Object.keys((COMMANDS[verb].schema as unknown as { readonly shape: object }).shape)),
  ),
);
const scalar = fc.oneof(
  fc.constantFrom(NET, "res/weather", "11510100MBQJ006115", "", "__proto__", "constructor", `${NET}/gw/0`),
  fc.string({ unit: "grapheme" }),
  fc.nat(),
  fc.boolean(),
  fc.constantFrom(0, 1, Number.MAX_SAFE_INTEGER),
  fc.uuid({ version: 4 }),
);
const value = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    scalar,
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(member, tie("value"), { maxKeys: 5 }),
  ),
})).value;
const payload = fc.dictionary(member, value, { maxKeys: 12 });

const JSONS = fc.oneof(
  fc.json(),
  fc.string(),
  fc.constantFrom("null", "[]", "{}", '{"a":1e400}', '{"a":"\\ud800"}', '{"payload":"","protected":"","signature":""}'),
  fc
    .record({ payload: fc.base64String(), protected: fc.base64String(), signature: fc.base64String() })
    .map((jws) => JSON.stringify(jws)),
);

describe("http: hostile input", () => {
  let gateway: Harness;
  before(async () => {
    gateway = await Harness.open();
  });
  after(() => gateway.close());

  const expectCoded = (reply: Reply): void => {
    const code = reply.code();
    expect(reply.status, `${reply.status} ${reply.text.slice(0, 200)}`).to.be.within(400, 499);
    expect(code !== undefined && isCode(code) && CODES[code].status).to.equal(reply.status);
  };

  it("any bytes to any route: refused with a code, unsigned, because no command could be read", async () => {
    const body = fc.oneof(JSONS, fc.uint8Array({ maxLength: 2_000 }));
    const type = fc.constantFrom(JOSE, "application/vnd.quanji.command+json", "application/json", "text/plain", "");
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...paths), type, body, async (path, contentType, bytes) => {
        const reply = await gateway.send({
          method: "POST",
          path,
          headers: { "content-type": contentType },
          body: bytes,
        });
        expectCoded(reply);
        expect(reply.headers["content-type"]).to.equal("application/problem+json");
      }),
      RUNS,
    );
  });

  it("any method, path and query: refused or answered, never a fault", async () => {
    const segment = fc.oneof(
      fc.webSegment(),
      fc.constantFrom("..", "%00", "%2F", "%E0%A4%A", "__proto__", "v1", "docs"),
    );
    const path = fc
      .tuple(fc.array(segment, { maxLength: 5 }), fc.webQueryParameters())
      .map(([segments, query]) => `/${segments.join("/")}${query === "" ? "" : `?${query}`}`);
    await fc.assert(
      fc.asyncProperty(fc.constantFrom("GET", "POST", "PUT", "HEAD"), path, async (method, target) => {
        const reply = await gateway.send({ method, path: target });
        expect(reply.status, `${method} ${target}`).to.be.lessThan(500);
      }),
      RUNS,
    );
  });

  it("correctly signed headers around any payload bytes: refused with a signed code", async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...verbs), JSONS, async (verb, text) => {
        const urlPath = verb === "access" ? "/v1/access" : `/v1/commands/${verb}`;
        expectCoded(await gateway.post(urlPath, { jws: await signRaw(verb, urlPath, text) }));
      }),
      RUNS,
    );
  });

  it("correctly signed commands with hostile payloads: refused with a code of the command, never a fault", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...verbs),
        payload,
        fc.constantFrom("regulator", "bureau"),
        async (verb, content, by) => {
          const urlPath = verb === "access" ? "/v1/access" : `/v1/commands/${verb}`;
          let signed;
          try {
            signed = await gateway.sign(by, verb, urlPath, { ...(content as JsonObject), net: NET });
          } catch {
            return; // not canonical, so nobody can sign it with this client; raw bytes are tried above
          }
          expectCoded(await gateway.post(urlPath, signed));
        },
      ),
      RUNS,
    );
  });

  it("correctly signed reads with hostile queries: answered or refused, never a fault", async () => {
    const reads = ROUTES.filter((route) => route.kind === "read").map((route) =>
      expressPath(route).replace(":prefix", "res").replaceAll(/:\w+/g, "x"),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...reads), fc.webQueryParameters(), async (path, query) => {
        const reply = await gateway.read("bureau", query === "" ? path : `${path}?${query}`);
        expect(reply.status, `${path}?${query} ${reply.text.slice(0, 100)}`).to.be.lessThan(500);
      }),
      RUNS,
    );
  });

  const signRaw = async (verb: Verb, urlPath: string, text: string) => {
    const { bureau } = gateway.signers;
    const header = {
      alg: bureau.alg,
      iat: Math.floor(Date.now() / 1000),
      jti: randomUUID(),
      kid: bureau.kid,
      typ: `quanji-${verb}+jws`,
      url: PUBLIC_URL + urlPath,
    };
    const protectedText = toBase64url(utf8(JSON.stringify(header)));
    const payloadText = toBase64url(utf8(text));
    const signature = toBase64url(await bureau.sign(utf8(`${protectedText}.${payloadText}`)));
    return { payload: payloadText, protected: protectedText, signature };
  };
});
