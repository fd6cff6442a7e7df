import { expect } from "chai";
import fc from "fast-check";
import { utf8 } from "./bytes.js";
import {
  type ChainHead,
  type ChainKey,
  chainStart,
  emptyHead,
  entryLeaf,
  extend,
  PUBLIC_SALT,
  sealedDigest,
  sealedHead,
} from "./chain.js";
import { type Hash, hashText, sha256, sha256Text } from "./hash.js";
import { leafAt } from "./support.test.js";

const key: ChainKey = { scope: "quanji.example/szx/gw-transport/0", kind: "grant", id: "019360c2" };
const fold = (start: ChainHead, leaves: readonly Hash[]) => leaves.reduce(extend, start);
const leavesOf = (count: number) => Array.from({ length: count }, (_, i) => leafAt("chain", i));

describe("log/chain", () => {
  it("starts at SHA-256(03 ‖ canonical [scope, kind, id]) and steps by SHA-256(02 ‖ h ‖ leaf)", () => {
    const start = sha256(Uint8Array.of(3), utf8(`["${key.scope}","grant","019360c2"]`));
    expect(chainStart(key)).to.deep.equal(start);
    expect(emptyHead(key)).to.deep.equal({ h: hashText(start), n: 0 });
    const leaf = leafAt("chain", 0);
    expect(extend(emptyHead(key), leaf)).to.deep.equal({ h: hashText(sha256(Uint8Array.of(2), start, leaf)), n: 1 });
  });

  it("fold(a ++ b) = fold(fold(a), b)", () => {
    fc.assert(
      fc.property(fc.nat(30), fc.nat(30), (a, b) => {
        const leaves = leavesOf(a + b);
        const whole = fold(emptyHead(key), leaves);
        expect(fold(fold(emptyHead(key), leaves.slice(0, a)), leaves.slice(a))).to.deep.equal(whole);
        expect(whole.n).to.equal(a + b);
      }),
    );
  });

  it("an entry dropped, repeated, swapped, changed or moved to another key's chain changes the head", () => {
    const leaves = leavesOf(8);
    const head = fold(emptyHead(key), leaves);
    const [a, b, ...rest] = leaves as [Hash, Hash, ...Hash[]];
    const attacks = {
      "first dropped": leaves.slice(1),
      "last dropped": leaves.slice(0, -1),
      "middle dropped": leaves.toSpliced(3, 1),
      repeated: leaves.toSpliced(3, 0, leaves[3]!),
      swapped: [b, a, ...rest],
      changed: [leafAt("other", 0), b, ...rest],
    };
    for (const [attack, forged] of Object.entries(attacks)) {
      expect(fold(emptyHead(key), forged).h, attack).not.to.equal(head.h);
    }
    for (const other of [
      { ...key, scope: "x" },
      { ...key, kind: "party" as const },
      { ...key, id: "019360c3" },
    ]) {
      expect(fold(emptyHead(other), leaves).h).not.to.equal(head.h);
    }
  });

  it("a sealed head is canonical JSON, and its digest hides the volume behind the salt", () => {
    const head = fold(emptyHead(key), leavesOf(3));
    const text = `{"h":"${head.h}","n":3,"salt":"${PUBLIC_SALT}"}`;
    expect(sealedHead(head, PUBLIC_SALT)).to.equal(text);
    expect(sealedDigest(head, PUBLIC_SALT)).to.equal(sha256Text(text));
    expect(sealedDigest(head, hashText(leafAt("salt", 1)))).not.to.equal(sealedDigest(head, PUBLIC_SALT));
    expect(Buffer.from(PUBLIC_SALT, "base64url")).to.deep.equal(Buffer.alloc(32));
  });

  it("an entry's leaf is SHA-256(00 ‖ entry), apart from a chain step over the same bytes", () => {
    expect(entryLeaf("{}")).to.deep.equal(sha256(Uint8Array.of(0), utf8("{}")));
  });
});
