/**
 * Noto Sans SC for PDFs: the package brings it in a hundred slices by character, each a variable font. Of a document's text the
 * slices that it needs are cut down to its characters, at one weight, so that a page carries some kilobytes of font.
 */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import subsetFont from "subset-font";

const require = createRequire(import.meta.url);
const PACKAGE = "@fontsource-variable/noto-sans-sc";

/** Drawn for a character that no slice has. */
export const MISSING = "〓";

interface Slice {
  readonly file: string;
  readonly ranges: readonly (readonly [from: number, to: number])[];
}

/** A run of text that one font draws. */
export interface Run {
  readonly font: string;
  readonly text: string;
}

let slices: Promise<readonly Slice[]> | undefined;

async function readSlices(): Promise<readonly Slice[]> {
  const text = await readFile(require.resolve(`${PACKAGE}/unicode.json`), "utf8");
  const table = JSON.parse(text) as Readonly<Record<string, string>>;
  // Latin first: digits and letters of one look, wherever else they also stand.
  const names = Object.keys(table).sort((a, b) => Number(b === "latin") - Number(a === "latin"));
  return names.map((name) => ({
    file: `${PACKAGE}/files/noto-sans-sc-${name.replaceAll(/[[\]]/g, "")}-wght-normal.woff2`,
    ranges: (table[name] ?? "").split(",").map(rangeOf),
  }));
}

function rangeOf(text: string): readonly [number, number] {
  const [from = "0", to = from] = text.trim().slice(2).split("-");
  return [parseInt(from, 16), parseInt(to, 16)];
}

export class FontSet {
  readonly #weight: number;
  readonly #slices: readonly Slice[];
  readonly #used = new Map<string, Set<string>>();

  private constructor(weight: number, list: readonly Slice[]) {
    this.#weight = weight;
    this.#slices = list;
  }

  static async open(weight: number): Promise<FontSet> {
    slices ??= readSlices();
    return new FontSet(weight, await slices);
  }

  /** Text in runs of one font each; says which characters are needed. */
  runs(text: string): Run[] {
    const runs: { font: string; text: string }[] = [];
    for (const character of text) {
      const slice = this.#sliceOf(character) ?? this.#sliceOf(MISSING);
      if (slice === undefined) continue;
      const drawn = this.#sliceOf(character) === undefined ? MISSING : character;
      const used = this.#used.get(slice.file) ?? new Set();
      this.#used.set(slice.file, used.add(drawn));
      const last = runs.at(-1);
      if (last?.font === slice.file) last.text += drawn;
      else runs.push({ font: slice.file, text: drawn });
    }
    return runs;
  }

  /** By the names that runs give: fonts with exactly the characters that were asked for so far. */
  async fonts(): Promise<ReadonlyMap<string, Buffer>> {
    const made = new Map<string, Buffer>();
    for (const [file, characters] of [...this.#used].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const bytes = await readFile(require.resolve(file));
      const text = [...characters].sort().join("");
      made.set(file, await subsetFont(bytes, text, { targetFormat: "sfnt", variationAxes: { wght: this.#weight } }));
    }
    return made;
  }

  #sliceOf(character: string): Slice | undefined {
    const point = character.codePointAt(0) ?? 0;
    return this.#slices.find(({ ranges }) => ranges.some(([from, to]) => point >= from && point <= to));
  }
}
