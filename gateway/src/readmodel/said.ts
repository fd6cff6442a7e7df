/**
 * What requests committed to: salts and values, apart from the records, for they can be erased and those cannot. A purge takes
 * the value out of the ledger's storage and out of its old blocks; here the row goes in the same write as the command comes.
 */
import { type Erasable, parsePayload, type Payload } from "@quanji/chaincode/domain";
import {
  type CommandEntry,
  type CommandHeader,
  fromBase64url,
  fromUtf8,
  type JsonObject,
  type Openings,
} from "@quanji/chaincode/log";
import type { StoredCommand, StoredOpenings } from "@quanji/chaincode/world";
import { KEYS, range, under } from "./layout.js";
import type { Scene } from "./scene.js";
import type { Changes, Reads, Store } from "./store.js";

/** Requests of the commands that erased fields of one record. */
export type ErasedFields = Readonly<Partial<Record<Erasable, string>>>;

const NAME = /^said\/(.+)\/\d+\/\d+$/;

/** A batch that a later transaction has purged comes without its value, and the next generation holds what is left. */
export function fileSaid({ changes, own }: Scene): void {
  for (const [key, text] of own) {
    const log = NAME.exec(key)?.[1];
    if (log === undefined) continue;
    const { value } = JSON.parse(text) as StoredOpenings;
    for (const [index, openings] of Object.entries(value)) {
      changes.put(KEYS.said(log, Number(index)), JSON.stringify(openings));
    }
  }
}

/** Takes what a command erases out of the index, and keeps which command that was. */
export function fileErasure(changes: Changes, { entry, command }: StoredCommand): void {
  const { request, verb } = JSON.parse(entry) as CommandEntry;
  if (verb !== "record.erase") return;
  const { log, records } = erasureOf(command);
  for (const { index, fields } of records) {
    const left = Object.entries(readSaid(changes, log, index)).filter(
      ([path]) => !fields.some((field) => field === path),
    );
    const key = KEYS.said(log, index);
    if (left.length > 0) changes.put(key, JSON.stringify(Object.fromEntries(left)));
    else changes.delete(key);
    const erased = {
      ...readErased(changes, log, index),
      ...Object.fromEntries(fields.map((field) => [field, request])),
    };
    changes.put(KEYS.erased(log, index), JSON.stringify(erased));
  }
}

/** What a stored erasure says. */
export function erasureOf({ payload }: StoredCommand["command"]): Payload<"record.erase"> {
  return parsePayload("record.erase", JSON.parse(fromUtf8(fromBase64url(payload))) as JsonObject);
}

export const kidOf = (command: StoredCommand["command"]): string =>
  (JSON.parse(fromUtf8(fromBase64url(command.protected))) as CommandHeader).kid;

export function readSaid(reads: Reads, log: string, index: number): Openings {
  const text = reads.get(KEYS.said(log, index));
  return text === undefined ? {} : (JSON.parse(text) as Openings);
}

export function readErased(reads: Reads, log: string, index: number): ErasedFields {
  const text = reads.get(KEYS.erased(log, index));
  return text === undefined ? {} : (JSON.parse(text) as ErasedFields);
}

/** Indexes of a log's records of which something is kept, oldest first. */
export async function* saidIn(store: Store, log: string, from = 0): AsyncGenerator<number, void> {
  const prefix = under("o", log);
  for await (const [key] of store.entries({ ...range(prefix), gte: KEYS.said(log, from) }))
    yield Number(key.slice(prefix.length));
}
