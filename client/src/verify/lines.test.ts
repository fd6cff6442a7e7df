import { type TrailLine, TrailLine as Schema } from "@quanji/chaincode/domain";
import { canonical, type JsonObject, parseCanonical, sha256Text, utf8 } from "@quanji/chaincode/log";
import { expect } from "chai";
import fc from "fast-check";
import { LineDigest, linesOf, plainRecord, recordLine } from "./lines.js";

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

describe("lines of a trail", () => {
  it("are the same wherever the chunks end, and their digest is that of the bytes", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ maxLength: 40 }).map((line) => line.replaceAll("\n", ""))),
        fc.array(fc.nat(60)),
        async (lines, cuts) => {
          const bytes = utf8(lines.map((line) => `${line}\n`).join(""));
          async function* chunks() {
            let start = 0;
            for (const cut of [...cuts, bytes.length]) {
              yield bytes.subarray(start, start + cut);
              start += cut;
              await Promise.resolve();
            }
          }
          const found: string[] = [];
          const digest = new LineDigest();
          for await (const some of linesOf(chunks())) {
            for (const line of some) {
              found.push(text(line));
              digest.add(line);
            }
          }
          expect(found).to.deep.equal(lines.map((line) => text(utf8(line))));
          expect(digest.value()).to.equal(sha256Text(text(bytes)));
        },
      ),
    );
  });

  it("have a digest whatever their length", () => {
    for (const length of [0, 1, 65_534, 65_535, 65_536, 200_000]) {
      const digest = new LineDigest();
      const lines = ["a".repeat(length), "b", "c".repeat(length)];
      for (const line of lines) digest.add(utf8(line));
      expect(digest.value(), String(length)).to.equal(sha256Text(lines.map((line) => `${line}\n`).join("")));
      expect(digest.value(), "asked twice").to.equal(sha256Text(lines.map((line) => `${line}\n`).join("")));
    }
  });

  it("before one that is too long are handed out, though they end in its chunk", async () => {
    const found: string[] = [];
    const fault = await (async () => {
      for await (const some of linesOf(`one\ntwo\n${"x".repeat(70_000)}\nfour\n`)) found.push(...some.map(text));
      return undefined;
    })().catch((error: unknown) => error);
    expect(found).to.deep.equal(["one", "two"]);
    expect(fault).to.include({ detail: "LIMIT_EXCEEDED" });
  });
});

describe("a record line's short cut", () => {
  const digest = "A".repeat(43);
  const good: TrailLine = {
    t: "record",
    r: "face\nbody",
    o: { "links.grant": { salt: digest, value: { n: 1, prev: digest } } },
    q: { payload: "a", protected: "b", signature: "c" },
  };
  const bySchema = (json: JsonObject): unknown => {
    const result = Schema.safeParse(json);
    return result.success ? result.data : undefined;
  };

  it("takes what the schema takes", () => {
    const { q: _q, ...bare } = good;
    for (const line of [good, bare, { ...good, o: {} }, { ...good, o: { a: { salt: digest, value: 7 } } }]) {
      expect(recordLine(line as JsonObject))
        .to.deep.equal(bySchema(line as JsonObject))
        .and.not.equal(undefined);
    }
  });

  it("PROPERTY takes nothing else", () => {
    const hostile = fc.constantFrom<unknown>(
      "",
      "x",
      digest,
      `${digest}A`,
      "_".repeat(43),
      0,
      true,
      [],
      [1],
      {},
      { a: 1 },
    );
    const names = fc.constantFrom(
      "t",
      "r",
      "o",
      "q",
      "x",
      "o.links.grant",
      "o.links.grant.salt",
      "o.links.grant.value",
    );
    const more = fc.constantFrom("q.payload", "q.protected", "q.signature", "q.x", "o.links.grant.x", "o.9", "o.a b");
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.oneof(names, more), fc.option(hostile)), { maxLength: 3 }), (changes) => {
        const line = JSON.parse(canonical(good)) as Record<string, unknown>;
        for (const [path, value] of changes) change(line, path, value);
        expect(recordLine(line as JsonObject)).to.deep.equal(bySchema(line as JsonObject));
      }),
      { numRuns: 2000 },
    );
  });

  /** Sets a member, or takes it away for null; `links.grant` is one name. */
  function change(line: Record<string, unknown>, path: string, value: unknown): void {
    const steps = path.replace("links.grant", "links#grant").split(".");
    const last = steps.pop() ?? "";
    let at: unknown = line;
    for (const step of steps) at = (at as Record<string, unknown> | undefined)?.[step.replace("#", ".")];
    if (typeof at !== "object" || at === null || Array.isArray(at)) return;
    const name = last.replace("#", ".");
    if (value === null) Reflect.deleteProperty(at, name);
    else (at as Record<string, unknown>)[name] = structuredClone(value); // or one run would change what the next begins with
  }
});

