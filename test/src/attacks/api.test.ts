/** PROTOCOL §4.2 on a whole gateway: what the tests of the HTTP edge alone cannot show. Numbers are those of that list. */
import { CODES, COMMANDS, isCode, parsePayload, stopDigest, type Terms, type Verb } from "@quanji/chaincode/domain";
import { canonical, type JsonObject, toBase64url, typOf, utf8 } from "@quanji/chaincode/log";
import { generateKey, openSigner } from "@quanji/client";
import type { Reply } from "@quanji/gateway/testing";
import { expect } from "chai";
import fc from "fast-check";
import { accessRecord, batchOf } from "../support/batch.js";
import { type LocalHost, LOG, NET, PUBLIC_URL } from "../support/host.js";
import { IDS, type Name, newId, RESOURCE, Stage, TERMS } from "../support/stage.js";
import { refused, refusedBy } from "../support/until.js";
import { HOSTILE_TEXTS, HOSTILE_VALUES, TARGET, TEMPLATES } from "./payloads.js";

const RUNS_A_VERB = 60;
const NO_LIMITS = { partyPerSecond: 1_000_000, partyBurst: 1_000_000 };

describe("attacks on the API of a whole gateway", () => {
  let stage: Stage<LocalHost>;
  let grant: string;

  before(async () => {
    stage = await Stage.open({ config: { limits: NO_LIMITS } });
    grant = await stage.granted("insurer", {}, { depth: 1 });
  });
  after(() => stage.close());

  it("8 a key that was rotated out: whatever it signed is decided by the order of commits", async () => {
    const old = stage.signers.adjuster;
    const next = await openSigner({ jwk: await generateKey("EdDSA"), party: IDS.adjuster });
    const mine = await stage.granted("adjuster");
    const [before, after] = [await stage.signAccess("adjuster", mine), await stage.signAccess("adjuster", mine)];
    expect((await stage.post("/v1/access", before)).status).to.equal(200);
    const adjuster = await stage.client("adjuster");
    await adjuster.parties.rotateKey(next, { retire: old.kid.slice(old.kid.indexOf("#") + 1) });
    // Signed in the same second as the one before, and later in the log than the rotation.
    const reply = await stage.post("/v1/access", after);
    expect(reply.code()).to.equal("KEY_INVALID");
    expect(reply.payload()?.body).to.include({ rule: "KEY_INVALID" });
    expect(await adjuster.receipt(before.request).catch((error: unknown) => error)).to.have.property("code");
  });

  it("14 a quota of one, asked for twice in one batch: one permit", async () => {
    const once = await stage.granted("insurer", { quota: { unit: "call", n: 1, per: "window" } });
    const outcomes = await Promise.all(Array.from({ length: 12 }, () => stage.use("insurer", stage.access(once))));
    const permits = outcomes.filter(({ outcome }) => outcome === "permit");
    expect(permits).to.have.length(1);
    expect(new Set(outcomes.map(({ outcome }) => outcome))).to.deep.equal(new Set(["permit", "QUOTA_EXCEEDED"]));
    // At least two of them stood in one block, so that it was the batch and not the state that counted.
    expect(new Set(outcomes.map(({ at }) => at?.[0])).size).to.be.lessThan(outcomes.length);
  });

  describe("15 grants that nobody could give", () => {
    const wider: Readonly<Record<string, Partial<Terms>>> = {
      "another purpose": { purposes: ["marketing"] },
      "one purpose more": { purposes: ["risk.assessment", "marketing"] },
      "a longer window": { window: { from: TERMS.window.from, until: "2100-01-01T00:00:00.000Z" } },
      "another place": { jurisdictions: ["CN", "DE"] },
      "another environment": { environments: ["api", "sandbox"] },
      "an action more": { actions: ["query", "subgrant", "export"] },
    };
    for (const [name, change] of Object.entries(wider)) {
      it(`a sub-grant wider than its parent: ${name}`, async () => {
        const { grants } = await stage.client("insurer");
        const terms: Terms = { ...TERMS, ...change };
        await refused(grants.derive(grant, { grantee: IDS.stranger, terms }), "EXCEEDS_PARENT");
      });
    }

    it("a sub-grant deeper than its parent allows", async () => {
      const { grants } = await stage.client("insurer");
      await refused(grants.derive(grant, { grantee: IDS.stranger, depth: 1, terms: TERMS }), "EXCEEDS_PARENT");
    });

    it("parents that go round in a circle, or are somebody else's", async () => {
      const id = newId();
      const base = { resource: `${RESOURCE}@1`, depth: 0, logs: [LOG], terms: TERMS as unknown as JsonObject };
      const insurer = await stage.client("insurer");
      for (const ancestors of [[id], [grant, id], [grant, grant], [newId()]]) {
        const derive = insurer.send("grant.derive", { ...base, grant: id, grantee: IDS.stranger, ancestors });
        const error = await derive.then(
          () => undefined,
          (thrown: unknown) => thrown as { readonly code: string },
        );
        expect([
          "MALFORMED",
          "NOT_FOUND",
          "LINEAGE_UNGRANTED",
          "EXCEEDS_PARENT",
          "STATE_CONFLICT",
          "RIGHT_MISSING",
        ]).to.include(error?.code);
      }
      const other = await stage.client("stranger");
      const stolen = { ...base, grant: newId(), grantee: IDS.bureau, ancestors: [grant] };
      const error = await other.send("grant.derive", stolen).catch((thrown: unknown) => thrown);
      expect(["ROLE_REQUIRED", "NOT_FOUND", "NOT_GRANTEE", "RIGHT_MISSING"]).to.include(
        (error as { readonly code: string }).code,
      );
    });

    const route = (change: JsonObject): JsonObject => ({
      grant: newId(),
      resource: `${RESOURCE}@1`,
      grantor: IDS.bureau,
      right: "holding",
      depth: 0,
      logs: [LOG],
      terms: TERMS as unknown as JsonObject,
      route: [[IDS.bureau]],
      ...change,
    });

    it("approval by the grantee: as a step, and without one", async () => {
      const insurer = await stage.client("insurer");
      const own = insurer.send("grant.request", route({ route: [[IDS.bureau], [IDS.insurer]] }));
      await refused(own, "MALFORMED"); // the route is the resource's, not the applicant's to choose
      const asked = insurer.newId();
      await insurer.send("grant.request", route({ grant: asked }));
      await refused(insurer.grants.approve(asked), "ROLE_REQUIRED");
      await refused((await stage.client("stranger")).grants.approve(asked), "ROLE_REQUIRED");
    });

    it("a grant to oneself, of what one does not hold, or under an id that is taken", async () => {
      const insurer = await stage.client("insurer");
      await refused((await stage.client("bureau")).send("grant.request", route({})), "CONFLICT_OF_INTEREST");
      await refused(
        insurer.send("grant.request", route({ grantor: IDS.stranger, route: [[IDS.stranger]] })),
        "RIGHT_MISSING",
      );
      await refused(insurer.send("grant.request", route({ grant })), "STATE_CONFLICT");
    });
  });

  it("17 the gateway's organisation writes into no other log, nor another into this one", async () => {
    const record = accessRecord(await stage.signAccess("insurer", grant), stage.host.clock());
    const { ledger } = stage.host;
    const foreign = await batchOf(ledger, [record], { log: `${NET}/other/0` });
    expect(await refusedBy(ledger.submit(foreign))).to.equal("NOT_FOUND");
    const own = await batchOf(ledger, [record]);
    expect(await refusedBy((await stage.host.as("RegulatorMSP")).submit(own))).to.equal("ROLE_REQUIRED");
  });

  it("9 what one may not see is answered like what is not there, whatever kind of thing it is", async () => {
    const { request = "" } = await stage.use("insurer", stage.access(grant));
    const read = async (path: string): Promise<unknown> =>
      (await stage.post(path, await stage.sign("stranger", "read", path, {}))).payload()?.body;
    const nothing = await read(`/v1/grants/${newId()}`);
    for (const path of [
      `/v1/grants/${grant}`,
      `/v1/receipts/${request}`,
      `/v1/trails/grant/${grant}`,
      `/v1/trails/party/${IDS.insurer}`,
      `/v1/trails/resource/${RESOURCE}`,
    ]) {
      expect(await read(path), path).to.deep.equal(nothing);
    }
  });

  describe("fuzz: correctly signed, and hostile", () => {
    before(() => stage.register(TARGET, { class: "fuzz.target" }));

    /** Any text as payload, under a good signature. */
    const forge = async (by: Name, verb: Verb | "read", urlPath: string, payload: string): Promise<Reply> => {
      const { alg, kid, sign } = stage.signers[by];
      const iat = Math.floor(stage.host.clock() / 1000);
      const header = canonical({ alg, iat, jti: newId(), kid, typ: typOf(verb), url: PUBLIC_URL + urlPath });
      const [head, body] = [toBase64url(utf8(header)), toBase64url(Buffer.from(payload))];
      const signature = toBase64url(await sign(utf8(`${head}.${body}`)));
      return stage.post(urlPath, { jws: { payload: body, protected: head, signature } });
    };

    /** Never a fault of the gateway, always a code of the table with the status that the table gives it. */
    const assertAnswered = (reply: Reply, what: string): void => {
      const code = reply.code() ?? "";
      if (reply.status === 200) return;
      expect(isCode(code), `${what}: ${reply.status} ${reply.text}`).to.equal(true);
      expect(reply.status, `${what}: ${reply.text}`).to.equal(CODES[code as keyof typeof CODES].status);
      expect(["INTERNAL", "NOT_RECORDED", "STOP_PENDING", "HEAD_MOVED"], what).not.to.include(code);
      expect(reply.status, `${what}: ${reply.text}`).to.be.lessThan(500);
      expect(reply.text).not.to.match(/node:internal|\.ts:|\.js:|TypeError|RangeError/);
    };

    it("starts from payloads that are right", () => {
      for (const verb of Object.keys(COMMANDS) as Verb[]) {
        const template = { net: NET, ...TEMPLATES[verb]({ grant, target: stopDigest(grant), id: newId() }) };
        expect(() => parsePayload(verb, template), verb).not.to.throw();
      }
    });

    for (const verb of Object.keys(COMMANDS) as Verb[]) {
      it(`${verb}: a member replaced, added or taken away is answered with a code`, async () => {
        const urlPath = verb === "access" ? "/v1/access" : `/v1/commands/${verb}`;
        const template = { net: NET, ...TEMPLATES[verb]({ grant, target: stopDigest(grant), id: newId() }) };
        await fc.assert(
          fc.asyncProperty(
            mutated(template),
            fc.constantFrom("insurer", "bureau", "stranger" as const),
            async (payload, by) => {
              assertAnswered(await forge(by, verb, urlPath, payload), `${verb} ${payload}`);
            },
          ),
          { numRuns: RUNS_A_VERB },
        );
      });
    }

    it("reads: any payload, any path, any query", async () => {
      const segment = fc
        .oneof(fc.constantFrom(...HOSTILE_TEXTS), fc.string({ maxLength: 20 }))
        .map((text) => encodeURIComponent(text.toWellFormed()));
      const paths = fc.tuple(
        fc.constantFrom(
          "/v1/parties",
          "/v1/grants",
          "/v1/resources",
          "/v1/receipts",
          "/v1/commands",
          "/v1/seq",
          "/v1/trails/grant",
          "/v1/trails/party",
          "/v1/trails/resource",
        ),
        fc.option(segment),
        fc.option(fc.tuple(fc.constantFrom("limit", "cursor", "log", "from", "to", "x"), segment)),
      );
      const payload = fc.oneof(fc.constant(canonical({ net: NET })), mutated({ net: NET, atLeast: { block: 1 } }));
      await fc.assert(
        fc.asyncProperty(paths, payload, async ([base, one, query], text) => {
          const urlPath = base + (one === null ? "" : `/${one}`) + (query === null ? "" : `?${query.join("=")}`);
          const reply = await forge("insurer", "read", urlPath, text);
          // A read model cannot be waited for for ever: BEHIND is the answer then, and the only 503.
          if (reply.code() !== "BEHIND") assertAnswered(reply, `${urlPath} ${text}`);
        }),
        { numRuns: 150 },
      );
    });

    it("bodies that are no commands at all", async () => {
      const body = fc.oneof(
        fc.json(),
        fc.string(),
        fc
          .record({ payload: fc.string(), protected: fc.string(), signature: fc.string() })
          .map((jws) => JSON.stringify(jws)),
        fc.record({ command: fc.jsonValue(), openings: fc.jsonValue() }).map((both) => JSON.stringify(both)),
      );
      const type = fc.constantFrom("application/jose+json", "application/vnd.quanji.command+json", "text/plain", "");
      await fc.assert(
        fc.asyncProperty(
          body,
          type,
          fc.constantFrom("/v1/access", "/v1/grants", "/v1/commands/grant.approve"),
          async (text, media, urlPath) => {
            const response = await fetch(stage.host.address + urlPath, {
              method: "POST",
              body: text,
              headers: { "content-type": media },
            });
            const answer = await response.text();
            expect(response.status, `${urlPath} ${text}: ${answer}`).to.be.within(400, 499);
          },
        ),
        { numRuns: 120 },
      );
    });

    it("after all of it the gateway serves, and its log holds no fault", async () => {
      expect(await stage.use("insurer", stage.access(grant))).to.include({ outcome: "permit" });
      const faults = stage.host.lines.text.split("\n").filter((line) => line.includes('"level":50'));
      expect(faults).to.deep.equal([]);
    });
  });
});

