import { expect } from "chai";
import fc from "fast-check";
import { utf8 } from "./bytes.js";
import type { VerifySignature } from "./keys.js";
import { formatNote, type NoteSignature, parseNote, type SignedNote } from "./note.js";
import { cosignNote, signNote, verifySignatures } from "./note-signature.js";
import { ed25519, expectCodeAsync, noteSigner, verifyByNode } from "./support.test.js";
import { NOTE_TYPES, noteKey, parseVkey } from "./vkey.js";

const { ed25519: LOG, cosignature: WITNESS } = NOTE_TYPES;
const log = noteSigner("quanji.example/szx/gw/0", LOG);
const witnesses = ["w1.example", "w2.example", "w3.example"].map((name) => noteSigner(name, WITNESS));
const [w1, w2] = witnesses as [(typeof witnesses)[0], (typeof witnesses)[0]];
const TEXT = "quanji.example/szx/gw/0\n3\nMIuIGpSRago6pOF/UpITbX01I2+WbKDlkrw6TKpuwLM=\n";
const TIME = 1763624163;

const byLog = await signNote(TEXT, log.key, log.sign);
const byW1 = await cosignNote(TEXT, w1.key, TIME, w1.sign);
const byW2 = await cosignNote(TEXT, w2.key, TIME + 1, w2.sign);
const note: SignedNote = { text: TEXT, signatures: [byLog, byW1, byW2] };

const flipBit = (signature: NoteSignature, bit: number): NoteSignature => {
  const bytes = Uint8Array.from(signature.bytes);
  bytes[bit >> 3] = bytes[bit >> 3]! ^ (1 << (bit & 7));
  return { ...signature, bytes };
};
const check = (signed: SignedNote, ...keys: { key: typeof log.key }[]) =>
  verifySignatures(
    signed,
    keys.map(({ key }) => key),
    verifyByNode,
  );

