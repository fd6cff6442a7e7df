import { expect } from "chai";
import fc from "fast-check";
import { toBase64url, utf8 } from "./bytes.js";
import { hashText, isHashText, parseHash, PREFIX, prefixed, sha256, sha256Text, toHash } from "./hash.js";
import { sha256 as browserEngine } from "./sha256.browser.js";
import { sha256 as nodeEngine } from "./sha256.node.js";
import { expectCode, refusesHostile } from "./support.test.js";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

describe("log/hash", () => {
  it("gives the values of FIPS 180-4", () => {
    expect(hex(sha256())).to.equal("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    expect(hex(sha256(utf8("abc")))).to.equal("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  });

  it("the engines of Node and of browsers agree", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(browserEngine(bytes)).to.deep.equal(nodeEngine(bytes));
      }),
    );
  });

  it("hashes parts as their concatenation, and a prefix as one byte before them", () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), (a, b) => {
        expect(sha256(a, b)).to.deep.equal(nodeEngine(Uint8Array.from([...a, ...b])));
        for (const prefix of Object.values(PREFIX)) {
          expect(prefixed(prefix, a, b)).to.deep.equal(nodeEngine(Uint8Array.from([prefix, ...a, ...b])));
        }
      }),
    );
  });

  it("no two prefixes are the same number", () => {
    expect(new Set(Object.values(PREFIX)).size).to.equal(Object.keys(PREFIX).length);
  });

  it("text form: 43 characters that parse back", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const text = hashText(sha256(bytes));
        expect(isHashText(text)).to.be.true;
        expect(parseHash(text)).to.deep.equal(sha256(bytes));
      }),
    );
    expect(sha256Text("abc")).to.equal("ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0");
  });

  it("isHashText and parseHash take the same texts", () => {
    const almost = fc.string({ unit: fc.constantFrom(...Array.from("AEQabz019-_=+ ")), minLength: 42, maxLength: 44 });
    fc.assert(
      fc.property(almost, (text) => {
        let parsed = true;
        try {
          parseHash(text);
        } catch {
          parsed = false;
        }
        expect(isHashText(text)).to.equal(parsed);
      }),
      { numRuns: 1000 },
    );
  });

  it("other lengths than 32 bytes are no hash", () => {
    for (const length of [0, 31, 33, 64]) {
      const bytes = new Uint8Array(length);
      expectCode(() => toHash(bytes), "MALFORMED", "HASH_LENGTH");
      expectCode(() => parseHash(toBase64url(bytes)), "MALFORMED", "HASH_LENGTH");
    }
  });

  it("hostile values are refused with a code", () => refusesHostile(parseHash));
});
