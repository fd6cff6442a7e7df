/** A trail as CSV (RFC 4180), for spreadsheets. */
import { COLUMNS, readTrail } from "./trail-rows.js";

/**
 * Spreadsheets run cells that begin with these as formulas; purposes and ids are chosen by strangers, so such a cell gets
 * an apostrophe, which spreadsheets take as "text follows".
 */
const FORMULA = /^[=+\-@\t\r]/;

export function csvCell(text: string): string {
  const safe = FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export async function trailCsv(lines: AsyncGenerator<Uint8Array, void, void>): Promise<string> {
  const { rows } = await readTrail(lines);
  const out = [COLUMNS.join(",")];
  for await (const row of rows) out.push(COLUMNS.map((column) => csvCell(row[column] ?? "")).join(","));
  return `${out.join("\r\n")}\r\n`;
}
