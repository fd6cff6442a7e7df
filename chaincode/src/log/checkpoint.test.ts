import { expect } from "chai";
import fc from "fast-check";
import { type Checkpoint, formatCheckpoint, openCheckpoint, parseCheckpoint } from "./checkpoint.js";
import type { Hash } from "./hash.js";
import { formatNote } from "./note.js";
import { cosignNote, signNote } from "./note-signature.js";
import { expectCode, expectCodeAsync, leafAt, noteSigner, refusesHostile, verifyByNode } from "./support.test.js";
import { EMPTY_ROOT } from "./tree.js";
import { NOTE_TYPES } from "./vkey.js";

const ORIGIN = "quanji.example/szx/gw-transport/0";
const ROOT = "MIuIGpSRago6pOF/UpITbX01I2+WbKDlkrw6TKpuwLM=";
const TEXT = `${ORIGIN}\n3\n${ROOT}\n`;
const EMPTY = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

describe("log/checkpoint", () => {
  it("is three lines: origin, size, root", () => {
    const checkpoint = { origin: ORIGIN, size: 3, root: Uint8Array.from(Buffer.from(ROOT, "base64")) as Hash };
    expect(parseCheckpoint(TEXT)).to.deep.equal(checkpoint);
    expect(formatCheckpoint(checkpoint)).to.equal(TEXT);
  });

  it("parses back what it wrote", () => {
    const origin = fc.stringMatching(/^[a-z0-9./权-]{1,20}$/u);
    fc.assert(
      fc.property(origin, fc.maxSafeNat(), (name, size) => {
        const checkpoint = { origin: name, size, root: size === 0 ? EMPTY_ROOT : leafAt(name, size) };
        expect(parseCheckpoint(formatCheckpoint(checkpoint))).to.deep.equal(checkpoint);
      }),
    );
  });

  it("whatever it parses it writes back byte for byte", () => {
    fc.assert(
      fc.property(fc.nat(TEXT.length - 1), fc.constantFrom("", "\n", " ", "0", "=", "A", "+"), (at, insert) => {
        for (const edited of [
          TEXT.slice(0, at) + insert + TEXT.slice(at),
          TEXT.slice(0, at) + insert + TEXT.slice(at + 1),
        ]) {
          try {
            expect(formatCheckpoint(parseCheckpoint(edited))).to.equal(edited);
          } catch (error) {
            expect(error).to.have.property("code", "MALFORMED");
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  const attacks: readonly (readonly [attack: string, text: string, detail: string])[] = [
    ["20 a leading zero in the size", TEXT.replace("\n3\n", "\n03\n"), "CHECKPOINT_MALFORMED"],
    ["20 a size of 00", `${ORIGIN}\n00\n${EMPTY}\n`, "CHECKPOINT_MALFORMED"],
    ["a size of 2⁵³", TEXT.replace("\n3\n", "\n9007199254740992\n"), "CHECKPOINT_MALFORMED"],
    ["a size of 2⁶⁴", TEXT.replace("\n3\n", "\n18446744073709551616\n"), "CHECKPOINT_MALFORMED"],
    ["a size with sign", TEXT.replace("\n3\n", "\n+3\n"), "CHECKPOINT_MALFORMED"],
    ["a negative size", TEXT.replace("\n3\n", "\n-3\n"), "CHECKPOINT_MALFORMED"],
    ["a size in other digits", TEXT.replace("\n3\n", "\n٣\n"), "CHECKPOINT_MALFORMED"],
    ["a size with exponent", TEXT.replace("\n3\n", "\n3e0\n"), "CHECKPOINT_MALFORMED"],
    ["a size with space", TEXT.replace("\n3\n", "\n3 \n"), "CHECKPOINT_MALFORMED"],
    ["no size", `${ORIGIN}\n\n${ROOT}\n`, "CHECKPOINT_MALFORMED"],
    ["size 0 with another root than SHA-256 of nothing", TEXT.replace("\n3\n", "\n0\n"), "CHECKPOINT_MALFORMED"],
    ["no origin", `\n3\n${ROOT}\n`, "CHECKPOINT_MALFORMED"],
    ["a space in the origin", `a b\n3\n${ROOT}\n`, "CHECKPOINT_MALFORMED"],
    ["a plus in the origin", `a+b\n3\n${ROOT}\n`, "CHECKPOINT_MALFORMED"],
    ["a carriage return", TEXT.replaceAll("\n", "\r\n"), "CHECKPOINT_MALFORMED"],
    ["no final line feed", TEXT.slice(0, -1), "CHECKPOINT_MALFORMED"],
    ["two lines", `${ORIGIN}\n3\n`, "CHECKPOINT_MALFORMED"],
    ["21 an extension line", `${TEXT}the witness also promises this\n`, "CHECKPOINT_EXTENSION"],
    ["21 an empty extension line", `${TEXT}\n`, "CHECKPOINT_EXTENSION"],
    ["19 a root without padding", TEXT.replace("=", ""), "BASE64_INVALID"],
    ["19 a root with tail bits", TEXT.replace("M=", "N="), "BASE64_INVALID"],
    ["a root in base64url", TEXT.replace("/UpI", "_UpI"), "BASE64_INVALID"],
    ["a root of 31 bytes", `${ORIGIN}\n3\n${Buffer.alloc(31).toString("base64")}\n`, "HASH_LENGTH"],
    ["a root of 64 bytes", `${ORIGIN}\n3\n${Buffer.alloc(64).toString("base64")}\n`, "HASH_LENGTH"],
  ];
  for (const [attack, text, detail] of attacks) {
    it(`${attack} → ${detail}`, () => expectCode(() => parseCheckpoint(text), "MALFORMED", detail));
  }

  it("does not write what it would not parse", () => {
    const good = parseCheckpoint(TEXT);
    expectCode(() => formatCheckpoint({ ...good, size: 0 }), "MALFORMED", "CHECKPOINT_MALFORMED");
    expectCode(() => formatCheckpoint({ ...good, origin: "a\nb" }), "MALFORMED", "CHECKPOINT_MALFORMED");
    expectCode(() => formatCheckpoint({ ...good, size: 2 ** 53 }), "MALFORMED", "INDEX_RANGE");
    expectCode(() => formatCheckpoint({ ...good, root: new Uint8Array(31) as Hash }), "MALFORMED", "HASH_LENGTH");
  });

  it("hostile values are refused with a code", () => refusesHostile(parseCheckpoint));
});

const log = noteSigner(ORIGIN, NOTE_TYPES.ed25519);
const rotated = noteSigner(ORIGIN, NOTE_TYPES.ed25519, "the log's second key");
const witness = noteSigner("w.example", NOTE_TYPES.cosignature);
const checkpoint: Checkpoint = parseCheckpoint(TEXT);
const byLog = await signNote(TEXT, log.key, log.sign);
const byWitness = await cosignNote(TEXT, witness.key, 1763624163, witness.sign);
const signed = formatNote({ text: TEXT, signatures: [byLog, byWitness] });

describe("log/checkpoint, opened", () => {
  it("answers checkpoint, log keys and witnesses", async () => {
    const opened = await openCheckpoint(signed, [rotated.key, log.key], [witness.key], verifyByNode);
    expect(opened.checkpoint).to.deep.equal(checkpoint);
    expect(opened.signers).to.deep.equal([{ key: log.key }]);
    expect(opened.cosigners).to.deep.equal([{ key: witness.key, time: 1763624163 }]);
    expect(formatNote(opened.note)).to.equal(signed);
  });

  it("22 an origin that no log key has → LOG_UNKNOWN", async () => {
    const other = noteSigner("quanji.example/szx/gw-transport/1", NOTE_TYPES.ed25519);
    await expectCodeAsync(openCheckpoint(signed, [other.key], [], verifyByNode), "PROOF_INVALID", "LOG_UNKNOWN");
    await expectCodeAsync(openCheckpoint(signed, [], [], verifyByNode), "PROOF_INVALID", "LOG_UNKNOWN");
  });

  it("22 another log's key cannot sign for this origin", async () => {
    const other = noteSigner("quanji.example/szx/gw-transport/1", NOTE_TYPES.ed25519);
    const forged = formatNote({ text: TEXT, signatures: [await signNote(TEXT, other.key, other.sign)] });
    const opened = openCheckpoint(forged, [log.key, other.key], [], verifyByNode);
    await expectCodeAsync(opened, "PROOF_INVALID", "LOG_SIGNATURE_INVALID");
  });

  it("23 cosigned only, not signed by the log → LOG_SIGNATURE_INVALID", async () => {
    const unsigned = formatNote({ text: TEXT, signatures: [byWitness] });
    const opened = openCheckpoint(unsigned, [log.key], [witness.key], verifyByNode);
    await expectCodeAsync(opened, "PROOF_INVALID", "LOG_SIGNATURE_INVALID");
  });

  it("27 keys in the wrong list → KEY_PURPOSE", async () => {
    await expectCodeAsync(openCheckpoint(signed, [witness.key], [], verifyByNode), "MALFORMED", "KEY_PURPOSE");
    await expectCodeAsync(openCheckpoint(signed, [log.key], [log.key], verifyByNode), "MALFORMED", "KEY_PURPOSE");
  });

  it("21 a signed extension line is refused before any signature is looked at", async () => {
    const text = `${TEXT}extension\n`;
    const extended = formatNote({ text, signatures: [await signNote(text, log.key, log.sign)] });
    const opened = openCheckpoint(extended, [log.key], [], () => Promise.reject(new Error("not to be called")));
    await expectCodeAsync(opened, "MALFORMED", "CHECKPOINT_EXTENSION");
  });
});
