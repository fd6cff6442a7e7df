import { expect } from "chai";
import fc from "fast-check";
import { formatAddCheckpoint, parseAddCheckpoint } from "./add-checkpoint.js";
import { formatCheckpoint } from "./checkpoint.js";
import { signNote } from "./note-signature.js";
import { expectCode, leafAt, noteSigner, refusesHostile } from "./support.test.js";
import { NOTE_TYPES } from "./vkey.js";

const ORIGIN = "quanji.example/szx/gw/0";
const log = noteSigner(ORIGIN, NOTE_TYPES.ed25519);
const text = formatCheckpoint({ origin: ORIGIN, size: 5, root: leafAt("root", 5) });
const note = { text, signatures: [await signNote(text, log.key, log.sign)] };
const BODY = formatAddCheckpoint({ oldSize: 3, proof: [leafAt("p", 0), leafAt("p", 1)], note });

describe("log/add-checkpoint", () => {
  it("is the old size, the proof, a blank line and the checkpoint", () => {
    const lines = BODY.split("\n");
    expect(lines[0]).to.equal("old 3");
    expect(lines.slice(3, 5)).to.deep.equal(["", ORIGIN]);
    expect(parseAddCheckpoint(BODY)).to.deep.include({ oldSize: 3, note });
    expect(parseAddCheckpoint(BODY).checkpoint).to.include({ origin: ORIGIN, size: 5 });
  });

  it("parses back what it wrote", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.nat(63), (oldSize, hashes) => {
        const request = { oldSize, proof: Array.from({ length: hashes }, (_, i) => leafAt("p", i)), note };
        const { checkpoint: _known, ...back } = parseAddCheckpoint(formatAddCheckpoint(request));
        expect(back).to.deep.equal(request);
      }),
    );
  });

  const attacks: readonly (readonly [attack: string, body: string, detail: string])[] = [
    ["no blank line", "old 3\n", "PROOF_MALFORMED"],
    ["another word", BODY.replace("old ", "size "), "PROOF_MALFORMED"],
    ["two numbers", BODY.replace("old 3", "old 3 4"), "PROOF_MALFORMED"],
    ["a leading zero", BODY.replace("old 3", "old 03"), "PROOF_MALFORMED"],
    ["a negative size", BODY.replace("old 3", "old -3"), "PROOF_MALFORMED"],
    ["a hash without padding", BODY.replace("=\n", "\n"), "BASE64_INVALID"],
    [
      "74 more than 63 hashes",
      `old 3\n${`${"A".repeat(43)}=\n`.repeat(64)}\n${BODY.split("\n\n")[1]}`,
      "LIMIT_EXCEEDED",
    ],
    ["no checkpoint after the blank line", "old 3\n\n", "NOTE_MALFORMED"],
    ["21 an extension line", BODY.replace("=\n\n— ", "=\nmore\n\n— "), "CHECKPOINT_EXTENSION"],
    ["a carriage return", BODY.replace("\n", "\r\n"), "PROOF_MALFORMED"],
  ];
  for (const [attack, body, detail] of attacks) {
    it(`${attack} → ${detail}`, () => expectCode(() => parseAddCheckpoint(body), "MALFORMED", detail));
  }

  it("does not write what it would not parse", () => {
    const proof = Array.from({ length: 64 }, () => leafAt("p", 0));
    expectCode(() => formatAddCheckpoint({ oldSize: 3, proof, note }), "MALFORMED", "LIMIT_EXCEEDED");
    expectCode(() => formatAddCheckpoint({ oldSize: -1, proof: [], note }), "MALFORMED", "INDEX_RANGE");
  });

  it("hostile values are refused with a code", () => refusesHostile(parseAddCheckpoint));
});
