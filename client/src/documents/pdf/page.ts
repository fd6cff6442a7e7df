/**
 * A sheet of A4 that is described first and drawn afterwards, since its fonts are made of the text it turns out to have. The same
 * description gives the same bytes: no clock, no randomness.
 */
import PDFDocument from "pdfkit";
import { FontSet, type Run } from "./fonts.js";
import { qrModules } from "./qr.js";

const WIDTH = 595.28;
const HEIGHT = 841.89;
export const MARGIN = 48;
export const INNER = WIDTH - 2 * MARGIN;

export interface TextStyle {
  readonly size?: number;
  readonly colour?: string;
  readonly bold?: boolean;
  /** Right edge: the text ends at x. */
  readonly align?: "left" | "right";
}

interface DrawnText {
  readonly page: number;
  readonly runs: readonly Run[];
  readonly x: number;
  readonly y: number;
  readonly style: TextStyle;
}
interface DrawnBox {
  readonly page: number;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly colour: string;
}

export interface SheetInfo {
  readonly title: string;
  readonly author: string;
  /** The document's own day: PDFs want a time of creation. */
  readonly date: string;
}

const INK = "#1b1f24";
const REGULAR = 400;
const BOLD = 650;

export class Sheet {
  readonly #regular: FontSet;
  readonly #bold: FontSet;
  readonly #texts: DrawnText[] = [];
  readonly #boxes: DrawnBox[] = [];
  #page = 0;
  y = MARGIN;

  private constructor(regular: FontSet, bold: FontSet) {
    this.#regular = regular;
    this.#bold = bold;
  }

  static async begin(): Promise<Sheet> {
    return new Sheet(await FontSet.open(REGULAR), await FontSet.open(BOLD));
  }

  text(text: string, x: number, style: TextStyle = {}, y = this.y): void {
    const runs = (style.bold === true ? this.#bold : this.#regular).runs(text);
    this.#texts.push({ page: this.#page, runs, x, y, style });
  }

  /** Moves on; begins a page where less than `needed` is left. */
  down(by: number, needed = 0): void {
    this.y += by;
    if (this.y + needed <= HEIGHT - MARGIN) return;
    this.#page++;
    this.y = MARGIN;
  }

  rule(colour = "#c7cdd4"): void {
    this.box(MARGIN, this.y, INNER, 0.6, colour);
  }

  box(x: number, y: number, width: number, height: number, colour: string): void {
    this.#boxes.push({ page: this.#page, x, y, width, height, colour });
  }

  /** With the quiet zone of four modules that the standard asks for. */
  qr(text: string, x: number, y: number, width: number): void {
    const modules = qrModules(text);
    const unit = width / (modules.length + 8);
    this.box(x, y, width, width, "#ffffff");
    for (const [row, dark] of modules.entries()) {
      for (const [column, isDark] of dark.entries()) {
        if (isDark) this.box(x + (column + 4) * unit, y + (row + 4) * unit, unit, unit, "#000000");
      }
    }
  }

  /** `compress`: false where a test reads what was drawn. */
  async finish({ title, author, date }: SheetInfo, compress = true): Promise<Buffer> {
    const pdf = new PDFDocument({
      autoFirstPage: false,
      size: [WIDTH, HEIGHT],
      margin: 0,
      compress,
      lang: "zh-CN",
      displayTitle: true,
      info: {
        Title: title,
        Author: author,
        CreationDate: new Date(`${date}T00:00:00.000Z`),
        Producer: "Quanji",
        Creator: "Quanji",
      },
    });
    const chunks: Buffer[] = [];
    const done = new Promise<Buffer>((resolve, reject) => {
      pdf.on("data", (chunk: Buffer) => chunks.push(chunk));
      pdf.on("end", () => resolve(Buffer.concat(chunks)));
      pdf.on("error", reject);
    });
    for (const [weight, set] of [["r", this.#regular] as const, ["b", this.#bold] as const]) {
      for (const [name, bytes] of await set.fonts()) pdf.registerFont(`${weight} ${name}`, bytes);
    }
    for (let page = 0; page <= this.#page; page++) {
      pdf.addPage();
      for (const box of this.#boxes.filter((each) => each.page === page)) {
        pdf.rect(box.x, box.y, box.width, box.height).fill(box.colour);
      }
      for (const text of this.#texts.filter((each) => each.page === page)) draw(pdf, text);
    }
    pdf.end();
    return done;
  }
}

function draw(pdf: PDFKit.PDFDocument, { runs, x, y, style }: DrawnText): void {
  const { size = 9, colour = INK, bold = false, align = "left" } = style;
  pdf.fontSize(size).fillColor(colour);
  const pick = ({ font }: Run): void => {
    pdf.font(`${bold ? "b" : "r"} ${font}`);
  };
  const widths = runs.map((run) => {
    pick(run);
    return pdf.widthOfString(run.text);
  });
  let at = align === "right" ? x - widths.reduce((sum, width) => sum + width, 0) : x;
  for (const [i, run] of runs.entries()) {
    pick(run);
    pdf.text(run.text, at, y, { lineBreak: false, baseline: "alphabetic" });
    at += widths[i] ?? 0;
  }
}
