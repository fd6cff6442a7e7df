/** What a command has to say: as one JSON object, or as text for people. */
import { harmless, padEnd, widthOf } from "./width.js";

export interface Result {
  /** The one object of `--json`. */
  readonly json: Readonly<Record<string, unknown>>;
  /** For people, without final line feed; bytes are written as they are. Empty: nothing is printed. */
  readonly text: string | Uint8Array;
  /** Said on standard error, with or without `--json`: what to do next, what to beware of. */
  readonly notes?: readonly string[];
  /** Default 0. */
  readonly exitCode?: number;
}

const GAP = "  ";

/** Aligned columns; the last one is not padded. An empty table says so. */
export function table(head: readonly string[], rows: readonly (readonly unknown[])[]): string {
  if (rows.length === 0) return "(none)";
  const cells = [head, ...rows.map((row) => row.map((cell) => harmless(display(cell))))];
  const widths = head.map((_, column) => Math.max(...cells.map((row) => widthOf(row[column] ?? ""))));
  const line = (row: readonly string[]): string =>
    row.map((cell, column) => (column === row.length - 1 ? cell : padEnd(cell, widths[column] ?? 0))).join(GAP);
  return cells.map(line).join("\n");
}

/** Name and value, one pair a line; what is undefined is left out. */
export function pairs(values: Readonly<Record<string, unknown>>): string {
  const rows = Object.entries(values).filter(([, value]) => value !== undefined);
  const width = Math.max(0, ...rows.map(([name]) => widthOf(name)));
  return rows.map(([name, value]) => `${padEnd(name, width)}${GAP}${harmless(display(value))}`).join("\n");
}

export function display(value: unknown): string {
  if (value === undefined || value === null) return "-";
  if (typeof value === "string") return value;
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value.join(", ");
  return JSON.stringify(value);
}
