/** The ledger's thread: opens the embedded ledger and answers calls, until it is told to close. */
import { randomBytes } from "node:crypto";
import { parentPort, workerData } from "node:worker_threads";
import { createChaincode } from "@quanji/chaincode/contracts";
import { nodeVerifier } from "@quanji/chaincode/world";
import { openEmbeddedLedger } from "../embedded/index.js";
import type { BlockStream, Ledger, LedgerBlock, WitnessView } from "../ledger.js";
import { VouchedVerifier } from "./vouchers.js";
import { type Answer, type Call, type CallName, type Calls, type ThreadOptions, toWire } from "./wire.js";

type Handlers = { [N in CallName]: (argument: Calls[N][0]) => Promise<Calls[N][1]> };

const port = parentPort ?? raise("this file is the entry of a thread");

function raise(message: string): never {
  throw new Error(message);
}

const say = (answer: Answer): void => port.postMessage(answer);

const verifier = new VouchedVerifier(nodeVerifier());

function openLedger(options: ThreadOptions): Promise<Ledger> {
  return openEmbeddedLedger({
    ...options,
    contracts: createChaincode({ verify: verifier.verify }),
    clock: Date.now,
    random: randomBytes,
    report: (error, transaction) => say({ report: { error: toWire(error), transaction } }),
  });
}

function handlersOf(ledger: Ledger): Handlers {
  const streams = new Map<number, { readonly stream: BlockStream; readonly blocks: AsyncIterator<LedgerBlock> }>();
  const views = new Map<number, WitnessView>();
  const viewOf = (view: number): WitnessView => views.get(view) ?? raise(`there is no view ${view}`);
  return {
    submit({ request, vouchers }) {
      verifier.accept(vouchers);
      return ledger.submit(request);
    },
    evaluate: (request) => ledger.evaluate(request),
    height: () => ledger.height(),
    find: (txId) => ledger.find(txId),
    open({ stream: id, from }) {
      const stream = ledger.blocks(from);
      streams.set(id, { stream, blocks: stream[Symbol.asyncIterator]() });
      return Promise.resolve(undefined);
    },
    async next(id) {
      const pulled = await streams.get(id)?.blocks.next();
      return pulled === undefined || pulled.done === true ? undefined : pulled.value;
    },
    async leave(id) {
      await streams.get(id)?.stream.close();
      streams.delete(id);
      return undefined;
    },
    blockBytes: (number) => ledger.blockBytes?.(number) ?? Promise.resolve(undefined),
    async view(id) {
      const view = await ledger.view();
      views.set(id, view);
      return { block: view.block, blockHash: view.blockHash };
    },
    get: ({ view, key }) => viewOf(view).get(key),
    getPrivateHash: ({ view, collection, key }) => viewOf(view).getPrivateHash(collection, key),
    async release(id) {
      await views.get(id)?.[Symbol.asyncDispose]();
      views.delete(id);
      return undefined;
    },
    async close() {
      await ledger.close();
      return undefined;
    },
  };
}

async function answer<N extends CallName>(
  handlers: Handlers,
  name: N,
  argument: Calls[N][0],
  id: number,
): Promise<void> {
  try {
    say({ id, value: await handlers[name](argument) });
  } catch (error) {
    say({ id, error: toWire(error) });
  }
  if (name === "close") port.close();
}

/** Answers of the opening itself have the number 0. */
const OPENING = 0;
try {
  const handlers = handlersOf(await openLedger(workerData as ThreadOptions));
  port.on("message", (call: Call) => void answer(handlers, call.name, call.argument, call.id));
  say({ id: OPENING, value: undefined });
} catch (error) {
  say({ id: OPENING, error: toWire(error) });
}
