/** A file as a source: CSV, JSON or NDJSON inside one configured folder. */
import { constants } from "node:fs";
import { type FileHandle, open, realpath } from "node:fs/promises";
import { resolve, sep } from "node:path";
import { type Layout, limitBytes, readRows, tooLarge } from "./formats.js";
import { type Row, sourceFailed } from "./row.js";
import { fieldsToRead, selectRows, type Source, type SourceRequest } from "./source.js";

export interface FileOptions extends Layout {
  /** All files lie below it, wherever links lead. */
  readonly folder: string;
  /** Relative to the folder. */
  readonly path: string;
  readonly maxBytes: number;
}

const READ_BYTES = 65_536;

export class FileSource implements Source {
  readonly #options: FileOptions;

  constructor(options: FileOptions) {
    this.#options = options;
  }

  /** Errors: SOURCE_FAILED · FILE_OUTSIDE, FILE_UNREADABLE, TOO_LARGE, and those of {@link readRows}. */
  async *open(request: SourceRequest, signal: AbortSignal): AsyncGenerator<Row, void, void> {
    signal.throwIfAborted();
    const { maxBytes } = this.#options;
    const handle = await this.#openFile();
    try {
      const bytes = handle.createReadStream({ highWaterMark: READ_BYTES, autoClose: false, signal });
      const rows = readRows(limitBytes(bytes, maxBytes), this.#options, fieldsToRead(request));
      yield* selectRows(rows, request);
    } finally {
      await handle.close();
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Links are resolved before the check, and the file that was checked is the one that is opened. */
  async #openFile(): Promise<FileHandle> {
    const real = await this.#locate();
    // O_NONBLOCK: opening a pipe must not wait for somebody to write into it.
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    const handle = await open(real, flags).catch(unreadable);
    try {
      const stat = await handle.stat();
      if (!stat.isFile()) throw sourceFailed("the source is not a regular file", "FILE_UNREADABLE");
      if (stat.size > this.#options.maxBytes) throw tooLarge(this.#options.maxBytes);
      return handle;
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

const unreadable = (cause: unknown): never => {
  throw sourceFailed("the file cannot be read", "FILE_UNREADABLE", { cause });
};
