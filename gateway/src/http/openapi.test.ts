/** The description and the application are two readings of one table; here each is held against the other. */
import { CODES, COMMANDS } from "@quanji/chaincode/domain";
import { expect } from "chai";
import { newApp } from "./app.js";
import type { Edge } from "./edge.js";
import { newDocument } from "./openapi.js";

interface Described {
  readonly operationId: string;
  readonly responses: Readonly<Record<string, unknown>>;
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: unknown;
}

const document = JSON.parse(JSON.stringify(newDocument("https://gateway.test"))) as {
  readonly openapi: string;
  readonly info: Readonly<Record<string, unknown>>;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
  readonly components: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
};

const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
);

interface Layer {
  readonly route?: { readonly path: string; readonly methods: Readonly<Record<string, boolean>> };
}

/** Routes as Express really has them. */
const registered = (): string[] => {
  const { stack } = newApp({} as Edge).router as unknown as { readonly stack: readonly Layer[] };
  return stack.flatMap(({ route }) =>
    route === undefined
      ? []
      : Object.keys(route.methods).map((method) => `${method} ${route.path.replaceAll(/[:*](\w+)/g, "{$1}")}`),
  );
};

/** All references, wherever they stand. */
function refsIn(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, item]) =>
    name === "$ref" && typeof item === "string" ? [item] : refsIn(item),
  );
}

describe("http: the API's description", () => {
  it("has every route of the application, and no other", () => {
    const described = operations.map(({ method, path }) => `${method} ${path}`);
    expect(described.sort()).to.deep.equal(registered().sort());
  });

  it("is OpenAPI 3.1 in form: version, title, operations with ids of their own, answers with descriptions", () => {
    expect(document.openapi).to.match(/^3\.1\./);
    expect(document.info).to.include.keys("title", "version");
    const ids = operations.map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).to.equal(ids.length);
    for (const { path, operation } of operations) {
      expect(Object.keys(operation.responses), path).to.include("200");
      for (const [status, answer] of Object.entries(operation.responses)) {
        expect(status, path).to.match(/^[1-5]\d\d$/);
        expect(answer, path).to.satisfy((a: object) => "description" in a || "$ref" in a);
      }
    }
  });

  it("declares each parameter of a path, and none that is not there", () => {
    for (const { path, operation } of operations) {
      const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      const declared = (operation.parameters ?? []).filter((parameter) => parameter.in === "path");
      expect(declared.map(({ name }) => name)).to.deep.equal(named);
    }
  });

  it("has no reference that leads nowhere", () => {
    const refs = refsIn(document);
    expect(refs.length).to.be.greaterThan(50);
    for (const ref of refs) {
      const [root, ...steps] = ref.split("/");
      expect(root).to.equal("#");
      const target = steps.reduce<unknown>((at, step) => (at as Record<string, unknown> | undefined)?.[step], document);
      expect(target, ref).to.be.an("object");
    }
  });

  it("describes the payload of every command, and every code that an answer may have", () => {
    for (const verb of Object.keys(COMMANDS)) {
      const name = verb.replaceAll(/(^|\.)([a-z])/g, (_all, _dot, letter: string) => letter.toUpperCase());
      const schema = document.components["schemas"]?.[name] as { readonly type?: string; readonly properties?: object };
      expect(schema, verb).to.include({ type: "object" });
      expect(schema.properties, verb).to.include.keys("net");
    }
    const problem = document.components["schemas"]?.["Problem"] as {
      readonly properties: { readonly code: { readonly enum: readonly string[] } };
    };
    expect([...problem.properties.code.enum].sort()).to.deep.equal(Object.keys(CODES).sort());
  });
});
