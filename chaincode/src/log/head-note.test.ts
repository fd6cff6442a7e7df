import { expect } from "chai";
import fc from "fast-check";
import { chainStart, emptyHead, extend, PUBLIC_SALT, sealedDigest } from "./chain.js";
import { type Hash, parseHash } from "./hash.js";
import { formatHeadNote, type HeadNote, openHeadNote, parseHeadNote } from "./head-note.js";
import { formatNote } from "./note.js";
import { cosignNote, signNote } from "./note-signature.js";
import { expectCode, expectCodeAsync, leafAt, noteSigner, refusesHostile, verifyByNode } from "./support.test.js";
import { NOTE_TYPES } from "./vkey.js";

/** The example of the protocol document. */
const TEXT = `quanji/trail-head/v1
at quanji.example/szx/gw-transport/0 3 MIuIGpSRago6pOF/UpITbX01I2+WbKDlkrw6TKpuwLM=
key OyuPIQWnfmpO+XDgwsXf3FxuS1ZwHcy8YkLFXCv5XXk=
state pn5Sg2JZHhOP3J91QRlB5W1V+AT0hw3kiB9/WTIDw/Y=
block 4711 GZ2acDF3UYIfEGREt2LOgxIIUV4ctfekwQWat10Yca0=
time 1763624163
`;
const lines = TEXT.split("\n");
const edited = (at: number, ...insert: string[]) => lines.toSpliced(at, 1, ...insert).join("\n");

describe("log/head-note", () => {
  it("reads and writes the example of the protocol", () => {
    const head = parseHeadNote(TEXT);
    expect(head.at).to.include({ scope: "quanji.example/szx/gw-transport/0", number: 3 });
    expect(head.block.number).to.equal(4711);
    expect(head.time).to.equal(1763624163);
    expect(formatHeadNote(head)).to.equal(TEXT);
  });

  it("of a command chain: the position is the network, a block's number and header hash", () => {
    const key = { scope: "quanji.example/szx", kind: "directory" as const, id: "quanji.example/szx" };
    const tip = extend(emptyHead(key), leafAt("entry", 0));
    const header = leafAt("header", 4711);
    const head: HeadNote = {
      at: { scope: key.scope, number: 4711, hash: header },
      key: chainStart(key),
      state: parseHash(sealedDigest(tip, PUBLIC_SALT)),
      block: { number: 4711, hash: header },
      time: 1763624163,
    };
    expect(parseHeadNote(formatHeadNote(head))).to.deep.equal(head);
    expect(formatHeadNote(head)).to.match(/^quanji\/trail-head\/v1\nat quanji\.example\/szx 4711 \S+\nkey /);
  });

  it("of a chain that was never touched: state none", () => {
    const head: HeadNote = { ...parseHeadNote(TEXT), state: "none" };
    expect(formatHeadNote(head)).to.contain("\nstate none\n");
    expect(parseHeadNote(formatHeadNote(head))).to.deep.equal(head);
  });

  it("parses back what it wrote", () => {
    const position = fc.tuple(fc.stringMatching(/^[a-z./0-9-]{1,20}$/), fc.maxSafeNat());
    fc.assert(
      fc.property(position, fc.maxSafeNat(), fc.maxSafeNat(), fc.boolean(), ([scope, number], block, time, none) => {
        const head: HeadNote = {
          at: { scope, number, hash: leafAt("at", number) },
          key: leafAt("key", number),
          state: none ? "none" : leafAt("state", number),
          block: { number: block, hash: leafAt("block", block) },
          time,
        };
        expect(parseHeadNote(formatHeadNote(head))).to.deep.equal(head);
      }),
    );
  });

  it("whatever it parses it writes back byte for byte", () => {
    const insert = fc.constantFrom("", "\n", " ", "0", "=", "A", "none");
    fc.assert(
      fc.property(fc.nat(TEXT.length - 1), insert, fc.boolean(), (at, piece, replace) => {
        const changed = TEXT.slice(0, at) + piece + TEXT.slice(at + (replace ? 1 : 0));
        try {
          expect(formatHeadNote(parseHeadNote(changed))).to.equal(changed);
        } catch (error) {
          expect(error).to.have.property("code", "MALFORMED");
        }
      }),
      { numRuns: 2000 },
    );
  });

  const attacks: readonly (readonly [attack: string, text: string, detail: string])[] = [
    ["another version", edited(0, "quanji/trail-head/v2"), "HEAD_NOTE_MALFORMED"],
    ["a line more at the end", `${TEXT}more 1\n`, "HEAD_NOTE_MALFORMED"],
    ["a line more before the end", edited(5, "also this", lines[5] ?? ""), "HEAD_NOTE_MALFORMED"],
    ["no final line feed", TEXT.slice(0, -1), "HEAD_NOTE_MALFORMED"],
    [
      "two lines swapped",
      edited(2, lines[3] ?? "").replace(`${lines[3]}\n${lines[3]}`, `${lines[3]}\n${lines[2]}`),
      "HEAD_NOTE_MALFORMED",
    ],
    ["a line twice", edited(5, lines[4] ?? ""), "HEAD_NOTE_MALFORMED"],
    ["a carriage return", TEXT.replaceAll("\n", "\r\n"), "HEAD_NOTE_MALFORMED"],
    ["two spaces", TEXT.replace("at ", "at  "), "HEAD_NOTE_MALFORMED"],
    ["a space at a line's end", edited(2, `${lines[2] ?? ""} `), "HEAD_NOTE_MALFORMED"],
    ["a position of two words", edited(1, "at quanji.example/szx 3"), "HEAD_NOTE_MALFORMED"],
    ["a scope with a plus", TEXT.replace("szx/", "szx+"), "HEAD_NOTE_MALFORMED"],
    ["a size with a leading zero", TEXT.replace("/0 3 ", "/0 03 "), "HEAD_NOTE_MALFORMED"],
    ["a block of 2⁵³", TEXT.replace("4711", "9007199254740992"), "HEAD_NOTE_MALFORMED"],
    ["a time with a fraction", TEXT.replace("1763624163", "1763624163.5"), "HEAD_NOTE_MALFORMED"],
    ["a time with a leading zero", TEXT.replace("time 1", "time 01"), "HEAD_NOTE_MALFORMED"],
    ["state None", edited(3, "state None"), "HASH_LENGTH"],
    ["state empty", edited(3, "state "), "HASH_LENGTH"],
    ["key none", edited(2, "key none"), "HASH_LENGTH"],
    ["a key in base64url", TEXT.replace("fmpO+X", "fmpO-X"), "BASE64_INVALID"],
    ["a hash without padding", TEXT.replace("XXk=", "XXk"), "BASE64_INVALID"],
    ["a hash of 33 bytes", edited(2, `key ${Buffer.alloc(33).toString("base64")}`), "HASH_LENGTH"],
  ];
  for (const [attack, text, detail] of attacks) {
    it(`${attack} → ${detail}`, () => expectCode(() => parseHeadNote(text), "MALFORMED", detail));
  }

  it("does not write what it would not parse", () => {
    const head = parseHeadNote(TEXT);
    const at = (change: Partial<HeadNote["at"]>) => () => formatHeadNote({ ...head, at: { ...head.at, ...change } });
    expectCode(at({ scope: "a b" }), "MALFORMED", "HEAD_NOTE_MALFORMED");
    expectCode(at({ number: -1 }), "MALFORMED", "INDEX_RANGE");
    expectCode(at({ hash: new Uint8Array(31) as Hash }), "MALFORMED", "HASH_LENGTH");
    expectCode(() => formatHeadNote({ ...head, time: 1.5 }), "MALFORMED", "INDEX_RANGE");
  });

  it("hostile values are refused with a code", () => refusesHostile(parseHeadNote));
});

