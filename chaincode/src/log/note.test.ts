import { expect } from "chai";
import fc from "fast-check";
import { concat, toBase64, utf8 } from "./bytes.js";
import { formatNote, MAX_NOTE_BYTES, MAX_NOTE_SIGNATURES, type NoteSignature, parseNote } from "./note.js";
import { expectCode, refusesHostile } from "./support.test.js";

const line = (name: string, bytes: Uint8Array = new Uint8Array(68)) => `— ${name} ${toBase64(bytes)}\n`;
const NOTE = `a text\n\n${line("a.example/k")}`;

const name = fc.stringMatching(/^[a-z0-9./é—_-]{1,12}$/u);
const signature: fc.Arbitrary<NoteSignature> = fc.record({
  name,
  id: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  bytes: fc.uint8Array({ minLength: 1, maxLength: 80 }),
});
const text = fc.array(fc.string({ unit: "grapheme", maxLength: 8 }), { minLength: 1, maxLength: 6 }).map(
  (lines) =>
    `${lines
      .map((l) =>
        Array.from(l)
          .filter((c) => c >= " ")
          .join(""),
      )
      .join("\n")}\n`,
);

describe("log/note", () => {
  it("parses back what it wrote: texts with blank lines, any names, ids and signatures", () => {
    fc.assert(
      fc.property(text, fc.array(signature, { minLength: 1, maxLength: 64 }), (body, signatures) => {
        const note = { text: body, signatures };
        const written = formatNote(note);
        expect(parseNote(written)).to.deep.equal(note);
        expect(parseNote(utf8(written))).to.deep.equal(note);
      }),
    );
  });

  it("whatever it parses it writes back byte for byte", () => {
    const edit = fc.record({
      at: fc.nat(),
      text: fc.constantFrom("", "\n", " ", "A", "=", "—", "+", "\n\n", "\u00a0"),
    });
    fc.assert(
      fc.property(edit, fc.boolean(), ({ at, text: insert }, replace) => {
        const position = at % NOTE.length;
        const edited = NOTE.slice(0, position) + insert + NOTE.slice(position + (replace ? 1 : 0));
        try {
          expect(formatNote(parseNote(edited))).to.equal(edited);
        } catch (error) {
          expect(error).to.have.property("code", "MALFORMED");
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("splits at the last blank line", () => {
    const tricky = `first\n\n${line("x")}\nlast\n\n${line("a")}${line("b")}`;
    const note = parseNote(tricky);
    expect(note.text).to.equal(`first\n\n${line("x")}\nlast\n`);
    expect(note.signatures.map((s) => s.name)).to.deep.equal(["a", "b"]);
  });

  const attacks: readonly (readonly [attack: string, note: string | Uint8Array, detail: string])[] = [
    ["18 no final line feed", NOTE.slice(0, -1), "NOTE_MALFORMED"],
    ["18 a carriage return", NOTE.replace("text\n", "text\r\n"), "NOTE_MALFORMED"],
    ["18 a carriage return in the signature", NOTE.replace(/\n$/, "\r\n"), "NOTE_MALFORMED"],
    ["18 a tab", NOTE.replace("a text", "a\ttext"), "NOTE_MALFORMED"],
    ["18 a zero byte", NOTE.replace("a text", "a\0text"), "NOTE_MALFORMED"],
    ["18 a final blank line", `${NOTE}\n`, "NOTE_MALFORMED"],
    ["no blank line", NOTE.replace("\n\n", "\n"), "NOTE_MALFORMED"],
    ["no signature", "a text\n\n", "NOTE_MALFORMED"],
    ["no text", `\n${line("a")}`, "NOTE_MALFORMED"],
    ["a hyphen for the em dash", NOTE.replace("—", "-"), "NOTE_MALFORMED"],
    ["an en dash for the em dash", NOTE.replace("—", "–"), "NOTE_MALFORMED"],
    ["no space after the dash", NOTE.replace("— ", "—"), "NOTE_MALFORMED"],
    ["two spaces after the dash", NOTE.replace("— ", "—  "), "NOTE_MALFORMED"],
    ["no name", NOTE.replace("a.example/k ", ""), "NOTE_MALFORMED"],
    ["a plus in the name", NOTE.replace("a.example", "a+example"), "NOTE_MALFORMED"],
    ["a no-break space in the name", NOTE.replace("a.example", "a\u00a0example"), "NOTE_MALFORMED"],
    ["an ideographic space in the name", NOTE.replace("a.example", "a\u3000example"), "NOTE_MALFORMED"],
    ["a word after the signature", NOTE.replace(/\n$/, " x\n"), "NOTE_MALFORMED"],
    ["a foreign line among the signatures", `${NOTE}x\n`, "NOTE_MALFORMED"],
    ["a signature of four bytes (only a key id)", `a\n\n${line("a", new Uint8Array(4))}`, "NOTE_MALFORMED"],
    ["an empty signature", "a\n\n— a \n", "NOTE_MALFORMED"],
    ["19 base64 without padding", NOTE.replace("=\n", "\n"), "BASE64_INVALID"],
    ["19 base64 with tail bits", NOTE.replace("A=\n", "B=\n"), "BASE64_INVALID"],
    ["19 base64url", `a\n\n— a ${"-_".repeat(8)}\n`, "BASE64_INVALID"],
    ["bad UTF-8", concat(utf8("a"), Uint8Array.of(0xff), utf8(NOTE)), "NOT_UTF8"],
    ["a lone surrogate", NOTE.replace("a text", "a \ud800"), "NOT_UTF8"],
    ["74 65 signatures", `a\n\n${line("a").repeat(65)}`, "LIMIT_EXCEEDED"],
    ["74 more than 64 KiB", `${"a".repeat(64 * 1024)}${NOTE}`, "LIMIT_EXCEEDED"],
    ["74 more than 64 KiB of UTF-8 in fewer characters", `${"权".repeat(22_000)}${NOTE}`, "LIMIT_EXCEEDED"],
    ["74 line feeds only", "\n".repeat(64 * 1024), "NOTE_MALFORMED"],
  ];
  for (const [attack, note, detail] of attacks) {
    it(`${attack} → ${detail}`, () => expectCode(() => parseNote(note), "MALFORMED", detail));
  }

  it("takes 64 signatures and 64 KiB", () => {
    expect(parseNote(`a\n\n${line("a").repeat(MAX_NOTE_SIGNATURES)}`).signatures.length).to.equal(64);
    const full = `${"a".repeat(MAX_NOTE_BYTES - utf8(NOTE).length)}${NOTE}`;
    expect(formatNote(parseNote(full))).to.equal(full);
    expectCode(() => parseNote(`a${full}`), "MALFORMED", "LIMIT_EXCEEDED");
  });

  it("does not write what it would not parse", () => {
    const good = parseNote(NOTE);
    const [only] = good.signatures as [NoteSignature];
    const many = Array.from({ length: 65 }, () => only);
    expectCode(() => formatNote({ ...good, text: "no line feed" }), "MALFORMED", "NOTE_MALFORMED");
    expectCode(() => formatNote({ ...good, text: "" }), "MALFORMED", "NOTE_MALFORMED");
    expectCode(() => formatNote({ ...good, text: "a\r\n" }), "MALFORMED", "NOTE_MALFORMED");
    expectCode(() => formatNote({ ...good, signatures: [] }), "MALFORMED", "NOTE_MALFORMED");
    expectCode(() => formatNote({ ...good, signatures: [{ ...only, name: "a b" }] }), "MALFORMED", "NOTE_MALFORMED");
    expectCode(() => formatNote({ ...good, signatures: [{ ...only, name: "a\n\n" }] }), "MALFORMED", "NOTE_MALFORMED");
    expectCode(() => formatNote({ ...good, signatures: many }), "MALFORMED", "LIMIT_EXCEEDED");
    expectCode(() => formatNote({ ...good, text: `${"a".repeat(MAX_NOTE_BYTES)}\n` }), "MALFORMED", "LIMIT_EXCEEDED");
  });

  it("a name cannot smuggle a second signature line into a note", () => {
    const good = parseNote(NOTE);
    const name = `a AAAAAAAA\n— b`;
    const forged = { ...good, signatures: good.signatures.map((s) => ({ ...s, name })) };
    expectCode(() => formatNote(forged), "MALFORMED", "NOTE_MALFORMED");
  });

  it("hostile values are refused with a code", () => refusesHostile(parseNote));
});
