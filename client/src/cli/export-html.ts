/** A trail as one HTML page: nothing is loaded from anywhere, nothing runs, everything from the file is escaped; it prints. */
import type { Verdict } from "../verify/index.js";
import { COLUMNS, readTrail } from "./trail-rows.js";
import { verdictText } from "./verdict.js";

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

export const escapeHtml = (text: string): string =>
  text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? "");

const STYLE = `
body { font: 14px/1.5 system-ui, sans-serif; margin: 2rem; color: #1a1a1a; background: #fff; }
h1 { font-size: 1.3rem; } pre { background: #f4f4f4; padding: 1rem; white-space: pre-wrap; }
table { border-collapse: collapse; font-size: 12px; } caption { text-align: left; padding-bottom: .5rem; }
th, td { border: 1px solid #bbb; padding: .2rem .4rem; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
th { background: #eee; } tr.deny td { background: #fdecea; }
@media print { @page { size: A4 landscape; margin: 1cm; } body { margin: 0; } thead { display: table-header-group; } tr { break-inside: avoid; } }
`;

export interface HtmlOptions {
  readonly file: string;
  readonly verdict?: Verdict;
}

export async function trailHtml(lines: AsyncGenerator<Uint8Array, void, void>, options: HtmlOptions): Promise<string> {
  const { kind, id, from, to, rows } = await readTrail(lines);
  const body: string[] = [];
  for await (const row of rows) {
    const cells = COLUMNS.map((column) => `<td>${escapeHtml(row[column] ?? "")}</td>`).join("");
    body.push(`<tr${row.decision === "deny" ? ' class="deny"' : ""}>${cells}</tr>`);
  }
  const title = escapeHtml(`Trail of ${kind} ${id}`);
  const period = escapeHtml(`${from ?? "the beginning"} to ${to ?? "the file's end"}`);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${title}</h1>
<p>From ${period}. This page is for reading; the evidence is the file <code>${escapeHtml(options.file)}</code>, which <code>quanji verify</code> checks.</p>
<pre>${escapeHtml(options.verdict === undefined ? "Not verified." : verdictText(options.file, options.verdict, "en"))}</pre>
<table>
<caption>${body.length} records</caption>
<thead><tr>${COLUMNS.map((column) => `<th scope="col">${column}</th>`).join("")}</tr></thead>
<tbody>
${body.join("\n")}
</tbody>
</table>
</body>
</html>
`;
}
