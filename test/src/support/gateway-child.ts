/**
 * A gateway in a process of its own, with a synced ledger, that can be told at which step of a commit it dies as by a power
 * cut. Argument: its data folder. It tells its parent where it listens.
 */
import { randomBytes } from "node:crypto";
import { loadConfig, openGateway } from "@quanji/gateway";
import { COMMIT_STEPS, type CommitStep, openEmbeddedLedger, pino } from "@quanji/gateway/testing";
import type { ChildOrder, ChildReport } from "./child.js";

const [, , data = ""] = process.argv;
let dieAt: CommitStep | undefined;

const report = (text: ChildReport): void => void process.send?.(text);

process.on("message", (order: ChildOrder) => {
  dieAt = COMMIT_STEPS.find((step) => step === order.dieAt);
  report({ armed: true });
});
// Nobody is left to use it.
process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));

const gateway = await openGateway(await loadConfig({ QUANJI_DATA: data }, process.cwd()), {
  clock: Date.now,
  random: randomBytes,
  logger: pino({ level: "warn", base: null }, pino.destination({ dest: 2, sync: true })),
  variables: {},
  openLedger: (options) =>
    openEmbeddedLedger({
      ...options,
      simulate: "once",
      hooks: {
        atStep: (step) => {
          if (step === dieAt) process.kill(process.pid, "SIGKILL");
        },
      },
    }),
});
report({ address: gateway.address });
