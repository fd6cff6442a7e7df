import { expect } from "chai";
import { CODE } from "../embedded/validator.js";
import { LedgerError } from "../ledger.js";
import { type Endorsed, Unsure } from "./connector.js";
import type { Place } from "./decode.js";
import { type Commits, submitEndorsed } from "./submitting.js";

const TX = "cd".repeat(32);
const TIMING = { commitMs: 200, againMs: 20, unsureMs: 5, patienceMs: 10 };

/** What an orderer does with the envelope, handing over by handing over; the last goes on for ever. */
type Orderer = "takes" | "loses" | "unsure" | "unsure, takes" | "silent" | "silent, takes" | "too large" | "forbidden";

class Scene implements Commits {
  handedOver = 0;
  readonly awaited = new Map<string, (place: Place) => void>();
  readonly #orderers: Orderer[];
  readonly #code: number;

  constructor(orderers: readonly Orderer[], code: number) {
    this.#orderers = [...orderers];
    this.#code = code;
  }

  await(txId: string, landed: (place: Place) => void): void {
    this.awaited.set(txId, landed);
  }

  forget(txId: string): void {
    this.awaited.delete(txId);
  }

  async broadcast(): Promise<void> {
    this.handedOver++;
    const orderer = this.#orderers.length > 1 ? this.#orderers.shift() : this.#orderers[0];
    if (orderer?.endsWith("takes") === true) setImmediate(() => this.#commit());
    if (orderer?.startsWith("silent") === true) return new Promise(() => undefined);
    if (orderer === "too large") throw new LedgerError("REFUSED", "too large");
    if (orderer === "forbidden") throw new LedgerError("UNAVAILABLE", "revoked");
    if (orderer?.startsWith("unsure") === true) throw new Unsure("no leader");
    await Promise.resolve();
  }

  #commit(): void {
    this.awaited.get(TX)?.({ txId: TX, block: 7, index: 2, code: this.#code, result: "in the block" });
  }
}

/** Orderers; validation code; outcome; how often it is handed over at least. */
const ROWS: readonly (readonly [readonly Orderer[], number, string, number])[] = [
  [["takes"], CODE.VALID, "committed", 1],
  [["takes"], CODE.MVCC_READ_CONFLICT, "CONFLICT", 1],
  [["takes"], CODE.PHANTOM_READ_CONFLICT, "CONFLICT", 1],
  [["takes"], CODE.ENDORSEMENT_POLICY_FAILURE, "POLICY", 1],
  [["takes"], CODE.EXPIRED_CHAINCODE, "POLICY", 1],
  [["loses", "takes"], CODE.VALID, "committed", 2],
  [["unsure", "unsure", "takes"], CODE.VALID, "committed", 3],
  [["unsure, takes"], CODE.VALID, "committed", 1],
  [["unsure, takes", "forbidden"], CODE.VALID, "committed", 1],
  [["unsure", "forbidden", "takes"], CODE.VALID, "committed", 3],
  [["silent", "silent", "takes"], CODE.VALID, "committed", 3],
  [["silent, takes"], CODE.VALID, "committed", 1],
  [["silent", "forbidden", "takes"], CODE.VALID, "committed", 3],
  [["silent"], CODE.VALID, "UNKNOWN", 5],
  [["too large"], CODE.VALID, "REFUSED", 1],
  [["forbidden"], CODE.VALID, "UNAVAILABLE", 1],
  [["loses"], CODE.VALID, "UNKNOWN", 5],
  [["unsure"], CODE.VALID, "UNKNOWN", 10],
  [["unsure", "too large"], CODE.VALID, "UNKNOWN", 5],
];

describe("fabric: from an endorsed transaction to its end", () => {
  for (const [orderers, code, outcome, least] of ROWS) {
    it(`orderers: ${orderers.join("; ")}; code ${code} → ${outcome}`, async () => {
      const scene = new Scene(orderers, code);
      const endorsed: Endorsed = { txId: TX, result: "answered", broadcast: () => scene.broadcast() };
      const ended = await submitEndorsed(endorsed, scene, TIMING).then(
        (committed) => {
          expect(committed).to.deep.equal({ block: 7, index: 2, txId: TX, result: "answered" });
          return "committed";
        },
        (error: unknown) => (error instanceof LedgerError ? error.fault : String(error)),
      );
      expect(ended).to.equal(outcome);
      expect(scene.handedOver).to.be.at.least(least);
      expect(scene.awaited.size).to.equal(0, "nothing is awaited any more");
    });
  }

  it("hands nothing over any more once it is known", async () => {
    const scene = new Scene(["takes"], CODE.VALID);
    await submitEndorsed({ txId: TX, result: "", broadcast: () => scene.broadcast() }, scene, TIMING);
    await new Promise((resolve) => setTimeout(resolve, TIMING.againMs * 3));
    expect(scene.handedOver).to.equal(1);
  });
});
