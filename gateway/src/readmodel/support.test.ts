/** Indexes for tests, in folders that go with the test, and coded expectations. Holds no test itself. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Code, QuanjiError } from "@quanji/chaincode/domain";
import { isQuanjiError } from "@quanji/chaincode/domain";
import { expect } from "chai";
import type { Ledger } from "../ledger/ledger.js";
import { range } from "./layout.js";
import type { LedgerIndex } from "./ledger-index.js";
import { openReadModel } from "./open.js";
import { Store } from "./store.js";
import { COLLECTION } from "./story.test.js";

export interface Opened {
  readonly index: LedgerIndex;
  /** What `onError` got. */
  readonly faults: QuanjiError[];
}

/** Gives out folders and indexes; `clean` closes and deletes all of them. */
export class Bench {
  readonly #folders: string[] = [];
  readonly #open = new Set<LedgerIndex>();

  async folder(): Promise<string> {
    const folder = await mkdtemp(path.join(tmpdir(), "quanji-index-"));
    this.#folders.push(folder);
    return folder;
  }

  async open(
    ledger: Pick<Ledger, "blocks" | "height">,
    { folder, collection = COLLECTION }: { readonly folder?: string; readonly collection?: string } = {},
  ): Promise<Opened> {
    const faults: QuanjiError[] = [];
    const onError = (fault: QuanjiError): void => void faults.push(fault);
    const index = await openReadModel({ folder: folder ?? (await this.folder()), ledger, collection, onError });
    this.#open.add(index);
    return { index, faults };
  }

  /** Open, and with all blocks in. */
  async upToDate(ledger: Pick<Ledger, "blocks" | "height">, options = {}): Promise<LedgerIndex> {
    const { index } = await this.open(ledger, options);
    await index.reached((await ledger.height()) - 1);
    return index;
  }

  async close(index: LedgerIndex): Promise<void> {
    this.#open.delete(index);
    await index.close();
  }

  async clean(): Promise<void> {
    for (const index of this.#open) await index.close();
    this.#open.clear();
    for (const folder of this.#folders.splice(0)) await rm(folder, { recursive: true });
  }
}

/** All that a closed index has on disk. */
export async function dump(folder: string): Promise<readonly (readonly [string, string])[]> {
  const store = await Store.open(folder);
  const all: (readonly [string, string])[] = [];
  for await (const [key] of store.entries(range(""))) {
    all.push([key, Buffer.from(store.getBytes(key) ?? []).toString("base64")]);
  }
  await store.close();
  return all;
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

export async function expectCode(promise: Promise<unknown>, code: Code, detail?: string): Promise<void> {
  const thrown: unknown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!isQuanjiError(thrown)) throw new Error(`expected ${code}, got ${String(thrown)}`, { cause: thrown });
  expect({ code: thrown.code, detail: thrown.detail }).to.deep.equal({ code, detail });
}
