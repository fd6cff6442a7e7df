/** A ledger for tests: blocks in an array, made by the real contracts over a world in memory. Holds no test itself. */
import { decodeError } from "@quanji/chaincode/domain";
import { type ContractTable, createChaincode } from "@quanji/chaincode/contracts";
import { sha256Text } from "@quanji/chaincode/log";
import { nodeVerifier, type World } from "@quanji/chaincode/world";
import { keyHashOf } from "../ledger/embedded/rwset.js";
import {
  type BlockStream,
  type BlockTransaction,
  type Committed,
  type Ledger,
  LedgerError,
  type LedgerBlock,
  type TransactionRequest,
  type WitnessView,
  type Write,
} from "../ledger/ledger.js";

type State = Map<string, string>;

/** Public keys as they are, private ones after their collection. */
const nameOf = (key: string, collection?: string): string =>
  collection === undefined ? `|${key}` : `${collection}|${key}`;

export class TestLedger implements Ledger {
  /** Milliseconds since 1970; tests move it. */
  now: number;
  readonly msp: string;
  readonly made: LedgerBlock[] = [];
  readonly #table: readonly ContractTable[] = createChaincode({ verify: nodeVerifier() });
  #state: State = new Map();
  #held: BlockTransaction[] | undefined;
  #wake: (() => void)[] = [];
  #closed = false;
  #count = 0;

  constructor(now: number, msp: string) {
    this.now = now;
    this.msp = msp;
    this.#cut([]);
  }

  async submit(request: TransactionRequest): Promise<Committed> {
    const run = await this.#simulate(request);
    for (const { key, collection, value } of run.writes) this.#state.set(nameOf(key, collection), value);
    for (const { key, collection } of run.purges) this.#purge(key, collection);
    const transactions = this.#held ?? [];
    const index = transactions.length;
    transactions.push({ ...run.transaction, index });
    if (this.#held === undefined) this.#cut(transactions);
    return {
      block: this.#held === undefined ? this.made.length - 1 : this.made.length,
      index,
      txId: run.transaction.txId,
      result: run.result,
    };
  }

  /** All transactions of `work` go into one block, with one invalid one before them. */
  async together(work: () => Promise<unknown>): Promise<void> {
    this.#held = [
      { ...this.#outline("accesses:recordBatch"), index: 0, valid: false, validationCode: "MVCC_READ_CONFLICT" },
    ];
    await work();
    const transactions = this.#held;
    this.#held = undefined;
    this.#cut(transactions);
  }

  #outline(name: string): Omit<BlockTransaction, "index"> {
    const txId = Buffer.from(sha256Text(`tx ${this.#count++}`), "base64url").toString("hex");
    return { txId, valid: true, validationCode: "VALID", timestampMs: this.now, name, args: [], writes: [] };
  }