const heads = noteSigner("witness.dsj.example/heads", NOTE_TYPES.ed25519);
const signed = formatNote({ text: TEXT, signatures: [await signNote(TEXT, heads.key, heads.sign)] });

describe("log/head-note, opened", () => {
  it("answers the head under its key", async () => {
    expect(await openHeadNote(signed, heads.key, verifyByNode)).to.deep.equal(parseHeadNote(TEXT));
  });

  it("8 an old head cannot be given a new date, nor a new state an old date", async () => {
    for (const forged of [
      signed.replace("1763624163", "1763624164"),
      signed.replace("/0 3 ", "/0 4 "),
      signed.replace(/^state .*$/m, "state none"),
    ]) {
      await expectCodeAsync(openHeadNote(forged, heads.key, verifyByNode), "PROOF_INVALID", "LOG_SIGNATURE_INVALID");
    }
  });

  it("another key's signature is none", async () => {
    const other = noteSigner("witness.dsj.example/heads", NOTE_TYPES.ed25519, "another seed");
    await expectCodeAsync(openHeadNote(signed, other.key, verifyByNode), "PROOF_INVALID", "LOG_SIGNATURE_INVALID");
  });

  it("27 a witness's cosigning key does not speak for heads", async () => {
    const witness = noteSigner("witness.dsj.example/w", NOTE_TYPES.cosignature);
    const cosigned = formatNote({ text: TEXT, signatures: [await cosignNote(TEXT, witness.key, 1, witness.sign)] });
    await expectCodeAsync(openHeadNote(cosigned, witness.key, verifyByNode), "MALFORMED", "KEY_PURPOSE");
  });

  it("a checkpoint is no head note", async () => {
    const text = "quanji.example/szx/gw/0\n3\nMIuIGpSRago6pOF/UpITbX01I2+WbKDlkrw6TKpuwLM=\n";
    const checkpoint = formatNote({ text, signatures: [await signNote(text, heads.key, heads.sign)] });
    await expectCodeAsync(openHeadNote(checkpoint, heads.key, verifyByNode), "MALFORMED", "HEAD_NOTE_MALFORMED");
  });
});
