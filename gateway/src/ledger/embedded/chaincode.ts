/**
 * Runs a contract's function over a simulator. What it throws crosses the same edge as in Fabric, where only text comes out
 * of chaincode: an encoded QuanjiError is decoded, anything else is a fault whose words stay inside.
 */
import { decodeError, encodeError, isQuanjiError, QuanjiError } from "@quanji/chaincode/domain";
import type { World } from "@quanji/chaincode/world";
import { LedgerError } from "../ledger.js";
import { PrivateDataMissing, type SimulationContext, Simulator } from "./simulator.js";
import type { Outcome } from "./transaction.js";
import type { PrivateWrites } from "./rwset.js";

/** A contract as this ledger calls it: JSON text in, JSON text out. */
export interface ChaincodeTable {
  readonly name: string;
  readonly functions: Readonly<Record<string, (world: World, ...args: string[]) => Promise<string>>>;
}

export interface Executed extends Outcome {
  readonly privateWrites: readonly PrivateWrites[];
}

/** Says what a contract threw that is no QuanjiError, to a log and to nobody else. */
export type Report = (error: unknown, name: string) => void;

export class Chaincode {
  readonly #functions = new Map<string, ChaincodeTable["functions"][string]>();
  readonly #report: Report;

  constructor(contracts: readonly ChaincodeTable[], report: Report) {
    for (const { name, functions } of contracts) {
      for (const [verb, run] of Object.entries(functions)) this.#functions.set(`${name}:${verb}`, run);
    }
    this.#report = report;
  }

  /**
   * Simulates `name` (`contract:function`). Throws a QuanjiError: the contract's own, or INTERNAL; LedgerError UNAVAILABLE if
   * an endorser lacks a private value that the contract read.
   */
  async execute(context: SimulationContext, name: string, args: readonly string[]): Promise<Executed> {
    const simulator = new Simulator(context);
    try {
      const run = this.#functions.get(name);
      if (run === undefined) throw new TypeError(`there is no function ${name}`);
      const result: unknown = await run(simulator, ...args);
      if (typeof result !== "string") throw new TypeError(`${name} answered no text`);
      return { ...simulator.finish(), result };
    } catch (error) {
      throw this.#cross(error, name);
    } finally {
      simulator.end();
    }
  }

  #cross(error: unknown, name: string): QuanjiError | LedgerError {
    if (error instanceof PrivateDataMissing) return new LedgerError("UNAVAILABLE", error.message, { cause: error });
    // Contracts on fabric-contract-api encode the error themselves: their message is the text that leaves chaincode.
    const decoded =
      error instanceof Error ? decodeError(isQuanjiError(error) ? encodeError(error) : error.message) : undefined;
    if (decoded !== undefined && decoded.code !== "INTERNAL") return decoded;
    this.#report(error, name);
    return new QuanjiError("INTERNAL", "the contract failed; the gateway's log says how");
  }
}
