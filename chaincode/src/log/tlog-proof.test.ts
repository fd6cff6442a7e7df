import { expect } from "chai";
import fc from "fast-check";
import { formatCheckpoint } from "./checkpoint.js";
import type { Hash } from "./hash.js";
import { formatNote, parseNote } from "./note.js";
import { signNote } from "./note-signature.js";
import { inclusionProof } from "./proof.js";
import { expectCode, leafAt, noteSigner, refusesHostile } from "./support.test.js";
import { formatTlogProof, parseTlogProof, verifyTlogProof } from "./tlog-proof.js";
import { appendLeaves, emptyFrontier, headOf, newNodes } from "./tree.js";
import { NOTE_TYPES } from "./vkey.js";

const SIZE = 11;
const leaves = Array.from({ length: SIZE }, (_, i) => leafAt("tlog-proof", i));
const nodes = new Map(newNodes(emptyFrontier(), leaves).map((node) => [`${node.level}/${node.index}`, node.hash]));
const log = noteSigner("quanji.example/szx/gw/0", NOTE_TYPES.ed25519);
const text = formatCheckpoint({ origin: log.key.name, ...headOf(appendLeaves(emptyFrontier(), leaves)) });
const note = { text, signatures: [await signNote(text, log.key, log.sign)] };
const hashes = await inclusionProof(6, SIZE, (level, index) => nodes.get(`${level}/${index}`)!);
const FILE = formatTlogProof({ index: 6, proof: hashes, note });
const lines = FILE.split("\n");
const edited = (at: number, ...insert: string[]) => lines.toSpliced(at, 1, ...insert).join("\n");