describe("a record line as nearly all are written", () => {
  const digest = "A".repeat(43);
  const limits = { maxBytes: 64 * 1024, maxDepth: 12 };
  const lineOf = (r: string, n: number, q: object = {}, path = "links.grant"): string =>
    canonical({ t: "record", r, o: { [path]: { salt: digest, value: { n, prev: digest } } }, ...q }, limits);
  const q = { q: { payload: "eyJ", protected: "eyI-_", signature: "x" } };
  /** What the long way makes of a text; undefined if it refuses it. */
  const longWay = (line: string): unknown => {
    try {
      return recordLine(parseCanonical(line, limits));
    } catch {
      return undefined;
    }
  };

  it("is taken apart to what parsing makes of it", () => {
    for (const line of [
      lineOf('{"a":1}\n{"b":"c"}', 0),
      lineOf('{"a":1}\n{}', 7, q),
      lineOf("", 999_999_999_999_999, q),
    ]) {
      expect(plainRecord(line)).to.deep.equal(longWay(line)).and.not.equal(undefined);
    }
  });

  for (const space of ["\n", " ", "\t", "\r"]) {
    it(`leaves ${JSON.stringify(space)} around the record to the long way, which refuses it`, () => {
      const line = lineOf('{"a":1}\n{}', 7, q);
      for (const spaced of [line.replace(',"t"', `${space},"t"`), line.replace('"r":', `"r":${space}`)]) {
        expect(plainRecord(spaced), spaced).to.equal(undefined);
        expect(longWay(spaced), spaced).to.equal(undefined);
      }
    });
  }

  it("PROPERTY nothing else is", () => {
    const r = fc.string({
      unit: fc.constantFrom("a", "b", '"', "\\", "\n", "{", "}", ":", ",", "€", "\t", "\u0001", "\ud800"),
      maxLength: 20,
    });
    const edit = fc.record({
      at: fc.nat(),
      cut: fc.nat(3),
      put: fc.constantFrom(
        "",
        " ",
        "\t",
        "\r",
        '"',
        "\\",
        "n",
        "\\n",
        '\\"',
        "\n",
        "0",
        "1e2",
        "-",
        "=",
        "B",
        "\\u0061",
        ',"r":"',
        "}",
      ),
    });
    const made = fc.tuple(r, fc.maxSafeNat(), fc.boolean(), fc.array(edit, { maxLength: 2 }));
    fc.assert(
      fc.property(made, ([text, n, asked, edits]) => {
        let line = JSON.stringify({
          o: { "links.grant": { salt: digest, value: { n, prev: digest } } },
          ...(asked && q),
          r: text,
          t: "record",
        });
        for (const { at, cut, put } of edits) {
          const place = at % line.length;
          line = line.slice(0, place) + put + line.slice(place + cut);
        }
        const plain = plainRecord(line);
        if (plain !== undefined) expect(plain, line).to.deep.equal(longWay(line));
      }),
      { numRuns: 5000 },
    );
  });
});
