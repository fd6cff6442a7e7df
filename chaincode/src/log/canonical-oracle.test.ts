import { expect } from "chai";
import canonicalize from "canonicalize";
import fc from "fast-check";
import { canonical, parseCanonical } from "./canonical.js";

const name = fc.stringMatching(/^[a-z][A-Za-z0-9.]{0,6}$/);
const text = fc.string({ unit: "grapheme", maxLength: 12 }).filter((value) => value.isWellFormed());
const leaf = fc.oneof(text, fc.boolean(), fc.nat(), fc.constantFrom(0, Number.MAX_SAFE_INTEGER));
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    leaf,
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(name, tie("value"), { maxKeys: 5, noNullPrototype: true }),
  ),
}));
const object = fc.dictionary(name, value, { maxKeys: 6, noNullPrototype: true });

describe("canonical JSON against a general RFC 8785 library", () => {
  it("writes what the library writes", () => {
    fc.assert(
      fc.property(value, (item) => {
        expect(canonical(item)).to.equal(canonicalize(item));
      }),
      { numRuns: 1000 },
    );
  });

  it("takes a text exactly if it is what the library makes of its content", () => {
    fc.assert(
      fc.property(object, fc.boolean(), (item, shuffled) => {
        const written = JSON.stringify(shuffled ? Object.fromEntries(Object.entries(item).reverse()) : item);
        const right = canonicalize(JSON.parse(written)) === written;
        let taken = true;
        try {
          parseCanonical(written);
        } catch {
          taken = false;
        }
        expect(taken, written).to.equal(right);
      }),
      { numRuns: 1000 },
    );
  });
});