  async #simulate({ name, args, transient = {} }: TransactionRequest) {
    const outline = this.#outline(name);
    const writes: Write[] = [];
    const purges: { readonly collection: string; readonly key: string }[] = [];
    let event: BlockTransaction["event"];
    const world: World = {
      txId: outline.txId,
      timestampMs: this.now,
      submitterMsp: this.msp,
      endorserMsp: this.msp,
      clock: () => this.now,
      transient: (key) => transient[key],
      get: (key) => Promise.resolve(this.#state.get(nameOf(key))),
      put: (key, value) => {
        writes.push({ key, value });
        return Promise.resolve();
      },
      getPrivate: (collection, key) => Promise.resolve(this.#state.get(nameOf(key, collection))),
      putPrivate: (collection, key, value) => {
        writes.push({ collection, key, value });
        return Promise.resolve();
      },
      purgePrivate: (collection, key) => {
        purges.push({ collection, key });
        return Promise.resolve();
      },
      setKeyPolicy: () => Promise.resolve(),
      emit: (eventName, payload) => {
        event = { name: eventName, payload };
      },
    };
    const [contract, verb = ""] = name.split(":");
    const run = this.#table.find((one) => one.name === contract)?.functions[verb];
    if (run === undefined) throw new TypeError(`there is no ${name}`);
    try {
      const result = await run(world, ...args);
      const marked = purges.map(({ collection, key }) => ({ collection, keyHash: keyHashOf(key) }));
      const transaction = {
        ...outline,
        args,
        writes,
        ...(event !== undefined && { event }),
        ...(marked.length > 0 && { purges: marked }),
      };
      return { result, writes, purges, transaction };
    } catch (error) {
      const cause = error instanceof Error ? (decodeError(error.message) ?? error) : error;
      throw new LedgerError("REFUSED", `${name}: ${String(cause)}`, { cause });
    }
  }

  /** Also out of the blocks that were made, as a peer shows them afterwards. */
  #purge(key: string, collection: string): void {
    this.#state.delete(nameOf(key, collection));
    const isIt = (write: Write): boolean => write.key === key && write.collection === collection;
    this.made.forEach((block, number) => {
      if (!block.transactions.some(({ writes }) => writes.some(isIt))) return;
      const transactions = block.transactions.map((one) => {
        if (!one.writes.some(isIt)) return one;
        const purged = [...(one.purged ?? []), { collection, keyHash: keyHashOf(key) }];
        return { ...one, writes: one.writes.filter((write) => !isIt(write)), purged };
      });
      this.made[number] = { ...block, transactions };
    });
  }

  #cut(transactions: readonly BlockTransaction[]): void {
    const number = this.made.length;
    const hash = sha256Text(`${this.made.at(-1)?.hash ?? ""} ${JSON.stringify(transactions)}`);
    this.made.push({ number, hash, transactions });
    this.#notify();
  }

  #notify(): void {
    const waiting = this.#wake;
    this.#wake = [];
    for (const wake of waiting) wake();
  }

  blocks(from: number): BlockStream {
    return streamOf(
      from,
      (number) => this.made[number],
      () => this.#closed,
      (wake) => this.#wake.push(wake),
    );
  }

  height = (): Promise<number> => Promise.resolve(this.made.length);
  evaluate = async (request: TransactionRequest): Promise<string> => (await this.#simulate(request)).result;
  find = (): Promise<undefined> => Promise.resolve(undefined);

  view(): Promise<WitnessView> {
    const state = new Map(this.#state);
    const tip = this.made.at(-1)!;
    return Promise.resolve({
      block: tip.number,
      blockHash: tip.hash,
      get: (key: string) => Promise.resolve(state.get(nameOf(key))),
      getPrivateHash: (collection: string, key: string) => {
        const value = state.get(nameOf(key, collection));
        return Promise.resolve(value === undefined ? undefined : sha256Text(value));
      },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    });
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#notify();
    return Promise.resolve();
  }
}

/** Blocks from an array that grows. */
export function streamOf(
  from: number,
  read: (number: number) => LedgerBlock | undefined,
  ended: () => boolean,
  sleep: (wake: () => void) => void,
): BlockStream {
  let closed = false;
  let wake = (): void => undefined;
  const close = (): Promise<void> => {
    closed = true;
    wake();
    return Promise.resolve();
  };
  async function* run(): AsyncGenerator<LedgerBlock> {
    for (let number = from; ; number++) {
      let block = read(number);
      while (block === undefined) {
        if (closed || ended()) return;
        await new Promise<void>((resolve) => {
          wake = resolve;
          sleep(resolve);
        });
        block = read(number);
      }
      if (closed) return;
      yield block;
    }
  }
  return { [Symbol.asyncIterator]: run, close, [Symbol.asyncDispose]: close };
}

/** A ledger of exactly these blocks, which end there: as a disk shows them after a crash. */
export const frozen = (blocks: readonly LedgerBlock[]): Pick<Ledger, "blocks" | "height"> => ({
  blocks: (from) =>
    streamOf(
      from,
      (number) => blocks[number],
      () => false,
      () => undefined,
    ),
  height: () => Promise.resolve(blocks.length),
});
