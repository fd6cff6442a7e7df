/** The API's description (OpenAPI 3.1), generated from the table of routes and the schemas that validate what comes in. */
import { CODES, type Code, COMMANDS, ResourceId, type Verb } from "@quanji/chaincode/domain";
import { z } from "zod";
import { createDocument, type oas31, type ZodOpenApiOperationObject, type ZodOpenApiPathsObject } from "zod-openapi";
import { JOSE, WITH_OPENINGS } from "./envelope.js";
import { PROBLEM } from "./answers.js";
import { methodOf, type Route, ROUTES } from "./routes.js";
import * as schemas from "./schemas.js";

/** `contentSchema` (JSON Schema 2020-12 §8.5) is part of OpenAPI 3.1, but not of the types at hand. */
type Schema = oas31.SchemaObject & { readonly contentSchema?: Schema };

/** `grant.revoke` → `GrantRevoke`. */
const componentName = (verb: string): string =>
  verb.replaceAll(/(^|\.)([a-z])/g, (_all, _dot: string, letter: string) => letter.toUpperCase());

const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });

/** A flattened JWS whose payload, decoded, is a document of its own: JSON Schema's content vocabulary says so. */
const jwsOf = (payload: Schema): Schema => ({
  type: "object",
  properties: {
    payload: encoded(payload),
    protected: { type: "string", contentEncoding: "base64url", contentMediaType: "application/json" },
    signature: { type: "string", contentEncoding: "base64url" },
  },
  required: ["payload", "protected", "signature"],
  additionalProperties: false,
});

const encoded = (contentSchema: Schema): Schema => ({
  type: "string",
  contentEncoding: "base64url",
  contentMediaType: "application/json",
  contentSchema,
});

const answerOf = (body: Schema): Schema =>
  jwsOf({
    type: "object",
    properties: { request: { type: "string" }, status: { type: "integer" }, body },
    required: ["request", "status", "body"],
    additionalProperties: false,
  });

/** Schemas that contain themselves have names, and stand among the components. */
const NAMED: Record<string, Schema> = {};

type Standalone = Schema & { $schema?: string; $defs?: Record<string, Schema> };

function json(schema: z.ZodType): Schema {
  const { $schema: _dialect, $defs = {}, ...rest } = hoisted(z.toJSONSchema(schema, { io: "input" }) as Standalone);
  Object.assign(NAMED, $defs);
  return rest;
}

const hoisted = (schema: Standalone): Standalone =>
  JSON.parse(JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/')) as Standalone;

type Answers = Record<string, { description: string; content: Record<string, { schema: Schema }> }>;

/** Every code that a signed route may answer, by status: components, because they are the same everywhere. */
function problemAnswers(): Answers {
  const byStatus = new Map<number, Code[]>();
  for (const [code, { status }] of Object.entries(CODES) as [Code, { status: number }][]) {
    if (status !== 0) byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  const content = {
    [JOSE]: { schema: answerOf({ oneOf: [ref("Problem"), ref("Denial")] }) },
    [PROBLEM]: { schema: ref("Problem") },
  };
  return Object.fromEntries(
    [...byStatus].sort().map(([status, codes]) => [`Problem${status}`, { description: codes.join(", "), content }]),
  );
}

const PROBLEMS = problemAnswers();

const problems = (): Record<string, oas31.ReferenceObject> =>
  Object.fromEntries(
    Object.keys(PROBLEMS).map((name) => [name.slice("Problem".length), { $ref: `#/components/responses/${name}` }]),
  );

function body(verb: Verb | "read"): NonNullable<ZodOpenApiOperationObject["requestBody"]> {
  const command = jwsOf(ref(verb === "read" ? "Read" : componentName(verb)));
  const withOpenings: Schema = {
    type: "object",
    properties: { command, openings: ref("Openings") },
    required: ["command"],
    additionalProperties: false,
  };
  const committed = verb === "read" || COMMANDS[verb].committed.length === 0 ? [] : [WITH_OPENINGS];
  return {
    required: true,
    content: {
      [JOSE]: { schema: command },
      ...Object.fromEntries(committed.map((media) => [media, { schema: withOpenings }])),
    },
  };
}

const ok = (description: string, content: Record<string, { schema: Schema }>) => ({ "200": { description, content } });

function operationOf(route: Route): ZodOpenApiOperationObject {
  const { summary } = route;
  switch (route.kind) {
    case "public":
      return {
        operationId: route.id,
        summary,
        tags: ["public"],
        ...parametersOf(route),
        responses: {
          ...ok(summary, { [route.media]: { schema: publicSchema(route) } }),
          "404": { description: "NOT_FOUND", content: { [PROBLEM]: { schema: ref("Problem") } } },
          ...((route.id === "checkpoint" || route.id === "tile" || route.id === "anchor") && {
            "304": { description: "The caller has it: If-None-Match names its ETag." },
          }),
          ...(route.id === "ready" && {
            "503": { description: "Not ready.", content: { [route.media]: { schema: publicSchema(route) } } },
          }),
        },
      };
    case "command":
      return {
        operationId: route.verb,
        summary,
        tags: [COMMANDS[route.verb].group],
        requestBody: body(route.verb),
        responses: { ...ok("Committed.", { [JOSE]: { schema: answerOf(ref("CommandAnswer")) } }), ...problems() },
      };
    case "access":
      return {
        operationId: "access",
        summary: `${summary} A denial is answered with its code's status and a receipt.`,
        tags: ["accesses"],
        parameters: [
          {
            name: "Prefer",
            in: "header",
            required: false,
            schema: { type: "string" },
            description:
              "evidence=cosigned, wait=N: waits at most N seconds (10) for witnesses; the receipt says which level it has.",
          },
        ],
        requestBody: body("access"),
        responses: {
          ...ok("Receipt, data, account; or, for a request sent before, the receipt alone.", {
            "application/x-ndjson": { schema: ref("AccessLine") },
            [JOSE]: { schema: answerOf(ref("Receipts")) },
          }),
          ...problems(),
        },
      };
    case "read":
      return {
        operationId: `read.${route.id}`,
        summary,
        tags: ["reads"],
        ...parametersOf(route),
        requestBody: body("read"),
        responses: {
          ...ok(
            summary,
            route.answer === undefined
              ? { "application/x-ndjson": { schema: { type: "string" } } }
              : { [JOSE]: { schema: answerOf(json(route.answer)) } },
          ),
          ...problems(),
        },
      };
  }
}

const publicSchema = (route: Extract<Route, { kind: "public" }>): Schema => {
  if (route.schema === undefined) return { type: route.media.endsWith("json") ? "object" : "string" };
  return route.media === JOSE ? jwsOf(json(route.schema)) : json(route.schema);
};

function parametersOf(route: Route): { parameters?: oas31.ParameterObject[] } {
  const inPath = [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]): oas31.ParameterObject => ({
    name,
    in: "path",
    required: true,
    schema: pathSchema(route, name),
  }));
  const query = route.kind === "read" ? json(route.query).properties : undefined;
  const inQuery = Object.entries(query ?? {}).map(([name, schema]): oas31.ParameterObject => ({
    name,
    in: "query",
    required: name === "log",
    schema,
  }));
  const parameters = [...inPath, ...inQuery];
  return parameters.length === 0 ? {} : { parameters };
}

