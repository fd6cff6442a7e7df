/** `npm run evm -- …` */
import { runEvm } from "./program.js";

process.exitCode = await runEvm(process.argv.slice(2), {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  env: process.env,
  folder: process.cwd(),
});
