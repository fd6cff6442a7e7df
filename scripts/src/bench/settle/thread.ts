/** One thread's part of one side, named by its `workerData`. Posts the {@link Side} back. */
import { parentPort, workerData } from "node:worker_threads";
import { Month } from "./month.js";
import { exchangeSide, type Part, payerSide } from "./sides.js";

export interface ThreadWork extends Part {
  readonly side: "exchange" | "payer";
  readonly deliveries: number;
  readonly contracts: number;
}

const { side, deliveries, contracts, nth, of } = workerData as ThreadWork;
const month = new Month(deliveries, contracts);
parentPort?.postMessage((side === "exchange" ? exchangeSide : payerSide)(month, { nth, of }));
