/**
 * A stored batch as text: its head on the first line, then one record a line. A delivery needs one record out of hundreds,
 * and the index keeps each record's line as it is, so nobody parses the batch to get at one record.
 */
import type { StoredBatch, StoredRecord } from "./stored.js";

export const encodeBatch = ({ records, ...head }: StoredBatch): string =>
  [head, ...records].map((line) => JSON.stringify(line)).join("\n");

export function decodeBatch(text: string): StoredBatch {
  const [head = "", ...records] = text.split("\n");
  return {
    ...(JSON.parse(head) as Omit<StoredBatch, "records">),
    records: records.map((line) => JSON.parse(line) as StoredRecord),
  };
}

/** Each record's own text, in order: what {@link recordOf} reads. */
export const linesOf = (text: string): readonly string[] => text.split("\n").slice(1);

/** A record from its line. */
export const recordOf = (line: string): StoredRecord => JSON.parse(line) as StoredRecord;
