/** The thread of ethereum-checks.ts: answers each check, and ends when it is terminated. */
import { parentPort } from "node:worker_threads";
import { verifyTyped } from "@quanji/chaincode/log";
import type { Check, Checked } from "./ethereum-checks.js";

parentPort?.on("message", ({ id, jwk, data, signature }: Check) => {
  const checked: Checked = { id, good: verifyTyped(jwk, data, signature) };
  parentPort?.postMessage(checked);
});
