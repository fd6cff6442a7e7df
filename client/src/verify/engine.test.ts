/** The small parts alone: signatures on every engine, sequence windows, timelines. */
import type { QuanjiRecord } from "@quanji/chaincode/domain";
import { ALGORITHMS, commit, type Json, typedBytes, typedPossession } from "@quanji/chaincode/log";
import { expect } from "chai";
import fc from "fast-check";
import { openLink } from "./openings.js";
import { SequenceWindow } from "./sequence.js";
import { signatureVerifier } from "./signatures.js";
import { signer } from "./support.test.js";
import { COMMIT_TOLERANCE_MS, stepOf, Timeline } from "./timeline.js";
import { refusalOf } from "./verdict.js";

const detailOf = (action: () => unknown): string => {
  try {
    action();
    return "ok";
  } catch (error) {
    return refusalOf(error).detail;
  }
};

describe("signatures", () => {
  const plain = new TextEncoder().encode("data");
  const typed = typedBytes(typedPossession("quanji.test/city", "urn:quanji:bureau", signer("one", "EIP712").jwk));
  const { subtle } = globalThis.crypto;
  const bare = signatureVerifier({
    verify: subtle.verify.bind(subtle),
    importKey: ((...args: Parameters<typeof subtle.importKey>) => {
      const unsupported = (args[2] as { name: string }).name === "Ed25519";
      return unsupported ? Promise.reject(new Error("NotSupportedError")) : subtle.importKey(...args);
    }) as typeof subtle.importKey,
  });
  const engines = { "WebCrypto with Ed25519": signatureVerifier(), "WebCrypto without": bare } as const;

  for (const [name, verify] of Object.entries(engines)) {
    for (const alg of ALGORITHMS) {
      it(`${alg} on ${name}: true for its own, false for everything else`, async () => {
        const { jwk, sign } = signer("one", alg);
        const data = alg === "EIP712" ? typed : plain;
        const signature = sign(data);
        expect(await verify(jwk, data, signature)).to.equal(true);
        for (let i = 0; i < 64; i += 9) {
          expect(await verify(jwk, data, signature.with(i, signature[i]! ^ 1))).to.equal(false);
        }
        expect(await verify(jwk, new Uint8Array(4), signature)).to.equal(false);
        expect(await verify(signer("two", alg).jwk, data, signature)).to.equal(false);
        expect(await verify(jwk, data, new Uint8Array(64).fill(255))).to.equal(false);
        expect(await verify(jwk, data, new Uint8Array(63))).to.equal(false);
      });
    }
  }

  it("a key that no engine can import verifies nothing", async () => {
    const jwk = { kty: "EC", crv: "P-256", x: "A".repeat(43), y: "A".repeat(43) } as const;
    expect(await bare(jwk, plain, new Uint8Array(64))).to.equal(false);
  });

  it("imports a key once, until it has seen too many", async () => {
    let count = 0;
    const verify = signatureVerifier({
      importKey: (() => Promise.resolve(count++)) as unknown as typeof subtle.importKey,
      verify: () => Promise.resolve(true),
    });
    const ask = (i: number) => verify({ kty: "OKP", crv: "Ed25519", x: `key ${i}` }, plain, new Uint8Array(64));
    for (let i = 0; i < 10; i++) await ask(0);
    expect(count).to.equal(1);
    for (let i = 0; i < 4096; i++) await ask(i);
    expect(count).to.equal(4096);
    await ask(4096);
    expect(await ask(0)).to.equal(true);
    expect(count).to.equal(4098);
  });
});

