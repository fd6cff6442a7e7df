import { expect } from "chai";
import fc from "fast-check";
import { utf8 } from "./bytes.js";
import { assertProfile, canonical, type Json, LIMITS, parseCanonical } from "./canonical.js";
import { expectCode, HOSTILE, refusesHostile } from "./support.test.js";

const name = fc.stringMatching(/^[a-z][A-Za-z0-9.]{0,8}$/);
const wellFormed = fc.string({ unit: "grapheme", maxLength: 12 });
const { object } = fc.letrec<{ json: Json; array: Json[]; object: Record<string, Json> }>((tie) => ({
  json: fc.oneof({ maxDepth: 5 }, fc.boolean(), fc.maxSafeNat(), wellFormed, tie("array"), tie("object")),
  array: fc.array(tie("json"), { maxLength: 4 }),
  object: fc.dictionary(name, tie("json"), { maxKeys: 5, noNullPrototype: true }),
}));

describe("log/canonical", () => {
  it("JCS after parse is the identity, for text and for bytes", () => {
    fc.assert(
      fc.property(object, (value) => {
        const text = canonical(value);
        expect(parseCanonical(text)).to.deep.equal(value);
        expect(canonical(parseCanonical(utf8(text)))).to.equal(text);
      }),
    );
  });

  it("any other spelling of the same value is refused: one character added, dropped or changed", () => {
    const edit = fc.record({
      at: fc.nat(),
      with: fc.constantFrom("", " ", "\n", "0", "e1", ".0", '"', ",", "\\u0061"),
    });
    fc.assert(
      fc.property(object, edit, fc.boolean(), (value, { at, with: insert }, replace) => {
        const text = canonical(value);
        const position = at % text.length;
        const edited = text.slice(0, position) + insert + text.slice(position + (replace ? 1 : 0));
        let parsed: unknown;
        try {
          parsed = parseCanonical(edited);
        } catch {
          return; // refused
        }
        expect(canonical(parsed)).to.equal(edited);
      }),
      { numRuns: 1000 },
    );
  });

  it("orders members by name and writes RFC 8785 strings", () => {
    expect(canonical({ b: 1, a: [true, '€\u0007\n"\\'], aB: {} })).to.equal(
      '{"a":[true,"€\\u0007\\n\\"\\\\"],"aB":{},"b":1}',
    );
  });

  const refused: readonly (readonly [what: string, text: string | Uint8Array, detail: string])[] = [
    ["3 white space", '{"a": 1}', "NOT_CANONICAL"],
    ["3 a final line feed", '{"a":1}\n', "NOT_CANONICAL"],
    ["3 other order", '{"b":1,"a":1}', "NOT_CANONICAL"],
    ["3 a needless escape", '{"a":"\\u0061"}', "NOT_CANONICAL"],
    ["3 an escaped slash", '{"a":"\\/"}', "NOT_CANONICAL"],
    ["4 a duplicate member", '{"v":1,"v":2}', "NOT_CANONICAL"],
    ["4 a duplicate member of the same value", '{"v":1,"v":1}', "NOT_CANONICAL"],
    ["5 an escaped lone surrogate", '{"a":"\\ud800"}', "NOT_UTF8"],
    ["5 a lone surrogate in text", '{"a":"\ud800"}', "NOT_UTF8"],
    ["5 a byte order mark", Uint8Array.of(0xef, 0xbb, 0xbf, 0x7b, 0x7d), "NOT_UTF8"],
    ["5 a byte order mark in text", "\uFEFF{}", "NOT_UTF8"],
    ["5 bad UTF-8", Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d), "NOT_UTF8"],
    ["6 __proto__", '{"__proto__":{"a":1}}', "FIELD_UNKNOWN"],
    ["6 a name that no table of ours has", '{"A":1}', "FIELD_UNKNOWN"],
    ["6 an empty name", '{"":1}', "FIELD_UNKNOWN"],
    ["7 1.0", '{"a":1.0}', "NUMBER_FORBIDDEN"],
    ["7 1e3", '{"a":1e3}', "NUMBER_FORBIDDEN"],
    ["7 1E3", '{"a":[1E3]}', "NUMBER_FORBIDDEN"],
    ["7 −0", '{"a":-0}', "NUMBER_FORBIDDEN"],
    ["7 −1", '{"a":-1}', "NUMBER_FORBIDDEN"],
    ["7 0.5", '{"a":0.5}', "NUMBER_FORBIDDEN"],
    ["7 2⁵³", '{"a":9007199254740992}', "NUMBER_FORBIDDEN"],
    ["7 2⁵³+1, which parses to 2⁵³", '{"a":9007199254740993}', "NUMBER_FORBIDDEN"],
    ["7 1e400, which parses to Infinity", '{"a":1e400}', "NUMBER_FORBIDDEN"],
    ["null", '{"a":null}', "NOT_CANONICAL"],
    ["an array at the top", "[]", "NOT_CANONICAL"],
    ["a string at the top", '"a"', "NOT_CANONICAL"],
    ["nothing", "", "NOT_CANONICAL"],
    ["half a document", '{"a":1', "NOT_CANONICAL"],
    ["two documents", "{}{}", "NOT_CANONICAL"],
    ["leading zeros", '{"a":01}', "NOT_CANONICAL"],
    ["nine levels", '{"a":[[[[[[[[1]]]]]]]]}', "LIMIT_EXCEEDED"],
    ["depth 10⁵ of arrays", "[".repeat(100_000), "LIMIT_EXCEEDED"],
    ["depth 10⁵ of objects within the size", '{"a":'.repeat(3_000), "LIMIT_EXCEEDED"],
    ["16 KiB and one byte", `{"a":"${"x".repeat(16 * 1024 - 7)}"}`, "LIMIT_EXCEEDED"],
    ["16 KiB of characters that are more bytes", `{"a":"${"€".repeat(6_000)}"}`, "LIMIT_EXCEEDED"],
  ];
  for (const [what, text, detail] of refused) {
    it(`${what} → ${detail}`, () => expectCode(() => parseCanonical(text), "MALFORMED", detail));
  }

  it("PROPERTY a number in another spelling is refused, whatever is put beside it to make up for its length", () => {
    const number = fc.oneof(
      fc.maxSafeNat(),
      fc.nat(20_000),
      fc.tuple(fc.nat(999), fc.nat(12)).map(([head, zeros]) => head * 10 ** zeros),
    );
    const spelling = fc.constantFrom(
      (n: number) => String(n),
      (n: number) => n.toExponential().replace("+", ""),
      (n: number) => n.toExponential().replace("e+", "E"),
      (n: number) => String(n).replace(/(?<=[1-9])0+$/, (zeros) => `e${zeros.length}`),
      (n: number) => `${n}.0`,
      (n: number) => `${n}.0e0`,
    );
    fc.assert(
      fc.property(number, spelling, fc.nat(4), fc.nat(4), fc.boolean(), (n, spell, before, after, twice) => {
        const text = `{${twice ? '"a":1,' : ""}"a":${" ".repeat(before)}${spell(n)}${" ".repeat(after)}}`;
        const value = JSON.parse(text) as { readonly a: number };
        let taken = true;
        try {
          parseCanonical(text);
        } catch {
          taken = false;
        }
        const right = Number.isSafeInteger(value.a) && canonical(value) === text;
        expect(taken, text).to.equal(right);
      }),
      { numRuns: 2000 },
    );
  });

  it("strings may look like numbers, and numbers in names are no numbers", () => {
    const text = '{"a":"-1.5e3","b2.c":0}';
    expect(parseCanonical(text)).to.deep.equal({ a: "-1.5e3", "b2.c": 0 });
    expectCode(() => parseCanonical(` ${text}`), "MALFORMED", "NOT_CANONICAL");
  });

  it("takes exactly 16 KiB and eight levels, and more where the limits say so", () => {
    const full = `{"a":"${"x".repeat(16 * 1024 - 8)}"}`;
    expect(canonical(parseCanonical(full))).to.equal(full);
    expect(canonical({ a: [[[[[[[1]]]]]]] })).to.equal('{"a":[[[[[[[1]]]]]]]}');
    const deep = '{"a":[[[[[[[[1]]]]]]]]}';
    const deeper = { ...LIMITS, maxDepth: 9 };
    expect(canonical(parseCanonical(deep, deeper), deeper)).to.equal(deep);
  });

  it("depth 10⁵ cannot exhaust the stack, parsed or in memory", () => {
    const wide = { maxBytes: 1_000_000, maxDepth: 8 };
    expectCode(() => parseCanonical("[".repeat(100_000) + "]".repeat(100_000), wide), "MALFORMED", "LIMIT_EXCEEDED");
    expectCode(() => parseCanonical('{"a":'.repeat(100_000), wide), "MALFORMED", "LIMIT_EXCEEDED");
    let nested: Json = 1;
    for (let i = 0; i < 100_000; i++) nested = [nested];
    expectCode(() => canonical(nested), "MALFORMED", "LIMIT_EXCEEDED");
    const circle: Record<string, unknown> = {};
    circle["a"] = circle;
    expectCode(() => canonical(circle), "MALFORMED", "LIMIT_EXCEEDED");
  });

  it("values without one JSON form are refused before the library rounds or drops them", () => {
    const bad: readonly (readonly [value: unknown, detail: string])[] = [
      [{ a: undefined }, "NOT_CANONICAL"],
      [{ a: null }, "NOT_CANONICAL"],
      [[undefined], "NOT_CANONICAL"],
      [new Array(2), "NOT_CANONICAL"],
      [{ a: 10n }, "NOT_CANONICAL"],
      [{ a: Symbol("s") }, "NOT_CANONICAL"],
      [{ a: () => 1 }, "NOT_CANONICAL"],
      [{ toJSON: () => 1 }, "NOT_CANONICAL"],
      [new Date(0), "NOT_CANONICAL"],
      [{ a: new Date(0) }, "NOT_CANONICAL"],
      [new Map([["a", 1]]), "NOT_CANONICAL"],
      [new String("a"), "NOT_CANONICAL"],
      [new Uint8Array(2), "NOT_CANONICAL"],
      [Object.create({ toJSON: () => 1 }), "NOT_CANONICAL"],
      [{ a: -0 }, "NUMBER_FORBIDDEN"],
      [{ a: NaN }, "NUMBER_FORBIDDEN"],
      [{ a: 2 ** 53 }, "NUMBER_FORBIDDEN"],
      [{ a: 0.1 }, "NUMBER_FORBIDDEN"],
      [{ a: "\udc00" }, "NOT_UTF8"],
      [{ "a b": 1 }, "FIELD_UNKNOWN"],
      [{ a: "x".repeat(16 * 1024) }, "LIMIT_EXCEEDED"],
      [{ a: "€".repeat(6_000) }, "LIMIT_EXCEEDED"],
    ];
    for (const [value, detail] of bad) expectCode(() => canonical(value), "MALFORMED", detail);
  });

  it("hostile values are refused with a code, never a TypeError", () => {
    refusesHostile(parseCanonical);
    for (const value of HOSTILE) {
      try {
        assertProfile(value);
        canonical(value);
      } catch (error) {
        expect(error).to.have.property("code", "MALFORMED");
      }
    }
  });

  it("random bytes are refused with a code or are canonical", () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 64 }), fc.json(), fc.string({ unit: "binary" })), (input) => {
        try {
          const text = typeof input === "string" ? input : Buffer.from(input).toString();
          expect(canonical(parseCanonical(input))).to.equal(text);
        } catch (error) {
          expect(error).to.have.property("code", "MALFORMED");
        }
      }),
      { numRuns: 1000 },
    );
  });
});
