/** The index made anew from the blocks, and compared row by row with the one on disk. */
import { access, mkdtemp, rm } from "node:fs/promises";
import path from "node:path";
import { isQuanjiError, type QuanjiError } from "@quanji/chaincode/domain";
import { equalBytes } from "@quanji/chaincode/log";
import type { Ledger, LedgerBlock } from "../ledger/ledger.js";
import { FORMAT, KEYS, type Meta } from "./layout.js";
import { openReadModel } from "./open.js";
import { Store } from "./store.js";

/**
 * `current` and `behind`: compared at the height that it has; what is missing is applied at the next start. `absent` and
 * `foreign` (of another format or another ledger): not compared, the next start makes it anew.
 */
export type IndexState = "current" | "behind" | "absent" | "foreign";

export interface IndexReport {
  readonly ok: boolean;
  readonly state: IndexState;
  /** Blocks that it has. */
  readonly blocks: number;
  /** Rows that were compared. */
  readonly entries: number;
  readonly fault?: { readonly code: "INDEX"; readonly message: string };
}

export interface IndexCheck {
  /** The index's own folder; nobody has it open. */
  readonly folder: string;
  /** Where it is made anew, in a folder that is removed afterwards. */
  readonly scratch: string;
  readonly ledger: Pick<Ledger, "blocks" | "height">;
  readonly collection: string;
}

/** Errors: CONFIG_INVALID · LOCKED if another process has the index open. */
export async function checkIndex({ folder, scratch, ledger, collection }: IndexCheck): Promise<IndexReport> {
  if (!(await exists(path.join(folder, "CURRENT")))) return { ok: true, state: "absent", blocks: 0, entries: 0 };
  const made = await mkdtemp(path.join(scratch, "readmodel-check-"));
  let stored: Store | undefined;
  try {
    stored = await Store.open(folder);
    const { state, blocks } = await stateOf(stored, ledger);
    if (state === "absent" || state === "foreign") return { ok: true, state, blocks, entries: 0 };
    const fault = await rebuild({ folder: made, ledger: cutAt(ledger, blocks), collection }, blocks);
    if (fault !== undefined) return { ok: false, state, blocks, entries: 0, fault: faulty(fault.message) };
    const rebuilt = await Store.open(made);
    try {
      return { state, blocks, ...(await compared(stored, rebuilt, state === "behind")) };
    } finally {
      await rebuilt.close();
    }
  } catch (error) {
    if (!isQuanjiError(error) || error.detail !== "INDEX_CORRUPT") throw error;
    return { ok: false, state: "foreign", blocks: 0, entries: 0, fault: faulty(error.message) };
  } finally {
    await stored?.close();
    await rm(made, { recursive: true });
  }
}

const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );

const faulty = (message: string) => ({ code: "INDEX", message }) as const;

async function stateOf(
  store: Store,
  ledger: Pick<Ledger, "blocks" | "height">,
): Promise<{ readonly state: IndexState; readonly blocks: number }> {
  const text = store.get(KEYS.meta);
  if (text === undefined) return { state: "absent", blocks: 0 };
  const { format, height, tip } = JSON.parse(text) as Meta;
  const newest = await ledger.height();
  if (format !== FORMAT || height > newest) return { state: "foreign", blocks: height };
  await using blocks = ledger.blocks(height - 1);
  for await (const { hash } of blocks) {
    if (hash !== tip) return { state: "foreign", blocks: height };
    break;
  }
  return { state: height === newest ? "current" : "behind", blocks: height };
}

/** The ledger as it was when it had that many blocks. */
function cutAt(ledger: Pick<Ledger, "blocks">, height: number): Pick<Ledger, "blocks" | "height"> {
  return {
    height: () => Promise.resolve(height),
    blocks: (from) => {
      const stream = ledger.blocks(from);
      return {
        close: () => stream.close(),
        [Symbol.asyncDispose]: () => stream[Symbol.asyncDispose](),
        async *[Symbol.asyncIterator](): AsyncGenerator<LedgerBlock, void, void> {
          if (from >= height) return;
          for await (const block of stream) {
            yield block;
            if (block.number === height - 1) return;
          }
        },
      };
    },
  };
}

/** Answers what the blocks themselves are refused for. */
async function rebuild(
  parts: Omit<Parameters<typeof openReadModel>[0], "onError">,
  height: number,
): Promise<QuanjiError | undefined> {
  let fault: QuanjiError | undefined;
  const index = await openReadModel({ ...parts, onError: (error) => (fault = error) });
  try {
    await index.reached(height - 1);
    return undefined;
  } catch (error) {
    if (isQuanjiError(error)) return fault ?? error;
    throw error;
  } finally {
    await index.close();
  }
}

type Row = readonly [key: string, value: Uint8Array];

/**
 * Both in order of their keys, side by side. An index that is behind may still hold openings that a block which it has not read
 * yet erases: nobody shows them to it any more.
 */
async function compared(
  stored: Store,
  rebuilt: Store,
  isBehind: boolean,
): Promise<Pick<IndexReport, "ok" | "entries" | "fault">> {
  const actual: AsyncIterator<Row, void> = without(stored, isBehind);
  const expected: AsyncIterator<Row, void> = without(rebuilt, isBehind);
  try {
    for (let entries = 0; ; entries++) {
      const [mine, right] = [await nextOf(actual), await nextOf(expected)];
      if (mine === undefined && right === undefined) return { ok: true, entries };
      const problem = difference(mine, right);
      if (problem !== undefined) return { ok: false, entries, fault: faulty(problem) };
    }
  } finally {
    await actual.return?.();
    await expected.return?.();
  }
}

async function* without(store: Store, said: boolean): AsyncGenerator<Row, void> {
  for await (const row of store.rows()) if (!said || !row[0].startsWith("o|")) yield row;
}

const nextOf = async (rows: AsyncIterator<Row>): Promise<Row | undefined> => {
  const next = await rows.next();
  return next.done === true ? undefined : next.value;
};

/** Names the row and never its value: values are private data. */
function difference(mine: Row | undefined, right: Row | undefined): string | undefined {
  const [key, expected] = [mine?.[0], right?.[0]];
  if (key !== undefined && (expected === undefined || key < expected))
    return `row ${JSON.stringify(key)} follows from no block`;
  if (expected !== undefined && key !== expected) return `row ${JSON.stringify(expected)} is missing`;
  if (mine === undefined || right === undefined || equalBytes(mine[1], right[1])) return undefined;
  return `row ${JSON.stringify(key)} is not what the blocks make it`;
}
