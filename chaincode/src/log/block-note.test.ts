import { expect } from "chai";
import { type BlockNote, formatBlockNote, parseBlockNote } from "./block-note.js";
import { expectCode, leafAt, refusesHostile } from "./support.test.js";

/** The example of docs/protocol.md. */
const TEXT = `quanji/block/v1
ledger OyuPIQWnfmpO+XDgwsXf3FxuS1ZwHcy8YkLFXCv5XXk=
block 4711 GZ2acDF3UYIfEGREt2LOgxIIUV4ctfekwQWat10Yca0=
commit pn5Sg2JZHhOP3J91QRlB5W1V+AT0hw3kiB9/WTIDw/Y=
`;
const lines = TEXT.split("\n");
const edited = (at: number, ...insert: string[]) => lines.toSpliced(at, 1, ...insert).join("\n");

describe("log/block-note", () => {
  it("reads and writes the example of the protocol", () => {
    const note = parseBlockNote(TEXT);
    expect(note.block.number).to.equal(4711);
    expect(formatBlockNote(note)).to.equal(TEXT);
  });

  it("of a peer that keeps no hash of its state: commit none", () => {
    const note: BlockNote = {
      ledger: leafAt("ledger", 0),
      block: { number: 0, hash: leafAt("ledger", 0) },
      commit: "none",
    };
    expect(formatBlockNote(note)).to.match(/\ncommit none\n$/);
    expect(parseBlockNote(formatBlockNote(note))).to.deep.equal(note);
  });

  for (const [what, text, detail] of [
    ["another version", edited(0, "quanji/block/v2"), "BLOCK_NOTE_MALFORMED"],
    ["a head note", edited(0, "quanji/trail-head/v1"), "BLOCK_NOTE_MALFORMED"],
    ["no final line feed", TEXT.slice(0, -1), "BLOCK_NOTE_MALFORMED"],
    ["one line more", `${TEXT}time 1\n`, "BLOCK_NOTE_MALFORMED"],
    ["one line less", edited(3), "BLOCK_NOTE_MALFORMED"],
    [
      "two lines swapped",
      edited(1, lines[2] ?? "", lines[1] ?? "").replace(/\nblock.*\n(?=commit)/, "\n"),
      "BLOCK_NOTE_MALFORMED",
    ],
    ["a label changed", edited(2, (lines[2] ?? "").replace("block", "blocks")), "BLOCK_NOTE_MALFORMED"],
    ["two spaces", edited(2, (lines[2] ?? "").replace(" ", "  ")), "BLOCK_NOTE_MALFORMED"],
    ["a leading zero", edited(2, (lines[2] ?? "").replace("4711", "04711")), "BLOCK_NOTE_MALFORMED"],
    ["no number", edited(2, (lines[2] ?? "").replace("4711", "x")), "BLOCK_NOTE_MALFORMED"],
    ["a carriage return", TEXT.replace("\n", "\r\n"), "BLOCK_NOTE_MALFORMED"],
    ["base64url", edited(3, (lines[3] ?? "").replace("+", "-")), "BASE64_INVALID"],
    ["a hash of 31 bytes", edited(3, `commit ${Buffer.alloc(31).toString("base64")}`), "HASH_LENGTH"],
    ["none for the block", edited(2, "block 4711 none"), "HASH_LENGTH"],
  ] as const) {
    it(`refuses ${what}`, () => {
      expectCode(() => parseBlockNote(text), "MALFORMED", detail);
    });
  }

  it("refuses whatever else it is given", () => {
    refusesHostile(parseBlockNote);
  });
});
