/** Mocha's `spec`, and at the end one line for each suite. */
import Mocha, { type Runner, type MochaOptions, type Test } from "mocha";

interface Count {
  passed: number;
  failed: number;
  skipped: number;
  ms: number;
}

const rootOf = (test: Test): string => test.titlePath()[0] ?? "";

export class Summary extends Mocha.reporters.Spec {
  constructor(runner: Runner, options?: MochaOptions) {
    super(runner, options);
    const counts = new Map<string, Count>();
    const count = (test: Test, field: "passed" | "failed" | "skipped"): void => {
      const suite = counts.get(rootOf(test)) ?? { passed: 0, failed: 0, skipped: 0, ms: 0 };
      suite[field] += 1;
      suite.ms += test.duration ?? 0;
      counts.set(rootOf(test), suite);
    };
    runner.on("pass", (test) => count(test, "passed"));
    runner.on("fail", (test) => count(test, "failed"));
    runner.on("pending", (test) => count(test, "skipped"));
    runner.once("end", () => {
      const width = Math.max(5, ...[...counts.keys()].map((name) => name.length));
      const row = (name: string, ...cells: string[]): string =>
        `${name.padEnd(width)}${cells.map((cell) => cell.padStart(9)).join("")}\n`;
      let table = row("suite", "passed", "failed", "skipped", "seconds");
      for (const [name, { passed, failed, skipped, ms }] of counts) {
        table += row(name, String(passed), String(failed), String(skipped), (ms / 1000).toFixed(1));
      }
      process.stdout.write(table);
    });
  }
}
