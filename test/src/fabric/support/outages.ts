/** What faults cost: a line for each as it ends, and a table of all. */
interface Row {
  readonly fault: string;
  /** Longest time in which nobody was answered, ms. */
  readonly silentMs: number;
  /** From the beginning of the mending to the first answer, ms; undefined where service came back before. */
  readonly afterMs: number | undefined;
  readonly answered: number;
  readonly failures: ReadonlyMap<string, number>;
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

export class Outages {
  readonly #title: string;
  readonly #rows: Row[] = [];

  constructor(title: string) {
    this.#title = title;
  }

  add(row: Row): void {
    this.#rows.push(row);
    process.stdout.write(`      ${seconds(row.silentMs)} without service\n`);
  }

  print(): void {
    const cells = this.#rows.map(({ fault, silentMs, afterMs, answered, failures }) => [
      fault,
      seconds(silentMs),
      afterMs === undefined ? "" : seconds(afterMs),
      String(answered),
      [...failures].map(([code, n]) => `${n} ${code}`).join(", "),
    ]);
    const table = [["fault", "no service", "from mending", "answered", "not answered"], ...cells];
    const widths = [0, 1, 2, 3].map((column) => Math.max(...table.map((row) => (row[column] ?? "").length)));
    process.stdout.write(`    ${this.#title}\n`);
    for (const row of table) {
      process.stdout.write(`    ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join("  ")}\n`);
    }
  }
}
