import { fromUtf8 } from "@quanji/chaincode/log";
import { parseRows } from "../../sdk/index.js";
import { display } from "../output.js";
import type { Format } from "./request.js";

/** Data (NDJSON, checked) in the form that was asked for. */
export function rowsAs(format: Format, data: Uint8Array, fields: readonly string[]): string {
  switch (format) {
    case "ndjson":
      return fromUtf8(data);
    case "json":
      return JSON.stringify(parseRows(data));
    case "csv":
      return [fields, ...parseRows(data).map((row) => fields.map((field) => cell(row[field])))]
        .map((cells) => `${cells.map(quoted).join(",")}\r\n`)
        .join("");
  }
}

const cell = (value: unknown): string => (value === undefined || value === null ? "" : display(value));

/** RFC 4180. For programs, so values stay what they are: no apostrophes against formulas here. */
const quoted = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
