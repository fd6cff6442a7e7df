/** Entry of `quanji`: the process as an Io. */
import { homedir } from "node:os";
import { createInterface } from "node:readline/promises";
import { systemRandom } from "../sdk/index.js";
import type { Io } from "./io.js";
import { run } from "./run.js";

const { stdin, stdout, stderr } = process;

async function ask(question: string): Promise<string> {
  const prompt = createInterface({ input: stdin, output: stderr });
  try {
    return await prompt.question(question);
  } finally {
    prompt.close();
  }
}

async function readStdin(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

// A reader that has seen enough (`| head`) closes the pipe: no fault of ours.
stdout.on("error", (error: NodeJS.ErrnoException) => {
  process.exitCode = error.code === "EPIPE" ? 0 : 1;
  stdout.destroy();
});

const io: Io = {
  stdout: (data) => void stdout.write(data),
  stderr: (text) => void stderr.write(text),
  stdin: readStdin,
  ...(stdin.isTTY && stderr.isTTY && { ask }),
  env: process.env,
  cwd: process.cwd(),
  home: homedir(),
  watched: stderr.isTTY,
  clock: Date.now,
  random: systemRandom,
  fetch: globalThis.fetch,
  stopped: () =>
    new Promise((resolve) => {
      for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
    }),
};

process.exitCode = await run(process.argv.slice(2), io);
