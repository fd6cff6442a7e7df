/**
 * A process that submits in waves and dies by SIGKILL at a step of a commit. Every acknowledged transaction is on standard
 * output before the ledger can go on. Arguments: folder, step, block.
 */
import { writeSync } from "node:fs";
import { COMMIT_STEPS } from "../hooks.js";
import { open } from "./open.js";
import { transactionOf } from "./crash.js";

const [folder, stepName, block] = process.argv.slice(2);
const target = COMMIT_STEPS.find((step) => step === stepName);
if (folder === undefined || target === undefined) throw new RangeError("arguments: folder, step, block");

const ledger = await open(folder, {
  durability: "synced",
  simulate: "once",
  hooks: {
    async atStep(step, number) {
      if (step !== target || number !== Number(block)) return;
      // After the acknowledgement, let those who wait for it speak first.
      if (step === "acknowledged") await new Promise(setImmediate);
      process.kill(process.pid, "SIGKILL");
    },
  },
});

for (let wave = 0; ; wave++) {
  await Promise.all(
    [0, 1, 2].map(async (n) => {
      const number = wave * 3 + n;
      const { txId } = await ledger.submit(transactionOf(number));
      writeSync(1, `${number} ${txId}\n`);
    }),
  );
}
