/** The port to whatever holds the data. */
import { matcher } from "./query.js";
import type { Condition, Range } from "./query.js";
import type { Field, Row } from "./row.js";

/** What a source is asked. Made by `planRequest`, so everything in it fits together. */
export interface SourceRequest {
  /** What leaves, in this order. */
  readonly fields: readonly Field[];
  /** All must hold; each names one of `fields`. */
  readonly where: readonly Condition[];
  /** `field` may be one that is not in `fields`: it is read, compared and left behind. */
  readonly range?: Range & { readonly field: Field };
  readonly limit?: number;
  /** Matching rows to pass over. */
  readonly after: number;
  /** Days begin at midnight of this offset. */
  readonly timeZone: string;
  /** The receipt of the permit, for a source behind an adapter that asks for it. */
  readonly ticket?: string;
}

export interface Source {
  /**
   * The rows that fulfil the request, in the source's order. Reads no faster than it is asked; leaving the loop early
   * frees everything. Throws SOURCE_FAILED; rejects as `signal` says once it is aborted.
   */
  open(request: SourceRequest, signal: AbortSignal): AsyncIterable<Row>;
  close(): Promise<void>;
}

/** The fields that must be read to answer: what leaves, and what the range looks at. */
export function fieldsToRead({ fields, range }: SourceRequest): readonly Field[] {
  if (range === undefined || fields.some((field) => field.name === range.field.name)) return fields;
  return [...fields, range.field];
}

/** What remains to be done here, if a source has already passed over rows itself. */
export interface Remaining {
  readonly after: number;
}

/**
 * Evaluates a request over rows. A source that filters by itself is filtered again, so that one which ignores a condition
 * cannot give more than was asked for.
 */
export async function* selectRows(
  batches: AsyncIterable<Iterable<Row>>,
  request: SourceRequest,
  remaining: Remaining = request,
): AsyncGenerator<Row, void, void> {
  const matches = matcher(request);
  let skip = remaining.after;
  let left = request.limit ?? Infinity;
  for await (const rows of batches) {
    for (const row of rows) {
      if (!matches(row) || skip-- > 0) continue;
      yield project(row, request.fields);
      if (--left <= 0) return;
    }
  }
}

/** Only `fields`, in their order. */
export function project(row: Row, fields: readonly Field[]): Row {
  const projected = Object.create(null) as Record<string, Row[string]>;
  for (const { name } of fields) {
    const value = row[name];
    if (value !== undefined) projected[name] = value;
  }
  return projected;
}
