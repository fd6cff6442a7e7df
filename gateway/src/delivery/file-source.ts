/** A file as a source: CSV, JSON or NDJSON inside one configured folder. */
import { type BigIntStats, constants } from "node:fs";
import { type FileHandle, open, realpath } from "node:fs/promises";
import { resolve, sep } from "node:path";
import { FileCache, shapeOf } from "./file-cache.js";
import { type Layout, limitBytes, readRows, type RowBatches, tooLarge } from "./formats.js";
import { type Field, type Row, sourceFailed } from "./row.js";
import { fieldsToRead, selectRows, type Source, type SourceRequest } from "./source.js";

export interface FileOptions extends Layout {
  /** All files lie below it, wherever links lead. */
  readonly folder: string;
  /** Relative to the folder. */
  readonly path: string;
  readonly maxBytes: number;
  /** Ms since 1970. */
  readonly clock: () => number;
}

const READ_BYTES = 65_536;
/** Files up to this size have their rows kept; larger ones are read as they are asked for. */
const MAX_KEPT_BYTES = 1_048_576;

export class FileSource implements Source {
  readonly #options: FileOptions;
  readonly #cache = new FileCache();
  /** Looks under way, by the shape of what they read. */
  readonly #looks = new Map<string, Promise<readonly Row[] | undefined>>();

  constructor(options: FileOptions) {
    this.#options = options;
  }

  /** Errors: SOURCE_FAILED · FILE_OUTSIDE, FILE_UNREADABLE, TOO_LARGE, and those of {@link readRows}. */
  async *open(request: SourceRequest, signal: AbortSignal): AsyncGenerator<Row, void, void> {
    signal.throwIfAborted();
    const { maxBytes, clock } = this.#options;
    const fields = fieldsToRead(request);
    const kept = this.#cache.fresh(fields, clock()) ?? (await this.#look(fields));
    if (kept !== undefined) return yield* selectRows(once(kept), request);
    const { handle } = await this.#openFile();
    try {
      const bytes = handle.createReadStream({ highWaterMark: READ_BYTES, autoClose: false, signal });
      yield* selectRows(readRows(limitBytes(bytes, maxBytes), this.#options, fields), request);
    } finally {
      await handle.close();
    }
  }

  /** Requests that find the kept rows too old at the same moment share one look. Undefined: too large to be kept. */
  #look(fields: readonly Field[]): Promise<readonly Row[] | undefined> {
    const shape = shapeOf(fields);
    let look = this.#looks.get(shape);
    if (look === undefined) {
      look = this.#readSmall(fields).finally(() => this.#looks.delete(shape));
      this.#looks.set(shape, look);
    }
    return look;
  }

  async #readSmall(fields: readonly Field[]): Promise<readonly Row[] | undefined> {
    const { maxBytes, clock } = this.#options;
    const { handle, stat } = await this.#openFile();
    try {
      const known = this.#cache.looked(stat, fields, clock());
      if (known !== undefined || stat.size > MAX_KEPT_BYTES) return known;
      const bytes = handle.createReadStream({ highWaterMark: READ_BYTES, autoClose: false });
      const all = await collect(readRows(limitBytes(bytes, maxBytes), this.#options, fields));
      this.#cache.keep(stat, fields, all, clock());
      return all;
    } finally {
      await handle.close();
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Links are resolved before the check, and the file that was checked is the one that is opened. */
  async #openFile(): Promise<{ readonly handle: FileHandle; readonly stat: BigIntStats }> {
    const real = await this.#locate();
    // O_NONBLOCK: opening a pipe must not wait for somebody to write into it.
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    const handle = await open(real, flags).catch(unreadable);
    try {
      const stat = await handle.stat({ bigint: true });
      if (!stat.isFile()) throw sourceFailed("the source is not a regular file", "FILE_UNREADABLE");
      if (stat.size > this.#options.maxBytes) throw tooLarge(this.#options.maxBytes);
      return { handle, stat };
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  async #locate(): Promise<string> {
    const { folder, path } = this.#options;
    const base = await realpath(folder).catch(unreadable);
    const real = await realpath(resolve(base, path)).catch(unreadable);
    const inside = base.endsWith(sep) ? base : base + sep;
    if (!real.startsWith(inside)) throw sourceFailed("the file lies outside the folder for sources", "FILE_OUTSIDE");
    return real;
  }
}

const once = async function* (rows: readonly Row[]): RowBatches {
  yield await Promise.resolve(rows);
};

async function collect(batches: RowBatches): Promise<readonly Row[]> {
  const all: Row[] = [];
  for await (const rows of batches) all.push(...rows);
  return all;
}

const unreadable = (cause: unknown): never => {
  throw sourceFailed("the file cannot be read", "FILE_UNREADABLE", { cause });
};
