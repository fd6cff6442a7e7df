/**
 * A witness that is asked for one checkpoint after the other and dies by SIGKILL at a step of the third. Every cosigned note
 * is on standard output as soon as it is answered. Arguments: folder, step (or `answered`).
 */
import { writeSync } from "node:fs";
import { formatVkey, NOTE_TYPES } from "@quanji/chaincode/log";
import { nodeVerifier } from "@quanji/chaincode/world";
import { Cosigner } from "../cosigner/cosigner.js";
import { WitnessMemory } from "../cosigner/memory.js";
import { History, logSigner, seededSigner } from "./trees.js";

const [folder, target] = process.argv.slice(2);
if (folder === undefined || target === undefined) throw new RangeError("arguments: folder, step");

const die = (): void => void process.kill(process.pid, "SIGKILL");
const sizes = [3, 5, 11];
let asked = 0;
const cosigner = new Cosigner({
  signer: seededSigner("witness.test/w", NOTE_TYPES.cosignature),
  memory: await WitnessMemory.open(folder),
  vkeys: [formatVkey(logSigner.key)],
  clock: () => 1_700_000_000_000,
  verify: nodeVerifier(),
  publish: () => Promise.resolve(),
  atStep: (step) => {
    if (step === target && asked === sizes.length) die();
  },
});
const history = History.honest();
let old = 0;
for (const size of sizes) {
  asked++;
  const added = await cosigner.add(await history.request(old, size));
  if (added.outcome !== "cosigned") throw new Error(`size ${size}: ${added.outcome}`);
  writeSync(1, `${JSON.stringify(added.note)}\n`);
  old = size;
}
die();