describe("log/note-signature", () => {
  it("verifies the note of the Go documentation", async () => {
    const published = parseNote(
      "If you think cryptography is the answer to your problem,\n" +
        "then you don't know what your problem is.\n\n" +
        "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n",
    );
    const key = parseVkey("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", LOG);
    expect(await verifySignatures(published, [key], verifyByNode)).to.deep.equal([{ key }]);
  });

  it("answers the known keys that signed, witnesses with their times, and passes over the others", async () => {
    const written = parseNote(formatNote(note));
    expect(await check(written, log, w1)).to.deep.equal([{ key: log.key }, { key: w1.key, time: TIME }]);
    expect(await check(written, w2)).to.deep.equal([{ key: w2.key, time: TIME + 1 }]);
    expect(await check(written, noteSigner("stranger", LOG))).to.deep.equal([]);
    expect(await check(written)).to.deep.equal([]);
  });

  it("a cosignature is over cosignature/v1, time and text: key id, u64 time, 64 bytes", async () => {
    expect(byW1.bytes.length).to.equal(72);
    expect(Buffer.from(byW1.bytes).readBigUInt64BE(0)).to.equal(BigInt(TIME));
    const message = utf8(`cosignature/v1\ntime ${TIME}\n${TEXT}`);
    expect(await verifyByNode(w1.key.jwk, message, byW1.bytes.subarray(8))).to.be.true;
  });

  it("a name or an id that is known alone does not make a key known", async () => {
    const otherName = { ...note, signatures: [{ ...flipBit(byLog, 3), name: "mallory" }] };
    const otherId = { ...note, signatures: [{ ...flipBit(byLog, 3), id: byLog.id ^ 1 }] };
    expect(await check(otherName, log)).to.deep.equal([]);
    expect(await check(otherId, log)).to.deep.equal([]);
  });

  it("23 any bit of a log's signature changed → LOG_SIGNATURE_INVALID", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(511), async (bit) => {
        const forged = { ...note, signatures: [flipBit(byLog, bit), byW1] };
        await expectCodeAsync(check(forged, log, w1), "PROOF_INVALID", "LOG_SIGNATURE_INVALID");
      }),
    );
  });

  it("24 any bit of a cosignature changed, its time above all → WITNESS_SIGNATURE_INVALID", async () => {
    for (let bit = 0; bit < 64; bit++) {
      const forged = { ...note, signatures: [byLog, flipBit(byW1, bit)] };
      await expectCodeAsync(check(forged, log, w1), "PROOF_INVALID", "WITNESS_SIGNATURE_INVALID");
    }
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 64, max: 575 }), async (bit) => {
        const forged = { ...note, signatures: [byLog, flipBit(byW1, bit)] };
        await expectCodeAsync(check(forged, log, w1), "PROOF_INVALID", "WITNESS_SIGNATURE_INVALID");
      }),
    );
  });

  it("a signature over another text, or of another length, fails", async () => {
    const moved = { text: TEXT.replace("\n3\n", "\n4\n"), signatures: note.signatures };
    await expectCodeAsync(check(moved, log), "PROOF_INVALID", "LOG_SIGNATURE_INVALID");
    await expectCodeAsync(check(moved, w1), "PROOF_INVALID", "WITNESS_SIGNATURE_INVALID");
    for (const length of [1, 63, 65, 71, 72, 73]) {
      const bytes = new Uint8Array(length);
      const shortLog = { ...note, signatures: [{ ...byLog, bytes }] };
      const shortWitness = { ...note, signatures: [{ ...byW1, bytes }] };
      await expectCodeAsync(check(shortLog, log), "PROOF_INVALID", "LOG_SIGNATURE_INVALID");
      await expectCodeAsync(check(shortWitness, w1), "PROOF_INVALID", "WITNESS_SIGNATURE_INVALID");
    }
  });

  it("a failing signature of a known key refuses the note even where the same key also signed well", async () => {
    for (const signatures of [
      [byLog, flipBit(byLog, 9)],
      [flipBit(byLog, 9), byLog],
    ]) {
      await expectCodeAsync(check({ ...note, signatures }, log), "PROOF_INVALID", "LOG_SIGNATURE_INVALID");
    }
  });

  it("26 a witness that signs twice counts once, also with another time and when its key is listed twice", async () => {
    const later = await cosignNote(TEXT, w1.key, TIME + 60, w1.sign);
    const twice = { ...note, signatures: [byW1, byW1, later] };
    expect(await check(twice, w1, w1)).to.deep.equal([{ key: w1.key, time: TIME }]);
  });

  it("27 a log's signature cannot stand as a cosignature nor the reverse, under one raw key", async () => {
    const { publicKey, sign } = ed25519("shared");
    const asLog = { key: noteKey("both", LOG, publicKey), sign };
    const asWitness = { key: noteKey("both", WITNESS, publicKey), sign };
    const cosigned = await cosignNote(TEXT, asWitness.key, TIME, sign);
    const relabelled = { text: TEXT, signatures: [{ ...cosigned, id: asLog.key.id }] };
    await expectCodeAsync(check(relabelled, asLog), "PROOF_INVALID", "LOG_SIGNATURE_INVALID");
    const signed = await signNote(TEXT, asLog.key, sign);
    const promoted = { text: TEXT, signatures: [{ ...signed, id: asWitness.key.id }] };
    await expectCodeAsync(check(promoted, asWitness), "PROOF_INVALID", "WITNESS_SIGNATURE_INVALID");
  });

  it("27 a text that begins cosignature/v1 is neither signed nor believed under a type 01 key", async () => {
    const disguised = `cosignature/v1\ntime ${TIME}\n${TEXT}`;
    await expectCodeAsync(signNote(disguised, log.key, log.sign), "MALFORMED", "KEY_PURPOSE");
    const bytes = await log.sign(utf8(disguised));
    const forged = { text: disguised, signatures: [{ ...byLog, bytes }] };
    await expectCodeAsync(check(forged, log), "PROOF_INVALID", "KEY_PURPOSE");
  });

  it("27 keys of the wrong type do not sign", async () => {
    await expectCodeAsync(signNote(TEXT, w1.key, w1.sign), "MALFORMED", "KEY_PURPOSE");
    await expectCodeAsync(cosignNote(TEXT, log.key, TIME, log.sign), "MALFORMED", "KEY_PURPOSE");
  });

  it("does not sign malformed texts, impossible times, or with an engine that answers DER", async () => {
    await expectCodeAsync(signNote("no line feed", log.key, log.sign), "MALFORMED", "NOTE_MALFORMED");
    await expectCodeAsync(signNote("a\r\n", log.key, log.sign), "MALFORMED", "NOTE_MALFORMED");
    await expectCodeAsync(cosignNote("a\0\n", w1.key, TIME, w1.sign), "MALFORMED", "NOTE_MALFORMED");
    for (const time of [-1, 0.5, 2 ** 53, NaN]) {
      await expectCodeAsync(cosignNote(TEXT, w1.key, time, w1.sign), "MALFORMED", "INDEX_RANGE");
    }
    await expectCodeAsync(
      signNote(TEXT, log.key, () => new Uint8Array(70)),
      "MALFORMED",
      "NOTE_MALFORMED",
    );
  });

  it("times up to 2⁵³−1 verify; a time of 2⁵³ and more is refused before it could be rounded", async () => {
    const latest = await cosignNote(TEXT, w1.key, 2 ** 53 - 1, w1.sign);
    expect(await check({ ...note, signatures: [latest] }, w1)).to.deep.equal([{ key: w1.key, time: 2 ** 53 - 1 }]);
    const bytes = Uint8Array.from(latest.bytes);
    bytes.set([0, 0x20, 0, 0, 0, 0, 0, 0]);
    const credulous: VerifySignature = () => Promise.resolve(true);
    const beyond = { ...note, signatures: [{ ...latest, bytes }] };
    await expectCodeAsync(verifySignatures(beyond, [w1.key], credulous), "PROOF_INVALID", "WITNESS_SIGNATURE_INVALID");
  });
});