describe("log/tlog-proof", () => {
  it("is header, index, hashes, a blank line and the checkpoint verbatim", () => {
    const base64 = hashes.map((hash) => Buffer.from(hash).toString("base64"));
    expect(FILE).to.equal(`c2sp.org/tlog-proof@v1\nindex 6\n${base64.join("\n")}\n\n${formatNote(note)}`);
    const parsed = parseTlogProof(FILE);
    expect(parsed).to.deep.include({ index: 6, proof: hashes, note });
    expect(parsed.checkpoint).to.deep.include({ origin: log.key.name, size: SIZE });
    verifyTlogProof(parsed, leaves[6]!);
  });

  it("proves every leaf, and no leaf in another's place", async () => {
    for (const [index, leaf] of leaves.entries()) {
      const proof = await inclusionProof(index, SIZE, (level, i) => nodes.get(`${level}/${i}`)!);
      const parsed = parseTlogProof(formatTlogProof({ index, proof, note }));
      verifyTlogProof(parsed, leaf);
      expectCode(() => verifyTlogProof(parsed, leafAt("other", index)), "PROOF_INVALID", "INCLUSION_INVALID");
    }
  });

  it("a log of one leaf has a proof without hashes", async () => {
    const single = formatCheckpoint({ origin: log.key.name, size: 1, root: leaves[0]! });
    const one = { text: single, signatures: [await signNote(single, log.key, log.sign)] };
    const file = formatTlogProof({ index: 0, proof: [], note: one });
    expect(file).to.equal(`c2sp.org/tlog-proof@v1\nindex 0\n\n${formatNote(one)}`);
    verifyTlogProof(parseTlogProof(file), leaves[0]!);
  });

  it("12 an index beyond the checkpoint parses and is refused by the check", () => {
    const beyond = parseTlogProof(edited(1, `index ${SIZE}`));
    expectCode(() => verifyTlogProof(beyond, leaves[6]!), "PROOF_INVALID", "INDEX_RANGE");
  });

  it("whatever it parses it writes back byte for byte", () => {
    const insert = fc.constantFrom("", "\n", " ", "0", "=", "A", "\n\n", "extra ");
    fc.assert(
      fc.property(fc.nat(FILE.length - 1), insert, fc.boolean(), (at, piece, replace) => {
        const changed = FILE.slice(0, at) + piece + FILE.slice(at + (replace ? 1 : 0));
        try {
          expect(formatTlogProof(parseTlogProof(changed))).to.equal(changed);
        } catch (error) {
          expect(error).to.have.property("code", "MALFORMED");
        }
      }),
      { numRuns: 2000 },
    );
  });

  const attacks: readonly (readonly [attack: string, file: string, detail: string])[] = [
    ["another version", edited(0, "c2sp.org/tlog-proof@v2"), "PROOF_MALFORMED"],
    ["no header", edited(0), "PROOF_MALFORMED"],
    ["an unauthenticated extra line", edited(1, "extra YWJj", "index 6"), "PROOF_MALFORMED"],
    ["no index", edited(1), "PROOF_MALFORMED"],
    ["an index with a leading zero", edited(1, "index 06"), "PROOF_MALFORMED"],
    ["an index of 2⁵³", edited(1, "index 9007199254740992"), "PROOF_MALFORMED"],
    ["a negative index", edited(1, "index -1"), "PROOF_MALFORMED"],
    ["an index in hexadecimal", edited(1, "index 0x6"), "PROOF_MALFORMED"],
    ["an index without number", edited(1, "index"), "PROOF_MALFORMED"],
    ["two numbers", edited(1, "index 6 7"), "PROOF_MALFORMED"],
    ["a tab", edited(1, "index\t6"), "PROOF_MALFORMED"],
    ["a hash of 31 bytes", edited(2, Buffer.alloc(31).toString("base64")), "HASH_LENGTH"],
    ["a hash in base64url", edited(2, "_".repeat(42) + "8="), "BASE64_INVALID"],
    ["a hash without padding", edited(2, (lines[2] ?? "").slice(0, -1)), "BASE64_INVALID"],
    ["74 64 hashes", edited(2, ...Array.from({ length: 64 }, () => lines[2] ?? "")), "LIMIT_EXCEEDED"],
    ["no checkpoint", lines.slice(0, 2 + hashes.length).join("\n"), "PROOF_MALFORMED"],
    ["an unsigned checkpoint", lines.slice(0, 6 + hashes.length).join("\n") + "\n", "NOTE_MALFORMED"],
    ["18 a file without final line feed", FILE.slice(0, -1), "NOTE_MALFORMED"],
    [
      "21 a checkpoint with an extension line",
      edited(2 + hashes.length + 3, lines[2 + hashes.length + 3] ?? "", "ext"),
      "CHECKPOINT_EXTENSION",
    ],
    ["74 a file of 100 kB", FILE.replace(text, `${"a".repeat(100_000)}\n`), "LIMIT_EXCEEDED"],
  ];
  for (const [attack, file, detail] of attacks) {
    it(`${attack} → ${detail}`, () => expectCode(() => parseTlogProof(file), "MALFORMED", detail));
  }

  it("does not write what it would not parse", () => {
    const many = Array.from({ length: 64 }, () => leaves[0]!);
    const noCheckpoint = { ...note, text: "some text\n" };
    expectCode(() => formatTlogProof({ index: 6, proof: many, note }), "MALFORMED", "LIMIT_EXCEEDED");
    expectCode(() => formatTlogProof({ index: -1, proof: hashes, note }), "MALFORMED", "INDEX_RANGE");
    expectCode(
      () => formatTlogProof({ index: 6, proof: hashes, note: noCheckpoint }),
      "MALFORMED",
      "CHECKPOINT_MALFORMED",
    );
    expectCode(
      () => formatTlogProof({ index: 6, proof: [new Uint8Array(3) as Hash], note }),
      "MALFORMED",
      "HASH_LENGTH",
    );
    expect(parseNote(formatNote(note))).to.deep.equal(note);
  });

  it("hostile values are refused with a code", () => refusesHostile(parseTlogProof));
});
