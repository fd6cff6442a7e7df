/**
 * `npm run test:interop`: the second implementation (Python, `test/interop`) on the same receipts and trust files, good ones
 * and every mutation: it must accept and refuse as the verifier does, with the same code.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import {
  ATTACKS,
  type Exhibit,
  prepareAttacks,
  untouched,
  verdictOn,
} from "../../../client/dist/verify/attacks.support.test.js";

const FOLDER = fileURLToPath(new URL("../../interop", import.meta.url));

/** Its verdicts, one for each exhibit. */
async function second(exhibits: readonly Exhibit[]): Promise<readonly string[]> {
  const python = spawn("python3", ["-m", "quanji_interop"], { cwd: FOLDER, stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(python, "close");
  python.stdin.end(exhibits.map((exhibit) => `${JSON.stringify(exhibit)}\n`).join(""));
  const verdicts: string[] = [];
  for await (const line of createInterface({ input: python.stdout })) verdicts.push(line);
  await ended;
  if (verdicts.length !== exhibits.length)
    throw new Error(`the second implementation stopped after ${verdicts.length}`);
  return verdicts;
}

async function main(): Promise<number> {
  await prepareAttacks();
  const named: (readonly [string, Exhibit])[] = [...(await untouched())];
  for (const { name, on, exhibit } of ATTACKS) if (on !== "trail") named.push([`${on}: ${name}`, await exhibit()]);
  const exhibits = named.filter(([, { kind }]) => kind !== "trail");
  const verdicts = await second(exhibits.map(([, exhibit]) => exhibit));
  let agreed = 0;
  for (const [i, [name, exhibit]] of exhibits.entries()) {
    const [ours, theirs] = [await verdictOn(exhibit), verdicts[i]];
    if (ours === theirs) agreed++;
    else console.log(`${name}: the verifier says ${ours}, the second implementation ${theirs ?? "nothing"}`);
  }
  console.log(JSON.stringify({ exhibits: exhibits.length, agreed }));
  return agreed === exhibits.length ? 0 : 1;
}

// The chaincode's library logs what nobody catches, and ends the process as if all were well.
process.exitCode = await main().catch((error: unknown) => {
  console.error(error);
  return 1;
});
