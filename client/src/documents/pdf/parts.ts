/** What the sheets of all documents share: head with code and QR, pairs, tables, foot. Words in both languages, Chinese first. */
import { INNER, MARGIN, type Sheet, type TextStyle } from "./page.js";

const GREY = "#5b6670";
const ACCENT = "#0b4f6c";
const QR_WIDTH = 92;

/** Ems: full-width characters one, others what Latin takes on average. Only where to break is decided by it. */
const emsOf = (text: string): number =>
  Array.from(text).reduce((sum, character) => sum + ((character.codePointAt(0) ?? 0) >= 0x2e80 ? 1 : 0.58), 0);

/** Breaks between words, between any two full-width characters, and within what is longer than a line. */
export function wrapped(text: string, width: number, size: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const piece of text.match(/[\u2e80-\uffff]|[^\s\u2e80-\uffff]+|\s+/gu) ?? []) {
    if (emsOf(line + piece) * size <= width) line += piece;
    else {
      if (line.trim() !== "") lines.push(line.trimEnd());
      line = piece.trimStart();
      while (emsOf(line) * size > width) {
        const fits = Math.max(1, Math.floor(width / (0.6 * size)));
        lines.push(line.slice(0, fits));
        line = line.slice(fits);
      }
    }
  }
  return line.trim() === "" ? lines : [...lines, line.trimEnd()];
}

/** `ABCD EFGH …`: to be read out and typed. */
export const spacedCode = (code: string): string => code.match(/.{1,4}/g)?.join(" ") ?? code;

export interface Head {
  readonly title: string;
  readonly subtitle: string;
  readonly code: string;
  /** Where the code is looked up. */
  readonly url: string;
}

export function head(sheet: Sheet, { title, subtitle, code, url }: Head): void {
  sheet.box(MARGIN, MARGIN - 18, INNER, 4, ACCENT);
  sheet.qr(url, MARGIN + INNER - QR_WIDTH, MARGIN - 4, QR_WIDTH);
  sheet.down(26);
  sheet.text(title, MARGIN, { size: 22, bold: true, colour: ACCENT });
  sheet.down(18);
  sheet.text(subtitle, MARGIN, { size: 10.5, colour: GREY });
  sheet.down(22);
  sheet.text("编号 Code", MARGIN, { size: 8, colour: GREY });
  sheet.text(spacedCode(code), MARGIN + 56, { size: 10.5, bold: true });
  sheet.down(24);
  sheet.rule();
  sheet.down(18);
}

export type Pair = readonly [label: string, value: string];

/** Two columns of pairs; values wrap. */
export function pairsOf(sheet: Sheet, left: readonly Pair[], right: readonly Pair[]): void {
  const top = sheet.y;
  const column = INNER / 2 - 8;
  let lowest = top;
  for (const [at, list] of [left, right].entries()) {
    const x = MARGIN + at * (column + 16);
    let y = top;
    for (const [label, value] of list) {
      sheet.text(label, x, { size: 8, colour: GREY }, y);
      // Hashes are one long word of wide letters.
      const size = value.length > 40 && !value.includes(" ") ? 7.5 : 9.5;
      for (const line of wrapped(value, column, size)) {
        y += 13;
        sheet.text(line, x, { size }, y);
      }
      y += 17;
    }
    lowest = Math.max(lowest, y);
  }
  sheet.y = lowest + 2;
  sheet.down(0, 60);
}

export interface Column {
  readonly title: string;
  /** Share of the width. */
  readonly width: number;
  readonly align?: "right";
}

export function table(sheet: Sheet, columns: readonly Column[], rows: readonly (readonly string[])[]): void {
  const whole = columns.reduce((sum, { width }) => sum + width, 0);
  const cells = columns.map(({ width }, at) => {
    const before = columns.slice(0, at).reduce((sum, column) => sum + column.width, 0);
    return { x: MARGIN + (before / whole) * INNER, width: (width / whole) * INNER };
  });
  const put = (texts: readonly string[], style: TextStyle): void => {
    const wraps = texts.map((text, at) => wrapped(text, (cells[at]?.width ?? 0) - 6, style.size ?? 9));
    for (const [at, lines] of wraps.entries()) {
      const { x = 0, width = 0 } = cells[at] ?? {};
      const right = columns[at]?.align === "right";
      for (const [n, line] of lines.entries()) {
        sheet.text(
          line,
          right ? x + width - 3 : x + 3,
          { ...style, align: right ? "right" : "left" },
          sheet.y + n * 12,
        );
      }
    }
    sheet.down(12 * Math.max(1, ...wraps.map((lines) => lines.length)) + 5, 24);
  };
  sheet.box(MARGIN, sheet.y - 11, INNER, 17, "#e8eef2");
  put(
    columns.map(({ title }) => title),
    { size: 8, colour: GREY },
  );
  for (const row of rows) put(row, { size: 9 });
  sheet.rule();
  sheet.down(16, 60);
}

/** Label and figure at the right edge. */
export function totalRow(sheet: Sheet, label: string, value: string, strong = false): void {
  const size = strong ? 12 : 9;
  sheet.text(label, MARGIN + INNER - 190, { size, align: "right", bold: strong, ...(!strong && { colour: GREY }) });
  sheet.text(value, MARGIN + INNER - 3, { size, align: "right", bold: strong });
  sheet.down(strong ? 20 : 15, 20);
}

/** Small print, in lines. */
export function foot(sheet: Sheet, lines: readonly string[]): void {
  sheet.down(14, 20 + lines.length * 24);
  sheet.rule();
  sheet.down(14);
  for (const text of lines) {
    for (const line of wrapped(text, INNER, 7.5)) {
      sheet.text(line, MARGIN, { size: 7.5, colour: GREY });
      sheet.down(11, 12);
    }
  }
}
