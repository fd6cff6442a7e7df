/**
 * `npm run test:interop`: the second implementation (Python, `test/interop`) on the same receipts, trails and trust files, good
 * ones and every mutation: it must accept and refuse as the verifier does, with the same code. It does not decide again, so
 * lies about decisions are counted apart.
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
const VECTORS = fileURLToPath(new URL("../../vectors/ethereum.json", import.meta.url));

/** What only deciding again can tell. */
const DECISIONS = new Set(["BASIS_UNKNOWN", "BASIS_STALE", "PERMIT_AFTER_STOP", "DECISION_MISMATCH"]);
const OF_DECISIONS = new Set([
  "trail: a basis before the command that made it",
  "trail: an acceptance by a key that is compromised",
  // It finds the key weak (KEY_WEAK) where the verifier finds that no chaincode would have taken the command.
  "trail: a registration of a P-256 point as an Ethereum key",
  "trail: a registration of an Ethereum key as P-256",
  "trail: a tally by a foreign party's acting key",
  "trail: a tally by the steward's acting key",
]);

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

/** Vectors that it recomputes by itself. */
async function vectors(): Promise<boolean> {
  const python = spawn("python3", ["-m", "quanji_interop.vectors", VECTORS], { cwd: FOLDER, stdio: "inherit" });
  const [exitCode] = (await once(python, "close")) as [number | null];
  return exitCode === 0;
}

async function main(): Promise<number> {
  await prepareAttacks();
  const named: (readonly [string, Exhibit])[] = [...(await untouched())];
  for (const { name, on, exhibit } of ATTACKS) named.push([`${on}: ${name}`, await exhibit()]);
  const verdicts = await second(named.map(([, exhibit]) => exhibit));
  let [agreed, decisions] = [0, 0];
  for (const [i, [name, exhibit]] of named.entries()) {
    const [ours, theirs] = [await verdictOn(exhibit), verdicts[i]];
    if (ours === theirs) agreed++;
    else if (DECISIONS.has(ours) || OF_DECISIONS.has(name)) decisions++;
    else console.log(`${name}: the verifier says ${ours}, the second implementation ${theirs ?? "nothing"}`);
  }
  console.log(JSON.stringify({ exhibits: named.length, agreed, decisions }));
  return (await vectors()) && agreed + decisions === named.length ? 0 : 1;
}

// The chaincode's library logs what nobody catches, and ends the process as if all were well.
process.exitCode = await main().catch((error: unknown) => {
  console.error(error);
  return 1;
});
