/** One ledger's run of all stories, or of those whose file name contains the argument. */
import { readdir } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import Mocha, { type Test } from "mocha";

const HERE = fileURLToPath(new URL(".", import.meta.url));

const wanted = process.argv[2] ?? "";
const isWanted = (name: string): boolean => /^s\d\d\.test\.js$/.test(name) && name.includes(wanted);
const names = (await readdir(HERE)).filter(isWanted).sort();
const mocha = new Mocha({ timeout: 600_000, reporter: "spec" });
for (const name of names) mocha.addFile(path.join(HERE, name));
await mocha.loadFilesAsync();

const failed = new Set<string>();
const storyOf = (test: Test): string => test.file ?? test.titlePath()[0] ?? "";
const runner = mocha.run((failures) => {
  const passed = names.length - failed.size;
  process.exitCode = failures === 0 ? 0 : 1;
  process.stdout.write(
    `${JSON.stringify({ scenarios: names.length, passed, ledger: process.env["QUANJI_SCENARIOS"] })}\n`,
  );
});
runner.on("fail", (test: Test) => failed.add(storyOf(test)));
