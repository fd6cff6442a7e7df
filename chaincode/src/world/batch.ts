/**
 * A stored batch as text: its head on the first line, then one record a line. A delivery needs one record out of hundreds,
 * so it parses one line, not the batch.
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

/** The record at a position of the batch, from 0; undefined if it has fewer. */
export function recordInBatch(text: string, position: number): StoredRecord | undefined {
  let start = text.indexOf("\n") + 1;
  for (let i = 0; i < position && start > 0; i++) start = text.indexOf("\n", start) + 1;
  if (start <= 0 || position < 0) return undefined;
  const end = text.indexOf("\n", start);
  return JSON.parse(text.slice(start, end < 0 ? undefined : end)) as StoredRecord;
}
