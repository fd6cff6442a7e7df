import { expect } from "chai";
import fc from "fast-check";
import type * as bytesModule from "./bytes.js";
import { concat, equalBytes, fromBase64, fromBase64url, fromUtf8, toBase64, toBase64url, utf8 } from "./bytes.js";
import { expectCode, refusesHostile } from "./support.test.js";

type BytesModule = typeof bytesModule;

const anyBytes = fc.uint8Array({ maxLength: 200 });

describe("log/bytes", () => {
  it("decodes what it encoded, in both alphabets", () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        expect(fromBase64(toBase64(bytes))).to.deep.equal(bytes);
        expect(fromBase64url(toBase64url(bytes))).to.deep.equal(bytes);
        expect(toBase64url(bytes)).to.match(/^[A-Za-z0-9_-]*$/);
      }),
    );
  });

  it("takes one spelling of bytes and no other: a decoded text encodes back to itself", () => {
    const alphabet = Array.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_= \n");
    const decoders = [
      { decode: fromBase64, encode: toBase64 },
      { decode: fromBase64url, encode: toBase64url },
    ];
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...alphabet), maxLength: 12 }), (text) => {
        for (const { decode, encode } of decoders) {
          let bytes: Uint8Array;
          try {
            bytes = decode(text);
          } catch {
            continue; // refused: the other property shows that good texts are not
          }
          expect(encode(bytes)).to.equal(text);
        }
      }),
      { numRuns: 2000 },
    );
  });

  for (const [what, text] of [
    ["non-zero padding bits", "AB=="],
    ["missing padding", "AA"],
    ["padding in the middle", "AA==AA=="],
    ["a line feed", "AAAA\n"],
    ["a space", "AA AA"],
    ["the other alphabet", "-_-_"],
    ["a lone character", "A"],
  ] as const) {
    it(`base64 with ${what} is refused`, () => expectCode(() => fromBase64(text), "MALFORMED", "BASE64_INVALID"));
  }

  for (const [what, text] of [
    ["non-zero padding bits", "AB"],
    ["padding", "AA=="],
    ["the other alphabet", "+/+/"],
    ["a lone character", "A"],
  ] as const) {
    it(`base64url with ${what} is refused`, () => expectCode(() => fromBase64url(text), "MALFORMED", "BASE64_INVALID"));
  }

  it("hostile values are refused with a code", () => {
    const decodable = (value: unknown) =>
      value === "" || value === "null" || /^a+$/.test(String(Object(value) === value ? "" : value));
    refusesHostile(fromBase64, decodable);
    refusesHostile(fromBase64url, decodable);
  });

  it("UTF-8 round-trips, keeps a byte order mark and refuses invalid bytes", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(fromUtf8(utf8(text))).to.equal(text);
      }),
    );
    expect(fromUtf8(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61))).to.equal("\uFEFFa");
    for (const bytes of [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82]]) {
      expectCode(() => fromUtf8(Uint8Array.from(bytes)), "MALFORMED", "NOT_UTF8");
    }
  });

  it("concat and equalBytes agree with the meaning of the words", () => {
    fc.assert(
      fc.property(fc.array(anyBytes), anyBytes, (parts, other) => {
        const whole = concat(...parts);
        expect([...whole]).to.deep.equal(parts.flatMap((part) => [...part]));
        expect(equalBytes(whole, Uint8Array.from(whole))).to.be.true;
        expect(equalBytes(whole, other)).to.equal(Buffer.from(whole).equals(Buffer.from(other)));
      }),
    );
  });

  it("without Node's Buffer (in a browser) base64 is the same", async () => {
    const original = globalThis.Buffer;
    const url = new URL("./bytes.js?browser", import.meta.url).href;
    const withoutBuffer = globalThis as { Buffer?: unknown };
    let browser: BytesModule;
    try {
      withoutBuffer.Buffer = undefined;
      browser = (await import(url)) as BytesModule;
    } finally {
      withoutBuffer.Buffer = original;
    }
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        expect(browser.toBase64(bytes)).to.equal(toBase64(bytes));
        expect(browser.toBase64url(bytes)).to.equal(toBase64url(bytes));
        expect(browser.fromBase64(toBase64(bytes))).to.deep.equal(bytes);
        expect(browser.fromBase64url(toBase64url(bytes))).to.deep.equal(bytes);
      }),
    );
    for (const text of ["AB==", "AA", "A", "AA AA", "-_-_", "💥"]) {
      expect(() => browser.fromBase64(text), text).to.throw("canonical base64");
    }
  });
});
