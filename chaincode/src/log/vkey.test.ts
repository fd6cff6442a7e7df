import { expect } from "chai";
import { utf8 } from "./bytes.js";
import { sha256 } from "./hash.js";
import { ed25519, expectCode, noteSigner, refusesHostile } from "./support.test.js";
import { formatVkey, NOTE_TYPES, noteKey, parseVkey } from "./vkey.js";

const { ed25519: LOG, cosignature: WITNESS } = NOTE_TYPES;
/** The key of the Go package's documentation (golang.org/x/mod/sumdb/note). */
const PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

describe("log/vkey", () => {
  it("reads and writes the key of the Go documentation", () => {
    const key = parseVkey(PETER, LOG);
    expect(key).to.include({ name: "PeterNeumann", type: 1, id: 0xc74f20a3 });
    expect(formatVkey(key)).to.equal(PETER);
  });

  it("the id is the start of SHA-256(name ‖ LF ‖ type ‖ key): another name or type is another key", () => {
    const { publicKey } = ed25519("vkey");
    const expected = sha256(utf8("a\n"), Uint8Array.of(1), publicKey);
    expect(noteKey("a", LOG, publicKey).id).to.equal(Buffer.from(expected).readUInt32BE(0));
    expect(noteKey("b", LOG, publicKey).id).not.to.equal(noteKey("a", LOG, publicKey).id);
    expect(noteKey("a", WITNESS, publicKey).id).not.to.equal(noteKey("a", LOG, publicKey).id);
  });

  it("parses back what it wrote, ids with leading zeros included", () => {
    let leadingZero = false;
    for (let i = 0; i < 300 || !leadingZero; i++) {
      const type = i % 2 === 0 ? LOG : WITNESS;
      const { key } = noteSigner(`quanji.example/szx/gw/${i}`, type);
      leadingZero ||= key.id < 2 ** 28;
      expect(parseVkey(formatVkey(key), type)).to.deep.equal(key);
    }
  });

  it("27 a witness key in a log's place, or the reverse → KEY_PURPOSE", () => {
    const witness = formatVkey(noteSigner("w", WITNESS).key);
    expectCode(() => parseVkey(witness, LOG), "MALFORMED", "KEY_PURPOSE");
    expectCode(() => parseVkey(PETER, WITNESS), "MALFORMED", "KEY_PURPOSE");
  });

  const neutral = Buffer.concat([Buffer.from([1, 1]), Buffer.alloc(31)]).toString("base64");
  const withByte = (type: number) => Buffer.concat([Buffer.from([type]), ed25519("a").publicKey]).toString("base64");
  const attacks: readonly (readonly [attack: string, vkey: string, detail: string])[] = [
    ["another name under the id", PETER.replace("Peter", "Mallory"), "KEY_THUMBPRINT"],
    ["another key under the id", `PeterNeumann+c74f20a3+${withByte(1)}`, "KEY_THUMBPRINT"],
    ["id in capitals", PETER.replace("c74f", "C74F"), "VKEY_MALFORMED"],
    ["id of seven digits", PETER.replace("c74f20a3", "74f20a3"), "VKEY_MALFORMED"],
    ["no name", PETER.replace("PeterNeumann", ""), "VKEY_MALFORMED"],
    ["a space in the name", PETER.replace("PeterNeumann", "Peter Neumann"), "VKEY_MALFORMED"],
    ["a line feed after it", `${PETER}\n`, "BASE64_INVALID"],
    ["a tab before it", `\t${PETER}`, "VKEY_MALFORMED"],
    ["a key cut short", PETER.slice(0, -4), "KEY_WEAK"],
    ["base64 without padding", `a+00000000+${withByte(1).slice(0, -1)}`, "BASE64_INVALID"],
    ["no key", "a+00000000+", "VKEY_MALFORMED"],
    ["a private key", `PRIVATE+KEY+a+00000000+${withByte(1)}`, "VKEY_MALFORMED"],
    ["ECDSA (type 02)", `a+00000000+${withByte(2)}`, "ALG_FORBIDDEN"],
    ["ML-DSA-44 (type 06)", `a+00000000+${withByte(6)}`, "ALG_FORBIDDEN"],
    ["66 a key of small order", `a+00000000+${neutral}`, "KEY_WEAK"],
    ["a name of 2 kB", `${"a".repeat(2000)}+00000000+${withByte(1)}`, "LIMIT_EXCEEDED"],
  ];
  for (const [attack, vkey, detail] of attacks) {
    it(`${attack} → ${detail}`, () => expectCode(() => parseVkey(vkey, LOG), "MALFORMED", detail));
  }

  it("hostile values are refused with a code", () => refusesHostile((value) => parseVkey(value, LOG)));
});