describe("sequence numbers", () => {
  const take = (first: number | undefined, dense: boolean, ...numbers: number[]): string =>
    detailOf(() => {
      const window = new SequenceWindow(first);
      for (const number of numbers) window.take(number, dense);
      if (dense) window.assertDense();
    });

  it("count once, in any order within the window", () => {
    expect(take(undefined, true, 0, 2, 1, 3)).to.equal("ok");
    expect(take(undefined, true, 0, 1, 1)).to.equal("REQUEST_REPLAYED");
    expect(take(undefined, false, 5, 2000, 5)).to.equal("REQUEST_REPLAYED");
    expect(take(undefined, false, 5, 2000, 2000 - 1024 + 1)).to.equal("ok");
    expect(take(undefined, false, 5, 2000, 900)).to.equal("REQUEST_REPLAYED");
  });

  it("leave no gap where everything is shown", () => {
    expect(take(undefined, true, 0, 2)).to.equal("SEQ_GAP");
    expect(take(undefined, true, 1)).to.equal("SEQ_GAP");
    expect(take(undefined, true, 0, 5000)).to.equal("SEQ_GAP");
    expect(take(undefined, true, ...Array.from({ length: 1100 }, (_, i) => (i < 3 ? i : i + 1)))).to.equal("SEQ_GAP");
    expect(take(undefined, false, 0, 2, 5000)).to.equal("ok");
  });

  it("before the start of a period may be missing", () => {
    expect(take(7, true, 7, 9)).to.equal("ok");
    expect(take(7, true, 7, 7 + 2048, 7 + 2050)).to.equal("SEQ_GAP");
  });

  it("PROPERTY agree with a set", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 3000 }), { maxLength: 60 }), (numbers) => {
        const window = new SequenceWindow(undefined);
        const seen = new Set<number>();
        let next = 0;
        for (const number of numbers) {
          const replayed = seen.has(number) || number < next - 1024;
          expect(detailOf(() => window.take(number, false))).to.equal(replayed ? "REQUEST_REPLAYED" : "ok");
          if (replayed) continue;
          seen.add(number);
          next = Math.max(next, number + 1);
        }
      }),
    );
  });
});

describe("timeline", () => {
  const timeline = (...times: number[]): Timeline<number> => {
    const made = new Timeline<number>(0);
    times.forEach((ms, i) => made.add(i + 1, stepOf("r", "party.admit", ms, 0)));
    return made;
  };
  const far = COMMIT_TOLERANCE_MS * 10;

  it("finds the states that may have been the newest", () => {
    const states = timeline(far, 2 * far, 2 * far + 10, 3 * far);
    expect([...states.around(0, 0)]).to.deep.equal([0]);
    expect([...states.around(1.5 * far, 1.5 * far)]).to.deep.equal([1]);
    expect([...states.around(2 * far, 2 * far)]).to.deep.equal([1, 2, 3]);
    expect([...states.around(9 * far, 9 * far)]).to.deep.equal([4]);
    expect([...states.around(0, 9 * far)]).to.deep.equal([0, 1, 2, 3, 4]);
    expect([...new Timeline<number>().around(0, 0)]).to.deep.equal([]);
  });

  it("knows every position, and no other", () => {
    const states = timeline(far);
    expect([states.at(0), states.at(1), states.last, states.length]).to.deep.equal([0, 1, 1, 1]);
    expect(detailOf(() => states.at(2))).to.equal("BASIS_UNKNOWN");
    expect(detailOf(() => new Timeline<number>().at(0))).to.equal("BASIS_UNKNOWN");
  });
});

describe("refusals", () => {
  it("an error of no kind that is known is refused as well", () => {
    expect(refusalOf(new TypeError("x"))).to.include({ code: "PROOF_INVALID", detail: "UNEXPECTED" });
    expect(refusalOf(undefined)).to.include({ code: "PROOF_INVALID", detail: "UNEXPECTED" });
  });
});

describe("links", () => {
  const salt = "A".repeat(43);
  const open = (value: Json, links: object = {}): string =>
    detailOf(() => {
      const id = "record";
      const body = { id, links: { party: commit([id], "links.party", { salt, value }), ...links } };
      return openLink({ body } as unknown as QuanjiRecord, "party", { salt, value });
    });

  it("open to {n, prev} and to nothing else", () => {
    expect(open({ n: 1, prev: salt })).to.equal("ok");
    for (const value of [
      7,
      "x",
      true,
      [],
      {},
      { n: 1 },
      { n: "1", prev: salt },
      { n: 1, prev: "x" },
      { n: 1, prev: salt, x: 1 },
    ]) {
      expect(open(value)).to.equal("LINK_OPENING");
    }
    expect(open({ n: 1, prev: salt }, { party: undefined })).to.equal("LINK_MISSING");
  });
});
