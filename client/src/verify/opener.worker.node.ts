/** A thread that opens records: gets batches of lines, answers each. Ends when its opener is closed. */
import { parentPort } from "node:worker_threads";
import { pack } from "./packing.js";

parentPort?.on("message", (lines: Uint8Array) => {
  const packed = pack(lines);
  parentPort?.postMessage(packed, [packed.bytes.buffer as ArrayBuffer]);
});
parentPort?.postMessage("up");
