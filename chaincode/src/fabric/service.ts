/**
 * The chaincode as Fabric's shim calls it: finds the contract's function by `contract:function`, gives it a world, and answers
 * text. What leaves is the contract's result, its encoded QuanjiError, or INTERNAL: an engine's words differ between endorsers
 * and may hold values, so they go to this process's log and nowhere else.
 */
import { type ChaincodeInterface, type ChaincodeStub, Shim } from "fabric-shim";
import type { ContractTable, Transaction } from "../contracts/index.js";
import { decodeError, encodeError, isQuanjiError, QuanjiError } from "../domain/index.js";
import { FabricWorld, PRIVATE_DATA_MISSING, PrivateDataMissing, type Stub } from "./fabric-world.js";
import { peerBatches } from "./peer-batches.js";

export interface ServiceOptions {
  readonly contracts: readonly ContractTable[];
  /** This endorser's clock, ms since 1970. */
  readonly clock: () => number;
  /** Whether the peer takes reads and writes of many keys in one message: Fabric 3.1 and newer. */
  readonly peerBatches?: boolean;
  /** Told what a contract or the peer failed with; never the caller. */
  readonly report: (transaction: string, error: unknown) => void;
}

/** A stub with the arguments of the call. */
export type CallStub = Stub & Pick<ChaincodeStub, "getStringArgs">;

type Response = Awaited<ReturnType<ChaincodeInterface["Invoke"]>>;

export class Service {
  readonly #functions = new Map<string, Transaction>();
  readonly #options: ServiceOptions;

  constructor(options: ServiceOptions) {
    this.#options = options;
    for (const { name, functions } of options.contracts) {
      for (const [verb, run] of Object.entries(functions)) this.#functions.set(`${name}:${verb}`, run);
    }
  }

  /** Called by no definition of ours, which ask for no initialisation. */
  Init(): Promise<Response> {
    return Promise.resolve(Shim.error("this chaincode is not initialised: network.init does that"));
  }

  async Invoke(stub: CallStub): Promise<Response> {
    const [name = "", ...args] = stub.getStringArgs();
    try {
      return Shim.success(Buffer.from(await this.#run(stub, name, args), "utf8"));
    } catch (error) {
      return Shim.error(this.#cross(error, name));
    }
  }

  async #run(stub: CallStub, name: string, args: readonly string[]): Promise<string> {
    const run = this.#functions.get(name);
    if (run === undefined) throw new TypeError(`there is no function ${name}`);
    const { clock, peerBatches: batches = false } = this.#options;
    const world = new FabricWorld(stub, clock, batches ? peerBatches(stub) : undefined);
    const result: unknown = await run(world, ...args);
    await world.finish();
    if (typeof result !== "string") throw new TypeError(`${name} answered no text`);
    return result;
  }

  #cross(error: unknown, name: string): string {
    if (error instanceof PrivateDataMissing) return PRIVATE_DATA_MISSING;
    // Contracts on fabric-contract-api encode their error themselves: its message is the text that leaves.
    const message = isQuanjiError(error) ? encodeError(error) : error instanceof Error ? error.message : "";
    const decoded = decodeError(message);
    if (decoded !== undefined && decoded.code !== "INTERNAL") return message;
    this.#options.report(name, error);
    return encodeError(new QuanjiError("INTERNAL", "the contract failed; the endorser's log says how"));
  }
}