/** The template's text with one thing wrong in it, or several. */
function mutated(template: object): fc.Arbitrary<string> {
  const places = placesOf(template);
  const value = fc.oneof(fc.constantFrom(...HOSTILE_VALUES), fc.json({ maxDepth: 3 }));
  const change = fc.tuple(fc.constantFrom(...places), value, fc.constantFrom("replace", "remove", "add" as const));
  return fc.array(change, { minLength: 1, maxLength: 2 }).map((changes) => {
    let text = canonical(template, { maxBytes: 100_000, maxDepth: 16 });
    for (const [place, with_, how] of changes) text = applied(text, place, with_, how);
    return text;
  });
}

/** Every member of an object, at any depth, by its path. */
function placesOf(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== "object" || value === null) return path.length === 0 ? [] : [path];
  const inner = Object.entries(value).flatMap(([name, member]) => placesOf(member, [...path, name]));
  return path.length === 0 ? inner : [path, ...inner];
}

const HOLE = "\u0001hole\u0001";

/** Canonical order is kept where it can be, so that the schema is what refuses, and not always the parser before it. */
function applied(text: string, place: readonly string[], value: string, how: "replace" | "remove" | "add"): string {
  let root: unknown;
  try {
    root = JSON.parse(text);
  } catch {
    return text; // an earlier change made it no JSON: enough of an attack
  }
  const parents = place.slice(0, -1);
  const last = place.at(-1) ?? "";
  let at = root;
  for (const name of parents) {
    if (typeof at !== "object" || at === null) return text;
    at = (at as Record<string, unknown>)[name];
  }
  if (typeof at !== "object" || at === null) return text;
  const holder = at as Record<string, unknown>;
  if (how === "remove") Reflect.deleteProperty(holder, last);
  else if (how === "replace") holder[last] = HOLE;
  else holder[`z${last}`] = HOLE;
  return JSON.stringify(root).replace(JSON.stringify(HOLE), () => value);
}
