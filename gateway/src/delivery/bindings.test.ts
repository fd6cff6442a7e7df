import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import fc from "fast-check";
import { findBinding, openSource, parseBindings } from "./bindings.js";
import { plan, rowsOf, thrown } from "./support.test.js";

const FILE = {
  resource: "res/weather.daily",
  steward: "urn:quanji:bureau",
  kind: "file",
  format: "csv",
  path: "w.csv",
};
const HTTP = {
  resource: "res/weather.hourly",
  steward: "urn:quanji:bureau",
  kind: "http",
  format: "json",
  url: "https://api.example/days?from={from}",
};
const environment = { folder: "/nowhere", variables: {} };

describe("bindings", () => {
  it("finds the binding of a resource under its steward only: a stranger who took the id gets nothing", () => {
    const bindings = parseBindings([FILE, HTTP, { ...FILE, steward: "urn:quanji:other", path: "other.csv" }]);
    expect(findBinding(bindings, "res/weather.daily", "urn:quanji:bureau")).to.include({ path: "w.csv" });
    expect(findBinding(bindings, "res/weather.daily", "urn:quanji:other")).to.include({ path: "other.csv" });
    expect(findBinding(bindings, "res/weather.daily", "urn:quanji:stranger")).to.equal(undefined);
    expect(findBinding(bindings, "res/weather.hourly", "urn:quanji:other")).to.equal(undefined);
  });

  const refused: [string, unknown, string][] = [
    ["no list", {}, "sources"],
    ["an unknown kind", [{ ...FILE, kind: "ftp" }], "sources[0].kind"],
    ["an unknown format", [FILE, { ...FILE, format: "xml" }], "sources[1].format"],
    ["no steward", [{ ...FILE, steward: undefined }], "sources[0].steward"],
    ["an unknown member", [{ ...FILE, password: "x" }], "sources[0]"],
    ["an absolute path", [{ ...FILE, path: "/etc/passwd" }], "sources[0].path"],
    ["a path with a zero byte", [{ ...FILE, path: "a\0b" }], "sources[0].path"],
    ["rows inside a table", [{ ...FILE, items: "/items" }], "sources[0].items"],
    ["a pointer that is none", [{ ...FILE, format: "json", items: "items" }], "sources[0].items"],
    ["no bytes at all", [{ ...FILE, maxBytes: 0 }], "sources[0].maxBytes"],
    ["a JSON document of a GiB", [{ ...FILE, format: "json", maxBytes: 2 ** 30 }], "sources[0].maxBytes"],
    ["one resource twice", [FILE, HTTP, { ...FILE, path: "b.csv" }], "sources[2].resource"],
    ["no URL", [{ ...HTTP, url: "weather" }], "sources[0].url"],
    ["plain http to anywhere", [{ ...HTTP, url: "http://api.example/" }], "sources[0].url"],
    ["link-local by number", [{ ...HTTP, url: "https://169.254.169.254/latest" }], "sources[0].url"],
    [
      "link-local even if private is allowed",
      [{ ...HTTP, url: "http://169.254.169.254/", allowPrivate: true }],
      "sources[0].url",
    ],
    ["loopback", [{ ...HTTP, url: "https://127.0.0.1/" }], "sources[0].url"],
    ["loopback in decimal", [{ ...HTTP, url: "https://2130706433/" }], "sources[0].url"],
    ["loopback in octal", [{ ...HTTP, url: "https://0177.0.0.1/" }], "sources[0].url"],
    ["loopback in short", [{ ...HTTP, url: "https://127.1/" }], "sources[0].url"],
    ["loopback in IPv6", [{ ...HTTP, url: "https://[::1]/" }], "sources[0].url"],
    ["loopback inside IPv6", [{ ...HTTP, url: "https://[::ffff:127.0.0.1]/" }], "sources[0].url"],
    ["the unspecified address", [{ ...HTTP, url: "https://0.0.0.0/" }], "sources[0].url"],
    ["a header that decides the host", [{ ...HTTP, headers: { Host: "b.example" } }], "sources[0].headers.Host"],
    ["a header with a line break", [{ ...HTTP, headers: { accept: "a\r\nb: c" } }], "sources[0].headers.accept"],
    [
      "a secret in the place of its variable",
      [{ ...HTTP, secretHeaders: { authorization: "Bearer x" } }],
      "sources[0].secretHeaders.authorization",
    ],
    ["an endless wait", [{ ...HTTP, timeoutMs: 1e9 }], "sources[0].timeoutMs"],
  ];
  for (const [name, input, at] of refused) {
    it(`refuses ${name}, naming the field`, () => {
      const error = thrown(() => parseBindings(input));
      expect([error.code, error.field]).to.deep.equal(["CONFIG_INVALID", at]);
      expect(error.message.startsWith(`${at}: `)).to.equal(true);
    });
  }

  it("prototype pollution by a header or column called __proto__ has no effect", () => {
    for (const member of ["headers", "secretHeaders", "columns"] as const) {
      const hostile = JSON.parse(
        JSON.stringify([HTTP]).replace("}]", `,"${member}":{"__proto__":{"x":"Y"}}}]`),
      ) as unknown;
      const binding = parseBindings(hostile)[0] as unknown as Record<string, { x?: unknown }>;
      expect(Object.getOwnPropertyNames(binding[member]), member).to.deep.equal([]);
      expect(binding[member]!.x, member).to.equal(undefined);
    }
  });

  it("allows private addresses and plain http where the binding says so", () => {
    const bindings = parseBindings([{ ...HTTP, url: "http://127.0.0.1:1/", allowPrivate: true }]);
    expect(bindings).to.have.length(1);
  });

  it("answers any input with bindings or CONFIG_INVALID", () => {
    const hostile = fc.oneof(
      fc.anything(),
      fc.array(fc.oneof(fc.anything(), fc.constant(FILE), fc.record({ kind: fc.constantFrom("http", "file") }))),
    );
    fc.assert(
      fc.property(hostile, (input) => {
        try {
          parseBindings(input);
        } catch (error) {
          expect((error as { code?: unknown }).code).to.equal("CONFIG_INVALID");
        }
      }),
    );
  });

  it("a credential that is missing, empty or unfit stops the start, and its value is not shown", () => {
    const [binding] = parseBindings([{ ...HTTP, secretHeaders: { authorization: "TOKEN" } }]);
    for (const variables of [{}, { TOKEN: "" }, { TOKEN: "s3cret\r\nx: y" }, { TOKEN: "s3cret\u00e9" }]) {
      const error = thrown(() => openSource(binding!, { ...environment, variables }));
      expect([error.code, error.field]).to.deep.equal([
        "CONFIG_INVALID",
        "res/weather.hourly.secretHeaders.authorization",
      ]);
      expect(error.message).to.contain("TOKEN").and.not.contain("s3cret");
    }
  });

  it("opens a file inside the configured folder", async () => {
    const folder = await mkdtemp(join(tmpdir(), "quanji-binding-"));
    try {
      await writeFile(join(folder, "w.csv"), "DATE,x\n2026-01-01,1\n");
      const [binding] = parseBindings([{ ...FILE, columns: { date: "DATE" } }]);
      const source = openSource(binding!, { folder, variables: {} });
      expect(await rowsOf(source, plan({}, { requested: ["date"] }))).to.deep.equal([{ date: "2026-01-01" }]);
      await source.close();
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
