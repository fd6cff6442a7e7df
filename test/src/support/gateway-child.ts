/**
 * A gateway in a process of its own, with a synced embedded ledger or on Fabric, that can be told at which step of a commit it
 * dies as by a power cut. Argument: its data folder. It tells its parent where it listens.
 */
import { randomBytes } from "node:crypto";
import { loadConfig, openGateway } from "@quanji/gateway";
import { openFabricLedger } from "@quanji/gateway/fabric";
import { openEmbeddedLedger, pino } from "@quanji/gateway/testing";
import { TRANSACTIONS } from "@quanji/chaincode/world";
import type { ChildOrder, ChildReport, Step } from "./child.js";
import { WatchedLedger } from "./host.js";

const [, , data = ""] = process.argv;
let dieAt: Step | undefined;

const atStep = (step: Step): void => {
  if (step === dieAt) process.kill(process.pid, "SIGKILL");
};

const report = (text: ChildReport): void => void process.send?.(text);

process.on("message", (order: ChildOrder) => {
  ({ dieAt } = order);
  report({ armed: true });
});
// Nobody is left to use it.
process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));

const config = await loadConfig({ QUANJI_DATA: data }, process.cwd());
const gateway = await openGateway(config, {
  clock: Date.now,
  random: randomBytes,
  logger: pino({ level: "warn", base: null }, pino.destination({ dest: 2, sync: true })),
  variables: {},
  openLedger: (options) => openEmbeddedLedger({ ...options, simulate: "once", hooks: { atStep } }),
  openFabricLedger: (options) => openFabricLedger({ ...options, atStep }),
  // The steps of another ledger's commits are its own: there it dies before a batch is handed over, or when it is committed.
  watchLedger: (ledger) => {
    const watched = new WatchedLedger(ledger);
    watched.onSubmit = async (transaction, pass) => {
      if (transaction.name !== TRANSACTIONS.recordBatch || config.ledger === "embedded") return pass();
      atStep("write");
      const committed = await pass();
      atStep("written");
      return committed;
    };
    return watched;
  },
});
report({ address: gateway.address });
