/** The test network that drives contracts, on a Fabric network and on the embedded ledger at once: see {@link Pair}. */
import { encodeError, isCode, QuanjiError } from "@quanji/chaincode/domain";
import { type SendOptions, TestNetwork } from "@quanji/chaincode/testing";
import { type BatchResult, decodeBatch, privateKeys, publicKeys, TRANSACTIONS } from "@quanji/chaincode/world";
import type { TransactionRequest } from "@quanji/gateway/testing";
import type { Ended, Msp, Outcome, Pair } from "../pair.js";
import { Tally } from "./tally.js";

export class PairedNetwork extends TestNetwork {
  readonly tally = new Tally();
  readonly #pair: Pair;

  constructor(pair: Pair) {
    super();
    this.#pair = pair;
  }

  /** The machine's clock and the network's offset: peers have no other. */
  override now(): number {
    const clock = this.get(publicKeys.clock) as { readonly offsetMs: number } | undefined;
    return Date.now() + (clock?.offsetMs ?? 0);
  }

  override async run(name: string, argument: string, options: SendOptions = {}): Promise<string> {
    const { submitterMsp = "HolderMSP", transient = {}, endorsers } = options;
    const { outcome } = await this.attempt(submitterMsp as Msp, {
      name,
      args: [argument],
      transient,
      ...endorsersFor(name, submitterMsp, endorsers),
    });
    if ("result" in outcome) return outcome.result;
    throw failure(outcome);
  }

  /** Whatever comes of it, and of the same on the other ledger. What was committed is then found in this network's state. */
  async attempt(msp: Msp, request: TransactionRequest): Promise<Ended> {
    const ended = await this.#pair.submit(msp, request);
    const { outcome, transaction } = ended;
    this.tally.count(request, outcome);
    for (const { collection, key, value } of transaction?.writes ?? []) {
      this.state.values.set(collection === undefined ? key : `${collection}\u0000${key}`, value);
    }
    const { event } = transaction ?? {};
    this.lastEffects = { writes: new Map(), policies: new Map(), reads: new Set(), rounds: 0, event };
    if ("result" in outcome && request.name === TRANSACTIONS.recordBatch) this.#decided(msp, request, outcome.result);
    return ended;
  }

  /** Simulates on both. */
  evaluate(msp: Msp, request: TransactionRequest): Promise<Outcome> {
    return this.#pair.evaluate(msp, request);
  }

  #decided(msp: Msp, { args: [argument = ""] }: TransactionRequest, result: string): void {
    const { log, size: first } = JSON.parse(argument) as { readonly log: string; readonly size: number };
    const stored = this.state.values.get(`org-${msp}\u0000${privateKeys.batch(log, first)}`);
    if (stored === undefined) throw new Error(`no batch is stored at ${first} of ${log}`);
    const { records } = decodeBatch(stored);
    const { size } = JSON.parse(result) as BatchResult;
    if (first + records.length !== size) throw new Error(`${records.length} records led from ${first} to ${size}`);
    this.tally.decided(records);
  }
}

/** As a gateway asks: the regulator alone for its orders; a stop's grantor's home; else what the ledger takes by itself. */
function endorsersFor(
  name: string,
  msp: string,
  asked: readonly string[] | undefined,
): { readonly endorsers?: readonly string[] } {
  if (asked !== undefined) return { endorsers: asked };
  if (name === TRANSACTIONS.orders) return { endorsers: ["RegulatorMSP"] };
  if (name === TRANSACTIONS.stop) return { endorsers: [msp] };
  return msp === "RegulatorMSP" ? { endorsers: ["RegulatorMSP", "HolderMSP"] } : {};
}

function failure({ fault, code, message, detail, field, record }: Extract<Outcome, { readonly fault: string }>): Error {
  if (code === undefined || !isCode(code)) return new Error(fault);
  const cause = new QuanjiError(code, message ?? "", {
    ...(detail !== undefined && { detail }),
    ...(field !== undefined && { field }),
    ...(record !== undefined && { record }),
  });
  return new Error(encodeError(cause), { cause });
}
