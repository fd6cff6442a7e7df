import { Worker } from "node:worker_threads";
import { utf8 } from "@quanji/chaincode/log";
import { expect } from "chai";
import { openEngine as openBrowserEngine } from "./engine.browser.js";
import type { SignatureCheck } from "./engine.js";
import { openEngine, ThreadedEngine } from "./engine.node.js";
import { signer } from "./support.test.js";

const keys = [signer("one", "ES256"), signer("two", "EdDSA"), signer("three", "ES256")].map(({ jwk, sign }) => {
  if (jwk.crv === "secp256k1") throw new Error("requesters have no Ethereum keys");
  return { jwk, sign };
});

/** Good ones and every kind of bad one, of several keys. */
function checksOf(seed: number): readonly { readonly check: SignatureCheck; readonly good: boolean }[] {
  return keys.flatMap(({ jwk, sign }, i) => {
    const data = utf8(`message ${seed} of ${i}`);
    const signature = sign(data);
    const other = keys[(i + 2) % keys.length]!.jwk;
    return [
      { check: { jwk, data, signature }, good: true },
      { check: { jwk, data: utf8(`message ${seed} of ${i}.`), signature }, good: false },
      { check: { jwk, data, signature: signature.with(seed % 64, signature[seed % 64]! ^ 1) }, good: false },
      { check: { jwk: other, data, signature }, good: false },
      { check: { jwk, data, signature: new Uint8Array(64) }, good: false },
      { check: { jwk, data, signature: new Uint8Array(64).fill(255) }, good: false },
      { check: { jwk, data, signature: signature.subarray(0, 63) }, good: false },
      { check: { jwk: { ...jwk, x: "A".repeat(43) }, data, signature }, good: false },
      { check: { jwk, data: new Uint8Array(), signature: sign(new Uint8Array()) }, good: true },
    ];
  });
}

/** More batches than are verified before threads start. */
const BATCHES = 40;

describe("engines of signatures", () => {
  const engines = { "with threads": openEngine, "of browsers": openBrowserEngine } as const;
  for (const [name, open] of Object.entries(engines)) {
    it(`${name} answer each check in its place`, async () => {
      const engine = open();
      try {
        const batches = Array.from({ length: BATCHES }, (_, seed) => checksOf(seed));
        const answers = await Promise.all(batches.map((batch) => engine.verifyAll(batch.map(({ check }) => check))));
        expect(answers).to.deep.equal(batches.map((batch) => batch.map(({ good }) => good)));
        expect(await engine.verifyAll([])).to.deep.equal([]);
      } finally {
        await engine.close();
      }
    });
  }

  it("whose thread breaks answer all the same", async () => {
    let started = 0;
    const engine = new ThreadedEngine(() => {
      started++;
      const script = 'require("node:worker_threads").parentPort.once("message", () => { throw new Error("broken"); })';
      return new Worker(script, { eval: true });
    });
    const batches = Array.from({ length: BATCHES }, (_, seed) => checksOf(seed));
    const answers = await Promise.all(batches.map((batch) => engine.verifyAll(batch.map(({ check }) => check))));
    expect(answers).to.deep.equal(batches.map((batch) => batch.map(({ good }) => good)));
    const [later] = batches;
    expect(await engine.verifyAll(later!.map(({ check }) => check))).to.deep.equal(later!.map(({ good }) => good));
    expect(started).to.be.greaterThan(0);
    await engine.close();
  });

  it("closed before they began have nothing to end", () => openEngine().close());
});
