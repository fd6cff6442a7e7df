import { Worker } from "node:worker_threads";
import { ethereumKeyOf, signTyped, typedBytes, typedPossession } from "@quanji/chaincode/log";
import { expect } from "chai";
import { EthereumChecks } from "./ethereum-checks.js";

const secret = new Uint8Array(32).fill(5);
const jwk = ethereumKeyOf(secret);
const dataOf = (party: string): Uint8Array => typedBytes(typedPossession("quanji.test/city", party, jwk));
const other = { crv: "Ed25519", kty: "OKP", x: "A".repeat(43) } as const;

describe("checks of Ethereum keys", () => {
  const plain = (): Promise<boolean> => Promise.resolve(true);

  async function judge(checks: EthereumChecks): Promise<readonly boolean[]> {
    const parties = ["a", "b", "c"];
    const asked = parties.flatMap((party) => {
      const [data, signature] = [dataOf(party), signTyped(dataOf(party), secret)];
      return [checks.verify(jwk, data, signature), checks.verify(jwk, dataOf(`${party}.`), signature)];
    });
    return Promise.all([...asked, checks.verify(other, new Uint8Array(1), new Uint8Array(64))]);
  }
  const RIGHT = [true, false, true, false, true, false, true];

  it("are made on a thread, each answered for itself; other keys go another way", async () => {
    let started = 0;
    const checks = new EthereumChecks(plain, () => {
      started++;
      return new Worker(new URL("./ethereum-checks.worker.js", import.meta.url));
    });
    expect(await checks.verify(other, new Uint8Array(1), new Uint8Array(64))).to.equal(true);
    expect(started).to.equal(0);
    expect(await judge(checks)).to.deep.equal(RIGHT);
    expect(await judge(checks)).to.deep.equal(RIGHT);
    expect(started).to.equal(1);
    await checks.close();
  });

  for (const [how, code] of [
    ["dies at once", "throw new Error('gone')"],
    ["dies while it is asked", "require('node:worker_threads').parentPort.on('message', () => process.exit(1))"],
  ] as const) {
    it(`a thread that ${how} is no answer: what was asked is checked here`, async () => {
      const checks = new EthereumChecks(plain, () => new Worker(code, { eval: true }));
      expect(await judge(checks)).to.deep.equal(RIGHT);
      expect(await judge(checks)).to.deep.equal(RIGHT);
      await checks.close();
    });
  }

  it("closing answers what waits, and a check after it is made all the same", async () => {
    const checks = new EthereumChecks(plain);
    const waiting = judge(checks);
    await checks.close();
    expect(await waiting).to.deep.equal(RIGHT);
    expect(await judge(checks)).to.deep.equal(RIGHT);
    await checks.close();
  });
});
