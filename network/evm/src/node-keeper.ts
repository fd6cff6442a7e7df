/**
 * Runs a program for as long as somebody holds this process's standard input: whoever started it may be killed, and the
 * program ends all the same.
 */
import { spawn } from "node:child_process";

const [program = "", ...args] = process.argv.slice(2);
const child = spawn(program, args, { stdio: ["ignore", "inherit", "inherit"] });
const end = (): void => void child.kill("SIGTERM");
process.stdin.on("end", end).on("error", end).resume();
process.on("SIGTERM", end).on("SIGINT", end);
child.once("error", (error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
});
child.once("close", (code) => process.exit(code ?? 0));