function pathSchema({ path }: Route, name: string): Schema {
  if (name === "kind") return { type: "string", enum: ["grant", "party"] };
  if (name === "n") return { type: "string", pattern: "^(0|[1-9][0-9]{0,3})$" };
  if (name === "level") return { type: "string", pattern: "^[0-6]$", description: "Tier of the tile." };
  if (name === "tile") {
    return {
      type: "string",
      pattern: "^(x[0-9]{3}/)*[0-9]{3}(\\.p/[1-9][0-9]{0,2})?$",
      description:
        "Index of the tile in groups of three digits, parted by slashes; of a partial tile `.p/` and its width.",
    };
  }
  if (path.startsWith("/v1/logs/") && name === "name") {
    return {
      type: "string",
      pattern: "^(newest|[0-9a-f]{64})$",
      description: "The newest, or the one in the block of that hash.",
    };
  }
  if (path.startsWith("/v1/schemas/")) return { type: "string", enum: [...schemas.SCHEMA_NAMES] };
  if (name === "prefix")
    return {
      type: "string",
      pattern: "^[a-z]{3}$",
      description: `First part of ${ResourceId.description ?? "the id"}.`,
    };
  return { type: "string" };
}

const INTRODUCTION = `Every call is a signed command: a flattened JWS whose header is exactly {alg, iat, jti, kid, typ, url}. \
Reads are signed too and sent by POST. The body is canonical JSON (RFC 8785). Answers and errors are JWS by the gateway over \
{request, status, body}; what is not signed is a fault of the transport.`;

export function newDocument(publicUrl: string): ReturnType<typeof createDocument> {
  const paths: ZodOpenApiPathsObject = {};
  for (const route of ROUTES) paths[route.path] = { ...paths[route.path], [methodOf(route)]: operationOf(route) };
  const payloads = (Object.keys(COMMANDS) as Verb[]).map((verb) => [
    componentName(verb),
    json(schemas.payloadSchema(verb)),
  ]);
  return createDocument({
    openapi: "3.1.0",
    info: {
      title: "Quanji gateway",
      version: "0.1.0",
      description: INTRODUCTION,
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: publicUrl }],
    paths,
    components: {
      responses: PROBLEMS,
      schemas: {
        ...(Object.fromEntries(payloads) as Record<string, Schema>),
        Problem: json(schemas.ProblemSchema),
        Denial: json(schemas.DenialSchema),
        Read: json(schemas.ReadPayload),
        CommandAnswer: json(schemas.CommandAnswerSchema),
        AccessLine: json(schemas.AccessLine),
        DeliveryAccount: json(schemas.DeliveryAccount),
        Receipts: { type: "object", properties: { receipt: jwsOf({}), delivery: jwsOf({}) }, required: ["receipt"] },
        Openings: {
          type: "object",
          additionalProperties: {
            type: "object",
            properties: { salt: { type: "string" }, value: {} },
            required: ["salt", "value"],
            additionalProperties: false,
          },
        },
        ...NAMED,
      },
    },
  });
}

const texts = new Map<string, string>();

export function openApiText(publicUrl: string): string {
  const text = texts.get(publicUrl) ?? JSON.stringify(newDocument(publicUrl));
  texts.set(publicUrl, text);
  return text;
}
