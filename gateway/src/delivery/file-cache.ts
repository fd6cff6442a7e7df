/**
 * Small files are asked for again and again: their rows are kept, and the file is looked at once a second at most. So an
 * access costs no file system call, and a changed file is served at the latest {@link LOOK_MS} later.
 */
import type { BigIntStats } from "node:fs";
import type { Field, Row } from "./row.js";

/** How long kept rows are served before the file is looked at again. */
export const LOOK_MS = 1_000;
/** A file that changed so short a time ago may change again within the same tick of its time stamps: read it anew. */
const SETTLED_MS = 2_000;
/** Sets of fields whose rows are kept for one file. */
const MAX_SHAPES = 8;

interface Kept {
  /** Empty: never equal to a file's, so the next look reads it again. */
  readonly stamp: string;
  readonly lookedMs: number;
  readonly rows: Map<string, readonly Row[]>;
}

export class FileCache {
  #kept: Kept | undefined;

  /** Rows that may be served without a look at the file. */
  fresh(fields: readonly Field[], nowMs: number): readonly Row[] | undefined {
    const kept = this.#kept;
    const age = kept === undefined ? Infinity : nowMs - kept.lookedMs;
    return age >= 0 && age < LOOK_MS ? kept?.rows.get(shapeOf(fields)) : undefined;
  }

  /** The file has been looked at: rows that still hold for it. */
  looked(stat: BigIntStats, fields: readonly Field[], nowMs: number): readonly Row[] | undefined {
    const stamp = stampOf(stat, nowMs);
    if (stamp === "" || this.#kept?.stamp !== stamp) {
      this.#kept = { stamp, lookedMs: nowMs, rows: new Map() };
      return undefined;
    }
    this.#kept = { ...this.#kept, lookedMs: nowMs };
    return this.#kept.rows.get(shapeOf(fields));
  }

  /** Keeps what was read after {@link looked} said `stat`, unless another look has found another file since. */
  keep(stat: BigIntStats, fields: readonly Field[], rows: readonly Row[], nowMs: number): void {
    const kept = this.#kept;
    if (kept === undefined || kept.stamp !== stampOf(stat, nowMs)) return;
    if (kept.rows.size >= MAX_SHAPES) kept.rows.clear();
    kept.rows.set(shapeOf(fields), rows);
  }
}

/** Which columns, read as what: rows kept for one shape serve every request of it. */
export const shapeOf = (fields: readonly Field[]): string =>
  JSON.stringify(fields.map(({ name, type }) => [name, type]));

function stampOf({ dev, ino, size, mtimeNs, ctimeNs, mtimeMs }: BigIntStats, nowMs: number): string {
  return nowMs - Number(mtimeMs) < SETTLED_MS ? "" : [dev, ino, size, mtimeNs, ctimeNs].join(" ");
}
