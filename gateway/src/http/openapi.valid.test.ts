/**
 * The served description under validators that are not ours: the whole against OpenAPI 3.1's own schema, each JSON Schema in it
 * against JSON Schema 2020-12, which OpenAPI's schema leaves open, and what the gateway really answers against them.
 */
import { stopDigest } from "@quanji/chaincode/domain";
import { fromBase64url, fromUtf8 } from "@quanji/chaincode/log";
import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import { expect } from "chai";
import { Harness, LOG } from "./testing/harness.js";
import type { Reply } from "./testing/request.js";

interface Schema {
  readonly properties?: { readonly payload?: { readonly contentSchema?: Schema } };
}

interface Document {
  readonly openapi: string;
  readonly paths: Readonly<
    Record<string, Readonly<Record<string, { readonly responses: Readonly<Record<string, Answer>> }>>>
  >;
  readonly components: {
    readonly schemas: Readonly<Record<string, Schema>>;
    readonly responses: Readonly<Record<string, Answer>>;
  };
}

interface Answer {
  readonly $ref?: string;
  readonly content?: Readonly<Record<string, { readonly schema: Schema }>>;
}

/** Every value of a member `schema` or `contentSchema`, with the way to it. */
function schemasIn(value: unknown, way: string): (readonly [string, Schema])[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, item]) => {
    const found = schemasIn(item, `${way}/${name}`);
    const isSchema = name === "schema" || name === "contentSchema";
    return isSchema ? [[`${way}/${name}`, item as Schema] as const, ...found] : found;
  });
}

type Json = Record<string, unknown>;

const isRefusal = (errors: unknown): boolean => Array.isArray(errors) || String(errors).includes("version");

describe("http: the API's description, by validators of others", () => {
  let gateway: Harness;
  let document: Document;
  before(async () => {
    gateway = await Harness.open();
    document = JSON.parse((await gateway.send({ path: "/openapi.json" })).text) as Document;
  });
  after(() => gateway.close());

  /** Of the document, with the member at the end of `way` replaced. */
  const verdict = async (way: readonly string[] = [], value?: unknown): Promise<unknown> => {
    const copy = structuredClone(document) as unknown as Json;
    const last = way.at(-1);
    const owner = way.slice(0, -1).reduce<Json>((at, step) => at[step] as Json, copy);
    if (last !== undefined) owner[last] = value;
    const validator = new Validator();
    const { valid, errors } = await validator.validate(copy);
    return valid ? validator.version : errors;
  };

  /** References begin at the document's root, so each schema is compiled with the components beside it. */
  const compile = (schema: Schema): ValidateFunction => {
    const ajv = new Ajv2020({ strict: true, strictRequired: false, allErrors: true, validateFormats: false });
    ajv.addVocabulary(["components"]);
    return ajv.compile({ ...schema, components: document.components });
  };

  it("is OpenAPI 3.1, and all its references lead somewhere", async () => {
    expect(await verdict()).to.equal("3.1");
    const validator = new Validator();
    await validator.validate(structuredClone(document) as unknown as Json);
    expect(validator.resolveRefs()).to.be.an("object");
  });

  it("the validator refuses what is no OpenAPI, so its word counts", async () => {
    const parties = ["paths", "/v1/parties/{id}", "post"];
    const changes: (readonly [readonly string[], unknown])[] = [
      [["info", "title"], 1],
      [["openapi"], "3.9.0"],
      [["paths", "/healthz", "get", "responses", "200", "oops"], 1],
      [[...parties, "parameters", "0", "in"], "body"],
      [[...parties, "requestBody", "content"], []],
    ];
    for (const [way, value] of changes) expect(await verdict(way, value), way.join("/")).to.satisfy(isRefusal);
  });

  it("each schema is JSON Schema 2020-12 without a keyword that nobody knows", () => {
    const named = Object.entries(document.components.schemas).map(([name, schema]) => [name, schema] as const);
    const schemas = [...named, ...schemasIn(document, "")];
    expect(schemas.length).to.be.greaterThan(300);
    for (const [way, schema] of schemas) expect(() => compile(schema), way).not.to.throw();
    expect(() => compile({ ...named[0]?.[1], type: "objekt" } as Schema)).to.throw();
  });

  /** Text and the payload inside it both fit what the operation says of that status and type. */
  const assertFits = (reply: Reply, path: string, method: "get" | "post"): void => {
    const answer = document.paths[path]?.[method]?.responses[String(reply.status)];
    const named =
      answer?.$ref === undefined ? answer : document.components.responses[answer.$ref.split("/").at(-1) ?? ""];
    const [media = ""] = String(reply.headers["content-type"]).split(";");
    const schema = named?.content?.[media]?.schema;
    if (schema === undefined) return expect.fail(`${method} ${path}: ${reply.status} ${media} is not described`);
    const json = JSON.parse(reply.text) as { readonly payload?: string };
    const inner = schema.properties?.payload?.contentSchema;
    const checks: (readonly [Schema, unknown])[] = [[schema, json]];
    if (inner !== undefined) checks.push([inner, JSON.parse(fromUtf8(fromBase64url(json.payload ?? "")))]);
    for (const [expected, value] of checks) {
      const fits = compile(expected);
      expect(fits(value), `${method} ${path}: ${JSON.stringify(fits.errors)}`).to.equal(true);
    }
  };

  it("public answers fit their description", async () => {
    for (const path of ["/readyz", "/openapi.json", "/v1/network", "/v1/trust.json", "/v1/codes"]) {
      assertFits(await gateway.send({ path }), path, "get");
    }
    assertFits(await gateway.send({ path: "/v1/schemas/nothing" }), "/v1/schemas/{name}", "get");
  });

  it("signed answers, refusals and denials fit their description, inside and out", async () => {
    const grant = await gateway.granted("insurer");
    const signed = await gateway.signAccess("insurer", { grant });
    await gateway.post("/v1/access", signed);
    await gateway.edge.accesses.close();
    const reads: (readonly [string, string])[] = [
      ["/v1/parties", "/v1/parties"],
      ["/v1/parties/{id}", `/v1/parties/${gateway.signers.bureau.party}`],
      ["/v1/resources", "/v1/resources?limit=1"],
      ["/v1/resources/{prefix}/{name}", "/v1/resources/res/weather"],
      ["/v1/grants", "/v1/grants"],
      ["/v1/grants/{id}", `/v1/grants/${grant}`],
      ["/v1/grants/{id}", `/v1/grants/${crypto.randomUUID()}`],
      ["/v1/receipts/{request}", `/v1/receipts/${signed.request}`],
      ["/v1/seq", `/v1/seq?log=${encodeURIComponent(LOG)}`],
    ];
    assertFits(
      await gateway.read("bureau", "/v1/openings/res/weather?limit=1"),
      "/v1/openings/{prefix}/{name}",
      "post",
    );
    for (const [path, target] of reads) assertFits(await gateway.read("insurer", target), path, "post");
    assertFits(await gateway.access("insurer", { grant: crypto.randomUUID() }), "/v1/access", "post");
    assertFits(await gateway.post("/v1/access", signed), "/v1/access", "post");
    assertFits(await gateway.command("insurer", "grant.approve", { grant }), "/v1/commands/grant.approve", "post");
    const malformed = await gateway.command("regulator", "party.admit", { party: "x", roles: [] });
    assertFits(malformed, "/v1/commands/party.admit", "post");
    const stopped = await gateway.command("bureau", "grant.revoke", { target: stopDigest(grant), epoch: 1 });
    expect(stopped.status).to.equal(200);
    assertFits(stopped, "/v1/commands/grant.revoke", "post");
  });
});
