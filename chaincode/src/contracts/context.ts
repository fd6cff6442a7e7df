import { Context, Contract } from "fabric-contract-api";
import { encodeError, isQuanjiError, QuanjiError } from "../domain/index.js";
import type { VerifySignature } from "../log/index.js";
import { State } from "../world/state.js";
import type { World } from "../world/world.js";

/** A transaction's context. The ledger that runs the contract sets `world` before it calls a transaction. */
export class QuanjiContext extends Context {
  world: World | undefined;
}

/** Common edge of all contracts: plain text in, plain text out, errors encoded once. */
export abstract class QuanjiContract extends Contract {
  protected readonly verify: VerifySignature;

  protected constructor(name: string, verify: VerifySignature) {
    super(name);
    this.verify = verify;
  }

  override createContext(): QuanjiContext {
    return new QuanjiContext();
  }

  /** Engine errors never leave: their texts differ between endorsers and may hold values. */
  protected async run(context: QuanjiContext, transaction: (state: State) => Promise<string>): Promise<string> {
    if (context.world === undefined) throw new Error("the context has no world");
    try {
      return await transaction(new State(context.world));
    } catch (cause) {
      if (isQuanjiError(cause)) throw new Error(encodeError(cause), { cause });
      if (isLedgerFault(cause)) throw cause;
      const fault = new QuanjiError("INTERNAL", "the chaincode failed; the endorser's log has the cause", { cause });
      throw new Error(encodeError(fault), { cause });
    }
  }
}

/** What the ledger itself throws (a collection refused, a peer's fault) is the adapter's to interpret. */
const isLedgerFault = (error: unknown): boolean => error instanceof Error && error.name === "LedgerError";

/** Result of a command: nothing, because results are public. */
export const DONE = "{}";
