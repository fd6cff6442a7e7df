import { createHmac } from "node:crypto";
import { expect } from "chai";
import { bulkTag, hmacSha256, indexLeaf, indexState, subjectStart, subjectTag, tagKeyCommitment } from "./index.js";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"));

describe("log: subjects", () => {
  it("HMAC-SHA-256 is that of RFC 4231, and of Node", () => {
    expect(hex(hmacSha256(new Uint8Array(20).fill(0x0b), new TextEncoder().encode("Hi There")))).to.equal(
      "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
    );
    for (const size of [0, 32, 64]) {
      const [key, data] = [new Uint8Array(size).fill(3), new Uint8Array(5000).fill(9)];
      expect(hex(hmacSha256(key, data))).to.equal(createHmac("sha256", key).update(data).digest("hex"));
    }
  });

  it("one person has one tag under one key, however the number was typed, and another under another key", () => {
    const [key, other] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
    const tag = subjectTag(key, "51010019900101123X");
    expect(subjectTag(key, " 5101001990 0101123x\n")).to.equal(tag);
    expect(subjectTag(key, "510100199001011231")).not.to.equal(tag);
    expect(subjectTag(other, "51010019900101123X")).not.to.equal(tag);
    const said = '["subject","51010019900101123X"]';
    expect(tag).to.equal(createHmac("sha256", key).update(said).digest("base64url"));
  });

  it("commitments, chains, states and leaves differ in everything that they are of", () => {
    const key = bytes("11".repeat(32));
    const made = [
      tagKeyCommitment(key, "quanji.test/a", "S", "2026Q1"),
      tagKeyCommitment(key, "quanji.test/a", "S", "2026Q2"),
      tagKeyCommitment(key, "quanji.test/a", "T", "2026Q1"),
      tagKeyCommitment(key, "quanji.test/b", "S", "2026Q1"),
      bulkTag("S"),
      bulkTag("T"),
    ];
    const [tag, seed] = [bulkTag("S"), bulkTag("seed")];
    const head = subjectStart("quanji.test/a/gw/0", 0, tag);
    expect(head.n).to.equal(0);
    made.push(head.h, subjectStart("quanji.test/a/gw/0", 1, tag).h, subjectStart("quanji.test/a/gw/1", 0, tag).h);
    const state = indexState(seed, tag, head);
    made.push(state, indexState(tag, tag, head), indexState(seed, bulkTag("T"), head));
    made.push(indexState(seed, tag, { ...head, n: 1 }));
    expect(new Set(made).size).to.equal(made.length);
    expect(hex(indexLeaf(tag, state)))
      .to.match(/^[0-9a-f]{64}$/)
      .and.not.equal(hex(indexLeaf(state, tag)));
  });
});
