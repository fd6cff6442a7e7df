/** The test network's story, told to both ledgers at once: every transaction runs on Fabric, on the embedded one, in memory. */
import { fileURLToPath } from "node:url";
import { type SendOptions, TestNetwork } from "@quanji/chaincode/testing";
import { refusal } from "@quanji/chaincode/testing";
import { expect } from "chai";
import { type Msp, MSPS, type Outcome, type Pair } from "./pair.js";

/** Quanji's own chaincode, as compiled. */
export const CHAINCODE = fileURLToPath(new URL("../../../chaincode/dist/fabric/main.js", import.meta.url));

const mspOf = (name: string): Msp => MSPS.find((msp) => msp === name) ?? "HolderMSP";

/**
 * Clocks are real, for Fabric's are. The copy in memory says what comes next (heads, versions); what it refuses, both ledgers
 * must refuse with the same code.
 */
export class PairedNetwork extends TestNetwork {
  readonly #pair: Pair;

  constructor(pair: Pair) {
    super();
    this.#pair = pair;
  }

  override async run(name: string, argument: string, options: SendOptions = {}): Promise<string> {
    const { transient } = options;
    const request = { name, args: [argument], ...(transient !== undefined && { transient }) };
    const { outcome } = await this.#pair.submit(mspOf(options.submitterMsp ?? "HolderMSP"), request);
    this.nowMs = Date.now();
    try {
      const result = await super.run(name, argument, options);
      expect(outcome, `${name}, which passes in memory`).to.deep.equal({ result });
      return result;
    } catch (error) {
      if (!(error instanceof Error) || error.name === "AssertionError") throw error;
      expect(codeOf(outcome), `${name}, refused in memory: ${error.message}`).to.equal(refusal(error).code);
      throw error;
    }
  }
}

const codeOf = (outcome: Outcome): string | undefined => ("fault" in outcome ? outcome.code : undefined);
