import { expect } from "chai";
import fc from "fast-check";
import { utf8 } from "./bytes.js";
import { sha256 } from "./hash.js";
import { leafOf, leafOfHashes } from "./record.js";

describe("log/record", () => {
  it("the leaf is SHA-256(00 ‖ SHA-256(face) ‖ SHA-256(body)), from the texts or from their hashes", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.string({ unit: "grapheme" }), (face, body) => {
        const [faceHash, bodyHash] = [sha256(utf8(face)), sha256(utf8(body))];
        expect(leafOf(face, body)).to.deep.equal(sha256(Uint8Array.of(0), faceHash, bodyHash));
        expect(leafOfHashes(faceHash, bodyHash)).to.deep.equal(leafOf(face, body));
      }),
    );
  });

  it("bytes cannot move from face to body, and the parts cannot be exchanged", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 2 }), fc.nat(), fc.nat(), (text, a, b) => {
        const split = (at: number) => [text.slice(0, at % text.length), text.slice(at % text.length)] as const;
        const same = a % text.length === b % text.length;
        expect(Buffer.from(leafOf(...split(a))).equals(leafOf(...split(b)))).to.equal(same);
      }),
    );
    expect(leafOf("a", "b")).not.to.deep.equal(leafOf("b", "a"));
  });
});
