/** Which records orders of the regulator hide for a time. They stay in the index as they are; who may not see them is told later. */
import { parsePayload, type Verb } from "@quanji/chaincode/domain";
import { type CommandEntry, fromBase64url, fromUtf8, type JsonObject } from "@quanji/chaincode/log";
import type { StoredCommand } from "@quanji/chaincode/world";
import { KEYS, range, under } from "./layout.js";
import type { KnownCommand } from "./readmodel.js";
import type { Changes, Reads, Store } from "./store.js";

/** An order that is not lifted. */
export interface SealOrder {
  readonly order: string;
  readonly until: string;
  /** Request of the command that gave it. */
  readonly request: string;
}

const payloadOf = <V extends Verb>(verb: V, { command }: StoredCommand) =>
  parsePayload(verb, JSON.parse(fromUtf8(fromBase64url(command.payload))) as JsonObject);

/** What a command on records' openings changes here, if it is about orders. */
export function fileSeal(changes: Changes, stored: StoredCommand): void {
  const { request, verb } = JSON.parse(stored.entry) as CommandEntry;
  if (verb === "record.seal") {
    const { order, until, log, records } = payloadOf("record.seal", stored);
    changes.put(KEYS.seal(order), request);
    for (const { index } of records)
      write(changes, log, index, [...readSealed(changes, log, index), { order, until, request }]);
  }
  if (verb === "record.unseal") {
    const { order } = payloadOf("record.unseal", stored);
    const given = JSON.parse(
      changes.get(KEYS.command(changes.get(KEYS.seal(order)) ?? "")) ?? "{}",
    ) as Partial<KnownCommand>;
    if (given.stored === undefined) return;
    const { log, records } = payloadOf("record.seal", given.stored);
    for (const { index } of records) {
      write(
        changes,
        log,
        index,
        readSealed(changes, log, index).filter((one) => one.order !== order),
      );
    }
  }
}

function write(changes: Changes, log: string, index: number, orders: readonly SealOrder[]): void {
  if (orders.length === 0) changes.delete(KEYS.sealed(log, index));
  else changes.put(KEYS.sealed(log, index), JSON.stringify(orders));
}

export function readSealed(reads: Reads, log: string, index: number): readonly SealOrder[] {
  const text = reads.get(KEYS.sealed(log, index));
  return text === undefined ? [] : (JSON.parse(text) as readonly SealOrder[]);
}

/** All sealed records of a log: few. */
export async function* sealedIn(
  store: Store,
  log: string,
): AsyncGenerator<readonly [number, readonly SealOrder[]], void> {
  const prefix = under("z", log);
  for await (const [key, text] of store.entries(range(prefix))) {
    yield [Number(key.slice(prefix.length)), JSON.parse(text) as readonly SealOrder[]];
  }
}
