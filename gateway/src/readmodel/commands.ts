/** Commands by request, and their places in the chains that they extended. */
import type { StopState } from "@quanji/chaincode/domain";
import { canonical, type ChainHead, type ChainKey, type CommandEntry, type HashText } from "@quanji/chaincode/log";
import type { StoredCommand } from "@quanji/chaincode/world";
import type { Chains, SealedHead } from "./chains.js";
import { mismatch } from "./faults.js";
import { KEYS } from "./layout.js";
import type { KnownCommand, Position } from "./readmodel.js";
import type { Changes, Reads, Store } from "./store.js";

/** Finds the head that the transaction stored for a chain it extended. */
export type HeadOf = (key: ChainKey) => SealedHead | undefined;

const readCommand = (reads: Reads, request: string): KnownCommand | undefined => {
  const text = reads.get(KEYS.command(request));
  return text === undefined ? undefined : (JSON.parse(text) as KnownCommand);
};

/** Errors: PROOF_INVALID · STATE_OPENING if a chain's head is not where the command says that it is. */
export function fileCommand(
  changes: Changes,
  chains: Chains,
  position: Position,
  stored: StoredCommand,
  headOf: HeadOf,
): void {
  const { request } = JSON.parse(stored.entry) as CommandEntry;
  // A stop takes effect, and is answered for, where it was given; folding it into its grant comes later.
  const given = readCommand(changes, request);
  const { block, index, txId } = given ?? position;
  const known: KnownCommand = { block, index, txId, stored };
  changes.put(KEYS.command(request), JSON.stringify(known));
  for (const { n, ...key } of stored.chains) {
    const head = headOf(key);
    if (head?.n !== n) {
      throw mismatch("STATE_OPENING", `block ${position.block} extends a ${key.kind} chain without its head`);
    }
    const segment = { block: position.block, head, records: [], command: request };
    chains.file(changes, chains.names(key, undefined).start, n - 1, segment);
  }
}

/** A stop that waits to be folded: known by its request, in no chain yet. */
export function fileStop(changes: Changes, position: Position, time: string, { stop }: StopState): void {
  if (stop === undefined || changes.get(KEYS.command(stop.request)) !== undefined) return;
  const entry: CommandEntry = {
    request: stop.request as HashText,
    time,
    tx: position.txId,
    v: "quanji.entry.v1",
    verb: stop.verb,
  };
  const stored: StoredCommand = { v: "quanji.command.v1", entry: canonical(entry), command: stop.command, chains: [] };
  const known: KnownCommand = { ...position, stored };
  changes.put(KEYS.command(stop.request), JSON.stringify(known));
}

/** The command inside the value of `orders`, which has no key of its own. */
export function orderCommand(
  net: string,
  orders: ChainHead & { readonly last?: { readonly entry: string; readonly command: StoredCommand["command"] } },
): StoredCommand | undefined {
  if (orders.last === undefined) return undefined;
  const { entry, command } = orders.last;
  return {
    v: "quanji.command.v1",
    entry,
    command,
    chains: [{ scope: net, kind: "orders", id: net, n: orders.n }],
  };
}

export class Commands {
  readonly #store: Store;
  readonly #chains: Chains;

  constructor(store: Store, chains: Chains) {
    this.#store = store;
    this.#chains = chains;
  }

  command(request: string): KnownCommand | undefined {
    return readCommand(this.#store, request);
  }

  async *chain(key: ChainKey): AsyncIterable<KnownCommand> {
    for await (const { command } of this.#chains.segments(key)) {
      const known = command === undefined ? undefined : this.command(command);
      if (known !== undefined) yield known;
    }
  }
}
